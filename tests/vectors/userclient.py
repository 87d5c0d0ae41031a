#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""userclient.py FSD PROGRAM VECTORS LIBRARY [NAME...] - the lines of VECTORS, said with the files of a mount, and through libqueue

Each line has an fsd of its own, and real drivers and clients. Nothing here knows what is right: an operation becomes reads and
writes of files, what these gave becomes a result, and the line says whether that is the one. The lines that LIBRARY names are
said by PROGRAM, run_userclient_vectors, alone; what both can say is said both ways. With NAMEs, only these. TAP.
"""
import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
import threading

from mounted import PATIENCE, Mount, Skip, lines_of, read, run_lines, wait_for, words_of, write


class Service:
    """A directory; with a driver, what it is asked"""
    def __init__(self, mount, name='Vector', methods=None, buffers=()):
        self.mount, self.path, self.asked, self.driver = mount, mount / f'IOService/{name}', [], -1
        self.answers = {}               # op: rc
        os.mkdir(self.path)
        for name in buffers:
            with open(self / f'buf/{name}', 'wb') as file:
                file.truncate(4096)
        if methods is not None:
            write(self / 'methods', json.dumps(methods))

    def __truediv__(self, name):
        return f'{self.path}/{name}'

    def control(self, words):
        write(self / 'ctl', words + '\n')

    def register(self):
        self.control('register')
        read(self.mount / 'quiet')

    def serve(self):
        self.driver = os.open(self / 'driver', os.O_RDWR | os.O_CLOEXEC)
        threading.Thread(target=self.run, daemon=True).start()
        self.register()
        return self

    def run(self):
        text = b''
        while True:
            try:
                data = os.read(self.driver, 65536)
            except OSError:             # the mount has gone
                return
            if not data:
                return
            *lines, text = (text + data).split(b'\n')
            for line in lines:
                self.answer(json.loads(line))

    def answer(self, request):
        self.asked.append(request)
        if 'id' in request:
            answer = {'id': request['id'], 'rc': self.answers.get(request['op'], 0), 'so': [0] * request.get('so', 0)}
            if request['op'] != 'call':
                del answer['so']
            with contextlib.suppress(OSError):      # a call that is not waited for any more
                self.say(answer)

    def say(self, line):
        os.write(self.driver, json.dumps(line).encode() + b'\n')

    def count(self, op):
        return sum(request['op'] == op for request in self.asked)


class Connection:
    def __init__(self, service):
        self.service = service
        self.fd = os.open(service / 'clone', os.O_RDWR | os.O_CLOEXEC)
        self.number = int(os.read(self.fd, 64))
        self.path = service / f'clients/{self.number}'

    def __truediv__(self, name):
        return f'{self.path}/{name}'

    def control(self, words):
        os.write(self.fd, words.encode() + b'\n')

    def call(self, document):
        """The name of its result"""
        fd = os.open(self / 'call', os.O_RDWR | os.O_CLOEXEC)
        try:
            os.write(fd, json.dumps(document).encode() + b'\n')
            return json.loads(os.read(fd, 1 << 20))['name']
        finally:
            os.close(fd)


# --- families of lines: a method for each operation

class Family:
    def __init__(self, mount, given):
        self.mount, self.given = mount, given

    @staticmethod
    def policy(given, operations):
        del operations
        rules = {}
        if given.get('ents'):
            rules['entitlements'] = [{'match': {'uid': os.getuid()}, 'grant': {name: True for name in given['ents']}}]
        return rules

    def run(self, operation):
        words = dict(operation)
        return getattr(self, words.pop('op'))(**words)


class Dispatch(Family):
    WORDS = {'csi': 'si', 'csis': 'sis', 'cso': 'so', 'csos': 'sos'}

    def __init__(self, mount, given):
        super().__init__(mount, given)
        self.service = Service(mount, methods=self.methods()).serve()
        self.connection = Connection(self.service)

    @staticmethod
    def policy(given, operations):
        rules = Family.policy(given, operations)
        if any(operation.get('gpu_denied') for operation in operations):
            rules['foreground'] = [{'match': {'uid': os.getuid()}, 'allow': False}]
        return rules

    def methods(self):
        kind = self.given['kind']
        if kind == 'none':
            return None
        if kind == 'legacy':
            return {'kind': kind, 'methods': [self.given['method']]}
        if self.given['table'] is None:
            return {'kind': kind}
        return {'kind': kind, 'methods': [{self.WORDS.get(key, key): value for key, value in method.items()}
                                          for method in self.given['table']]}

    def call(self, sel, si, sis, so, sos, gpu_denied=False, **asynchronous):
        del gpu_denied
        document = {'sel': sel, 'si': [0] * si, 'so': so, 'sos': sos}
        if sis:
            document['sihex'] = '00' * sis
        if asynchronous.pop('async', False):
            document['async'] = 1
        assert not asynchronous
        before = self.service.count('call')
        code = self.connection.call(document)
        return {'called': True} if self.service.count('call') > before else {'called': False, 'rc': code}


class Privilege(Family):
    """A process with these credentials opens a service whose `methods` ask for the privilege"""
    @staticmethod
    def policy(given, operations):
        rules = Family.policy(given, operations)
        if given['cred'].get('gpu_denied'):
            rules['foreground'] = [{'match': {'uid': given['cred']['uid']}, 'allow': False}]
        return rules

    def hasPrivilege(self, name):
        service = Service(self.mount, methods={'privilege': name}).serve()
        cred, (theirs, out), (go, ours) = self.given['cred'], os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            self.child(service, cred, out, go)
        os.close(out)
        os.close(go)
        session = os.read(theirs, 64).decode()
        if session.startswith('!'):
            raise Skip(session[1:])
        write(self.mount / 'console', json.dumps(self.console(pid, session)))
        os.write(ours, b'.')
        code = os.read(theirs, 256).decode()
        os.waitpid(pid, 0)
        return {'rc': code}

    def console(self, pid, session):
        """As given, with the numbers that the process really has"""
        users = []
        for user in self.given['console']:
            user = dict(user)
            if 'session' in user and 'session' in self.given['cred']:
                same = user['session'] == self.given['cred']['session']
                user['session'] = int(session) if same else int(session) + 1
            if 'securePid' in user:
                user['securePid'] = pid if user['securePid'] == self.given['cred']['pid'] else os.getpid()
            users.append(user)
        return users

    def child(self, service, cred, out, go):
        try:
            if 'session' in cred:       # a new one begins when this is set
                try:
                    write('/proc/self/loginuid', str(cred['uid']))
                except OSError as error:
                    os.write(out, f'!no audit session can be begun here: {error}'.encode())
                    os._exit(0)
            os.write(out, read('/proc/self/sessionid').encode())
            os.read(go, 1)
            os.setgroups([])
            os.setresgid(*3 * [cred['uid']])
            os.setresuid(*3 * [cred['uid']])
            os.write(out, self.mount.code_of(os.open, service / 'clone', os.O_RDWR).encode())
        finally:
            os._exit(0)


class Open(Family):
    def serviceOpen(self):
        words = {'IOUserClientDefaultLocking': 'default', 'IOUserClientDefaultLockingSetProperties': 'setprops',
                 'IOUserClientDefaultLockingSingleThreadExternalMethod': 'single'}
        methods = {}
        if 'entitlement' in self.given:
            methods['IOUserClientEntitlements'] = self.given['entitlement']
        if 'locking' in self.given:
            methods['locking'] = {words[key]: value for key, value in self.given['locking'].items()}
        service = Service(self.mount, methods=methods)
        if self.given['userClientClass'] is None:
            service.register()
        else:
            service.serve()
        return {'rc': self.mount.code_of(Connection, service)}


class Exclusive(Family):
    def __init__(self, mount, given):
        super().__init__(mount, given)
        self.service = Service(mount, methods={}).serve()
        self.clients = {name: Connection(self.service) for name in 'AB'}

    def open(self, client, seize=False, ownerCloses=True):
        self.service.answers['seize'] = 0 if ownerCloses else 0xe00002d5
        return self.mount.code_of(self.clients[client].control, 'open seize' if seize else 'open') == 'kIOReturnSuccess'

    def close(self, client):
        with contextlib.suppress(OSError):
            self.clients[client].control('unopen')

    def isOpen(self, client):
        owner = read(self.service / 'owner').strip()
        return owner != '' if client is None else owner == str(self.clients[client].number)

    def terminate(self):
        self.service.control('terminate')


class Life(Family):
    def __init__(self, mount, given):
        super().__init__(mount, given)
        memory = given.get('memory', {})
        self.service = Service(mount, buffers=[f'type{kind}' for kind in memory], methods={
            'methods': [{'name': 'nothing'}],
            'memory': {kind: {'buf': f'type{kind}', 'ro': rights == 'ro'} for kind, rights in memory.items()}}).serve()
        for kind, rights in memory.items():     # where memory is a link, its mode alone can say it
            os.chmod(self.service / f'buf/type{kind}', 0o444 if rights == 'ro' else 0o666)
        self.connection = Connection(self.service)
        if 'qlimit' in given:
            self.connection.control(f'qlimit {given["qlimit"]}')
        self.completions = os.open(self.connection / 'async', os.O_RDONLY | os.O_NONBLOCK)
        self.memory = None

    def IOServiceClose(self):
        return self.mount.code_of(self.connection.control, 'close')

    def die(self):
        os.close(self.connection.fd)

    def count(self):
        """What was written to the driver before this is asked was written before its answer"""
        wait_for(lambda: not os.path.exists(self.connection.path), 'the end of the connection')
        Connection(self.service).call({'sel': 0})
        return {'clientClose': sum(request['op'] == 'close' and request['conn'] == self.connection.number
                                   for request in self.service.asked)}

    def terminate(self):
        self.call_session = os.open(self.connection / 'call', os.O_RDWR)
        self.service.control('terminate')

    def call(self):
        return self.mount.code_of(os.write, self.call_session, b'{"sel":0}\n')

    def mapMemory(self, type, flags=0):
        assert flags == 0
        path = self.connection / f'mem/{type}'
        def open_it():
            try:
                self.memory = os.open(path, os.O_RDWR)
            except PermissionError:
                self.memory = os.open(path, os.O_RDONLY)
        return self.mount.code_of(open_it)

    def writable(self, type):
        """Where memory is a link, root may open what nobody may write"""
        del type
        opened = fcntl.fcntl(self.memory, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
        return opened and os.fstat(self.memory).st_mode & 0o222 != 0

    def sendAsync(self, nargs, n=1, canDrop=False):
        line = {'async': 1, 'conn': self.connection.number, 'rc': 0, 'args': [0] * nargs, 'candrop': canDrop}
        for _ in range(n):
            code = self.mount.code_of(self.service.say, line)
        return code

    def queued(self):
        return len(lines_of(self.completions, 1))


class Registry(Family):
    def __init__(self, mount, given):
        super().__init__(mount, given)
        self.paths, self.ids, dying = {}, {}, []
        for entry in given['registry']:
            self.make(entry)
        for entry in given['registry']:
            state = entry.get('state', 0x1e)
            if state:
                write(f'{self.paths[entry["id"]]}/ctl', 'register\n')
            if state & 1:
                dying.append(entry['id'])
        read(mount / 'quiet')
        for number in dying:
            write(f'{self.paths[number]}/ctl', 'terminate\n')

    def make(self, entry):
        above = self.paths[entry['parent']] if 'parent' in entry else self.mount / 'IOService'
        path = f'{above}/{entry["name"]}' + (f'@{entry["location"]}' if 'location' in entry else '')
        os.mkdir(path)
        write(f'{path}/class', ':'.join(entry.get('lineage', [entry['class']])).removesuffix(':IOService:IORegistryEntry:OSObject'))
        if 'props' in entry:
            write(f'{path}/props', json.dumps(entry['props']))
        self.paths[entry['id']] = path
        self.ids[read(f'{path}/id').strip()] = entry['id']

    def of_plane_path(self, path):
        """Of this line: IOResources and the root are of no entry's number"""
        try:
            real = read(self.mount / (path.replace(':', '', 1).rstrip('/') + '/id')).strip()
        except FileNotFoundError:
            return None
        return self.ids.get(real, 'root' if real == read(self.mount / 'IOService/id').strip() else 'another')

    def numbers(self, value):
        """With the real entry IDs"""
        real = {number: int(text, 0) for text, number in self.ids.items()}
        if isinstance(value, dict):
            return {key: real[item] if key == 'IORegistryEntryID' else self.numbers(item) for key, item in value.items()}
        return value

    def to_library(self, line):
        """The same operations, with the real entry IDs"""
        real = {number: int(text, 0) for text, number in self.ids.items()}
        return {**line, 'ops': [{key: real[value] if key == 'id' else self.numbers(value) for key, value in operation.items()}
                                for operation in line['ops']]}

    def from_library(self, result):
        """The same result, with the line's own numbers"""
        if isinstance(result, list):
            return sorted(number for number in map(self.from_library, result) if number != 'another')
        if isinstance(result, int):
            root = read(self.mount / 'IOService/id').strip()
            return self.ids.get(hex(result), 'root' if hex(result) == root else 'another')
        return result

    def getMatching(self, dict):
        session = os.open(self.mount / 'match', os.O_RDWR)
        os.write(session, json.dumps(self.numbers(dict)).encode() + b'\n')
        found = [self.of_plane_path(line) for line in lines_of(session)]
        return sorted(number for number in found if number != 'another')

    def fromPath(self, path):
        return self.of_plane_path(path)

    def getPath(self, id):
        return read(f'{self.paths[id]}/path').splitlines()[0]


class Notify(Family):
    def __init__(self, mount, given):
        super().__init__(mount, given)
        self.services, self.watch = {}, os.open(mount / 'watch', os.O_RDWR)
        for name in given['existing']:
            self.event(name)

    def event(self, service, n=1):
        if service not in self.services:
            self.services[service] = Service(self.mount, service)
        for _ in range(n):
            self.services[service].register()

    def add(self, type):
        code = self.mount.code_of(os.write, self.watch, json.dumps({'type': type, 'match': {'IOProviderClass': 'IOService'}}).encode() + b'\n')
        self.lines = lines_of(self.watch) if code == 'kIOReturnSuccess' else []
        self.lines = [line for line in self.lines if 'IOResources' not in line]
        return code

    def next(self):
        line = json.loads(self.lines.pop(0))
        return None if 'armed' in line else line['path'].rpartition('/')[2]

    def drainCount(self):
        return sum('path' in json.loads(line) for line in lines_of(self.watch, 1))


class Events(Family):
    def __init__(self, mount, given):
        super().__init__(mount, given)
        self.events = os.open(mount / 'events', os.O_RDONLY)
        self.service = Service(mount)

    def register(self):
        self.service.register()
        return [json.loads(line)['type'] for line in lines_of(self.events)]


class Terminate(Family):
    """Which session became readable before which, epoll says: it hands out what is ready in that order

    The services are busy before, for else the first line would be that they are now.
    """
    def terminate(self, service):
        paths = {service: self.mount / f'IOService/{service}'}
        paths |= {name: f'{paths[service]}/{name}' for name in self.given['tree'][service]}
        for path in paths.values():
            os.mkdir(path)
            write(f'{path}/ctl', 'register\n')
        read(self.mount / 'quiet')
        for path in paths.values():
            write(f'{path}/ctl', 'busy +1\n')
        events, order = os.open(self.mount / 'events', os.O_RDONLY), select.epoll()
        sessions = {os.open(f'{path}/events', os.O_RDONLY): name for name, path in paths.items()}
        for session in sessions:
            order.register(session, select.EPOLLIN | select.EPOLLET)
        write(f'{paths[service]}/ctl', 'terminate\n')
        seen = [json.loads(line) for line in lines_of(events)]
        said = [f'{event["type"]} {event["path"].rpartition("/")[2]}' for event in seen]
        for session, _ in order.poll(1):
            messages = [json.loads(line)['message'] for line in lines_of(session)]
            said += [f'IsTerminated {sessions[session]}' for message in messages if int(message, 0) == 0xe0000010]
        return said


class Busy(Family):
    def __init__(self, mount, given):
        super().__init__(mount, given)
        self.paths, path = {}, mount / 'IOService'
        for i, name in enumerate(given['chain']):
            path = f'{path}/{name}' if i else path
            os.makedirs(path, exist_ok=True)
            self.paths[name] = path

    def adjustBusy(self, on, by):
        write(f'{self.paths[on]}/ctl', f'busy {by:+d}\n')

    def busy(self):
        return {name: int(read(f'{path}/busy')) for name, path in self.paths.items()}


FAMILIES = {'d2022': Dispatch, 'classic': Dispatch, 'driverkit': Dispatch, 'base': Dispatch, 'legacy': Dispatch, 'priv': Privilege,
            'open': Open, 'excl': Exclusive, 'life': Life, 'match': Registry, 'path': Registry, 'notify': Notify, 'register': Events,
            'terminate': Terminate, 'busy': Busy}


# --- running

def unordered(results, operations):
    """Of services that match, the order does not count"""
    return [sorted(result) if operation['op'] == 'getMatching' else result for result, operation in zip(results, operations)]


def by_files(mount, line):
    place = FAMILIES[line['name'].split('-')[0]](mount, line['given'])
    return [place.run(operation) for operation in line['ops']]


def by_library(program):
    def way(mount, line):
        place = Registry(mount, line['given']) if 'registry' in line['given'] else None
        said = run_program(mount, place.to_library(line) if place else line)
        return [place.from_library(result) for result in said] if place else said

    def run_program(mount, line):
        environment = {**os.environ, 'FSD_MOUNT': mount.path}
        for sanitizer in 'ASAN_OPTIONS', 'TSAN_OPTIONS':        # a line is about what cannot be allocated
            environment[sanitizer] = os.environ.get(sanitizer, '') + ':allocator_may_return_null=1'
        done = subprocess.run([program], input=json.dumps(line), capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env=environment)
        if done.returncode:
            raise RuntimeError(f'exit status {done.returncode}: {done.stderr}')
        return json.loads(done.stdout)
    return way


def check(fsd, line, way):
    """None, or what is wrong"""
    family, operations = FAMILIES.get(line['name'].split('-')[0], Family), line['ops']
    if family is Privilege and os.getuid() != 0:
        raise Skip('needs root: other users have to be made')
    mount = Mount(fsd, family.policy(line['given'], operations))
    try:
        seen = way(mount, line)
    finally:
        mount.close()
    wanted = unordered(line['expect'], operations)
    return None if seen == wanted else f'wanted {json.dumps(wanted)}\nseen   {json.dumps(seen)}'


def ways_of(line, left, program):
    name, ways = line['name'], {}
    if name not in left:
        ways['files'] = by_files
    if name in left or 'memory' in line['given'] or FAMILIES[name.split('-')[0]] in (Dispatch, Exclusive, Registry, Notify):
        ways['library'] = by_library(program)
    return ways


def main(fsd, program, vectors, library, *names):
    lines = [json.loads(line) for line in read(vectors).splitlines()]
    left = words_of(library)
    lines = [line for line in lines if line['name'] in names or not names]
    return run_lines(lines, lambda line, way: check(fsd, line, way), lambda line: ways_of(line, left, program))


sys.exit(main(*sys.argv[1:]))
