#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What is wrong is refused with its errno, and nothing has changed. What is
# refused by one file alone stands in queue_files.bats, or queue_entries.bats.

load checks

# --- text

@test "a capacity that is no number, or none that can be, is refused" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		bad = ['0', '00', '-1', '-0', '+8', 'abc', '8 ', ' 8', '8\r\n', '8\n\n', '8\n8', '8\n8\n', '8x', '0x10', '1e3', '8.0',
		       '8\0', '\0', '\n', ' ', '\t', '08 ', 'eight', '8k', '٨', b'\xff', b'\xb2',
		       str(2 ** 63 - 1), str(2 ** 63), str(2 ** 64 - 1), str(2 ** 64), str(2 ** 64 + 8), '9' * 400, '-' + '9' * 400]
		for how in 'with max_entry of its own', 'with its own':
		    with unchanged(q):
		        for name in 'capacity', 'max_entry':
		            for text in bad:
		                with opening(q / name, 'w') as fd:
		                    refuses(EINVAL, os.write, fd, text.encode() if isinstance(text, str) else text)
		    q.set('max_entry', 100)
	END
	# As a shell does it.
	run -1 bash -c 'echo abc >"$1/capacity"' bash "$queue"
	[[ $output == *'Invalid argument'* ]]
	[ "$(cat "$queue/capacity")" = 65536 ]
}

@test "no text at all changes nothing" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		with unchanged(q):
		    for name in 'capacity', 'max_entry', 'reset', 'enqueue':
		        with opening(q / name, 'wt') as fd:
		            equal(os.write(fd, b''), 0)     # the kernel does not ask
	END
	: >"$queue/capacity"
	[ "$(cat "$queue/capacity")" = 65536 ]
}

@test "a text that is too long is EMSGSIZE" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		with unchanged(q):
		    for name in 'capacity', 'max_entry', 'reset':
		        for text in b'x' * 10240, b'1' * 10240, b'1' * 4097, b'0' * 10239 + b'8', bytes(1 << 20), b'1' * (5 << 20):
		            with opening(q / name, 'w') as fd:
		                refuses(EMSGSIZE, os.write, fd, text)
		q.write('capacity', b'0' * 4092 + b'4096')
		equal(q.number('capacity'), 4096)
	END
}

@test "a capacity beyond the limit, or the memory, is ENOSPC; one beyond the format EINVAL" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		with unchanged(q):
		    for number in 1 << 31, 2 ** 32 - 8:
		        refuses(ENOSPC, q.set, 'capacity', number)
		        refuses(ENOSPC, q.set, 'max_entry', number)
		    for number in 2 ** 32 + 8, 1 << 40:         # max_entry is less than 8 below
		        refuses(EINVAL, q.set, 'capacity', number + 8)
		        refuses(EINVAL, q.set, 'max_entry', number)
		q.set('max_entry', 100)
		with unchanged(q):
		    for number in (1 << 30) + 1, 1 << 40, 1 << 62:
		        refuses(ENOSPC, q.set, 'capacity', number)
		    refuses(EINVAL, q.set, 'capacity', 2 ** 63 - 1000)
		q.set('capacity', 1 << 20)
	END
	expect_log 'max_queue_size=1073741824'
}

# --- directories

# Every name below $MNT, with what stat says of it.
# Without the views, which have ids that are never used again, without what was refused, and
# without a service's directories that are made when somebody looks.
tree() { find "$MNT" \( -name buf -o -name clients -o -name prop -o -name parents -o -path "$MNT/id" -o -path "$MNT/class" -o -path "$MNT/name" -o -path "$MNT/err" \) -prune -o -printf '%P %y %m %U %G %i\0' | sort -z | tr '\0\n' '\n?'; }

@test "mkdir refuses names that are there, reserved or too long, and places that are not for it" {
	start_fsd
	new_queue q
	mkdir "$MNT/IOService/S"
	tree >before
	long=$(printf '%256s' '' | tr ' ' x)
	check "$MNT" "$long" <<-'END'
		mnt, long = args
		mkdir = lambda path: os.mkdir(f'{mnt}/{path}')
		refuses(EEXIST, mkdir, 'queues/q')
		refuses(EEXIST, mkdir, 'IOService/S')
		refuses(EEXIST, mkdir, 'IOService/IOResources')
		for name in 'queues', 'streams', 'clients', 'driver', 'ctl', 'state', 'props', 'match', 'busy':
		    refuses(EEXIST, mkdir, f'IOService/S/{name}')
		    refuses(EEXIST, mkdir, f'IOService/{name}')
		for name in long, long * 2, long * 4:
		    refuses(ENAMETOOLONG, mkdir, f'queues/{name}')
		    refuses(ENAMETOOLONG, mkdir, f'IOService/{name}')
		    refuses(ENAMETOOLONG, mkdir, name)
		refuses(ENAMETOOLONG, mkdir, 'queues/' + 'é' * 128)
		refuses(ENAMETOOLONG, os.stat, f'{mnt}/queues/{long}')
		for path in 'new', 'queues/q/new':
		    refuses(EPERM, mkdir, path)
		for path in 'version/new', 'queues/q/entries/new', 'queues/q/notify/new':
		    refuses(ENOTDIR, mkdir, path)
		for path in 'queues/none/new', 'IOService/none/queues/new':
		    refuses(ENOENT, mkdir, path)
		for path in 'version', 'status', 'IOService', 'queues', 'queues/q/entries', 'queues/.', 'queues/..':
		    refuses(EEXIST, mkdir, path)
	END
	tree >after
	same before after
}

@test "rmdir refuses what is in use, what is not empty, and what is no queue" {
	start_fsd
	queue=$(new_queue q)
	mkdir "$MNT/IOService/S" "$MNT/IOService/S/T" "$MNT/IOService/S/queues/r"
	tree >before
	check "$queue" "$MNT" <<-'END'
		q, mnt = Queue(args[0]), args[1]
		rmdir = lambda path: os.rmdir(f'{mnt}/{path}')
		holders = [lambda: q.take('data'), lambda: q.take('consumer'),
		           lambda: opened(q / 'enqueue', 'w'), lambda: opened(q / 'dequeue')]
		for entries in [], [b'entry']:
		    q.put(*entries)
		    for hold in holders:
		        fd = hold()
		        with unchanged(q):
		            refuses(EBUSY, rmdir, 'queues/q')
		        os.close(fd)
		        eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
		with unchanged(q):
		    refuses(ENOTEMPTY, rmdir, 'queues/q')
		refuses(ENOTEMPTY, rmdir, 'IOService/S')
		rmdir('IOService/S/T')
		refuses(ENOTEMPTY, rmdir, 'IOService/S')        # of a queue
		os.mkdir(f'{mnt}/IOService/S/T')
		for path in 'IOService', 'IOService/IOResources', 'IOService/IOResources/queues', 'IOService/S/queues':
		    refuses(EBUSY if path == 'IOService/IOResources' else EPERM, rmdir, path)
		for path in 'queues/none', 'none', 'queues/q/none', 'IOService/none':
		    refuses(ENOENT, rmdir, path)
		for path in 'version', 'queues', 'queues/q/entries', 'queues/q/notify', 'queues/q/data':
		    refuses(ENOTDIR, rmdir, path)
		refuses(EBUSY, os.rmdir, mnt)
		q.write('reset', '1')
	END
	tree | sed 's/ [0-9]*$//' >after
	sed -i 's/ [0-9]*$//' before		# S/T is another one by now
	same before after
	rmdir "$queue"
	rmdir "$MNT/IOService/S/queues/r" "$MNT/IOService/S/T" "$MNT/IOService/S"
	[ -z "$(ls "$MNT/queues/")" ]
}

@test "what looks at a queue does not keep it: rmdir works, and a new one of the name is another" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fds = [opened(q / name) for name in ATTRIBUTES + ('peek',)] + [opened(q / 'data'), opened(q / 'notify', 'rn')]
		inside = os.open(q.path, os.O_RDONLY | os.O_DIRECTORY)
		os.rmdir(q.path)
		refuses(ENOENT, os.stat, q.path)
		equal(os.listdir(inside), [])
		refuses(ENOENT, os.open, 'entries', os.O_RDONLY, dir_fd=inside)
		os.mkdir(q.path)
		q.put(b'new')
		equal(q.get(), b'new')
	END
}

# Names that a shell, JSON or an escape could break, 255 bytes of them among them.
names() {
	cat <<-'END'
		names = [b'new\nline', b'\n', b'%', b'%41', b'%0A%', b'%00', b'\xff\xfe', b'caf\xe9', b'\xc3', 'é'.encode(), b'"\\', b"it's",
		         b' ', b'-rf', b'.hidden', b'...', b'\x01\x7f\x1b[31m', b'*', b'$(x)', b'data', b'queues',
		         b'x' * 255, b'\xff' * 255, b'%' * 255, b'\n' * 255]
		# A service is named in JSON and in paths of the registry: UTF-8, up to 127 bytes, and
		# what a path escapes is escaped.
		def names_a_service(name):
		    try:
		        name.decode()
		    except UnicodeDecodeError:
		        return False
		    plain = not name.startswith(b'.') and all(byte >= 32 and byte not in b'%\x7f' for byte in name)
		    return plain and len(name) <= 127 and name != b'queues'
	END
}

@test "queues and services of any name survive kill -9, with their entries" {
	start_fsd
	{
		names
		cat <<-'END'
			mnt = os.fsencode(args[0])
			for n, name in enumerate(names):
			    q = mnt + b'/queues/' + name
			    os.mkdir(q)
			    with opening(q + b'/enqueue', 'w') as fd:
			        os.write(fd, b'entry of ' + name)
			    os.chmod(q, 0o700 + n)
			    if names_a_service(name):
			        os.mkdir(mnt + b'/IOService/' + name)
			        os.mkdir(mnt + b'/IOService/' + name + b'/queues/' + name)
			equal(sorted(os.listdir(mnt + b'/queues/')), sorted(names))
		END
	} | check "$MNT"
	tree >before
	restart_fsd
	tree >after
	same before after
	{
		names
		cat <<-'END'
			mnt = os.fsencode(args[0])
			equal(sorted(os.listdir(mnt + b'/queues/')), sorted(names))
			for n, name in enumerate(names):
			    q = mnt + b'/queues/' + name
			    equal(stat.S_IMODE(os.stat(q).st_mode) & 0o600, 0o600)
			    with opening(q + b'/dequeue') as fd:
			        equal(os.read(fd, 1000), b'entry of ' + name)
			    # The bells are opened by path, too.
			    waiter = Child(lambda: os.read(opened(q + b'/dequeue'), 1000)).waits()
			    with opening(q + b'/enqueue', 'w') as fd:
			        os.write(fd, b'again')
			    equal(waiter.result(), b'again')
			    eventually(lambda: open(q + b'/consumer_pid').read() == 'none\n')
			    os.rmdir(q)
			    if names_a_service(name):
			        os.rmdir(mnt + b'/IOService/' + name + b'/queues/' + name)
			        os.rmdir(mnt + b'/IOService/' + name)
		END
	} | check "$MNT"
	[ -z "$(ls -A "$MNT/queues/")" ]
	[ "$(services)" = IOResources ]
}

@test "a name in the log is one line" {
	start_fsd -o max_queue_size=8192
	expect ENOSPC mkdir "$MNT/queues/$(printf 'two\nlines')"
	eventually grep -q max_queue_size "$LOG"
	expect_log 'max_queue_size=8192'
	[ "$(grep -vc '^<[0-9]>fsd: ' "$LOG")" -eq 0 ]
}

# --- what the tree has no operation for

@test "no file of a queue can be removed, renamed, linked, made or replaced" {
	start_fsd
	queue=$(new_queue q)
	new_queue other
	tree >before
	check "$queue" "$MNT" <<-'END'
		import ctypes
		libc = ctypes.CDLL(None, use_errno=True)
		q, mnt = Queue(args[0]), args[1]
		def renameat2(old, new, flags):
		    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) < 0:
		        raise OSError(ctypes.get_errno(), 'renameat2')
		with unchanged(q):
		    for name in FILES:
		        file = q / name
		        refuses(EPERM, os.unlink, file)
		        refuses(EPERM, os.rename, file, q / 'new')
		        refuses(EPERM, os.rename, file, file + 'x')
		        refuses(EPERM, os.rename, file, q / ('stats' if name != 'stats' else 'used'))
		        refuses(EPERM, os.rename, file, f'{mnt}/queues/other/{name}')
		        refuses(EXDEV, os.rename, file, './' + name)
		        refuses(EPERM, os.link, file, q / 'new', follow_symlinks=False)
		        refuses(EXDEV, os.link, file, './' + name, follow_symlinks=False)
		        refuses(EEXIST, os.symlink, 'target', file)
		        refuses(EEXIST, os.mkdir, file)
		        refuses(EEXIST, os.mknod, file)
		        refuses(EEXIST, os.mkfifo, file)
		        refuses(EEXIST, os.open, file, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
		    for new in 'new', '.entries.swp', 'data.new', 'record.json':
		        refuses(EPERM, os.open, q / new, os.O_WRONLY | os.O_CREAT, 0o644)
		        refuses(EPERM, os.mknod, q / new)
		        refuses(EPERM, os.mkfifo, q / new)
		        refuses(EPERM, os.mkdir, q / new)
		        refuses(EPERM, os.symlink, 'target', q / new)
		        refuses(ENOENT, os.unlink, q / new)
		    refuses(EPERM, os.rename, q.path, f'{mnt}/queues/new')
		    refuses(EPERM, os.rename, q.path, f'{mnt}/queues/other')
		    refuses(EPERM, os.rename, q.path, f'{mnt}/IOService/q')
		    refuses(EPERM, renameat2, q.path, f'{mnt}/queues/new', 1)       # RENAME_NOREPLACE
		    refuses(EPERM, renameat2, q.path, f'{mnt}/queues/other', 2)     # RENAME_EXCHANGE
		    refuses(EPERM, os.link, q.path, f'{mnt}/queues/new')
		    refuses(EISDIR, os.unlink, q.path)
		    refuses(EOPNOTSUPP, os.open, q.path, os.O_TMPFILE | os.O_RDWR)
	END
	tree >after
	same before after
}

@test "memory cannot be cut or drawn out through the mount" {
	[ "$MODE" = passthrough ] || skip "in link mode the file behind is the owner's"
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(b'entry')
		with unchanged(q):
		    for name in 'data', 'consumer':
		        for size in 0, 100, PAGE, os.stat(q / name).st_size, 1 << 40:
		            refuses(EPERM, os.truncate, q / name, size)
		            with opening(q / name, 'rw') as fd:
		                refuses(EPERM, os.ftruncate, fd, size)
		        refuses(EPERM, opened, q / name, 'wt')
		        refuses(EPERM, opened, q / name, 'rwt')
		        with opening(q / name, 'rw') as fd:
		            for mode in 0, 1, 3, 16:                # keep the size, punch a hole, zero
		                refuses(EOPNOTSUPP, fallocate, fd, mode, 0, PAGE)
		    eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
	END
}

@test "truncation of the other files changes nothing" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(b'entry')
		with unchanged(q):
		    for name in FILES:
		        if name in ('data', 'consumer'):
		            continue
		        if name in ('notify', 'serviced'):
		            refuses(EINVAL, os.truncate, q / name, 0)
		            continue
		        for size in 0, 10, 1 << 40:
		            os.truncate(q / name, size)
		        for how in ('wt', 'wnt') if os.stat(q / name).st_mode & 0o222 else ():
		            with opening(q / name, how) as fd:
		                os.ftruncate(fd, 0)
	END
}

@test "a file is read and written in its direction alone, by root too" {
	start_fsd
	queue=$(new_queue q)
	chmod 0777 "$queue"
	check "$queue" "$MNT" <<-'END'
		q, mnt = Queue(args[0]), args[1]
		only_read = [q / name for name in ('dequeue', 'peek', 'entries', 'used', 'free', 'producer_pid', 'consumer_pid', 'stats')]
		only_read += [f'{mnt}/{name}' for name in ('README', 'version', 'status')]
		only_written = [q / 'enqueue', q / 'reset']
		with unchanged(q):
		    for file in only_read:
		        for how in 'w', 'wn', 'wt', 'wa', 'rw', 'rwn':
		            refuses(EACCES, opened, file, how)
		    for file in only_written:
		        for how in 'r', 'rn', 'rw', 'rwn':
		            refuses(EACCES, opened, file, how)
		    # Not the mode says it, but what the file is for.
		    os.chmod(q / 'entries', 0o666)
		    os.chmod(q / 'enqueue', 0o666)
		    refuses(EACCES, opened, q / 'entries', 'w')
		    refuses(EACCES, opened, q / 'enqueue', 'r')
		    if os.getuid() == 0:
		        refuses(EACCES, as_user, 1001, opened, q / 'entries', 'w')
		        refuses(EACCES, as_user, 1001, opened, q / 'enqueue', 'rw')
		    os.chmod(q / 'entries', 0o444)
		    os.chmod(q / 'enqueue', 0o222)
		with opening(q / 'capacity', 'w') as fd:
		    refuses(EBADF, os.read, fd, 10)
		with opening(q / 'entries') as fd:
		    refuses(EBADF, os.write, fd, b'1')
		refuses(EISDIR, opened, q.path, 'w')
		refuses(EISDIR, os.read, os.open(q.path, os.O_RDONLY), 10)
		refuses(ENOTDIR, os.listdir, q / 'entries')
		refuses(EACCES, os.execv, q / 'entries', ['entries'])
	END
}

@test "extended attributes, times, locks, ioctls and the like do no harm" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" "$MNT" <<-'END'
		import ctypes
		libc = ctypes.CDLL(None, use_errno=True)
		q, mnt = Queue(args[0]), args[1]
		q.put(b'entry')
		with unchanged(q):
		    for file in [q.path, mnt, f'{mnt}/queues/', f'{mnt}/version'] + [q / name for name in FILES]:
		        if stat.S_ISFIFO(os.stat(file).st_mode):
		            refuses(EPERM, os.setxattr, file, 'user.x', b'x')       # the kernel says so
		        elif not os.path.islink(file):
		            refuses(EOPNOTSUPP, os.setxattr, file, 'user.x', b'x')
		            refuses(EOPNOTSUPP, os.getxattr, file, 'user.x')
		            refuses(EOPNOTSUPP, os.removexattr, file, 'user.x')
		        os.utime(file)
		        os.utime(file, (0, 0))
		        os.stat(file)
		        os.statvfs(file)
		        os.access(file, os.R_OK | os.W_OK)
		        os.open(file, os.O_PATH)
		    for name in 'entries', 'stats', 'capacity', 'peek':
		        with opening(q / name) as fd:
		            fcntl.flock(fd, fcntl.LOCK_EX)
		            refuses(ENOTTY, fcntl.ioctl, fd, 0x5401, bytes(100))
		            refuses(ENOTTY, fcntl.ioctl, fd, 0xdead, 0)
		            equal(libc.mmap(None, PAGE, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0), -1)
		            equal(ctypes.get_errno(), ENODEV)
		            refuses(EBADF, fallocate, fd, 0, 0, PAGE)
		            os.lseek(fd, 1000, os.SEEK_SET)
		            equal(os.read(fd, 100), b'')
		            with contextlib.suppress(OSError):
		                os.lseek(fd, 0, os.SEEK_DATA)
		            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
		            os.sendfile(os.pipe()[1], fd, 0, 1000)
		    with opening(q / 'capacity', 'rw') as fd:
		        refuses(EOPNOTSUPP, fallocate, fd, 0, 0, PAGE)
		        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
		        os.fsync(fd)
		    with opening(q / 'enqueue', 'w') as fd:
		        refuses(EOPNOTSUPP, fallocate, fd, 0, 0, PAGE)
		        refuses(ESPIPE, os.lseek, fd, 0, os.SEEK_SET)
		        refuses(ESPIPE, os.pwrite, fd, b'x', 0)
		        os.fsync(fd)
		    with opening(q / 'data') as fd:
		        refuses(EBADF, fallocate, fd, 0, 0, PAGE)
		equal(q.get(), b'entry')
		assert os.sendfile(os.pipe()[1], opened(q / 'data'), 0, PAGE) == PAGE
	END
	touch "$queue/capacity" "$queue"
	[ "$(cat "$queue/capacity")" = 65536 ]
}

@test "a read of each file in any piece gives the same bytes" {
	start_fsd
	queue=$(new_queue q)
	check "$queue" "$MNT" <<-'END'
		q, mnt = Queue(args[0]), args[1]
		q.put(b'entry')
		for file in [q / name for name in ATTRIBUTES + ('peek',)] + [f'{mnt}/README', f'{mnt}/version']:
		    with opening(file) as fd:
		        whole = os.read(fd, 1 << 20)
		        assert 0 < len(whole) < 8192
		        for size in 1, 3, 1000:
		            os.lseek(fd, 0, os.SEEK_SET)
		            got = b''
		            while piece := os.read(fd, size):
		                assert len(piece) <= size
		                got += piece
		            equal(got, whole)
		        equal(os.pread(fd, 10, len(whole)), b'')
		        equal(os.pread(fd, 10, 1 << 62), b'')
	END
}

# --- limits

@test "services have the limit of queues" {
	start_fsd -o max_queues=2
	mkdir "$MNT/IOService/a" "$MNT/IOService/a/b"
	expect ENOSPC mkdir "$MNT/IOService/c"
	expect ENOSPC mkdir "$MNT/IOService/a/b/c"
	expect_log 'max_queues=2'
	rmdir "$MNT/IOService/a/b"
	mkdir "$MNT/IOService/c"
	mkdir "$MNT/queues/q" "$MNT/IOService/c/queues/q"
	expect ENOSPC mkdir "$MNT/queues/r"
	[ "$(ls "$MNT/queues/")" = q ]
}

@test "max_queue_size is the most that capacity and max_entry can be" {
	start_fsd -o max_queue_size=131072
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		with unchanged(q):
		    refuses(ENOSPC, q.set, 'capacity', 131080)
		    refuses(ENOSPC, q.set, 'max_entry', 131073)
		q.set('capacity', 131072)
		q.set('max_entry', 131072)
		with unchanged(q):
		    refuses(ENOSPC, q.set, 'capacity', 131073)
		    refuses(ENOSPC, q.set, 'max_entry', 131073)
		q.put(bytes(131072))
	END
	expect_log 'max_queue_size=131072'
}

@test "more queues than fsd may have files open are no matter, and what it cannot open is EMFILE" {
	# fsd raises its own limit to the hard one.
	prlimit --nofile=64:64 --pid $$ 2>/dev/null || skip "the limit cannot be set"
	start_fsd
	check "$MNT/queues" <<-'END'
		queues = [Queue(f'{args[0]}/{n}') for n in range(100)]
		for q in queues:
		    os.mkdir(q.path)
		    q.put(b'entry of ' + q.path.encode())
		for q in queues:
		    equal(q.peek(), b'entry of ' + q.path.encode())

		# Each of ours has a descriptor and a lock of fsd's behind it.
		def open_some(part):
		    found = [0, 0]
		    for q in part:
		        try:
		            opened(q / 'enqueue', 'w')
		            found[0] += 1
		        except OSError as error:
		            equal(error.errno, EMFILE)
		            found[1] += 1
		    os.write(done, b'.')
		    signal.pause()
		ready, done = os.pipe()
		children = [Child(open_some, part) for part in (queues[:40], queues[40:80])]
		for child in children:
		    equal(os.read(ready, 1), b'.')
		equal(len(os.listdir(args[0])), 100)
		refuses(EMFILE, queues[99].put, b'x')
		for child in children:
		    child.end()
		eventually(lambda: fsd_resources()[0] < 20, 'fsd closed its files')
		for q in queues:
		    equal(q.get(), b'entry of ' + q.path.encode())
	END
}

@test "writes that wait have a limit of their bytes, and beyond it are EAGAIN" {
	start_fsd
	queue=$(new_queue q 2097152)
	new_queue other
	check "$queue" "$MNT/queues/other" <<-'END'
		q, other = Queue(args[0]), Queue(args[1])
		large = bytes((1 << 20) - PAGE)
		n = q.fill(large)
		limit = (64 << 20) // len(large)
		write = lambda entry: os.write(opened(q / 'enqueue', 'w'), entry)
		writers = [Child(write, large) for i in range(limit)]
		for writer in writers:
		    writer.waits()
		refuses(EAGAIN, write, large)
		refuses(EAGAIN, as_user, os.getuid(), write, large)
		other.put(b'of others')             # nobody else has to wait for it
		equal(other.get(), b'of others')
		writers.pop().end()
		again = Child(write, large).waits()
		for writer in writers:
		    writer.end()
		again.end()
		with opening(q / 'dequeue', 'rn') as fd:
		    got = 0
		    while events(fd, select.POLLIN):
		        equal(os.readv(fd, [mmap.mmap(-1, 1 << 20)]), len(large))
		        got += 1
		equal(got, n)
	END
	expect_log 'too many writes wait for room'
}

# --- a full state directory

@test "on a full state directory what is there goes on, and what cannot be kept is ENOSPC" {
	small_state
	start_fsd
	queue=$(new_queue q)
	check "$queue" small <<-'END'
		q, mnt = Queue(args[0]), os.path.dirname(args[0])
		q.put(b'before')
		hog = os.open(args[1] + '/hog', os.O_WRONLY | os.O_CREAT)
		with contextlib.suppress(OSError):
		    while True:
		        os.write(hog, bytes(PAGE))
		before = os.listdir(mnt)
		with unchanged(q):
		    for name in 'new', 'x' * 127, 'q2':
		        refuses(ENOSPC, os.mkdir, f'{mnt}/{name}')
		        refuses(ENOSPC, os.mkdir, f'{mnt}/../{name}')
		    refuses(ENOSPC, os.chmod, q.path, 0o700)
		    refuses(ENOSPC, os.chmod, q / 'capacity', 0o600)
		    refuses(ENOSPC, os.chown, q / 'stats', 1, 1)
		equal(os.listdir(mnt), before)
		equal(q.get(), b'before')
		with unchanged(q):
		    refuses(ENOSPC, q.set, 'capacity', 1 << 20)
		    refuses(ENOSPC, q.set, 'max_entry', 1 << 19)
		# Each byte of the ring was reserved: no SIGBUS, in fsd or in a program.
		for i in range(3):
		    n = q.fill(os.urandom(9000))
		    assert n > 7
		    equal(len(q.drain()), n)
		if link_mode:
		    q.write('reset', '1')
		    p = Memory(q, roles=['data'])
		    p.enqueue(b'x' * 60000)
		    p.close()
		    equal(q.get(), b'x' * 60000)
		os.ftruncate(hog, 0)
		os.mkdir(f'{mnt}/new')
		os.chmod(q.path, 0o700)
		q.set('capacity', 1 << 17)
	END
	rmdir "$MNT/queues/new"
	[ "$(find "$STATE" -name '*.new' -o -name '*.old')" = '' ]
	stop_fsd
	[ -z "$(ls -A "$STATE")" ]
	umount small
}
