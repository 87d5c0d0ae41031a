#!/bin/sh
# SPDX-License-Identifier: MIT
#
# producer.sh QUEUE - each line of standard input becomes one entry
set -eu

# Held open, so that we are one producer and not one a line. Each write to it
# is one entry, and waits while the queue is full.
exec 3>"$1/enqueue"

# enqueue_text TEXT: the shell's printf writes a long text in pieces, dd does not.
enqueue_text() {
	if [ "${#1}" -lt 4000 ]; then
		printf '%s' "$1" >&3
	else
		printf '%s' "$1" | dd bs=1M iflag=fullblock status=none >&3
	fi
}

export LC_ALL=C		# lengths in bytes
newline='
'
while IFS= read -r line; do
	enqueue_text "$line$newline"
done
# A last line without its newline.
if [ -n "$line" ]; then
	enqueue_text "$line"
fi
