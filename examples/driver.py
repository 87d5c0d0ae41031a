#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""driver.py SERVICE - a clock: memory type 0 has how many ticks there were, and the nanoseconds
since 1970 at the last one; port 0 gets a line at each; the method `interval` takes milliseconds"""
import json, mmap, os, select, struct, sys, time

METHODS = {'methods': [{'name': 'interval', 'si': 1}], 'memory': {'0': {'buf': 'page', 'ro': True}}}

class Clock:
    def __init__(self, service):
        self.service, self.interval, self.ticks, self.ports, self.input = service, 1, 0, set(), b''
        os.mkdir(service)
        self.put('class', 'Clock')
        self.put('methods', json.dumps(METHODS))
        with open(f'{service}/buf/page', 'wb') as page:
            page.truncate(mmap.PAGESIZE)
        with open(f'{service}/buf/page', 'r+b') as page:  # again: what makes it need not be what can be mapped
            self.page = mmap.mmap(page.fileno(), mmap.PAGESIZE)
        self.driver = os.open(f'{service}/driver', os.O_RDWR)
        self.put('ctl', 'register')

    def put(self, name, text):
        with open(f'{self.service}/{name}', 'w') as file:
            file.write(text + '\n')

    def say(self, **line):
        try:
            os.write(self.driver, json.dumps(line).encode() + b'\n')
        except OSError as error:  # the client has gone, or does not read
            print(error, file=sys.stderr)

    def answer(self, op, id=None, conn=None, type=0, si=(), **_):
        if op == 'call':
            self.interval = min(max(si[0], 1), 60000) / 1000
        elif op == 'port' and type == 0:
            self.ports.add(conn)
        elif op in ('unport', 'close'):
            self.ports.discard(conn)
        if id is not None:
            self.say(id=id, rc=0 if type == 0 else 'kIOReturnUnsupported')

    def tick(self):
        self.ticks += 1
        self.page[:16] = struct.pack('<QQ', self.ticks, time.time_ns())
        for conn in list(self.ports):
            self.say(notify=0, conn=conn, data={'ticks': self.ticks})

    def run(self):
        while True:
            if not select.select([self.driver], [], [], self.interval)[0]:
                self.tick()
            elif got := os.read(self.driver, 65536):
                *lines, self.input = (self.input + got).split(b'\n')
                for line in lines:
                    self.answer(**json.loads(line))
            else:
                return  # the service was terminated

Clock(sys.argv[1]).run()
