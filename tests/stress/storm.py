#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""storm.py KILLS SEED - kill fsd at random moments while clients make, change, use and remove queues

After each start every queue is whole or is not there, entries are those that were put, and nothing is left over.
"""
import contextlib
import os
import random
import signal
import struct
import sys
import time
import daemon

QUEUES = f'{daemon.MNT}/queues'
NAMES = [f'{QUEUES}/q{i}' for i in range(4)]
CAPACITIES = (65536, 4096, 8192, 100000)
N_CLIENTS = 3


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read()


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, text)
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened(path, flags):
    fd = os.open(path, flags | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def entry(chance):
    size = chance.randrange(3000)
    return struct.pack('<I', size) + bytes(size % 256 for _ in range(size))


def is_whole(payload):
    size = struct.unpack_from('<I', payload)[0]
    return payload[4:] == bytes([size % 256]) * size


def anything(chance):
    queue = chance.choice(NAMES)
    match chance.randrange(8):
        case 0:
            os.mkdir(queue)
        case 1:
            os.rmdir(queue)
        case 2 | 3:
            write(f'{queue}/capacity', b'%d' % chance.choice(CAPACITIES))
        case 4:
            os.chmod(f'{queue}/entries', chance.choice((0o400, 0o444)))
        case 5 | 6:
            with opened(f'{queue}/enqueue', os.O_WRONLY) as fd:
                for _ in range(chance.randrange(10)):
                    os.write(fd, entry(chance))
        case 7:
            with opened(f'{queue}/dequeue', os.O_RDONLY) as fd:
                while True:
                    os.read(fd, 4096)


def client(seed):
    chance = random.Random(seed)
    while True:
        with contextlib.suppress(OSError):
            anything(chance)


def check_queue(queue):
    capacity, largest = (int(read(f'{queue}/{name}')) for name in ('capacity', 'max_entry'))
    assert capacity in CAPACITIES and largest == (capacity + 7) // 8 * 8 - 8, (capacity, largest)
    with open(f'{queue}/data', 'rb') as file:
        header = file.read(48)
        size = file.seek(0, os.SEEK_END)
    assert header[:8] == b'IODQRNG1' and struct.unpack_from('<QQI', header, 16)[1:] == (capacity, largest), header.hex()
    assert size == 4096 + struct.unpack_from('<Q', header, 16)[0], size
    assert 'corrupt 0\n' in read(f'{queue}/stats'), read(f'{queue}/stats')
    for name in 'data', 'consumer':
        assert os.stat(f'{queue}/{name}').st_mode & 0o777 == 0o644, name
    daemon.eventually(lambda: read(f'{queue}/consumer_pid') == read(f'{queue}/producer_pid') == 'none\n', 'the roles are free')
    # All that is in it can be taken, and the next comes through, too.
    n = int(read(f'{queue}/entries'))
    with opened(f'{queue}/enqueue', os.O_WRONLY) as into, opened(f'{queue}/dequeue', os.O_RDONLY) as out:
        for _ in range(n):
            assert is_whole(os.read(out, 4096))
        os.write(into, b'entry')
        assert os.read(out, 4096) == b'entry'
    daemon.eventually(lambda: read(f'{queue}/consumer_pid') == read(f'{queue}/producer_pid') == 'none\n', 'the roles are free')


def one_storm(fsd, chance):
    clients = []
    for _ in range(N_CLIENTS):
        seed = chance.random()
        pid = os.fork()
        if pid == 0:
            client(seed)
        clients.append(pid)
    limit = time.monotonic() + chance.random() * 0.03
    while time.monotonic() < limit:
        pass
    fsd.kill()
    for pid in clients:
        os.kill(pid, signal.SIGKILL)
    for pid in clients:
        os.waitpid(pid, 0)


def main(kills, seed):
    chance = random.Random(int(seed))
    fsd = daemon.Daemon()
    fsd.start()
    n_queues = 0
    for i in range(int(kills)):
        one_storm(fsd, chance)
        fsd.start()
        queues = os.listdir(QUEUES)
        n_queues += len(queues)
        try:
            left = list(daemon.left_over())
            assert not left, left
            assert daemon.n_objects() == len(queues), (os.listdir(daemon.STATE), queues)
            for queue in queues:
                check_queue(f'{QUEUES}/{queue}')
        except (AssertionError, OSError) as error:
            sys.exit(f'kill {i}: {error!r}')
    fsd.kill()
    print(f'{kills} kills, {n_queues} queues found')
    assert n_queues > int(kills), 'too few to call it a test'


main(*sys.argv[1:])
