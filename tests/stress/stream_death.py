#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stream_death.py MODE KILLS [SEED]

A stream of MODE (output or input) with a driver and a client, each of one kind or another, and fsd: one of them is killed
KILLS times at random moments, and started again. Frames are never torn; each is delivered, thrown away and counted, or was
under way with who was killed; no buffer stays with somebody who is gone. At the end what fsd has is what it had before.
"""
import contextlib
import errno
import mmap
import os
import random
import select
import signal
import struct
import sys
import time

import daemon

S = f'{daemon.MNT}/streams/s'
ENTRY = struct.Struct('<5I12x')
N_BUFFERS, SIZE = 3, 4096
MODE = sys.argv[1]
CLIENTS, DRIVERS = ('bytes', 'lines', 'rings'), ('control', 'alone', 'bytes')
# What an end may be told when another goes, or fsd.
GONE = {errno.ENODEV, errno.ENXIO, errno.EBADFD, errno.ENOTCONN, errno.ECONNABORTED, errno.EBUSY, errno.EPIPE, errno.EAGAIN, errno.EIO,
        errno.ESTALE, errno.ENOENT, errno.EINVAL, errno.EPROTO, errno.EACCES}


def read(name, size=4096):
    fd = os.open(f'{S}/{name}', os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fd, size).decode()
    finally:
        os.close(fd)


def value(name):
    return read(name).strip()


def write(name, text):
    fd = os.open(f'{S}/{name}', os.O_WRONLY)
    try:
        os.write(fd, text if isinstance(text, bytes) else f'{text}\n'.encode())
    finally:
        os.close(fd)


class Words:
    """Counts that live on when a process is killed"""
    NAMES = 'delivered', 'moved', 'torn', 'shut'

    def __init__(self):
        self.words = memoryview(mmap.mmap(-1, 4096)).cast('Q')

    def __getattr__(self, name):
        return self.words[self.NAMES.index(name)]

    def count(self, name):
        self.words[self.NAMES.index(name)] += 1

    def shut_out(self, whether):
        """Clients open it no more, or again"""
        self.words[self.NAMES.index('shut')] = whether


def frame(n):
    return struct.pack('<QQ', n, ~n & (1 << 64) - 1) * (SIZE // 16)


def is_whole(data):
    n, inverse = struct.unpack_from('<QQ', data) if len(data) >= 16 else (0, 0)
    return len(data) == SIZE and inverse == ~n & (1 << 64) - 1 and data == data[:16] * (SIZE // 16)


class Ring:
    def __init__(self, name):
        fd = os.open(f'{S}/{name}/data', os.O_RDWR)
        self.page = mmap.mmap(fd, 0)
        os.close(fd)
        self.words = memoryview(self.page).cast('I')

    def put(self, *fields):
        ENTRY.pack_into(self.page, 16 + 32 * self.words[1], *fields, *(5 - len(fields)) * [0])
        self.words[1] = (self.words[1] + 1) % self.words[0]

    def get(self):
        if self.words[1] == self.words[2]:
            return None
        found = list(ENTRY.unpack_from(self.page, 16 + 32 * self.words[2]))
        self.words[2] = (self.words[2] + 1) % self.words[0]
        return found


class End:
    """One that runs as a process of its own, over and over, whatever becomes of the other and of fsd"""
    def __init__(self, words):
        self.words, self.pid, self.kind = words, 0, None

    def start(self, kind):
        self.kind = kind
        self.pid = os.fork()
        if self.pid:
            return
        signal.alarm(600)
        try:
            while True:
                try:
                    self.waits()
                    getattr(self, kind)()
                except OSError as error:
                    if error.errno not in GONE:
                        raise
                    time.sleep(0.002)
        except BaseException as error:      # pylint: disable=broad-except
            print(f'{type(self).__name__} {kind}: {error!r}', flush=True)
            os._exit(1)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        if status != signal.SIGKILL:
            sys.exit(f'{type(self).__name__} {self.kind} ended with {status} before it was killed')
        self.pid = 0

    def waits(self):
        pass

    def has(self, data):
        self.words.count('delivered' if is_whole(data) else 'torn')

    def moves(self):
        self.words.count('moved')

    @staticmethod
    def data(i, frame_data=None):
        fd = os.open(f'{S}/buffers/{i}/data', os.O_RDONLY if frame_data is None else os.O_RDWR)
        try:
            return os.pread(fd, SIZE, 0) if frame_data is None else os.pwrite(fd, frame_data, 0)
        finally:
            os.close(fd)


class Client(End):
    def waits(self):
        while self.words.shut:
            time.sleep(0.001)

    def bytes(self):
        fd = os.open(f'{S}/io', os.O_RDWR)
        try:
            n = 0
            while True:
                if MODE == 'output':
                    data = os.read(fd, SIZE)
                    if not data:
                        write('start', 1)       # a drain has ended
                        continue
                    self.has(data)
                else:
                    os.write(fd, frame(n))
                    n += 1
                self.moves()
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)

    def lines(self):
        self.entries(lambda: read('output/dequeue').split(), lambda *entry: write('input/enqueue', ' '.join(map(str, entry))))

    def rings(self):
        self.entries(None, None)

    def entries(self, get, put):
        fd = os.open(f'{S}/io', os.O_RDWR)
        try:
            if not get:
                rings = Ring('output'), Ring('input')
                get, put = rings[0].get, rings[1].put
            write('start', 1)
            waits, n = os.open(f'{S}/output/notify', os.O_RDONLY | os.O_NONBLOCK), 0
            try:
                while True:
                    self.some(get, put, n)
                    select.select([waits], [], [], 0.05)
                    with contextlib.suppress(BlockingIOError):
                        os.read(waits, 100)
                    if value('state') == 'stopped':
                        write('start', 1)
                    n += 1
            finally:
                os.close(waits)
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)

    def some(self, get, put, n):
        while True:
            try:
                entry = get()
            except BlockingIOError:
                entry = None
            if not entry:
                return
            i = int(entry[0])
            if MODE == 'output':
                self.has(self.data(i))
                put(i)
            else:
                self.data(i, frame(n))
                put(i, 0, SIZE)
            self.moves()
            write('input/notify', 7)


class Driver(End):
    def bytes(self):
        fd = os.open(f'{S}/driver/io', os.O_RDWR)
        try:
            n = 0
            while True:
                if MODE == 'output':
                    os.write(fd, frame(n))
                    n += 1
                else:
                    data = os.read(fd, SIZE)
                    if data:
                        self.has(data)
                self.moves()
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)

    def alone(self):
        calls, n = os.open(f'{S}/driver/notify', os.O_RDONLY | os.O_NONBLOCK), 0
        try:
            while True:
                self.some(n)
                n += 1
                select.select([calls], [], [], 0.02)
                with contextlib.suppress(BlockingIOError):
                    os.read(calls, 100)
        finally:
            os.close(calls)

    def control(self):
        fd, n = os.open(f'{S}/driver/control', os.O_RDWR), 0
        try:
            while True:
                while select.select([fd], [], [], 0.005)[0]:
                    line = b''
                    while not line.endswith(b'\n'):
                        byte = os.read(fd, 1)
                        if not byte:
                            return
                        line += byte
                    if line != b'close\n':
                        os.write(fd, b'0\n')
                self.some(n)
                n += 1
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)

    def some(self, n):
        try:
            while (line := read('driver/dequeue')):
                if MODE == 'input':
                    i = int(line.split()[0])
                    self.has(self.data(i))
                    write('driver/enqueue', f'{i} 0 {SIZE}')
                    write('driver/notify', 1)
                self.moves()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENXIO, errno.EBADFD):
                raise
        # Also those that a driver had in hand who was killed.
        if value('state') == 'running':
            for i in range(N_BUFFERS):
                if value(f'buffers/{i}/holder') == 'driver':
                    if MODE == 'output':
                        self.data(i, frame(n))
                    write('driver/enqueue', f'{i} 0 {SIZE}')
                    write('driver/notify', 1)


def counts():
    return {name: int(value(f'stats/{name}')) for name in ('frames', 'discarded', 'errors')}


def is_free():
    """Nobody has it open, and nothing of theirs is left"""
    return value('state') == 'closed' and value('client') == 'none'


def check_left(after, delivered, doubtful):
    daemon.eventually(is_free, f'closed, {after}; it is {value("state")}, of {value("client")}')
    holders = [value(f'buffers/{i}/holder') for i in range(N_BUFFERS)]
    lengths = value('output/length'), value('input/length')
    if holders != N_BUFFERS * ['driver'] or lengths != ('0', '0'):
        sys.exit(f'{after}: holders {holders}, lengths {lengths}')
    # Who was killed may have had one in hand.
    off = counts()['frames'] - counts()['discarded'] - delivered
    if not doubtful and not 0 <= off <= 1:
        sys.exit(f'{after}: {counts()}, but {delivered} delivered')


def resources(pid):
    with open(f'/proc/{pid}/maps', encoding='utf-8') as file:
        maps = [line.split()[5] for line in file if daemon.STATE in line]
    if len(maps) > 1 + 2 * N_BUFFERS or len(maps) != len(set(maps)):    # the board, and areas once they were used
        maps = sorted(maps)
    else:
        maps = []
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        memory = next(int(line.split()[1]) for line in file if line.startswith('RssAnon'))
    files = sorted(os.path.join(top, name).split('.')[0] for top, _, names in os.walk(daemon.STATE) for name in names)
    return (len(os.listdir(f'/proc/{pid}/fd')), maps, files), memory


def has_moved(words, since, what):
    limit = time.monotonic() + daemon.PATIENCE
    while words.moved <= since:
        if time.monotonic() > limit:
            holders = [value(f'buffers/{i}/holder') for i in range(N_BUFFERS)]
            sys.exit(f'no frame moves, {what}: {value("state")}, {holders}, {counts()}')
        time.sleep(0.001)


def settle(fsd, idle):
    limit = time.monotonic() + daemon.PATIENCE
    while (now := resources(fsd.process.pid)[0]) != idle:
        if time.monotonic() > limit:
            sys.exit(f'fsd had {idle}, and has {now}')
        time.sleep(0.01)


def has_driver():
    """Somebody is asked"""
    try:
        os.close(os.open(f'{S}/driver/control', os.O_RDWR))
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def session():
    with open(f'{S}/board', 'rb') as file:
        return struct.unpack_from('<I', file.read(), 12)[0]


def begin(client, driver, chance):
    """A driver that wants to be asked can begin when no client runs, and no later."""
    if driver.kind == 'control':
        daemon.eventually(has_driver, 'the driver has its session')
    client.words.shut_out(False)
    before = session()
    if not client.pid:
        client.start(chance.choice(CLIENTS))
    return before


def rounds(fsd, chance, kills, may_kill_fsd):
    words = Words()
    client, driver = Client(words), Driver(words)
    killed = {'client': 0, 'driver': 0, 'fsd': 0}
    delivered, doubtful = words.delivered, True
    driver.start(chance.choice(DRIVERS))
    last = begin(client, driver, chance)
    for i in range(kills):
        what = chance.choice(['client', 'client', 'driver', 'driver', 'fsd'] if may_kill_fsd else ['client', 'driver'])
        # Mostly in full flow, sometimes while it starts.
        if chance.random() < 0.8:
            has_moved(words, words.moved, f'before kill {i} with {client.kind} and {driver.kind}')
        time.sleep(chance.random() ** 2 * 0.02)
        killed[what] += 1
        if what == 'fsd':
            again = driver.kind == 'control' or chance.random() < 0.3
            if again:
                client.kill()   # before fsd, or while it is not there
            fsd.kill()
            fsd.start()
            if again:
                daemon.eventually(is_free, 'closed, as its client ended meanwhile')
                last = begin(client, driver, chance)
            delivered, doubtful = words.delivered, True
        elif what == 'driver':
            kind, before = chance.choice(DRIVERS), driver.kind
            words.shut_out(kind == 'control')
            driver.kill()
            doubtful = True     # it may have counted, and what it held is neither
            if kind == 'control' and (before != kind or chance.random() < 0.5):
                client.kill()
                daemon.eventually(is_free, 'closed')
            driver.start(kind)
            last = begin(client, driver, chance)
        else:
            client.kill()
            if driver.kind == 'control' or MODE == 'output':
                daemon.eventually(lambda: value('state') in ('closed', 'draining'), f'kill {i}: the client is gone')
            check_left(f'kill {i} of {client.kind} with {driver.kind}', words.delivered - delivered,
                       doubtful or MODE == 'input' or session() != last + 1)
            delivered, doubtful = words.delivered, False
            last = begin(client, driver, chance)
        if words.torn:
            sys.exit(f'kill {i} of {what}: a frame was torn, with {client.kind} and {driver.kind}')
    has_moved(words, words.moved, f'at the end with {client.kind} and {driver.kind}')
    client.kill()
    daemon.eventually(is_free, 'closed')
    driver.kill()
    daemon.eventually(is_free, 'closed')
    print(f'{killed}, {words.delivered} frames', flush=True)


def main():
    kills = int(sys.argv[2])
    seed = int(sys.argv[3] if len(sys.argv) > 3 else time.time_ns() % 1000000)
    print(f'seed {seed}', flush=True)
    chance = random.Random(seed)
    fsd = daemon.Daemon()
    fsd.start()
    os.mkdir(S)
    for i in range(N_BUFFERS):
        os.mkdir(f'{S}/buffers/{i}')
    write('mode', MODE)
    write('linger', 500)
    rounds(fsd, chance, kills - kills // 3, True)
    rounds(fsd, chance, 3, False)           # what is made at the first need
    idle, memory = resources(fsd.process.pid)
    rounds(fsd, chance, kills // 3, False)
    settle(fsd, idle)
    if 'SANITIZED' not in os.environ and resources(fsd.process.pid)[1] > memory + 300:
        sys.exit(f'fsd had {memory} KiB, and has {resources(fsd.process.pid)[1]}')
    for i in reversed(range(N_BUFFERS)):
        os.rmdir(f'{S}/buffers/{i}')
    os.rmdir(S)
    if daemon.n_objects() or list(daemon.left_over()):
        sys.exit(f'left over: {os.listdir(daemon.STATE)}')
    fsd.kill()


main()
