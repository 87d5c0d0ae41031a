#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who polls the files of a stream.

load streams
setup() { fsd_setup; start_fsd; }

@test "poll: io, the lines and the values" {
	check_streams <<-'END'
		s = Stream()
		def polled(name, how='rn'):
		    with opening(s / name, how) as fd:
		        return events(fd, select.POLLIN | select.POLLOUT)
		fd = s.open('r')
		s.set('start', 1)
		equal(events(fd), set())
		equal([polled('output/dequeue'), polled('output/notify'), polled('driver/dequeue'), polled('driver/notify', 'rwn')],
		      [set(), set(), set(), {'OUT'}])
		equal([polled('driver/enqueue', 'wn'), polled('input/enqueue', 'wn')], [{'OUT'}, {'OUT'}])
		def wakes(fd, how, *calls):
		    """A child that polls, and is woken by the calls"""
		    child = Child(lambda: sorted(events(fd, how, 30000))).waits()
		    for call in calls:
		        call()
		    return child.result()
		equal(wakes(fd, select.POLLIN, lambda: s.set('driver/enqueue', '0 0 10')), ['IN'])
		equal(polled('output/dequeue'), {'IN'})
		pending = opened(s / 'output/notify', 'rn')
		equal(wakes(pending, select.POLLIN, lambda: s.set('driver/notify', 1)), ['IN'])
		for i in 1, 2:
		    s.set('driver/enqueue', i)
		equal(polled('driver/enqueue', 'wn'), set())            # full
		room = opened(s / 'driver/enqueue', 'wn')
		equal(wakes(room, select.POLLOUT, lambda: equal(os.read(fd, 100), bytes(10))), ['OUT'])
		calls = opened(s / 'driver/notify', 'rn')
		equal(os.read(calls, 100), b'async 0\n')
		equal(wakes(calls, select.POLLIN, lambda: s.set('input/notify', 5)), ['IN'])
		entries = opened(s / 'driver/dequeue', 'rn')
		equal(events(entries, select.POLLIN), {'IN'})
		os.read(entries, 100)
		lines = opened(s / 'output/dequeue', 'rn')
		os.read(lines, 1), s.entry()                            # the rest of a line is there to be read
		equal(s.lengths, (0, 0))
		equal(events(lines, select.POLLIN), {'IN'})
		os.read(lines, 100)
		equal(events(lines, select.POLLIN), set())
		equal(wakes(lines, select.POLLIN, lambda: s.set('stop', 1)), ['HUP', 'IN'])
		equal(events(fd), {'IN', 'HUP'})
		os.close(fd)
		s.becomes('closed')
		s.set('mode', 'input')
		fd = s.open()
		equal(events(fd), {'OUT'})
		os.write(fd, bytes(3 * 4096))
		equal(events(fd), set())
		os.close(entries)
		equal(s.entry('driver/dequeue'), [0, 0, 4096, 0, 0])
		equal(wakes(fd, select.POLLOUT, lambda: s.set('driver/enqueue', '0 0 4096')), ['OUT'])
		s.set('stop', 1)
		equal(events(fd), {'HUP'})
	END
}

@test "poll: count tells of the end of the stream" {
	check_streams <<-'END'
		s = Stream()
		fd = opened(s / 'buffers/count')
		os.read(fd, 10)
		def polls():
		    poller = select.poll()
		    poller.register(fd, PRI)
		    return len(poller.poll(PATIENCE * 1000))
		child = Child(polls).waits()
		os.rmdir(s.path)
		equal(child.result(), 1)
	END
}

@test "poll: state and count tell of each change, once it was read" {
	check_streams <<-'END'
		s = Stream()
		def changes(fd):
		    return bool(select.select([], [], [fd], 0)[2])
		def told(fd, call):
		    poller = select.poll()
		    poller.register(fd, PRI | ERR)
		    child = Child(poller.poll, 30000).waits()
		    call()
		    equal(child.result(), [(fd, PRI | ERR)])
		    return os.pread(fd, 100, 0).decode().strip()
		state, count = opened(s / 'state'), opened(s / 'buffers/count')
		assert changes(state) and changes(count)                # nobody has read them
		equal([os.pread(fd, 100, 0) for fd in (state, count)], [b'closed\n', b'3\n'])
		assert not changes(state) and not changes(count)
		held = []
		equal(told(state, lambda: held.append(s.open())), 'stopped')
		for word, wanted in ('start', 'running'), ('suspend', 'suspended'), ('start', 'running'), ('stop', 'stopped'):
		    equal(told(state, lambda: s.set(word, 1)), wanted)
		s.set('stop', 1)
		assert not changes(state)
		s.set('start', 1)
		assert changes(state)
		equal(os.pread(state, 100, 2), b'opped\n')              # not from the start: as it was read
		assert changes(state)
		equal(os.pread(state, 100, 0), b'running\n')
		os.close(held[0])
		eventually(lambda: changes(state))
		equal(told(count, lambda: os.mkdir(s / 'buffers/3')), '4')
		equal(told(count, lambda: os.rmdir(s / 'buffers/0')), '3')
		assert not changes(count)
	END
}

@test "poll: the end of a drain is there to be read" {
	check_streams <<-'END'
		s = Stream()
		fd = s.started()
		s.send(b'last')
		s.set('drain', 1)
		equal((events(fd), os.read(fd, 100)), ({'IN'}, b'last'))
		equal((s.state, events(fd), os.read(fd, 100)), ('draining', {'IN'}, b''))
		equal((s.state, events(fd)), ('stopped', {'IN', 'HUP'}))
		s.set('start', 1)
		s.send(b'last', 1)
		s.set('drain', 1)
		lines = opened(s / 'output/dequeue', 'rn')
		equal((events(lines, select.POLLIN), os.read(lines, 100)), ({'IN'}, b'1 0 4 0 0\n'))
		equal((events(lines, select.POLLIN), os.read(lines, 100)), ({'IN'}, b''))
		s.becomes('stopped')
	END
}
