# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# calls.bash - every system call that takes a file, in its odd forms, from Python
#
#	check_calls <<-'END'	as `check_users`, with a mount where there is one of each kind
#				of file, and the tables of calls at hand

load users
load streams
load actors

# What there is to call at: what actors() makes, a queue Q, a stream T with its driver D and
# a client, and a service Bell with a port.
calls_python() {
	streams_python
	actors
	cat <<-'END'
		from errno import E2BIG, EBADFD, ECANCELED, EDOM, EFAULT, EFBIG, ELOOP, EMLINK, ENOBUFS, ENODATA, EOVERFLOW, EPROTO, ERANGE, ESRCH, ENOSYS
		libc = ctypes.CDLL(None, use_errno=True)
		AT_EMPTY_PATH, AT_FDCWD, HUGE = 0x1000, -100, (1 << 63) - 1

		Q = Queue(f'{MNT}/queues/q')
		os.mkdir(Q.path)
		Q.put(b'entry')
		T = Stream('t', buffers=2)
		D = Driver(T)
		bell = Service('Bell', {'ports': {'0': 'queues/q/notify'}})
		os.mkdir(bell / 'queues/q')
		at_bell = Connection(bell)
		stream_client = D.client(T)

		def call(name, *arguments):
		    """One of libc's, which says -1 and an errno"""
		    words = [ctypes.c_long(each) if isinstance(each, int) else
		             os.fsencode(each) if isinstance(each, str) else each for each in arguments]
		    n = libc[name](*words)
		    if n == -1:
		        raise OSError(ctypes.get_errno(), name)
		    return n

		def may(*allowed):
		    return set(allowed)

		SUCCESS = 0
		NEVER = may(EACCES, EPERM)              # by the directory's mode, or of the tree
		NO_NAME = NEVER | {EEXIST, ENOTDIR, EXDEV, EBUSY, EINVAL, ENOENT, EISDIR}
		NO_XATTR = NEVER | {EOPNOTSUPP, ENODATA, ERANGE, EINVAL, E2BIG}

		# What is called with a path, and the errnos that it may have, beyond success where that is said.
		ODD_NAMES = ['x' * 255, 'x' * 256, '\udcff\udcfe', 'new\nline', '%2F', ' ', '...', '\u202e', '-rf', '*']

		def at_paths():
		    long_value = bytes(65536)
		    for kind in stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK:
		        yield f'mknod {kind:o}', lambda path, kind=kind: os.mknod(path, kind | 0o666, os.makedev(1,
		                3)), {EEXIST, *NEVER}
		        yield f'mknod {kind:o} below', lambda path, kind=kind: os.mknod(f'{path}/new', kind | 0o666,
		                os.makedev(1, 3)), NO_NAME
		    yield 'symlink', lambda path: os.symlink(path, f'{path}/new'), NO_NAME
		    yield 'symlink here', lambda path: os.symlink('.', path), NO_NAME
		    yield 'link', lambda path: os.link(path, f'{os.path.dirname(path)}/new', follow_symlinks=False), NO_NAME
		    yield 'link out', lambda path: os.link(path, os.path.abspath('new'), follow_symlinks=False), NO_NAME
		    for flags in 0, 1, 2, 4, 3, 5, 8:
		        yield f'rename {flags}', lambda path, flags=flags: call('renameat2', AT_FDCWD, path, AT_FDCWD,
		                f'{os.path.dirname(path)}/new', flags), NO_NAME
		        yield f'rename out {flags}', lambda path, flags=flags: call('renameat2', AT_FDCWD, path,
		                AT_FDCWD, os.path.abspath('new'), flags), NO_NAME
		        yield f'rename over {flags}', lambda path, flags=flags: call('renameat2', AT_FDCWD, path, AT_FDCWD,
		                T.path if path.endswith('/q') else Q.path, flags), NO_NAME | {ENOTEMPTY}
		    for space in ('user.x', 'trusted.x', 'security.x', 'security.capability', 'security.selinux', 'x',
		                  'system.posix_acl_access', 'system.posix_acl_default', 'user.' + 'x' * 250):
		        yield f'setxattr {space}', lambda path, space=space: os.setxattr(path, space, b'x',
		                follow_symlinks=False), NO_XATTR
		        yield f'setxattr {space}, large', lambda path, space=space: os.setxattr(path, space,
		                long_value, follow_symlinks=False), NO_XATTR
		        yield f'getxattr {space}', lambda path, space=space: os.getxattr(path, space,
		                follow_symlinks=False), NO_XATTR
		        yield f'removexattr {space}', lambda path, space=space: os.removexattr(path, space,
		                follow_symlinks=False), NO_XATTR | {SUCCESS}
		    yield 'listxattr', lambda path: equal([name for name in os.listxattr(path,
		            follow_symlinks=False) if not name.startswith('security.')], []), {SUCCESS, EOPNOTSUPP, EACCES}
		    for flags in 0, 0x100, 0x2000, 0x4000, 0x800, 0x6000, 0x10000:
		        yield f'statx {flags:x}', lambda path, flags=flags: call('statx', AT_FDCWD, path, flags,
		                0xffff, bytes(512)), {SUCCESS, EINVAL, ENOENT, EACCES}
		    yield 'statvfs', os.statvfs, {SUCCESS, ENOENT, EACCES, ENXIO}
		    yield 'handle', lambda path: call('name_to_handle_at', AT_FDCWD, path, struct.pack('Ii', 128,
		            0) + bytes(128), bytes(8), 0), {SUCCESS, EOPNOTSUPP, EOVERFLOW, EACCES}
		    for name in 'truncate', 'truncate64':
		        for size in -1, HUGE:
		            yield f'{name} {size}', lambda path, size=size, name=name: call(name, path,
		                    size), {EINVAL, EACCES, EPERM, EISDIR, EFBIG, ENOENT, ENXIO, SUCCESS, ENOSPC, EBUSY}
		    for flags, name in (os.O_TMPFILE | os.O_RDWR, 'O_TMPFILE'), (os.O_CREAT | os.O_EXCL | os.O_RDWR,
		            'O_EXCL'):
		        yield name, lambda path, flags=flags: os.open(path, flags, 0o666), {EEXIST, EOPNOTSUPP,
		                ENOTDIR, EACCES, EPERM}
		    for name in ODD_NAMES:
		        yield f'mkdir {name!r}', lambda path, name=name: os.mkdir(f'{path}/{name}'), NO_NAME | {ENAMETOOLONG, EMLINK}
		        yield f'creat {name!r}', lambda path, name=name: os.open(f'{path}/{name}',
		                os.O_CREAT | os.O_WRONLY, 0o666), NO_NAME | {ENAMETOOLONG}
		        yield f'look {name!r}', lambda path, name=name: os.lstat(f'{path}/{name}'), {ENOENT, ENOTDIR,
		                EACCES, ENAMETOOLONG, ELOOP}
		        yield f'unlink {name!r}', lambda path, name=name: os.unlink(f'{path}/{name}'), NO_NAME | {ENAMETOOLONG, ELOOP}
		        yield f'rmdir {name!r}', lambda path, name=name: os.rmdir(f'{path}/{name}'), NO_NAME | {ENAMETOOLONG, ELOOP}
		    yield 'rmdir .', lambda path: os.rmdir(f'{path}/.'), NO_NAME
		    yield 'rmdir ..', lambda path: os.rmdir(f'{path}/..'), NO_NAME | {ENOTEMPTY}
		    yield 'a name in a file', lambda path: os.lstat(f'{path}/x/../..'), {ENOENT, ENOTDIR, EACCES,
		            ENXIO, ELOOP}
		    yield 'inotify', lambda path: call('inotify_add_watch', notices, path, 0xfff), {SUCCESS, EACCES, ENOENT}
		    yield 'mount', lambda path: call('mount', path, path, 'none', 4096, None), NEVER | {ENOENT}
		    yield 'umount', lambda path: call('umount2', path, 2), NEVER | {EINVAL, ENOENT}
		    yield 'chroot', os.chroot, NEVER | {ENOTDIR, ENOENT}

		notices = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

		# What is called with an open file. Anything may be refused; what must not happen is that it waits,
		# that something changes, or that fsd goes.
		PLAIN = may(SUCCESS, EBADF, EINVAL, EOPNOTSUPP, ESPIPE, EISDIR, EACCES, EPERM, ENODEV, EAGAIN, ENXIO)
		IOCTLS = {'FIONREAD': 0x541b, 'FIOASYNC': 0x5452, 'TCGETS': 0x5401, 'TIOCSTI': 0x5412,
		        'GETFLAGS': 0x80086601,
		          'SETFLAGS': 0x40086602, 'FSGETXATTR': 0x801c581f, 'FSSETXATTR': 0x401c5820, 'FICLONE': 0x40049409,
		          'FICLONERANGE': 0x4020940d, 'FIDEDUPERANGE': 0xc0189436, 'FIFREEZE': 0xc0045877, 'FITHAW': 0xc0045878,
		          'FITRIM': 0xc0185879, 'FIBMAP': 1, 'FIGETBSZ': 2, 'FIEMAP': 0xc020660b, 'FUSE_CLONE': 0x8004e500,
		          'FUSE_BACKING': 0x4010e501, 'GETUUID': 0x80111500, 'none': 0, 'odd': 0xffffffff, 'large': 0xffffdead,
		          'GET_POLICY': 0x400c6615, 'ENABLE_VERITY': 0x40806685, 'GETVERSION': 0x80087601}

		def at_files():
		    page = ctypes.create_string_buffer(PAGE)
		    for name, number in IOCTLS.items():
		        yield f'ioctl {name}', lambda fd, number=number: call('ioctl', fd, number,
		                ctypes.create_string_buffer(1 << 14)), PLAIN | {ENOTTY, EFAULT, EXDEV, EBUSY, ENOSYS, EMLINK}
		        yield f'ioctl {name}, null', lambda fd, number=number: call('ioctl', fd, number,
		                None), PLAIN | {ENOTTY, EFAULT, EXDEV, EBUSY, ENOSYS}
		    for mode in 0, 1, 2, 3, 8, 0x10, 0x11, 0x20, 0x40, 0x80:
		        for at, size in (0, PAGE), (HUGE - 10, 10), (-1, 1), (0, 0):
		            yield f'fallocate {mode:x} {at}', lambda fd, mode=mode, at=at, size=size: fallocate(fd,
		                    mode, at, size), PLAIN - {SUCCESS} | {EFBIG}
		    for whence in 0, 1, 2, 3, 4, 5, 99:
		        for at in 0, -1, 1 << 40, HUGE, -HUGE:
		            yield f'lseek {at} {whence}', lambda fd, at=at, whence=whence: call('lseek', fd, at,
		                    whence), PLAIN | {EOVERFLOW}
		    yield 'back', lambda fd: os.lseek(fd, 0, os.SEEK_SET), PLAIN
		    for how in fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN:
		        yield f'flock {how}', lambda fd, how=how: fcntl.flock(fd, how | fcntl.LOCK_NB), PLAIN
		        yield f'lockf {how}', lambda fd, how=how: fcntl.lockf(fd,
		                how if how == fcntl.LOCK_UN else how | fcntl.LOCK_NB, 1, HUGE - 1), PLAIN
		    yield 'lease', lambda fd: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK), PLAIN
		    yield 'lease w', lambda fd: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK), PLAIN | {EBUSY}
		    yield 'no lease', lambda fd: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK), PLAIN
		    yield 'notify', lambda fd: fcntl.fcntl(fd, fcntl.F_NOTIFY, 0), PLAIN | {ENOTDIR}
		    yield 'owner', lambda fd: fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid()), PLAIN
		    yield 'signal', lambda fd: fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG), PLAIN
		    for flags in os.O_ASYNC, os.O_DIRECT, os.O_APPEND, os.O_NOATIME, 0:
		        yield f'F_SETFL {flags:o}', lambda fd, flags=flags: fcntl.fcntl(fd, fcntl.F_SETFL,
		                flags | os.O_NONBLOCK), PLAIN
		    for number in 1031, 1032, 1033, 1034, 1036, 1037, 1040, 9999:
		        yield f'fcntl {number}', lambda fd, number=number: call('fcntl', fd, number,
		                bytes(64)), PLAIN | {EFAULT, EBUSY}
		    for flags, name in (mmap.MAP_SHARED, 'shared'), (mmap.MAP_PRIVATE, 'private'), (3,
		            'validated'), (3 | 0x80000, 'sync'):
		        for rights in 0, 1, 3, 5, 7:
		            yield f'mmap {name} {rights}', lambda fd, flags=flags, rights=rights: mapped(fd, flags,
		                    rights), PLAIN
		    for name in 'fsync', 'fdatasync', 'syncfs':
		        yield name, lambda fd, name=name: call(name, fd), PLAIN
		    yield 'sync_file_range', lambda fd: call('sync_file_range', fd, 0, HUGE, 7), PLAIN
		    yield 'readahead', lambda fd: call('readahead', fd, 0, 1 << 30), PLAIN
		    for advice in range(6):
		        yield f'fadvise {advice}', lambda fd, advice=advice: os.posix_fadvise(fd, 0, 0, advice), PLAIN
		    for at in 1, PAGE - 1, 1 << 40, HUGE - PAGE, HUGE, -1:
		        yield f'pread {at}', lambda fd, at=at: call('pread', fd, page, PAGE, at), ANY
		    yield 'readv', lambda fd: os.readv(fd, [bytearray(1) for _ in range(1024)]), ANY
		    yield 'preadv2', lambda fd: os.preadv(fd, [bytearray(10), bytearray(0), bytearray(10)], 1 << 50,
		            os.RWF_NOWAIT | os.RWF_HIPRI), ANY
		    yield 'read to nowhere', lambda fd: call('read', fd, None, PAGE), ANY | {EFAULT}
		    yield 'splice out', lambda fd: call('splice', fd, None, pipe[1], None, PAGE, 3), ANY
		    yield 'splice out at', lambda fd: call('splice', fd, struct.pack('q', 1 << 40), pipe[1], None,
		            PAGE, 3), ANY
		    yield 'sendfile out', lambda fd: os.sendfile(null, fd, None, PAGE), ANY
		    yield 'copy out', lambda fd: os.copy_file_range(fd, here, PAGE), ANY | {EXDEV}
		    yield 'tee', lambda fd: call('tee', fd, pipe[1], PAGE, 2), ANY
		    yield 'vmsplice', lambda fd: call('vmsplice', fd, bytes(16), 1, 2), ANY
		    yield 'getdents', lambda fd: call('syscall', {'x86_64': 217, 'aarch64': 61}[os.uname().machine],
		            fd, page, PAGE), PLAIN | {ENOTDIR}
		    yield 'fchdir', os.fchdir, PLAIN | {ENOTDIR}
		    yield 'home', lambda fd: os.chdir(HOME), PLAIN
		    yield 'fstat', os.fstat, PLAIN
		    yield 'fstatvfs', os.fstatvfs, PLAIN
		    yield 'again', lambda fd: os.close(os.open(f'/proc/self/fd/{fd}',
		            os.O_RDONLY | os.O_NONBLOCK)), ANY | {ENOENT, ESTALE}
		    yield 'epoll', polled, PLAIN

		# What reading and opening may say, each for its own reason.
		ANY = PLAIN | {EBUSY, EMSGSIZE, EIO, EPROTO, ENOENT, EOVERFLOW, EDOM, ENOBUFS, ECANCELED, ENOSYS,
		        ENODATA, ESTALE, ELOOP, EBADFD}
		HOME = os.getcwd()
		pipe, null, here = os.pipe(), os.open('/dev/null', os.O_RDWR), os.open('here', os.O_RDWR | os.O_CREAT, 0o666)

		def mapped(fd, flags, rights):
		    libc.mmap.restype = ctypes.c_long
		    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
		            ctypes.c_long]
		    address = libc.mmap(None, PAGE, rights, flags, fd, 0)
		    if address == -1:
		        raise OSError(ctypes.get_errno(), 'mmap')
		    for name, number in ('madvise', 4), ('madvise', 14), ('madvise', 21), ('msync', 4), ('mprotect',
		            7), ('mlock', 0):
		        with contextlib.suppress(OSError):      # what of it is allowed is the kernel's own
		            call(name, address, PAGE, number)
		    call('munmap', address, PAGE)

		def polled(fd):
		    with select.epoll() as epoll:
		        for events in select.EPOLLIN | select.EPOLLET, 0, select.EPOLLOUT | select.EPOLLONESHOT, 0xffff:
		            epoll.register(fd, events)
		            epoll.poll(0)
		            epoll.unregister(fd)

		def everything():
		    """A path of each kind of file in the mount, links not followed"""
		    found = {MNT: MNT}
		    for top, folders, files in os.walk(MNT):
		        for name in folders + files:
		            path = os.path.join(top, name)
		            kind = re.sub(r'/(0x[0-9a-f]+|\d+)\b', '/N', re.sub('/(Test|New|Bell)\\b', '/S', path[len(MNT):]))
		            found.setdefault(re.sub('^/(class|name)/[^/]+', '/C', kind), path)
		    return found.values()

		def opens_of(path, more=(0, os.O_DIRECT, os.O_SYNC | os.O_APPEND)):
		    """The open files that one may have of it without waiting"""
		    try:
		        kind = os.lstat(path).st_mode
		    except PermissionError:             # what is in a connection of somebody else
		        return
		    if stat.S_ISDIR(kind):
		        ways = [os.O_RDONLY | os.O_DIRECTORY, os.O_PATH]
		    else:
		        ways = [way | flags for way in (os.O_RDONLY, os.O_WRONLY,
		                os.O_RDWR) for flags in more] + [os.O_PATH, os.O_PATH | os.O_NOFOLLOW]
		    for way in ways:
		        try:
		            yield os.open(path, way | os.O_NONBLOCK), way
		        except OSError as error:
		            assert error.errno in ANY | {ENOENT}, f'open {path} {way:o}: {error}'

		wrong = []
		def tried(what, path, allowed, call, *arguments):
		    try:
		        value, found = call(*arguments), SUCCESS
		        if what[0] in 'OcT' and isinstance(value, int):
		            os.close(value)
		    except OSError as error:
		        found = error.errno
		    makes = os.path.basename(path) in ('queues', 'streams') and what.split()[0] in ('mkdir', 'look', 'rmdir')
		    if found not in allowed and (found != SUCCESS or not makes):
		        wrong.append(f'{path[len(MNT):]}: {what}: {name_of(found) if found else "done"}')
	END
}

check_calls() { check_users < <(calls_python; cat); }
