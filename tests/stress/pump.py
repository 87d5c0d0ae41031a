#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pump.py produce QUEUE [SIZE] | consume QUEUE - as pump.c, by the classes of the Python examples"""
import sys
import peers


def blocks(size):
    while block := sys.stdin.buffer.read(size):
        yield block


def produce(queue, size=None):
    producer = peers.load('producer')(queue)
    for payload in blocks(int(size)) if size else sys.stdin.buffer:
        producer.enqueue(payload)
    producer.enqueue(b'')


def consume(queue):
    consumer = peers.load('consumer')(queue)
    while payload := consumer.dequeue():
        sys.stdout.buffer.write(payload)
    sys.stdout.buffer.flush()


{'produce': produce, 'consume': consume}[sys.argv[1]](*sys.argv[2:])
