#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Whoever may write a queue's memory may write anything: fsd and the library
# answer with an error or with entries, and go on.

load checks
load stress
setup() { fsd_setup; start_fsd; }

# What the library must not do ends the program that did it.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# The files behind a queue, which may be written without a role.
behind() { # behind NAME: of the only queue there is
	find "$STATE" -path "*/$1"
}

mends() { # mends QUEUE
	eventually grep -qx none "$1/producer_pid"
	eventually grep -qx none "$1/consumer_pid"
	echo 1 >"$1/reset"
	grep -qx 'corrupt 0' "$1/stats"
	put "$1" entry
	[ "$(get "$1")" = entry ]
	eventually grep -qx none "$1/consumer_pid"
	rmdir "$1"
}

# attack QUEUE [ARG...] <<-'END': check, with what is needed to write a queue's memory
attack() {
	{
		cat <<-'END'
			import random, subprocess
			from errno import ENOMEM
			q, files = Queue(args[0]), {'data': args[1], 'consumer': args[2]}
			signal.alarm(600)   # whatever hangs
			pages = {}
			for name in files:
			    with opening(files[name], 'rw') as fd:
			        pages[name] = mmap.mmap(fd, 0)
			FIELDS = [('data', at, 8) for at in (0, 16, 24, 128, 136, 272, 280, PAGE, PAGE + 24)] + \
			         [('data', at, 4) for at in (8, 12, 32, 36, 40, 256, 260, 264, PAGE, PAGE + 4)] + \
			         [('consumer', at, 8) for at in (0, 128, 136)] + [('consumer', at, 4) for at in (8, 256, 260, 264)]

			def word(page, at, size=8):
			    return int.from_bytes(pages[page][at:at + size], 'little')

			def scribble(page, at, size, value):
			    pages[page][at:at + size] = (value % (1 << 8 * size)).to_bytes(size, 'little')

			SIZE, MAX = word('data', 16), word('data', 32, 4)
			WORDS = (0, 1, 7, 8, PAGE, SIZE - 8, SIZE, SIZE + 4, SIZE + 8, 2 * SIZE, SIZE - 8 | 1 << 32,
			         (1 << 32) - 1, 1 << 32, 1 << 63, (1 << 64) - 8, (1 << 64) - 1)
			fixed = lambda: (pages['data'][:36], pages['consumer'][:12])
			FIXED = fixed()

			def is_damaged():
			    """As docs/ring.md has it"""
			    head, tail = word('consumer', 128), word('data', 128)
			    if fixed() != FIXED or head % 8 or tail % 8 or not head <= tail <= head + SIZE:
			        return True
			    after_gap = False
			    while head < tail:
			        left = SIZE - head % SIZE
			        size, flags = word('data', PAGE + SIZE - left, 4), word('data', PAGE + SIZE - left + 4, 4)
			        gap = flags == 1 and size == left - 8 and not after_gap
			        if not gap and (flags or size > MAX) or space(size) > min(left, tail - head):
			            return True
			        head, after_gap = head + space(size), gap
			    return after_gap

			def tried(call, *arguments):
			    try:
			        return call(*arguments)
			    except OSError as error:
			        assert error.errno in (EIO, EAGAIN, EBUSY, ESTALE, EMSGSIZE), error

			def joined():
			    return [(name, fd) for name, how in (('enqueue', 'wn'), ('dequeue', 'rn'))
			            if (fd := tried(opened, q / name, how)) is not None]

			def work(fds):
			    """All that fsd does with the memory"""
			    for name in ATTRIBUTES:
			        q.text(name)
			    tried(q.peek)
			    for name, fd in fds:
			        for i in range(3):
			            events(fd)
			            tried(os.write, fd, bytes(1000 * i + 1)) if name == 'enqueue' else tried(os.read, fd, 4096)
			    with opening(q / 'peek') as fd:
			        for at in 0, 5, 1 << 40:
			            tried(os.pread, fd, 100, at)
			    if fds:
			        for name in 'reset', 'capacity', 'max_entry':
			            refuses(EBUSY, q.write, name, '1')

			def left(fds=()):
			    for _, fd in fds:
			        os.close(fd)
			    eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none')

			def mended():
			    left()
			    q.write('reset', '1')
			    equal(list(q.stats().values()), 6 * [0])
			    q.put(b'sixteen bytes...', b'more')
			    equal(q.drain(), [b'sixteen bytes...', b'more'])
			    left()
			    q.write('reset', '1')
		END
		cat
	} >attack.py
	check "$1" "$(behind data)" "$(behind consumer)" "${@:2}" <attack.py
}

@test "fsd survives each hostile word in each field, and knows which are damage" {
	queue=$(new_queue q 8192)
	attack "$queue" "$(counted 1 2)" <<-'END'
		n_damaged = 0
		for i, field in enumerate(FIELDS):
		    for j, value in enumerate(WORDS):
		        for is_open in ((i + j) % 2, (i + j + 1) % 2)[:int(args[3])]:
		            q.put(b'sixteen bytes...', b'more')
		            left()
		            fds = joined() if is_open else []
		            scribble(*field, value)
		            n_damaged += is_damaged()
		            equal((*field, value, q.stats()['corrupt']), (*field, value, int(is_damaged())))
		            fds = fds or joined()
		            work(fds)
		            left(fds)
		            mended()
		assert n_damaged > 100, n_damaged
	END
	mends "$queue"
}

@test "fsd survives words that change while it works and while others wait" {
	queue=$(new_queue q 8192)
	seed=$RANDOM
	echo "seed $seed"
	attack "$queue" "$(counted 4 1000)" "$seed" "$STRESS/hostile" <<-'END'
		def wait_for_ever(call):
		    while True:
		        tried(call)
		def read():
		    with opening(q / 'dequeue') as fd:
		        os.read(fd, 4096)
		def write():
		    with opening(q / 'enqueue', 'w') as fd:
		        os.write(fd, bytes(3000))
		def poll():
		    for name, fd in joined():
		        events(fd, milliseconds=5)
		        os.close(fd)

		n = 0
		q.put(b'sixteen bytes...', b'more')
		for turn in range(int(args[3])):
		    # It ends with this process.
		    enemy = subprocess.Popen([args[5], q.path, *files.values(), 'scribble', str(int(args[4]) + turn)])
		    others = [Child(wait_for_ever, call) for call in (read, write, poll)]
		    for i in range(50):
		        fds = joined()
		        work(fds)
		        for name in 'notify', 'serviced':
		            with contextlib.suppress(OSError), opening(q / name, 'wn') as fd:
		                os.write(fd, b'\n')
		        for _, fd in fds:
		            os.close(fd)
		        n += len(fds)
		    enemy.kill()
		    enemy.wait()
		    for child in others:
		        assert not child.is_done()
		        child.end()
		    mended()
		    q.put(b'sixteen bytes...', b'more')
		    left()
		assert n > 10, n
		q.write('reset', '1')
	END
	mends "$queue"
}

@test "fsd survives that files are cut short or drawn out while others wait, and reset mends it" {
	[ "$MODE" = link ] || skip "in passthrough nobody can"
	queue=$(new_queue q 8192)
	attack "$queue" <<-'END'
		def read():
		    with opening(q / 'dequeue') as fd:
		        while True:
		            os.read(fd, 9000)

		def poll():
		    with opening(q / 'dequeue') as fd:
		        while 'ERR' not in events(fd, select.POLLIN, 10000):
		            pass

		def answers_error(fd):
		    """In one lap of the ring, if not before"""
		    for i in range(100):
		        try:
		            os.write(fd, bytes(1000))
		        except OSError as error:
		            if error.errno == EIO:
		                return True
		    return False

		fresh = q.state()
		for name, size in (('data', 0), ('data', 100), ('data', PAGE), ('data', 2 * PAGE), ('consumer', 0), ('consumer', 100),
		                   ('data', 1 << 30), ('consumer', 1 << 30), ('data', 1 << 60), ('consumer', 1 << 60)):
		    larger = size > 2 * PAGE
		    with opening(q / 'dequeue', 'rn') as held, opening(q / 'enqueue', 'wn') as fd:
		        reader = Child(read).waits()
		        poller = Child(poll).waits()
		        os.truncate(q / name, size)
		        for attribute in ATTRIBUTES:
		            try:
		                q.text(attribute)
		            except OSError as error:    # more than there are addresses
		                equal((error.errno, larger), (ENOMEM, True))
		        if not larger:
		            equal((name, size, q.stats()['corrupt']), (name, size, 1))
		            refuses(EIO, q.peek)
		        found = answers_error(fd)
		        if not larger and (name, size) != ('consumer', 100):
		            assert found, (name, size)
		            # Nobody listens any more where the reader was told before.
		            with contextlib.suppress(OSError), opening(q / 'notify', 'wn') as bell:
		                os.write(bell, b'\n')
		            refuses(EIO, reader.result)
		            poller.result()
		            refuses(EIO, os.read, held, 9000)
		            refuses(EIO, os.write, fd, b'x')
		        reader.end()
		        poller.end()
		        refuses(EBUSY, q.write, 'reset', '1')
		    left()
		    if not larger:
		        refuses(EIO, q.put, b'x')
		        refuses(EIO, q.get)
		    q.write('reset', '1')
		    equal(q.state(), fresh)
		    q.put(b'entry')
		    equal(q.get(), b'entry')
		    left()
		    q.write('reset', '1')
	END
	mends "$queue"
}

@test "the library does not open files that were cut short" {
	[ "$MODE" = link ] || skip "in passthrough nobody can"
	queue=$(new_queue q 8192)
	for file in data consumer; do
		for size in 0 100 4095; do
			truncate -s "$size" "$queue/$file"
			for what in produce consume; do
				run -1 timeout 10 "$STRESS/pump" "$what" "$queue" futex </dev/null
				[[ $output == *'Input/output error' ]]
			done
			eventually grep -qx none "$queue/producer_pid"
			eventually grep -qx none "$queue/consumer_pid"
			echo 1 >"$queue/reset"
		done
	done
	mends "$queue"
}

@test "the library survives each hostile word in each field" {
	queue=$(new_queue q 8192)
	timeout 120 "$STRESS/hostile" "$queue" "$(behind data)" "$(behind consumer)" chosen 3>&-
	mends "$queue"
}

@test "the library survives words that change while it works" {
	queue=$(new_queue q 8192)
	seed=$RANDOM
	echo "seed $seed"
	timeout 600 "$STRESS/hostile" "$queue" "$(behind data)" "$(behind consumer)" \
		random "$(counted 1000 50000)" "$seed" 3>&-
	mends "$queue"
}
