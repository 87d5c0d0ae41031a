#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Each file of a queue does what fsd(5) says of it.

load checks
setup() { fsd_setup; start_fsd; }

# --- data, consumer

@test "to open data or consumer for writing is to take its role, which one open file has" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		for name, pid in ('data', 'producer_pid'), ('consumer', 'consumer_pid'):
		    equal(q.value(pid), 'none')
		    for how in 'rw', 'w':
		        fd = q.take(name, how)
		        equal(q.value(pid), 'held' if link_mode else str(os.getpid()))
		        with unchanged(q):
		            refuses(EBUSY, q.take, name, 'rw')
		            refuses(EBUSY, q.take, name, 'w')
		            refuses(EBUSY, as_user, os.getuid(), q.take, name)
		        os.close(fd)
		        eventually(lambda: q.value(pid) == 'none')
		both = q.take('data'), q.take('consumer')
		assert q.value('producer_pid') == q.value('consumer_pid') != 'none'
	END
}

@test "a role lasts as long as one descriptor of its open file, however that ends" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		import ctypes
		libc = ctypes.CDLL(None)        # Python's own mmap keeps a descriptor
		libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
		libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
		q = Queue(args[0])
		for name, pid in ('data', 'producer_pid'), ('consumer', 'consumer_pid'):
		    fd = q.take(name)
		    page = libc.mmap(None, PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
		    assert page not in (None, ctypes.c_void_p(-1).value)
		    copy = os.dup(fd)
		    os.close(fd)
		    heir = stays(int)       # has inherited the copy
		    os.close(copy)
		    never(lambda: q.value(pid) == 'none')
		    refuses(EBUSY, q.take, name)
		    heir.kill()
		    if link_mode:           # a lock lives as long as a mapping of the file
		        equal(libc.munmap(page, PAGE), 0)
		    eventually(lambda: q.value(pid) == 'none')
		    os.close(q.take(name))
		    eventually(lambda: q.value(pid) == 'none')

		    holder = stays(q.take, name)
		    equal(q.value(pid), 'held' if link_mode else str(holder.pid))
		    holder.kill()
		    eventually(lambda: q.value(pid) == 'none')
		    os.close(q.take(name))
		    eventually(lambda: q.value(pid) == 'none')
	END
}

@test "the pid is that of the process, not of the thread that opened" {
	[ "$MODE" = passthrough ] || skip "a lock on an open file has no pid"
	queue=$(new_queue q)
	check "$queue" <<-'END'
		import threading
		q = Queue(args[0])
		thread = threading.Thread(target=q.take, args=('data',))
		thread.start()
		thread.join()
		equal(q.value('producer_pid'), str(os.getpid()))
	END
}

@test "a lock with a pid shows it" {
	[ "$MODE" = link ] || skip "roles are no locks in passthrough"
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fd = opened(q / 'consumer', 'rw')
		fcntl.lockf(fd, fcntl.LOCK_EX)
		equal(q.value('consumer_pid'), str(os.getpid()))
		refuses(EBUSY, opened, q / 'dequeue')
		refuses(EBUSY, q.take, 'consumer')
	END
}

@test "any number of processes read data and consumer, whoever has the roles" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		roles = q.take('data'), q.take('consumer')
		fds = [opened(q / name) for name in ('data', 'consumer') for i in range(20)]
		equal({os.pread(fd, 8, 0) for fd in fds}, {b'IODQRNG1', b'IODQCON1'})
		equal(as_user(os.getuid(), lambda: os.read(opened(q / 'data'), 8)), b'IODQRNG1')
		refuses(EBUSY, q.take, 'data')
	END
}

@test "data and consumer have the sizes of their memory, and read gives its bytes" {
	queue=$(new_queue q)
	check "$queue" "$MNT/status" <<-'END'
		import json
		q = Queue(args[0])
		for capacity in 65536, 8, 4096, 1 << 20:
		    q.set('capacity', capacity)
		    size = PAGE + (2 * capacity + PAGE - 1) // PAGE * PAGE
		    equal(os.stat(q / 'data').st_size, size)
		    equal(os.stat(q / 'consumer').st_size, PAGE)
		q.put(b'entry')
		with open(args[1], encoding='ascii') as file:
		    generation = json.load(file)['generation']
		with opening(q / 'data') as fd:
		    equal(struct.unpack('<8sIIQQIII', os.pread(fd, 44, 0)),
		          (b'IODQRNG1', 1, PAGE, size - PAGE, 1 << 20, (1 << 20) - 8, 0, generation))
		    equal(os.pread(fd, 16, PAGE), struct.pack('<II', 5, 0) + b'entry\0\0\0')
		    page = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
		    got = b''
		    while piece := os.read(fd, 100000):
		        got += piece
		    assert got == page[:]
		    equal(os.pread(fd, 10, size - 3), bytes(3))
		    equal(os.pread(fd, 10, size), b'')
		    equal(os.pread(fd, 10, 1 << 40), b'')
		with opening(q / 'consumer') as fd:
		    equal(len(os.read(fd, 1 << 20)), PAGE)
	END
}

@test "a mapping of data and consumer is the memory that fsd works in" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		seen = Memory(q)
		q.put(b'one', b'two')
		equal((seen['tail'], seen['enqueued'], seen['head']), (32, 2, 0))
		equal(seen.pages['data'][PAGE:PAGE + 11], struct.pack('<II', 3, 0) + b'one')
		equal(q.get(), b'one')
		equal((seen['head'], seen['dequeued']), (16, 1))

		ours = Memory(q, roles=['data'])
		ours.enqueue(b'three')
		equal(q.number('entries'), 2)
		equal((seen['tail'], seen['enqueued']), (48, 3))
		equal(q.drain(), [b'two', b'three'])

		theirs = Memory(q, roles=['consumer'])
		ours.enqueue(b'four')
		theirs['head'] += 16
		equal((q.number('entries'), q.peek()), (0, b''))
		# To fork(2)'s child and to another process it is the same.
		def other(): Memory(q)['head'] == 64 or os._exit(1)
		Child(other).result()
	END
}

@test "what was opened for reading cannot be mapped for writing" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		for name in 'data', 'consumer':
		    with opening(q / name) as fd:
		        refuses(EACCES, mmap.mmap, fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
		        refuses(EACCES, mmap.mmap, fd, PAGE, mmap.MAP_SHARED, mmap.PROT_WRITE)
		        mmap.mmap(fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ).close()
	END
}

@test "write is no way into data" {
	[ "$MODE" = passthrough ] || skip "the file behind a link takes it"
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		for name in 'data', 'consumer':
		    with unchanged(q), opening(q / name, 'rw') as fd:
		        refuses(EOPNOTSUPP, os.write, fd, b'x')
		        refuses(EOPNOTSUPP, os.pwrite, fd, b'x', PAGE)
		    eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
	END
}

# --- notify, serviced

@test "notify and serviced are FIFOs that are rung by writing and polled" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		for name in 'notify', 'serviced':
		    assert stat.S_ISFIFO(os.stat(q / name).st_mode)
		    refuses(ENXIO, opened, q / name, 'wn')      # nobody reads
		    reader = opened(q / name, 'rn')
		    equal(events(reader), set())
		    ringer = opened(q / name, 'rwn')
		    os.write(ringer, b'\n')
		    equal(events(reader), {'IN'})
		    equal(events(reader), {'IN'})
		    equal(os.read(reader, 100), b'\n')
		    equal(events(reader), set())
		    refuses(EAGAIN, os.read, reader, 100)
		    waiter = Child(events, reader, select.POLLIN, 10000).waits()
		    os.write(ringer, b'\n')
		    equal(waiter.result(), {'IN'})
		    with opening(q / name, 'rwn') as alone:
		        equal(os.read(alone, 100), b'\n')
		    refuses(EAGAIN, lambda: [os.write(ringer, bytes(4096)) for i in range(1000)])
		    while events(ringer, select.POLLIN):
		        os.read(ringer, 65536)
		    os.close(ringer)
		    equal(events(reader), {'HUP'})
		    os.close(reader)
	END
}

@test "an entry in an empty queue rings notify, and a shell reads it as a line" {
	queue=$(new_queue q)
	exec 7<>"$queue/notify"
	put "$queue" one
	read -r -t 10 line <&7
	[ -z "$line" ]
	grep -qx 'data_notifications 1' "$queue/stats"
	[ "$(get "$queue")" = one ]
	never read -r -t 0 <&7
	put "$queue" two
	read -r -t 10 line <&7
	exec 7>&-
}

@test "a consumer that paces itself is rung once for each turn that it waits" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		c = Memory(q, roles=['consumer'])
		memoryview(c.pages['consumer'])[260:264].cast('I')[0] = 2
		bell = opened(q / 'notify', 'rn')
		q.put(b'one')
		equal(events(bell), set())      # it sleeps not
		c['dataWait'] = 1 << 2 | 2
		q.put(b'two')
		eventually(lambda: events(bell) & {'IN'})
		equal(c['dataSequence'], 1)
		with opening(q / 'enqueue', 'w') as fd:
		    os.write(fd, b'three')
		    os.write(fd, b'four')
		    equal(c['dataSequence'], 2)     # once by a new holder of the role
		    c['dataWait'] = 2 << 2 | 2
		    os.write(fd, b'five')
		    os.write(fd, b'six')
		    equal(c['dataSequence'], 3)
	END
}

@test "a producer that waits for space is rung by serviced" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		p = Memory(q, roles=['data'])
		while p['tail'] < p['queueSize']:
		    p.enqueue(bytes(1016))
		p['spaceWanted'] = 2048
		bell = opened(q / 'serviced', 'rn')
		q.get()
		equal(events(bell), set())
		q.get()
		eventually(lambda: events(bell) & {'IN'})
		assert q.stats()['space_notifications'] >= 1
	END
}

# --- peek

@test "peek shows the next entry as often as one likes, and needs no role" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		equal(q.peek(), b'')
		q.put(b'next', b'after')
		held = q.take('data'), q.take('consumer')
		fds = [opened(q / 'peek') for i in range(3)]
		with unchanged(q):
		    for fd in fds * 2:
		        equal(os.pread(fd, 100, 0), b'next')
		    equal(os.read(fds[0], 100), b'next')
		    equal(os.read(fds[0], 100), b'')
		    equal(q.peek(), b'next')
		os.close(held[1])
		eventually(lambda: q.value('consumer_pid') == 'none')
		q.get()
		equal(os.pread(fds[0], 100, 0), b'after')
		q.get()
		equal(os.pread(fds[0], 100, 0), b'')
	END
}

@test "a large entry can be peeked at in pieces, as long as it is there" {
	queue=$(new_queue q 4194304)
	check "$queue" <<-'END'
		q = Queue(args[0])
		entry = os.urandom(1000001)
		q.put(entry, b'next')
		with opening(q / 'peek') as fd:
		    got = b''
		    while piece := os.read(fd, 4099):
		        got += piece
		    assert got == entry
		    equal(os.pread(fd, 10, 500000), entry[500000:500010])
		    equal(os.pread(fd, 10, 999999), entry[999999:])
		    equal(os.pread(fd, 10, 1000001), b'')
		    equal(q.stats()['dequeued'], 0)
		    with opening(q / 'dequeue') as out:
		        assert os.readv(out, [mmap.mmap(-1, 1 << 20)]) == len(entry)
		    refuses(ESTALE, os.pread, fd, 10, 500000)
		    equal(os.pread(fd, 10, 0), b'next')
		    equal(os.pread(fd, 10, 2), b'xt')

		# An entry that only memory can bring in can be seen, too.
		q.get()
		p = Memory(q, roles=['data'])
		p['tail'] = p['tail']
		big = b'big' * 700000
		p.enqueue(big)
		with opening(q / 'peek') as fd:
		    got = b''
		    while piece := os.read(fd, 1 << 20):
		        got += piece
		    assert got == big
	END
}

# --- capacity, max_entry

@test "capacity and max_entry can be written while the queue is idle, and max_entry follows until it is" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		numbers = lambda: (q.number('capacity'), q.number('max_entry'), q.number('free'))
		equal(numbers(), (65536, 65528, 65528))
		q.set('capacity', 4096)
		equal(numbers(), (4096, 4088, 4088))
		q.write('capacity', '100')              # without a newline; in whole words
		equal(numbers(), (104, 96, 96))
		q.write('capacity', '0000008\n')
		equal(numbers(), (8, 0, 0))
		q.set('max_entry', 64)
		equal(numbers(), (8, 64, 64))           # an empty queue takes any entry
		q.put(bytes(64))
		equal(q.get(), bytes(64))
		q.set('capacity', 1 << 20)
		equal(numbers(), (1 << 20, 64, 64))
		q.set('max_entry', 1 << 19)
		equal(numbers(), (1 << 20, 1 << 19, 1 << 19))
		q.put(bytes(1 << 19))
		equal(q.get(), bytes(1 << 19))
	END
	echo 8192 >"$queue/capacity"
	[ "$(cat "$queue/capacity")" = 8192 ]
	[ "$(cat "$queue/max_entry")" = 524288 ]
}

@test "capacity bytes of entries always fit, wherever the ring stands" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		for capacity, size in (4096, 504), (4096, 1), (4096, 4088), (960, 88):
		    q.set('capacity', capacity)
		    for turn in range(12):
		        n = capacity // space(size)
		        q.put(*[bytes(size)] * n)
		        assert q.number('used') >= n * space(size)
		        equal(q.drain(), [bytes(size)] * n)
		        q.put(b'shift')
		        q.get()
	END
}

@test "capacity and max_entry are EBUSY while a role is held, by whomever" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		holders = [lambda: q.take('data'), lambda: q.take('consumer'),
		           lambda: opened(q / 'enqueue', 'w'), lambda: opened(q / 'dequeue')]
		for hold in holders:
		    fd = hold()
		    with unchanged(q):
		        for name in 'capacity', 'max_entry':
		            for number in 128, 65536, 1 << 20:
		                refuses(EBUSY, q.set, name, number)
		    os.close(fd)
		    eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
		q.set('capacity', 128)
	END
}

@test "capacity and max_entry are EBUSY while there are entries, below and above what is used" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(bytes(1000))
		with unchanged(q):
		    for name in 'capacity', 'max_entry':
		        for number in 8, 500, 65536, 1 << 20:
		            refuses(EBUSY, q.set, name, number)
		equal(q.get(), bytes(1000))
		q.set('capacity', 8)
	END
}

@test "capacity is EBUSY while somebody looks at the memory through the mount" {
	[ "$MODE" = passthrough ] || skip "the daemon does not know who follows a link"
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		with opening(q / 'data'):
		    with unchanged(q):
		        refuses(EBUSY, q.set, 'capacity', 128)
		        refuses(EBUSY, q.set, 'max_entry', 128)
		with opening(q / 'consumer'):
		    q.set('capacity', 128)
	END
}

@test "counters go on over a change of capacity" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(b'one', b'two')
		q.drain()
		before = q.stats()
		q.set('capacity', 4096)
		q.set('max_entry', 50)
		equal(q.stats(), before)
		q.put(b'three')
		equal(q.get(), b'three')
		equal((q.stats()['enqueued'], q.stats()['dequeued']), (3, 3))
	END
}

# --- entries, used, free

@test "entries and used are true at each moment" {
	queue=$(new_queue q 16384)
	check "$queue" <<-'END'
		import random
		random.seed(1)
		q = Queue(args[0])
		size = os.stat(q / 'data').st_size - PAGE
		inside, at = [], 0                      # sizes with what they use; where the ring stands
		with opening(q / 'enqueue', 'w') as fd, opening(q / 'dequeue') as out, opening(q / 'used') as used:
		    for i in range(400):
		        n = random.choice([1, 7, 8, 9, 100, 1000, 3000])
		        if random.random() < 0.55 and sum(b for a, b in inside) + space(n) <= 16384:
		            os.write(fd, bytes(n))
		            gap = size - at if at + space(n) > size else 0
		            at = (at + gap + space(n)) % size
		            inside.append((n, gap + space(n)))
		        elif inside:
		            equal(len(os.read(out, 4096)), inside.pop(0)[0])
		        equal(q.number('entries'), len(inside))
		        equal(int(os.pread(used, 100, 0)), sum(b for a, b in inside))
	END
}

@test "an entry of exactly free bytes fits, and one more byte does not" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		import random
		random.seed(2)
		q = Queue(args[0])
		largest = q.number('max_entry')
		full = 0
		with opening(q / 'enqueue', 'wn') as fd, opening(q / 'dequeue', 'rn') as out:
		    for i in range(400):
		        free = q.number('free')
		        assert free <= largest
		        used = q.number('used')
		        if free == largest:
		            refuses(EMSGSIZE, os.write, fd, bytes(free + 1))
		        elif free > 0 or used > 0:
		            refuses(EAGAIN, os.write, fd, bytes(free + 1))
		            full += 1
		        equal(q.number('free'), free)
		        if free > 0 and random.random() < 0.5:
		            n = random.choice([free, max(1, free // 3), min(free, 100)])
		            equal(os.write(fd, bytes(n)), n)
		        elif used:
		            os.read(out, 8192)
		assert full > 100
	END
}

# --- stats, reset

@test "stats counts what happens" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		keys = ['enqueued', 'dequeued', 'overruns', 'data_notifications', 'space_notifications', 'corrupt']
		equal(list(q.stats()), keys)
		equal(set(q.stats().values()), {0})
		q.put(*[bytes(1016)] * 8)
		q.get()
		q.get()
		refuses(EAGAIN, q.put, bytes(1016), bytes(1016), bytes(1016))
		stats = q.stats()
		equal([stats[key] for key in ('enqueued', 'dequeued', 'overruns', 'corrupt')], [10, 2, 1, 0])
		assert stats['data_notifications'] > 0
		# To wait is not to be refused.
		late = Child(lambda: os.write(opened(q / 'enqueue', 'w'), bytes(1016))).waits()
		q.get()
		late.result()
		equal(q.stats()['overruns'], 1)
	END
}

@test "reset empties a queue, and its counters" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fresh = q.state()
		q.put(*[bytes(1016)] * 8)
		refuses(EAGAIN, q.put, b'more')
		q.get()
		with unchanged(q):
		    for text in '0', '2', '', '\n', '11', 'yes', '-1', '1 ', ' 1', '01x', '1\n1\n':
		        if text:
		            refuses(EINVAL, q.write, 'reset', text)
		        else:
		            q.write('reset', text)      # the kernel does not ask
		    refuses(EMSGSIZE, q.write, 'reset', '1' * 5000)
		q.write('reset', '1\n')
		equal(q.state(), fresh)
		q.put(b'again')
		q.write('reset', '1')
		equal(q.state(), fresh)
		q.put(b'again')
		equal(q.get(), b'again')
	END
	put "$queue" entry
	expect ENOTEMPTY rmdir "$queue"
	echo 1 >"$queue/reset"
	rmdir "$queue"
	[ ! -e "$queue" ]
}

@test "reset is EBUSY while a role is held" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		q.put(b'entry')
		for hold in (lambda: q.take('data'), lambda: q.take('consumer'),
		             lambda: opened(q / 'enqueue', 'w'), lambda: opened(q / 'dequeue')):
		    fd = hold()
		    with unchanged(q):
		        refuses(EBUSY, q.write, 'reset', '1')
		    os.close(fd)
		    eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
		q.write('reset', '1')
		equal(q.number('entries'), 0)
	END
}

# Words that no honest program writes, and what each of them breaks.
@test "a damaged queue says so, its entries are EIO until reset mends it" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		def entry_size(p, size): p.pages['data'][PAGE:PAGE + 4] = struct.pack('<I', size)
		damages = {
		    'tail far ahead': lambda p: p.word('tail').__setitem__(0, 1 << 40),
		    'tail not in whole words': lambda p: p.word('tail').__setitem__(0, 3),
		    'tail at its end': lambda p: p.word('tail').__setitem__(0, (1 << 64) - 8),
		    'an entry beyond the tail': lambda p: entry_size(p, 64),
		    'an entry of 4 GiB': lambda p: entry_size(p, 0xffffffff),
		    'another magic': lambda p: p.pages['data'].__setitem__(slice(0, 8), b'IODQRNG2'),
		    'another version': lambda p: p.word('version').__setitem__(0, 2),
		    'a larger ring': lambda p: p.word('queueSize').__setitem__(0, 1 << 30),
		    'no ring': lambda p: p.word('queueSize').__setitem__(0, 0),
		    'a larger max_entry': lambda p: p.word('maxEntry').__setitem__(0, 1 << 31),
		}
		fresh = q.state()
		for what, damage in damages.items():
		    q.put(b'entry')
		    p = Memory(q, roles=['data'])
		    damage(p)
		    p.close()
		    eventually(lambda: q.value('producer_pid') == 'none')
		    equal((what, q.stats()['corrupt']), (what, 1))
		    refuses(EIO, q.peek)
		    refuses(EIO, q.get)
		    refuses(EIO, os.rmdir, q.path)
		    refuses(EIO, q.set, 'capacity', 128)
		    for name in ATTRIBUTES:
		        q.text(name)
		    q.write('reset', '1\n')
		    equal(q.state(), fresh)
		q.put(b'entry')
		equal(q.get(), b'entry')
	END
}

@test "damage under open files is EIO to all who wait, and fsd lives" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		p = Memory(q, roles=['data'])
		reader = Child(lambda: os.read(opened(q / 'dequeue'), 100)).waits()
		poller = Child(lambda: events(opened(q / 'dequeue'), select.POLLIN, 10000)).waits()
		p['tail'] = 4
		with opening(q / 'notify', 'rwn') as bell:
		    os.write(bell, b'\n')
		refuses(EIO, reader.result)
		equal(poller.result(), {'ERR'})
		p.close()
		eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
		q.write('reset', '1')

		c = Memory(q, roles=['consumer'])
		q.put(*[bytes(1016)] * 8)
		writer = Child(lambda: os.write(opened(q / 'enqueue', 'w'), bytes(1016))).waits()
		c['head'] = 1 << 50
		with opening(q / 'serviced', 'rwn') as bell:
		    os.write(bell, b'\n')
		refuses(EIO, writer.result)
		equal(q.stats()['corrupt'], 1)
	END
}

@test "memory that was cut short under fsd is damage, and reset mends it" {
	[ "$MODE" = link ] || skip "in passthrough nobody can cut it"
	queue=$(new_queue q 65536)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fresh = q.state()
		for name, size in ('data', 0), ('data', 100), ('data', PAGE), ('consumer', 0):
		    q.put(*[bytes(5000)] * 3)
		    with opening(q / 'enqueue', 'wn') as fd, opening(q / 'dequeue', 'rn') as out:
		        os.truncate(q / name, size)
		        for i in range(20):
		            for call in (lambda: os.write(fd, bytes(9000))), (lambda: os.read(out, 9000)):
		                with contextlib.suppress(OSError):
		                    call()
		        refuses(EIO, os.write, fd, b'x')
		        refuses(EIO, os.read, out, 9000)
		        equal(q.stats()['corrupt'], 1)
		    eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')
		    refuses(EIO, q.put, b'x')
		    for file in ATTRIBUTES:
		        q.text(file)
		    q.write('reset', '1\n')
		    equal(q.state(), fresh)
	END
}

@test "a memory file that is gone, or is none of fsd's, is damage, and reset makes it anew" {
	queue=$(new_queue q 4096)
	check "$queue" "$STATE" <<-'END'
		q, state = Queue(args[0]), args[1]
		folder = next(f'{state}/{name}' for name in os.listdir(state) if os.path.exists(f'{state}/{name}/data'))
		os.chmod(q / 'data', 0o600)     # in link mode all that can be had again:
		os.chmod(q / 'consumer', 0o600) # what the file alone knew is gone with it
		fresh = q.state()
		with open('precious', 'w', encoding='ascii') as file:
		    file.write('precious')
		makers = {'nothing': lambda path: None, 'fifo': os.mkfifo,
		          'link': lambda path: os.symlink(os.path.abspath('precious'), path),
		          'dangling': lambda path: os.symlink('nowhere', path),
		          'hard link': lambda path: os.link('precious', path),
		          'empty': lambda path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))}
		for name in 'data', 'consumer':
		    for what, make in makers.items():
		        q.put(b'entry')
		        os.unlink(f'{folder}/{name}')
		        make(f'{folder}/{name}')
		        equal((what, q.stats()['corrupt']), (what, 1))
		        refuses(EIO, q.peek)
		        refuses(EIO, q.put, b'x')
		        refuses(EIO, q.get)
		        refuses(EIO, os.rmdir, q.path)
		        refuses(EIO, q.set, 'capacity', 8192)
		        if not link_mode and what != 'empty':
		            refuses(EIO, q.take, name)
		        for attribute in ATTRIBUTES:
		            q.text(attribute)
		        os.chmod(q.path, 0o755)
		        q.write('reset', '1')
		        equal((what, q.state()), (what, fresh))
		        q.put(b'entry')
		        equal(q.get(), b'entry')
		        q.write('reset', '1')
		with open('precious', encoding='ascii') as file:
		    equal(file.read(), 'precious')
	END
}

# --- owner and mode

@test "chmod and chown of a queue and each of its files are kept, over kill -9 too" {
	skip_unless_root "chown to others"
	queue=$(new_queue q)
	new_queue untouched
	check "$queue" <<-'END'
		q = Queue(args[0])
		os.chmod(q.path, 0o750)
		os.chown(q.path, 1234, 2345)
		for n, name in enumerate(sorted(FILES)):
		    before = q.state()
		    os.chown(q / name, 1000 + n, 2000 + n)
		    os.chmod(q / name, 0o400 + n)
		    found = os.stat(q / name)
		    equal((stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid), (0o400 + n, 1000 + n, 2000 + n))
		    after = q.state()
		    assert {key for key in before if before[key] != after[key]} <= {'stat ' + name, 'memory ' + name}
		q.put(b'entry')
	END
	find "$MNT/queues/" -printf '%P %m %U %G\n' | sort >before
	stat -L -c '%n %a %u %g' "$queue"/* >>before
	grep -q 'untouched/dequeue 444 0 0' before
	restart_fsd
	find "$MNT/queues/" -printf '%P %m %U %G\n' | sort >after
	stat -L -c '%n %a %u %g' "$queue"/* >>after
	same before after
	[ "$(get "$queue")" = entry ]
}

@test "chmod and chown of the directories of services and queues are kept" {
	skip_unless_root "chown to others"
	mkdir "$MNT/IOService/S"
	for directory in IOService IOService/IOResources IOService/IOResources/queues IOService/S IOService/S/queues; do
		chmod 0711 "$MNT/$directory"
		chown 1234:2345 "$MNT/$directory"
	done
	find "$MNT" -type d -printf '%P %m %U %G\n' | sort >before
	# ...and `streams` beside `queues`: who may make the one may make the other.
	[ "$(grep -c '711 1234 2345' before)" -eq 7 ]
	restart_fsd
	find "$MNT" -type d -printf '%P %m %U %G\n' | sort >after
	same before after
}

@test "a queue has the owner and group of who makes it, and the umask counts" {
	skip_unless_root "another user has to be made"
	(umask 027 && as_user 1001:2001 mkdir "$MNT/queues/q")
	[ "$(stat -c '%a %u %g' "$MNT/queues/q")" = '750 1001 2001' ]
	[ "$(find "$MNT/queues/q" -printf '%U %G\n' | sort -u)" = '1001 2001' ]
	[ "$(stat -L -c '%u %g' "$MNT/queues/q/data" "$MNT/queues/q/consumer" | sort -u)" = '1001 2001' ]
	[ "$(find "$STATE" -name data -printf '%U %G\n')" = '1001 2001' ]
}

# --- files that outlive their queue

@test "what is open of a queue that is gone finds nothing any more" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		q = Queue(args[0])
		fds = {name: opened(q / name) for name in ('entries', 'peek', 'data', 'capacity')}
		writing = {name: opened(q / name, 'w') for name in ('capacity', 'reset')}
		os.rmdir(q.path)
		refuses(ENODEV, os.read, fds['entries'], 100)
		refuses(ENODEV, os.read, fds['peek'], 100)
		for fd in writing.values():
		    refuses(ENODEV, os.write, fd, b'1')
		refuses(ENOENT, os.stat, q / 'entries')
		os.mkdir(q.path)
		q.put(b'of the new one')
		refuses(ENODEV, os.read, fds['peek'], 100)
		equal(q.get(), b'of the new one')
	END
}
