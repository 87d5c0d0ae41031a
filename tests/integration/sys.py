#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sys.py CALL ARG... - one system call; prints "ok", "ok RESULT", or the name of the errno

    open FILE [r|w|rw][n][t][a]     n: O_NONBLOCK, t: O_TRUNC, a: O_APPEND
    read FILE SIZE [n]              "ok TEXT"; one read(2)
    write FILE TEXT [n]             one write(2)
    write_bytes FILE COUNT [n]      one write(2) of COUNT bytes
    poll FILE [r|w|rw] MILLISECONDS "ok", then the events that are there: IN OUT HUP ERR
    map FILE [r|w|rw]               mmap shared, with the rights of the open
    truncate FILE SIZE              by path
    ftruncate FILE SIZE             open for writing, then by descriptor
    create FILE                     O_CREAT | O_EXCL
    mknod FILE, mkfifo FILE, mkdir FILE, rmdir FILE, unlink FILE
    symlink TARGET FILE, link OLD NEW, rename OLD NEW
    chmod FILE MODE, chown FILE UID GID, stat FILE (mode uid gid), lock FILE
    hold FILE [r|w|rw] READY        open FILE, write "ok" or the errno to READY, stay
"""
import errno
import fcntl
import mmap
import os
import select
import signal
import stat
import sys

ACCESS = {'r': os.O_RDONLY, 'w': os.O_WRONLY, 'rw': os.O_RDWR}
EVENTS = {'IN': select.POLLIN, 'OUT': select.POLLOUT, 'HUP': select.POLLHUP, 'ERR': select.POLLERR}


def name_of(error):
    # Linux has two names for this number; manual pages of files use this one.
    return 'EOPNOTSUPP' if error.errno == errno.EOPNOTSUPP else errno.errorcode.get(error.errno, str(error.errno))


def opened(path, how):
    flags = ACCESS[how.rstrip('nta')]
    for letter, flag in ('n', os.O_NONBLOCK), ('t', os.O_TRUNC), ('a', os.O_APPEND):
        flags |= flag if letter in how else 0
    return os.open(path, flags)


def read(path, size, how=''):
    return os.fsencode(os.read(opened(path, 'r' + how), int(size)).decode(errors='surrogateescape')).decode(errors='replace')


def write(path, text, how=''):
    os.write(opened(path, 'w' + how), os.fsencode(text))


def write_bytes(path, count, how=''):
    os.write(opened(path, 'w' + how), b'x' * int(count))


def poll(path, how, milliseconds):
    poller = select.poll()
    poller.register(opened(path, how + 'n'), (select.POLLIN if 'r' in how else 0) | (select.POLLOUT if 'w' in how else 0))
    ready = poller.poll(int(milliseconds))
    return ' '.join(name for name, bit in EVENTS.items() if ready and ready[0][1] & bit)


def map_file(path, how):
    rights = {'r': mmap.PROT_READ, 'w': mmap.PROT_WRITE, 'rw': mmap.PROT_READ | mmap.PROT_WRITE}[how]
    mmap.mmap(opened(path, how), 4096, mmap.MAP_SHARED, rights)


def ftruncate(path, size):
    os.ftruncate(opened(path, 'rw'), int(size))


def create(path):
    os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)


def show(path):
    found = os.stat(path)
    return f'{stat.S_IMODE(found.st_mode):04o} {found.st_uid} {found.st_gid}'


def lock(path):
    fcntl.lockf(opened(path, 'rw'), fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(path, how, ready):
    said = 'ok'
    try:
        file = opened(path, how)
        if how != 'r':
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        said = name_of(error)
    with open(ready + '.new', 'w', encoding='ascii') as file_ready:
        file_ready.write(said + '\n')
    os.rename(ready + '.new', ready)
    if said == 'ok':
        signal.pause()


CALLS = {
    'open': lambda path, how='r': os.close(opened(path, how)),
    'read': read, 'write': write, 'write_bytes': write_bytes, 'poll': poll, 'map': map_file,
    'truncate': lambda path, size: os.truncate(path, int(size)),
    'ftruncate': ftruncate, 'create': create,
    'mknod': lambda path: os.mknod(path, stat.S_IFREG | 0o644),
    'mkfifo': os.mkfifo, 'mkdir': os.mkdir, 'rmdir': os.rmdir, 'unlink': os.unlink,
    'symlink': os.symlink, 'link': os.link, 'rename': os.rename,
    'chmod': lambda path, mode: os.chmod(path, int(mode, 8)),
    'chown': lambda path, uid, gid: os.chown(path, int(uid), int(gid)),
    'stat': show, 'lock': lock, 'hold': hold,
}

if len(sys.argv) < 2 or sys.argv[1] not in CALLS:
    sys.exit(__doc__)
try:
    result = CALLS[sys.argv[1]](*sys.argv[2:])
    print('ok' if result is None else f'ok {result}'.rstrip())
except OSError as error:
    print(name_of(error))
