#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A stream's client, its driver or fsd is killed: what is left is what nobody can have lost, and
# the next one goes on with all buffers.

load streams
load stress
setup() { fsd_setup; start_fsd; }

# killed MODE SHORT LONG: so often
killed() {
	kill_fsd
	export SANITIZED
	sanitized && SANITIZED=1
	timeout 900 "$SRC/tests/stress/stream_death.py" "$1" "$(counted "$2" "$3")" 3>&-
	run_fsd
}

@test "an output stream whose client, driver and fsd are killed at random moments" {
	killed output 30 500
}

@test "an input stream whose client, driver and fsd are killed at random moments" {
	killed input 30 500
}

# --- each state, and each who can have a buffer

# A stream with buffer 0 on its way back, 1 with the client, 2 on its way out, and 3 with the driver.
spread() {
	cat <<-'END'
		def spread(s, state):
		    """By whoever has io open; what is delivered, and what is on its way with a payload"""
		    if state == 'stopped':
		        return 0, 0
		    s.set('start', 1)
		    if s.value('mode') == 'output':
		        for i in range(3):
		            s.set('driver/enqueue', f'{i} 0 10')
		    entries = [s.entry() for i in range(2)]
		    s.set('input/enqueue', '0 0 10')
		    if s.value('mode') == 'input':
		        s.entry('output/dequeue')
		        s.set('input/enqueue', '2 0 10')
		        equal(s.entry('driver/dequeue')[0], 0)
		    if state in ('suspended', 'draining'):
		        s.set({'suspended': 'suspend', 'draining': 'drain'}[state], 1)
		    equal(s.state, state)
		    return (2, 1) if s.value('mode') == 'output' else (1, 1)

		def goes_round(s, n=4):
		    """Each buffer, once, in a session of our own"""
		    fd = s.started()
		    for i in range(n):
		        if s.value('mode') == 'output':
		            s.send(b'%d' % i, i)
		            equal((os.read(fd, 10), s.entry('driver/dequeue')[0]), (b'%d' % i, i))
		        else:
		            os.write(fd, b'%d' % i)
		            equal(s.entry('driver/dequeue'), [i, 0, 1, 0, 0])
		    s.set('stop', 1)
		    os.close(fd)
		    s.becomes('closed')
		    equal(s.stats('frames', 'discarded', 'errors'), (n, 0, 0))
	END
}

# Arguments come by way of spawn.
# shellcheck disable=SC2119,SC2120
check_spread() { check_streams "$@" < <(spread; cat); }

@test "a client that is killed in each state leaves no buffer behind, and its frames add up" {
	check_spread <<-'END'
		for mode in 'output', 'input':
		    s = Stream(mode, mode=mode, buffers=4)
		    for state in 'stopped', 'running', 'suspended', 'draining':
		        ready, told = os.pipe()
		        def client():
		            fd = s.open()
		            os.write(told, repr(spread(s, state)).encode())
		            signal.pause()
		        child = Child(client)
		        assert select.select([ready, child.out], [], [], PATIENCE)[0] == [ready], child.result()
		        delivered, on_its_way = eval(os.read(ready, 100))
		        equal((s.state, s.number('client')), (state, child.pid))
		        if state != 'stopped' and mode == 'output':
		            equal(s.holders, ['input', 'client', 'output', 'driver'])
		        child.end()
		        s.becomes('closed')
		        equal((s.holders, s.lengths, s.value('client')), (4 * ['driver'], (0, 0), 'none'))
		        equal(s.stats('frames', 'discarded'), (delivered + on_its_way, on_its_way))
		        refuses(ENXIO, opened, s / 'output/data')
		        goes_round(s)
	END
}

@test "a driver that is killed in each state: the client is told, and the next driver has all buffers" {
	check_spread <<-'END'
		s = Stream(buffers=4)
		def consents():
		    driver = None
		    while not driver:
		        with contextlib.suppress(OSError):     # who looks whether there is one is in its way
		            driver = Driver(s)
		    while True:
		        if driver.asked() != 'close':
		            driver.say(0)
		for state in 'stopped', 'running', 'suspended', 'draining':
		    child = Child(consents)
		    def is_driven():
		        try:
		            os.close(opened(s / 'driver/control', 'rw'))
		        except OSError as error:
		            equal(error.errno, EBUSY)
		            return True
		        return False
		    eventually(is_driven)
		    fd = s.open()
		    delivered, on_its_way = spread(s, state)
		    poller = opened(s / 'output/notify', 'rn')
		    child.end()
		    s.becomes('dead')
		    wait_events(fd, {'HUP', 'ERR'}, 'the client is told')
		    wait_events(poller, {'HUP', 'ERR'}, 'who waits is told')
		    os.close(poller)
		    refuses(ENODEV, os.read, fd, 10)
		    equal((s.holders, s.lengths), (4 * ['driver'], (0, 0)))
		    equal(s.stats('frames', 'discarded'), (delivered + on_its_way, on_its_way))
		    gives('NoDevice', s.open)
		    os.close(fd)
		    s.becomes('closed')
		    child = Child(consents)
		    eventually(is_driven)
		    goes_round(s)
		    child.end()
		    eventually(lambda: not is_driven())
	END
}

@test "a driver that nobody asks may be killed at any step: the next goes on where it was" {
	check_spread <<-'END'
		s = Stream(buffers=4)
		fd = s.open()
		equal(spread(s, 'running'), (2, 1))
		for name in 'driver/dequeue', 'driver/notify':
		    child = stays(lambda: opened(s / name, 'rn'))
		    child.end()
		def takes():
		    with opening(s / 'driver/dequeue') as lines:
		        os.read(lines, 1)               # and the rest of the line dies with it
		        os.write(done[1], b'.')
		        signal.pause()
		done = os.pipe()
		child = Child(takes)
		os.read(done[0], 1)
		child.end()
		equal((s.state, s.holders), ('running', ['driver', 'client', 'output', 'driver']))
		s.send(b'goes on', 3)
		equal([s.entry()[0] for i in range(2)], [2, 3])
		s.set('input/enqueue', '3\n2\n1')
		equal([s.entry('driver/dequeue')[0] for i in range(3)], [3, 2, 1])
		# One that writes bytes: what it wrote is delivered, and then it ends.
		def writes():
		    out = opened(s / 'driver/io', 'w')
		    os.write(out, b'whole')
		    os.write(done[1], b'.')
		    os.write(out, bytes(100000))
		child = Child(writes)
		os.read(done[0], 1)
		equal(os.read(fd, 100), b'whole')
		child.end()
		while os.read(fd, 8192):
		    pass
		s.becomes('stopped')
		os.close(fd)
		s.becomes('closed')
		equal(s.stats('discarded'), (0,))
		goes_round(s)
	END
}

@test "fsd that is killed in each state: the stream is there, stopped, for the client that lives" {
	for state in stopped running suspended draining; do
		for mode in output input; do
			rm -f ready back
			spawn check_spread "$state" "$mode" <<-'END'
				state, mode = args
				s = Stream(mode, mode=mode, buffers=4)
				s.set('linger', 1234)
				s.fill(3, b'still there')
				fd = s.open()
				spread(s, state)
				board = opened(s / 'board')
				page = mmap.mmap(board, 4096, mmap.MAP_SHARED, mmap.PROT_READ)
				word = lambda at: struct.unpack_from('<I', page, at)[0]
				generation, session = word(8), word(12)
				open('ready', 'w').close()
				eventually(lambda: os.path.exists('back'))
				equal((s.state, s.number('client'), s.value('mode'), s.number('linger')), ('stopped', os.getpid(), mode, 1234))
				equal((s.holders, s.lengths), (4 * ['driver'], (0, 0)))
				equal((word(8), word(12) > session, word(16) & 7), (generation + 1, True, 1))       # the same board
				for call, argument in (os.read, 10), (os.write, b'x'):
				    try:
				        call(fd, argument)
				        assert False, 'an old descriptor works'
				    except OSError as error:
				        assert error.errno in (ENOTCONN, ECONNABORTED, EIO), error
				refuses(EBUSY, Child(s.open).result)
				refuses(EBUSY, os.rmdir, s.path)
				again = s.open()
				equal((s.state, s.number('client')), ('stopped', os.getpid()))
				os.close(fd)
				if mode == 'input':
				    equal(s.bytes_of(3, 11), b'still there')
				os.close(again)
				s.becomes('closed')
				goes_round(s)
				for i in 3, 2, 1, 0:
				    os.rmdir(s / f'buffers/{i}')
				os.rmdir(s.path)
			END
			eventually test -e ready
			restart_fsd
			touch back
			wait "$SPAWNED"
		done
	done
	[ -z "$(ls -A "$MNT/streams/")" ]
}

@test "fsd and the client are killed: the stream is closed; and when the driver is" {
	check_streams <<<"s = Stream(buffers=2)"
	S=$MNT/streams/s
	for when in before meanwhile after; do
		hold "$S/io" r
		echo 1 >"$S/start"
		[ "$when" != before ] || release
		kill_fsd
		[ "$when" != meanwhile ] || release
		run_fsd
		if [ "$when" = after ]; then
			[ "$(cat "$S/state" "$S/client")" = "stopped"$'\n'"$HELD" ]
			release
		fi
		eventually grep -qx closed "$S/state"
		grep -qx none "$S/client"
		expect ok open "$S/io" r
		eventually grep -qx closed "$S/state"
	done
	# A driver's session does not outlive fsd; the next driver is told of the client.
	hold "$S/driver/control" rw
	restart_fsd
	release
	hold "$S/io" r
	restart_fsd
	check_streams "$HELD" <<-'END'
		s = Stream()
		driver = Driver(s)
		equal(driver.asked(), f'open {args[0]} {os.geteuid()}')
		driver.say(0)
		equal((s.state, s.value('client')), ('stopped', args[0]))
		os.kill(int(args[0]), signal.SIGKILL)
		equal(driver.asked(), 'close')
		s.becomes('closed')
	END
}
