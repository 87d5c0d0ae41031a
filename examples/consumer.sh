#!/bin/sh
# SPDX-License-Identifier: MIT
#
# consumer.sh QUEUE COUNT - write the payloads of COUNT entries to standard output
set -eu

# Each read is one entry, whole, and waits while the queue is empty. Entries
# through this file are smaller than 1 MiB.
exec dd if="$1/dequeue" bs=1M count="$2" status=none
