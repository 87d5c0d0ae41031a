#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The files of a stream, each with every rule that is written of it.

load streams
setup() { fsd_setup; start_fsd; }

# --- values

@test "what a new stream is" {
	check_streams <<-'END'
		s = Stream(buffers=0)
		for name, value in {'mode': 'output', 'modes': 'input output inout', 'state': 'closed', 'client': 'none',
		                    'queue_length': '0', 'linger': '5000', 'lend': '0', 'buffers/count': '0', 'output/length': '0', 'input/length': '0',
		                    'stats/last_error': 'none', 'driver/queues': 'none', 'driver/discontinuity': '0'}.items():
		    equal((name, s.value(name)), (name, value))
		equal(s.stats(), {})
		found = {os.path.relpath(os.path.join(top, name), s.path): stat.S_IMODE(os.lstat(os.path.join(top, name)).st_mode)
		         for top, folders, files in os.walk(s.path) for name in folders + files}
		memory = {'board': 0o444, 'tally': 0o644, 'output/data': 0o644, 'input/data': 0o644}
		if link_mode:
		    memory = dict.fromkeys(memory, 0o777)
		equal(found, memory | {
		    'mode': 0o644, 'modes': 0o444, 'state': 0o444, 'client': 0o444, 'start': 0o222, 'stop': 0o222, 'suspend': 0o222,
		    'drain': 0o222, 'queue_length': 0o644, 'linger': 0o644, 'lend': 0o644, 'io': 0o666, 'buffers': 0o755, 'buffers/count': 0o444,
		    'output': 0o755, 'output/length': 0o444, 'output/dequeue': 0o444, 'output/notify': 0o444, 'input': 0o755,
		    'input/length': 0o444, 'input/enqueue': 0o222, 'input/notify': 0o222, 'input/notify_sync': 0o222, 'stats': 0o755,
		    **{f'stats/{name}': 0o444 for name in COUNTS + ['last_error']}, 'driver': 0o700, 'driver/control': 0o600,
		    'driver/io': 0o600, 'driver/enqueue': 0o200, 'driver/dequeue': 0o400, 'driver/notify': 0o600, 'driver/ack': 0o200,
		    'driver/drop': 0o200, 'driver/modes': 0o600, 'driver/queues': 0o600, 'driver/discontinuity': 0o400})
		for name in 'output/data', 'input/data', 'tally':       # there are no rings
		    refuses(ENXIO, opened, s / name)
		with opening(s / 'board') as fd:
		    page = os.pread(fd, 8192, 0)
		equal((len(page), page[:8]), (4096, b'IOSTRBD1'))
		equal(struct.unpack_from('<6I', page, 8)[2:], (0, 1, 0, 0))     # closed; output; no buffers; no rings
		os.rmdir(s.path)
		assert not os.path.exists(s.path)
	END
}

@test "mode and modes" {
	check_streams <<-'END'
		s = Stream()
		for mode in 'input', 'inout', 'output', 'output':
		    s.set('mode', mode)
		    equal(s.value('mode'), mode)
		once(s / 'mode', 'input')                                       # a newline is not needed
		equal(s.value('mode'), 'input')
		s.set('driver/modes', 'inout input')
		equal((s.value('modes'), s.value('driver/modes')), 2 * ('input inout',))
		gives('Unsupported', s.set, 'mode', 'output')
		gives('BadArgument', s.set, 'driver/modes', 'output inout')     # not without the one that it has
		fd = s.open()
		s.set('mode', 'inout')                                          # stopped: it may change
		gives('Unsupported', s.set, 'mode', 'output')
		gives('StillOpen', s.set, 'driver/modes', 'inout')
		s.set('start', 1)
		for state in 'start', 'suspend':
		    s.set(state, 1)
		    s.set('mode', 'inout')                                      # the same is none
		    gives('Busy', s.set, 'mode', 'input')
		os.close(fd)
		s.becomes('closed')
		equal((s.value('mode'), s.value('modes')), ('inout', 'input inout'))
	END
}

@test "queue_length, linger and client" {
	check_streams <<-'END'
		s = Stream()
		for length in 0, 1, 7, 65536:
		    s.set('queue_length', length)
		    equal(s.number('queue_length'), length)
		    fd = s.open()
		    equal((s.number('driver/queues'), Ring(s / 'output/data', 'r').count), 2 * ((length or 3) + 1,))
		    size = (16 + 32 * ((length or 3) + 1) + 4095) // 4096 * 4096
		    for name in 'output/data', 'input/data':
		        equal(os.stat(s / name).st_size, size)
		    equal(s.value('client'), f'{os.getpid()}')
		    gives('StillOpen', s.set, 'queue_length', 5)
		    s.set('linger', length)                                     # this one may change
		    equal(s.number('linger'), length)
		    os.close(fd)
		    s.becomes('closed')
		    equal(s.value('client'), 'none')
		gives('BadArgument', s.set, 'queue_length', 65537)
		gives('BadArgument', s.set, 'linger', 1 << 32)
		equal((s.number('queue_length'), s.number('linger')), (65536, 65536))
		child = stays(lambda: s.open())
		equal(s.number('client'), child.pid)
		child.end()
		s.becomes('closed')
		# A ring of one entry takes one.
		s.set('queue_length', 1)
		fd = s.started()
		s.set('driver/enqueue', 0)
		refuses(EAGAIN, s.set, 'driver/enqueue', 1)
		equal(said()[1], 'kIOReturnOverrun')
		equal(s.stats('overruns', 'dropped', 'frames'), (1, 1, 1))
		os.close(fd)
	END
}

# --- what may be done when

@test "each operation in each state" {
	check_streams <<-'END'
		OK = None
		def acks(s):
		    with opening(s / 'driver/notify') as fd:
		        equal(os.read(fd, 100), b'sync 7\n')
		    s.set('driver/ack', 1)
		def notify_sync(s):
		    child = Child(acks, s)
		    try:
		        s.set('input/notify_sync', 7)
		        child.result()
		    finally:
		        child.end()
		def dequeue_input(s):
		    with contextlib.suppress(BlockingIOError):      # in an output stream nothing came back yet
		        s.entry('driver/dequeue')
		def pending(s):
		    s.set('driver/notify', 1)
		    assert int(s.line('output/notify')) > 0
		OPERATIONS = {
		    'start': lambda s: s.set('start', 1), 'suspend': lambda s: s.set('suspend', 1), 'stop': lambda s: s.set('stop', 1),
		    'drain': lambda s: s.set('drain', 1), 'mode': lambda s: s.set('mode', 'inout' if s.value('mode') != 'inout' else 'input'),
		    'enqueue_output': lambda s: s.set('driver/enqueue', 0), 'dequeue_output': lambda s: s.entry('output/dequeue'),
		    'enqueue_input': lambda s: s.set('input/enqueue', 1), 'dequeue_input': dequeue_input,
		    'notify_output': pending, 'notify_input': lambda s: s.set('input/notify', 7), 'notify_sync': notify_sync,
		    'open': lambda s: os.close(opened(s / 'io', 'rw')), 'map': lambda s: Ring(s / 'output/data'),
		    'add': lambda s: os.mkdir(s / 'buffers/3'), 'remove': lambda s: os.rmdir(s / 'buffers/2'),
		    'size': lambda s: s.set('buffers/2/size', 8192), 'control_size': lambda s: s.set('buffers/2/control_size', 128),
		    'create': lambda s: s.set('driver/queues', 'create'), 'destroy': lambda s: s.set('driver/queues', 'destroy'),
		    'queue_length': lambda s: s.set('queue_length', 9), 'drop': lambda s: s.set('driver/drop', 2)}
		STATES = 'closed', 'stopped', 'running', 'suspended', 'draining', 'dead'
		NO, RDY, DEV, EX, ST = 'NotOpen', 'NotReady', 'NoDevice', 'ExclusiveAccess', 'StillOpen'
		TABLE = {       # an exception is the errno of nothing to be read
		    'open': (OK, EX, EX, EX, EX, DEV), 'start': (NO, OK, OK, OK, 'Busy', DEV), 'suspend': (NO, RDY, OK, OK, 'Busy', DEV),
		    'stop': (NO, OK, OK, OK, OK, DEV), 'drain': (NO, OK, OK, OK, OK, DEV), 'mode': (OK, OK, 'Busy', 'Busy', 'Busy', DEV),
		    'enqueue_output': (NO, RDY, OK, RDY, RDY, DEV), 'dequeue_output': (NO, RDY, OK, OK, OK, DEV),
		    'enqueue_input': (NO, RDY, OK, OK, OK, DEV), 'dequeue_input': (NO, RDY, OK, RDY, OK, DEV),
		    **dict.fromkeys(('notify_output', 'notify_input', 'notify_sync', 'map', 'drop'), (NO, OK, OK, OK, OK, DEV)),
		    'add': (OK, 'NoSpace', 'NoSpace', 'NoSpace', 'NoSpace', DEV),
		    **dict.fromkeys(('remove', 'size', 'control_size', 'create', 'destroy', 'queue_length'), (OK, ST, ST, ST, ST, DEV))}
		equal(set(TABLE), set(OPERATIONS))

		def prepared(state, mode):
		    s = Stream()
		    equal((s.state, s.number('buffers/count'), s.value('mode')), ('closed', 3, 'output'))
		    s.set('mode', mode)
		    if state == 'closed':
		        return s, []
		    if state == 'dead':
		        control = Driver(s)
		        client = control.client(s)
		        control.close()
		        s.becomes('dead')
		        return s, [client]
		    fd = s.open()
		    if state != 'stopped':
		        s.set('start', 1)
		        if mode != 'input':
		            for i in 1, 2:
		                s.set('driver/enqueue', f'{i} 0 100')
		        equal(s.entry()[0], 1 if mode != 'input' else 0)
		        if mode == 'input':
		            equal(s.entry()[0], 1)
		            s.set('input/enqueue', '0 0 100')
		    if state in ('suspended', 'draining'):
		        s.set({'suspended': 'suspend', 'draining': 'drain'}[state], 1)
		    return s, [fd]

		def put_back(s, held):
		    for one in held:
		        if isinstance(one, int):
		            os.close(one)
		        else:
		            one.end()
		    s.becomes('closed')
		    while s.number('buffers/count'):
		        os.rmdir(s / f'buffers/{s.number("buffers/count") - 1}')
		    os.rmdir(s.path)

		n_refused = 0
		for mode in 'output', 'input':
		    for operation, wanted in TABLE.items():
		        for state, code in zip(STATES, wanted):
		            if state == 'draining' and mode == 'input':         # what is new is the other end's
		                code = {'enqueue_output': OK, 'enqueue_input': RDY}.get(operation, code)
		            s, held = prepared(state, mode)
		            equal(s.state, state)
		            if operation == 'enqueue_output' and mode == 'input' and state in ('running', 'draining'):
		                eventually(lambda: s.entry('driver/dequeue') == [0, 0, 100, 0, 0])      # it has none else
		                if state == 'draining':
		                    equal(s.state, 'draining')
		            try:
		                if code is OK:
		                    OPERATIONS[operation](s)
		                else:
		                    before = s.seen()
		                    gives(code, OPERATIONS[operation], s)
		                    equal(s.state, state)
		                    equal(s.seen(), before)
		                    if operation != 'map' or not link_mode:
		                        equal(s.value('stats/last_error').split()[0], f'kIOReturn{code}')
		                    n_refused += 1
		            except (AssertionError, OSError) as error:
		                raise AssertionError(f'{operation} in {state}, {mode}: {error}') from error
		            put_back(s, held)
		assert n_refused > 100, n_refused
	END
}

# --- buffers

@test "buffers: made in order, of the size of the last, and moved up when one goes" {
	check_streams <<-'END'
		s = Stream(buffers=0)
		for name in '1', '00', '01', '-1', '+0', 'x', '0x0', '4294967296':
		    refuses(EINVAL, os.mkdir, s / f'buffers/{name}')
		os.mkdir(s / 'buffers/0')
		def sizes(i):
		    return s.number(f'buffers/{i}/size'), s.number(f'buffers/{i}/control_size')
		equal(sizes(0), (4096, 64))
		s.set('buffers/0/size', 100)
		s.set('buffers/0/control_size', 0)
		for i in 1, 2:
		    os.mkdir(s / f'buffers/{i}')
		s.set('buffers/2/size', 200)
		os.mkdir(s / 'buffers/3')
		equal([sizes(i) for i in range(4)], [(100, 0), (100, 0), (200, 0), (200, 0)])
		for i in range(4):
		    s.fill(i, b'buffer %d' % i)
		equal([os.stat(s / f'buffers/{i}/data').st_size for i in range(4)], [100, 100, 200, 200])
		for name in 'holder', 'refs', 'sequence', 'timestamp', 'flags':
		    assert name in os.listdir(s / 'buffers/0')
		with opening(s / 'buffers/1/data') as gone, opening(s / 'buffers/2/data') as moved:
		    os.rmdir(s / 'buffers/1')
		    equal((sorted(os.listdir(s / 'buffers')), s.number('buffers/count')), (['0', '1', '2', 'count'], 3))
		    equal([s.bytes_of(i, 8) for i in range(3)], [b'buffer 0', b'buffer 2', b'buffer 3'])
		    equal([sizes(i)[0] for i in range(3)], [100, 200, 200])
		    equal((os.pread(gone, 8, 0), os.pread(moved, 8, 0)), (b'buffer 1', b'buffer 2'))
		refuses(ENOENT, os.rmdir, s / 'buffers/3')
		for i in 2, 1, 0:
		    os.rmdir(s / f'buffers/{i}')
		equal(s.number('buffers/count'), 0)
		fd = s.open()                                   # of no buffers
		gives('NoResources', s.set, 'start', 1)
		gives('NoSpace', os.mkdir, s / 'buffers/0')
		os.close(fd)
	END
}

@test "buffers: either area may be missing, not both" {
	check_streams <<-'END'
		s = Stream(buffers=1)
		gives('BadArgument', s.set, 'buffers/0/size', 1 << 32)
		gives('NoSpace', s.set, 'buffers/0/size', (1 << 30) + 1)
		s.set('buffers/0/control_size', 0)
		refuses(ENOENT, opened, s / 'buffers/0/control')
		gives('BadArgument', s.set, 'buffers/0/size', 0)
		s.set('buffers/0/control_size', 100)
		s.set('buffers/0/size', 0)
		refuses(ENOENT, opened, s / 'buffers/0/data')
		with opening(s / 'buffers/0/control', 'rw') as fd:
		    equal(len(os.pread(fd, 4096, 0)), 100)
		gives('BadArgument', s.set, 'buffers/0/control_size', 0)
		fd = s.started()
		gives('BadArgument', s.set, 'driver/enqueue', '0 0 1')
		s.set('driver/enqueue', '0 0 0 36 64')
		equal(s.entry(), [0, 0, 0, 36, 64])
		s.set('input/enqueue', '0 0 0 100 0')
		gives('BadArgument', s.set, 'input/enqueue', '0 0 0 100 1')
		os.close(fd)
	END
}

@test "buffers: a driver may add them while the stream is open, as many as the rings hold" {
	check_streams <<-'END'
		s = Stream(buffers=2)
		fd = s.started()
		gives('NoSpace', os.mkdir, s / 'buffers/2')
		os.close(fd)
		s.becomes('closed')
		s.set('queue_length', 4)
		fd = s.started()
		for i in 2, 3:
		    os.mkdir(s / f'buffers/{i}')
		    equal(s.holders[i], 'driver')
		    s.send(b'new %d' % i, i)
		    equal(os.read(fd, 100), b'new %d' % i)
		gives('NoSpace', os.mkdir, s / 'buffers/4')
		gives('StillOpen', os.rmdir, s / 'buffers/3')
		gives('StillOpen', s.set, 'buffers/3/size', 1)
		refuses(EBUSY, os.rmdir, s.path)
		equal(s.number('buffers/count'), 4)
		os.close(fd)
		s.becomes('closed')
		os.rmdir(s / 'buffers/0')
		equal(s.number('buffers/count'), 3)
	END
}

@test "holder, refs and length at each step; sequence, timestamp and flags" {
	check_streams <<-'END'
		s = Stream(buffers=2)
		refuses(ENODATA, s.value, 'buffers/0/sequence')         # the driver uses no header
		header = struct.pack('<6QIIQ', 7, 1234567890123, 8, 0, 5, 0, 16, 1, 0)
		def refs():
		    return [s.number(f'buffers/{i}/refs') for i in range(2)]
		fd = s.started()
		with opening(s / 'buffers/0/control', 'rw') as control:
		    os.pwrite(control, header, 0)
		equal([s.number(f'buffers/0/{name}') for name in ('sequence', 'timestamp', 'flags')], [7, 1234567890123, 16])
		def steps():
		    for call, holder, lengths in (
		            (lambda: s.set('driver/enqueue', '0 0 5 0 64'), 'output', (1, 0)), (lambda: s.entry(), 'client', (0, 0)),
		            (lambda: s.set('input/enqueue', 0), 'input', (0, 1)), (lambda: s.entry('driver/dequeue'), 'driver', (0, 0))):
		        call()
		        equal((s.holders, refs(), s.lengths), ([holder, 'driver'], [int(holder != 'driver'), 0], lengths))
		steps()
		equal(s.number('buffers/0/flags'), 16)
		for bad in 'input/enqueue', 'driver/enqueue':
		    s.set('driver/enqueue', 0)
		    gives('Busy', s.set, bad, 0)                        # on its way out it is nobody's
		    s.entry()
		    gives('Busy', s.set, 'driver/enqueue', 0)
		    s.set('input/enqueue', 0)
		    gives('Busy', s.set, bad, 0)
		    s.entry('driver/dequeue')
		    gives('Busy', s.set, 'input/enqueue', 1)            # never taken
		# A gap in the flow marks the next frame, once.
		s.set('suspend', 1)
		s.set('start', 1)
		equal(s.number('driver/discontinuity'), 1)
		steps()
		equal((s.number('buffers/0/flags'), s.number('driver/discontinuity')), (17, 0))
		with opening(s / 'buffers/0/control', 'rw') as control:
		    os.pwrite(control, header, 0)
		s.set('driver/drop', 3)
		steps()
		equal((s.number('buffers/0/flags'), s.stats('dropped')), (17, (3,)))
		equal(s.number('stats/sequence'), s.number('stats/frames'))
		# stop takes all back.
		s.set('driver/enqueue', 0)
		s.set('driver/enqueue', 1)
		s.entry()
		s.set('stop', 1)
		equal((s.holders, refs(), s.lengths, s.stats('discarded')), (2 * ['driver'], [0, 0], (0, 0), (1,)))
		s.set('start', 1)
		equal(s.number('stats/sequence'), 0)
		gives('Busy', s.set, 'input/enqueue', 0)                # it had it before
		os.close(fd)
	END
}

@test "buffers: only who has one may write it" {
	[ "$MODE" = passthrough ] || skip "a link leads to memory, which knows no holder"
	check_streams <<-'END'
		s = Stream(buffers=2)
		def writes(i, name='data'):
		    with opening(s / f'buffers/{i}/{name}', 'rw') as fd:
		        os.pwrite(fd, b'mine', 0)
		writes(0)
		fd = s.started()
		for step in (lambda: s.set('driver/enqueue', 0), lambda: s.entry(), lambda: s.set('input/enqueue', 0),
		             lambda: s.entry('driver/dequeue')):
		    step()
		    for name in 'data', 'control':
		        if s.holders[0] in ('output', 'input'):
		            gives('Busy', writes, 0, name)
		        else:
		            writes(0, name)
		    writes(1)
		with opening(s / 'buffers/0/data', 'rw') as memory:
		    equal(os.pwrite(memory, bytes(100), 4090), 6)
		    refuses(ENOSPC, os.pwrite, memory, b'x', 4096)
		    equal((len(os.pread(memory, 100, 4090)), os.pread(memory, 1, 4096)), (6, b''))
		    refuses(EPERM, os.ftruncate, memory, 100)
		os.close(opened(s / 'buffers/0/data', 'rwt'))           # a shell's > cuts nothing off
		equal(s.bytes_of(0, 4), b'mine')
		os.close(fd)
	END
}

# --- lines

@test "dequeue: a reader of single bytes takes one entry, and so do bash, dash, head and dd" {
	check_streams <<-'END'
		s = Stream(buffers=5)
		fd = s.started()
		for i in range(5):
		    s.set('driver/enqueue', f'{i} 1 2 3 4')
		with opening(s / 'output/dequeue', 'rn') as lines:
		    text = b''.join(os.read(lines, 1) for i in range(len('0 1 2 3 4\n')))
		    equal((text, s.lengths[0]), (b'0 1 2 3 4\n', 4))
		    os.read(lines, 3)
		equal(s.lengths[0], 3)                                  # what it had not read of that line is gone with it
		import subprocess
		def shell(command, wanted, which='bash'):
		    said = subprocess.run([which, '-c', command, which, s.path], stdout=subprocess.PIPE, timeout=PATIENCE, text=True, check=True)
		    equal(said.stdout, wanted)
		shell('read -r a b c <"$1/output/dequeue"; echo "$a/$b/$c"', '2/1/2 3 4\n')
		shell('read -r a b c <"$1/output/dequeue"; echo "$a/$b/$c"', '3/1/2 3 4\n', 'dash')
		equal(s.lengths[0], 1)
		s.set('input/enqueue', '0\n2')
		shell('for n in 1 2; do read -r line; echo "$line"; done <"$1/driver/dequeue"', '0 0 0 0 0\n2 0 0 0 0\n', 'dash')
		for i in 0, 2:
		    s.set('driver/enqueue', i)
		shell('head -n 1 "$1/output/dequeue"; dd if="$1/output/dequeue" bs=1 count=10 2>/dev/null', '4 1 2 3 4\n0 0 0 0 0\n')
		child = Child(lambda: subprocess.run(['cat', s / 'output/dequeue'], capture_output=True, check=True).stdout)
		eventually(lambda: s.lengths[0] == 0)
		s.set('stop', 1)
		equal(child.result(), b'2 0 0 0 0\n')
		os.close(fd)
	END
}

@test "enqueue: several lines in one write are taken in order, up to the first bad one" {
	check_streams <<-'END'
		s = Stream()
		fd = s.started()
		equal(once(s / 'driver/enqueue', '0 0 1\n1 0 2\n9 0 0\n2 0 3\n'), len('0 0 1\n1 0 2\n'))
		gives('BadArgument', once, s / 'driver/enqueue', '9 0 0\n2 0 3\n')
		equal((s.lengths, once(s / 'driver/enqueue', '2')), ((2, 0), 1))        # the last may lack its newline
		with opening(s / 'output/dequeue', 'rn') as lines:
		    equal([os.read(lines, 100) for i in range(3)], [b'0 0 1 0 0\n', b'1 0 2 0 0\n', b'2 0 0 0 0\n'])
		    refuses(EAGAIN, os.read, lines, 100)
		equal(once(s / 'input/enqueue', '  1  \n0\n0\n2\n'), len('  1  \n0\n'))
		gives('Busy', once, s / 'input/enqueue', '0\n2\n')
		equal(once(s / 'input/enqueue', '2 4096 0 64 0\n'), 14)
		with opening(s / 'driver/dequeue', 'rn') as lines:
		    equal([os.read(lines, 100) for i in range(3)], [b'1 0 0 0 0\n', b'0 0 0 0 0\n', b'2 4096 0 64 0\n'])
		equal(s.stats(), {'frames': 3, 'bytes': 3, 'frames_out': 3, 'bytes_out': 3, 'sequence': 3})
		os.close(fd)
	END
}

@test "output/notify counts, and input calls come once each, in order; a sync call waits for its ack" {
	check_streams <<-'END'
		s = Stream()
		gives('NotOpen', s.line, 'output/notify')
		fd = s.open()                                           # stopped will do
		refuses(EAGAIN, s.line, 'output/notify')
		for i in range(5):
		    s.set('driver/notify', 1)
		once(s / 'driver/notify', '1\n1\n')
		equal(s.line('output/notify'), '7\n')
		refuses(EAGAIN, s.line, 'output/notify')
		reader = Child(lambda: os.read(opened(s / 'output/notify'), 1)).waits()
		s.set('driver/notify', 1)
		equal(reader.result(), b'1')
		once(s / 'input/notify', '1\n2\n4294967295\nx\n3\n')
		calls = opened(s / 'driver/notify', 'rn')
		first = Child(s.set, 'input/notify_sync', 7)
		equal([os.read(calls, 100) for i in range(3)], [b'async 1\n', b'async 2\n', b'async 4294967295\n'])
		eventually(lambda: 'IN' in events(calls, select.POLLIN))
		equal(os.read(calls, 100), b'sync 7\n')
		first.waits()
		second = Child(s.set, 'input/notify_sync', 8)
		eventually(lambda: 'IN' in events(calls, select.POLLIN))
		equal(os.read(calls, 3), b'syn')
		equal(os.read(calls, 100), b'c 8\n')
		second.waits()
		s.set('driver/ack', 1)                                  # in the order in which they were heard
		first.result()
		second.waits()
		s.set('driver/ack', 1)
		second.result()
		refuses(EAGAIN, s.set, 'driver/ack', 1)
		# Who calls, and is not answered before the stream is closed, or before he dies.
		third, fourth = (Child(lambda i=i: (os.close(fd), s.set('input/notify_sync', i))) for i in (9, 10))
		for i in range(2):
		    eventually(lambda: 'IN' in events(calls, select.POLLIN))
		    os.read(calls, 100)
		fourth.waits().end()
		third.waits()
		os.close(fd)
		refuses(ECANCELED, third.result)
		s.becomes('closed')
		# 1024 that nobody reads, and no more.
		fd = s.open()
		for i in range(1024):
		    s.set('input/notify', i)
		gives('NoResources', s.set, 'input/notify', 1)
		equal(os.read(calls, 100), b'async 0\n')
		s.set('input/notify', 1)
		os.close(fd)
		s.becomes('closed')
		refuses(EAGAIN, os.read, calls, 100)                    # they go with the session
	END
}

@test "a signal ends each call that waits, and nothing of it stays behind" {
	check_streams <<-'END'
		s = Stream(buffers=2)
		def stopped_by_signal(call, *arguments):
		    def run():
		        signal.signal(signal.SIGINT, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
		        try:
		            call(*arguments)
		        except KeyboardInterrupt:
		            return 'interrupted'
		        return 'done'
		    child = Child(run)
		    eventually(lambda: driver.is_asked()) if driver else child.waits()
		    child.kill(signal.SIGINT)
		    equal(child.result(), 'interrupted')
		driver = None
		def reads(name):
		    os.read(opened(s / name), 100)
		stopped_by_signal(reads, 'driver/notify')
		stopped_by_signal(lambda: os.read(opened(s / 'driver/control', 'rw'), 100))
		stopped_by_signal(lambda: os.write(opened(s / 'driver/io', 'w'), b'x'))
		fd = s.started()
		for name in 'output/dequeue', 'output/notify', 'driver/dequeue':
		    stopped_by_signal(reads, name)
		stopped_by_signal(os.read, fd, 100)
		stopped_by_signal(s.set, 'input/notify_sync', 7)
		with opening(s / 'driver/notify', 'rn') as calls:       # nobody waits for that any more
		    refuses(EAGAIN, os.read, calls, 100)
		os.close(fd)
		s.becomes('closed')
		s.set('mode', 'input')
		stopped_by_signal(lambda: os.read(opened(s / 'driver/io', 'r'), 100))
		fd = s.open()
		os.write(fd, bytes(8192))
		stopped_by_signal(os.write, fd, b'x')
		os.close(fd)
		s.set('linger', 0)
		with contextlib.suppress(OSError):
		    s.set('stop', 1)
		s.becomes('closed')
		driver = Driver(s)
		def opens():
		    os.close(driver.fd)
		    s.open()
		stopped_by_signal(opens)
		driver.answers('open')
		equal((driver.asked(), s.value('client')), ('close', 'none'))
		client = driver.client(s)
		for word in 'start', 'suspend', 'start', 'stop':
		    stopped_by_signal(s.set, word, 1)
		    driver.answers('')
		equal(s.state, 'stopped')                               # it was done all the same, when the driver had said so
		stopped_by_signal(s.set, 'mode', 'inout')
		driver.answers('mode inout', '0xe00002c7')
		equal(s.value('mode'), 'input')
		client.end()
		equal(driver.asked(), 'close')
		s.becomes('closed')
	END
}

# --- programs that map, and know nothing but the format

@test "a client that maps the rings: holders, lengths and counts are right at each step" {
	check_streams <<-'END'
		s = Stream()
		fd = s.started()
		out, back = Ring(s / 'output/data'), Ring(s / 'input/data')
		equal((out.count, out.head, out.tail, back.count), (4, 0, 0, 4))
		for turn in range(10):
		    s.send(b'%d' % turn, 0)
		    s.send(b'%d!' % turn, 1)
		    equal((s.lengths, s.holders, out.head), ((2, 0), ['output', 'output', 'driver'], (2 * turn + 2) % 4))
		    equal(out.get(), [0, 0, 1, 0, 0])
		    equal((s.lengths, s.holders), ((1, 0), ['client', 'output', 'driver']))
		    equal(s.bytes_of(0, 1), b'%d' % turn)
		    back.put(0)
		    equal((s.lengths, s.holders), ((1, 1), ['input', 'output', 'driver']))
		    equal(out.get(), [1, 0, 2, 0, 0])
		    back.put(1)
		    s.set('input/notify', turn)
		    equal(s.line('driver/notify'), f'async {turn}\n')
		    equal((s.entry('driver/dequeue'), s.entry('driver/dequeue')), ([0, 0, 0, 0, 0], [1, 0, 0, 0, 0]))
		    equal((s.lengths, s.holders), ((0, 0), 3 * ['driver']))
		equal(s.stats(), {'frames': 20, 'bytes': 30, 'frames_out': 20, 'bytes_out': 30, 'sequence': 20})
		# A whole round at once, and buffers that it does not have.
		for i in range(3):
		    s.set('driver/enqueue', i)
		for i in range(3):
		    out.get()
		    back.put(2 - i)
		equal(s.holders, 3 * ['input'])
		equal([s.entry('driver/dequeue')[0] for i in range(3)], [2, 1, 0])
		for bad in (0,), (9,), (0, 4097), (1, 0, 0, 65):
		    back.put(*bad)
		    refuses(EAGAIN, s.entry, 'driver/dequeue')          # passed over, and counted
		equal((s.stats('errors'), s.holders), ((4,), 3 * ['driver']))
		s.set('driver/enqueue', 2)
		back.put(2)                                             # not taken yet
		refuses(EAGAIN, s.entry, 'driver/dequeue')
		equal((s.stats('errors'), s.holders[2]), ((5,), 'output'))
		back.words[1] = 1 << 31
		gives('InternalError', s.entry, 'driver/dequeue')
		equal(s.stats('errors'), (6,))
		s.set('stop', 1)                                        # that mends it
		equal((out.head, out.tail, back.head, back.tail), (0, 0, 0, 0))
		s.set('start', 1)
		s.set('driver/enqueue', 0)
		equal(out.get()[0], 0)
		os.close(fd)
		s.becomes('closed')
		equal(s.stats('frames'), (25,))
		# They are others in the next session.
		fd = s.started()
		s.set('driver/enqueue', 0)
		equal((out.get(), Ring(s / 'output/data').get()), (None, [0, 0, 0, 0, 0]))
		os.close(fd)
	END
}

@test "a driver that maps the rings: playback, capture, and a stop in between" {
	check_streams <<-'END'
		s = Stream(mode='input', buffers=2)
		fd = s.open()
		out, back = Ring(s / 'output/data'), Ring(s / 'input/data')
		s.set('start', 1)
		equal((s.holders, s.lengths, s.line('output/notify')), (2 * ['output'], (2, 0), '1\n'))
		for turn in range(7):
		    i = turn % 2
		    equal(s.entry(), [i, 0, 4096, 0, 64])
		    s.fill(i, b'%d' % turn)
		    s.set('input/enqueue', f'{i} 0 1')
		    equal(s.holders[i], 'input')
		    equal(back.get(), [i, 0, 1, 0, 0])
		    equal((s.holders[i], s.bytes_of(i, 1)), ('driver', b'%d' % turn))
		    out.put(i, 0, 4096, 0, 64)
		    equal((s.holders[i], s.lengths), ('output', (2, 0)))
		equal(s.stats('frames_in', 'bytes_in', 'frames', 'errors'), (7, 7, 7, 0))
		equal(s.entry()[0], 1)
		out.put(9)                                              # the client passes over what is none
		equal(s.entry()[0], 0)
		refuses(EAGAIN, s.entry)
		equal(s.stats('errors'), (1,))
		s.set('stop', 1)
		equal((out.head, out.tail, back.head, back.tail, s.holders), (0, 0, 0, 0, 2 * ['driver']))
		s.set('mode', 'output')
		s.set('start', 1)
		equal(s.lengths, (0, 0))
		s.fill(1, b'frame')
		out.put(1, 0, 5)
		s.set('driver/notify', 1)
		equal(os.read(fd, 100), b'frame')
		equal(back.get(), [1, 0, 0, 0, 0])
		equal((s.holders, s.number('stats/frames_out'), s.number('stats/sequence')), (2 * ['driver'], 10, 1))
		os.close(fd)
		s.becomes('closed')
	END
}
