# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# streams.bash - checks of streams, from Python
#
#	check_streams ARG... <<-'END'	as `check_registry`, with what is below at hand
#
# A test that needs no look at anything but one stream begins with `s = Stream('s')`: output,
# three buffers of 4096 and 64 bytes.

load registry

streams_python() {
	cat <<-'END'
		from errno import ECANCELED, ECONNABORTED, ENOBUFS, ENODATA, ENOTCONN, EPIPE, EPROTO, ESRCH
		EBADFD = 77
		ENTRY = struct.Struct('<5I12x')
		PRI, ERR = select.POLLPRI, select.POLLERR
		HOLDERS = ['driver', 'output', 'client', 'input']
		COUNTS = ['frames', 'bytes', 'frames_out', 'bytes_out', 'frames_in', 'bytes_in', 'dropped', 'overruns', 'discarded', 'errors',
		          'sequence']
		CODES = {'Error': (0x2bc, EIO), 'NoResources': (0x2be, ENOBUFS), 'NoDevice': (0x2c0, ENODEV), 'BadArgument': (0x2c2, EINVAL),
		         'ExclusiveAccess': (0x2c5, EBUSY), 'Unsupported': (0x2c7, EOPNOTSUPP), 'InternalError': (0x2c9, EPROTO),
		         'NotOpen': (0x2cd, ENXIO), 'StillOpen': (0x2d2, EBUSY), 'Busy': (0x2d5, EBUSY), 'NotReady': (0x2d8, EBADFD),
		         'NoSpace': (0x2db, ENOSPC), 'Aborted': (0x2eb, ECANCELED), 'NotFound': (0x2f0, ENOENT)}

		def gives(name, call, *arguments, **named):
		    """`call` is refused with the code of that name: its errno, and exactly this code in err/PID"""
		    number, wanted = CODES[name]
		    refuses(wanted, call, *arguments, **named)
		    equal(said()[:2], (f'0x{0xe0000000 + number:08x}', f'kIOReturn{name}'))

		def once(path, text, how='w'):
		    """One write(2), and how much of it was taken"""
		    with opening(path, how) as fd:
		        return os.write(fd, text if isinstance(text, bytes) else text.encode())

		def wait_events(fd, wanted, what):
		    eventually(lambda: wanted <= events(fd, select.POLLIN | select.POLLOUT | PRI), what)

		class Ring:
		    """output/data or input/data, by what is written of it and nothing else"""
		    def __init__(self, path, how='rw'):
		        with opening(path, how) as fd:
		            self.page = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | (mmap.PROT_WRITE if 'w' in how else 0))
		        self.words = memoryview(self.page).cast('I')
		    count, head, tail = (property(lambda self, i=i: self.words[i]) for i in range(3))

		    def put(self, *fields):
		        head = self.head
		        assert (head + 1) % self.count != self.tail, 'full'
		        ENTRY.pack_into(self.page, 16 + 32 * head, *fields, *(5 - len(fields)) * [0])
		        self.words[1] = (head + 1) % self.count

		    def get(self):
		        tail = self.tail
		        if tail == self.head:
		            return None
		        entry = list(ENTRY.unpack_from(self.page, 16 + 32 * tail))
		        self.words[2] = (tail + 1) % self.count
		        return entry

		class Stream:
		    """One that is made, unless it is there"""
		    def __init__(self, name='s', mode=None, buffers=3, size=4096, control=64, parent=None):
		        self.path = f'{parent or MNT + "/streams"}/{name}'
		        if os.path.exists(self.path):
		            return
		        os.mkdir(self.path)
		        for i in range(buffers):
		            os.mkdir(self / f'buffers/{i}')
		            if i == 0 and size != 4096:
		                self.set('buffers/0/size', size)
		            if i == 0 and control != 64:
		                self.set('buffers/0/control_size', control)
		        if mode and mode != 'output':
		            self.set('mode', mode)

		    def __truediv__(self, name):
		        return f'{self.path}/{name}'

		    def value(self, name):
		        text = read(self / name)
		        assert text.endswith('\n') and text.count('\n') == 1, f'{name}: {text!r}'
		        return text[:-1]

		    def number(self, name):
		        return int(self.value(name))

		    def set(self, name, value):
		        write(self / name, f'{value}\n')

		    state = property(lambda self: self.value('state'))
		    holders = property(lambda self: [self.value(f'buffers/{i}/holder') for i in range(self.number('buffers/count'))])
		    lengths = property(lambda self: (self.number('output/length'), self.number('input/length')))

		    def stats(self, *names):
		        """Those that are not 0, or those asked for"""
		        found = {name: self.number(f'stats/{name}') for name in names or COUNTS}
		        return tuple(found.values()) if names else {name: n for name, n in found.items() if n}

		    def becomes(self, state):
		        eventually(lambda: self.state == state, f'{state}, not {self.state},')

		    def open(self, how='rw'):
		        return opened(self / 'io', how)

		    def started(self, how='rw'):
		        fd = self.open(how)
		        self.set('start', 1)
		        return fd

		    def line(self, name, how='rn'):
		        """One line, without waiting"""
		        with opening(self / name, how) as fd:
		            return os.read(fd, 4096).decode()

		    def entry(self, name='output/dequeue'):
		        line = self.line(name)
		        return [int(field) for field in line.split()] if line else None

		    def fill(self, i, data):
		        with opening(self / f'buffers/{i}/data', 'rw') as fd:
		            equal(os.pwrite(fd, data, 0), len(data))

		    def bytes_of(self, i, size=4096, at=0):
		        with opening(self / f'buffers/{i}/data') as fd:
		            return os.pread(fd, size, at)

		    def send(self, data=b'', i=0, control=0):
		        """As a driver by files: one frame, and the client is told"""
		        self.fill(i, data)
		        self.set('driver/enqueue', f'{i} 0 {len(data)} 0 {control}')
		        self.set('driver/notify', 1)

		    def seen(self):
		        """All of it that can be seen"""
		        found = {}
		        for top, folders, files in os.walk(self.path):
		            for name in folders + files:
		                path = os.path.join(top, name)
		                about = os.stat(path) if os.path.exists(path) else os.lstat(path)
		                found[path] = [stat.filemode(about.st_mode), about.st_uid, about.st_gid]
		                if name not in BLOCK and stat.S_ISREG(about.st_mode) and about.st_mode & 0o444:
		                    with contextlib.suppress(OSError), opening(path, 'rn') as fd:
		                        found[path].append(os.pread(fd, 1 << 20, 0))
		        return found

		# Reading one of these takes something away, opens something, or waits.
		BLOCK = {'io', 'dequeue', 'notify', 'notify_sync', 'control', 'last_error'}

		@contextlib.contextmanager
		def kept(stream):
		    """Nothing of it changes"""
		    before = stream.seen()
		    yield
		    after = stream.seen()
		    changed = {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
		               if before.get(path) != after.get(path)}
		    assert not changed, f'changed: {changed}'

		class Driver:
		    """Who has driver/control open, in this process"""
		    def __init__(self, stream):
		        self.fd = opened(stream / 'driver/control', 'rw')

		    def asked(self):
		        """The next line"""
		        assert select.select([self.fd], [], [], PATIENCE)[0], 'the driver was asked nothing'
		        line = b''
		        while not line.endswith(b'\n'):
		            line += os.read(self.fd, 1)
		        return line[:-1].decode()

		    def is_asked(self):
		        return bool(events(self.fd, select.POLLIN))

		    def say(self, text):
		        os.write(self.fd, f'{text}\n'.encode())

		    def answers(self, question, code=0):
		        """It is asked that, and says so"""
		        line = self.asked()
		        assert line.startswith(question), f'{line}, not {question}'
		        self.say(code)
		        return line

		    def client(self, stream, *calls):
		        """Another process that has io open, and then made the calls"""
		        def run():
		            os.close(self.fd)
		            fd = stream.open()
		            for call in calls:
		                call(fd)
		            os.write(told, b'.')
		            signal.pause()
		        ready, told = os.pipe()
		        child = Child(run)
		        self.answers(f'open {child.pid} {os.geteuid()}')
		        os.close(told)
		        equal(os.read(ready, 1), b'.')
		        os.close(ready)
		        return child

		    def close(self):
		        os.close(self.fd)
	END
}

check_streams() { check_registry "$@" < <(streams_python; cat); }
