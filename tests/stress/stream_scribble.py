#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stream_scribble.py STREAM SEED [cut] - a client that has it open, and writes all that it can map, all the time

Both rings, the tally and all areas of all buffers: words that matter, words that are any, whole entries. Now and then it starts,
suspends, drains, stops, closes and opens it. With `cut` the files are cut short and drawn out, too, which needs links. Ends when
it is killed.
"""
import contextlib
import mmap
import os
import random
import struct
import sys

S, chance = sys.argv[1], random.Random(int(sys.argv[2]))
CUTS = sys.argv[3:] == ['cut']
INDICES = 0, 1, 2, 3, 4, 5, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1
TALLY = 8, 12, *range(128, 200, 4), *range(256, 328, 4), *range(384, 640, 4)


def mapped(name):
    """None: there is none now"""
    try:
        fd = os.open(f'{S}/{name}', os.O_RDWR)
    except OSError:
        return None
    try:
        return fd, mmap.mmap(fd, os.fstat(fd).st_size or 4096)
    except (OSError, ValueError):
        os.close(fd)
        return None


class Memory:
    def __init__(self):
        self.files = {}
        areas = [f'buffers/{i}/{name}' for i in range(8) for name in ('data', 'control')]
        for name in ['output/data', 'input/data', 'tally', *areas]:
            found = mapped(name)
            if found:
                self.files[name] = found

    def close(self):
        for fd, page in self.files.values():
            page.close()
            os.close(fd)

    def store(self, name, at, value):
        page = self.files[name][1]
        if at + 4 <= len(page):
            struct.pack_into('<I', page, at, value & (1 << 32) - 1)

    def word(self):
        return chance.choice(INDICES) if chance.random() < 0.7 else chance.randrange(1 << 32)

    def scribble(self):
        name = chance.choice([*self.files][:3]) if chance.random() < 0.8 else chance.choice([*self.files])
        if name.startswith(('output', 'input')):
            if chance.random() < 0.5:
                self.store(name, chance.choice((0, 4, 8, 12)), self.word())
            else:
                at = 16 + 32 * chance.randrange(5)
                for field in range(5):
                    self.store(name, at + 4 * field, chance.choice((0, 1, 2, 64, 4096, 4097, self.word())))
        elif name == 'tally':
            self.store(name, chance.choice(TALLY), self.word())
        else:
            self.store(name, 4 * chance.randrange(16), self.word())


def cut(memory):
    """A mapping of ours may end us, too: this is somebody else's doing"""
    name = chance.choice([*memory.files])
    with contextlib.suppress(OSError):
        os.truncate(f'{S}/{name}', chance.choice((0, 1, 100, 4095, 4096, 8192, 1 << 20)))


def do(name, text='1\n'):
    """Never for long: a driver may be asked"""
    with contextlib.suppress(OSError):
        fd = os.open(f'{S}/{name}', os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def pass_back():
    """As an honest one does"""
    with contextlib.suppress(OSError):
        fd = os.open(f'{S}/output/dequeue', os.O_RDONLY | os.O_NONBLOCK)
        try:
            do('input/enqueue', os.read(fd, 100).split()[0].decode() + '\n')
        except IndexError:
            pass
        finally:
            os.close(fd)


def main():
    while True:
        try:
            session = os.open(f'{S}/io', os.O_RDWR)
        except OSError:
            continue
        do('start')
        memory = Memory()
        for turn in range(chance.randrange(1, 40)):
            for i in range(2000 if not CUTS else 20):
                if memory.files and not CUTS:
                    memory.scribble()
                elif memory.files:
                    cut(memory)
            do('input/notify', '170\n')
            what = chance.random()
            if what < 0.2:
                do(chance.choice(('stop', 'suspend', 'drain')))
            if what < 0.5:
                do('start')
            if what > 0.9:
                do('input/enqueue', f'{chance.randrange(4)}\n')
            if what > 0.8:
                pass_back()
        memory.close()
        os.close(session)


main()
