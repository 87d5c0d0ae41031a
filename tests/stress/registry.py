# SPDX-License-Identifier: MIT
"""Services, drivers and clients by their files alone, for tests that kill them"""
import contextlib
import errno
import json
import mmap
import os
import random
import select

MNT = os.environ['MNT']
PLANE = f'{MNT}/IOService'

SUCCESS, EXCLUSIVE, BAD_ARGUMENT, ABORTED = 0, 0xe00002c5, 0xe00002c2, 0xe00002eb

# What each selector, open type, memory type and port type does: the number itself says how it is answered.
SOON, REFUSED, LATE, NEVER = 0, 1, 2, 3
DOUBLE, STRUCT, ASYNC = 0, 4, 5         # selectors; 1 to 3 as above
ASKED = 16                              # memory types from here on are the driver's to say
METHODS = {
    'open': 'ask',
    'methods': [{'name': 'double', 'si': 1, 'so': 1}, {'name': 'refused'}, {'name': 'late'}, {'name': 'never'},
                {'name': 'echo', 'sis': '*', 'sos': '*'}, {'name': 'start', 'si': 1, 'allowAsync': True}],
    'memory': {'0': 'page', '1': {'buf': 'page', 'ro': True}},
}
PAGE = b'this is the page'


def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, text.encode() if isinstance(text, str) else text)
    finally:
        os.close(fd)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


@contextlib.contextmanager
def using(path, flags=os.O_RDWR):
    fd = os.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def services():
    """The names of those in the root, but the one that is always there"""
    return sorted(name for name in os.listdir(PLANE) if name[0] == 'S')


class Driver:
    """The provider of a service, which it makes if there is none of that name"""
    def __init__(self, name, methods=None, persist=False):
        self.path = f'{PLANE}/{name}'
        with contextlib.suppress(FileExistsError):
            os.mkdir(self.path)
        if '!registered' in read(f'{self.path}/state'):     # new, or its maker died
            with open(f'{self.path}/buf/page', 'wb') as file:
                file.write(PAGE.ljust(4096, b'\0'))
            write(f'{self.path}/class', 'Stormy:Weather\n')
            write(f'{self.path}/methods', json.dumps(METHODS if methods is None else methods))
        self.fd = os.open(f'{self.path}/driver', os.O_RDWR)
        self.buffer = b''
        if persist:
            self.ctl('persist')
        self.ctl('register')

    def ctl(self, words):
        write(f'{self.path}/ctl', words + '\n')

    def requests(self, timeout=None):
        """The next ones; none: the service is gone"""
        if timeout is not None and not select.select([self.fd], [], [], timeout)[0]:
            return []
        got = os.read(self.fd, 65536)
        *lines, self.buffer = (self.buffer + got).split(b'\n')
        return [json.loads(line) for line in lines]

    def request(self, op):
        """The next of this kind; what comes before it is not answered"""
        while True:
            for request in self.requests():
                if request['op'] == op:
                    return request

    def say(self, **line):
        os.write(self.fd, json.dumps(line).encode() + b'\n')

    def close(self):
        os.close(self.fd)


class Connection:
    def __init__(self, path, kind=SOON):
        self.fd = os.open(f'{path}/clone' + (f'.{kind}' if kind else ''), os.O_RDWR)
        self.service = path
        self.number = int(os.read(self.fd, 64))
        self.path = f'{path}/clients/{self.number}'

    def word(self, text):
        os.write(self.fd, text.encode() + b'\n')

    def call(self, selector, scalars=(), outputs=0, **more):
        with using(f'{self.path}/call') as fd:
            os.write(fd, json.dumps({'sel': selector, 'si': list(scalars), 'so': outputs, **more}).encode())
            return json.loads(os.read(fd, 65536))

    def memory(self, kind, flags=os.O_RDWR):
        """The beginning of it"""
        with using(f'{self.path}/mem/{kind}', flags) as fd:
            prot = mmap.PROT_READ | (mmap.PROT_WRITE if flags == os.O_RDWR else 0)
            try:
                with mmap.mmap(fd, 4096, prot=prot) as pages:
                    return pages[:len(PAGE)]
            except ValueError:      # it has no size any more
                raise OSError(errno.ENODEV, 'the memory went away with its service') from None

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Moody:
    """A driver that answers as the numbers say, until it is gone"""
    GONE = {errno.ENODEV, errno.ENOENT, errno.EAGAIN, errno.EMSGSIZE}

    def __init__(self, driver, seed):
        self.driver = driver
        self.chance = random.Random(seed)
        self.late = []

    def say(self, **line):
        """Whoever it is for may be gone"""
        try:
            self.driver.say(**line)
        except OSError as error:
            if error.errno not in self.GONE:
                raise

    def answer(self, how, **line):
        if how == SOON:
            self.say(rc=SUCCESS, **line)
        elif how == REFUSED:
            self.say(rc=EXCLUSIVE, id=line['id'])
        elif how == LATE:
            self.late.append(line)

    def answer_late(self, most):
        while len(self.late) > most:
            self.say(rc=SUCCESS, **self.late.pop(self.chance.randrange(len(self.late))))

    def called(self, request):
        number, selector = request['id'], request['sel']
        if selector == DOUBLE:
            self.say(id=number, rc=SUCCESS, so=[2 * request['si'][0]])
        elif selector == STRUCT:
            self.say(id=number, rc=SUCCESS, sob=request.get('sib', ''))
        elif selector == ASYNC:
            self.say(id=number, rc=SUCCESS)
            for i in range(request['si'][0]):
                self.say(**{'async': request['async'], 'conn': request['conn'], 'rc': 0, 'args': [i], 'candrop': i % 2 == 0})
        else:
            self.answer(selector, id=number)

    def do(self, request):
        number, kind = request.get('id'), request.get('type', 0)
        match request['op']:
            case 'call':
                self.called(request)
            case 'open':
                self.answer(kind % 4, id=number)
            case 'mem':
                self.answer(kind % 4, id=number, buf='page', ro=False)
            case 'port':
                self.answer(kind % 4, id=number)
                for i in range(3):
                    self.say(notify=kind, conn=request['conn'], data={'n': i})
            case 'seize' | 'addclient' | 'setprops' | 'probe':
                self.answer(self.chance.randrange(4), id=number)
            case other:
                assert other in ('close', 'cancel', 'unport'), request

    def run(self):
        while requests := self.driver.requests():
            for request in requests:
                self.do(request)
            self.answer_late(self.chance.randrange(4))
