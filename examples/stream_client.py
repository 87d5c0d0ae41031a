#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stream_client.py STREAM [FRAMES] - the client of a stream, which maps its rings and buffers: fsd-stream(5), Memory.
What an output stream brings goes to standard output; an input stream is given standard input, to its end"""
import mmap, os, pathlib, struct, sys, time
STREAM = pathlib.Path(sys.argv[1])

def get(name):
    return (STREAM / name).read_text().strip()

def put(name, text):
    (STREAM / name).write_text(text)

def map_file(name):
    with open(STREAM / name, 'r+b') as file:
        return mmap.mmap(file.fileno(), 0)

class Ring:
    def __init__(self, name):
        self.memory = map_file(name)
        self.words = memoryview(self.memory).cast('I')  # slots, head, tail: each loaded and stored in one piece

    def take(self):  # copy the slot, then store the tail
        slots, head, tail = self.words[:3]
        if head != tail:
            entry = struct.unpack_from('<3I', self.memory, 16 + 32 * tail)
            self.words[2] = (tail + 1) % slots
            return entry

    def give(self, buffer, size):  # fill the slot, then store the head; there is room for all buffers
        slots, head = self.words[:2]
        struct.pack_into('<3I20x', self.memory, 16 + 32 * head, buffer, 0, size)
        self.words[1] = (head + 1) % slots
        put('input/notify', '0')

session = os.open(STREAM / 'io', os.O_RDWR)  # the stream is open as long as this is
output, back, bell = Ring('output/data'), Ring('input/data'), os.open(STREAM / 'output/notify', os.O_RDONLY)
buffers = [memoryview(map_file(f'buffers/{n}/data')) for n in range(int(get('buffers/count')))]
put('start', '1')

def entries():
    while os.read(bell, 16):  # waits for a notification, then takes all there are
        while entry := output.take():
            yield entry

if get('mode') == 'output':
    for n, (buffer, at, size) in enumerate(entries(), 1):
        sys.stdout.buffer.write(buffers[buffer][at:at + size])
        back.give(buffer, 0)
        if n == int(sys.argv[2]):
            break
else:
    for buffer, _, room in entries():
        if not (size := sys.stdin.buffer.readinto(buffers[buffer][:room])):
            break
        back.give(buffer, size)
    put('drain', '1')
    while get('state') != 'stopped':
        time.sleep(0.02)
