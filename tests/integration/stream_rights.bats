#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who may do what with a stream: each file, for its owner, his group, others and root.

load users
load streams

# What each may do: l look it up, r open it for reading, w for writing, m map it, M map it for writing.
# Root is stopped by the direction of a file alone.
rights() {
	streams_python
	cat <<-'END'
		PUBLIC = {
		    'mode': ('lrw', 'lr'), 'modes': ('lr', 'lr'), 'state': ('lr', 'lr'), 'client': ('lr', 'lr'), 'start': ('lw', 'lw'),
		    'stop': ('lw', 'lw'), 'suspend': ('lw', 'lw'), 'drain': ('lw', 'lw'), 'queue_length': ('lrw', 'lr'), 'linger': ('lrw', 'lr'), 'lend': ('lrw', 'lr'),
		    'io': ('lrw', 'lrw'), 'board': ('lrm', 'lrm'), 'tally': ('lrwmM', 'lrm'), 'buffers/count': ('lr', 'lr'),
		    'buffers/0/size': ('lrw', 'lr'), 'buffers/0/control_size': ('lrw', 'lr'), 'buffers/0/data': ('lrwmM', 'lrm'),
		    'buffers/0/control': ('lrwmM', 'lrm'), 'buffers/0/holder': ('lr', 'lr'), 'buffers/0/refs': ('lr', 'lr'),
		    'buffers/0/sequence': ('lr', 'lr'), 'buffers/0/timestamp': ('lr', 'lr'), 'buffers/0/flags': ('lr', 'lr'),
		    'output/data': ('lrwmM', 'lrm'), 'output/length': ('lr', 'lr'), 'output/dequeue': ('lr', 'lr'), 'output/notify': ('lr', 'lr'),
		    'input/data': ('lrwmM', 'lrm'), 'input/length': ('lr', 'lr'), 'input/enqueue': ('lw', 'lw'), 'input/notify': ('lw', 'lw'),
		    'input/notify_sync': ('lw', 'lw'), **{f'stats/{name}': ('lr', 'lr') for name in COUNTS + ['last_error']}}
		DRIVERS = {
		    'driver/control': 'lrw', 'driver/io': 'lrw', 'driver/enqueue': 'lw', 'driver/dequeue': 'lr', 'driver/notify': 'lrw',
		    'driver/ack': 'lw', 'driver/drop': 'lw', 'driver/modes': 'lrw', 'driver/queues': 'lrw', 'driver/discontinuity': 'lr'}
		MADE = (PUBLIC, DRIVERS)

		def may(call):
		    """A refusal for another reason is none: who may not is told EACCES, and nothing else"""
		    try:
		        call()
		    except OSError as error:
		        return error.errno != EACCES
		    return True

		def mapped(path, how):
		    with opening(path, how) as fd:
		        mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ | (mmap.PROT_WRITE if 'w' in how else 0)).close()

		def tried(s):
		    found = {}
		    for name in [*PUBLIC, *DRIVERS]:
		        calls = {'l': lambda: os.lstat(s / name), 'r': lambda: os.close(opened(s / name, 'rn')),
		                 'w': lambda: os.close(opened(s / name, 'wn'))}
		        if name in ('board', 'tally') or name.endswith(('data', 'control')) and not name.startswith('driver'):
		            calls |= {'m': lambda: mapped(s / name, 'r'), 'M': lambda: mapped(s / name, 'rw')}
		        found[name] = ''.join(letter for letter, call in calls.items() if may(call))
		    return found

		def as_made(who):
		    """root and owner, or anybody else"""
		    if who == 'owner':
		        return {name: row[0] for name, row in PUBLIC.items()} | DRIVERS
		    return {name: row[1] for name, row in PUBLIC.items()} | dict.fromkeys(DRIVERS, '')

		def can(s, user, wanted):
		    found = run_as(user, tried, s)
		    if user == root and link_mode:      # behind a link there is nothing that root may not write
		        found['board'], wanted = 'lrm', dict(wanted)
		    differ = {name: (found[name], wanted[name]) for name in wanted if found[name] != wanted[name]}
		    assert not differ, f'{user}: found, and wanted: {differ}'

		def made(user=None, name='s', mode='inout', **named):
		    """One of the user's, with rings"""
		    def run():
		        os.umask(0o022)
		        Stream(name, mode=mode, **named)
		    run_as(user or owner, run)
		    return Stream(name)
	END
}

check_rights() { check_users < <(rights; cat); }

@test "each file, for root, the owner, his group and others" {
	start_for_users
	check_rights <<-'END'
		s = made()
		for top, folders, files in os.walk(s.path):
		    for name in folders + files:
		        about = os.lstat(os.path.join(top, name))
		        equal((name, about.st_uid, about.st_gid), (name, *owner))
		        if name in files and not os.path.islink(os.path.join(top, name)):
		            path = re.sub('^buffers/[0-9]+/', 'buffers/0/', os.path.relpath(os.path.join(top, name), s.path))
		            assert path in {**PUBLIC, **DRIVERS}, f'{path}: not in the table'
		driver = Driver(s)                      # so that nobody else becomes that
		client = driver.client(s)
		can(s, owner, as_made('owner'))
		can(s, root, as_made('owner'))
		can(s, friend, as_made('other'))
		can(s, other, as_made('other'))
		client.end()
		driver.close()
		# The owner's group and others, by the bits that the owner sets.
		s.becomes('closed')
		def opened_up():
		    os.chmod(s / 'driver', 0o750)
		    for name in DRIVERS:
		        os.chmod(s / name, os.stat(s / name).st_mode & 0o700 | (os.stat(s / name).st_mode & 0o700) >> 3)
		    for name in 'mode', 'linger', 'buffers/0/size':
		        os.chmod(s / name, 0o660)
		    os.chmod(s / 'io', 0o600)
		    os.chmod(s / 'stats', 0o700)
		run_as(owner, opened_up)
		wanted = as_made('other') | {name: DRIVERS[name] for name in DRIVERS} | {
		    'mode': 'lrw', 'linger': 'lrw', 'buffers/0/size': 'lrw', 'io': 'l'} | {f'stats/{name}': '' for name in COUNTS + ['last_error']}
		driver = Driver(s)
		client = driver.client(s)
		can(s, friend, wanted)
		can(s, other, wanted | dict.fromkeys(DRIVERS, '') | dict.fromkeys(('mode', 'linger', 'buffers/0/size'), 'l'))
		can(s, owner, as_made('owner'))
		can(s, root, as_made('owner'))
		client.end()
		driver.close()
	END
}

@test "who may make, remove and change" {
	start_for_users
	check_rights <<-'END'
		s = made(buffers=2)
		for user in friend, other:
		    with kept(s):
		        refused(EACCES, user, os.mkdir, s / 'buffers/2')
		        refused(EACCES, user, os.rmdir, s / 'buffers/1')
		        refused(EPERM, user, os.rmdir, s.path)              # the directory of streams is sticky
		        for name in '', 'mode', 'io', 'buffers', 'buffers/0', 'buffers/0/data', 'driver', 'output', 'stats/frames':
		            refused(EPERM, user, os.chmod, (s / name).rstrip('/'), 0o777)
		            refused(EPERM, user, os.chown, (s / name).rstrip('/'), user[0], -1)
		for name in 'x', 'driver/x', 'buffers/x':
		    refused(EPERM if name == 'x' or name == 'driver/x' else EINVAL, owner, os.mkdir, s / name)
		run_as(owner, os.mkdir, s / 'buffers/2')
		run_as(owner, os.rmdir, s / 'buffers/0')
		run_as(root, os.rmdir, s / 'buffers/1')
		equal((os.stat(s / 'buffers/0').st_uid, os.stat(s / 'buffers/0/data').st_uid), (owner[0], owner[0]))
		os.chown(s.path, *other)
		refused(EPERM, owner, os.rmdir, s.path)
		run_as(other, os.rmdir, s.path)
		# Of a service: its owner makes them, once its directory of streams is his, too.
		os.mkdir(entry('S'))
		os.mkdir(entry('S/streams/t'))
		refused(EACCES, owner, os.mkdir, entry('S/streams/u'))
		os.chown(entry('S/streams'), *owner)
		run_as(owner, os.mkdir, entry('S/streams/u'))
		refused(EACCES, friend, os.mkdir, entry('S/streams/v'))
		for name in 'u', 't':
		    run_as(owner if name == 'u' else root, os.rmdir, entry(f'S/streams/{name}'))
	END
}

@test "rights are the same after kill -9, and for each new ring" {
	start_for_users
	check_rights <<-'END'
		s = made(buffers=2)
		def changed():
		    os.chmod(s.path, 0o751)
		    os.chmod(s / 'buffers/0', 0o711)
		    for name, mode in ('mode', 0o600), ('io', 0o660), ('driver', 0o710), ('driver/enqueue', 0o222), ('stats/frames', 0o400), \
		            ('buffers', 0o750), ('buffers/1/size', 0o640), ('output/notify', 0o440), ('input', 0o711):
		        os.chmod(s / name, mode)
		    for name in 'buffers/0/data', 'buffers/1/control':
		        os.chmod(s / name, 0o660)
		run_as(owner, changed)
		os.chown(s / 'linger', 1003, 2003)
		os.chown(s / 'buffers/1', 1003, -1)
		if not link_mode:       # a link is not the owner's to change; what it leads to is new each time
		    with opening(s / 'io', 'rw'):
		        for name, mode in ('output/data', 0o600), ('input/data', 0o640), ('tally', 0o660), ('board', 0o400):
		            run_as(owner, os.chmod, s / name, mode)
		    s.becomes('closed')
	END
	rights_of() {
		exec 5<>"$MNT/streams/s/io"
		find "$MNT/streams/" -printf '%P %m %U %G\n' | sort
		find -L "$MNT/streams/s" -type f -printf '%P %m %U %G\n' | sort
		exec 5>&-
		eventually grep -qx closed "$MNT/streams/s/state"
	}
	rights_of >before
	[ "$(wc -l <before)" -gt 100 ]
	rights_of >again
	same before again
	restart_fsd
	rights_of >after
	same before after
}

@test "a buffer is written by who has it; only who may enter driver/ is the driver" {
	[ "$MODE" = passthrough ] || skip "a link leads to memory, which knows no holder"
	start_for_users
	check_rights <<-'END'
		import socket
		s = made(buffers=1, mode='output')
		os.chmod(s / 'buffers/0/data', 0o666)
		mate = (1005, 2005, owner[1])
		here, there = socket.socketpair()
		def opened_by(user):
		    run_as(user, lambda: socket.send_fds(there, [b'.'], [opened(s / 'buffers/0/data', 'w')]))
		    return socket.recv_fds(here, 1, 1)[1][0]
		# Who opened it counts, not whose standard output it is.
		of_other, of_owner = opened_by(other), opened_by(owner)
		for user in root, owner, other:
		    refused(EBUSY, user, os.pwrite, of_other, b'x', 0)
		    equal(run_as(user, os.pwrite, of_owner, b'x', 0), 1)
		def writes():
		    with opening(s / 'buffers/0/data', 'w') as fd:
		        os.pwrite(fd, b'x', 0)
		def allowed(*users):
		    found = []
		    for user in (root, owner, friend, other):
		        try:
		            run_as(user, writes)
		            found.append(user)
		        except OSError as error:
		            equal(error.errno, EBUSY)
		    equal(found, list(users))
		allowed(root, owner)
		fd = s.started()
		allowed(root, owner)
		s.set('driver/enqueue', 0)
		allowed()
		s.entry()
		allowed(root, owner, friend, other)
		s.set('input/enqueue', 0)
		allowed()
		s.entry('driver/dequeue')
		allowed(root, owner)
		os.chmod(s / 'driver', 0o750)           # the group of the directory, which is not a friend's first
		allowed(root, owner, friend)
		os.chmod(s / 'driver', 0o755)
		allowed(root, owner, friend, other)
		os.chmod(s / 'driver', 0o071)           # who is in the group is not the others
		allowed(root, friend, other)
		os.chmod(s / 'driver', 0o001)
		allowed(root, other)
		os.close(fd)
	END
}

@test "what a user had in the buffers is not there for the next one" {
	start_for_users
	check_rights <<-'END'
		s = made(buffers=2, mode='output')
		def session(text=None):
		    """What is in the buffers when it is opened; then the text"""
		    with opening(s / 'io', 'rw'):
		        found = [s.bytes_of(i, 6) for i in range(2)] + [read(s / 'buffers/1/control', 6).encode()]
		    return found
		def leave():
		    for name in 'buffers/0/data', 'buffers/1/data', 'buffers/1/control':
		        with opening(s / name, 'rw') as fd:
		            os.pwrite(fd, b'secret', 0)
		nothing, secret = 3 * [bytes(6)], 3 * [b'secret']
		def opens(user):
		    found = run_as(user, session)
		    s.becomes('closed')
		    return found
		leave()
		equal(opens(owner), secret)             # the driver's: nobody had it open before
		equal(opens(owner), secret)
		equal(opens(other), nothing)
		leave()
		equal(opens(other), secret)
		equal(opens(root), nothing)
		leave()
		equal(opens(root), secret)
	END
	restart_fsd
	check_rights <<-'END'
		s = Stream()
		def session():
		    with opening(s / 'io', 'rw'):
		        return s.bytes_of(0, 6)
		equal((run_as(root, session), s.becomes('closed')), (b'secret', None))
		equal(run_as(friend, session), bytes(6))
	END
}

@test "fsd of an ordinary user: streams from end to end, and after kill -9" {
	[ "$MODE" = link ] || skip "passthrough is root's"
	start_fsd_as 65534
	S=$MNT/streams/s
	as_fsd mkdir "$S" "$S"/buffers/{0,1}
	[ "$(as_fsd stat -c '%a %u' "$S/driver")" = '700 65534' ]
	spawn as_user 65534 head -c 5 "$S/io" >heard
	running() { [ "$(as_fsd cat "$S/state")" = running ]; }
	eventually running
	as_fsd bash -c "printf 'hello' >'$S/driver/io'"
	wait "$SPAWNED"
	[ "$(cat heard)" = hello ]
	spawn as_user 65534 bash -c "exec 4<>'$S/io'; echo 1 >'$S/start'; sleep 1000"
	eventually running
	as_fsd bash -c "echo 0 0 7 >'$S/driver/enqueue'; read -r line <'$S/output/dequeue'; echo \$line" >line
	[ "$(cat line)" = '0 0 7 0 0' ]
	[ "$(as_fsd cat "$S/buffers/0/holder")" = client ]
	for user in 0 1003; do
		run ! as_user "$user" cat "$S/state"
	done
	restart_fsd
	[ "$(as_fsd cat "$S/state" "$S/client")" = "stopped"$'\n'"$SPAWNED" ]
	kill -9 "$SPAWNED"
	is_closed() { [ "$(as_fsd cat "$S/state")" = closed ]; }
	eventually is_closed
	as_fsd rmdir "$S/buffers/1" "$S/buffers/0" "$S"
}

@test "who may not enter a stream's directory does not get at the memory behind it" {
	start_for_users
	check_rights <<-'END'
		s = made()
		with opening(s / 'io', 'rw'):
		    behind = [os.path.realpath(s / name) for name in ('buffers/0/data', 'output/data', 'tally', 'board')]
		    run_as(owner, os.chmod, s.path, 0o700)
		    for user in friend, other:
		        for path in behind:
		            refused(EACCES, user, os.path.getsize, path)
		    for path in behind:
		        run_as(owner, os.path.getsize, path)
		    run_as(owner, os.chmod, s.path, 0o755)
		    for path in behind:
		        run_as(other, os.path.getsize, path)
	END
}
