#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# fsd that has no descriptors left: what it cannot do is refused for that reason and leaves
# nothing half made, what it need not open for goes on, and nothing is allowed for want of a look.

load users

check_few() { check_users < <(cat <<-'END'
	import resource
	@contextlib.contextmanager
	def starved(more=0):
	    """What fsd has open it keeps, and it gets no more than that"""
	    pid, what = int(os.environ['FSD_PID']), resource.RLIMIT_NOFILE
	    before = resource.prlimit(pid, what)
	    fds = set(map(int, os.listdir(f'/proc/{pid}/fd')))
	    free = [n for n in range(len(fds) + more + 1) if n not in fds]
	    resource.prlimit(pid, what, (free[more] if more < len(free) else max(fds) + 1, before[1]))
	    try:
	        yield
	    finally:
	        resource.prlimit(pid, what, before)

	def says_of(user, call, *arguments):
	    def tries():
	        try:
	            call(*arguments)
	            return 'ok'
	        except OSError as error:
	            return name_of(error.errno)
	    return run_as(user, tries)
	END
	cat); }

@test "a role that somebody has is his while fsd cannot look: his queue stays" {
	start_for_users
	check_few <<-'END'
		q = Queue(f'{MNT}/queues/q')
		os.mkdir(q.path)
		role = take(q / 'data')
		with starved():
		    found = [says_of(root, *call) for call in ((os.rmdir, q.path), (q.write, 'reset', '1'),
		                                               (q.set, 'capacity', 8192))]
		    assert all(each in ('EBUSY', 'EMFILE') for each in found), found
		    pid = q.value('producer_pid')
		    assert pid != 'none'
		os.close(role)
		eventually(lambda: q.value('producer_pid') == 'none')
		os.rmdir(q.path)
	END
}

@test "who asks is looked at, or refused for want of descriptors, not for want of rights" {
	cat >policy.json <<-'END'
		{ "foreground": [ { "match": { "gid": 2001 }, "allow": false } ],
		  "open": [ { "class": "Front", "require": "foreground" } ] }
	END
	start_for_users -p policy.json
	check_few <<-'END'
		S, F = Service('S', {'privilege': 'cap:sys_admin'}), Service('Front')
		equal(says_of(friend, opens, F / 'clone'), 'EACCES')    # of that group, too
		equal(says_of(root, opens, S / 'clone'), 'ok')
		with starved():
		    equal((says_of(root, opens, S / 'clone'), says_of(friend, opens, F / 'clone')), ('EMFILE', 'EMFILE'))
		equal(says_of(root, opens, S / 'clone'), 'ok')
	END
}

@test "who calls is looked at, or refused for want of descriptors, whatever the method asks of him" {
	start_for_users
	check_few <<-'END'
		S = Service('S', {'methods': [{}, {'name': 'admin', 'ent': 'org.example.admin'}]})
		L = Service('L', {'kind': 'legacy', 'methods': [{'type': 'ScalarIScalarO', 'c0': 0, 'c1': 0, 'foreground': True}]})
		for service, selector in (S, 1), (S, 0), (L, 0):
		    connection = Connection(service)
		    with opening(connection / 'call', 'rw') as call, opening(f'{connection.path}/m/{selector}', 'rw') as named:
		        def by_document():
		            os.write(call, json.dumps({'sel': selector}).encode())
		            rc = json.loads(os.read(call, 1000))['rc']
		            if rc:
		                raise OSError(rc - 0xc000, 'a Unix errno')
		        def by_name():
		            os.write(named, b'\n')
		            os.read(named, 1000)
		        for way in by_document, by_name:
		            with starved():
		                equal((selector, says_of(root, way)), (selector, 'EMFILE'))
		            assert not service.is_asked()
	END
}

@test "whatever is made with however few descriptors is made, or not at all" {
	start_for_users
	check_few <<-'END'
		os.mkdir(f'{MNT}/streams/t')
		S = Service('S', {'memory': {'0': 'page'}, 'ports': {'0': 'queues/p/notify'}})
		os.mkdir(S / 'queues/p')
		os.close(os.open(S / 'buf/page', os.O_RDWR | os.O_CREAT, 0o666))
		def made(path):
		    os.mkdir(path)
		    os.rmdir(path)
		def put():
		    q = Queue(f'{MNT}/queues/q')
		    os.mkdir(q.path)
		    try:
		        q.put(b'entry')
		        equal(q.get(), b'entry')
		    finally:
		        eventually(lambda: q.value('entries') == '0' or q.get())
		        os.rmdir(q.path)
		def buffer():
		    fd = os.open(S / 'buf/new', os.O_RDWR | os.O_CREAT, 0o666)
		    try:
		        os.ftruncate(fd, PAGE)
		    finally:
		        os.close(fd)
		        os.unlink(S / 'buf/new')
		def connection():
		    connection = Connection(S)
		    try:
		        opens(connection / 'mem/0')
		    finally:
		        connection.close()
		def stream():
		    fd = opened(f'{MNT}/streams/t/io', 'rw')
		    os.close(fd)
		WAYS = {'queue': (made, f'{MNT}/queues/q'), 'stream': (made, f'{MNT}/streams/s'), 'service': (made, entry('T')),
		        'buffer of a stream': (made, f'{MNT}/streams/t/buffers/0'), 'entry': (put,), 'buffer': (buffer,),
		        'connection': (connection,), 'session': (opens, f'{MNT}/match'), 'stream that is opened': (stream,),
		        'policy': (write, f'{MNT}/ctl', 'reload\n')}
		for what, (call, *arguments) in WAYS.items():
		    found = []
		    with nothing_changed():
		        for more in range(12):
		            with starved(more):
		                found.append(says_of(root, call, *arguments))
		    assert set(found) <= {'ok', 'EMFILE'}, f'{what}: {found}'
		    equal((what, found[-1]), (what, 'ok'))
	END
}

# What a restart is to find of all kinds: their names, and who has what.
seen() {
	find "$MNT/IOService/" -printf '%P\n' | sort | sed 's/0x[0-9a-f]*/ID/'
	cat "$MNT"/streams/s/{client,state} "$MNT/IOService/S/state"
}

@test "a restart with however few descriptors fails and leaves all, or finds all" {
	local n=6 queue
	start_fsd
	spawn python3 "$BATS_TEST_DIRNAME/checks.py" < <(registry_python; cat <<-'END'
		S = Service('S')
		os.close(os.open(S / 'buf/page', os.O_RDWR | os.O_CREAT, 0o666))
		q = Queue(f'{MNT}/queues/q')
		for path in q.path, f'{MNT}/streams/s', f'{MNT}/streams/s/buffers/0', f'{MNT}/streams/s/buffers/1':
		    os.mkdir(path)
		q.put(b'entry')
		role, fd = take(q / 'data'), opened(f'{MNT}/streams/s/io', 'rw')
		os.mkdir('ready')
		signal.pause()
	END
	)
	eventually test -d ready
	restart_fsd
	seen >wanted
	queue=$(cat "$MNT"/queues/q/{entries,producer_pid})
	kill_fsd
	printf '#!/bin/sh\nexec prlimit --nofile=$N "%s" "$@"\n' "$FSD" >few
	chmod +x few
	while ! N=$n:$n FSD=$T/few run_fsd 2>said; do
		grep -q 'Too many open files' said
		n=$((n + 1))
		((n < 200))
	done
	expect_log 'Too many open files'
	echo 'the line above says why' >>expected
	seen >found
	same wanted found
	restart_fsd
	seen >found
	same wanted found
	[[ $(cat "$MNT"/queues/q/{entries,producer_pid}) == "$queue" ]]
}

@test "with however little memory a document is read, or refused for that" {
	start_fsd
	grep -q libasan "/proc/$FSD_PID/maps" && skip "a sanitizer has to have memory"
	check_registry <<-'END'
		import resource
		pid, what = int(os.environ['FSD_PID']), resource.RLIMIT_AS
		TEXTS = ['{"a":"' + 'x' * 50000 + '"}', '{"a":[' + '1' * 17 + ',"\\u0061' + 'y' * 300 + '"]}',
		         '{"a":[' + '{},' * 20000 + '"' + 'z' * 30000 + '"]}', '{"' + 'k' * 5000 + '":' + '[' * 400 + ']' * 400 + '}']
		before, found = resource.prlimit(pid, what), [set() for _ in TEXTS]
		for more in [*range(0, 1 << 19, 8192), *range(1 << 19, 8 << 20, 1 << 17)]:
		    for text, results in zip(TEXTS, found):
		        with opening(f'{MNT}/match', 'rw') as fd:
		            with open(f'/proc/{pid}/statm', encoding='ascii') as file:
		                size = int(file.read().split()[0]) * PAGE
		            resource.prlimit(pid, what, (size + more, before[1]))
		            try:
		                equal(os.write(fd, text.encode()), len(text))
		                results.add('ok')
		            except OSError as error:
		                results.add(name_of(error.errno))
		            resource.prlimit(pid, what, before)
		assert all('ok' in results <= {'ok', 'ENOMEM'} for results in found) and 'ENOMEM' in found[0], found
	END
}

@test "on a full state directory nothing changes that cannot be kept, and a restart finds all" {
	small_state
	start_fsd
	spawn python3 "$BATS_TEST_DIRNAME/checks.py" < <(registry_python; cat <<-'END'
		S = Service('S', {'methods': [{'name': 'x'}]}, {'one': 1})
		N = Service('N', {'methods': []}, {'one': 1}, register=False)
		s, q = f'{MNT}/streams/s', Queue(f'{MNT}/queues/q')
		for path in q.path, s, f'{s}/buffers/0', f'{s}/buffers/1':
		    os.mkdir(path)
		q.put(b'entry')
		def fill():
		    with opening('small/hog', 'wt') as hog, contextlib.suppress(OSError):
		        while True:
		            os.write(hog, bytes(PAGE))
		def values():
		    return [read(f'{s}/{name}') for name in ('linger', 'lend', 'queue_length', 'modes')]
		os.mknod('small/hog')
		fill()
		before = values()
		with nothing_changed():
		    for call, *arguments in ((os.mkdir, entry('New')), (os.mkdir, f'{MNT}/streams/t'), (os.mkdir, f'{s}/buffers/2'),
		            (write, S / 'props', '{"one": 2, "two": 2}'), (write, S / 'prop/one', '2'), (os.unlink, S / 'prop/one'),
		            (write, S / 'ctl', 'persist\n'), (write, N / 'methods', '{"methods": [{}]}'),
		            (write, f'{s}/linger', '100'), (write, f'{s}/lend', '1'), (write, f'{s}/queue_length', '7'),
		            (write, f'{s}/driver/modes', 'output input'), (write, f'{s}/buffers/0/size', '65536'),
		            (os.chmod, s, 0o700), (os.chmod, f'{s}/linger', 0o600), (os.chmod, S.path, 0o700)):
		        try:
		            refuses(ENOSPC, call, *arguments)
		        except AssertionError as error:
		            raise AssertionError(f'{arguments}: {error}') from None
		equal(values(), before)
		os.truncate('small/hog', 0)
		role, fd = take(q / 'data'), opened(f'{s}/io', 'rw')
		fill()
		open('ready', 'w').close()
		signal.pause()
	END
	)
	eventually test -e ready
	seen >wanted
	restart_fsd
	seen >found
	same wanted found
	[ "$(cat "$MNT/queues/q/entries")" -eq 1 ]
	stop_fsd
	umount small
}
