#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""producer.py QUEUE - each line of standard input becomes one entry"""
import struct, sys
from side import Side, FLAGS, HOW, PACED, POSITION, WAIT, WANTED

class Producer(Side):
    def __init__(self, queue):
        super().__init__(queue, 'data', 'consumer')
        self.head = self.peer64[POSITION]
        self.wake(None)  # a predecessor may have died before it did

    def has_room(self, need):
        if self.position + need - self.head > self.Q:  # it seems full: look again
            self.head = self.peer64[POSITION]
            if self.head % 8 or not self.head <= self.position <= self.head + self.Q:
                sys.exit(f'{self.queue}: damaged')
        return self.position + need - self.head <= self.Q

    def enqueue(self, payload):
        if len(payload) > self.largest:
            sys.exit(f'{self.queue}: an entry has {self.largest} bytes at most')
        tail, size = self.position, 8 + (len(payload) + 7 & ~7)
        left = self.Q - tail % self.Q
        need = size if size <= left else left + size
        if not self.has_room(need):
            self.mine64[WANTED] = need  # ring us once so much is free
            while not self.has_room(need):
                self.wait_for('serviced', 0.1)
        if need > size:  # does not fit before the ring's end: a gap fills it
            struct.pack_into('<II', self.ring, tail % self.Q, left - 8, 1)
        at = (tail + need - size) % self.Q
        self.ring[at:at + size] = struct.pack('<II', len(payload), 0) + payload.ljust(size - 8, b'\0')
        self.publish(tail + need)
        self.wake(tail)

    def wake(self, before):
        wait = self.peer[WAIT]
        if wait & HOW and wait != self.rung:
            self.rung = wait
            self.ring_bell('notify', wait & HOW)
        elif not self.peer[FLAGS] & PACED and self.peer64[POSITION] == before:  # it had seen the queue empty
            self.ring_bell('notify', 2)

producer = Producer(sys.argv[1])
for line in sys.stdin.buffer:
    producer.enqueue(line)
