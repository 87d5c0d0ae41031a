# SPDX-License-Identifier: MIT
"""A driver in Python: what a service needs, and a loop over the lines of its session (fsd(5))"""
import base64
import errno
import json
import os

SUCCESS, ERROR, NO_RESOURCES, BAD_ARGUMENT, EXCLUSIVE, UNSUPPORTED, BUSY, NOT_OPEN, NOT_READY, NOT_FOUND = (
    0, 0xe00002bc, 0xe00002be, 0xe00002c2, 0xe00002c5, 0xe00002c7, 0xe00002d5, 0xe00002cd, 0xe00002d8, 0xe00002f0)


class Refused(Exception):
    """What was asked for has this result"""
    def __init__(self, code):
        super().__init__(hex(code))
        self.code = code


class Driver:
    """A kind of driver is a class with a method for each operation it knows"""
    lineage = 'Driver'
    properties = {}
    methods = {}
    buffers = {}            # by name: size
    queues = {}             # by name: capacity

    def __init__(self, path):
        self.path = path
        os.mkdir(path)
        self.write('class', self.lineage)
        if self.properties:
            self.write('props', json.dumps(self.properties))
        for name, size in self.buffers.items():
            with open(f'{path}/buf/{name}', 'wb') as buffer:
                buffer.truncate(size)
        for name, capacity in self.queues.items():
            os.mkdir(f'{path}/queues/{name}')
            self.write(f'queues/{name}/capacity', str(capacity))
        self.write('methods', json.dumps(self.methods))
        self.session = os.open(f'{path}/driver', os.O_RDWR | os.O_CLOEXEC)
        self.started()
        self.write('ctl', 'register\n')

    def write(self, name, text):
        with open(f'{self.path}/{name}', 'wb', buffering=0) as file:
            file.write(text.encode())

    def say(self, **line):
        os.write(self.session, json.dumps(line).encode() + b'\n')

    def complete(self, request, *arguments, rc=SUCCESS, **more):
        """Of an asynchronous call. Return: whether the client is there still"""
        try:
            self.say(**{'async': request['async']}, conn=request['conn'], rc=rc, args=list(arguments), **more)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return False
        return True

    def answer(self, request, rc=SUCCESS, so=(), sob=None, **more):
        if so:
            more['so'] = list(so)
        if sob is not None:
            more['sob'] = base64.b64encode(sob).decode()
        self.say(id=request['id'], rc=rc, **more)

    # What a kind may say of itself

    def started(self):
        pass

    def open(self, request):
        return {}

    def call(self, request):
        """By selector: call_0(request) returns what answer() takes, or None, and answers later"""
        return getattr(self, f'call_{request["sel"]}')(request)

    def mem(self, request):
        raise Refused(UNSUPPORTED)

    def port(self, request):
        raise Refused(UNSUPPORTED)

    def addclient(self, request):
        raise Refused(UNSUPPORTED)

    def setprops(self, request):
        raise Refused(UNSUPPORTED)

    def probe(self, request):
        raise Refused(UNSUPPORTED)

    def close(self, request):
        pass

    def unport(self, request):
        pass

    def cancel(self, request):
        pass

    # The loop

    def handle(self, line):
        print(line.decode()[:1000], flush=True)
        request = json.loads(line)
        request['in'] = base64.b64decode(request.get('sib', ''))
        try:
            said = getattr(self, request['op'])(request)
        except Refused as refused:
            said = {'rc': refused.code}
        if 'id' in request and said is not None:
            self.answer(request, **said)

    def serve(self):
        rest = b''
        while True:
            some = os.read(self.session, 65536)
            if not some:
                return
            *lines, rest = (rest + some).split(b'\n')
            for line in lines:
                self.handle(line)
