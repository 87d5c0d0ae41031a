#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""consumer.py QUEUE COUNT - write the payloads of COUNT entries to standard output"""
import struct, sys
from side import Side, FLAGS, HOW, PACED, POSITION, WAIT, WANTED

class Consumer(Side):
    def __init__(self, queue):
        super().__init__(queue, 'consumer', 'data')
        self.tail = self.position  # looks empty, so the first look is at the shared word
        self.wake(-self.Q)  # a predecessor may have died before it did

    def has_data(self):
        if self.position == self.tail:  # it seems empty: look again
            self.tail = self.peer64[POSITION]
            if self.tail % 8 or not self.position <= self.tail <= self.position + self.Q:
                self.damaged()
        return self.position != self.tail

    def damaged(self):
        sys.exit(f'{self.queue}: damaged')

    def dequeue(self):
        while not self.has_data():
            sys.stdout.buffer.flush()
            self.wait_for('notify', 0.1)
        position = self.position
        while True:
            at = position % self.Q
            size, flags = struct.unpack_from('<II', self.ring, at)
            end = position + 8 + (size + 7 & ~7)
            if position == self.tail or end > self.tail or end - position > self.Q - at:
                self.damaged()
            if flags != 1:
                break
            if 8 + size != self.Q - at:
                self.damaged()
            position = end  # a gap: the entry is behind it
        if flags or size > self.largest:
            self.damaged()
        payload = bytes(self.ring[at + 8:at + 8 + size])
        before = self.position
        self.publish(end)
        self.wake(before)
        return payload

    def wake(self, before):
        wait, tail, said = self.peer[WAIT], self.peer64[POSITION], self.peer64[WANTED]
        free, was_free = self.Q - (tail - self.position), self.Q - (tail - before)
        wanted = min(said or 16 + self.largest, self.Q)
        if wait & HOW and wait != self.rung and free >= wanted:
            self.rung = wait
            self.ring_bell('serviced', wait & HOW)
        elif not self.peer[FLAGS] & PACED and (was_free < wanted <= free or free == self.Q and not said):
            self.ring_bell('serviced', 2)

consumer = Consumer(sys.argv[1])
for _ in range(int(sys.argv[2])):
    sys.stdout.buffer.write(consumer.dequeue())
