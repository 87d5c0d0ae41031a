#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Whatever a user does with the mount, it stays his own affair: the others do not wait for him,
# do not lose what is theirs, and he does not get what is not his.

load users

@test "who writes asynchronously to what is full can be killed, and delays nobody's close" {
	start_for_users
	as_user 1003 mkdir "$MNT/queues/full"
	mkdir "$MNT/queues/q"
	check_users <<-'END'
		full, q = Queue(f'{MNT}/queues/full'), Queue(f'{MNT}/queues/q')
		libc = ctypes.CDLL(None, use_errno=True)
		IO_SETUP, IO_SUBMIT, IO_GETEVENTS = {'x86_64': (206, 209, 208), 'aarch64': (0, 2, 4)}[os.uname().machine]
		SIZE, PWRITE = 61440, 1
		memory = mmap.mmap(-1, SIZE)            # O_DIRECT wants whole pages
		address = ctypes.addressof(ctypes.c_char.from_buffer(memory))

		def writes():
		    become(other[0], other[1])
		    fd = os.open(full / 'enqueue', os.O_WRONLY | os.O_DIRECT)
		    context = ctypes.c_ulong(0)
		    assert libc.syscall(IO_SETUP, 1, ctypes.byref(context)) == 0, 'no asynchronous I/O'
		    block = ctypes.create_string_buffer(struct.pack('<QIIHhIQQqQII', 0, 0, 0, PWRITE, 0, fd, address, SIZE, 0, 0, 0, 0))
		    libc.syscall(IO_SUBMIT, context, ctypes.c_long(1), ctypes.byref(ctypes.c_void_p(ctypes.addressof(block))))
		    libc.syscall(IO_GETEVENTS, context, ctypes.c_long(1), ctypes.c_long(1), ctypes.create_string_buffer(32), None)
		    signal.pause()

		def started():
		    pid = os.fork()
		    if pid == 0:
		        with contextlib.suppress(BaseException):
		            writes()
		        os._exit(1)
		    return pid
		with opening(full / 'enqueue', 'wn') as fd, contextlib.suppress(BlockingIOError):
		    while True:
		        os.write(fd, bytes(SIZE))
		entries = full.number('entries')
		left = {started() for _ in range(20)}
		def waits(pid):
		    return read(f'/proc/{pid}/syscall').split()[0] in (str(IO_SUBMIT), str(IO_GETEVENTS))
		eventually(lambda: all(map(waits, left)), 'they wait')
		q.put(b'entry')                         # opens, writes and closes
		eventually(lambda: q.value('producer_pid') == 'none', 'the producer is gone')
		assert not any(os.waitpid(pid, os.WNOHANG)[0] for pid in left)
		for pid in left:
		    os.kill(pid, signal.SIGKILL)
		def gone():
		    left.difference_update([pid for pid in left if os.waitpid(pid, os.WNOHANG)[0]])
		    return not left
		eventually(gone, 'who was killed is gone')
		equal(full.number('entries'), entries)
		full.write('reset', '1')
	END
}

@test "what was written before is not looked at again with each byte that follows" {
	start_fsd
	check_registry <<-'END'
		blanks = b' ' * 1000000
		with opening(f'{MNT}/match', 'rw') as fd:
		    equal(os.write(fd, blanks + b'{'), 1000001)
		    for _ in range(50000):
		        os.write(fd, b' ')
		    os.write(fd, b'}')
		    equal(os.read(fd, 100), b'IOService:/IOResources\n')
		with opening(f'{MNT}/ctl', 'w') as fd:
		    equal(os.write(fd, blanks), 1000000)
		    for _ in range(50000):
		        os.close(os.dup(fd))            # is that a line without an end?
	END
}

@test "lines of nothing are told in parts, too, and keep nobody waiting" {
	start_for_users
	check_users <<-'END'
		S = Service('S', {'kind': 'any'})
		def writes():
		    with opening(S / 'ctl', 'w') as fd:
		        data = b'\n' * 1000000
		        while data:
		            data = data[os.write(fd, data):]
		run_as(other, writes)
		equal(read(S / 'busy'), '0\n')
	END
}

@test "who is refused in many processes takes no place in err from the others" {
	start_for_users
	check_users <<-'END'
		S = Service('S', {'privilege': 'root'})
		def is_refused():
		    refuses(EACCES, opened, S / 'clone', 'rw')
		def said_to(pid):
		    return read(f'{MNT}/err/{pid}').split()[1]
		ready = os.pipe()
		def waits():
		    become(*friend[:2])
		    is_refused()
		    os.write(ready[1], b'.')
		    signal.pause()
		def many():
		    for _ in range(100):
		        pid = os.fork()
		        if pid == 0:
		            with contextlib.suppress(BaseException):
		                is_refused()
		            os._exit(0)
		        os.waitpid(pid, 0)
		    is_refused()
		    return said()[1]
		child = Child(waits)
		os.read(ready[0], 1)
		for _ in range(11):
		    equal(run_as(other, many), 'kIOReturnNotPrivileged')    # his last one is there
		equal(said_to(child.pid), 'kIOReturnNotPrivileged')
		of_other = [name for name in os.listdir(f'{MNT}/err') if os.stat(f'{MNT}/err/{name}').st_uid == other[0]]
		equal(len(of_other), 256)
		child.end()
	END
}

@test "of queues, streams and services a user may make a part, and leaves the others theirs" {
	echo '{ "publish": [ { "uid": 1003 } ] }' >policy.json
	echo '{ "queues": [ { "name": "a", "owner": "1002" }, { "name": "b", "owner": "1002" }, { "name": "c", "owner": "1002" } ] }' >config.json
	start_for_users -p policy.json -c config.json -o max_queues=20
	check_users <<-'END'
		def made(folder, names):
		    """How many there can be of them, and why there are no more"""
		    n, why = 0, None
		    for name in names:
		        try:
		            os.mkdir(f'{folder}/{name}')
		            n += 1
		        except OSError as error:
		            why = (name_of(error.errno), read(f'{MNT}/err/{os.getpid()}'))
		            break
		    return n, why
		folders = {'services': entry(), 'queues': f'{MNT}/queues', 'streams': f'{MNT}/streams'}
		for what, folder in folders.items():
		    n, (why, sentence) = run_as(other, made, folder, [f'{what}{n}' for n in range(30)])
		    equal((why, n), ('ENOSPC', 5 if what != 'streams' else 0))    # a stream is a service, too
		    assert 'a user has at most a quarter' in sentence, sentence
		# What he takes away he may make again, and not more of it.
		run_as(other, os.rmdir, folders['queues'] + '/queues0')
		equal(run_as(other, made, folders['queues'], 'xy')[0], 1)
		# Others have their own; what the configuration made for him counts.
		equal(run_as(friend, made, folders['queues'], 'fghijk')[0], 2)
		equal(run_as(owner, made, folders['streams'], 'lmnopqrst')[0], 5)
		# A chown of root's changes nothing for who made it.
		os.chown(folders['queues'] + '/queues1', owner[0], owner[1])
		equal(run_as(owner, made, folders['queues'], 'ABCDEFGH')[0], 5)
		# Root has all that is left.
		equal(made(folders['queues'], [f'root{n}' for n in range(30)])[0], 20 - 3 - 5 - 2 - 5)
	END
	expect_log 'services uid 1003 has his part'
	echo 'max_queues=20' >>"$T/expected"
	stop_fsd
}

@test "directories that one user holds open have a limit of their names, and others list theirs" {
	start_for_users
	check_users <<-'END'
		import resource
		from errno import ENOMEM
		resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
		for n in range(500):
		    os.mkdir(f'{MNT}/streams/{"s" * 100}{n}')
		def opens_many(path):
		    """As often as he may; what he has can still be read"""
		    become(*other[:2])
		    fds = []
		    with contextlib.suppress(OSError):
		        while len(fds) < 5000:
		            fds.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
		    refuses(ENOMEM, os.open, path, os.O_RDONLY | os.O_DIRECTORY)
		    with os.scandir(fds[-1]) as names:
		        assert len(list(names)) >= 500
		for path in f'{MNT}/name', f'{MNT}/id':
		    child = stays(opens_many, path)
		    equal(run_as(friend, lambda: len(os.listdir(f'{MNT}/streams'))), 500)
		    child.end()
		    eventually(lambda: run_as(other, os.listdir, path), 'there is room again')
	END
	expect_log 'directories that uid 1003 lists'
}
