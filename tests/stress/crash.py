#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""crash.py CRASH_AT.SO changes - kill fsd before each single change that an operation makes in its state directory

Whatever the step, the next fsd finds everything as it was before the operation or as it is after it, and nothing
half done.

crash.py CRASH_AT.SO answers - kill fsd before each single answer to the kernel, while it opens the bells in its own mount

It must be gone then, and the mount can be taken over.
"""
import contextlib
import os
import select
import signal
import sys
import daemon

QUEUES = f'{daemon.MNT}/queues'
SERVICES = f'{daemon.MNT}/IOService'
FILES = ('capacity', 'consumer', 'consumer_pid', 'data', 'dequeue', 'enqueue', 'entries', 'free', 'max_entry', 'notify',
         'peek', 'producer_pid', 'reset', 'serviced', 'stats', 'used')
VALUES = ('capacity', 'max_entry', 'entries', 'used', 'free', 'producer_pid', 'consumer_pid', 'stats', 'peek')
SAYS = ('class', 'classes', 'state', 'props', 'methods')
AT = 'crash_at'


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def read(path):
    try:
        with open(path, encoding='ascii') as file:
            return file.read()
    except OSError as error:
        return error.strerror


def put(queue, text):
    fd = os.open(f'{queue}/enqueue', os.O_WRONLY)
    os.write(fd, text)
    os.close(fd)


def look(path):
    found = os.lstat(path)
    return found.st_mode, found.st_uid, found.st_gid


def seen(top=daemon.MNT):
    """All that can be seen of services and queues, but how often a bell rang."""
    found = {}
    for folder, folders, files in os.walk(f'{top}/IOService'):
        found[folder] = look(folder)
        for name in files:
            path = f'{folder}/{name}'
            found[path] = look(path)
            if name in ('data', 'consumer') and os.path.exists(path):       # a ring is there while it is open
                memory = os.stat(path)
                if os.path.islink(path):
                    found[folder + ' behind'] = look(os.path.dirname(os.path.realpath(path)))
                found[path + ' memory'] = memory.st_mode, memory.st_uid, memory.st_gid, memory.st_size
            if f'{os.sep}buf{os.sep}' in path:
                found[path + ' behind'] = os.stat(path).st_mode, os.stat(path).st_size
            if name in VALUES + SAYS:
                found[path + ' value'] = ''.join(line for line in read(path).splitlines(True) if 'notifications' not in line)
    return found


# Of a service, beside the services in it.
FOLDERS = ('IOResources', 'queues', 'streams', 'prop', 'parents', 'buf', 'clients')


class Operation:
    """`prepare` makes what it needs, `run` is what is killed, `clear` removes all again. `again`: done once more it is
    done, whatever was left; so it is with reset alone, which writes to two files."""
    def __init__(self, name, run, prepare=lambda: None, again=False):
        self.name, self.run, self.prepare, self.again = name, run, prepare, again

    @staticmethod
    def clear():
        for folder, folders, files in os.walk(SERVICES):
            if os.path.basename(folder) == 'streams':
                for name in folders:    # and with each a service
                    os.rmdir(f'{folder}/{name}')
                folders.clear()
        for folder, folders, files in os.walk(SERVICES, topdown=False):
            if 'reset' in files:
                daemon.eventually(lambda: read(f'{folder}/producer_pid') == read(f'{folder}/consumer_pid') == 'none\n',
                                  'the roles are free')
                write(f'{folder}/reset', '1')
                os.rmdir(folder)
            elif folder.count('/') > SERVICES.count('/') and os.path.basename(folder) not in FOLDERS:
                os.rmdir(folder)
        os.chmod(QUEUES + '/', 0o1777)


def make_queue(path=f'{QUEUES}/q'):
    os.mkdir(path)


def make_used_queue():
    make_queue()
    put(f'{QUEUES}/q', b'x' * 3000)
    fd = os.open(f'{QUEUES}/q/dequeue', os.O_RDONLY)
    os.read(fd, 4096)
    os.close(fd)


def make_full_queue():
    make_used_queue()
    for text in b'one', b'two', b'three':
        put(f'{QUEUES}/q', text)


def make_service():
    os.mkdir(f'{SERVICES}/S')


def make_buffer():
    make_service()
    os.close(os.open(f'{SERVICES}/S/buf/b', os.O_RDWR | os.O_CREAT))


def make_stream():
    make_service()
    os.mkdir(f'{SERVICES}/S/streams/s')


def make_registered():
    make_buffer()
    make_queue(f'{SERVICES}/S/queues/q')
    say('class', 'Dev:IOService')
    say('ctl', 'register\n')


def make_nested():
    """Below a service that is registered, as many as make breadth and depth"""
    make_registered()
    for path in 'S/T', 'S/T/U', 'S/V':
        os.mkdir(f'{SERVICES}/{path}')
        os.close(os.open(f'{SERVICES}/{path}/buf/b', os.O_RDWR | os.O_CREAT))
        make_queue(f'{SERVICES}/{path}/queues/q')
        write(f'{SERVICES}/{path}/ctl', 'register\n')


def say(name, text):
    write(f'{SERVICES}/S/{name}', text)


def open_role(name):
    """In a process that ends: where fsd dies before it answers, a process may have the role for as long as it lives."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.open(f'{QUEUES}/q/{name}', os.O_RDWR)
        os._exit(0)
    os.waitpid(child, 0)


def drive_and_end():
    """The end of a driver is the end of its service; whoever asks next finds it done"""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.open(f'{SERVICES}/S/driver', os.O_RDWR)
        os._exit(0)
    os.waitpid(child, 0)
    os.stat(SERVICES)


OPERATIONS = [
    Operation('make a queue', make_queue),
    Operation('make a queue of a umask', lambda: (os.umask(0o027), make_queue(), os.umask(0o022))),
    Operation('remove a queue', lambda: os.rmdir(f'{QUEUES}/q'), make_queue),
    Operation('set a smaller capacity', lambda: write(f'{QUEUES}/q/capacity', '8192'), make_used_queue),
    Operation('set a larger capacity', lambda: write(f'{QUEUES}/q/capacity', '1000000'), make_used_queue),
    Operation('set max_entry', lambda: write(f'{QUEUES}/q/max_entry', '100'), make_used_queue),
    Operation('reset', lambda: write(f'{QUEUES}/q/reset', '1'), make_full_queue, again=True),
    Operation('change the mode of a file', lambda: os.chmod(f'{QUEUES}/q/entries', 0o400), make_queue),
    Operation('change the owner of a file', lambda: os.chown(f'{QUEUES}/q/dequeue', 1, 2), make_queue),
    Operation('change the mode of memory', lambda: os.chmod(f'{QUEUES}/q/data', 0o600), make_queue),
    Operation('change the mode of a queue', lambda: os.chmod(f'{QUEUES}/q', 0o700), make_queue),
    Operation('change the mode of a directory of queues', lambda: os.chmod(f'{QUEUES}/', 0o755)),
    Operation('make a service', make_service),
    Operation('make a queue of a service', lambda: make_queue(f'{SERVICES}/S/queues/q'), make_service),
    Operation('remove a service', lambda: os.rmdir(f'{SERVICES}/S'), make_service),
    Operation('make a stream', lambda: os.mkdir(f'{SERVICES}/S/streams/s'), make_service),
    Operation('remove a stream', lambda: os.rmdir(f'{SERVICES}/S/streams/s'), make_stream),
    Operation('change the mode of a stream', lambda: os.chmod(f'{SERVICES}/S/streams/s', 0o700), make_stream),
    Operation('change the mode of its io', lambda: os.chmod(f'{SERVICES}/S/streams/s/io', 0o600), make_stream),
    Operation('change the direction of a stream', lambda: say('streams/s/mode', 'input'), make_stream),
    Operation('set a class', lambda: say('class', 'Dev:IOService'), make_service),
    Operation('set properties', lambda: say('props', '{"a":1,"b":[2]}'), make_service),
    Operation('set methods', lambda: say('methods', '{"methods":[{"si":1}]}'), make_service),
    Operation('register', lambda: say('ctl', 'register\n'), make_service),
    Operation('make a buffer', lambda: os.close(os.open(f'{SERVICES}/S/buf/b', os.O_RDWR | os.O_CREAT)), make_service),
    Operation('size a buffer', lambda: os.truncate(f'{SERVICES}/S/buf/b', 8192), make_buffer),
    Operation('remove a buffer', lambda: os.unlink(f'{SERVICES}/S/buf/b'), make_buffer),
    Operation('terminate a service', lambda: say('ctl', 'terminate\n'), make_registered),
    Operation('terminate a service with services in it', lambda: say('ctl', 'terminate\n'), make_nested),
    Operation('be a driver, and end', drive_and_end, make_nested),
    Operation('take a role', lambda: open_role('data'), make_queue),
    Operation('enqueue', lambda: put(f'{QUEUES}/q', b'four'), make_full_queue),
]


def differences(a, b):
    keys = [key for key in sorted(a.keys() | b.keys()) if a.get(key) != b.get(key)]
    return [f'{os.path.basename(key)}: {a.get(key)!r}, not {b.get(key)!r}' for key in keys[:4]]


def crash(fsd, operation):
    """Return: how many steps it takes."""
    operation.prepare()
    before = seen()
    operation.run()
    # A role that is closed is free a moment later.
    daemon.eventually(lambda: not any('_pid value' in key and value != 'none\n' for key, value in seen().items()),
                      'the roles are free')
    after = seen()
    operation.clear()

    for step in range(1, 100):
        operation.prepare()
        write(AT, f'{step}\n')
        try:
            operation.run()
        except OSError:
            pass
        survived = read(AT).strip() != '0'
        os.unlink(AT)
        if survived:
            operation.clear()
            return step - 1
        fsd.is_killed()
        fsd.start(**environment)
        left = list(daemon.left_over())
        daemon.eventually(lambda: not any('_pid value' in key and value != 'none\n' for key, value in seen().items()),
                          'the roles are free')
        now = seen()
        if operation.again and now != before:
            operation.run()
            now = seen()
        if left:
            problems.append(f'{operation.name}, step {step}: left over {left}')
        if now not in (before, after):
            problems.append(f'{operation.name}, step {step}: is not as before: {differences(now, before)}, '
                            f'nor as afterwards: {differences(now, after)}')
        operation.clear()
        if daemon.n_objects() > 1:  # the directory of queues may have a record of its own
            problems.append(f'{operation.name}, step {step}: {os.listdir(daemon.STATE)} in the state directory')
    sys.exit(f'{operation.name} has no end')


def wake():
    """A waiting poll, and an entry: fsd waits at one bell and rings another."""
    into = os.open(f'{QUEUES}/q/dequeue', os.O_RDONLY | os.O_NONBLOCK)
    poller = select.poll()
    poller.register(into, select.POLLIN)
    try:
        poller.poll(0)
        put(f'{QUEUES}/q', b'entry')
        if poller.poll(daemon.PATIENCE * 1000) == [(into, select.POLLIN)]:
            os.read(into, 100)
    finally:
        os.close(into)


def wake_and_wait():
    with contextlib.suppress(OSError):
        wake()
        # It opened what it wanted to open.
        daemon.eventually(lambda: read(f'{QUEUES}/q/consumer_pid') == 'none\n', 'the roles are free')


def crash_answers(fsd):
    for step in range(1, 1000):
        make_queue()
        write(AT, f'{step}\n')
        client = os.fork()      # it may be in for a long wait
        if client == 0:
            wake_and_wait()
            os._exit(0)
        daemon.eventually(lambda: read(AT).strip() == '0' or os.waitid(os.P_PID, client, os.WEXITED | os.WNOHANG | os.WNOWAIT),
                          'fsd is killed, or answers')
        survived = read(AT).strip() != '0'
        os.unlink(AT)
        if not survived:
            os.kill(client, signal.SIGKILL)
            fsd.is_killed()
        os.waitpid(client, 0)
        if survived:
            Operation.clear()
            return step - 1
        fsd.start(**environment)
        wake()
        Operation.clear()
    sys.exit('waiting has no end')


environment = {'LD_PRELOAD': sys.argv[1], 'CRASH_AT': os.path.abspath(AT)}
problems = []
os.umask(0o022)
fsd = daemon.Daemon()
if sys.argv[2] == 'answers':
    environment['CRASH_REPLIES'] = '1'
fsd.start(**environment)
if sys.argv[2] == 'answers':
    print(f'{crash_answers(fsd)} answers')
else:
    for one in OPERATIONS:
        print(f'{crash(fsd, one)} steps: {one.name}', flush=True)
fsd.kill()
for problem in problems:
    print(problem)
sys.exit(bool(problems))
