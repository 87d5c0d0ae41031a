# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# registry.bash - checks of services, connections and sessions, from Python
#
#	check_registry ARG... <<-'END'	as `check`, with what is below at hand; $MNT is MNT there

load checks

registry_python() {
	cat <<-'END'
		import base64, json, re
		MNT = os.environ['MNT']
		SHOWN = {'id', 'name', 'location', 'path', 'class', 'classes', 'state', 'busy', 'owner', 'props', 'methods',
		         'type', 'creator', 'console', 'policy', 'capacity', 'entries'}

		def entry(name=''):
		    return f'{MNT}/IOService/{name}'.rstrip('/')

		def write(path, text, how='w'):
		    """All of it, in as many writes as it takes, and close"""
		    data = text if isinstance(text, bytes) else text.encode()
		    fd = opened(path, how)
		    try:
		        while data:
		            data = data[os.write(fd, data):]
		    except OSError:
		        with contextlib.suppress(OSError):
		            os.close(fd)
		        raise
		    os.close(fd)

		def make(*names):
		    for name in names:
		        os.mkdir(entry(name))

		def control(name, line):
		    write(entry(name) + '/ctl', line + '\n')

		def number(path):
		    return read(path + '/id').strip()

		def write_bytes(path, text, how='w'):
		    """A byte a write"""
		    fd = opened(path, how)
		    try:
		        for byte in text if isinstance(text, bytes) else text.encode():
		            os.write(fd, bytes([byte]))
		    except OSError:
		        with contextlib.suppress(OSError):
		            os.close(fd)
		        raise
		    os.close(fd)

		def read(path, size=1 << 20):
		    with opening(path) as fd:
		        return os.read(fd, size).decode()

		def said(pid=None):
		    """Of the last refusal: code, its name, the sentence"""
		    lines = read(f'{MNT}/err/{pid or os.getpid()}').splitlines()
		    code, _, name = lines[0].partition(' ')
		    return code, name, lines[1] if len(lines) > 1 else ''

		def says(wanted, pattern, call, *arguments, **named):
		    """`call` is refused with the errno, and err/PID has a sentence with the pattern"""
		    refuses(wanted, call, *arguments, **named)
		    assert re.search(pattern, said()[2]), f'{said()} has no {pattern}'

		def snapshot():
		    """All that can be seen below the mount, but who was refused what"""
		    seen = {}
		    for top, folders, files in os.walk(MNT):
		        if top == MNT:
		            folders.remove('err')
		        for name in folders + files:
		            path = os.path.join(top, name)
		            found = os.lstat(path)
		            seen[path] = [stat.filemode(found.st_mode), found.st_uid, found.st_gid]
		            if stat.S_ISLNK(found.st_mode):
		                with contextlib.suppress(OSError):      # memory of a stream that is closed
		                    seen[path] += [os.readlink(path)]
		            elif stat.S_ISREG(found.st_mode) and (name in SHOWN or os.path.basename(top) == 'prop'):
		                seen[path] += [found.st_size, read(path)]
		    return seen

		@contextlib.contextmanager
		def nothing_changed():
		    before = snapshot()
		    yield
		    after = snapshot()
		    changed = {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
		               if before.get(path) != after.get(path)}
		    assert not changed, f'changed: {changed}'

		class Service:
		    """One that this process drives"""
		    def __init__(self, name, methods=None, properties=None, register=True):
		        self.path = entry(name)
		        os.mkdir(self.path)
		        write(self / 'class', re.sub('\\W.*', '', name))
		        if properties:
		            write(self / 'props', json.dumps(properties))
		        write(self / 'methods', json.dumps(methods or {}))
		        self.driver = os.open(self / 'driver', os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
		        if register:
		            write(self / 'ctl', 'register\n')

		    def __truediv__(self, name):
		        return f'{self.path}/{name}'

		    def asked(self):
		        """The next request"""
		        assert select.select([self.driver], [], [], PATIENCE)[0], 'the driver was asked nothing'
		        line = b''
		        while not line.endswith(b'\n'):
		            line += os.read(self.driver, 1)
		        return json.loads(line)

		    def is_asked(self):
		        return bool(events(self.driver, select.POLLIN))

		    def answers(self, **fields):
		        """The next request, which it answers if it is a question"""
		        request = self.asked()
		        if 'id' in request:
		            os.write(self.driver, json.dumps({'id': request['id'], 'rc': 0, **fields}).encode() + b'\n')
		        return request

		class Connection:
		    def __init__(self, service, name='clone'):
		        self.session = os.open(f'{getattr(service, "path", service)}/{name}', os.O_RDWR | os.O_CLOEXEC)
		        self.number = int(os.read(self.session, 64))
		        self.path = f'{getattr(service, "path", service)}/clients/{self.number}'

		    def __truediv__(self, name):
		        return f'{self.path}/{name}'

		    def close(self):
		        os.close(self.session)
		        eventually(lambda: not os.path.exists(self.path), 'the connection is gone')
	END
}

check_registry() { check "$@" < <(registry_python; cat); }
