#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""registry_storm.py clients|drivers|deaf|removal SECONDS SEED - a storm on the registry, three times over

    clients    fifty clients do anything and are killed at any moment; the drivers live
    drivers    drivers are killed at any moment, whatever they were asked
    deaf       nobody reads what he is told
    removal    services are removed and terminated while they are opened, called and mapped

Each process has to end, each call of a client that lives has an answer, and then fsd has what it had before:
no connection, no service, no descriptor, no file, and no more memory, but for MARGIN: pages that something small
has a part of, and the buffer that the kernel's requests are read into (up to 1 MiB).
"""
import ctypes
import errno
import json
import mmap
import os
import random
import select
import signal
import sys
import time

import registry
from registry import ABORTED, ASKED, ASYNC, DOUBLE, MNT, PAGE, PLANE, STRUCT, SUCCESS, Connection, Driver, Moody

PATIENCE = 60
FSD, STATE = int(os.environ['FSD_PID']), os.environ['STATE']
N_CLIENTS, N_SERVICES = 50, 4
MARGIN = 1536       # KiB
DEAD = {errno.ENOENT, errno.ENODEV, errno.ECANCELED, errno.EAGAIN, errno.ESTALE, errno.EOPNOTSUPP}
MAP_REFUSED = DEAD | {errno.EINVAL}     # whatever the driver's reason was


def eventually(condition, what):
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            sys.exit(f'never became true: {what()}')
        time.sleep(0.005)


class GaveUp(Exception):
    """The alarm, while a client waits"""


def give_up(*_):
    raise GaveUp


# --- processes

class Process:
    """A child that runs call(chance); what it does now and what it complains of can be seen"""
    libc = ctypes.CDLL(None)

    def __init__(self, call, seed, *arguments):
        self.place = mmap.mmap(-1, 4096)
        self.name = call.__name__
        self.ended = False
        self.pid = os.fork()
        if self.pid == 0:
            self.libc.prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG
            status = 0
            try:
                call(self, random.Random(seed), *arguments)
            except BaseException as error:          # pylint: disable=broad-except
                status = 1
                self.says(f'{self.doing()}: {error!r}')
            os._exit(status)

    def says(self, text):
        self.place[:200] = text.encode()[:200].ljust(200, b'\0')

    def doing(self):
        return self.place[:200].rstrip(b'\0').decode(errors='replace')

    def is_done(self):
        """And how: a complaint ends the test"""
        if not self.ended:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.is_over(status)
        return self.ended

    def is_over(self, status):
        self.ended = True
        if status and not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(f'{self.name} ended with {status}: {self.doing()}')
        self.place.close()

    def kill(self):
        if not self.ended:
            os.kill(self.pid, signal.SIGKILL)

    def end(self):
        """Let it end; it was killed, or will find out"""
        eventually(self.is_done, lambda: f'{self.name} {self.pid} ends, and not: {self.doing()}')


# --- clients

def answered(reply, wanted, dead):
    assert reply['rc'] == SUCCESS or dead and reply['rc'] == ABORTED, reply
    return reply['rc'] != SUCCESS or wanted(reply)


def do_call(_, chance, c, dead):
    n = chance.randrange(1000)
    assert answered(c.call(DOUBLE, [n], 1), lambda reply: reply['so'] == [2 * n], dead)


def do_method(_, chance, c, __):
    n = chance.randrange(1000)
    with registry.using(f'{c.path}/m/double') as fd:
        os.write(fd, b'%d\n' % n)
        assert int(os.read(fd, 100)) == 2 * n


def do_struct(_, chance, c, __):
    data = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 500)))
    with registry.using(f'{c.path}/struct/{STRUCT}') as fd:
        os.write(fd, data)
        assert os.read(fd, 1000) == data


def do_async(_, chance, c, dead):
    n = chance.randrange(1, 8)
    with registry.using(f'{c.path}/async', os.O_RDONLY) as fd:
        if answered(c.call(ASYNC, [n], **{'async': n}), lambda reply: True, dead) and chance.randrange(2):
            for line in os.read(fd, 4096).splitlines():     # or what came of an earlier call
                assert 0 < json.loads(line)['ref'] < 8, line


def do_late(_, chance, c, dead):
    reply = c.call(chance.choice((registry.REFUSED, registry.LATE)))
    assert reply['rc'] in {SUCCESS, registry.EXCLUSIVE} | ({ABORTED} if dead else set()), reply


def wait(what, c):
    match what:
        case 0:
            reply = c.call(registry.NEVER)
            assert reply['rc'] == ABORTED, reply
        case 1:
            refused_memory(c, registry.NEVER)
        case 2:
            os.close(os.open(f'{c.path}/port/{registry.NEVER}', os.O_RDONLY))
        case 3:
            Connection(c.service, registry.NEVER).close()
        case 4:
            with registry.using(f'{c.path}/async', os.O_RDONLY) as fd:
                os.read(fd, 100)


def do_wait(_, chance, c, __):
    """What may never be answered; some give up, and that cancels it"""
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.choice((0, 0.002, 0.01, 0.03)))
        try:
            wait(chance.randrange(5), c)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except GaveUp:
        pass


def do_memory(_, chance, c, dead):
    assert c.memory(0) == PAGE
    assert c.memory(1, os.O_RDONLY) == PAGE
    try:
        assert c.memory(ASKED + chance.choice((registry.SOON, registry.LATE))) == PAGE
    except OSError as error:
        assert dead and error.errno in MAP_REFUSED, error


def refused_memory(c, kind):
    try:
        c.memory(ASKED + kind)
        assert False, 'refused memory was mapped'
    except OSError as error:
        assert error.errno in MAP_REFUSED, error


def do_refused_memory(_, __, c, ___):
    refused_memory(c, registry.REFUSED)


def do_port(_, chance, c, __):
    with registry.using(f'{c.path}/port/{4 * chance.randrange(3)}', os.O_RDONLY) as fd:
        if chance.randrange(2):
            line = os.read(fd, 4096)
            assert not line or line.startswith(b'{"n":'), line


def do_own(_, chance, c, __):
    try:
        c.word(chance.choice(('open', 'open seize', 'unopen', 'qlimit 2', f'addclient {c.number}')))
        if chance.randrange(2):
            c.word('unopen')
    except OSError as error:
        assert error.errno in {errno.EBUSY, errno.EBADFD} | DEAD, error


def do_properties(_, chance, c, __):
    try:
        registry.write(f'{chance.choice((c.path, c.service))}/props', '{"a":%d}' % chance.randrange(9))
        registry.write(f'{c.service}/ctl', f'probe {chance.randrange(9)}\n')
    except OSError as error:
        assert error.errno in {errno.EBUSY, errno.EPERM, errno.EACCES} | DEAD, error


def do_look(_, chance, c, dead):
    name = chance.choice(('id', 'creator', 'class', 'path', 'state', 'type'))
    assert registry.read(f'{c.path}/{name}').endswith('\n') or dead and name == 'path'
    for path in (c.path, f'{c.path}/m', f'{c.path}/port', f'{c.path}/mem', MNT + '/id', MNT + '/class'):
        os.listdir(path)


DEEDS = (do_call, do_call, do_method, do_struct, do_async, do_late, do_wait, do_wait, do_memory, do_refused_memory,
         do_port, do_own, do_properties, do_look)


def connect(process, chance, dead):
    """A session with one service, of anything"""
    name, kind = chance.randrange(N_SERVICES), chance.choice((0, 0, 0, 4, 1, 2) + ((3,) if dead else ()))
    process.says(f'open {name} {kind}')
    try:
        connection = Connection(f'{PLANE}/S{name}', kind)
    except OSError as error:
        assert error.errno == errno.EBUSY if kind == 1 and not dead else error.errno in {errno.EBUSY} | DEAD, error
        return
    with connection as c:
        for _ in range(chance.randrange(8)):
            deed = chance.choice(DEEDS)
            process.says(deed.__name__)
            deed(process, chance, c, dead)
        if chance.randrange(3) == 0:
            c.word('close')


def client(process, chance, stop, dead):
    signal.signal(signal.SIGALRM, give_up)
    while not stop[0]:
        try:
            connect(process, chance, dead)
        except OSError as error:
            if not dead or error.errno not in DEAD:
                raise
            time.sleep(0.001)


# --- drivers

def driver(process, chance, name, persist):
    """The provider of a service for as long as it can be"""
    process.says('open')
    while True:
        try:
            own = Driver(name, persist=persist)
            break
        except OSError as error:    # the one before is not quite gone yet, or the service is
            if error.errno not in {errno.EBUSY, errno.EACCES, errno.EPERM} | DEAD:
                raise
            time.sleep(0.002)
    process.says('run')
    try:
        Moody(own, chance.random()).run()
    except OSError as error:
        if error.errno not in DEAD:
            raise


def provider(process, chance, name, stop):
    """Services of one name, one after another"""
    while not stop[0]:
        driver(process, chance, name, False)


def remover(process, chance, stop):
    """Ends services in any way there is"""
    while not stop[0]:
        path = f'{PLANE}/S{chance.randrange(N_SERVICES)}'
        way = chance.randrange(5)
        process.says(f'{path} {way}')
        try:
            if way == 0:
                os.rmdir(path)
            elif way == 1:
                registry.write(f'{path}/ctl', 'terminate\n')
            elif way == 2:
                os.mkdir(f'{path}/Child')
                registry.write(f'{path}/Child/ctl', 'register\n')
            elif way == 3:
                registry.write(f'{path}/ctl', 'busy +1\n')
                registry.write(f'{path}/prop/Key', '"value"')
            else:
                registry.read(f'{path}/quiet') if registry.read(f'{path}/busy') == '0\n' else os.listdir(path)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY, errno.EINVAL} | DEAD:
                raise
        time.sleep(chance.random() * 0.01)


# --- the storms

class Storm:
    def __init__(self, chance, seconds):
        self.chance, self.seconds = chance, seconds
        self.stop = mmap.mmap(-1, 1)
        self.processes = []

    def start(self, call, *arguments):
        process = Process(call, self.chance.random(), *arguments)
        self.processes.append(process)
        return process

    def until(self, deed):
        """Do it over and over, as long as the storm lasts"""
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            deed()
            if len(self.processes) > 200:
                self.processes = [process for process in self.processes if not process.is_done()]

    def ends(self):
        self.stop[0] = 1
        for process in self.processes:
            process.end()


def is_there(name):
    return 'registered' in registry.read(f'{PLANE}/{name}/state').split()


def clients_storm(storm):
    drivers = [storm.start(driver, f'S{i}', False) for i in range(N_SERVICES)]
    eventually(lambda: len(registry.services()) == N_SERVICES and all(map(is_there, registry.services())),
               lambda: 'all services are there')
    clients = [storm.start(client, storm.stop, False) for _ in range(N_CLIENTS)]

    def kill_one():
        n = storm.chance.randrange(N_CLIENTS)
        assert not clients[n].is_done()
        clients[n].kill()
        clients[n].end()
        clients[n] = storm.start(client, storm.stop, False)
    storm.until(kill_one)
    for process in clients:
        process.kill()
    for name in registry.services():
        eventually(lambda name=name: not os.listdir(f'{PLANE}/{name}/clients'), lambda: 'no connection is left')
        assert registry.read(f'{PLANE}/{name}/owner') == ''
    for process in drivers:
        assert not process.is_done()
        process.kill()


def drivers_storm(storm):
    def start(i):
        return storm.start(driver, f'S{i}', storm.chance.randrange(2) == 0)
    drivers = [start(i) for i in range(N_SERVICES)]
    for _ in range(N_CLIENTS // 2):
        storm.start(client, storm.stop, True)

    def kill_one():
        n = storm.chance.randrange(N_SERVICES)
        time.sleep(storm.chance.random() * 0.05)
        drivers[n].kill()
        drivers[n] = start(n)
    storm.until(kill_one)
    storm.stop[0] = 1
    for process in drivers:
        process.kill()
    for process in drivers:
        process.end()


def removal_storm(storm):
    providers = [storm.start(provider, f'S{i}', storm.stop) for i in range(N_SERVICES)]
    for _ in range(N_CLIENTS // 2):
        storm.start(client, storm.stop, True)
    for _ in range(2):
        storm.start(remover, storm.stop)
    storm.until(lambda: time.sleep(0.05))
    storm.stop[0] = 1
    for process in providers:
        process.kill()
    for process in providers:
        process.end()
    clear()     # or somebody waits for quiet in what has no provider


# --- deaf: what nobody reads

class Ears:
    """Every kind of session that is told something, of one service and of all"""
    def __init__(self, name):
        path = f'{PLANE}/{name}'
        self.connection = Connection(path)
        self.watch = os.open(f'{MNT}/watch', os.O_RDWR)
        os.write(self.watch, b'{"type":"IOServicePublish","match":{"IOProviderClass":"Weather"}}')
        self.events = os.open(f'{MNT}/events', os.O_RDONLY)
        self.of_service = os.open(f'{path}/events', os.O_RDONLY)
        self.files = [self.watch, self.events, self.of_service, self.connection.fd]
        for name in 'async', 'port/0', 'port/4':
            self.files.append(os.open(f'{self.connection.path}/{name}', os.O_RDONLY))
        for name in f'{path}/quiet', f'{MNT}/quiet':
            self.files.append(os.open(name, os.O_RDONLY))

    def close(self):
        for fd in self.files:
            os.close(fd)


def lines_and_lost(fd):
    """What is kept of what was said, and how much was not"""
    os.set_blocking(fd, False)
    text = b''
    while select.select([fd], [], [], 0)[0]:
        text += os.read(fd, 65536)
    lines = [json.loads(line) for line in text.splitlines()]
    lost = [line['lost'] for line in lines if 'lost' in line]
    assert len(lost) < 2 and (not lost or 'lost' in lines[-1]), lines[-2:]
    return [line for line in lines if 'lost' not in line], sum(lost)


def deaf(process, _, name, ready, told):
    """Hears nothing until it is told to, then what was kept, and how much was not"""
    ears = Ears(name)
    for _ in range(20):
        ears.connection.call(ASYNC, [50], **{'async': 1})
    ready[0] += 1
    process.says('deaf')
    while not told[0]:
        time.sleep(0.01)
    for fd, n in (ears.watch, 2 + told_of(told, 'watch')), (ears.events, told_of(told, 'events')):
        lines, lost = lines_and_lost(fd)
        assert len(lines) + lost == n, (len(lines), lost, n)
    lines, lost = lines_and_lost(ears.of_service)
    assert len(lines) + lost >= told_of(told, 'messages'), (len(lines), lost)
    ears.close()


TOLD = ('watch', 'events', 'messages')      # in the shared page, after its first byte


def told_of(told, what):
    at = 8 + 8 * TOLD.index(what)
    return int.from_bytes(told[at:at + 8], 'little')


def tell(told, what, n):
    at = 8 + 8 * TOLD.index(what)
    told[at:at + 8] = (told_of(told, what) + n).to_bytes(8, 'little')


def deaf_driver(process, _, name):
    """Makes a service, registers it, and never reads a request"""
    process.own = Driver(name, methods={'methods': [{}]})
    process.says('deaf')
    while True:
        signal.pause()


def caller(process, _, name):
    """Its calls are never answered: it gives them up"""
    signal.signal(signal.SIGALRM, give_up)
    while True:
        try:
            with Connection(f'{PLANE}/{name}') as c:
                signal.setitimer(signal.ITIMER_REAL, 0.005)
                c.call(0)
        except GaveUp:
            process.says('gave up')
        except FileNotFoundError:       # the service went first, at the storm's end
            signal.setitimer(signal.ITIMER_REAL, 0)
            time.sleep(0.01)


def make_noise(told, n):
    """A service comes, says something, and goes"""
    path = f'{PLANE}/S9'
    os.mkdir(path)
    registry.write(f'{path}/class', 'Stormy:Weather\n')
    with registry.using(f'{path}/ctl', os.O_WRONLY) as ctl:
        for _ in range(n):
            os.write(ctl, b'register\n')
            os.write(ctl, b'message 0xe3ff8001 {"a":"line"}\n')
    os.rmdir(path)
    tell(told, 'watch', n)
    tell(told, 'events', 2 * n + 2 + 2)     # published and matched, the first time twice; the end


def deaf_storm(storm):
    """Beside those that never read are those that would, and get nowhere"""
    ready, told = mmap.mmap(-1, 4096), mmap.mmap(-1, 4096)
    storm.start(driver, 'S0', False)
    eventually(lambda: 'S0' in registry.services() and is_there('S0'), lambda: 'the service is there')
    ears = []
    for i in range(5):
        ears.append(storm.start(deaf, 'S0', ready, told))
        eventually(lambda i=i: ears[i].is_done() or ready[0] == i + 1, ears[i].doing)
    mute = [storm.start(deaf_driver, 'S1')]
    eventually(lambda: 'S1' in registry.services() and is_there('S1'), lambda: 'the deaf driver is there')
    for name in 'watch', 'events':          # those who listen heard of the last driver, too
        tell(told, name, 1 if name == 'watch' else 4)
    mute += [storm.start(caller, 'S1') for _ in range(2)]
    noisy = Connection(f'{PLANE}/S0')
    with registry.using(f'{PLANE}/S0/ctl', os.O_WRONLY) as ctl:
        def make():
            make_noise(told, 20)
            for _ in range(20):
                os.write(ctl, b'message 0xe3ff8002\n')
            tell(told, 'messages', 20)
            noisy.call(ASYNC, [50], **{'async': 7})
        storm.until(make)
    noisy.close()
    told[0] = 1
    for process in ears:
        process.end()
    for process in mute + storm.processes:
        process.kill()


# --- what is left

def descriptors():
    return len(os.listdir(f'/proc/{FSD}/fd'))


def memory():
    with open(f'/proc/{FSD}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('RssAnon'))


def keeps_memory():
    """A sanitizer and valgrind keep what was freed for a while, and find leaks at the end"""
    with open(f'/proc/{FSD}/maps', encoding='ascii') as file:
        return any(name in line for line in file for name in ('libasan', 'libtsan', 'valgrind'))


def counts():
    return (descriptors(), registry.services(), sorted(os.listdir(f'{MNT}/id')), sorted(os.listdir(STATE)),
            registry.read(f'{MNT}/busy'))


def clear():
    """Services that outlive their drivers are there to be removed"""
    for name in registry.services():
        try:
            registry.write(f'{PLANE}/{name}/ctl', 'terminate\n')
        except OSError as error:
            assert error.errno in DEAD, error


def settles(before):
    def same():
        clear()
        return counts() == before
    eventually(same, lambda: f'{counts()} == {before}')


STORMS = {'clients': clients_storm, 'drivers': drivers_storm, 'deaf': deaf_storm, 'removal': removal_storm}


def main(kind, seconds, seed):
    chance = random.Random(int(seed))
    before, used, kept = counts(), memory(), keeps_memory()
    for _ in range(3):
        storm = Storm(chance, float(seconds) / 3)
        try:
            STORMS[kind](storm)
            storm.ends()
        finally:
            for process in storm.processes:
                process.kill()
        settles(before)
        peak = memory()
        if not kept:
            eventually(lambda: memory() <= used + MARGIN, lambda: f'RssAnon {memory()} <= {used} + {MARGIN} KiB')
        print(f'RssAnon {used}, {peak} and then {memory()} KiB')


main(*sys.argv[1:])
