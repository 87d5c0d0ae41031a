#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill.py QUEUE produce|consume|both KILLS PRODUCER CONSUMER [SEED]

Runs a producer and a consumer (each c-futex, c-port or python: numbered.c, numbered.py) and kills one of them, or
both in turn, KILLS times at random moments. Each time a new process must have the role, the FIFO of the survivor
must hang up, and no entry may be lost, doubled or torn: the programs themselves see to that.
"""
import atexit
import mmap
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 20  # seconds, for what takes milliseconds
FOREVER = 2**64 - 1
FIFO = {'produce': 'notify', 'consume': 'serviced'}  # the one that the survivor listens to
MODE = os.environ['MODE']


def eventually(condition, what):
    limit = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > limit:
            sys.exit(f'never became true: {what}')
        time.sleep(0.001)
    return result


class Side:
    def __init__(self, what, kind, queue):
        self.what, self.queue, self.kind = what, queue, kind
        self.log = f'log.{what}'
        with open(self.log, 'wb') as file:
            file.write(struct.pack('<QQ', 0, FOREVER).ljust(4096, b'\0'))
        with open(self.log, 'r+b') as file:
            self.words = memoryview(mmap.mmap(file.fileno(), 0)).cast('Q')
        how = kind.partition('-')[2]
        self.command = [f'{os.environ["STRESS"]}/numbered', what, queue, self.log, how] if how else \
                       [f'{HERE}/numbered.py', what, queue, self.log]
        self.process = None

    def start(self):
        self.begun = self.words[0]
        self.process = subprocess.Popen(self.command)

    def has_moved(self):
        if self.process.poll() is not None:
            sys.exit(f'{self.what} ended with {self.process.returncode}')
        return self.words[0] > self.begun

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        if self.process.wait() != -signal.SIGKILL:
            sys.exit(f'{self.what} ended with {self.process.returncode} before it was killed')

    def number(self):  # of the newest step
        return self.words[3 + self.words[0] % 2 * 2]

    def shown(self):
        with open(f'{self.queue}/{self.what[:7]}r_pid' if self.what == 'produce' else
                  f'{self.queue}/consumer_pid', encoding='ascii') as file:
            return file.read().strip()

    def is_shown(self):
        """In link mode an open-file lock tells no pid."""
        return self.shown() in (str(self.process.pid), 'held' if MODE == 'link' else '')


def main(queue, victims, kills, producer, consumer, seed=None):
    seed = int(seed or time.time_ns() % 1000000)
    print(f'seed {seed}', flush=True)
    chance = random.Random(seed)
    sides = {'produce': Side('produce', producer, queue), 'consume': Side('consume', consumer, queue)}
    # The Python examples open a FIFO when they ring it for the first time, and listen with the same descriptor.
    bells = {what: os.open(f'{queue}/{FIFO[what]}', os.O_RDONLY | os.O_NONBLOCK) for what in sides
             if 'python' not in (producer, consumer)}
    for side in sides.values():
        side.start()
        atexit.register(lambda side=side: side.process.kill())
    for i in range(int(kills)):
        what = chance.choice(['produce', 'consume']) if victims == 'both' else victims
        victim = sides[what]
        # Mostly in full flow, sometimes while it starts.
        ready = i < 2 or chance.random() < 0.8
        if ready:
            eventually(victim.has_moved, f'the {i}th {what}r moves entries')
        limit = time.perf_counter() + chance.random() ** 2 * 0.005
        while time.perf_counter() < limit:
            pass
        victim.kill()
        if ready and what in bells:
            poller = select.poll()
            poller.register(bells[what], 0)
            if not poller.poll(PATIENCE * 1000):
                sys.exit(f'kill {i}: {FIFO[what]} does not hang up')
        if ready and i % 10 == 0:
            eventually(lambda: victim.shown() == 'none', f'kill {i}: no {what}r is shown')
        victim.start()
        if ready and i % 10 == 0:
            eventually(victim.is_shown, f'kill {i}: the new {what}r is shown, not {victim.shown()}')
    # To the end: so far, and what is under way, and a thousand more.
    last = sides['produce'].number() + 10000
    for side in sides.values():
        side.words[1] = last
    for side in sides.values():
        eventually(lambda: side.process.poll() is not None, f'{side.what}r ends')
        if side.process.returncode != 0:
            sys.exit(f'{side.what}r ended with {side.process.returncode}')
    with open(f'{queue}/stats', encoding='ascii') as file:
        stats = dict(line.split() for line in file)
    print(f'{last} entries, {kills} kills, counted {stats["enqueued"]} and {stats["dequeued"]}')
    # A counter is stored after its position, so a killed process may have left one out.
    if not all(last - int(kills) <= int(stats[name]) <= last for name in ('enqueued', 'dequeued')):
        sys.exit('the counters differ from that by more than a kill explains')
    if stats['corrupt'] != '0':
        sys.exit('the queue is damaged')


main(*sys.argv[1:])
