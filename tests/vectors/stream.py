#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stream.py FSD ACTOR UNSAID VECTORS [NAME...] - the lines of VECTORS, said to a stream of a mount in six ways

    files-alone     by files alone: clients are processes, and the driver has no session
    files-provider  likewise, but the driver has `driver/control` open, and answers what it is asked
    library         driver and clients are ACTORs, programs of the library, each told what to do
    library-client  files-alone for the driver, an actor for each client
    library-driver  an actor for the driver, files for the clients
    connection      by methods, traps, memory and ports of connections to the stream's entry in the registry, and else by files

Nothing here knows what is right: an operation becomes reads and writes of files, or functions of the library; what these gave
becomes a result, and the line says whether that is the one. UNSAID has what these have no word for: operations; lines; and
operations of a line, by its name, a colon and the operation's number. With NAMEs, only these lines. TAP.
"""
import contextlib
import errno
import gzip
import json
import mmap
import multiprocessing
import os
import re
import signal
import struct
import subprocess
import sys
import threading
from multiprocessing.connection import wait

from mounted import Mount, read, run_lines, wait_for, write

SUCCESS = 'kIOReturnSuccess'
RESULTS = 'ret', 'value', 'entry', 'size', 'id', 'discontinuity'
ERRNO = {'Success': 0, 'Error': errno.EIO, 'NoMemory': errno.ENOMEM, 'NoResources': errno.ENOBUFS, 'NoDevice': errno.ENODEV,
         'BadArgument': errno.EINVAL, 'ExclusiveAccess': errno.EBUSY, 'Unsupported': errno.EOPNOTSUPP,
         'InternalError': errno.EPROTO, 'NotOpen': errno.ENXIO, 'StillOpen': errno.EBUSY, 'Busy': errno.EBUSY,
         'NotReady': errno.EBADFD, 'NotAttached': errno.ENOTCONN, 'NoSpace': errno.ENOSPC, 'NotPermitted': errno.EPERM,
         'Underrun': errno.EAGAIN, 'Overrun': errno.EAGAIN, 'Aborted': errno.ECANCELED, 'NotFound': errno.ENOENT}
END = ('kIOReturnNotReady', 'kIOReturnUnderrun')        # of a file: it is stopped, or a drain is over
FIELDS = 'buffer', 'data_offset', 'data_length', 'control_offset', 'control_length'
HEADER, ENTRY = 16, 32                  # bytes of a ring's head, and of an entry
CONTROL_HEADER, FLAGS_AT = 64, 48       # in a control area; `version` is behind the flags


class Refused(Exception):
    """With the name of the IOReturn"""


class Hands:
    """What one process does with the files of a stream; OSErrors have their exact code in err/PID"""
    def __init__(self, mount, stream):
        self.mount, self.stream, self.session, self.nothing = mount, stream, -1, None

    def begin(self):
        """What err/PID says before the next refusal is nothing that anything here is refused with"""
        with contextlib.suppress(OSError):
            os.mkdir(f'{self.mount}/err/nothing')
        self.nothing = self.last()

    def last(self):
        try:
            return read(f'{self.mount}/err/{os.getpid()}').split()[1]
        except FileNotFoundError:
            return None

    def do(self, what, *arguments):
        self.begin()
        try:
            return getattr(self, what)(*arguments)
        except OSError as error:
            raise Refused(self.code(what, error)) from error

    def code(self, what, error):
        """
        The exact one; it must belong to the errno. That a name is not there, the kernel may know without fsd, and that there is
        nothing to be read now is no refusal.
        """
        code, known = self.last(), {errno.ENOENT: 'kIOReturnNotFound'}
        if what == 'take':
            known[errno.EAGAIN] = 'kIOReturnUnderrun'
        if code == self.nothing and error.errno in known:
            return known[error.errno]
        if ERRNO.get(code.removeprefix('kIOReturn')) != error.errno:
            raise ValueError(f'{error.strerror}, and err/PID says {code}')
        return code

    # --- files

    def open(self):
        session = os.open(f'{self.stream}/io', os.O_RDWR)
        assert self.session < 0, 'it is open twice'
        self.session = session

    def close(self):
        os.close(self.session)
        self.session = -1

    def write(self, name, text):
        write(f'{self.stream}/{name}', text)

    def take(self, name):
        """What there is without waiting; None at the end"""
        fd = os.open(f'{self.stream}/{name}', os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.read(fd, 4096).decode() or None
        finally:
            os.close(fd)

    def make(self, name):
        os.mkdir(f'{self.stream}/{name}')

    def remove(self, name):
        os.rmdir(f'{self.stream}/{name}')

    def snapshot(self, name):
        with open(f'{self.stream}/{name}', 'rb') as file:
            return file.read()

    # --- what no honest client does

    @contextlib.contextmanager
    def input_ring(self):
        fd = os.open(f'{self.stream}/input/data', os.O_RDWR)
        try:
            with mmap.mmap(fd, 0) as ring:
                yield ring
        finally:
            os.close(fd)

    def poke_entry(self, raw):
        with self.input_ring() as ring:
            count, head = struct.unpack_from('<II', ring, 0)
            struct.pack_into('<5I12x', ring, HEADER + head * ENTRY, *raw)
            struct.pack_into('<I', ring, 4, (head + 1) % count)

    def poke_head(self, head):
        with self.input_ring() as ring:
            struct.pack_into('<I', ring, 4, head)


class Process:
    """A client: Hands in a process of its own"""
    def __init__(self, hands):
        self.pipe, theirs = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.run(hands, theirs)
        theirs.close()
        assert self.pipe.recv() == 'ready'

    @staticmethod
    def run(hands, pipe):
        try:
            os.closerange(3, pipe.fileno())
            os.closerange(pipe.fileno() + 1, 1024)
            pipe.send('ready')
            while True:
                what, *arguments = pipe.recv()
                try:
                    pipe.send((None, hands.do(what, *arguments)))
                except Exception as error:      # pylint: disable=broad-except
                    pipe.send((error, None))
        finally:
            os._exit(0)

    def ask(self, *what):
        self.pipe.send(what)

    def answer(self):
        error, result = self.pipe.recv()
        if error:
            raise error
        return result

    def do(self, *what):
        self.ask(*what)
        return self.answer()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pipe.close()


class Provider:
    """Holds `driver/control`, and agrees to everything"""
    def __init__(self, stream):
        self.control, (self.ended, self.end) = os.open(f'{stream}/driver/control', os.O_RDWR), os.pipe()
        self.answering, self.thread = threading.Lock(), threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.ended not in wait([self.control, self.ended]):
            self.answer()

    def answer(self):
        """Whatever there is to be answered now"""
        with self.answering:
            while wait([self.control], 0):
                for line in os.read(self.control, 4096).decode().splitlines():
                    if line.split()[0] != 'close':
                        os.write(self.control, b'0\n')

    def close(self):
        os.close(self.end)
        self.thread.join()
        os.close(self.control)
        os.close(self.ended)


# --- a stream, and what is asked of it the same in any way

class Stream:
    def __init__(self, mount, program):
        self.mount, self.program = mount, program
        self.service = mount / 'IOService/Vector'
        self.path = f'{self.service}/streams/stream0'
        self.clients, self.heard = {}, []
        os.mkdir(self.service)
        write(f'{self.service}/ctl', 'register\n')

    def file(self, name):
        return read(f'{self.path}/{name}').rstrip('\n')

    def run(self, operation):
        """What it gave, by the names of RESULTS"""
        words = {key: value for key, value in operation.items() if key not in RESULTS}
        try:
            return {'ret': SUCCESS, **(getattr(self, words.pop('op'))(**words) or {})}
        except Refused as refused:
            return {'ret': refused.args[0]}

    def state(self):
        return {'value': self.file('state')}

    def holder(self, buffer):
        return {'value': self.file(f'buffers/{buffer}/holder')}

    def refs(self, buffer):
        return {'value': int(self.file(f'buffers/{buffer}/refs'))}

    def stat(self, name):
        return {'value': int(self.file(f'stats/{name}'))}

    def terminate(self):
        write(f'{self.service}/ctl', 'terminate\n')

    def gone(self, pid):
        """The kernel tells fsd of a last close when nobody waits for that any more"""
        wait_for(lambda: self.file('client') != str(pid), 'the end of the session')


class ByFiles(Stream):
    def __init__(self, mount, program, line):
        super().__init__(mount, program)
        self.hands = Hands(mount.path, self.path)
        self.make(line)

    def make(self, line):
        os.mkdir(self.path)
        for buffer in line['buffers']:
            self.add_buffer(**buffer)
        self.hands.write('queue_length', f'{line.get("queue_length", 0)}\n')
        self.hands.write('mode', line['mode'] + '\n')
        if 'modes' in line:
            self.hands.write('driver/modes', ' '.join(line['modes']) + '\n')

    def end(self):
        for client in self.clients.values():
            client.kill()

    def client(self, name='A'):
        if name not in self.clients:
            self.clients[name] = Process(self.hands)
        return self.clients[name]

    # --- sessions

    def open(self, client='A'):
        self.client(client).do('open')

    def close(self, client='A'):
        self.client(client).do('close')
        self.gone(self.client(client).pid)

    def die(self, client='A'):
        process = self.clients.pop(client)
        process.kill()
        self.gone(process.pid)

    def start(self, client='A'):
        self.client(client).do('write', 'start', '1\n')

    def stop(self, client='A'):
        self.client(client).do('write', 'stop', '1\n')

    def suspend(self, client='A'):
        self.client(client).do('write', 'suspend', '1\n')

    def drain(self, client='A'):
        self.client(client).do('write', 'drain', '1\n')

    def set_mode(self, mode):
        self.hands.do('write', 'mode', mode + '\n')

    def get_mode(self):
        return {'value': self.file('mode')}

    # --- entries

    @staticmethod
    def entry(words):
        return ' '.join(str(words.get(field, 0)) for field in FIELDS) + '\n'

    def entry_of(self, text):
        if text is None:
            assert self.file('state') == 'stopped', 'the end of a file, and it is ' + self.file('state')
            return {'ret': END}
        return {'entry': [int(word) for word in text.split()]}

    def enqueue_output(self, **words):
        """What `driver/discontinuity` says before, the frame's control header says then, where it has one"""
        says, header = self.file('driver/discontinuity') == '1', f'{self.path}/buffers/{words["buffer"]}/control'
        has_header = self.begin_header(header)
        self.hands.do('write', 'driver/enqueue', self.entry(words))
        if has_header:
            with open(header, 'rb') as file:
                flags = struct.unpack_from('<I', file.read(), FLAGS_AT)[0]
            assert flags == says, f'driver/discontinuity is {says}, and the flags of the frame are {flags}'
        return {'discontinuity': says}

    @staticmethod
    def begin_header(header):
        """Where there is one, and the driver has it: whoever else may not write there"""
        if not os.path.exists(header) or os.path.getsize(header) < CONTROL_HEADER:
            return False
        with open(header, 'r+b', buffering=0) as file:
            try:
                os.pwrite(file.fileno(), struct.pack('<II', 0, 1), FLAGS_AT)
            except OSError:
                return False
        return True

    def enqueue_input(self, client='A', **words):
        self.client(client).do('write', 'input/enqueue', self.entry(words))

    def dequeue_output(self, client='A'):
        return self.entry_of(self.client(client).do('take', 'output/dequeue'))

    def dequeue_input(self):
        return self.entry_of(self.hands.do('take', 'driver/dequeue'))

    def poke_input(self, raw):
        self.client().do('poke_entry', raw)

    def poke_input_head(self, head):
        self.client().do('poke_head', head)

    def report_drop(self, n):
        self.hands.do('write', 'driver/drop', f'{n}\n')

    # --- notifications

    def send_output_notification(self):
        self.hands.do('write', 'driver/notify', '1\n')

    def read_output_notify(self):
        try:
            return {'value': int(self.client().do('take', 'output/notify'))}
        except Refused as refused:      # there is none
            assert str(refused) == 'kIOReturnUnderrun', refused
            return {'value': 0}

    def send_input_notification(self, token=0, client='A'):
        self.client(client).do('write', 'input/notify', f'{token}\n')

    def send_input_sync_notification(self, token=0, client='A'):
        process = self.client(client)
        process.ask('write', 'input/notify_sync', f'{token}\n')
        self.serve_sync(process)
        process.answer()

    def serve_sync(self, process):
        """Be the driver, who hears of it and goes on, until the client has its answer"""
        notify = os.open(f'{self.path}/driver/notify', os.O_RDONLY | os.O_NONBLOCK)
        try:
            while process.pipe not in wait([notify, process.pipe]):
                self.heard += os.read(notify, 4096).decode().splitlines()
                if self.heard[-1].startswith('sync'):
                    self.hands.do('write', 'driver/ack', '1\n')
        finally:
            os.close(notify)

    def take_input_callbacks(self):
        heard, self.heard = self.heard, []
        with contextlib.suppress(Refused):
            while True:
                heard += self.hands.do('take', 'driver/notify').splitlines()
        return {'value': [[kind, int(token)] for kind, token in map(str.split, heard)]}

    # --- buffers and queues

    def add_buffer(self, data, control=0):
        """All or nothing"""
        number = self.file('buffers/count')
        self.hands.do('make', f'buffers/{number}')
        sizes = {'size': data, 'control_size': control}
        try:
            for name in sorted(sizes, key=sizes.get, reverse=True):     # it is never without both
                self.hands.do('write', f'buffers/{number}/{name}', f'{sizes[name]}\n')
        except Refused:
            self.hands.remove(f'buffers/{number}')
            raise
        return {'id': int(number)}

    def remove_buffer(self, buffer):
        self.hands.do('remove', f'buffers/{buffer}')

    def remove_all_buffers(self):
        for buffer in reversed(range(int(self.file('buffers/count')))):
            self.remove_buffer(buffer)

    def buffer_count(self):
        return {'value': int(self.file('buffers/count'))}

    def buffer_with_id(self, buffer):
        return {'value': os.path.isdir(f'{self.path}/buffers/{buffer}')}

    def get_buffer_info(self, buffer):
        return {'value': [int(self.file(f'buffers/{buffer}/{size}')) for size in ('size', 'control_size')]}

    def create_queues(self, length=0):
        self.hands.do('write', 'driver/queues', f'create {length}\n')

    def destroy_queues(self):
        self.hands.do('write', 'driver/queues', 'destroy\n')

    def queue(self, name):
        try:
            ring = self.hands.do('snapshot', name)
        except Refused:
            assert self.file('driver/queues') == 'none'
            return {'value': None}
        count, *indices = struct.unpack_from('<III', ring)
        assert self.file('driver/queues') == str(count)
        return {'value': [count, *indices]}

    def output_queue(self):
        return self.queue('output/data')

    def input_queue(self):
        return self.queue('input/data')


class ByProvider(ByFiles):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.provider = Provider(self.path)

    def run(self, operation):
        """What nobody waits for is asked, too: a stop, when a drain has ended"""
        result = super().run(operation)
        if self.provider:
            self.provider.answer()
        return result

    def terminate(self):
        self.provider.close()
        self.provider = None

    def end(self):
        if self.provider:
            self.provider.close()
        super().end()


# --- by the library

class Actor:
    """A program that is told operations, one a line, and says what each gave"""
    def __init__(self, program, role, mount):
        self.program = subprocess.Popen([program, role, 'Vector', 'stream0'], env={**os.environ, 'FSD_MOUNT': mount.path}, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid, self.pipe = self.program.pid, self.program.stdout

    def ask(self, operation):
        self.program.stdin.write(json.dumps(operation) + '\n')
        self.program.stdin.flush()

    def answer(self):
        answer = self.pipe.readline()
        if not answer:
            raise RuntimeError(f'an actor ended with {self.program.wait()}')
        return json.loads(answer)

    def do(self, operation):
        self.ask(operation)
        return self.answer()

    def end(self):
        """It ends well by itself"""
        self.program.stdin.close()
        status = self.program.wait()
        self.pipe.close()
        assert status == 0, f'an actor ended with {status}'

    def kill(self):
        self.program.kill()
        self.program.wait()
        self.program.stdin.close()
        self.pipe.close()


class LibraryClients(ByFiles):
    """Each client is an actor"""
    OF_CLIENTS = {'open', 'close', 'start', 'stop', 'suspend', 'drain', 'enqueue_input', 'dequeue_output', 'set_mode', 'get_mode',
                  'set_output_callback', 'run_loop', 'send_input_notification', 'send_input_sync_notification', 'get_buffer_info',
                  'buffer_count', 'poke_input', 'poke_input_head'}

    def client(self, name='A'):
        if name not in self.clients:
            self.clients[name] = Actor(self.program, 'client', self.mount)
        return self.clients[name]

    def run(self, operation):
        words = {key: value for key, value in operation.items() if key not in RESULTS}
        if words['op'] not in self.OF_CLIENTS:
            return super().run(operation)
        client = self.client(words.pop('client', 'A'))
        client.ask(words)
        if words['op'] == 'send_input_sync_notification':
            self.serve_sync(client)
        result = client.answer()
        if words['op'] == 'close' and result['ret'] == SUCCESS:
            self.gone(client.pid)
        return result

    def read_output_notify(self):
        try:
            return {'value': int(self.hands.do('take', 'output/notify'))}
        except Refused as refused:
            assert str(refused) == 'kIOReturnUnderrun', refused
            return {'value': 0}

    def end(self):
        for client in self.clients.values():
            client.end()


class ByConnection(ByFiles):
    """Each client has a connection to the stream's entry in the registry; what that has no method for is a file"""
    OF_CONNECTIONS = {'open', 'close', 'start', 'stop', 'suspend', 'set_mode', 'get_mode', 'buffer_count', 'map_memory',
                      'register_port', 'send_input_notification', 'send_input_sync_notification'}

    def __init__(self, *arguments):
        self.connections, self.opener = {}, 'A'
        super().__init__(*arguments)

    def run(self, operation):
        words = {key: value for key, value in operation.items() if key not in RESULTS}
        if words['op'] not in self.OF_CONNECTIONS:
            return super().run(operation)
        name = words.pop('client', self.opener if words['op'] == 'set_mode' else 'A')
        if name not in self.connections:
            self.connections[name] = Actor(self.program, 'connection', self.mount)
        self.connections[name].ask(words)
        if words['op'] == 'send_input_sync_notification':
            self.serve_sync(self.connections[name])
        result = self.connections[name].answer()
        if words['op'] == 'open' and result['ret'] == SUCCESS:
            self.opener = name
        if words['op'] == 'map_memory' and result['ret'] == 'kIOReturnBadArgument':
            result['ret'] = self.why(self.connections[name].pid)
        return result

    def why(self, pid):
        """A map that is refused is a bad argument, whatever clientMemoryForType() said; that is said beside it"""
        return re.search(r'refused this memory type: 0x\w+ (\w+)$', read(self.mount / f'err/{pid}').strip())[1]

    def die(self, client='A'):
        connection = self.connections.pop(client)
        connection.kill()
        self.gone(connection.pid)

    def end(self):
        super().end()
        for connection in self.connections.values():
            connection.end()


class LibraryDriver(ByFiles):
    """The driver is an actor, which makes the stream"""
    OF_DRIVER = {'enqueue_output', 'dequeue_input', 'report_drop', 'send_output_notification', 'add_buffer', 'remove_buffer',
                 'remove_all_buffers', 'buffer_count', 'buffer_with_id', 'refs', 'create_queues', 'destroy_queues', 'output_queue',
                 'input_queue', 'get_mode'}

    sent = 0

    def make(self, line):
        self.driver = Actor(self.program, 'driver', self.mount)
        self.driver.do({key: value for key, value in line.items() if key not in ('ops', 'name')})

    def run(self, operation):
        """What nobody waits for is asked of it, too: a stop, when a drain has ended"""
        words = {key: value for key, value in operation.items() if key not in RESULTS}
        result = self.driver.do(words) if words['op'] in self.OF_DRIVER else super().run(operation)
        if words['op'].startswith('send_input_') and result['ret'] == SUCCESS:
            self.sent += 1
        if self.driver:
            self.driver.do({'op': 'settle'})
        return result

    def serve_sync(self, process):
        """It does so by itself"""

    def take_input_callbacks(self):
        sent, self.sent = self.sent, 0
        return self.driver.do({'op': 'take_input_callbacks', 'sent': sent})

    def gone(self, pid):
        super().gone(pid)
        if self.driver and self.driver.do({'op': 'wait_for_close'})['ret'] != SUCCESS:
            raise TimeoutError('the driver heard of no close')

    def terminate(self):
        """Its process ends, as after this nothing is asked of it"""
        self.driver.kill()
        wait_for(lambda: self.file('state') in ('dead', 'closed'), 'the end of the driver')
        self.driver = None

    def end(self):
        super().end()
        if self.driver:
            self.driver.end()


class ByLibrary(LibraryDriver, LibraryClients):
    """Both"""
    def run(self, operation):
        both = {'buffer_count', 'get_mode'}
        if operation['op'] in both:
            of_client = LibraryClients.run(self, operation)
            assert of_client == self.driver.do(operation), 'the two ends say two things'
        return super().run(operation)


# --- running

def compare(stream, line, skipped):
    """None, or what is wrong at the first operation that gave what it should not"""
    for number, operation in enumerate(line['ops']):
        if skipped & {operation['op'], f'{line["name"]}:{number}'}:
            continue
        seen = stream.run(operation)
        if not all(operation[key] == seen.get(key) or (seen.get(key) == END and operation[key] in END)
                   for key in RESULTS if key in operation):
            return f'operation {number} {json.dumps(operation)}\ngave {json.dumps(seen)}'
    return None


def saying(fsd, actor, make, skipped):
    """A way to say a line"""
    def way(line):
        with contextlib.ExitStack() as stack:
            mount = Mount(fsd)
            stack.callback(mount.close)
            stream = make(mount, actor, line)
            stack.callback(stream.end)
            return compare(stream, line, skipped)
    return way


def left_out(path, who):
    """What is not said where `who` say it: the lines of `path` are who, what, and why"""
    rows = [row.split('\t') for row in read(path).splitlines() if row and row[0] != '#']
    return {what for one, what, _ in rows if one in who}


def run(fsd, actor, unsaid, lines):
    """Exit status"""
    ways = {}
    for way, make, *who in (
            ('files-alone', ByFiles, 'files', 'driver-files', 'files-alone'),
            ('files-provider', ByProvider, 'files', 'driver-files', 'files-provider'),
            ('library', ByLibrary, 'library', 'driver-library'),
            ('library-client', LibraryClients, 'library', 'driver-files', 'files-alone'),
            ('connection', ByConnection, 'connection', 'driver-files', 'files-alone'),
            ('library-driver', LibraryDriver, 'files', 'driver-library')):
        ways[way] = left_out(unsaid, who), make
    calls = {way: saying(fsd, actor, make, skipped) for way, (skipped, make) in ways.items()}
    return run_lines(lines, lambda line, way: way(line),
                     lambda line: {way: call for way, call in calls.items() if line['name'] not in ways[way][0]})


def main(fsd, actor, unsaid, vectors, *names):
    with gzip.open(vectors, 'rt') as file:
        lines = [json.loads(line) for line in file]
    return run(fsd, actor, unsaid, [line for line in lines if line['name'] in names or not names])


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
