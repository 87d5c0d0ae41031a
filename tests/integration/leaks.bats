#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What comes and goes a thousand times leaves nothing behind in fsd: no
# descriptor, no memory, no thread, no file.

load checks
load stress
setup() { fsd_setup; start_fsd; }

# flat ROUNDS <<-'END': the lines define turn(i). It is done ROUNDS times, and
# what fsd has afterwards is what it had after the first of them.
flat() {
	local rounds=$1 sane=1
	sanitized && sane=''
	{
		cat <<-'END'
			import random, subprocess
			queues, state, sane, rounds = args[0], args[1], args[2], int(args[3])
			def files():
			    return sorted(os.path.join(top, name) for top, _, names in os.walk(state) for name in names)
			def memory():
			    with open(f"/proc/{os.environ['FSD_PID']}/status", encoding='ascii') as file:
			        return next(int(line.split()[1]) for line in file if line.startswith('RssAnon'))
			def counts():
			    pid = os.environ['FSD_PID']
			    return len(os.listdir(f'/proc/{pid}/fd')), len(os.listdir(f'/proc/{pid}/task')), files(), os.listdir(queues)
		END
		cat
		cat <<-'END'
			def turns(n):
			    for i in range(n):
			        turn(i)
			def settled():      # close(2) does not wait for fsd: nothing changes any more
			    last, same = counts(), 0
			    while same < 15:
			        time.sleep(0.02)
			        now = counts()
			        last, same = now, same + 1 if now == last else 0
			    return last
			turn(0)     # what is started at the first need
			idle = settled()
			turns(rounds // 20 + 1)
			eventually(lambda: counts() == idle, f'{counts()} == {idle}')
			before = memory()
			turns(rounds)
			eventually(lambda: counts() == idle, f'{counts()} == {idle}')
			assert idle[1] <= (2 if sane else 3), idle      # a sanitizer has one of its own
			if sane:
			    eventually(lambda: memory() <= before + 160, f'RssAnon {before} then {memory()} KiB')
		END
	} >flat.py
	check "$MNT/queues" "$STATE" "$sane" "$rounds" <flat.py
	ends_at_once
}

# Nobody is waited for, and nothing is left of the queues. What was closed just now may keep the
# mount for a moment: the kernel lets go of it when fsd has answered, which close(2) does not wait for.
ends_at_once() {
	cd /
	eventually unmount "$MNT" 2>umount.log
	eventually gone "$FSD_PID"
	stop_fsd
	[ -z "$(ls -A "$STATE")" ]
}

@test "queues that are made, used and removed leave nothing behind" {
	flat "$(counted 1000 10000)" <<-'END'
		def turn(i):
		    q = Queue(f'{queues}/q{i % 7}')
		    os.mkdir(q.path)
		    q.put(b'entry', bytes(1000))
		    equal(q.peek(), b'entry')
		    equal((q.get(), q.get()), (b'entry', bytes(1000)))
		    q.text('stats')
		    os.rmdir(q.path)
	END
}

@test "queues whose capacity changes leave nothing behind" {
	flat "$(counted 1000 10000)" <<-'END'
		def turn(i):
		    q = Queue(f'{queues}/q')
		    os.mkdir(q.path)
		    q.set('capacity', 4096 << i % 8)
		    q.put(bytes(3000))
		    refuses(EBUSY, q.set, 'capacity', 8)
		    equal(len(q.get()), 3000)
		    eventually(lambda: q.value('consumer_pid') == 'none')
		    q.set('max_entry', 100)
		    refuses(EINVAL, q.set, 'capacity', 0)
		    os.rmdir(q.path)
	END
}

@test "files that are opened and closed leave nothing behind" {
	flat "$(counted 1000 10000)" <<-'END'
		q = Queue(f'{queues}/q')
		os.mkdir(q.path)
		WAYS = {'data': ('r', 'rw'), 'consumer': ('r', 'rw'), 'notify': ('rn', 'rwn'), 'serviced': ('rn', 'rwn'),
		        'enqueue': ('w', 'wn'), 'dequeue': ('r', 'rn'), 'reset': ('w',), 'capacity': ('r', 'w', 'rw'), 'max_entry': ('r', 'w')}
		def turn(i):
		    for name in FILES:
		        ways = WAYS.get(name, ('r',))
		        os.close(opened(q / name, ways[i % len(ways)]))
		    refuses(EACCES, opened, q / 'enqueue')
	END
}

@test "readers, writers and pollers that are killed while they wait leave nothing behind" {
	flat "$(counted 334 3334)" <<-'END'
		empty, full = Queue(f'{queues}/empty'), Queue(f'{queues}/full')
		os.mkdir(empty.path)
		os.mkdir(full.path)
		full.set('capacity', 4096)
		filling = opened(full / 'enqueue', 'wn')
		for size in 1024, 8:
		    with contextlib.suppress(BlockingIOError):
		        while True:
		            os.write(filling, bytes(size))
		os.close(filling)
		def read(): os.read(opened(empty / 'dequeue'), 100)
		def write(): os.write(opened(full / 'enqueue', 'w'), bytes(100))
		def poll(): events(opened(empty / 'dequeue'), select.POLLIN, 600000)
		def turn(i):
		    waiters = [Child(call) for call in (read, write, poll)]
		    for waiter in waiters:
		        waiter.waits()
		    for waiter in waiters:
		        waiter.end()
	END
}

@test "fifty clients that do anything and are killed at any moment leave nothing behind" {
	flat "$(counted 2 50)" <<-'END'
		names = [f'{queues}/q{i}' for i in range(5)]
		def anything():
		    chance = random.Random(os.getpid())
		    while True:
		        q = Queue(chance.choice(names))
		        with contextlib.suppress(OSError):
		            what = chance.randrange(12)
		            if what < 2: os.mkdir(q.path)
		            elif what == 2: os.rmdir(q.path)
		            elif what == 3: q.set(chance.choice(('capacity', 'max_entry')), chance.randrange(1, 20000))
		            elif what == 4: q.write('reset', '1')
		            elif what == 5: q.text(chance.choice(ATTRIBUTES)), q.peek()
		            elif what == 6: os.close(q.take(chance.choice(('data', 'consumer'))))
		            elif what == 7: Memory(q).close()
		            else:
		                name, how = chance.choice((('dequeue', 'r'), ('enqueue', 'w'), ('notify', 'rn'), ('serviced', 'rwn')))
		                with opening(q / name, chance.choice((how.rstrip('n'), how.rstrip('n') + 'n')) if name[-1] == 'e' else how) as fd:
		                    for n in range(chance.randrange(50)):
		                        if name == 'dequeue': os.read(fd, 20000)
		                        elif name == 'enqueue': os.write(fd, bytes(chance.randrange(5000)))
		                        else: events(fd, milliseconds=1)
		def cleared(name):
		    """Only once the kernel told fsd that all of its files are closed"""
		    if not os.path.exists(name):
		        return True
		    try:
		        Queue(name).write('reset', '1')
		        os.rmdir(name)
		    except OSError as error:
		        assert error.errno in (EBUSY, ENOENT), error
		        return False
		    return True
		def turn(i):
		    chance = random.Random(i)
		    clients = [Child(anything) for _ in range(50)]
		    for _ in range(100):
		        n = chance.randrange(50)
		        assert not clients[n].is_done()
		        clients[n].end()
		        clients[n] = Child(anything)
		    for client in clients:
		        client.kill()
		    for client in clients:
		        client.end()
		    for name in names:
		        eventually(lambda: cleared(name), name)
	END
}

@test "memory of a peak goes back to the kernel, also from below what is in use" {
	check "$MNT" <<-'END'
		mnt, before = args[0], fsd_memory()
		watches = [os.open(f'{mnt}/watch', os.O_RDWR) for _ in range(200)]
		for watch in watches:
		    os.write(watch, b'{"type":"IOServicePublish","match":{"IOProviderClass":"Weather"}}')
		for i in range(20):     # services that stay, between lines that do not
		    service = f'{mnt}/IOService/S{i}'
		    os.mkdir(service)
		    with open(f'{service}/class', 'w') as file:
		        file.write('Stormy:Weather\n')
		    with open(f'{service}/ctl', 'wb', buffering=0) as ctl:
		        for _ in range(30):
		            ctl.write(b'register\n')
		peak = fsd_memory()
		assert fsd_is_sanitized() or peak > before + 16384, (before, peak)
		for watch in watches:
		    os.close(watch)
		eventually(lambda: fsd_is_sanitized() or fsd_memory() <= before + 1536, f'{before} again after {peak}')
	END
}
