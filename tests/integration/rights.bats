#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who may do what: fsd run by root with several users, and by an ordinary one.

load checks

start_for_users() {
	skip_unless_root "other users have to be made"
	start_fsd
}

# Users are (uid, gid, other groups); `friend` is in the owner's group.
users() {
	cat <<-'END'
		owner, friend, other, root = (1001, 2001), (1002, 2002, 2001), (1003, 2003), (0, 0)
		READS = {'peek', 'entries', 'used', 'free', 'stats', 'producer_pid', 'consumer_pid', 'capacity', 'max_entry'}
		TAKES = {'take data', 'take consumer', 'set capacity', 'set max_entry', 'reset'}
		LOOKS = {'look at data', 'look at consumer'}
		RINGS = {'ring notify', 'ring serviced'}
		PASSES = {'enqueue', 'dequeue'}
		ENTERS = {'list', 'enter'}
		ALL = READS | TAKES | LOOKS | RINGS | PASSES | ENTERS
		EVERYBODY = ALL - TAKES         # of a queue with the modes that it has at first

		def run_as(user, call, *arguments):
		    def run():
		        become(user[0], user[1], user[2:]) if user != root else None
		        return call(*arguments)
		    return Child(run).result()

		def refused(wanted, user, call, *arguments):
		    refuses(wanted, run_as, user, call, *arguments)

		def mapped(path, how):
		    with opening(path, how) as fd:
		        mmap.mmap(fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ | (mmap.PROT_WRITE if 'w' in how else 0)).close()

		def written(path, text):
		    with opening(path, 'wn') as fd:
		        os.write(fd, text)

		def got(path):
		    with opening(path, 'rn') as fd:
		        return os.read(fd, 65536)

		def try_all(q):
		    """The names of what is allowed; each of the others is EACCES"""
		    calls = {'list': lambda: os.listdir(q.path), 'enter': lambda: os.stat(q / 'entries'),
		             'enqueue': lambda: written(q / 'enqueue', b'x'), 'dequeue': lambda: got(q / 'dequeue'),
		             'reset': lambda: written(q / 'reset', b'1')}
		    for name in 'data', 'consumer':
		        calls['look at ' + name] = lambda name=name: mapped(q / name, 'r')
		        calls['take ' + name] = lambda name=name: mapped(q / name, 'rw')
		    for name in 'notify', 'serviced':
		        calls['ring ' + name] = lambda name=name: written(q / name, b'\n')
		    for name in 'capacity', 'max_entry':
		        calls['set ' + name] = lambda name=name: written(q / name, b'4096')
		    for name in READS:
		        calls[name] = lambda name=name: got(q / name)
		    equal(set(calls), ALL)
		    done = set()
		    def succeeds(name):
		        try:
		            calls[name]()
		            done.add(name)
		        except OSError as error:
		            assert error.errno in (EACCES, EBUSY, EAGAIN), f'{name}: {error}'
		            return error.errno == EACCES    # a role that was given up is free a moment later
		        return True
		    for name in calls:
		        if name != 'dequeue' or 'enqueue' in done or os.geteuid() == 0:
		            eventually(lambda: succeeds(name), name)
		        else:                               # there is nothing to take
		            try:
		                got(q / name)
		            except BlockingIOError:
		                done.add(name)
		            except PermissionError:
		                pass
		    return done

		def can(user, q):
		    bells = [opened(q / name, 'rn') for name in ('notify', 'serviced')]     # else to ring is ENXIO
		    done = run_as(user, try_all, q)
		    for bell in bells:
		        os.close(bell)
		    q.write('reset', '1')
		    return done

		def may(user, q, wanted):
		    found = can(user, q)
		    assert found == wanted, f'{user}: may {found - wanted}, may not {wanted - found}'
	END
}

check_users() { check "$@" < <(users; cat); }

# --- what a mode lets in

@test "a queue that a user makes is his, and others may look, ring and pass entries" {
	start_for_users
	as_user 1001:2001 mkdir "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		for name in FILES:
		    for found in os.stat(q / name), os.lstat(q / name), os.stat(q.path):
		        equal((found.st_uid, found.st_gid), owner)
		may(owner, q, ALL)
		may(root, q, ALL)
		may(friend, q, EVERYBODY)
		may(other, q, EVERYBODY)
	END
}

@test "a queue of mode 0600 in the configuration is its owner's alone" {
	skip_unless_root "other users have to be made"
	cat >c.json <<-'END'
		{ "queues": [ { "name": "q", "mode": "0600", "owner": "daemon", "group": "daemon" },
		              { "name": "team", "mode": "0660", "owner": "daemon", "group": "daemon" } ] }
	END
	start_fsd -c c.json
	check_users "$MNT/queues/q" "$MNT/queues/team" "$(id -u daemon)" "$(getent group daemon | cut -d: -f3)" <<-'END'
		q, team, uid, gid = Queue(args[0]), Queue(args[1]), int(args[2]), int(args[3])
		member = (1002, 2002, gid)
		for queue in q, team:
		    may((uid, gid), queue, ALL)
		    may(root, queue, ALL)
		    may(other, queue, set())
		may(member, q, set())
		may(member, team, ALL)
		os.chmod(q.path, 0o755)         # its files stay closed
		may(member, q, ENTERS)
		may(other, q, ENTERS)
	END
}

@test "chmod 0600 of the directory closes the queue, g+rw of all lets the group in, chown gives it away" {
	start_for_users
	as_user 1001:2001 mkdir "$MNT/queues/q"
	as_user 1001:2001 chmod 0600 "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		may(owner, q, ALL)
		may(friend, q, set())
		may(other, q, set())
		run_as(owner, os.chmod, q.path, 0o660)
		may(friend, q, EVERYBODY)
		may(other, q, set())
	END
	# chmod -R passes over links.
	as_user 1001:2001 chmod -R g+rw "$MNT/queues/q"
	as_user 1001:2001 chmod g+rw "$MNT/queues/q/data" "$MNT/queues/q/consumer"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		may(owner, q, ALL)
		may(friend, q, ALL)
		may(other, q, set())
	END
	[ "$(stat -c %a "$MNT/queues/q")" = 770 ]
	expect EACCES open "$MNT/queues/q/enqueue" r
	chmod -R g-w "$MNT/queues/q"
	chmod g-w "$MNT/queues/q/data" "$MNT/queues/q/consumer"
	chown -R 1003:2003 "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		may(other, q, ALL)
		may(owner, q, set())
		may(friend, q, set())
		may(root, q, ALL)
	END
}

@test "chmod 0600 of a file closes this one, and lets the owner do what he could" {
	start_for_users
	as_user 1001:2001 mkdir "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		needs = {'data': {'look at data'}, 'consumer': {'look at consumer'}, 'reset': set(),
		         'notify': {'ring notify'}, 'serviced': {'ring serviced'}}
		closed = set()
		for name in sorted(FILES):
		    refused(EPERM, other, os.chmod, q / name, 0o666)
		    run_as(owner, os.chmod, q / name, 0o600)
		    closed |= needs.get(name, {name})
		    if name in needs:           # a few are enough
		        may(other, q, EVERYBODY - closed)
		may(other, q, ENTERS)
		may(friend, q, ENTERS)
		may(owner, q, ALL)
	END
}

@test "what a user may only read he cannot map for writing, nor make so" {
	start_for_users
	as_user 1001:2001 mkdir "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		import ctypes
		libc = ctypes.CDLL(None, use_errno=True)
		libc.mmap.restype = ctypes.c_void_p
		libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
		libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
		q = Queue(args[0])
		def forge(path):
		    refuses(EACCES, opened, path, 'rw')
		    refuses(EACCES, opened, path, 'w')
		    refuses(EACCES, os.truncate, path, 0)
		    fd = opened(path)
		    refuses(EACCES, mmap.mmap, fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
		    refuses(EACCES, opened, f'/proc/self/fd/{fd}', 'rw')
		    page = libc.mmap(None, PAGE, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
		    assert page not in (None, ctypes.c_void_p(-1).value)
		    equal((libc.mprotect(page, PAGE, mmap.PROT_READ | mmap.PROT_WRITE), ctypes.get_errno()), (-1, EACCES))
		for name in 'data', 'consumer':
		    run_as(other, forge, q / name)
	END
}

@test "root is stopped by the direction of a file alone" {
	start_for_users
	as_user 1001:2001 mkdir "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		q.put(b'entry')
		for mode in 0o000, 0o777:
		    for name in FILES:
		        os.chmod(q / name, mode)
		    os.chmod(q.path, mode)
		    for user in (root, owner) if mode else (root,):
		        for name in 'enqueue', 'reset':
		            for how in 'r', 'rw':
		                refused(EACCES, user, opened, q / name, how)
		        for name in set(FILES) - {'data', 'consumer', 'notify', 'serviced', 'enqueue', 'reset', 'capacity', 'max_entry'}:
		            for how in 'w', 'rw':
		                refused(EACCES, user, opened, q / name, how)
		    equal(q.number('entries'), 1)
		q.get()
		os.chmod(q.path, 0)
		may(root, q, ALL)
		may(owner, q, set())
	END
}

# --- who may make, remove and change

@test "anybody makes queues, and only the owner or root removes and changes them" {
	start_for_users
	[ "$(stat -L -c '%a %u %g' "$MNT/queues")" = '1777 0 0' ]
	as_user 1001:2001 mkdir "$MNT/queues/q" "$MNT/queues/r"
	as_user 1001:2001 chmod -R a+rwx "$MNT/queues/q"
	check_users "$MNT/queues/q" "$MNT/queues/r" <<-'END'
		q = Queue(args[0])
		for user in friend, other:
		    with unchanged(q):
		        refused(EPERM, user, os.rmdir, q.path)      # sticky
		        for path in q.path, q / 'entries', q / 'data', q / 'consumer', q / 'notify':
		            refused(EPERM, user, os.chmod, path, 0o777)
		            refused(EPERM, user, os.chown, path, user[0], -1)
		            refused(EPERM, user, os.chown, path, -1, user[1])
		        run_as(owner, os.chmod, q / 'capacity', 0o644)
		        refused(EACCES, user, q.set, 'capacity', 4096)
		        run_as(owner, os.chmod, q / 'capacity', 0o777)
		for path in q.path, q / 'entries', q / 'data':
		    refused(EPERM, owner, os.chown, path, 1003, -1)
		    refused(EPERM, owner, os.chown, path, -1, 2003)
		    run_as((1001, 2001, 2005), os.chown, path, -1, 2005)
		    equal(os.stat(path).st_gid, 2005)
		run_as(owner, os.chmod, q / 'capacity', 0o644)
		run_as(owner, q.set, 'capacity', 4096)
		run_as(root, q.set, 'capacity', 8192)
		run_as(owner, os.rmdir, q.path)
		run_as(root, os.rmdir, args[1])
	END
	[ -z "$(ls -A "$MNT/queues/")" ]
}

@test "services are root's, until he gives one away" {
	start_for_users
	mkdir "$MNT/IOService/S"
	[ "$(stat -c '%a %u %g' "$MNT/IOService/S")" = '755 0 0' ]
	[ "$(stat -c '%a %u %g' "$MNT/IOService")" = '1777 0 0' ]	# the policy says who may make one
	check_users "$MNT/IOService" <<-'END'
		ours = args[0] + '/S'
		for path in args[0] + '/IOResources/T', ours + '/T', ours + '/queues/q':
		    refused(EACCES, owner, os.mkdir, path)
		refused(EPERM, owner, os.mkdir, args[0] + '/T')
		refused(EPERM, owner, os.rmdir, ours)
		os.chown(ours, *owner)
		run_as(owner, os.mkdir, ours + '/T')
		run_as(owner, os.mkdir, ours + '/T/queues/q')
		refused(EACCES, owner, os.mkdir, ours + '/queues/q')
		os.chown(ours + '/queues', *owner)
		run_as(owner, os.mkdir, ours + '/queues/q')
		for path in ours + '/T', ours + '/T/queues', ours + '/T/queues/q', ours + '/queues/q':
		    found = os.stat(path)
		    equal((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid), (0o755, *owner))
		    refused(EACCES, other, os.mkdir, path + '/x')
		    refused(EACCES, other, os.rmdir, path)
		refused(ENOTEMPTY, owner, os.rmdir, ours)
		for path in '/T/queues/q', '/T', '/queues/q', '':
		    run_as(owner, os.rmdir, ours + path)
	END
}

# --- the state directory

@test "behind the mount, nothing can be reached that the mount closes" {
	start_for_users
	for queue in open closed team file; do
		as_user 1001:2001 mkdir "$MNT/queues/$queue"
	done
	as_user 1001 chmod 0700 "$MNT/queues/closed"
	as_user 1001 chmod 0770 "$MNT/queues/team"
	as_user 1001 chmod 0600 "$MNT/queues/file/data"
	[ "$(stat -c %a "$STATE")" = "$([ "$MODE" = link ] && echo 711 || echo 700)" ]
	check_users "$STATE" "$MNT/queues" <<-'END'
		state, queues = args
		folders = {}
		for name in os.listdir(state):
		    if os.path.exists(f'{state}/{name}/data'):
		        with open(f'{state}/{name}/record.json', encoding='utf-8') as file:
		            text = file.read()
		        folders[next(queue for queue in os.listdir(queues) if f'"name": "{queue}"' in text)] = f'{state}/{name}'
		equal(sorted(folders), ['closed', 'file', 'open', 'team'])
		paths = [os.path.join(top, name) for top, directories, names in os.walk(state) for name in [*directories, *names]]

		def reached():
		    found = set()
		    for path in paths:
		        for how in 'r', 'w':
		            with contextlib.suppress(PermissionError):
		                if os.path.isfile(path) or not os.path.isdir(path):
		                    os.close(opened(path, how))
		                    found.add(f'{how} {path}')
		    refuses(EACCES, os.listdir, state)
		    refuses(EACCES, os.mkdir, state + '/x')
		    for folder in folders.values():
		        for call in (os.mkdir, folder + '/x'), (os.unlink, folder + '/data'), (os.rename, folder + '/data', folder + '/x'):
		            refuses(EACCES, *call)
		    return found

		def memory(*which):
		    return {f'r {folders[queue]}/{name}' for queue in which for name in ('data', 'consumer')} if link_mode else set()

		equal(run_as(other, reached), memory('open', 'file') - {f'r {folders["file"]}/data'})
		equal(run_as(friend, reached), memory('open', 'file', 'team') - {f'r {folders["file"]}/data'})
		if link_mode:
		    for queue, folder in folders.items():
		        mount, behind = os.stat(f'{queues}/{queue}'), os.stat(folder)
		        equal((behind.st_mode & 0o7755, behind.st_uid, behind.st_gid), (mount.st_mode & 0o7755, *owner))
		        equal(behind.st_mode & 0o22, 0)
	END
}

@test "an owner cannot make fsd touch what is not his through the state directory" {
	[ "$MODE" = link ] || skip "in passthrough nobody enters it"
	start_for_users
	as_user 1001:2001 mkdir "$MNT/queues/q"
	check_users "$MNT/queues/q" <<-'END'
		q = Queue(args[0])
		folder = os.path.dirname(os.readlink(q / 'data'))
		with open('secret', 'w', encoding='ascii') as file:
		    file.write('root\n')
		os.chmod('secret', 0o600)
		with open('everybody', 'w', encoding='ascii') as file:
		    file.write('root\n')
		os.chmod('everybody', 0o666)
		os.chmod('.', 0o777)
		before = [os.stat(name) for name in ('secret', 'everybody')]
		mine = (1001, 2001, 3000)

		def change():
		    with contextlib.suppress(OSError):
		        os.chown(q / 'data', -1, 3000, follow_symlinks=False)
		    with contextlib.suppress(OSError):
		        os.chmod(q.path, 0o750)
		    with contextlib.suppress(OSError):
		        q.set('capacity', 8192)

		def plant(make):
		    for name in 'data', 'record.json.new', 'data.new':
		        with contextlib.suppress(FileNotFoundError):
		            os.unlink(f'{folder}/{name}')
		        with contextlib.suppress(PermissionError):
		            make(f'{folder}/{name}')

		for make in (lambda path: os.symlink(os.path.abspath('secret'), path)), (lambda path: os.link('everybody', path)), \
		        os.mkfifo, (lambda path: os.close(os.open(path, os.O_CREAT, 0o666))):
		    run_as(mine, plant, make)
		    run_as(mine, change)
		    for name, was in zip(('secret', 'everybody'), before):
		        found = os.stat(name)
		        equal((found.st_mode, found.st_uid, found.st_gid, found.st_size), (was.st_mode, was.st_uid, was.st_gid, was.st_size))
		found = os.lstat(folder + '/record.json')
		equal((found.st_mode & 0o777, found.st_uid), (0o600, 0))
	END
	expect "ok" mkdir "$MNT/queues/other"
}

# --- a restart

@test "rights are the same after kill -9" {
	start_for_users
	mkdir "$MNT/IOService/S"
	chown 1001:2001 "$MNT/IOService/S"
	as_user 1001:2001 mkdir "$MNT/queues/closed" "$MNT/queues/team" "$MNT/queues/first"
	as_user 1001 chmod 0600 "$MNT/queues/closed"
	as_user 1001 chmod 0660 "$MNT/queues/team"
	as_user 1001 chmod g+rw "$MNT"/queues/team/*
	rights() {
		find "$MNT/" -printf '%P %m %U %G\n' | sort
		stat -L -c '%n %a %u %g' "$MNT"/queues/*/*
		find "$STATE" -printf '%P %m %U %G\n' | sort
	}
	rights >before
	restart_fsd
	rights >after
	same before after
	check_users "$MNT/queues" <<-'END'
		closed, team, first = (Queue(f'{args[0]}/{name}') for name in ('closed', 'team', 'first'))
		for queue in closed, team, first:
		    may(owner, queue, ALL)
		may(friend, closed, set())
		may(friend, team, ALL)
		may(friend, first, EVERYBODY)
		may(other, closed, set())
		may(other, team, set())
		refused(EPERM, other, os.rmdir, first.path)
		run_as(owner, os.rmdir, first.path)
	END
	as_user 1001 mkdir "$MNT/IOService/S/T"
	run ! as_user 1001 mkdir "$MNT/IOService/T"
}

# --- fsd run by an ordinary user

ordinary() {
	[ "$MODE" = link ] || skip "passthrough is root's"
	start_fsd_as 65534
}

@test "fsd of an ordinary user works for him from end to end" {
	ordinary
	queue=$MNT/queues/q
	as_fsd grep -q '"memory": *"link"' "$MNT/status"
	as_fsd mkdir "$queue"
	[ "$(as_fsd stat -c '%a %u' "$queue")" = '755 65534' ]
	as_fsd dd of="$queue/enqueue" conv=notrunc status=none <<<hello
	[ "$(as_fsd cat "$queue/entries")" = 1 ]
	[ "$(as_fsd dd if="$queue/dequeue" bs=64K count=1 status=none)" = hello ]
	text 2000 >sent
	spawn as_user 65534 "$EXAMPLES/producer" "$queue" <sent
	as_fsd timeout 60 "$EXAMPLES/consumer" "$queue" 2000 >received
	wait "$SPAWNED"
	same sent received
	eventually as_fsd grep -qx none "$queue/producer_pid"
	eventually as_fsd grep -qx none "$queue/consumer_pid"
	as_fsd rmdir "$queue"
}

@test "fsd of an ordinary user comes back after kill -9 with entries and modes" {
	ordinary
	queue=$MNT/queues/q
	as_fsd mkdir "$queue"
	as_fsd chmod 0700 "$queue"
	as_fsd chmod 0600 "$queue/data"
	as_fsd dd of="$queue/enqueue" conv=notrunc status=none <<<hello
	restart_fsd
	[ "$(as_fsd stat -L -c %a "$queue" "$queue/data" | xargs)" = '700 600' ]
	[ "$(as_fsd dd if="$queue/dequeue" bs=64K count=1 status=none)" = hello ]
	# A mode that shuts the owner out does not shut fsd out.
	as_fsd chmod 0 "$queue"
	restart_fsd
	as_fsd chmod 0700 "$queue"
	as_fsd dd of="$queue/enqueue" conv=notrunc status=none <<<again
	[ "$(as_fsd dd if="$queue/dequeue" bs=64K count=1 status=none)" = again ]
}

@test "nobody else enters the mount of an ordinary user, nor does root" {
	ordinary
	as_fsd mkdir "$MNT/queues/q"
	check_users "$MNT" <<-'END'
		for user in other, root:
		    for name in '', '/version', '/queues/q', '/queues/q/data':
		        refused(EACCES, user, os.stat, args[0] + name)
		        refused(EACCES, user, opened, args[0] + name)
		    refused(EACCES, user, os.mkdir, args[0] + '/queues/r')
	END
	as_fsd test -d "$MNT/queues/q"
}
