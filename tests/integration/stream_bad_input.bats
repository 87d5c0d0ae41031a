#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Whatever is written to the files of a stream: it is refused with the right errno and code, nothing
# has changed, and nothing is kept of it.

load streams
setup() { fsd_setup; start_fsd; }

# What is no number, no word, no line, for each file that can be written.
wrong() {
	cat <<-'END'
		EVERYWHERE = ['\n', '\n\n', ' ', ' \n', '\t', '\0', '\0\n', '1\0', '1\0\n', '\x001', '-1', '-0', '+1', '0x1', '0x', '1.0', '1e1',
		              '1,', ',', 'one', 'x' * 1000, '1' * 1000, '99999999999999999999', '18446744073709551616', '\u0661', b'\xff', b'\x80\n',
		              b'1\xff', '"1"', '[1]', '{}', '%31', '1;1', '$1', '\x7f', '\x1b', '\r', '1\r\n', '1\v', '\f1', '\\n', "'1'"]
		NUMBERS = EVERYWHERE + [' 1', '1 ', '1 1', '1\n1', '1\n\n', '1 x']
		ONE = NUMBERS + ['0', '2', '11', '01', '1\n2', 'true', 'yes', 'on']
		LINES = EVERYWHERE + ['x 1', '\n1']             # the first line is bad
		ENTRIES = LINES + ['1 2 3 4 5 6', '1 -1', '1 x', '4294967296', '0 4294967296', '0 0 18446744073709551616', '0\t1', '0 0 0 0 0 0',
		                   ' ', '0,1', '0 1 2 3 4 ,']
		BAD = {
		    'mode': EVERYWHERE + ['Input', 'INPUT', 'in', 'inputoutput', 'input ', ' input', 'input\0', 'input output', 'out\n\n', '1',
		                          'inout\nx', 'inout\n\n'],
		    **{name: ONE for name in ('start', 'stop', 'suspend', 'drain')},
		    **{name: NUMBERS for name in ('queue_length', 'linger', 'buffers/0/size', 'buffers/0/control_size', 'driver/drop')},
		    'driver/modes': EVERYWHERE + ['', 'inputs', 'input,output', 'output\0input', 'input output x', 'OUTPUT'],
		    'driver/queues': EVERYWHERE + ['Create', 'create x', 'create -1', 'create  1', 'create 1 1', 'create\0', 'destroy x', 'destroy 1',
		                                   'create 0x1', 'destroyed', 'createx', 'create 1\n\n', 'create\n\n', 'destroy\n\n', 'create 99999999999999999999', 'create\t1'],
		    'input/enqueue': ENTRIES, 'driver/enqueue': ENTRIES,
		    **{name: LINES + ['4294967296', ' 1', '1 ', '1 1'] for name in ('input/notify', 'input/notify_sync')},
		    **{name: LINES + ['0', '2', '01', ' 1', '1 '] for name in ('driver/notify', 'driver/ack')},
		}
		BAD['input/notify_sync'] = BAD['input/notify_sync'] + ['1\n1', '1\n\n']
		OUT_OF_RANGE = {'queue_length': ['65537', '4294967296', '18446744073709551615'], 'linger': ['4294967296', '18446744073709551615'],
		                'buffers/0/size': ['4294967296', '18446744073709551615'],
		                'buffers/0/control_size': ['4294967296', '18446744073709551615'],
		                'driver/queues': ['create 65537', 'create 18446744073709551615']}

		def is_refused(path, text, wanted=EINVAL):
		    data = text if isinstance(text, bytes) else text.encode()
		    if not data:
		        return
		    try:
		        refuses(wanted, once, path, data)
		        code = said()
		        assert wanted != EINVAL or code[:2] == ('0xe00002c2', 'kIOReturnBadArgument'), code
		    except AssertionError as error:
		        raise AssertionError(f'{path} {data[:60]!r}: {error}') from None

		def in_state(s, state):
		    """Of that state, with something in each ring where there can be"""
		    fd = s.open()
		    if state != 'stopped':
		        s.set('start', 1)
		        s.set('driver/enqueue', '0\n1')
		        s.entry()
		        s.set('input/enqueue', 0)
		        s.set('driver/enqueue', 2)
		    if state == 'suspended':
		        s.set('suspend', 1)
		    if state == 'draining':
		        s.set('drain', 1)
		    equal(s.state, state)
		    return fd
	END
}

check_wrong() { check_streams < <(wrong; cat); }

@test "what cannot be understood is EINVAL in every state, and changes nothing" {
	check_wrong <<-'END'
		s = Stream()
		def all_of_it():
		    n = 0
		    with kept(s):
		        for name, texts in BAD.items():
		            for text in texts:
		                is_refused(s / name, text)
		                n += 1
		        for name in BAD:
		            equal(once(s / name, ''), 0)                # nothing is nothing
		    return n
		assert all_of_it() > 500
		for state in 'stopped', 'running', 'suspended', 'draining':
		    fd = in_state(s, state)
		    all_of_it()
		    equal(s.state, state)
		    os.close(fd)
		    s.becomes('closed')
		for name, texts in OUT_OF_RANGE.items():
		    for text in texts:
		        with kept(s):
		            gives('BadArgument', s.set, name, text)
		driver = Driver(s)
		client = driver.client(s)
		driver.close()
		s.becomes('dead')
		all_of_it()
		client.end()
		s.becomes('closed')
	END
}

@test "driver/control: what is no answer is refused, and takes no question's place" {
	check_wrong <<-'END'
		s = Stream()
		driver = Driver(s)
		def speaks(text):
		    data = text if isinstance(text, bytes) else text.encode()
		    try:
		        refuses(EINVAL, os.write, driver.fd, data)
		    except AssertionError as error:
		        raise AssertionError(f'{data[:60]!r}: {error}') from None
		    equal(said()[:2], ('0xe00002c2', 'kIOReturnBadArgument'))
		words = ['x', 'keeps', 'Keep', 'keep now', 'drain', 'drained 1', '0x', '-1', '1.5', '0x100000000', 'kIOReturnNothing', 'kioreturnbusy',
		         'open', 'start', '0 0', '0,', '\0', '0\0', 'keep\0', b'\xff', 'x' * 100000, '4294967296', '"0"', '+0']
		client = Child(lambda: (os.close(driver.fd), s.open()))
		assert driver.asked().startswith('open')
		for text in words:
		    speaks(text + (b'\n' if isinstance(text, bytes) else '\n'))
		os.write(driver.fd, b'\n')                      # nothing is no answer
		assert not client.is_done()
		# In pieces, and several in one write.
		for byte in b'0x':
		    os.write(driver.fd, bytes([byte]))
		equal(os.write(driver.fd, b'0\n'), 2)
		client.result()
		equal(driver.asked(), 'close')
		client = Child(lambda: (os.close(driver.fd), s.open(), s.set('start', 1)))
		assert driver.asked().startswith('open')
		equal(os.write(driver.fd, b'0\nnonsense\n'), 2)
		speaks('nonsense\n')
		driver.answers('start', '0xdeadbeef')           # whatever it is, it is an error
		refuses(EIO, client.result)
		equal(said(client.pid)[0], '0xdeadbeef')
		equal(driver.asked(), 'close')
		def one_long_line():
		    while True:
		        os.write(driver.fd, b'y' * 65536)
		refuses(EMSGSIZE, one_long_line)
		client = driver.client(s)
		client.end()
		equal(driver.asked(), 'close')
	END
}

@test "a megabyte of anything, and many lines" {
	check_wrong <<-'END'
		s = Stream()
		fd = in_state(s, 'running')
		MANY = [b'x' * (1 << 20), b'1' * (1 << 20), b'\0' * (1 << 20), b'\n' * (1 << 20), b'x\n' * (1 << 19), b'0 ' * (1 << 19), b' ' * (1 << 20)]
		with kept(s):
		    for name in BAD:
		        for text in MANY:
		            try:
		                once(s / name, text)
		                assert False, f'{name} {text[:4]} was taken'
		            except OSError as error:
		                assert error.errno in (EINVAL, EMSGSIZE), f'{name} {text[:4]}: {error}'
		# Good ones: as many as there is room for, and then the code that says so.
		n = once(s / 'input/notify', b'1\n' * (1 << 19))
		equal(n, 2 * 1024)
		gives('NoResources', once, s / 'input/notify', b'1\n' * 1000)
		n = once(s / 'driver/notify', b'1\n' * (1 << 15))
		equal((n, s.line('output/notify')), (1 << 16, f'{1 << 15}\n'))
		with kept(s):
		    gives('Busy', once, s / 'driver/enqueue', b'0 0 0 0 0\n' * 100000)
		os.close(fd)
		s.becomes('closed')
		# Bytes are bytes, and whole buffers of them are dropped with the session.
		s.set('mode', 'input')
		s.set('linger', 0)
		fd = s.open()
		fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
		equal(os.write(fd, bytes(1 << 20)), 3 * 4096)
		os.close(fd)
		s.becomes('closed')
	END
}

@test "what is refused is not kept: fsd's memory is as before" {
	check_wrong <<-'END'
		s = Stream()
		def turn():
		    for state in None, 'running':
		        fd = in_state(s, state) if state else None
		        for name, texts in BAD.items():
		            for text in texts + ['z' * 100000]:
		                with contextlib.suppress(OSError):
		                    once(s / name, text)
		        with contextlib.suppress(OSError):
		            once(s / 'input/notify', b'1\n' * 2000)
		        if fd:
		            os.close(fd)
		            s.becomes('closed')
		    for name in '01', 'x', '9', '-1':
		        refuses(EINVAL, os.mkdir, s / f'buffers/{name}')
		    driver = opened(s / 'driver/control', 'rw')
		    for i in range(20):
		        with contextlib.suppress(OSError):
		            os.write(driver, b'q' * 60000)
		    refuses(EINVAL, os.close, driver)           # the line without an end was none
		turn()
		turn()
		before = fsd_memory(), len(os.listdir(f"/proc/{os.environ['FSD_PID']}/fd"))
		for i in range(10):
		    turn()
		eventually(lambda: len(os.listdir(f"/proc/{os.environ['FSD_PID']}/fd")) <= before[1])
		assert fsd_is_sanitized() or fsd_memory() <= before[0] + 160, f'{before}, then {fsd_memory()}'
	END
}

@test "names: what cannot be made, removed, renamed or linked" {
	check_wrong <<-'END'
		s = Stream()
		with kept(s):
		    for name in 'x', 'buffers', 'io', 'output/x', 'input/3', 'stats/x', 'driver/x', 'buffers/0/x', 'buffers/0/data':
		        for call in os.mkdir, os.mkfifo, os.mknod, (lambda path: os.symlink('x', path)):
		            try:
		                call(s / name)
		                assert False, f'{name} was made'
		            except OSError as error:
		                assert error.errno in (EPERM, EEXIST, EACCES, ENOTDIR), f'{name}: {error}'
		    for name in 'state', 'io', 'output/data', 'buffers/0/data', 'buffers/count':
		        for call in os.unlink, (lambda path: os.rename(path, path + 'x')), (lambda path: os.link(path, path + 'x')):
		            try:
		                call(s / name)
		                assert False, f'{name} was changed'
		            except OSError as error:
		                assert error.errno in (EPERM, EACCES), f'{name}: {error}'
		    for name in 'buffers', 'output', 'input', 'stats', 'driver':
		        try:
		            os.rmdir(s / name)
		            assert False, f'{name} was removed'
		        except OSError as error:
		            assert error.errno in (EPERM, EACCES, ENOTEMPTY), f'{name}: {error}'
		    for name in '3x', '03', '4', '', '-1', '3 ', '3\n', '\u0663', '3' * 255:
		        try:
		            os.mkdir(s / f'buffers/{name}')
		            assert False, f'buffers/{name} was made'
		        except OSError as error:
		            assert error.errno in (EINVAL, EEXIST), f'{name!r}: {error}'
		    refuses(ENAMETOOLONG, os.mkdir, s / f'buffers/{"3" * 256}')
		    for name in '.', '..', 'a\nb', 'x' * 256:
		        try:
		            os.mkdir(f'{MNT}/streams/{name}')
		            os.rmdir(f'{MNT}/streams/{name}')
		        except OSError as error:
		            assert error.errno in (EINVAL, EEXIST, ENAMETOOLONG), f'{name!r}: {error}'
		    refuses(EEXIST, os.mkdir, s.path)
		    for name in 'x', '99999', '1/x':
		        refuses(ENOENT, os.rmdir, s / f'buffers/{name}')
	END
}

# --- as a shell sees it

@test "errnos and their codes, from a shell" {
	S=$MNT/streams/s
	mkdir "$S" "$S"/buffers/{0,1}
	says() { # says WORDS NAME COMMAND: a shell's message, and what err/PID has
		run -1 bash -c "$3; status=\$?; head -n 1 $MNT/err/\$\$; exit \$status" - "$S"
		[[ ${lines[0]} == *": $1" ]] || { echo "wanted '$1': $output" >&2; return 1; }
		[[ ${lines[1]} == *" kIOReturn$2" ]] || { echo "wanted $2: $output" >&2; return 1; }
	}
	says 'No such device or address' NotOpen 'echo 1 >$1/start'
	says 'No such device or address' NotOpen 'echo 0 >$1/input/enqueue'
	says 'Invalid argument' BadArgument 'echo x >$1/linger'
	says 'Invalid argument' BadArgument 'echo 65537 >$1/queue_length'
	echo 'output' >"$S/driver/modes"
	says 'Operation not supported' Unsupported 'echo input >$1/mode'
	says 'Permission denied' NotPrivileged ': <$1/start'
	exec 5<>"$S/io"
	says 'Device or resource busy' ExclusiveAccess ': <>$1/io'
	says 'File descriptor in bad state' NotReady 'echo 1 >$1/suspend'
	says 'Device or resource busy' StillOpen 'echo 9 >$1/queue_length'
	says 'Device or resource busy' StillOpen 'echo 9 >$1/buffers/0/size'
	echo 1 >"$S/start"
	says 'Device or resource busy' Busy 'echo 1 >$1/input/enqueue'
	says 'Invalid argument' BadArgument 'echo 7 >$1/driver/enqueue'
	echo 0 >"$S/driver/enqueue"
	says 'Device or resource busy' Busy 'echo 0 >$1/driver/enqueue'
	exec 5>&-
	eventually grep -qx closed "$S/state"
	rmdir "$S/buffers/1" "$S/buffers/0"
	exec 5<>"$S/io"
	says 'No buffer space available' NoResources 'echo 1 >$1/start'
	exec 5>&-
	eventually grep -qx closed "$S/state"
	rmdir "$S"
}
