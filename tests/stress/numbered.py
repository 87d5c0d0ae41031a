#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""numbered.py produce|consume QUEUE LOG - as numbered.c, by the classes of the Python examples"""
import mmap
import struct
import sys
import peers

MAX_SIZE = 2000
PATTERN = bytes(range(256)) * 10
N, LAST, STEPS = 0, 1, 2  # words of the log


def entry(number):
    size = 8 + (number * 2654435761 & 0xffffffff) % (MAX_SIZE - 8)
    return struct.pack('<Q', number) + PATTERN[number % 256:number % 256 + size - 8]


class Steps:
    def __init__(self, path, position):
        with open(path, 'r+b') as file:
            self.words = memoryview(mmap.mmap(file.fileno(), 0)).cast('Q')
        n = self.words[N]
        before, number = self.words[STEPS + n % 2 * 2:STEPS + n % 2 * 2 + 2]
        self.first = 0 if n == 0 else number + (position != before)

    def begin(self, position, number):
        n = self.words[N] + 1
        at = STEPS + n % 2 * 2
        self.words[at], self.words[at + 1] = position, number
        self.words[N] = n

    def is_last(self, number):
        return number == self.words[LAST]


def main(what, queue, log):
    side, _ = peers.open_role({'produce': 'producer', 'consume': 'consumer'}[what], queue)
    steps = Steps(log, side.position)
    number = steps.first
    while not steps.is_last(number):
        steps.begin(side.position, number)
        if what == 'produce':
            side.enqueue(entry(number))
        else:
            payload = side.dequeue()
            if payload != entry(number):
                sys.exit(f'wanted entry {number}, got {payload[:8].hex()} of {len(payload)} bytes')
        number += 1


main(*sys.argv[1:])
