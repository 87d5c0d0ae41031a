#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""checks.py ARG... <TEXT - run TEXT, the Python of a test, with what is below at hand

Tests call it as `check ARG... <<-'END'` (checks.bash): the arguments are in
`args`, a failed assertion shows its line. One process makes many system calls
here, where sys.py makes one.
"""
import contextlib
import errno
import fcntl
import linecache
import mmap
import os
import select
import signal
import stat
import struct
import sys
import time
import traceback
from errno import (EACCES, EAGAIN, EBADF, EBUSY, EEXIST, EINTR, EINVAL, EIO, EISDIR, EMFILE, EMSGSIZE, ENAMETOOLONG,  # noqa: F401
                   ENODEV, ENOENT, ENOSPC, ENOTDIR, ENOTEMPTY, ENOTTY, ENXIO, EOPNOTSUPP, EPERM, ESPIPE, ESTALE, EXDEV)

args = sys.argv[1:]
link_mode = os.environ.get('MODE') == 'link'
PAGE = 4096
F_OFD_SETLK = 37        # Python 3.9 and later has it in fcntl, on some machines
ATTRIBUTES = ('capacity', 'max_entry', 'entries', 'used', 'free', 'producer_pid', 'consumer_pid', 'stats')
FILES = ATTRIBUTES + ('data', 'consumer', 'notify', 'serviced', 'enqueue', 'dequeue', 'peek', 'reset')


# --- system calls

def opened(path, how='r'):
    """how: r, w or rw; then n: O_NONBLOCK, t: O_TRUNC, a: O_APPEND"""
    flags = {'r': os.O_RDONLY, 'w': os.O_WRONLY, 'rw': os.O_RDWR}[how.rstrip('nta')]
    for letter, flag in ('n', os.O_NONBLOCK), ('t', os.O_TRUNC), ('a', os.O_APPEND):
        flags |= flag if letter in how else 0
    return os.open(path, flags)


@contextlib.contextmanager
def opening(path, how='r'):
    fd = opened(path, how)
    try:
        yield fd
    finally:
        os.close(fd)


def name_of(number):
    return errno.errorcode.get(number, number)


def refuses(wanted, call, *arguments, **named):
    """`call` fails with the errno `wanted`"""
    try:
        result = call(*arguments, **named)
    except OSError as error:
        assert error.errno == wanted, f'wanted {name_of(wanted)}, got {name_of(error.errno)}'
        return
    assert False, f'wanted {name_of(wanted)}, got success: {result!r}'


def equal(got, wanted):
    assert got == wanted, f'got {got!r}\nwanted {wanted!r}'


def take(path, how='rw'):
    """Open for writing, with the lock that is the role where memory is a link"""
    fd = opened(path, how)
    if os.path.islink(path):
        try:
            fcntl.fcntl(fd, F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except OSError as error:
            os.close(fd)
            raise OSError(EBUSY if error.errno in (EAGAIN, EACCES) else error.errno, 'lock') from None
    return fd


def fallocate(fd, mode, at, size):
    """mode: FALLOC_FL_..."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(fd, mode, ctypes.c_long(at), ctypes.c_long(size)) < 0:
        raise OSError(ctypes.get_errno(), 'fallocate')


def events(fd, wanted=select.POLLIN | select.POLLOUT, milliseconds=0):
    """What poll says: a set of IN, OUT, HUP, ERR"""
    poller = select.poll()
    poller.register(fd, wanted)
    found = poller.poll(milliseconds)
    names = {'IN': select.POLLIN, 'OUT': select.POLLOUT, 'HUP': select.POLLHUP, 'ERR': select.POLLERR}
    return {name for name, bit in names.items() if found and found[0][1] & bit}


# --- waiting

PATIENCE = float(os.environ.get('FSD_TEST_PATIENCE', 30))


def eventually(condition, what='it'):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f'{what} never became true'
        time.sleep(0.002)


def never(condition, what='it'):
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        assert not condition(), f'{what} became true'
        time.sleep(0.01)


# The system calls in which a test's child waits.
WAITING = {'x86_64': (0, 1, 7, 271), 'aarch64': (63, 64, 73)}.get(os.uname().machine, ())   # read, write, poll, ppoll


def state_of(pid):
    """S: waits in read, write or poll; D: so that no signal counts; R: not there yet, or done"""
    return sleep_of(pid)[0]


def sleep_of(pid):
    """Its state, and the system call with its arguments"""
    with open(f'/proc/{pid}/stat', encoding='latin-1') as file:
        state = file.read().rsplit(')', 1)[1].split()[0]
    with open(f'/proc/{pid}/syscall', encoding='ascii') as file:
        call = file.read().split()
    return state if call[0].isdigit() and (int(call[0]) in WAITING or not WAITING) else 'R', call


def is_parked(pid):
    """It sleeps still once fsd has answered what was asked after it: it is not just being answered"""
    before = sleep_of(pid)
    with contextlib.suppress(OSError):
        os.stat(f"{os.environ['MNT']}/version")
    return before[0] == 'S' and sleep_of(pid) == before


class Child:
    """A process that runs `call`; result() is what that returned, or its OSError, raised again"""
    living = []

    def __init__(self, call, *arguments, uid=None):
        self.out, out = os.pipe()
        self.status = None
        self.pid = os.fork()
        if self.pid == 0:
            Child.living.clear()
            said = b'broke'
            try:
                if uid is not None:
                    become(uid)
                os.write(out, b'.')
                said = repr(('ok', call(*arguments))).encode()
            except OSError as error:
                said = repr(('errno', error.errno)).encode()
            except BaseException:       # pylint: disable=broad-except
                traceback.print_exc()
            finally:
                os.write(out, said)
                os._exit(0)
        os.close(out)
        Child.living.append(self)
        assert os.read(self.out, 1) == b'.'

    def waits(self):
        """It went to sleep, and is not done"""
        eventually(lambda: is_parked(self.pid), 'the child sleeps')
        assert not self.is_done()
        return self

    def is_done(self):
        return bool(select.select([self.out], [], [], 0)[0])

    def result(self):
        assert select.select([self.out], [], [], PATIENCE)[0], 'the child never came back'
        kind, value = eval(os.read(self.out, 1 << 20))      # pylint: disable=eval-used
        self.end()
        if kind == 'errno':
            raise OSError(value, os.strerror(value))
        return value

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)
        return self

    def end(self):
        """Gone, whatever it does"""
        if self.status is None:
            self.kill()
            self.status = os.waitpid(self.pid, 0)[1]
            os.close(self.out)
            Child.living.remove(self)


def stays(call, *arguments):
    """A child that made `call` and then does nothing, as long as it is not killed"""
    def run():
        value = call(*arguments)
        os.write(done, b'.')
        signal.pause()
        return value
    ready, done = os.pipe()
    child = Child(run)
    os.close(done)
    assert select.select([ready, child.out], [], [], PATIENCE)[0] == [ready], f'{child.result()}'
    os.close(ready)
    return child


def become(uid, gid=None, groups=()):
    """An ordinary user from here on, in this process"""
    os.setgroups([gid or uid, *groups])
    os.setresgid(*3 * (gid or uid,))
    os.setresuid(*3 * (uid,))


def as_user(uid, call, *arguments):
    return Child(call, *arguments, uid=uid).result()


# --- queues

def space(n):
    """What an entry of n bytes uses"""
    return 8 + (n + 7) // 8 * 8


class Queue:
    def __init__(self, path):
        self.path = path

    def __truediv__(self, name):
        return f'{self.path}/{name}'

    def text(self, name):
        with opening(self / name) as fd:
            return os.read(fd, 65536).decode()

    def value(self, name):
        """Of an attribute: one line"""
        text = self.text(name)
        assert text.endswith('\n') and text.count('\n') == 1, f'{name}: {text!r}'
        return text[:-1]

    def number(self, name):
        return int(self.value(name))

    def stats(self):
        return {key: int(value) for key, value in (line.split(' ') for line in self.text('stats').splitlines())}

    def write(self, name, text):
        with opening(self / name, 'w') as fd:
            return os.write(fd, text.encode() if isinstance(text, str) else text)

    def set(self, name, number):
        self.write(name, f'{number}\n')

    def put(self, *entries):
        with opening(self / 'enqueue', 'wn') as fd:
            for entry in entries:
                equal(os.write(fd, entry), len(entry))

    def fill(self, entry):
        """Until no more fits; how many did"""
        for n in range(1 << 20):
            try:
                self.put(entry)
            except BlockingIOError:
                return n

    def get(self, size=1 << 20):
        with opening(self / 'dequeue', 'rn') as fd:
            return os.read(fd, size)

    def drain(self):
        entries = []
        with opening(self / 'dequeue', 'rn') as fd:
            while events(fd, select.POLLIN):
                entries.append(os.read(fd, 1 << 20))
        return entries

    def peek(self):
        with opening(self / 'peek') as fd:
            return os.read(fd, 1 << 20)

    def take(self, name, how='rw'):
        return take(self / name, how)

    def state(self):
        """All that can be seen of it, but how often it was rung: that is done at each open"""
        seen = {name: self.text(name) for name in ATTRIBUTES}
        seen['stats'] = {key: value for key, value in self.stats().items() if 'notifications' not in key}
        seen['peek'] = self.peek()
        for name in FILES:
            found = os.lstat(self / name)
            seen['stat ' + name] = (found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_nlink)
        for name in 'data', 'consumer':
            found = os.stat(self / name)
            seen['memory ' + name] = (found.st_mode, found.st_uid, found.st_gid, found.st_size)
        seen['names'] = sorted(os.listdir(self.path))
        found = os.stat(self.path)
        seen['directory'] = (found.st_mode, found.st_uid, found.st_gid)
        return seen


@contextlib.contextmanager
def unchanged(queue):
    before = queue.state()
    yield
    after = queue.state()
    changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
    assert not changed, f'changed: {changed}'


class Memory:
    """The two files of a queue mapped, as docs/ring.md says, with the rights that are asked for"""
    WORDS = {'version': ('data', 8, 'I'), 'headerSize': ('data', 12, 'I'), 'queueSize': ('data', 16, 'Q'),
             'capacity': ('data', 24, 'Q'), 'maxEntry': ('data', 32, 'I'), 'generation': ('data', 40, 'I'),
             'tail': ('data', 128, 'Q'), 'enqueued': ('data', 136, 'Q'), 'dataSequence': ('data', 256, 'I'),
             'producerFlags': ('data', 260, 'I'), 'spaceWait': ('data', 264, 'I'), 'spaceWanted': ('data', 272, 'Q'),
             'head': ('consumer', 128, 'Q'), 'dequeued': ('consumer', 136, 'Q'), 'dataWait': ('consumer', 264, 'I')}

    def __init__(self, queue, roles=()):
        self.fds, self.pages = {}, {}
        for name in 'data', 'consumer':
            role = name in roles
            fd = self.fds[name] = queue.take(name) if role else opened(queue / name)
            self.pages[name] = mmap.mmap(fd, 0, prot=mmap.PROT_READ | (mmap.PROT_WRITE if role else 0))

    def word(self, name):
        page, offset, letter = self.WORDS[name]
        return memoryview(self.pages[page])[offset:offset + struct.calcsize(letter)].cast(letter)

    def __getitem__(self, name):
        return self.word(name)[0]

    def __setitem__(self, name, value):
        self.word(name)[0] = value

    def enqueue(self, payload):
        """As a producer; the entry has to fit before the ring's end"""
        tail = self['tail']
        at = PAGE + tail % self['queueSize']
        entry = struct.pack('<II', len(payload), 0) + payload.ljust(space(len(payload)) - 8, b'\0')
        self.pages['data'][at:at + len(entry)] = entry
        self['tail'] = tail + len(entry)
        self['enqueued'] += 1

    def close(self):
        for name in self.pages:
            self.pages[name].close()
            os.close(self.fds[name])


# --- the daemon

def fsd_resources():
    """Of the daemon: descriptors, KiB of memory"""
    pid = os.environ['FSD_PID']
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        kib = next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))
    return len(os.listdir(f'/proc/{pid}/fd')), kib


def fsd_memory():
    """KiB of the daemon's own, without what it shares"""
    with open(f"/proc/{os.environ['FSD_PID']}/status", encoding='ascii') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('RssAnon'))


def fsd_is_sanitized():
    """A sanitizer keeps freed memory for a while"""
    with open(f"/proc/{os.environ['FSD_PID']}/maps", encoding='ascii') as file:
        return any('libasan' in line or 'libtsan' in line for line in file)


def give_up(*_):
    raise AssertionError('this takes too long')


def main():
    text = sys.stdin.read()
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(12 * PATIENCE))
    linecache.cache['test'] = (len(text), None, text.splitlines(True), 'test')
    try:
        exec(compile(text, 'test', 'exec'), globals())      # pylint: disable=exec-used
    finally:
        for child in Child.living:      # one may wait for another: kill all before waiting for any
            child.kill()
        while Child.living:
            Child.living[0].end()


main()
