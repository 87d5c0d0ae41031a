#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A stream as bytes, from either end; the driver's session; and how it all ends.

load streams
setup() { fsd_setup; start_fsd; }

# --- io

@test "io: a read gives bytes of one entry, and the emptied buffer goes back with a notification" {
	check_streams <<-'END'
		s = Stream()
		fd = s.open('r')
		equal(s.state, 'stopped')
		reader = Child(os.read, fd, 4096).waits()
		s.becomes('running')                            # the first read starts it
		s.send(b'a' * 100, 2)
		equal(reader.result(), b'a' * 100)
		equal(s.holders, ['driver', 'driver', 'input'])
		for i, data in enumerate((b'first', b'', b'second')):
		    if i != 2:
		        s.send(data, i)
		equal([os.read(fd, n) for n in (1, 2, 4096)], [b'f', b'ir', b'st'])
		equal(s.holders, ['input', 'output', 'input'])
		equal([s.entry('driver/dequeue') for i in range(2)], [[2, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
		with opening(s / 'driver/notify', 'rn') as calls:
		    equal([os.read(calls, 100) for i in range(2)], 2 * [b'async 0\n'])
		    refuses(EAGAIN, os.read, calls, 100)
		reader = Child(os.read, fd, 4096).waits()       # one without bytes is none
		eventually(lambda: s.holders[1] == 'input')
		s.fill(0, bytes(10) + b'inner' + bytes(10))
		s.set('driver/enqueue', '0 10 5 0 64')
		equal(reader.result(), b'inner')
		equal(s.stats(), {'frames': 4, 'bytes': 110, 'frames_out': 4, 'bytes_out': 110, 'sequence': 4})
		os.close(fd)
		s.becomes('closed')
		equal(s.stats('frames', 'discarded'), (4, 0))
	END
}

@test "io: end of file after stop and after a drain; suspended it gives what there is, and waits" {
	check_streams <<-'END'
		s = Stream()
		fd = s.open('r')
		s.set('start', 1)
		s.send(b'kept')
		s.send(b'and more', 1)
		s.set('suspend', 1)
		equal((os.read(fd, 4096), s.state), (b'kept', 'suspended'))
		equal(os.read(fd, 3), b'and')
		equal(os.read(fd, 4096), b' more')
		reader = Child(os.read, fd, 4096).waits()
		s.set('start', 1)
		reader.waits()
		s.set('stop', 1)
		equal((reader.result(), os.read(fd, 4096), os.read(fd, 4096)), (b'', b'', b''))
		s.set('start', 1)                               # again, and the reader goes on
		s.send(b'x' * 4096)
		s.send(b'last', 1)
		equal(os.read(fd, 1), b'x')
		s.set('drain', 1)
		equal(s.state, 'draining')
		gives('NotReady', s.set, 'driver/enqueue', 2)
		equal((len(os.read(fd, 8192)), s.state, os.read(fd, 4096)), (4095, 'draining', b'last'))
		equal((os.read(fd, 4096), s.state), (b'', 'stopped'))
		equal(s.stats('discarded', 'frames'), (0, 4))
		# The last entry is half read: its rest is not lost.
		s.set('start', 1)
		s.send(b'all of it')
		equal(os.read(fd, 3), b'all')
		s.set('drain', 1)
		equal((os.read(fd, 3), s.state, os.read(fd, 4096), os.read(fd, 4096)), (b' of', 'draining', b' it', b''))
		s.becomes('stopped')
		equal(s.stats('discarded'), (0,))
	END
}

@test "io: a write is cut into entries, never joined with another, and waits for a free buffer" {
	check_streams <<-'END'
		s = Stream(mode='input', buffers=2)
		s.set('linger', 0)
		fd = s.open('w')
		equal(os.write(fd, b'abc'), 3)                  # the first one starts it
		equal((s.state, s.lengths, s.holders), ('running', (1, 1), ['input', 'output']))
		writer = Child(os.write, fd, b'd' * 4096 + b'e' * 4096 + b'f')
		eventually(lambda: s.lengths == (0, 2))
		writer.waits()
		with opening(s / 'driver/notify', 'rn') as calls:
		    equal(os.read(calls, 100), b'async 0\n')
		equal(s.entry('driver/dequeue'), [0, 0, 3, 0, 0])
		equal(s.bytes_of(0, 3), b'abc')
		equal(s.entry('driver/dequeue'), [1, 0, 4096, 0, 0])
		equal(s.bytes_of(1), b'd' * 4096)
		for i in 0, 1:
		    s.set('driver/enqueue', f'{i} 0 4096 0 64')
		    s.set('driver/notify', 1)
		equal(writer.result(), 8193)
		equal([s.entry('driver/dequeue') for i in range(2)], [[0, 0, 4096, 0, 0], [1, 0, 1, 0, 0]])
		equal((s.bytes_of(0), s.bytes_of(1, 1)), (b'e' * 4096, b'f'))
		equal(s.stats(), {'frames': 4, 'bytes': 8196, 'frames_in': 4, 'bytes_in': 8196, 'frames_out': 4, 'bytes_out': 4 * 4096,
		                  'sequence': 4})
		# Who does not wait is told how much went.
		fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
		refuses(EAGAIN, os.write, fd, b'x')
		s.set('driver/enqueue', '1 0 4096')
		equal(os.write(fd, bytes(5000)), 4096)
		refuses(EAGAIN, os.write, fd, b'x')
		s.set('stop', 1)
		refuses(EPIPE, os.write, fd, b'x')
		refuses(EBADF, os.read, fd, 1)                  # it is open for writing
		equal(s.stats('discarded'), (1,))
		os.close(fd)
		# A writer that waits when it is stopped has written what it has.
		s.becomes('closed')
		fd = s.open('w')
		writer = Child(os.write, fd, bytes(3 * 4096)).waits()
		s.set('stop', 1)
		equal(writer.result(), 2 * 4096)
		s.set('start', 1)
		equal(os.write(fd, bytes(8192)), 8192)
		writer = Child(os.write, fd, b'x').waits()
		s.set('stop', 1)
		refuses(EPIPE, writer.result)
	END
}

@test "io: directions, and one at a time" {
	check_streams <<-'END'
		s = Stream()
		for mode, closed, deaf in ('output', 'w', ('write', b'x')), ('input', 'r', ('read', 1)):
		    s.set('mode', mode)
		    refuses(EACCES, s.open, closed)
		    equal(s.state, 'closed')
		    with opening(s / 'io', 'rw') as fd:
		        refuses(EBADF, getattr(os, deaf[0]), fd, deaf[1])
		        equal(s.state, 'stopped')               # that started nothing
		        for how in 'r', 'w', 'rw':
		            if how != closed:
		                gives('ExclusiveAccess', s.open, how)
		        other = Child(s.open, 'rw')
		        refuses(EBUSY, other.result)
		    s.becomes('closed')
		    with opening(s / 'io', 'w' if closed == 'r' else 'r'):
		        equal(s.state, 'stopped')
		    s.becomes('closed')
		s.set('mode', 'inout')
		for how in 'r', 'w', 'rwt':
		    fd = s.open(how)
		    again = os.dup(fd)
		    os.close(fd)
		    never(lambda: s.state != 'stopped')         # a dup holds it
		    os.close(again)
		    s.becomes('closed')
	END
}

@test "io: both ways at once" {
	check_streams <<-'END'
		s = Stream(mode='inout', buffers=2)
		fd = s.open()
		reader = Child(os.read, fd, 100).waits()
		s.becomes('running')
		equal(s.lengths, (0, 0))                        # nothing is posted
		s.send(b'question')
		equal(reader.result(), b'question')
		equal(s.holders, ['input', 'driver'])
		s.set('driver/enqueue', '1')                    # room to write into
		equal(os.write(fd, b'answer'), 6)
		equal(s.entry('driver/dequeue'), [0, 0, 0, 0, 0])
		equal(s.entry('driver/dequeue'), [1, 0, 6, 0, 0])
		equal(s.bytes_of(1, 6), b'answer')
		equal(s.stats('frames_out', 'bytes_out', 'frames_in', 'bytes_in', 'frames', 'bytes'), (2, 8, 2, 6, 4, 14))
		# What is being read is not written to; and room that comes first keeps nobody from reading.
		s.send(b'another question', 0)
		equal(os.read(fd, 8), b'another ')
		equal(events(fd), {'IN'})
		s.set('driver/enqueue', 1)
		equal(os.write(fd, b'so soon'), 7)
		equal((s.bytes_of(1, 7), s.holders), (b'so soon', ['client', 'input']))
		equal(os.read(fd, 100), b'question')
		equal([s.entry('driver/dequeue') for i in range(2)], [[1, 0, 7, 0, 0], [0, 0, 0, 0, 0]])
		writer = Child(os.write, fd, b'waits for room').waits()
		s.set('driver/enqueue', 1)
		equal(writer.result(), 14)
		equal(s.entry('driver/dequeue'), [1, 0, 14, 0, 0])
		s.set('driver/enqueue', '1')
		equal(events(fd), {'OUT'})
		s.send(b'behind it')
		equal(events(fd), {'IN', 'OUT'})
		equal(os.read(fd, 100), b'behind it')
		equal((os.write(fd, b'last'), s.holders), (4, ['input', 'input']))
	END
}

@test "io: both ways at once, a reader that waits keeps no writer waiting" {
	check_streams <<-'END'
		s = Stream(mode='inout', buffers=2)
		fd = s.started()
		def says(call, *arguments):
		    os.write(told, b'%d' % len(call(*arguments)) if call is os.pread else b'w%d' % call(*arguments))
		ready, told = os.pipe()
		reader = Child(says, os.pread, fd, 100, 0)
		never(reader.is_done, 'read')
		writer = Child(says, os.pwrite, fd, b'answer', 0)
		never(writer.is_done, 'written')
		s.set('driver/enqueue', '1')
		assert select.select([ready], [], [], PATIENCE)[0], 'the writer waits on'
		equal(os.read(ready, 2), b'w6')
		equal(s.holders, ['driver', 'input'])
		s.send(b'hello')
		assert select.select([ready], [], [], PATIENCE)[0], 'the reader waits on'
		equal(os.read(ready, 2), b'5')
	END
}

# --- the driver's end

@test "driver/io: bytes from the driver's end, in each mode" {
	check_streams <<-'END'
		s = Stream(buffers=2)
		refuses(EACCES, opened, s / 'driver/io', 'r')
		driver = opened(s / 'driver/io', 'w')
		refuses(EBADF, os.read, driver, 1)
		writer = Child(os.write, driver, b'x' * 10000).waits()  # nobody has it open
		fd = s.open('r')
		equal([len(os.read(fd, 8192)) for i in range(3)], [4096, 4096, 10000 - 8192])
		equal(writer.result(), 10000)
		equal(s.stats('frames', 'bytes'), (3, 10000))
		writer = Child(os.write, driver, bytes(5 * 4096)).waits()
		equal(len(os.read(fd, 100)), 100)
		s.set('stop', 1)
		assert 0 < writer.result() < 5 * 4096
		refuses(EPIPE, os.write, driver, b'x')
		s.set('start', 1)
		equal(os.write(driver, b'more'), 4)
		os.close(driver)                                        # that was all: the reader sees it, then the end
		s.becomes('draining')
		equal((os.read(fd, 100), os.read(fd, 100)), (b'more', b''))
		s.becomes('stopped')
		os.close(fd)
		s.becomes('closed')

		s.set('mode', 'input')
		refuses(EACCES, opened, s / 'driver/io', 'w')
		driver = opened(s / 'driver/io', 'rw')
		refuses(EBADF, os.write, driver, b'x')
		reader = Child(os.read, driver, 100).waits()
		fd = s.open('w')
		os.write(fd, b'one')
		equal(reader.result(), b'one')
		os.write(fd, b'two and three')
		equal([os.read(driver, 4), os.read(driver, 100)], [b'two ', b'and three'])      # never across an entry
		equal(s.holders, ['output', 'output'])                  # what it emptied went out again
		os.write(fd, b'the last')
		os.close(fd)
		equal((os.read(driver, 4), s.state), (b'the ', 'draining'))
		equal((os.read(driver, 100), os.read(driver, 100)), (b'last', b''))
		s.becomes('closed')
		equal(s.stats('discarded'), (0,))
		fd = s.open('w')                                        # the same file serves the next
		os.write(fd, b'again')
		equal(os.read(driver, 100), b'again')
		os.close(fd)
		s.becomes('closed')
		os.close(driver)

		s.set('mode', 'inout')
		fd = s.started()
		driver = opened(s / 'driver/io', 'rw')
		equal(os.write(driver, b'ping'), 4)
		equal(os.read(fd, 100), b'ping')
		s.set('driver/enqueue', s.holders.index('driver'))
		equal(os.write(fd, b'pong'), 4)
		equal(os.read(driver, 100), b'pong')
		fcntl.fcntl(driver, fcntl.F_SETFL, os.O_NONBLOCK)
		refuses(EAGAIN, os.read, driver, 100)
		os.close(fd)
		eventually(lambda: 'HUP' in events(driver))
		equal(os.read(driver, 100), b'')
	END
}

@test "driver/control: the driver is asked, and what it refuses stays as it was" {
	check_streams <<-'END'
		s = Stream()
		driver = Driver(s)
		refuses(EBUSY, opened, s / 'driver/control', 'rw')
		refuses(EBUSY, os.rmdir, s.path)
		refuses(EINVAL, driver.say, 0)                          # nothing was asked
		def asks(call, question, code, wanted=None):
		    child = Child(call)
		    driver.answers(question, code)
		    if wanted:
		        refuses(wanted, child.result)
		        equal(said(child.pid)[1], code if code.startswith('k') else 'kIOReturnUnsupported')
		    else:
		        child.result()
		opens = lambda: (os.close(driver.fd), s.open())
		asks(opens, 'open', 'kIOReturnNoSpace', ENOSPC)
		equal((s.state, s.value('client')), ('closed', 'none'))
		asks(lambda: s.set('mode', 'input'), 'mode input', '0xe00002c7', EOPNOTSUPP)
		equal(s.value('mode'), 'output')
		client = driver.client(s)
		other = Child(opens)                                    # refused, without asking
		refuses(EBUSY, other.result)
		start, stop, suspend, drain = ((lambda word=word: s.set(word, 1)) for word in ('start', 'stop', 'suspend', 'drain'))
		asks(start, 'start', '0xe00002c7', EOPNOTSUPP)
		equal((s.state, s.stats('frames')), ('stopped', (0,)))
		equal(s.value('stats/last_error'), 'kIOReturnUnsupported 0xe00002c7')
		asks(start, 'start', '0')
		s.send(b'here')
		s.send(b'there', 1)
		asks(suspend, 'suspend', 'kIOReturnError', EIO)
		equal((s.state, s.lengths), ('running', (2, 0)))
		asks(suspend, 'suspend', '0x0')
		asks(start, 'resume', 'kIOReturnNoResources', ENOBUFS)
		asks(drain, 'resume', 'kIOReturnNoResources', ENOBUFS)
		equal((s.state, s.lengths), ('suspended', (2, 0)))
		asks(drain, 'resume', '0')
		equal(s.state, 'draining')
		asks(stop, 'stop', 'kIOReturnBusy', EBUSY)
		equal((s.state, s.lengths), ('draining', (2, 0)))
		asks(stop, 'stop', 'kIOReturnSuccess')
		equal((s.state, s.lengths, s.stats('discarded')), ('stopped', (0, 0), (2,)))
		s.set('stop', 1)                                        # nothing changes: it is not asked
		assert not driver.is_asked()
		# The end of a drain is a stop.
		asks(start, 'start', '0')
		s.send(b'last')
		s.set('drain', 1)
		assert not driver.is_asked()
		equal(s.entry()[0], 0)
		with contextlib.suppress(BlockingIOError):
		    s.entry()
		driver.answers('stop')
		s.becomes('stopped')
		equal(s.stats('discarded'), (2,))
		client.end()
		equal(driver.asked(), 'close')
		s.becomes('closed')
		# An open waits for another mode, and is checked against what it finds.
		mode = Child(lambda: (os.close(driver.fd), s.set('mode', 'input')))
		equal(driver.asked(), 'mode input')
		reader = Child(lambda: (os.close(driver.fd), s.open('r')))
		never(lambda: driver.is_asked() or reader.is_done())
		driver.say(0)
		mode.result()
		refuses(EACCES, reader.result)
		mode = Child(lambda: (os.close(driver.fd), s.set('mode', 'output')))
		driver.answers('mode output')
		mode.result()
		# One that closes while the driver thinks.
		client = driver.client(s)
		child = Child(start)
		equal(driver.asked(), 'start')
		second = Child(lambda: s.set('suspend', 1))             # waits for its turn
		client.end()
		refuses(ENXIO, child.result)
		refuses(ENXIO, second.result)
		s.becomes('closed')
		equal(driver.asked(), 'close')
		client = Child(opens)
		driver.say(0)                                           # to `start`, long gone
		driver.answers('open')
		client.result()
		equal(driver.asked(), 'close')                          # the child ended
		refuses(EINVAL, driver.say, 0)
	END
}

@test "driver/control: an answer that comes after the close is to that client, not the next" {
	check_streams <<-'END'
		s = Stream()
		def client():
		    ready, told = os.pipe()
		    def run():
		        fd = s.open()
		        os.write(told, b'.')
		        signal.pause()
		    return Child(run), ready
		first, ready = client()
		equal(os.read(ready, 1), b'.')
		driver = Driver(s)
		assert driver.asked().startswith('open')
		os.kill(first.pid, signal.SIGKILL)
		equal(driver.asked(), 'close')
		second, ready = client()
		assert driver.asked().startswith('open')
		driver.say(0)                                           # about the first
		equal((driver.is_asked(), s.state), (False, 'closed'))
		driver.say(0)
		equal(os.read(ready, 1), b'.')
		equal((driver.is_asked(), s.value('client')), (False, str(second.pid)))
		os.kill(second.pid, signal.SIGKILL)
		equal(driver.asked(), 'close')
	END
}

@test "driver/control: a driver that goes leaves a dead stream, and whom it owed an answer is told" {
	check_streams <<-'END'
		s = Stream()
		# Asked, and gone.
		driver = Driver(s)
		client = Child(lambda: (os.close(driver.fd), s.open()))
		driver.asked()
		driver.close()
		refuses(ENODEV, client.result)
		equal((s.state, said(client.pid)[1]), ('closed', 'kIOReturnNoDevice'))
		for word, question in ('start', 'start'), ('mode', 'mode'):
		    driver = Driver(s)
		    client = driver.client(s)
		    child = Child(lambda: (os.close(driver.fd), s.set(word, 'input' if word == 'mode' else 1)))
		    assert driver.asked().startswith(question)
		    driver.close()
		    refuses(ENODEV, child.result)
		    equal(s.state, 'dead')
		    client.end()
		    s.becomes('closed')
		# With entries on their way, and a reader.
		driver = Driver(s)
		reader = Child(lambda: (os.close(driver.fd), os.read(s.open('r'), 100)))
		driver.answers('open')
		driver.answers('start')
		s.becomes('running')
		child = Child(lambda: (os.close(driver.fd), s.set('input/notify_sync', 1)))
		with opening(s / 'driver/notify', 'rn') as calls:
		    wait_events(calls, {'IN'}, 'called')
		    equal(os.read(calls, 100), b'sync 1\n')
		driver.close()
		refuses(ENODEV, reader.result)
		refuses(ECANCELED, child.result)
		s.becomes('closed')                                     # the reader ended, too
		driver = Driver(s)
		client = driver.client(s)
		start = Child(s.set, 'start', 1)
		driver.answers('start')
		start.result()
		for i in 0, 1:
		    s.send(b'lost', i)
		s.entry()
		page = Ring(s / 'output/data', 'r')                     # what is mapped stays mapped
		start.end()
		driver.close()
		s.becomes('dead')
		equal((s.lengths, s.holders, s.stats('frames', 'discarded')), ((0, 0), 3 * ['driver'], (2, 1)))
		equal(page.count, 4)
		for name in 'start', 'stop':
		    gives('NoDevice', s.set, name, 1)
		gives('NoDevice', s.open)
		client.end()
		s.becomes('closed')
		# One without control may drive it as before.
		fd = s.started()
		s.send(b'alive')
		equal(os.read(fd, 100), b'alive')
		s.send(b'of before', 1)
		driver = Driver(s)                                      # and one with it takes over: from stopped
		equal((s.state, s.lengths), ('stopped', (0, 0)))
		assert driver.asked().startswith(f'open {os.getpid()} ')
		driver.say(0)
		equal(s.state, 'stopped')
		os.close(fd)
		equal(driver.asked(), 'close')
	END
}

@test "driver/queues, driver/drop and a driver that keeps" {
	check_streams <<-'END'
		s = Stream()
		s.set('driver/queues', 'create')
		equal((s.value('driver/queues'), os.stat(s / 'output/data').st_size), ('4', 4096))
		s.set('driver/queues', 'create 9')
		rings = Ring(s / 'output/data'), Ring(s / 'input/data')
		equal([ring.count for ring in rings], [10, 10])
		gives('BadArgument', s.set, 'driver/queues', 'create 65537')
		fd = s.started()                                        # these are used
		s.set('driver/enqueue', '1 0 7')
		equal(rings[0].get(), [1, 0, 7, 0, 0])
		equal(s.holders, ['driver', 'client', 'driver'])
		os.close(fd)
		s.becomes('closed')
		equal(s.value('driver/queues'), 'none')
		for i in range(2):
		    s.set('driver/queues', 'destroy')
		    equal(s.value('driver/queues'), 'none')
		fd = s.started()
		for n in 5, 0, 7:
		    s.set('driver/drop', n)
		equal(s.stats(), {'dropped': 12})
		os.close(fd)
		s.becomes('closed')
		driver = Driver(s)
		driver.say('keep')
		client = driver.client(s)
		child = Child(s.set, 'start', 1)
		driver.answers('start')
		child.result()
		gives('Busy', s.set, 'driver/enqueue', 0)
		gives('Busy', s.entry, 'driver/dequeue')
		equal(s.holders, 3 * ['driver'])
		client.end()
	END
}

# --- the end

@test "linger: what was written plays on after the close, and opens are refused as long" {
	check_streams <<-'END'
		s = Stream(mode='input', buffers=2)
		def written():
		    with opening(s / 'io', 'w') as fd:
		        os.write(fd, b'first')
		        os.write(fd, b'second')
		written()
		s.becomes('draining')
		equal(s.value('client'), 'none')
		gives('ExclusiveAccess', s.open)
		refuses(EBUSY, os.rmdir, s.path)
		gives('Busy', s.set, 'start', 1)
		equal(s.entry('driver/dequeue'), [0, 0, 5, 0, 0])
		equal(s.entry('driver/dequeue'), [1, 0, 6, 0, 0])
		refuses(ENXIO, s.entry, 'driver/dequeue') if s.state == 'closed' else s.entry('driver/dequeue')
		s.becomes('closed')
		equal(s.stats('frames', 'discarded'), (2, 0))
		# Nobody plays it: it ends all the same.
		s.set('linger', 200)
		written()
		s.becomes('draining')
		s.becomes('closed')
		equal(s.stats('discarded'), (2,))
		s.set('linger', 60000)
		written()
		s.becomes('draining')
		s.set('stop', 1)                                        # or at once
		s.becomes('closed')
		equal(s.stats('discarded'), (2,))
		s.set('linger', 0)
		written()
		s.becomes('closed')
		equal(s.stats('discarded'), (2,))
		# Put there by hand: it is dropped, however long one might wait.
		s.set('linger', 60000)
		fd = s.started()
		s.entry()
		s.set('input/enqueue', '0 0 5')
		os.close(fd)
		s.becomes('closed')
		equal(s.stats('discarded', 'frames'), (1, 1))
		# With a driver that is asked, and says when it has played the last.
		s.set('linger', 60000)
		driver = Driver(s)
		for n in range(2):
		    writer = Child(lambda: (os.close(driver.fd), written()))
		    driver.answers('open')
		    driver.answers('start')
		    writer.result()
		    s.becomes('draining')
		    if n == 0:
		        stop = Child(lambda: (os.close(driver.fd), s.set('stop', 1)))
		    else:
		        equal([s.entry('driver/dequeue')[2] for i in range(2)], [5, 6])
		        driver.say('drained')
		    driver.answers('stop')
		    equal(driver.asked(), 'close')
		    s.becomes('closed')
		    if n == 0:
		        stop.result()
		    assert not driver.is_asked()
		    refuses(EINVAL, driver.say, 0)                      # it owes no answer
		driver.close()
		written()
		s.becomes('draining')                                   # and so it is left, for fsd to end
	END
}

@test "drain: what is new is refused, what is there arrives, and then it is stopped" {
	check_streams <<-'END'
		s = Stream(mode='input')
		fd = s.open()
		s.set('drain', 1)                                       # stopped: nothing to do
		equal(s.state, 'stopped')
		s.set('start', 1)
		s.set('drain', 1)                                       # nothing is on its way
		equal(s.state, 'stopped')
		s.set('start', 1)
		for i in range(2):
		    s.entry()
		s.set('input/enqueue', '0 0 1\n1 0 2')
		s.set('suspend', 1)
		gives('NotReady', s.entry, 'driver/dequeue')
		s.set('drain', 1)
		s.set('drain', 1)
		equal(s.state, 'draining')
		gives('NotReady', s.set, 'input/enqueue', 2)
		equal(s.entry('driver/dequeue'), [0, 0, 1, 0, 0])
		s.set('driver/enqueue', '0 0 4096')                     # an empty one may go out again
		equal((s.entry('driver/dequeue'), s.state), ([1, 0, 2, 0, 0], 'draining'))
		equal((s.entry('driver/dequeue'), s.state), (None, 'stopped'))
		equal((s.holders, s.stats('discarded')), (3 * ['driver'], (0,)))
		os.close(fd)
		s.becomes('closed')
		s.set('mode', 'inout')
		fd = s.started()
		s.set('driver/enqueue', '0 0 1\n1 0 1')
		s.entry()
		s.set('input/enqueue', '0 0 1')
		s.set('drain', 1)
		for name in 'driver/enqueue', 'input/enqueue':
		    gives('NotReady', s.set, name, 1)
		equal((s.entry()[0], s.state), (1, 'draining'))         # both rings have to be empty
		equal((s.entry('driver/dequeue')[0], s.entry('driver/dequeue')), (0, None))
		equal(s.state, 'stopped')
		os.close(fd)
	END
}

@test "drain: a driver that can be told nothing more, for its user's sessions keep too much, ends no fsd" {
	check_streams <<-'END'
		s, other = Stream(mode='input'), Stream('other')
		driver, full = Driver(s), Driver(other)
		clients = driver.client(s), full.client(other)
		starts = Child(lambda: s.set('start', 1))
		driver.answers('start')
		starts.result()
		s.entry()
		s.set('input/enqueue', '0 0 10')
		s.set('drain', 1)
		sizes = 3000000, 300000, 30000, 3000, 300, 0
		for size in sizes:
		    os.mkdir(entry(f'n{size}'))
		    write(entry(f'n{size}/props'), json.dumps({'k': 'x' * size} if size else {}))
		keeping = []
		for size in sizes:
		    with contextlib.suppress(OSError):
		        while True:
		            keeping.append(opened(entry(f'n{size}/props')))
		            os.read(keeping[-1], 1)
		# The last bytes of the account: lines that are as short as that for the stop.
		for word in ('start', 'stop') * 5:
		    asks = Child(lambda: other.set(word, 1))
		    eventually(lambda: asks.is_done() or full.is_asked(), 'asked')
		    if not asks.is_done():
		        full.asked()
		        full.say(0)
		    with contextlib.suppress(OSError):
		        asks.result()
		equal(s.entry('driver/dequeue')[0], 0)
		refuses(EAGAIN, s.entry, 'driver/dequeue')
		equal((s.state, driver.is_asked()), ('draining', False))
		for fd in keeping:
		    os.close(fd)
		refuses(EAGAIN, s.entry, 'driver/dequeue')
		driver.answers('stop')
		equal(s.state, 'stopped')
	END
	expect_log 'keep more than'
}

@test "a source of fsd's own: a frame for which the ring has no room is lost once" {
	stop_fsd
	cat >config.json <<-'END'
		{"streams": [{"name": "cam", "driver": "source", "rate": 0.001, "buffers": 4, "queue_length": 1}]}
	END
	start_fsd --config config.json
	check_streams <<-'END'
		s = Stream('cam')
		fd = s.started()
		equal(s.stats('frames', 'overruns', 'dropped'), (1, 1, 1))
	END
}

@test "driver/control: an open waits for the answer to one whose opener has gone" {
	check_streams <<-'END'
		s = Stream()
		driver = Driver(s)
		gone = Child(lambda: (os.close(driver.fd), s.open()))
		driver.asked()
		gone.end()
		equal((s.state, s.value('client')), ('closed', 'none'))
		later = Child(lambda: (os.close(driver.fd), os.close(s.open())))
		driver.say(0)
		equal(driver.asked(), 'close')
		assert driver.asked().startswith(f'open {later.pid} ')
		driver.say(0)
		later.result()
		equal(driver.asked(), 'close')
	END
}
