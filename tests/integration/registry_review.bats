#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What the registry's daemon must stand: callbacks that end what their caller walks, users who
# use up what others need, units and names without end.

load registry

@test "a write that waited for the driver goes on with a line that ends its connection" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0')
		two = Connection(S)
		def say(one, path):
		    fd = one.session if path is None else os.open(path, os.O_WRONLY)
		    return os.write(fd, lines)
		for own in True, False:
		    one = Connection(S)
		    lines = f'addclient {two.number}\nclose\n'.encode()
		    writer = Child(say, one, None if own else one / 'ctl').waits()
		    request = S.asked()
		    equal(request['op'], 'addclient')
		    os.write(S.driver, b'{"id":%d,"rc":0}\n' % request['id'])
		    equal(writer.result(), len(lines))
		    equal(S.asked()['op'], 'close')
		    assert not os.path.exists(one.path)
		    os.close(one.session)
		# The connection's end answers all that waits in it, each once.
		one = Connection(S)
		writers = [Child(say, one, one / 'ctl').waits() for _ in range(3)]
		lines = b'close\n'
		equal(S.asked()['op'], 'addclient')          # the others wait for its lock
		os.write(one.session, b'close\n')
		for writer in writers:
		    refuses(errno.ECANCELED, writer.result)
	END
}

# Each service numbers its own connections.
@test "of another service's connection a driver is told whose it is, as nothing that is a number" {
	start_fsd
	check_registry <<-'END'
		S, Other = Service('S@0'), Service('Other')
		one, two, other = Connection(S), Connection(S), Connection(Other)
		equal([one.number, other.number], [1, 1])
		path = f'IOService/Other/clients/{other.number}'
		whose = read(Other / 'id').strip() + f'.{other.number}'
		for said, told in (f'{two.number}', two.number), (f'IOService/S@0/clients/{two.number}', two.number), (path, whose):
		    client = Child(os.write, one.session, f'addclient {said}\n'.encode())
		    request = S.asked()
		    equal([request['op'], request['to']], ['addclient', told])
		    os.write(S.driver, b'{"id":%d,"rc":0}\n' % request['id'])
		    client.result()
		os.write(S.driver, b'format text\n')
		client = Child(os.write, one.session, f'addclient {path}\n'.encode()).waits()
		line = os.read(S.driver, 4096).decode()
		who = f'uid={os.getuid()} gid={os.getgid()} pid={os.getpid()}'      # opened the file, which the child writes
		equal(line, f'op=addclient id={re.search("id=([0-9]+)", line)[1]} conn={one.number} to={whose} {who}\n')
		os.write(S.driver, line.replace('\n', ' rc=0\n').encode())
		client.result()
	END
}

@test "a shared connection is there until all have left it, and shared once the driver has agreed" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', {'shared': True})
		one, two, three = (Connection(S) for _ in range(3))
		equal(one.number, three.number)
		os.write(one.session, b'close\n')
		refuses(ENODEV, os.write, one.session, b'close\n')
		equal(events(one.session, select.POLLIN), {'IN', 'HUP'})
		os.close(one.session)
		os.write(two.session, b'open\n')
		os.close(two.session)
		os.write(three.session, b'unopen\n')
		os.write(three.session, b'close\n')
		assert not os.path.exists(three.path)

		A = Service('A@0', {'shared': True, 'open': 'ask'})
		first = Child(os.open, A / 'clone', os.O_RDWR)
		ids = [A.asked()['id']]
		second = Child(lambda: int(os.read(os.open(A / 'clone', os.O_RDWR), 64)))
		ids += [A.asked()['id']]
		os.write(A.driver, b'{"id":%d,"rc":"0xe00002c1"}\n' % ids[0])
		refuses(EACCES, first.result)
		os.write(A.driver, b'{"id":%d,"rc":0}\n' % ids[1])
		equal(second.result(), 2)
	END
}

@test "who is given a service has all of it, also what somebody had looked at before" {
	skip_unless_root "a service is given away"
	chmod 0755 "$T"
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', register=False)
		names = ['buf', 'prop', 'clone', 'clone.7', 'ctl', 'props', 'class']
		for name in names:
		    os.stat(S / name)
		queues = os.stat(S / 'queues')
		os.chown(S.path, 1001, 2001)
		equal([(name, os.stat(S / name).st_uid, os.stat(S / name).st_gid) for name in names], [(name, 1001, 2001) for name in names])
		equal(os.stat(S / 'queues').st_uid, queues.st_uid)
		as_user(1001, lambda: os.close(os.open(S / 'buf/b', os.O_RDWR | os.O_CREAT)))
		os.chown(S.path, 1002, 2002)
		refuses(EACCES, as_user, 1001, os.open, S / 'buf/c', os.O_RDWR | os.O_CREAT)
		refuses(EACCES, as_user, 1001, os.unlink, S / 'buf/b')
	END
}

@test "a write of very many lines does not keep the others waiting" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', {'kind': 'any'})
		lines = b'register\n' * 100000
		with opening(S / 'ctl', 'w') as fd:
		    start = time.monotonic()
		    n = os.write(fd, lines)
		    took = time.monotonic() - start
		    assert n % len(b'register\n') == 0 and 0 < n < len(lines) and took < 1, (n, took)
		# Answers are found at once, also the newest of many.
		c = Connection(S)
		calls = [os.open(c / 'm/0', os.O_RDWR) for _ in range(900)]
		for fd in calls:
		    os.write(fd, b'\n')
		for fd in calls[::2]:
		    os.close(fd)
		for number in range(900, 0, -1):
		    os.write(S.driver, b'{"id":%d,"rc":0}\n' % number)
		for fd in calls[1::2]:
		    equal(os.read(fd, 10), b'')
	END
}

@test "names and documents have an end" {
	start_fsd
	check_registry <<-'END'
		here = os.open(entry(), os.O_RDONLY)
		for depth in range(1, 60):
		    try:
		        os.mkdir('d' * 120, dir_fd=here)
		    except OSError as refusal:
		        error = refusal
		        break
		    here = os.open('d' * 120, os.O_RDONLY, dir_fd=here)
		equal((depth, name_of(error.errno)), (34, 'ENAMETOOLONG'))
		names = [os.readlink(f'{MNT}/id/{name}') for name in os.listdir(f'{MNT}/id')]
		assert max(map(len, names)) > 4000
		S = Service('S@0')
		c = Connection(S)
		with opening(c / 'struct/0', 'rw') as fd:
		    for _ in range(4):
		        os.write(fd, b'x' * (1 << 20))
		    refuses(EMSGSIZE, os.write, fd, b'x')
	END
}

@test "what one user has others wait for is his cost, and leaves them their part" {
	skip_unless_root "other users have to be made"
	chmod 0755 "$T"
	start_fsd -o max_queues=8
	check_registry <<-'END'
		A, B = (Service(name, {'kind': 'any'}) for name in ('A@0', 'B@0'))
		# Calls that the driver of A does not read: at the callers' cost, and others may go on.
		large = json.dumps({'sel': 0, 'sib': base64.b64encode(b'x' * (2 << 20)).decode()}).encode()
		def flood(count):
		    c = Connection(A)
		    codes = []
		    for _ in range(count):
		        fd = os.open(c / 'call', os.O_RDWR)
		        data = large
		        while data:
		            data = data[os.write(fd, data):]
		        codes.append(events(fd, select.POLLIN))
		    return sum(1 for code in codes if code)
		refused = as_user(1001, flood, 30)
		assert 0 < refused < 30, refused
		for uid in 0, 1002:
		    def call():
		        c = Connection(B)
		        fd = os.open(c / 'call', os.O_RDWR)
		        os.write(fd, b'{"sel":0}')
		        return os.read(fd, 1000).decode()
		    caller = Child(call, uid=uid)
		    while B.answers()['op'] != 'call':          # the last caller's close
		        pass
		    assert '"rc"' in caller.result()

		def connections():
		    held = []
		    try:
		        while True:
		            held.append(Connection(B))
		    except OSError as error:
		        return len(held), name_of(error.errno)
		n, why = as_user(1001, connections)
		equal(n, 2)
		equal(as_user(1002, connections), (2, why))
		equal(connections()[0], 8)
	END
	expect_log 'sessions of uid 1001 keep more than'
	echo 'of max_queues=8 connections' >>"$T/expected"     # perhaps: few such lines are written
}

@test "whoever waits for a driver may be interrupted, and the driver may be who waits" {
	start_fsd
	check_registry <<-'END'
		import threading
		S = Service('S@0', {'kind': 'any', 'open': 'ask', 'timeout_ms': 30})
		def connect():
		    child = Child(lambda: Connection(S).number)
		    return child, S.asked()
		def answer(request, rc=0, **more):
		    os.write(S.driver, json.dumps({'id': request['id'], 'rc': rc, **more}).encode() + b'\n')
		def drained():
		    ops = []
		    while select.select([S.driver], [], [], 0.2)[0]:
		        ops.append(S.asked()['op'])
		    return ops

		# An open, while the driver is asked; the answer comes too late, and is no error.
		child, request = connect()
		child.kill(); child.end()
		equal(drained(), ['cancel', 'close'])
		answer(request)
		refuses(ENOENT, answer, request)
		# The driver opens, calls, maps and ends its own service, in threads.
		made = []
		def open_own():
		    made.append(Connection(S))
		thread = threading.Thread(target=open_own)
		thread.start()
		answer(S.asked())
		thread.join()
		c = made[0]
		with opening(c / 'm/3', 'rw') as fd:
		    os.write(fd, b'1 2\n')
		    request = S.asked()
		    refuses(errno.ETIMEDOUT, os.read, fd, 10)       # and the answer is too late
		    answer(request, so=[1])
		drained()
		# mem/T and port/T: opens and, where memory is linked, readlink.
		for name, call in (('port/7', os.open), ('mem/7', lambda path, flags: os.readlink(path) if link_mode else os.open(path, flags))):
		    child = Child(call, c / name, os.O_RDONLY)
		    request = S.asked()
		    child.kill(); child.end()
		    eventually(lambda: 'cancel' in drained())
		    answer(request, buf='none')
		    child = Child(call, c / name, os.O_RDONLY)
		    answer(S.asked(), rc='0xe00002c1')
		    refuses(EINVAL if 'mem' in name else EACCES, child.result)
		# All kinds of waiting, when the service ends in the middle of a write to its ctl.
		os.mkdir(S / 'C')
		waiting = [Child(connect_, S / 'clone', os.O_RDWR) for connect_ in [os.open] * 3]
		waiting += [Child(lambda: os.read(os.open(path, os.O_RDONLY), 100)) for path in (S / 'events', c / 'async')]
		waiting += [Child(write, c / 'props', '{"a":1}'), Child(write, S / 'ctl', 'probe 1\nterminate\n')]
		asked = [S.asked() for _ in range(5)]
		answer(next(request for request in asked if request['op'] == 'probe'))
		for child in waiting:
		    try:
		        child.result()
		    except OSError as error:
		        assert error.errno in (errno.ECANCELED, ENODEV, EIO, ESTALE), error
		assert not os.path.exists(S.path)
		refuses(ENODEV, os.write, S.driver, b'{"id":1,"rc":0}\n')
		assert 'HUP' in events(S.driver, select.POLLIN)
	END
}

@test "owners that are seized while they go, and a driver that comes back" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', {'kind': 'any'}, register=False)
		write(S / 'ctl', 'persist\nregister\n')
		clients = [Connection(S) for _ in range(4)]
		write(clients[0] / 'ctl', 'open\n')
		def seize(one):
		    os.close(S.driver)      # the copy of a forked process
		    return os.write(one.session, b'open seize\nunopen\n')
		seizers = [Child(seize, one) for one in clients[1:]]
		asked = [S.asked() for _ in range(3)]
		equal({request['op'] for request in asked}, {'seize'})
		os.write(clients[0].session, b'close\n')
		os.write(S.driver, b'{"id":%d,"rc":0}\n' % asked[1]['id'])
		os.close(S.driver)
		for seizer in seizers:
		    try:
		        seizer.result()
		    except OSError as error:
		        assert error.errno in (errno.ECANCELED, EBUSY, ENODEV), error
		assert os.path.exists(S.path)
		refuses(EAGAIN, Connection, S)
		S.driver = os.open(S / 'driver', os.O_RDWR)
		Connection(S).close()
		equal(read(S / 'owner'), '')
	END
}

@test "memory for reading stays so, by whatever way it is opened again" {
	skip_unless_root "other users have to be made"
	chmod 0755 "$T"
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', {'kind': 'any', 'memory': {'0': {'buf': 'b', 'ro': True}}})
		with opening(S / 'ctl', 'w'):
		    fd = os.open(S / 'buf/b', os.O_RDWR | os.O_CREAT, 0o644)
		os.write(fd, b'data' * 1024)
		def client():
		    c = Connection(S)
		    fd = os.open(c / 'mem/0', os.O_RDONLY)
		    equal(len(mmap.mmap(fd, 4096, prot=mmap.PROT_READ)[:]), 4096)
		    refuses(EACCES, mmap.mmap, fd, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)
		    for path in c / 'mem/0', f'/proc/self/fd/{fd}', os.path.realpath(c / 'mem/0'):
		        for how in 'w', 'rw', 'wt':
		            refuses(EACCES, opened, path, how)
		    refuses(EACCES, os.open, f'/proc/self/fd/{fd}', os.O_RDONLY | os.O_TRUNC)
		    for call, *more in (os.truncate, 0), (os.chmod, 0o666), (os.chown, 1001, 1001):
		        try:
		            call(c / 'mem/0', *more)
		        except PermissionError:
		            continue
		        assert False, call
		    for call, *more in (os.ftruncate, 0), (os.write, b'x'):
		        try:
		            call(fd, *more)
		        except OSError:
		            continue
		        assert False, call
		as_user(1001, client)
		equal(os.pread(fd, 4, 0), b'data')
		equal(os.fstat(fd).st_size, 4096)
	END
}

@test "watches take the memory of who watches; parents are not without end" {
	skip_unless_root "other users have to be made"
	chmod 0755 "$T"
	start_fsd
	check_registry <<-'END'
		def watches():
		    text = json.dumps({'type': 'IOServiceMatched', 'match': {'IONameMatch': ['ab'] * 12000}})
		    held = []
		    try:
		        while len(held) < 500:
		            held.append(opened(f'{MNT}/watch', 'rw'))
		            os.write(held[-1], text.encode())
		    except OSError as error:
		        return len(held), name_of(error.errno)
		n, why = as_user(1001, watches)
		assert 50 < n < 500 and why == 'ENOMEM', (n, why)
		equal(as_user(1002, watches), (n, why))
		for n in range(260):
		    os.mkdir(entry(f'P{n}'))
		os.mkdir(entry('X'))
		with opening(entry('X/ctl'), 'w') as fd:
		    for n in range(255):
		        os.write(fd, b'attach IOService:/P%d\n' % n)
		    refuses(ENOSPC, os.write, fd, b'attach IOService:/P256\n')
		    os.write(fd, b'detach IOService:/P7\nattach IOService:/P256\n')
		equal(len(os.listdir(entry('X/parents'))), 256)
		# quiet, of the root and of one that ends meanwhile.
		with opening(f'{MNT}/quiet') as root, opening(entry('X/quiet')) as fd:
		    equal(os.read(root, 9), b'0\n')
		    write(entry('X/ctl'), 'busy +1\n')
		    equal(events(fd, select.POLLIN), set())
		    write(entry('X/ctl'), 'terminate\n')
		    equal(events(fd, select.POLLIN), {'IN'})
		    equal(os.read(fd, 9), b'')
	END
	expect_log 'sessions of uid 1001 keep more than'
	echo 'sessions of uid 1002 keep more than' >>"$T/expected"
}

@test "a connection that the driver has not agreed to can do nothing" {
	start_fsd
	check_registry <<-'END'
		A = Service('A@0', {'open': 'ask', 'methods': [{'name': 'm'}], 'memory': {'0': 'page'}}, register=False)
		os.close(os.open(A / 'buf/page', os.O_RDWR | os.O_CREAT))
		os.truncate(A / 'buf/page', 4096)
		write(A / 'ctl', 'register\n')
		other = Child(lambda: Connection(A) and signal.pause())
		A.answers()
		opener = Child(Connection, A)
		request = A.asked()
		path = A / f'clients/{request["conn"]}'
		ways = {'call': 'rw', 'm/m': 'rw', 'struct/0': 'rw', 'async': 'r', 'ctl': 'w', 'port/0': 'r', 'mem/0': 'r', 'mem/1': 'r'}
		for name, how in ways.items():
		    refuses(EAGAIN, opened, f'{path}/{name}', how)
		refuses(EAGAIN, write, f'{path}/props', '{"a": 1}')
		refuses(EINVAL, write, A / 'clients/1/ctl', f'addclient {request["conn"]}\n')
		assert not A.is_asked()
		with opening(f"{path}/creator") as fd:                 # it can be looked at
		    equal(os.read(fd, 100), b"pid %d, python3\n" % opener.pid)
		os.write(A.driver, b'{"id":%d,"rc":"kIOReturnNotPermitted"}\n' % request['id'])
		refuses(EPERM, opener.result)
		assert not os.path.exists(path)
	END
}

@test "locking: which requests of a connection its driver has at once, and which wait" {
	start_fsd
	check_registry <<-'END'
		import threading
		OPS = {
		    'call': lambda c, n: call(c),
		    'mem': lambda c, n: os.close(opened(c / 'mem/0')),
		    'addclient': lambda c, n: write(c / 'ctl', f'addclient {c.number}\n'),
		    'port': lambda c, n: os.close(opened(c / f'port/{n}')),
		    'setprops': lambda c, n: write(c / 'props', '{"a": 1}'),
		}
		def call(c):
		    with opening(c / 'call', 'rw') as fd:
		        os.write(fd, b'{"sel": 0}')
		        equal(os.read(fd, 100), b'{"rc":0,"name":"kIOReturnSuccess"}\n')
		def lock(op, default=True, single=False, setprops=False):
		    if op == 'call':
		        return default and ('write' if single else 'read')
		    return {'port': True, 'setprops': setprops}.get(op, default) and 'write'
		def together(one, two):
		    return not one or not two or one == two == 'read'
		for i, locking in enumerate(({}, {'single': True}, {'default': False}, {'setprops': True}, {'default': False, 'single': True})):
		    S = Service(f'S@{i}', {'methods': [{}], 'locking': locking}, register=False)
		    os.close(os.open(S / 'buf/page', os.O_RDWR | os.O_CREAT))
		    os.truncate(S / 'buf/page', 4096)
		    write(S / 'ctl', 'register\n')
		    pairs = [(Connection(S), one, two) for one in OPS for two in OPS]
		    threads, asked = [], []
		    def start(op, *arguments):
		        threads.append(threading.Thread(target=OPS[op], args=arguments, daemon=True))
		        threads[-1].start()
		    def take(n):
		        while len(asked) < n:
		            request = S.asked()
		            if 'id' in request:
		                asked.append(request)
		    def answer(requests):
		        for request in requests:
		            os.write(S.driver, b'{"id":%d,"rc":0,"buf":"page"}\n' % request['id'] if request['op'] == 'mem' else
		                     b'{"id":%d,"rc":0}\n' % request['id'])
		    for c, one, _ in pairs:
		        start(one, c, 0)
		    take(len(pairs))
		    first = list(asked)
		    for c, _, two in pairs:
		        start(two, c, 1)
		    wanted = [(c.number, two) for c, one, two in pairs if together(lock(one, **locking), lock(two, **locking))]
		    take(len(pairs) + len(wanted))
		    equal(sorted((request['conn'], request['op']) for request in asked[len(pairs):]), sorted(wanted))
		    never(S.is_asked)
		    answer(first)
		    take(2 * len(pairs))
		    answer(asked[len(pairs):])
		    for thread in threads:
		        thread.join(PATIENCE)
		        assert not thread.is_alive(), locking
	END
}

@test "memory grows by what its driver writes behind its end, to the limit, and by nothing that a client writes" {
	start_fsd -o max_queue_size=1048576
	check_registry <<-'END'
		S = Service('S@0', {'methods': [{}], 'memory': {'0': 'page'}}, register=False)
		page = os.open(S / 'buf/page', os.O_RDWR | os.O_CREAT)
		equal(os.pwrite(page, b'x' * 4096, 0), 4096)
		write(S / 'ctl', 'register\n')
		memory = Connection(S) / 'mem/0'
		if not os.path.islink(memory):      # or it is the file itself
		    with opening(memory, 'rw') as fd:
		        equal(os.pwrite(fd, b'y' * 10, 4090), 6)
		        refuses(ENOSPC, os.pwrite, fd, b'y', 4096)
		        equal(os.pread(fd, 100, 4088), b'xxyyyyyy')
		        equal(os.fstat(fd).st_size, 4096)
		os.close(page)
		with opening(S / 'buf/page', 'rw') as page:
		    equal(os.fstat(page).st_size, 4096)
		    equal(os.pwrite(page, b'z' * 8, 4096), 8)
		    equal([os.stat(S / 'buf/page').st_size, os.pread(page, 100, 4096)], [4104, b'z' * 8])
		    if not os.path.islink(memory):
		        refuses(ENOSPC, os.pwrite, page, b'z', 1 << 20)
		        equal(os.stat(S / 'buf/page').st_size, 4104)
		    with mmap.mmap(page, 4104) as mapped:
		        equal(mapped[4096:], b'z' * 8)
		        mapped[4096] = ord('m')
		        equal(os.pread(page, 2, 4096), b'mz')
	END
}

@test "completions are kept for all connections of a user together, until somebody reads them or they end" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', {'kind': 'any'})
		connections = [Connection(S) for _ in range(5)]
		def complete(c, n, reference):
		    text, at = b'{"async":%d,"conn":%d,"rc":0}\n' % (reference, c.number) * n, 0
		    while at < len(text):
		        at += os.write(S.driver, text[at:at + (1 << 20)])
		def kept(c):
		    with opening(c / 'async', 'rn') as fd:
		        try:
		            return os.read(fd, 100).splitlines()[0]
		        except BlockingIOError:
		            return None
		for c in connections:
		    complete(c, 65534, 1)
		equal(kept(connections[4]), None)
		connections[0].close()
		complete(connections[4], 1, 2)
		equal(json.loads(kept(connections[4])), {'ref': 2, 'rc': 0, 'args': []})
		equal(json.loads(kept(connections[3])), {'ref': 1, 'rc': 0, 'args': []})
	END
	expect_log 'does not read its completions'
}

@test "a method with output of any size is called in words without any" {
	start_fsd
	check_registry <<-'END'
		for kind in '2022', 'driverkit', 'any':
		    S = Service(f'S{kind}', {'kind': kind, 'methods': [{'name': 'both', 'si': 1, 'so': 1, 'sos': '*'}]})
		    def by_file(path):
		        with opening(path, 'rw') as fd:
		            os.write(fd, b'6\n')
		            return os.read(fd, 100)
		    connection = Connection(S)
		    client = Child(by_file, connection / 'm/both')
		    request = S.answers(so=[7])
		    equal([request[key] for key in ('si', 'so', 'sos')], [[6], 1, 0])
		    equal(client.result(), b'7\n')
	END
}

@test "methods of descriptors are called by every file, with scalars of 32 bits" {
	start_fsd
	check_registry <<-'END'
		S = Service('S', {'kind': 'legacy', 'methods': [
		    {'name': 'add', 'type': 'ScalarIScalarO', 'c0': 2, 'c1': 1}, {'name': 'get', 'c1': 8, 'type': 'ScalarIStructO'},
		    {'name': 'echo', 'type': 'StructIStructO', 'c0': '*', 'c1': 4}, {'name': 'put', 'c0': 0, 'c1': 3, 'type': 'ScalarIStructI'},
		    {'name': 'one', 'type': 'ScalarIStructO', 'c0': 1, 'c1': 8}]})
		connection = Connection(S)
		def by_file(name, data):
		    with opening(connection / name, 'rw') as fd:
		        if data:
		            os.write(fd, data)
		        return os.read(fd, 100)
		def call(name, data, asked, **answer):
		    client = Child(by_file, name, data)
		    eventually(lambda: S.is_asked() or client.is_done())
		    request = S.answers(**answer) if S.is_asked() else {}
		    line = client.result()
		    equal({key: request.get(key) for key in ('si', 'so', 'sib', 'sos')}, {'si': [], 'so': 0, 'sib': None, 'sos': 0} | asked)
		    return line
		base64_of = lambda data: base64.b64encode(data).decode()
		equal(call('m/add', b'0x100000006 7\n', {'si': [6, 7], 'so': 1}, so=[(1 << 32) + 13]), b'13\n')
		equal(json.loads(call('call', b'{"sel": 0, "si": [4294967302, 7], "so": 1}', {'si': [6, 7], 'so': 1}, so=[(5 << 32) + 1])),
		      {'rc': 0, 'name': 'kIOReturnSuccess', 'so': [1]})
		equal(call('struct/get', b'', {'sos': 8}, sob=base64_of(b'12345678')), b'12345678')
		equal(call('struct/echo', b'abc', {'sib': base64_of(b'abc'), 'sos': 4}, sob=base64_of(b'ABC')), b'ABC')
		equal(call('struct/put', b'abc', {'sib': base64_of(b'abc')}), b'')
		equal(call('m/one', b'9\n', {'si': [9], 'sos': 8}, sob=base64_of(b'12345678')), b'')
	END
}
