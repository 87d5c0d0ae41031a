#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# enqueue and dequeue: entries by write and read, and who waits for them.

load checks
setup() { fsd_setup; start_fsd; }

# --- enqueue

@test "each write to enqueue is one entry" {
	queue=$(new_queue q 1048576)
	check "$queue" <<-'END'
		q = Queue(args[0])
		entries = [b'one', b'two\n', b'x', bytes(range(256)), b'a' * 4096, os.urandom(70001), b'a\nb\nc\n']
		with opening(q / 'enqueue', 'w') as fd:
		    for n, entry in enumerate(entries, 1):
		        equal(os.write(fd, entry), len(entry))
		        equal(q.number('entries'), n)
		    equal(os.writev(fd, [b'two', b'', b' pieces']), 10)
		    equal(os.write(fd, b''), 0)     # the kernel does not ask
		equal(q.stats()['enqueued'], len(entries) + 1)
		equal(q.drain(), entries + [b'two pieces'])
	END
	printf 'line\n' >"$queue/enqueue"
	printf 'line\n' >>"$queue/enqueue"
	[ "$(cat "$queue/entries")" = 2 ]
}

@test "several writers at once: each entry arrives whole, once, each writer's in order" {
	queue=$(new_queue q 16384)
	check "$queue" <<-'END'
		q = Queue(args[0])
		n, sizes = 400, [1, 8, 100, 2000]
		def write(who):
		    with opening(q / 'enqueue', 'w') as fd:
		        for i in range(n):
		            os.write(fd, b'%d %d ' % (who, i) + bytes([65 + who]) * sizes[(who + i) % 4])
		writers = [Child(write, who) for who in range(4)]
		next_of = [0] * 4
		with opening(q / 'dequeue') as fd:
		    for i in range(4 * n):
		        who, number, rest = os.read(fd, 4096).split(b' ')
		        who, number = int(who), int(number)
		        equal(number, next_of[who])
		        equal(rest, bytes([65 + who]) * sizes[(who + number) % 4])
		        next_of[who] += 1
		for writer in writers:
		    writer.result()
		equal(q.number('entries'), 0)
		equal(q.stats()['enqueued'], 4 * n)
	END
}

@test "a write to a full queue waits, and goes on when there is room" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		quick = opened(q / 'enqueue', 'wn')
		n = 0
		with contextlib.suppress(BlockingIOError):
		    while True:
		        os.write(quick, b'%04d' % n + bytes(500))
		        n += 1
		assert n * space(504) >= 4096
		write = lambda entry: os.write(opened(q / 'enqueue', 'w'), entry)
		late = Child(write, b'late' + bytes(500)).waits()
		later = Child(write, b'later').waits()
		never(later.is_done)                # though it may fit: the order is kept
		refuses(EAGAIN, os.write, quick, b'x')
		equal(q.get()[:4], b'0000')
		equal(late.result(), 504)
		equal(q.get()[:4], b'0001')
		equal(later.result(), 5)
		got = [entry.rstrip(b'\0') for entry in q.drain()]
		equal(got, [b'%04d' % i for i in range(2, n)] + [b'late', b'later'])
	END
}

@test "writers that share one open file take turns, and can be killed together" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		n = q.fill(bytes(1016))
		fd = opened(q / 'enqueue', 'w')
		writers = [Child(os.write, fd, bytes(1016)) for i in range(4)]
		eventually(lambda: sorted(state_of(writer.pid) for writer in writers) in (list('DDDS'), list('SSSS')))
		q.get()
		eventually(lambda: any(writer.is_done() for writer in writers))
		for writer in writers:
		    writer.kill()
		for writer in writers:
		    writer.end()
		equal(len(q.drain()), n)
	END
}

@test "a write that waits goes on when a program consumes, too" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		c = Memory(q, roles=['consumer'])
		fd = opened(q / 'enqueue', 'w')
		for i in range(8):
		    os.write(fd, bytes(1016))
		late = Child(os.write, fd, b'late').waits()
		bell = opened(q / 'serviced', 'rwn')
		c['head'] = 1024
		os.write(bell, b'\n')
		equal(late.result(), 4)
	END
}

@test "a write to a full queue that may not wait is EAGAIN" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(*[bytes(1016)] * 8)
		fd = opened(q / 'enqueue', 'wn')
		before = q.stats()
		refuses(EAGAIN, os.write, fd, b'x')
		refuses(EAGAIN, os.write, fd, bytes(1016))
		equal(q.stats(), {**before, 'overruns': before['overruns'] + 2})
		equal(q.drain(), [bytes(1016)] * 8)
		os.write(fd, b'x')
		# Told afterwards, too.
		os.set_blocking(fd, True)
		os.set_blocking(fd, False)
		q.put(*[bytes(1016)] * 7)
		refuses(EAGAIN, os.write, fd, bytes(1016))
	END
}

@test "an entry above max_entry is EMSGSIZE, full or not" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.set('max_entry', 100)
		fd = opened(q / 'enqueue', 'w')
		quick = opened(q / 'enqueue', 'wn')
		with unchanged(q):
		    for size in 101, 4088, 4096, 100000, 1 << 20, 3 << 20:
		        refuses(EMSGSIZE, os.write, fd, bytes(size))
		equal(os.write(fd, bytes(100)), 100)
		with contextlib.suppress(BlockingIOError):
		    while True:
		        os.write(quick, bytes(100))
		with unchanged(q):
		    refuses(EMSGSIZE, os.write, fd, bytes(101))
		    refuses(EMSGSIZE, os.write, quick, bytes(101))
	END
}

@test "an entry is never cut in two, wherever it lies in the writer's memory" {
	queue=$(new_queue q 8388608)
	check "$queue" <<-'END'
		q = Queue(args[0])
		most = (1 << 20) - PAGE         # what the kernel hands over in one piece
		area = memoryview(mmap.mmap(-1, 4 << 20))
		area[:8] = b'entry 01'
		with opening(q / 'enqueue', 'w') as fd:
		    for offset in 0, 1, 100, 4095:
		        equal(os.write(fd, area[offset:offset + most]), most)
		        equal(q.number('entries'), 1)
		        with opening(q / 'dequeue') as out:
		            equal(os.readv(out, [area[offset:offset + (2 << 20)]]), most)
		        with unchanged(q):
		            for size in most + 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20:
		                refuses(EMSGSIZE, os.write, fd, area[offset:offset + size])
	END
}

@test "enqueue and dequeue are EBUSY while a program has the role, and the program while they are open" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		for name, file, pid, how in ('data', 'enqueue', 'producer_pid', 'w'), ('consumer', 'dequeue', 'consumer_pid', 'r'):
		    with unchanged(q):
		        holder = q.take(name)
		        refuses(EBUSY, opened, q / file, how)
		        refuses(EBUSY, opened, q / file, how + 'n')
		        os.close(holder)
		        eventually(lambda: q.value(pid) == 'none')
		    fds = [opened(q / file, how) for i in range(3)]
		    equal(q.value(pid), 'fsd')
		    refuses(EBUSY, q.take, name)
		    os.close(fds.pop())
		    os.close(fds.pop())
		    never(lambda: q.value(pid) != 'fsd')
		    refuses(EBUSY, q.take, name)
		    os.close(fds.pop())
		    eventually(lambda: q.value(pid) == 'none')
		    os.close(q.take(name))
		    eventually(lambda: q.value(pid) == 'none')
	END
}

@test "a program that has one role leaves the other file alone" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		p = Memory(q, roles=['data'])
		p.enqueue(b'from a program')
		equal(q.get(), b'from a program')
		p.close()
		eventually(lambda: q.value('producer_pid') == 'none')
		c = q.take('consumer')
		q.put(b'to a program')
		equal(q.peek(), b'to a program')
		refuses(EBUSY, q.get)
	END
}

@test "poll of enqueue says OUT while there is room, and wakes all who wait for it" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fds = [opened(q / 'enqueue', 'wn') for i in range(4)]
		for i in range(3):
		    equal(events(fds[0]), {'OUT'})      # and says so again
		with contextlib.suppress(BlockingIOError):
		    while True:
		        os.write(fds[0], bytes(504))
		with contextlib.suppress(BlockingIOError):
		    while True:
		        os.write(fds[0], b'x')
		equal([events(fd) for fd in fds], [set()] * 4)
		waiters = [Child(events, fd, select.POLLOUT, 10000).waits() for fd in fds for i in range(2)]
		q.get()
		equal([waiter.result() for waiter in waiters], [{'OUT'}] * 8)
		equal([events(fd) for fd in fds], [{'OUT'}] * 4)
	END
}

@test "after EAGAIN poll says OUT once the entry that was refused fits" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(*[bytes(1016)] * 7, bytes(504))
		small, large = opened(q / 'enqueue', 'wn'), opened(q / 'enqueue', 'wn')
		refuses(EAGAIN, os.write, large, bytes(2040))
		equal((events(small), events(large)), ({'OUT'}, set()))
		waiter = Child(events, large, select.POLLOUT, 10000).waits()
		q.get()
		never(waiter.is_done)
		q.get()
		equal(waiter.result(), {'OUT'})
		os.write(large, bytes(2040))
	END
}

# --- dequeue

@test "each read of dequeue is one entry, whole, in order" {
	queue=$(new_queue q 1048576)
	check "$queue" <<-'END'
		q = Queue(args[0])
		entries = [b'one', b'x' * 8, os.urandom(300000), b'\n', b'a\nb\n']
		q.put(*entries)
		with opening(q / 'dequeue') as fd:
		    for left in range(len(entries), 0, -1):
		        equal(q.number('entries'), left)
		        size = len(entries[-left])
		        equal(os.read(fd, size if left % 2 else 1 << 20), entries[-left])
		equal((q.number('entries'), q.stats()['dequeued']), (0, len(entries)))
	END
}

@test "a buffer that is too small is EMSGSIZE, and the entry stays" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(b'a hundred bytes'.ljust(100), b'next')
		with opening(q / 'dequeue') as fd, opening(q / 'dequeue', 'rn') as quick:
		    with unchanged(q):
		        for size in 1, 8, 99:
		            refuses(EMSGSIZE, os.read, fd, size)
		            refuses(EMSGSIZE, os.read, quick, size)
		    equal(os.read(fd, 100), b'a hundred bytes'.ljust(100))
		    equal(os.read(quick, 4), b'next')
	END
}

@test "a read of an empty queue waits for the next entry, or is EAGAIN" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		with unchanged(q), opening(q / 'dequeue', 'rn') as quick:
		    refuses(EAGAIN, os.read, quick, 100)
		eventually(lambda: q.value('consumer_pid') == 'none')
		reader = Child(lambda: os.read(opened(q / 'dequeue'), 100)).waits()
		never(reader.is_done)
		q.put(b'here')
		equal(reader.result(), b'here')

		reader = Child(lambda: os.read(opened(q / 'dequeue'), 100)).waits()
		program = Memory(q, roles=['data'])
		program.enqueue(b'of a program')
		with opening(q / 'notify', 'rwn') as bell:
		    os.write(bell, b'\n')
		equal(reader.result(), b'of a program')
	END
}

@test "readers that wait are served in their order, one entry each" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		readers = [Child(lambda: os.read(opened(q / 'dequeue'), 100)).waits() for i in range(5)]
		q.put(b'0', b'1', b'2')
		equal([reader.result() for reader in readers[:3]], [b'0', b'1', b'2'])
		never(lambda: readers[3].is_done() or readers[4].is_done())
		q.put(b'3', b'4', b'5')
		equal([reader.result() for reader in readers[3:]], [b'3', b'4'])
		equal(q.drain(), [b'5'])
	END
}

@test "poll of dequeue says IN as long as there is an entry, and wakes all who wait for it" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fds = [opened(q / 'dequeue', 'rn') for i in range(4)]
		equal([events(fd) for fd in fds], [set()] * 4)
		waiters = [Child(events, fd, select.POLLIN, 10000).waits() for fd in fds for i in range(2)]
		q.put(b'one', b'two')
		equal([waiter.result() for waiter in waiters], [{'IN'}] * 8)
		for i in range(3):
		    equal([events(fd) for fd in fds], [{'IN'}] * 4)     # level, not edge
		os.read(fds[0], 100)
		equal([events(fd) for fd in fds], [{'IN'}] * 4)
		os.read(fds[1], 100)
		equal([events(fd) for fd in fds], [set()] * 4)
	END
}

@test "epoll, edge-triggered too, tells of each entry that comes" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fd = opened(q / 'dequeue', 'rn')
		for flags in select.EPOLLIN, select.EPOLLIN | select.EPOLLET:
		    poller = select.epoll()
		    poller.register(fd, flags)
		    for i in range(20):
		        equal(poller.poll(0), [])
		        q.put(b'entry')
		        equal(poller.poll(10), [(fd, select.EPOLLIN)])
		        os.read(fd, 100)
		    poller.close()
	END
}

@test "a signal ends a wait with EINTR, and nothing is lost" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		import ctypes
		libc = ctypes.CDLL(None, use_errno=True)
		q = Queue(args[0])
		def call(function, name, how):
		    signal.signal(signal.SIGUSR1, lambda *_: None)
		    fd, buffer = opened(q / name, how), ctypes.create_string_buffer(b'late', 1016)
		    n = getattr(libc, function)(fd, buffer, 1016)
		    if n < 0:
		        raise OSError(ctypes.get_errno(), 'interrupted')
		    return n
		def interrupted(*how):
		    refuses(EINTR, Child(call, *how).waits().kill(signal.SIGUSR1).result)

		for i in range(20):
		    interrupted('read', 'dequeue', 'r')
		waiter = Child(call, 'read', 'dequeue', 'r').waits()
		interrupted('read', 'dequeue', 'r')
		q.put(b'one', b'two')
		equal(waiter.result(), 3)
		equal(q.drain(), [b'two'])
		equal(q.stats()['dequeued'], 2)

		n = q.fill(bytes(1016))
		for i in range(20):
		    interrupted('write', 'enqueue', 'w')
		first = Child(call, 'write', 'enqueue', 'w').waits()
		second = Child(call, 'write', 'enqueue', 'w').waits()
		refuses(EINTR, first.kill(signal.SIGUSR1).result)
		q.get()
		equal(second.result(), 1016)
		equal(q.drain(), [bytes(1016)] * (n - 1) + [b'late'.ljust(1016, b'\0')])
		equal(q.stats()['enqueued'], 2 + n + 1)
	END
}

@test "a signal that a program goes on after loses nothing either" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		def read():
		    signal.signal(signal.SIGUSR1, lambda *_: None)
		    with opening(q / 'dequeue') as fd:
		        return [os.read(fd, 100) for i in range(300)]
		reader = Child(read).waits()
		for i in range(300):
		    reader.kill(signal.SIGUSR1)     # Python calls read again
		    q.put(b'%d' % i)
		equal(reader.result(), [b'%d' % i for i in range(300)])
	END
}

@test "the shell's tools take one entry at a time" {
	queue=$(new_queue q)
	line=$(printf '%1000s' '' | tr ' ' x)
	printf 'one\n' >"$queue/enqueue"
	printf 'two\n' >"$queue/enqueue"
	printf '%s\n' "$line" >"$queue/enqueue"
	printf 'four\n' >"$queue/enqueue"
	printf 'five\n' >"$queue/enqueue"
	[ "$(head -n 1 "$queue/dequeue")" = one ]
	[ "$(cat "$queue/entries")" = 4 ]
	IFS= read -r got <"$queue/dequeue"
	[ "$got" = two ]
	exec 7<"$queue/dequeue"
	IFS= read -r got <&7
	[ "$got" = "$line" ]
	[ "$(cat "$queue/consumer_pid")" = fsd ]
	IFS= read -r got <&7
	[ "$got" = four ]
	exec 7<&-
	[ "$(dd if="$queue/dequeue" bs=64K count=1 status=none)" = five ]
	[ "$(cat "$queue/entries")" = 0 ]
}

@test "a shell's read waits for its line, cat for all of them" {
	queue=$(new_queue q)
	reader() { IFS= read -r line <"$queue/dequeue" && echo "$line" >got; }
	spawn reader
	eventually grep -qx fsd "$queue/consumer_pid"
	echo hello >"$queue/enqueue"
	wait "$SPAWNED"
	[ "$(cat got)" = hello ]

	spawn cat "$queue/dequeue" >all
	eventually grep -qx fsd "$queue/consumer_pid"
	printf 'one\n' >"$queue/enqueue"
	printf 'two\n' >"$queue/enqueue"
	arrived() { [ "$(cat all)" = "$(printf 'one\ntwo')" ]; }
	eventually arrived
	run ! gone "$SPAWNED"
}

@test "an entry of no bytes is read as the end of the file, once" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		p = Memory(q, roles=['data'])
		p.enqueue(b'')
		p.enqueue(b'next')
		equal((q.number('entries'), q.number('used')), (2, 8 + 16))
		equal(q.peek(), b'')
		with opening(q / 'dequeue') as fd:
		    equal((events(fd), os.read(fd, 100)), ({'IN'}, b''))
		    equal(os.read(fd, 100), b'next')
	END
}

# --- many waiters

@test "waiters that are killed leave nothing in fsd, a thousand of them" {
	queue=$(new_queue q 4096)
	new_queue full 4096
	check "$queue" "$MNT/queues/full" <<-'END'
		q, full = Queue(args[0]), Queue(args[1])
		full.put(*[bytes(1016)] * 8)
		entries, out = opened(q / 'dequeue'), opened(full / 'enqueue', 'w')
		def read(): os.read(opened(q / 'dequeue'), 100)
		def read_same(): os.read(entries, 100)
		def write(): os.write(opened(full / 'enqueue', 'w'), bytes(1016))
		def write_same(): os.write(out, bytes(1016))
		def poll_in(): events(opened(q / 'dequeue'), select.POLLIN, None)
		def poll_out(): events(opened(full / 'enqueue', 'w'), select.POLLOUT, None)
		def rounds(n):
		    for i in range(n):
		        children = [Child(call) for call in (read, poll_in, write, poll_out, (read_same, write_same)[i % 2])]
		        for child in children:
		            child.waits()
		        for child in children:
		            child.end()
		rounds(20)
		files, before = fsd_resources()
		rounds(180)
		eventually(lambda: fsd_resources()[0] <= files, f'{files} descriptors')
		after = fsd_resources()[1]
		assert fsd_is_sanitized() or after - before < 128, f'{before} KiB, then {after} KiB'
		os.close(entries)
		os.close(out)

		# And each entry is still somebody's.
		eventually(lambda: q.value('consumer_pid') == 'none')
		q.put(b'one', b'two')
		equal(q.drain(), [b'one', b'two'])
		equal(len(full.drain()), 8)
		equal((q.stats()['dequeued'], full.stats()['enqueued']), (2, 8))
	END
}

@test "readers that share one open file take turns, and can be killed together" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fd = opened(q / 'dequeue')
		readers = [Child(os.read, fd, 100) for i in range(5)]
		readers[0].waits()
		for reader in readers[1:]:
		    eventually(lambda: state_of(reader.pid) in 'SD')
		q.put(b'one', b'two')
		eventually(lambda: sum(reader.is_done() for reader in readers) == 2)
		equal({reader.result() for reader in readers if reader.is_done()}, {b'one', b'two'})
		for reader in Child.living:
		    reader.kill()
		for reader in list(Child.living):
		    reader.end()
		q.put(b'three')
		equal(os.read(fd, 100), b'three')
	END
}
