#!/bin/sh
# SPDX-License-Identifier: MIT
#
# producer.sh QUEUE - each line of standard input becomes one entry
set -eu

# Held open, so that we are one producer and not one a line. Each write to it
# is one entry, and waits while the queue is full.
exec 3>"$1/enqueue"

while IFS= read -r line; do
	printf '%s\n' "$line" >&3
done
# A last line without its newline.
if [ -n "$line" ]; then
	printf '%s' "$line" >&3
fi
