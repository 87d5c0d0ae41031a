#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Everybody is taken for who he is, in the registry, whatever he makes of himself; and the policy
# is the one that was read last.

load users

@test "who makes himself root in a namespace of his own is who he was" {
	start_for_users
	setpriv --reuid 1003 --regid 2003 --clear-groups unshare -Ur true 2>/dev/null || skip "no namespaces for users"
	check_users <<-'END'
		services = {name: Service('P' + name.replace(':', '_'), {'privilege': name}) for name in ('root', 'cap:sys_admin',
		        'cap:chown')}
		for name, service in services.items():
		    equal(tool(root, 'exec 5<>"$1/clone"', service.path, exe='/bin/bash')[0], 0)
		    script = 'unshare -Ur bash -c \'exec 5<>"$1/clone"\' - "$1" 2>&1; echo $?'
		    status, text = tool(other, script, service.path, exe='/bin/bash')
		    assert 'ermission denied' in text and text.endswith('1\n'), f'{name}: {text}'
		status, text = tool(other, 'unshare -Ur mkdir "$1/Mine" 2>&1; echo $?', entry(), exe='/bin/bash')
		assert text.endswith('1\n') and not os.path.exists(entry('Mine')), text
		status, text = tool(other, 'unshare -Ur bash -c \'echo reload >"$1/ctl"\' - "$1" 2>&1; echo $?', MNT, exe='/bin/bash')
		assert text.endswith('1\n'), text
	END
}

@test "who cannot be seen from the daemon's pid namespace is his ids alone, and gets by no rule" {
	skip_unless_root "a namespace has to be made"
	cat >policy.json <<-'END'
		{ "console": [ { "uid": 1003, "onConsole": true, "securePid": 1 } ],
		  "foreground": [ { "match": { "comm": "backup*" }, "allow": false } ],
		  "publish": [ { "comm": "*", "uid": 1003 }, { "gid": 9003 } ],
		  "entitlements": [ { "match": { "comm": "*" }, "grant": { "org.comm": true } },
		                    { "match": { "exe": "/*" }, "grant": { "org.exe": true } },
		                    { "match": { "gid": 9003 }, "grant": { "org.group": true } },
		                    { "match": { "gid": 2003 }, "grant": { "org.own": true } } ],
		  "open": [ { "class": "Front", "require": "foreground" } ],
		  "filter": [ { "class": "Filtered", "match": { "exe": "/usr/bin/tool" }, "rc": "kIOReturnNotReady" } ] }
	END
	printf '#!/bin/sh\nexport ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"\nexec unshare --pid --fork --kill-child=KILL "%s" "$@"\n' "$FSD" >fsd
	chmod +x fsd
	FSD=$T/fsd start_for_users -p policy.json
	check_users <<-'END'
		os.chmod(entry(), 0o777)
		member = (1003, 2003, 9003)
		privileges = ['root', 'local', 'console', 'consolesession', 'secureprocess', 'foreground', 'cap:sys_admin']
		names = {f'P{n}': {'privilege': name} for n, name in enumerate(privileges)}
		names.update({f'E{n}': {'IOUserClientEntitlements': f'org.{name}'} for n, name in
		        enumerate(('comm', 'exe', 'group', 'own'))})
		services = {name: Service(name, methods) for name, methods in names.items()}
		services['Front'] = Service('Front')
		def is_no_right(name, error):
		    equal((name, name_of(error.errno)), (name, 'EACCES'))
		def open_to(user):
		    return run_as(user, openable, services, is_no_right)
		equal(open_to(member), {'P1', 'P2', 'E3'})
		equal(open_to(root), {'P0'})
		refused(EPERM, member, os.mkdir, entry('Mine'))
		equal(os.listdir(f'{MNT}/err'), [])     # nobody can be told
		refuses(ENOENT, os.stat, f'{MNT}/err/0')

		# A connection of his: it says so, and each call is his who has the same ids, and else told.
		F, C = Service('Filtered', {'kind': 'any'}), Service('C', {'methods': [{'allowAsync': True}, {'ent': 'org.own'}]})
		def called(connection, selector=0):
		    with opening(connection + '/call', 'rw') as fd:
		        os.write(fd, b'{"sel":%d}' % selector)
		        return json.loads(os.read(fd, 1000))['name']
		child, number = connected(member, F)
		equal(read(f'{F.path}/clients/{number}/creator'), 'pid 0, \n')
		equal(run_as(member, called, f'{F.path}/clients/{number}'), 'kIOReturnNotReady')
		child.end()
		child, number = connected(member, C)
		U = f'{C.path}/clients/{number}'
		def asked_of(user):
		    caller = Child(lambda: (become(user[0], user[1], user[2:]), called(U))[1])
		    request = C.answers()
		    equal(caller.result(), 'kIOReturnSuccess')
		    return [request.get(key) for key in ('op', 'uid', 'gid', 'pid')]
		equal(asked_of(member), ['call', None, None, None])
		stranger = (1003, 2009)
		equal(asked_of(stranger), ['call', 1003, None, 0])
		equal(run_as(stranger, called, U, 1), 'kIOReturnNotPrivileged')
	END
}

# --- reloading

@test "a policy is read again by SIGHUP and by reload, and one that is wrong leaves the old" {
	skip_unless_root "other users have to be made"
	echo '{ "open": [ { "class": "S", "allow": false } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		S = Service('S')
		fsd = int(os.environ['FSD_PID'])
		def policy_is(wanted):
		    return json.loads(read(f'{MNT}/policy')) == wanted
		def put(text):
		    with open('policy.json', 'wb') as file:
		        file.write(text if isinstance(text, bytes) else text.encode())
		closed, free = {'open': [{'class': 'S', 'allow': False}]}, {'open': [{'class': 'S', 'allow': True}]}
		assert policy_is(closed)
		equal(verdict(other, opens, S / 'clone'), 'kIOReturnNotPermitted')
		put(json.dumps(free))
		assert policy_is(closed)                                    # until it is told
		os.kill(fsd, signal.SIGHUP)
		eventually(lambda: policy_is(free))
		equal(verdict(other, opens, S / 'clone'), 'ok')
		# Who has it open keeps it.
		holder, number = connected(other, S)
		put(json.dumps(closed))
		write(f'{MNT}/ctl', 'reload\n')
		assert policy_is(closed)
		equal(verdict(other, opens, S / 'clone'), 'kIOReturnNotPermitted')
		equal(os.listdir(S / 'clients'), [str(number)])
		holder.end()
		# What is wrong is said, with its place.
		with open(os.environ['LOG'], encoding='utf-8') as log:
		    log.seek(0, os.SEEK_END)
		    def logged(pattern):
		        found = []
		        def there():
		            found.extend(log.readlines())
		            return any(re.search(pattern, line) for line in found)
		        eventually(there, pattern)
		    for text, pattern in ('', '1:'), ('{', '1:'), ('[]', 'object'), ('{"x":1}', 'unknown key "x"'), \
		            ('{"open":[\n{"class":1}]}', '2:.*class'), ('{"open":[{"class":"S"}]}', 'require'), \
		                         ('{"open":[{"class":"S","require":"nonsense"}]}', 'must be root'), \
		                         ('{"open":[{"class":"S","allow":1}]}', 'true or false'), \
		                         ('{"open":[{"class":"S","allow":true}],"open":[]}', 'duplicate'), \
		                         ('{"publish":[{"user":"no such user"}]}', 'user'), ('{"publish":[{"uid":-1}]}', 'uid'), \
		                         ('{"publish":[{"uid":4294967295}]}', 'uid'), ('{"publish":[{"under":"/Bus"}]}', 'under'), \
		                         ('{"entitlements":[{"match":{},"grant":[]}]}', 'grant'), \
		                         ('{"entitlements":[{"match":{"exe":"tool"},"grant":{}}]}', 'exe'), \
		                         ('{"set":[{"class":"*","keys":[],"allow":true}]}', 'keys'), ('{"console":{}}', 'console'), \
		                         ('{"open":1e400}', '1:'), (b'{"open":"\xff"}', '1:'), (b'{}\0', '.'), \
		                         ('[' * 10000 + ']' * 10000, 'nested'), ('{"a":"' + 'x' * (4 << 20) + '"}', '.'):
		        put(text)
		        try:
		            says(EINVAL if len(text) < 1 << 20 else EMSGSIZE,
		                    'stays as it was.*' + ('' if text in (b'{}\0',) else pattern), write, f'{MNT}/ctl', 'reload\n')
		            logged('<3>.*policy.json.*stays as it was.*' + pattern)
		            os.kill(fsd, signal.SIGHUP)
		            logged('<3>.*policy.json.*stays as it was.*' + pattern)
		        except AssertionError as error:
		            raise AssertionError(f'{text[:100]!r}: {error}') from None
		        assert policy_is(closed)
		    os.unlink('policy.json')
		    says(ENOENT, 'stays as it was', write, f'{MNT}/ctl', 'reload\n')
		    os.mkdir('policy.json')
		    refuses(EISDIR, write, f'{MNT}/ctl', 'reload\n')
		    os.rmdir('policy.json')
		    assert policy_is(closed)
		    equal(verdict(other, opens, S / 'clone'), 'kIOReturnNotPermitted')
		    put(json.dumps(free))
		    os.kill(fsd, signal.SIGHUP)
		    eventually(lambda: policy_is(free))
		refused(EACCES, other, write, f'{MNT}/ctl', 'reload\n')
		refused(EACCES, other, read, f'{MNT}/policy')
	END
	expect_log 'stays as it was'
}

@test "a policy that is no file of a policy's size is refused at once, when it is read again and at start" {
	skip_unless_root "other users have to be made"
	echo '{ "open": [ { "class": "S", "allow": false } ] }' >policy.json
	start_fsd -p policy.json
	check_registry <<-'END'
		import socket, subprocess
		fsd, before = int(os.environ['FSD_PID']), read(f'{MNT}/policy')
		policy = 'policy.json'

		def is_large():
		    with open(policy, 'wb') as file:
		        file.truncate(100 << 20)
		wrong = {
		    'regular': (lambda: os.mkfifo(policy), EINVAL),
		    'regular ': (lambda: os.symlink('/dev/zero', policy), EINVAL),
		    'regular  ': (lambda: os.symlink('/dev/ptmx', policy), EINVAL),
		    'too long': (is_large, EMSGSIZE),
		    'irectory': (lambda: os.mkdir(policy), EISDIR),
		    'symbolic': (lambda: os.symlink(policy, policy), errno.ELOOP),
		    'such device': (lambda: socket.socket(socket.AF_UNIX).bind(policy), errno.ENXIO),
		    'such file': (lambda: os.symlink('gone/policy.json', policy), ENOENT),
		}
		os.rename(policy, 'right')
		with open(os.environ['LOG'], encoding='utf-8') as log:
		    log.seek(0, os.SEEK_END)
		    for why, (make, number) in wrong.items():
		        make()
		        os.kill(fsd, signal.SIGHUP)
		        lines = []
		        def logged(pattern=f"<3>fsd: policy '.*policy.json' stays as it was: .*{why.strip()}"):
		            lines.extend(log.readlines())
		            return any(re.search(pattern, line) for line in lines)
		        eventually(logged, why)
		        says(number, f'stays as it was: .*{why.strip()}', write, f'{MNT}/ctl', 'reload\n')
		        equal(read(f'{MNT}/policy'), before)
		        # Another one, that is to start with it.
		        os.makedirs('other/mnt', exist_ok=True)
		        done = subprocess.run([os.environ['FSD'], '-f', '-s', 'other/state', '-p', policy, 'other/mnt'], \
		                              timeout=PATIENCE, stderr=subprocess.PIPE, text=True)
		        equal(done.returncode, 1)
		        assert re.search(f"<3>fsd: cannot (use|find) policy .*{why.strip()}", done.stderr), done.stderr
		        (os.rmdir if os.path.isdir(policy) else os.unlink)(policy)
		os.rename('right', policy)
		write(f'{MNT}/ctl', 'reload\n')
		equal(read(f'{MNT}/policy'), before)
	END
	expect_log 'stays as it was'
}

@test "an ordinary user's fsd is his alone, and its rules are the same" {
	[ "$MODE" = link ] || skip "passthrough is root's"
	echo '{ "open": [ { "class": "Closed", "allow": false } ], "entitlements": [ { "match": { "uid": 65534 }, "grant": { "org.open": true } } ] }' >policy.json
	start_fsd_as 65534 -p "$T/policy.json"
	check_users <<-'END'
		user = (65534, 65534)
		def all():
		    become(*user)
		    closed, granted, not_granted = Service('Closed'), Service('Granted', {'IOUserClientEntitlements': 'org.open'}), \
		            Service('Not', {'IOUserClientEntitlements': 'org.other'})
		    only_root = Service('Root', {'privilege': 'root'})
		    says(EPERM, '', opens, closed / 'clone')
		    equal(said()[1], 'kIOReturnNotPermitted')
		    opens(granted / 'clone')
		    for service in not_granted, only_root:
		        refuses(EACCES, opens, service / 'clone')
		        equal(said()[1], 'kIOReturnNotPrivileged')
		    write(f'{MNT}/console', '[{"uid":65534}]')
		    write(f'{MNT}/ctl', 'reload\n')
		    equal(json.loads(read(f'{MNT}/policy'))['open'], [{'class': 'Closed', 'allow': False}])
		run_as(root, all)
		for somebody in root, other:
		    refused(EACCES, somebody, os.stat, f'{MNT}/version')
		    refused(EACCES, somebody, os.mkdir, entry('S'))
	END
}

@test "what is written to ctl and to properties is said by who opened the file, whoever writes it" {
	skip_unless_root "other users have to be made"
	echo '{ "set": [ { "class": "*", "keys": [ "guarded" ], "require": "root" } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		import socket
		S = Service('S', {}, {'key': 1})
		here, there = socket.socketpair()
		FILES_OF = ('ctl', 'props', 'prop/key')

		def opened_by(user):
		    """Their descriptors: what a program that trusts nobody may be given for its standard error"""
		    def run():
		        fds = [opened(S / name, 'w') for name in FILES_OF]
		        socket.send_fds(there, [b'.'], fds)
		    run_as(user, run)
		    return socket.recv_fds(here, 1, len(FILES_OF))[1]

		for user in other, friend:
		    ctl, props, prop = opened_by(user)
		    for order in b'terminate\n', b'message 1\n', b'busy +1\n', b'persist\n', b'attach IOService:/\n':
		        refuses(EPERM, os.write, ctl, order)
		    refuses(EACCES, os.write, props, b'{"guarded":1}')
		    for fd, text, properties in (props, b'{"key":2}', {'key': 2}), (prop, b'3', {'key': 3}):
		        asked = []
		        answer = threading.Thread(target=lambda: asked.append(S.answers(rc=0xe00002e2)))    # not permitted
		        answer.start()
		        refuses(EPERM, os.write, fd, text)
		        answer.join()
		        equal((asked[0]['op'], asked[0]['props']), ('setprops', properties))
		    for fd in ctl, props, prop:
		        os.close(fd)
		equal((read(S / 'state'), read(S / 'busy'), read(S / 'prop/key')), ('registered matched active\n', '0\n', '1\n'))

		# What the owner has open he may give to anybody.
		os.chown(S.path, *owner)
		ctl, props, prop = opened_by(owner)
		run_as(other, os.write, props, b'{"guarded":1}')
		run_as(other, os.write, prop, b'4')
		run_as(other, os.write, ctl, b'busy +1\n')
		equal((read(S / 'prop/guarded'), read(S / 'prop/key'), read(S / 'busy')), ('1\n', '4\n', '1\n'))
		os.write(ctl, b'busy -1\n')
		os.chown(S.path, *friend[:2])           # until it is not his any more
		refuses(EPERM, os.write, ctl, b'busy +1\n')
	END
}

# --- who somebody is

@test "who asks a driver is told with each question: who opened the file that it comes by" {
	echo '{ "set": [ { "class": "*", "allow": true } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		S = Service('S', {}, {'key': 1})
		def asks(user, op, call, *arguments, by=None):
		    def run():
		        become(user[0], user[1], user[2:])
		        errors = []
		        def ask():
		            try:
		                call(*arguments)
		            except OSError as error:
		                errors.append(error.errno)
		        thread = threading.Thread(target=ask)       # which is its process
		        thread.start()
		        thread.join()
		        return errors
		    child = Child(run)
		    request = S.answers(rc=0xe00002e2)      # not permitted
		    equal([request.get(key) for key in ('op', 'uid', 'gid', 'pid')], [op, *(by or (*user[:2], child.pid))])
		    equal(child.result(), [{'mem': EINVAL, 'seize': EBUSY}.get(op, EPERM)])
		    return request

		# Of the service there is no connection to know anybody by.
		for user in client, other:
		    for file, text in ('props', '{"key":2}'), ('prop/key', '3'):
		        equal(asks(user, 'setprops', write, S / file, text)['conn'], None)
		    asks(user, 'probe', write, S / 'ctl', 'probe 1\n')
		# A connection's are told as well, of who has opened it and of others.
		owning, mine = Connection(S), Connection(S)
		os.write(owning.session, b'open\n')
		child, number = connected(client, S)
		U = f'{S.path}/clients/{number}'
		for user, path in (root, U), (client, U), (root, mine.path):
		    asks(user, 'mem', opened, path + '/mem/1')
		    asks(user, 'port', opened, path + '/port/1')
		    asks(user, 'setprops', write, path + '/props', '{"key":2}')
		    asks(user, 'addclient', write, path + '/ctl', f'addclient {number}\n')
		    asks(user, 'seize', write, path + '/ctl', 'open seize\n') if path == mine.path else None
		# Descriptors may be passed on.
		me = (os.getuid(), os.getgid(), os.getpid())
		for fd in mine.session, opened(mine / 'ctl', 'w'):
		    asks(other, 'addclient', os.write, fd, f'addclient {mine.number}\n'.encode(), by=me)
		asks(other, 'seize', os.write, mine.session, b'open seize\n', by=me)
		asks(other, 'probe', os.write, opened(S / 'ctl', 'w'), b'probe 1\n', by=me)
		asks(other, 'setprops', os.write, opened(mine / 'props', 'w'), b'{"key":2}', by=me)
	END
}

@test "a thread is its process, in creator, err/PID and for the driver" {
	start_fsd
	check_registry <<-'END'
		import threading
		S = Service('S', {'methods': [{'name': 'none'}], 'open': 'ask'})
		T = Service('T', {'IOUserClientEntitlements': 'org.nobody'})
		found = {}
		def in_thread():
		    found['tid'] = threading.get_native_id()
		    found['U'] = Connection(S)
		    refuses(EACCES, opened, T / 'clone', 'rw')
		    with opening(found['U'] / 'call', 'rw') as fd:
		        os.write(fd, b'{"sel":0}')
		        os.read(fd, 100)
		thread = threading.Thread(target=in_thread)
		thread.start()
		request = S.answers()
		equal((request['op'], request['pid'], request['uid'], request['gid']), ('open', os.getpid(), os.getuid(), os.getgid()))
		assert request['comm'].startswith('python'), request
		request = S.answers()
		equal((request['op'], 'pid' in request), ('call', False))       # by the one it knows
		thread.join()
		assert found['tid'] != os.getpid()
		assert read(found['U'] / 'creator').startswith(f'pid {os.getpid()}, python'), read(found['U'] / 'creator')
		equal(said()[1], 'kIOReturnNotPrivileged')
		refuses(ENOENT, os.stat, f'{MNT}/err/{found["tid"]}')
		# The name of a process is anything: it is told to the driver as it is, and is a line in creator.
		import ctypes
		ctypes.CDLL(None).prctl(15, b'a"b) \\\n\x1b%s 1', 0, 0, 0)        # PR_SET_NAME
		child = Child(lambda: (Connection(S), signal.pause()))
		request = S.answers()
		equal(request['comm'], 'a"b) \\\n\x1b%s 1')
		equal(read(f'{S.path}/clients/{request["conn"]}/creator'), f'pid {request["pid"]}, a"b) \\??%s 1\n')
		child.end()
	END
}

@test "a pid that is used again is not who had it before" {
	skip_unless_root "pids have to be chosen"
	start_for_users
	check_users <<-'END'
		import ctypes, socket
		libc = ctypes.CDLL(None, use_errno=True)
		libc.syscall.restype = ctypes.c_long
		def fork_as(pid):
		    """fork, with that pid"""
		    wanted = (ctypes.c_int * 1)(pid)
		    arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
		    found = libc.syscall(435, ctypes.byref(arguments), ctypes.c_size_t(88))
		    if found < 0:
		        raise OSError(ctypes.get_errno(), 'clone3')
		    return found
		def process(pid, user, call):
		    """A process with that pid: what `call` returned"""
		    back, say = os.pipe()
		    found = fork_as(pid)
		    if found == 0:
		        try:
		            if user != root:
		                become(user[0], user[1])
		            os.write(say, repr(call()).encode())
		        except BaseException as error:
		            os.write(say, repr(repr(error)).encode())
		        finally:
		            os._exit(0)
		    os.close(say)
		    text = b''
		    while piece := os.read(back, 65536):
		        text += piece
		    os.close(back)
		    os.waitpid(found, 0)
		    return eval(text)
		pid = os.fork()
		if pid == 0:
		    os._exit(0)
		os.waitpid(pid, 0)
		try:
		    equal(process(pid, root, os.getpid), pid)
		except OSError as error:
		    print(f'skipped: {error}')
		    sys.exit(0)
		S = Service('S', {'methods': [{'name': 'none'}]})
		T = Service('T', {'IOUserClientEntitlements': 'org.nobody'})
		# err/PID: the later is told his own, and the former not what the later is told.
		def is_refused(kind):
		    def run():
		        refuses(EACCES if kind == 'clone' else EINVAL, (lambda: opens(T / 'clone')) if kind == 'clone' else (
		                lambda: write(f'{MNT}/match', '[1]', 'rw')))
		        return said()
		    return run
		equal(process(pid, owner, is_refused('clone'))[1], 'kIOReturnNotPrivileged')
		equal(os.stat(f'{MNT}/err/{pid}').st_uid, owner[0])
		here, there = socket.socketpair()
		sender = Child(lambda: (become(owner[0], owner[1]), socket.send_fds(there, [b'.'], [opened(f'{MNT}/err/{pid}')]),
		        signal.pause()))
		_, (fd,), _, _ = socket.recv_fds(here, 1, 1)
		assert b'NotPrivileged' in os.pread(fd, 1000, 0)
		found = process(pid, other, is_refused('match'))
		assert found[1] == 'kIOReturnBadArgument', found
		equal(os.stat(f'{MNT}/err/{pid}').st_uid, other[0])
		equal(os.pread(fd, 1000, 0), b'')
		refused(EACCES, owner, read, f'{MNT}/err/{pid}')
		equal(run_as(other, said, pid)[1], 'kIOReturnBadArgument')
		sender.end()
		# A connection: its opener is gone, somebody else has his pid, and the descriptors.
		def open_and_send():
		    U = Connection(S)
		    socket.send_fds(there, [b'%d' % U.number], [U.session, os.open(U / 'call', os.O_RDWR)])
		    return U.number
		number = process(pid, owner, open_and_send)
		_, (session, call), _, _ = socket.recv_fds(here, 10, 2)
		U = f'{S.path}/clients/{number}'
		assert read(f'{U}/creator').startswith(f'pid {pid}, ')
		def calls():
		    os.write(call, b'{"sel":0}')
		    return os.getuid()
		for user in other, root:
		    process(pid, user, calls)
		    request = S.answers()
		    equal((request['op'], request['uid']), ('call', user[0]))
		    os.read(call, 1000)
		process(pid, owner, calls)
		S.answers()
		refused(EACCES, other, os.listdir, U)
		process(pid, other, lambda: refuses(EACCES, os.listdir, U))
		assert read(f'{U}/creator').startswith(f'pid {pid}, ')
		os.close(session)
		os.close(call)
		eventually(lambda: not os.path.exists(U))
	END
}

@test "err/PID is read by the same user alone, and is of the last refusal" {
	start_for_users
	check_users <<-'END'
		T = Service('T', {'IOUserClientEntitlements': 'org.nobody'})
		def waits(user):
		    def run():
		        if user != root:
		            become(user[0], user[1], user[2:])
		        refuses(EACCES, opened, T / 'clone', 'rw')
		    return stays(run)
		processes = {user: waits(user) for user in (owner, other, root)}
		for user, process in processes.items():
		    path = f'{MNT}/err/{process.pid}'
		    equal(stat.S_IMODE(os.stat(path).st_mode), 0o400)
		    equal(os.stat(path).st_uid, user[0])
		    equal(said(process.pid), ('0xe00002c1', 'kIOReturnNotPrivileged', ''))      # root
		    equal(run_as(user, said, process.pid)[1], 'kIOReturnNotPrivileged')
		    for another in friend, other, owner, client:
		        if another != user:
		            refused(EACCES, another, read, path)
		    for how in 'w', 'rw':
		        refused(EACCES, user, opened, path, how)
		    refused(EPERM if user == root else EACCES, user, os.unlink, path)
		for name in '0', '-1', '99999999999', 'self', '1x', '', '01', '4294967296', str(os.getppid()) + ' ':
		    if name:
		        refuses(ENOENT, os.stat, f'{MNT}/err/{name}')
		# The last is kept, and what succeeds is no news.
		refuses(EACCES, opened, T / 'clone', 'rw')
		says(EINVAL, 'unknown', write, f'{MNT}/ctl', 'bogus\n')
		read(f'{MNT}/version')
		equal(said()[1], 'kIOReturnBadArgument')
		# 1024 are kept, the oldest go.
		first = processes[owner].pid
		def many():
		    for n in range(1100):
		        pid = os.fork()
		        if pid == 0:
		            with contextlib.suppress(OSError):
		                os.mkdir(f'{MNT}/x')
		            os._exit(0)
		        os.waitpid(pid, 0)
		many()
		assert len(os.listdir(f'{MNT}/err')) <= 1024
		refuses(ENOENT, os.stat, f'{MNT}/err/{first}')
		for process in processes.values():
		    process.end()
	END
}
