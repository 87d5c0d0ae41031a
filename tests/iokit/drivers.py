#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""drivers.py KIND PATH - a driver of a kind below, as a service at PATH; it ends with the service"""
import mmap
import os
import struct
import sys
import threading

from driver import (BAD_ARGUMENT, BUSY, ERROR, EXCLUSIVE, NOT_FOUND, NOT_OPEN, NOT_READY, NO_RESOURCES, Driver, Refused)


class Simple(Driver):
    """Six methods, and one client at a time that may use three of them"""
    lineage = 'com_apple_dts_driver_SimpleDriver'
    methods = {'kind': 'classic', 'userClientClass': 'com_apple_dts_driver_SimpleUserClient', 'methods': [
        {'name': 'open'}, {'name': 'close'},
        {'name': 'scalarIStructI', 'si': 1, 'sis': 16}, {'name': 'scalarIStructO', 'si': 2, 'sos': 16},
        {'name': 'scalarIScalarO', 'si': 2, 'so': 1}, {'name': 'structIStructO', 'sis': 16, 'sos': 16}]}
    owner = None

    def must_be_open(self, request):
        if self.owner != request['conn']:
            raise Refused(NOT_OPEN)

    def call_0(self, request):
        if self.owner is not None:
            raise Refused(EXCLUSIVE)
        self.owner = request['conn']
        return {}

    def call_1(self, request):
        self.must_be_open(request)
        self.owner = None
        return {}

    def call_2(self, request):
        self.must_be_open(request)
        return {}

    def call_3(self, request):
        self.must_be_open(request)
        return {'sob': struct.pack('<QQ', *request['si'])}

    def call_4(self, request):
        return {'so': [request['si'][0] * request['si'][1] % 2**64]}

    def call_5(self, request):
        self.must_be_open(request)
        return {'sob': request['in']}

    def close(self, request):
        if self.owner == request['conn']:
            self.owner = None


class Sample(Driver):
    """A card with a block of shared memory, and properties that a client may set"""
    lineage = 'SamplePCI'
    properties = {'IONameMatched': 'pci1057,4801', 'vendor-id': {'$hex': '57100000'}}
    buffers = {'shared': 4096}
    methods = {'open': 'ask', 'memory': {'1': 'shared'}, 'methods': [
        {'name': 'swap', 'sis': 12, 'sos': 12}, {'name': 'sum', 'sis': '*', 'sos': 4}]}

    def started(self):
        with open(f'{self.path}/buf/shared', 'r+b') as shared:
            self.memory = mmap.mmap(shared.fileno(), 4096)
        self.memory[:12] = struct.pack('<III', 0x10, 0x20, 0x30)
        self.memory[12:36] = b'the driver wrote this'.ljust(24, b'\0')

    def open(self, request):
        if request['type'] != 23:
            raise Refused(BAD_ARGUMENT)
        return {}

    def call_0(self, request):
        first, second, third = struct.unpack('<III', request['in'])
        return {'sob': struct.pack('<III', third, second + 1, first)}

    def call_1(self, request):
        """Of the bytes, and of the text in shared memory"""
        return {'sob': struct.pack('<I', sum(request['in']) + sum(self.memory[12:36]))}

    def setprops(self, request):
        if request['conn'] is not None:
            raise Refused(BAD_ARGUMENT)
        self.write('prop/value', str(request['props']['value']))
        return {}


class Null(Driver):
    """Checked and unchecked methods, and a callback that is registered once"""
    lineage = 'NullDriver'
    methods = {'kind': 'driverkit', 'methods': [
        {'name': 'scalar', 'si': '*', 'so': '*', 'completion': '*'},
        {'name': 'struct', 'sis': '*', 'sos': '*', 'completion': '*'},
        {'name': 'checkedScalar', 'si': 16, 'so': 16, 'completion': 0},
        {'name': 'checkedStruct', 'sis': 16, 'sos': 16, 'completion': 0},
        {'name': 'register', 'sis': 16, 'sos': 16, 'completion': 1},
        {'name': 'request', 'sis': 16, 'sos': 16, 'completion': '*'}]}

    def started(self):
        self.registered = {}

    def call_0(self, request):
        return {'so': [word + 1 for word in request['si']][:request['so']]}

    def call_1(self, request):
        if len(request['in']) < 16:
            raise Refused(BAD_ARGUMENT)
        return {'sob': self.changed(request) + request['in'][16:]}

    def changed(self, request):
        foo, bar = struct.unpack('<QQ', request['in'][:16])
        return struct.pack('<QQ', foo + 1, bar + 10)

    call_2 = call_0
    call_3 = call_1

    def call_4(self, request):
        self.registered[request['conn']] = request
        return {'sob': request['in']}

    def call_5(self, request):
        if request['conn'] not in self.registered:
            raise Refused(NOT_READY)
        foo, bar = struct.unpack('<QQ', self.changed(request))
        to = request if 'async' in request else self.registered[request['conn']]
        threading.Timer(0.05, self.complete, (to, foo, bar, 0)).start()
        return {'sob': request['in']}

    def close(self, request):
        self.registered.pop(request['conn'], None)


class ConfigSpace(Driver):
    """256 bytes of a device at 00:00.0"""
    lineage = 'AppleACPIPlatformExpert'
    methods = {'methods': [{'name': 'read', 'sis': 32, 'sos': 32}, {'name': 'write', 'sis': 32}]}
    FORMAT = '<QIQIII'

    def started(self):
        self.space = bytearray(256)
        self.space[:4] = struct.pack('<HH', 0x8086, 0x1237)
        self.space[8:12] = bytes((2, 0, 0, 6))

    def place(self, request):
        value, space, address, width, offset, options = struct.unpack(self.FORMAT, request['in'])
        at = address & 0xff
        if space != 2 or address >> 8 or at + width // 8 > 256 or width not in (8, 16, 32) or offset or options:
            raise Refused(BAD_ARGUMENT)
        return value, slice(at, at + width // 8)

    def call_0(self, request):
        value, place = self.place(request)
        value = int.from_bytes(self.space[place], 'little')
        return {'sob': struct.pack('<Q', value) + request['in'][8:]}

    def call_1(self, request):
        value, place = self.place(request)
        if place.start < 0x40:
            raise Refused(NO_RESOURCES)
        self.space[place] = value.to_bytes(place.stop - place.start, 'little')
        return {}


class Smc(Driver):
    """Keys with values; what goes wrong with a key is said in the struct"""
    lineage = 'AppleSMC'
    methods = {'methods': [{'fn': False}, {'fn': False}, {'name': 'key', 'sis': 80, 'sos': 80}]}
    # key, version and limits, size, type, attributes, pad, result, status, data8, pad, data32, bytes
    FORMAT = '<I24sIIB3xBBBxI32s'

    def started(self):
        self.keys = {b'TC0P': (b'sp78', bytes((0x2a, 0x80))), b'FNum': (b'ui8 ', b'\2'), b'#KEY': (b'ui32', bytes((0, 0, 0, 3)))}

    def call_2(self, request):
        key, what, size, kind, attributes, result, status, command, data32, data = struct.unpack(self.FORMAT, request['in'])
        known = self.keys.get(key.to_bytes(4, 'big'))
        if known is None:
            result, data = 0x84, bytes(32)
        elif command == 9:
            result, size, kind = 0, len(known[1]), int.from_bytes(known[0], 'big')
        elif command == 5:
            result, data = 0 if size == len(known[1]) else 0x87, known[1]
        elif command == 6 and size == len(known[1]):
            self.keys[key.to_bytes(4, 'big')] = (known[0], data[:size])
            result = 0
        else:
            result = 0x82
        return {'sob': struct.pack(self.FORMAT, key, what, size, kind, attributes, result, status, command, data32, data)}


class Light(Driver):
    """Two sensors, of which nothing is known at first"""
    lineage = 'AppleLMUController'
    methods = {'methods': [{'name': 'read', 'so': 2}]}
    n_reads = 0

    def call_0(self, request):
        self.n_reads += 1
        if self.n_reads % 3 == 1:
            raise Refused(BUSY)
        return {'so': [1000 + self.n_reads, 2000 + self.n_reads]}


class Refusing(Driver):
    """Says no, by the last part of its name: USPCIO@e00002c5"""
    lineage = 'USPCIO'
    methods = {'open': 'ask', 'methods': [{'name': 'version', 'so': 1}]}

    def open(self, request):
        raise Refused(int(self.path.rpartition('@')[2], 16))

    def call_0(self, request):
        return {'so': [0x0102]}


class Testing(Driver):
    """For connection.c: one method for each thing that a connection does"""
    lineage = 'TestDriver:TestBase'
    buffers = {'shared': 8192, 'fixed': 4096, 'late': 12288}
    queues = {'up': 65536, 'down': 65536}
    methods = {
        'open': 'ask',
        'memory': {'0': 'shared', '1': {'buf': 'fixed', 'ro': True}, '2': 'queues/up/data', '3': 'queues/down/data'},
        'ports': {'2': 'queues/up/notify'},
        'methods': [{'name': name, 'si': '*', 'so': '*', 'sis': '*', 'sos': '*', 'allowAsync': True} for name in (
            'echo', 'scalars', 'gather', 'ticks', 'fail', 'early', 'poke', 'hang', 'entitled')]}
    methods['methods'][8]['ent'] = 'org.example.none'

    def started(self):
        self.gathered = []
        with open(f'{self.path}/buf/fixed', 'r+b') as fixed:
            fixed.write(b'fixed')

    def open(self, request):
        if request['type'] > 100:
            raise Refused(request['type'])
        return {}

    def call_0(self, request):
        return {'sob': request['in'][:request['sos']] if isinstance(request['sos'], int) else request['in']}

    def call_1(self, request):
        return {'so': request['si'][:request['so']]}

    def call_2(self, request):
        """Nobody is answered until so many ask, and then the last first"""
        self.gathered.append(request)
        if len(self.gathered) == request['si'][0]:
            for number, other in enumerate(reversed(self.gathered)):
                self.answer(other, so=[number])
            self.gathered = []

    def call_3(self, request):
        """So many completions, of so many words"""
        self.answer(request)
        for number in range(request['si'][0]):
            self.complete(request, *(number + word for word in range(request['si'][1])), rc=number)

    def call_4(self, request):
        raise Refused(request['si'][0])

    def call_5(self, request):
        """The completion comes before the answer"""
        self.complete(request, 5)
        return {'rc': request['si'][0]}

    def call_6(self, request):
        self.say(notify=request['si'][0], conn=request['conn'], data={'poked': request['si'][1]})
        return {}

    def call_7(self, request):
        return None

    def call_8(self, request):
        return {}

    def mem(self, request):
        if request['type'] == 20:
            return {'buf': 'late', 'ro': False}
        raise Refused(NOT_FOUND)

    def port(self, request):
        if request['type'] != 7:
            raise Refused(ERROR)
        return {}

    def addclient(self, request):
        return {}

    def setprops(self, request):
        if 'Refused' in request['props']:
            raise Refused(request['props']['Refused'])
        return {}


KINDS = {kind.__name__: kind for kind in Driver.__subclasses__()}


if __name__ == '__main__':
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(f'{__doc__}: {", ".join(KINDS)}')
    made = KINDS[sys.argv[1]](sys.argv[2])
    print('ready', flush=True)
    made.serve()
