#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# How files of the registry are opened, written and read; which names there may be; and what
# the tree has no operation for.

load actors

# --- how it is written and read

@test "O_NONBLOCK, O_APPEND and O_TRUNC change nothing" {
	start_fsd
	check_actors <<-'END'
		with nothing_changed():
		    for path in [*JSON_FILES, f'{MNT}/ctl', N / 'class', N / 'ctl', U / 'ctl', U / 'm/mul', U / 'struct/echo',
		            U / 'props', N / 'prop/one']:
		        for flags in 'n', 't', 'a', 'nta':
		            fd = opened(path, 'w' + flags)
		            if path != N / 'class':
		                os.ftruncate(fd, 0)
		            os.close(fd)
		        for size in 0, 1, 1 << 40:
		            os.truncate(path, size)
		        refuses(EINVAL, os.truncate, path, -1)
		    for path, document in JSON_FILES.items():
		        for flags in 'n', 't', 'a', 'nta':
		            write(path, document, how_of(path) + flags)
		            refuses(EINVAL, write, path, '{"a":}', how_of(path) + flags)
		    for path in f'{MNT}/events', S / 'events', U / 'async', f'{MNT}/watch':
		        with opening(path, 'rn' if path != f'{MNT}/watch' else 'rwn') as fd:
		            refuses(EAGAIN, os.read, fd, 100)
		    refuses(EAGAIN, os.read, S.driver, 100)
		    for path in U / 'call', f'{MNT}/match', S / 'match':
		        with opening(path, 'rwn') as fd:
		            refuses(61, os.read, fd, 100)                   # ENODATA
		with opening(U / 'call', 'rwn') as fd:
		    os.write(fd, b'{"sel":0}')
		    refuses(EAGAIN, os.read, fd, 100)
		    S.answers()
		    equal(json.loads(os.read(fd, 100))['rc'], 0)
		write(N / 'ctl', 'busy +1\n')
		with opening(N / 'quiet', 'rn') as fd:
		    refuses(EAGAIN, os.read, fd, 100)
		    write(N / 'ctl', 'busy -1\n')
		    equal(os.read(fd, 100), b'0\n')
	END
}

@test "documents have a position, and sessions have none" {
	start_fsd
	check_actors <<-'END'
		write(N / 'props', json.dumps({'text': ''.join(f'{n} ' for n in range(2000))}))
		documents = [f'{MNT}/console', f'{MNT}/policy', N / 'props', U / 'props', N / 'methods', N / 'prop/text',
		        entry('props'), N / 'classes', N / 'path', U / 'creator']
		for path in documents:
		    with opening(path) as fd, opening(path) as other:
		        whole = os.read(fd, 1 << 20)
		        assert whole.endswith(b'\n') and len(whole) > 1
		        equal(os.read(fd, 100), b'')
		        for size in 1, 7, 1000:
		            os.lseek(fd, 0, os.SEEK_SET)
		            got = b''
		            while piece := os.read(fd, size):
		                got += piece
		            equal(got, whole)
		            if len(whole) > 5000 and size == 1:
		                break
		        for fresh in fd, other:
		            for at in 1, len(whole) // 2, 0, len(whole) - 1, 3, len(whole), len(whole) + 1, 1 << 40, 1 << 62:
		                equal(os.pread(fresh, 10, at), whole[at:at + 10])
		        equal(os.lseek(fd, 5, os.SEEK_SET), 5)
		        equal(os.read(fd, 3), whole[5:8])
		        equal(os.read(fd, 3), whole[8:11])
		        with contextlib.suppress(OSError):
		            os.lseek(fd, 0, os.SEEK_END)
		        refuses(EINVAL, os.lseek, fd, -1, os.SEEK_SET)
		# Where a document is written does not matter: each value is one.
		for at in 0, 1, 100, 1 << 40:
		    with opening(N / 'props', 'rw') as fd:
		        text = json.dumps({'at': at}).encode()
		        equal(os.pwrite(fd, text, at), len(text))
		        refuses(EINVAL, os.pwrite, fd, b'{"at":}', at)
		    equal(read(N / 'prop/at'), f'{at}\n')
		with opening(N / 'props', 'rw') as fd:         # half of one here, half there
		    os.pwrite(fd, b'{"at"', 1000)
		    os.pwrite(fd, b':"x"}', 10)
		equal(read(N / 'prop/at'), '"x"\n')
		# What was read stays; from the start it is read anew.
		with opening(N / 'prop/at', 'rw') as fd:
		    equal(os.read(fd, 2), b'"x')
		    write(N / 'prop/at', '12345')
		    equal(os.read(fd, 10), b'"\n')
		    equal(os.pread(fd, 10, 0), b'12345\n')
		for path in f'{MNT}/match', f'{MNT}/watch', f'{MNT}/events', S / 'match', S / 'events', U / 'call', U / 'm/mul', \
		        U / 'struct/echo', U / 'async', f'{MNT}/quiet':
		    with opening(path, how_of(path) if os.stat(path).st_mode & 0o222 else 'r') as fd:
		        for whence in os.SEEK_SET, os.SEEK_CUR, os.SEEK_END:
		            refuses(ESPIPE, os.lseek, fd, 0, whence)
		        refuses(ESPIPE, os.pread, fd, 1, 0)
		        if os.stat(path).st_mode & 0o222:
		            refuses(ESPIPE, os.pwrite, fd, b'{"sel":0}', 0)
		for path in f'{MNT}/ctl', N / 'ctl', U / 'ctl':
		    with opening(path, 'w') as fd:
		        refuses(ESPIPE, os.lseek, fd, 0, os.SEEK_SET)
		        refuses(ESPIPE, os.pwrite, fd, b'busy +1\n', 0)
		for fd in S.driver, U.session:
		    refuses(ESPIPE, os.lseek, fd, 0, os.SEEK_SET)
		    refuses(ESPIPE, os.pwrite, fd, b'close\n', 0)
		equal(read(N / 'busy'), '0\n')
		assert not S.is_asked()
	END
}

# --- names

@test "names of services: how long, which, and what they mean" {
	start_fsd
	check_actors <<-'END'
		with nothing_changed():
		    for name in 'x' * 128, 'x' * 255, '\u00e9' * 64, 'x' * 128 + '@1', 'x@' + '1' * 128:
		        refuses(ENAMETOOLONG, os.mkdir, entry(name))
		    for name in 'x' * 256, 'x' * 1000:
		        refuses(ENAMETOOLONG, os.mkdir, entry(name))
		    for name in 'id', 'name', 'location', 'path', 'class', 'classes', 'state', 'busy', 'busy_time', 'quiet', 'retain', \
		            'owner', 'props', 'prop', 'parents', 'methods', 'driver', 'ctl', 'buf', \
		                'match', 'events', 'clone', 'clone.1', 'clone.0x1', 'clients', 'queues', 'streams', 'async':
		        refuses(EEXIST, os.mkdir, S / name)
		    refuses(EEXIST, os.mkdir, entry('Test'))
		    refuses(EPERM, os.mkdir, f'{MNT}/lower')
		    for name in 'A B', '1', '\u00c9', 'A/B'[:1] + '-', 'P' * 33, '.A', 'A@1':
		        says(EPERM, 'plane', os.mkdir, f'{MNT}/{name}')
		        equal(said()[1], 'kIOReturnNotPermitted')
		    for name in 'README', 'version', 'ctl', 'IOService', 'queues', 'id', 'err', 'class':
		        refuses(EEXIST, os.mkdir, f'{MNT}/{name}')
		good = {'x' * 127: ('x' * 127, ''), '\u00e9' * 63: ('\u00e9' * 63, ''),
		        'x' * 127 + '@' + '1' * 100: ('x' * 127, '1' * 100), 'a@b@c': ('a@b', 'c'), '@': ('@', ''), '@1': ('@1', ''),
		        'a@%2Fb%0A': ('a', '/b\n'), '1@%25': ('1', '%'),
		        'a@': ('a', ''), 'a%2Fb': ('a/b', ''), '%2Ehidden': ('.hidden', ''), '%25': ('%', ''),
		        '%64river': ('driver', ''), '%63lone': ('clone', ''), ' ': (' ', ''), '-': ('-', ''), 'a b': ('a b', ''),
		        "'\"$`\\": ("'\"$`\\", ''), '\U0001f600': ('\U0001f600', ''), 'Driver': ('Driver', ''),
		        '~0x1': ('~0x1', ''), 'a:b': ('a:b', ''), '*': ('*', ''), '%2E..': ('...', ''),
		        'a%0Ab': ('a\nb', '')}
		# A path without its colon is that of the directory: what is escaped there is escaped here.
		for name, form in ('.x', '%2Ex'), ('...', '%2E..'), ('%', '%25'), ('a%2fc', 'a%2Fc'), ('De%76', 'Dev'), ('a\nb', 'a%0Ab'):
		    says(EINVAL, re.escape(form), os.mkdir, entry(name))
		for name, (plain, location) in good.items():
		    for parent in 'Test', '':
		        path = entry(f'{parent}/{name}') if parent else entry(name)
		        os.mkdir(path)
		        try:
		            equal(read(f'{path}/name'), plain + '\n')
		            equal(read(f'{path}/location'), location + '\n' if location else '')
		            number = read(f'{path}/id').strip()
		            equal(os.path.realpath(f'{MNT}/id/{number}'), os.path.realpath(path))
		            equal(MNT + '/' + read(f'{path}/path')[:-1].replace(':', '', 1), path)
		            write(f'{path}/ctl', 'register\n')
		            with opening(f'{MNT}/match', 'rw') as fd:
		                os.write(fd, json.dumps({'IOPathMatch': read(f'{path}/path')[:-1]}).encode())
		                equal(os.read(fd, 10000).decode(), read(f'{path}/path'))
		            escaped = re.sub('^\\.|[\0-\x1f/%]', lambda found: f'%{ord(found.group()):02X}', plain)
		            equal(os.readlink(f'{MNT}/name/{escaped}/{number}'), f'../../id/{number}')
		            assert escaped in os.listdir(f'{MNT}/name')
		            refuses(EEXIST, os.mkdir, path)
		            assert os.path.basename(path) in os.listdir(os.path.dirname(path))
		        except (AssertionError, OSError) as error:
		            raise AssertionError(f'{path}: {error!r}') from None
		        os.rmdir(path)
		# Bytes that are no text: no name for documents and paths.
		odd = os.fsencode(entry()) + b'/\xff\xfe'
		try:
		    os.mkdir(odd)
		except OSError as error:
		    equal(error.errno, EINVAL)
		else:
		    for name in b'name', b'path', b'id', b'props':
		        os.read(os.open(odd + b'/' + name, os.O_RDONLY), 1000)
		    write(odd + b'/ctl', 'register\n')
		    with opening(f'{MNT}/match', 'rw') as fd:
		        os.write(fd, b'{}')
		        assert os.read(fd, 10000)
		    write(odd + b'/ctl', 'terminate\n')
	END
}

@test "what the tree has no operation for" {
	start_fsd
	mkdir "$MNT/IOService/Test2" "$MNT/IOService/Test2/Child"
	check_actors <<-'END'
		child = entry('Test2/Child')
		fixed = [MNT + '/IOService', MNT + '/id', MNT + '/class', MNT + '/name', MNT + '/err', entry('IOResources'),
		        entry('IOResources/queues'), S / 'clients', S / 'prop', S / 'parents', S / 'buf', S / 'queues',
		         U.path, U / 'm', U / 'mem', U / 'port', U / 'struct', U / 'prop', entry('prop')]
		files = [f'{MNT}/{name}' for name in ('README', 'version', 'status', 'match', 'watch', 'events', 'busy', 'busy_time', 'quiet',
		        'console', 'policy', 'ctl', 'queues')] + \
		        [S / name for name in ('id', 'class', 'clone', 'clone.1', 'driver', 'ctl', 'props', 'methods', 'owner', 'match',
		        'events', 'state')] + \
		        [U / name for name in ('id', 'type', 'creator', 'service', 'call', 'ctl', 'async', 'props', 'm/mul',
		        'struct/echo', 'mem/0', 'port/1')] + \
		        [entry(name) for name in ('id', 'name', 'class', 'props', 'quiet')] + [f'{MNT}/id/{read(S / "id").strip()}']
		with nothing_changed():
		    for path in files:
		        try:
		            refuses(EPERM, os.unlink, path)
		            refuses(ENOTDIR, os.rmdir, path)
		            refuses(EPERM, os.rename, path, path + 'x')
		            refuses(EPERM, os.link, path, S / 'new', follow_symlinks=False)
		            for call in (os.mkdir, path), (os.symlink, 'x', path), (os.mknod, path), (os.mkfifo, path), \
		                    (os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL):
		                refuses(EEXIST, *call)
		            if not os.path.islink(path):
		                refuses(EOPNOTSUPP, os.setxattr, path, 'user.x', b'x')
		                refuses(EOPNOTSUPP, os.setxattr, path, 'trusted.fsd.entitlements', b'{}')
		                refuses(ENOTDIR, os.mkdir, path + '/new')
		                refuses(EACCES, os.execv, path, ['x'])
		        except AssertionError as error:
		            raise AssertionError(f'{path}: {error}') from None
		    for path in fixed:
		        try:
		            with contextlib.suppress(AssertionError):
		                refuses(EPERM, os.rmdir, path)
		                continue
		            refuses(EBUSY, os.rmdir, path)
		        except AssertionError as error:
		            raise AssertionError(f'{path}: {error}') from None
		    for path in fixed + [S.path, child]:
		        refuses(EISDIR, os.unlink, path)
		        refuses(EPERM, os.rename, path, path + 'x')
		        refuses(EISDIR, os.open, path, os.O_WRONLY)
		    for folder in [MNT, entry(), S.path, U.path, S / 'clients', S / 'parents', U / 'm', U / 'mem', U / 'port',
		            U / 'queues', S / 'queues', MNT + '/id', MNT + '/class', MNT + '/name', MNT + '/err',
		                   MNT + '/class/IOService', MNT + '/name/Test']:
		        for name in 'new', '.new.swp', '\u00e9':
		            try:
		                wanted = {EPERM, EACCES, ENOENT}
		                for call in (os.mknod, f'{folder}/{name}'), (os.mkfifo, f'{folder}/{name}'), \
		                        (os.symlink, 'x', f'{folder}/{name}'), (os.link, S / 'id', f'{folder}/{name}'), \
		                            (os.open, f'{folder}/{name}', os.O_WRONLY | os.O_CREAT), \
		                            (os.mknod, f'{folder}/{name}', stat.S_IFSOCK | 0o600), \
		                            (os.mknod, f'{folder}/{name}', stat.S_IFCHR | 0o600, 259):
		                    try:
		                        call[0](*call[1:])
		                    except OSError as error:
		                        assert error.errno in wanted, f'{call}: {error}'
		                    else:
		                        assert False, f'{call}: success'
		                refuses(ENOENT, os.unlink, f'{folder}/{name}')
		                refuses(ENOENT, os.rmdir, f'{folder}/{name}')
		                if folder not in (entry(), S.path, S / 'queues'):
		                    refuses(EPERM, os.mkdir, f'{folder}/{name}')
		            except AssertionError as error:
		                raise AssertionError(f'{folder}/{name}: {error}') from None
		    for folder in S / 'buf', S / 'prop':
		        for call in (os.mkdir, f'{folder}/new'), (os.mkfifo, f'{folder}/new'), (os.symlink, 'x', f'{folder}/new'), \
		                (os.link, S / 'id', f'{folder}/new'):
		            refuses(EPERM, *call)
		    says(ENOTEMPTY, 'services', os.rmdir, entry('Test2'))
		    for new in entry('Moved'), entry('Test'), child + '2', f'{MNT}/id/x':
		        refuses(EPERM, os.rename, child, new)
		    refuses(ENAMETOOLONG, os.open, f'{S.path}/buf/{"x" * 128}', os.O_RDWR | os.O_CREAT)
	END
}

# --- again and again

@test "what is wrong costs no memory, however often it comes" {
	start_fsd
	check_actors <<-'END'
		junk = [b'{"a":1,"a":2}', b'{"a":"\xff"}', b'[' * 600 + b']' * 600, b'{"a":[1,2,{"b":"' + b'x' * 3000 + b'"}]} x ]',
		        b'null\n', b'{"sel":', b'{"type":1,"match":{"a":"b"}}',
		        b'\0\n', b'x' * 3000 + b'\n', b'{"methods":[{"name":"a","ent":"b"},{"name":"a"}],"memory":{"0":"x"}}',
		        b'[{"uid":1,"user":"x"},{"uid":-1}]', b'message 1 {"a":\n',
		        b'{"sel":0,"sit":"x","sihex":"00"}', b'{"two":{"$data":"AAAA"},"three":{"$set":[1,2,null]}}',
		        b'addclient IOService/Test/clients/x/y\n', b'{"id":1,"rc":0,"sob":"AAAA","so":["x"]}\n',
		        b'{"id":99,"rc":0,"so":[1,2,3],"buf":"x"}\n', b'{"notify":1,"conn":99,"data":[1,2,3]}\n']
		files = [*JSON_FILES, f'{MNT}/ctl', N / 'ctl', U / 'ctl', U / 'm/mul', N / 'prop/bad', N / 'class']
		files.remove(U / 'call')
		def round(n):
		    for i, path in enumerate(files):
		        with contextlib.suppress(OSError):
		            flags = os.O_RDWR if path.endswith(('match', 'watch', 'mul')) else os.O_WRONLY
		            fd = os.open(path, flags | (os.O_CREAT if path.endswith('bad') else 0))
		            try:
		                os.write(fd, junk[(n + i) % len(junk)])
		            finally:
		                os.close(fd)
		    for text in junk[n % len(junk)], b'\n':
		        with contextlib.suppress(OSError):
		            os.write(U.session, text)
		        with contextlib.suppress(OSError):
		            os.write(S.driver, text)
		        with contextlib.suppress(OSError):
		            write(U / 'call', text + b']}', 'rw')
		    with contextlib.suppress(OSError):
		        os.mkdir(entry('x' * 128))
		    with contextlib.suppress(OSError):
		        os.mkdir(S / f'clone.{n}')
		    with contextlib.suppress(OSError):
		        os.stat(U / f'mem/{n}x')
		    while S.is_asked():
		        os.read(S.driver, 65536)
		for n in range(50):
		    round(n)
		descriptors, before = fsd_resources()
		for n in range(1000):
		    round(n)
		after = fsd_resources()
		equal(after[0], descriptors)
		assert fsd_is_sanitized() or after[1] < before + 1500, f'{before} KiB after 50 rounds, {after[1]} after 1000'
	END
}
