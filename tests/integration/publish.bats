#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A driver's queue moves from its memory into a mount, whole or not at all.

load checks
load stress

# Python with a driver (tests/stress/publish.c) at hand: `publishing <<-'END'`.
publishing() {
	{
		cat <<-'END'
			import atexit, random, subprocess
			from concurrent.futures import ThreadPoolExecutor
			queues = args[0] + '/queues'
			PROGRAM, EXAMPLES, PRODUCER, CONSUMER = args[1], args[2], 'producer_pid', 'consumer_pid'

			class Driver:
			    """Calls of one process on one queue: driver('put', 'text') == '1'"""
			    def __init__(self, kind='IOSharedDataQueue', uid=None):
			        self.process = subprocess.Popen([PROGRAM, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
			                                        preexec_fn=(lambda: become(uid)) if uid else None)
			        self.pid = self.process.pid
			        atexit.register(self.end)

			    def start(self, *words):
			        self.process.stdin.write(' '.join(map(str, words)) + '\n')

			    def answer(self):
			        return self.process.stdout.readline()[:-1]

			    def __call__(self, *words):
			        self.start(*words)
			        return self.answer()

			    def does(self, *words):
			        equal((*words, self(*words)), (*words, '1'))

			    def publishes(self, name='q'):
			        equal(self('publish', queues, name), 'kIOReturnSuccess')
			        return Queue(f'{queues}/{name}')

			    def end(self):
			        self.process.kill()
			        self.process.wait()

			def driver(*init, kind='IOSharedDataQueue', uid=None):
			    made = Driver(kind, uid)
			    made.does(*init or ('capacity', 4096))
			    return made

			def intact(made):
			    """As before a publish that was refused, with the entries one and two"""
			    equal([made('get') for i in range(3)], ['one', 'two', 'none'])
			    made.does('put', 'three')
			    equal(made('get'), 'three')
			    equal(len(os.listdir(f'/proc/{made.pid}/fd')), made.n_open)

			def filled(*init, **named):
			    """With two entries, and both its sides open"""
			    made = driver(*init, **named)
			    made.does('put', 'zero')
			    equal(made('get'), 'zero')
			    made.does('put', 'one')
			    made.does('put', 'two')
			    made.n_open = len(os.listdir(f'/proc/{made.pid}/fd'))
			    return made

			def holder(made, q, pid):
			    """In a mount of links a lock has no pid"""
			    return q.value(pid) == ('held' if link_mode else str(made.pid))

			def is_free(q, *pids):
			    eventually(lambda: all(q.value(pid) == 'none' for pid in pids), 'the roles are free')

			def removed(q):
			    is_free(q, PRODUCER, CONSUMER)
			    q.write('reset', '1')
			    os.rmdir(q.path)
		END
		cat
	} | check "$MNT" "$STRESS/publish" "$EXAMPLES" "$@"
}

# kill_fsd, where it may be gone already.
end_fsd() {
	kill -9 "$FSD_PID" 2>/dev/null || true
	wait "$FSD_PID" 2>/dev/null || true
	FSD_PID=''
}

# --- what is kept

@test "a published queue has the capacity and the largest entry that it was made with" {
	start_fsd
	publishing <<-'END'
		for init, capacity, max_entry in (
		        (('capacity', 4096), 4096, 4088), (('capacity', 100), 104, 96), (('capacity', 16), 16, 8),
		        (('capacity', 1 << 20), 1 << 20, (1 << 20) - 8), (('entries', 3, 13), 72, 13), (('entries', 255, 12), 255 * 24, 12),
		        (('entries', 1, 100000), 100008, 100000), (('entries', 1000, 1), 16000, 1)):
		    for kind in 'IODataQueue', 'IOSharedDataQueue':
		        made = driver(*init, kind=kind)
		        q = made.publishes()
		        equal((init, q.number('capacity'), q.number('max_entry')), (init, capacity, max_entry))
		        equal(q.number('entries'), 0)
		        equal(int(made('length')), os.stat(q / 'data').st_size)
		        made.does('put', 'x')
		        equal(q.get(), b'x')
		        made.end()
		        removed(q)
	END
}

@test "a published queue has the entries, in their order, wherever they lay" {
	start_fsd
	seed=$RANDOM
	echo "seed $seed"
	publishing "$seed" "$(counted 60 600)" <<-'END'
		draw = random.Random(args[3])
		for i in range(int(args[4])):
		    made = driver('capacity', draw.choice((64, 1000, 4096, 6000)))
		    wanted, n = [], 0
		    for step in range(draw.randrange(400)):     # a few times around, with gaps
		        text = f'{n}-' + 'x' * draw.randrange(draw.choice((3, 40, 400)))
		        if draw.random() < 0.55 and made('put', text) == '1':
		            wanted.append(text)
		            n += 1
		        elif wanted:
		            equal(made('get'), wanted.pop(0))
		    q = made.publishes()
		    equal(q.number('entries'), len(wanted))
		    equal([entry.decode() for entry in q.drain()], wanted)
		    made.end()
		    removed(q)
	END
}

@test "more entries than the capacity promises are published, too" {
	start_fsd
	publishing <<-'END'
		for init, size in (('capacity', 64), 56), (('capacity', 4096), 100), (('entries', 3, 8), 8), (('entries', 2, 3000), 3000):
		    for n_taken in 0, 2:            # then they do not begin where the ring does
		        made = driver(*init)
		        n = int(made('fill', size))
		        for i in range(n_taken):
		            made('get')
		        n_more = int(made('fill', size)) if n_taken else 0
		        q = made.publishes()
		        assert q.number('used') > q.number('capacity'), (init, q.number('used'))
		        equal([struct.unpack_from('<I', entry)[0] for entry in q.drain()], [*range(n_taken, n), *range(n_more)])
		        made.end()
		        removed(q)
	END
}

# --- it goes on

@test "the driver goes on enqueuing while programs of each kind consume" {
	start_fsd
	publishing <<-'END'
		N = 3000
		for command in (['head', '-n', str(N), '{}/dequeue'], [EXAMPLES + '/consumer', '{}', str(N)],
		                [os.environ['SRC'] + '/examples/consumer.py', '{}', str(N)]):
		    for kind in 'IODataQueue', 'IOSharedDataQueue':
		        made = driver(kind=kind)
		        made.does('number', 0, 100)
		        q = made.publishes()
		        made.start('number', 100, N - 100)
		        got = subprocess.run([word.format(q.path) for word in command], stdout=subprocess.PIPE, timeout=60, check=True).stdout
		        equal(got.split(), [b'%d' % i for i in range(N)])
		        equal(made.answer(), '1')
		        made.end()
		        removed(q)
	END
}

@test "the driver enqueues right after it has published, and gets a role right after it is free" {
	start_fsd
	publishing "$(counted 50 1000)" <<-'END'
		for i in range(int(args[3])):
		    made = driver()
		    made.does('put', 'before')
		    made.start('publish', queues, 'q')
		    made.start('put', 'after')
		    made.start('get')
		    equal([made.answer() for j in range(3)], ['kIOReturnSuccess', '1', 'before'])
		    made.end()
		    removed(Queue(queues + '/q'))
	END
}

@test "who waits in a read or a poll of a published queue is woken by its driver" {
	start_fsd
	publishing <<-'END'
		for kind in 'IODataQueue', 'IOSharedDataQueue':
		    made = driver(kind=kind)
		    q = made.publishes()
		    def read():
		        with opening(q / 'dequeue') as fd:
		            return os.read(fd, 100)
		    def poll():
		        with opening(q / 'dequeue') as fd:
		            return sorted(events(fd, select.POLLIN, 20000))
		    for call, result in (read, b'wake-up'), (poll, ['IN']):
		        child = Child(call).waits()
		        made.does('put', 'wake-up')
		        equal(child.result(), result)
		    made.end()
		    removed(q)
	END
}

@test "entries that were published ring the FIFO of who polls it" {
	start_fsd
	publishing <<-'END'
		made = driver(kind='IODataQueue')
		q = made.publishes('empty')
		with opening(q / 'notify', 'rn') as fd:
		    equal(events(fd, select.POLLIN, 100), set())
		    made.does('put', 'one')
		    equal(events(fd, select.POLLIN, 10000), {'IN'})
		other = driver(kind='IODataQueue')
		other.does('put', 'one')
		q = other.publishes('full')
		with opening(q / 'notify', 'rn') as fd:
		    equal(events(fd, select.POLLIN, 10000), {'IN'})
	END
}

@test "a notification can be sent to who waits at a published queue" {
	start_fsd
	publishing <<-'END'
		made = driver(kind='IODataQueue')
		q = made.publishes()
		with opening(q / 'notify', 'rn') as fd:
		    made.does('ring')
		    equal(events(fd, select.POLLIN, 10000), {'IN'})
		before = q.stats()['data_notifications']
		made.does('ring')
		assert q.stats()['data_notifications'] > before
	END
}

# --- roles

@test "an IODataQueue is the producer from its publishing to its release" {
	start_fsd
	publishing <<-'END'
		for end in 'release', 'free':
		    made = driver(kind='IODataQueue')
		    made.does('put', 'stays')
		    q = made.publishes()
		    assert holder(made, q, PRODUCER) and q.value(CONSUMER) == 'none'
		    refuses(EBUSY, q.take, 'data')
		    os.close(q.take('consumer'))
		    is_free(q, CONSUMER)
		    made.does(end)
		    is_free(q, PRODUCER)
		    os.close(q.take('data'))
		    is_free(q, PRODUCER)
		    equal(q.drain(), [b'stays'])
		    made.end()
		    removed(q)
	END
}

@test "an IOSharedDataQueue takes each role when it is first used" {
	start_fsd
	publishing <<-'END'
		made = driver()
		q = made.publishes()
		is_free(q, PRODUCER, CONSUMER)
		equal(made('get'), 'none')
		assert holder(made, q, CONSUMER) and q.value(PRODUCER) == 'none'
		made.does('put', 'x')
		assert holder(made, q, CONSUMER) and holder(made, q, PRODUCER)
		equal(made('peek'), 'x')
		made.does('release')
		is_free(q, PRODUCER, CONSUMER)
		equal(q.drain(), [b'x'])
	END
}

@test "a client may be the producer of a queue that its driver reads" {
	start_fsd
	publishing <<-'END'
		made = driver()
		made.does('port')
		made.does('put', 'the_drivers')
		q = made.publishes()
		q.put(b'a_clients')
		equal([made('get') for i in range(3)], ['the_drivers', 'a_clients', 'none'])
		eventually(lambda: (made('get'), made('told')) == ('none', '0'))
		q.put(b'another')
		eventually(lambda: made('told') == '1')
		is_free(q, PRODUCER)
		client = subprocess.Popen([EXAMPLES + '/producer', q.path], stdin=subprocess.PIPE)
		eventually(lambda: q.value(PRODUCER) != 'none')
		equal(made('put', 'refused'), '0')
		client.communicate(b'one\ntwo\n')
		equal([made('get').rstrip() for i in range(2)], ['another', 'one'])
	END
}

@test "while another process is the consumer the driver is told no, and then yes" {
	start_fsd
	publishing <<-'END'
		made = driver()
		made.does('put', 'x')
		q = made.publishes()
		fd = q.take('consumer')
		equal([made('get'), made('peek')], ['none', 'none'])
		os.close(fd)
		is_free(q, CONSUMER)
		equal([made('peek'), made('get')], ['x', 'x'])
	END
}

@test "a published queue outlives its driver, however that ends, with its entries" {
	start_fsd
	publishing <<-'END'
		for kind in 'IODataQueue', 'IOSharedDataQueue':
		    made = driver(kind=kind)
		    made.does('put', 'one')
		    q = made.publishes()
		    made.does('put', 'two')
		    made.process.kill()
		    made.process.wait()
		    is_free(q, PRODUCER, CONSUMER)
		    q.put(b'three')
		    equal(q.drain(), [b'one', b'two', b'three'])
		    removed(q)
	END
}

@test "a published queue goes on through a restart of fsd" {
	start_fsd
	spawn "$STRESS/publish" IODataQueue < <(
		echo capacity 4096
		echo put before
		echo publish "$MNT/queues" q
		until [[ -e $T/restarted ]]; do sleep 0.02; done
		echo put after
		sleep 60
	) >"$T/said"
	eventually grep -q kIOReturnSuccess "$T/said"
	restart_fsd
	touch "$T/restarted"
	said_all() { [[ $(wc -l <"$T/said") -ge 3 ]]; }
	eventually said_all
	[ "$(get "$MNT/queues/q")" = before ]
	[ "$(get "$MNT/queues/q")" = after ]
}

@test "a published queue keeps its size, and can be published once" {
	start_fsd
	publishing <<-'END'
		made = driver('capacity', 100)
		made.publishes()
		equal([made('size'), made('resize', 200), made('size')], ['100', '0', '100'])
		equal(made('publish', queues, 'other'), 'kIOReturnBusy EEXIST')
		equal(os.listdir(queues), ['q'])
		equal(made('capacity', 100), '0')
		made.does('free')
		equal([made('size'), made('put', 'x'), made('length')], ['0', '0', '0'])
		made.does('capacity', 200)
		made.publishes('other')
	END
}

@test "a queue can be published in a service's directory, and by a relative path" {
	start_fsd
	mkdir "$MNT/IOService/Thermometer"
	publishing <<-'END'
		made = driver()
		equal(made('publish', args[0] + '/IOService/Thermometer/queues', 'q'), 'kIOReturnSuccess')
		equal(os.listdir(args[0] + '/IOService/Thermometer/queues'), ['q'])
		made = driver()
		made.does('go', args[0])
		equal(made('publish', 'queues', 'q'), 'kIOReturnSuccess')
		made.does('go', '/')
		made.does('put', 'x')
		equal(made('get'), 'x')
	END
}

# --- what is refused

@test "a name that is taken is busy, and both queues are as before" {
	start_fsd
	publishing <<-'END'
		q = driver(kind='IODataQueue').publishes()
		made = filled()
		with unchanged(q):
		    equal(made('publish', queues, 'q'), 'kIOReturnBusy EEXIST')
		intact(made)
	END
}

@test "what is no directory of queues and no name is refused, and the queue is as before" {
	start_fsd
	mkdir plain
	touch file
	publishing "$T" <<-'END'
		for directory, name, wanted in (
		        (queues, '.', 'kIOReturnBadArgument EINVAL'), (queues, '..', 'kIOReturnBadArgument EINVAL'),
		        (queues, 'a/b', 'kIOReturnBadArgument EINVAL'), (queues, '', 'kIOReturnBadArgument EINVAL'),
		        (queues, 'n' * 256, 'kIOReturnError ENAMETOOLONG'),
		        (queues + '/none', 'q', 'kIOReturnNotFound ENOENT'), (args[3] + '/none', 'q', 'kIOReturnNotFound ENOENT'),
		        (args[3] + '/file', 'q', 'kIOReturnError ENOTDIR'),
		        (args[3] + '/plain', 'q', 'kIOReturnUnsupported EOPNOTSUPP'),
		        (args[0], 'q', 'kIOReturnNotPermitted EPERM')):
		    made = filled()
		    said = made('publish', directory, name)
		    equal((directory, name[:20], said), (directory, name[:20], wanted))
		    intact(made)
		    made.end()
		equal(os.listdir(queues), [])
		equal(os.listdir(args[3] + '/plain'), [])
	END
}

@test "who may make nothing there may publish nothing there" {
	skip_unless_root "other users have to be made"
	start_fsd
	chmod 0755 "$MNT/queues/"
	publishing <<-'END'
		made = filled(uid=1001)
		equal(made('publish', queues, 'q'), 'kIOReturnNotPrivileged EACCES')
		equal(os.listdir(queues), [])
		intact(made)
		os.chmod(queues + '/', 0o1777)
		made = filled(uid=1001)
		q = made.publishes()
		equal(os.stat(q.path).st_uid, 1001)
		equal([made('get') for i in range(3)], ['one', 'two', 'none'])
	END
}

@test "a queue larger than the mount allows has no space there, and is as before" {
	start_fsd -o max_queue_size=65536
	publishing <<-'END'
		driver('capacity', 65536).publishes('fits')
		made = filled('capacity', 65544)
		equal(made('publish', queues, 'q'), 'kIOReturnNoSpace ENOSPC')
		equal(os.listdir(queues), ['fits'])
		intact(made)
	END
	expect_log 'max_queue_size=65536'
}

@test "queues of next to nothing can be published" {
	start_fsd
	publishing <<-'END'
		for i, (kind, *size) in enumerate((('capacity', 0), ('capacity', 8), ('entries', 4, 0), ('entries', 0, 8))):
		    made = driver(kind, *size)
		    made.does('put', '')
		    q = made.publishes('q%d' % i)
		    equal(q.value('entries'), '1')
		    equal(made('get'), '')
	END
}

@test "publishing takes no more space than the queue does" {
	[ "$(id -u)" -eq 0 ] || skip "mounts a small tmpfs"
	mkdir small
	mount -t tmpfs -o size=10m small small
	start_fsd -s "$PWD/small/state"
	publishing <<-'END'
		made = driver('entries', 250000, 8)
		made.publishes()
	END
	end_fsd
	umount small
}

@test "one queue more than the mount allows has no space there, and is as before" {
	start_fsd -o max_queues=1
	publishing <<-'END'
		driver().publishes()
		made = filled()
		equal(made('publish', queues, 'other'), 'kIOReturnNoSpace ENOSPC')
		equal(os.listdir(queues), ['q'])
		intact(made)
	END
	expect_log 'max_queues=1'
}

@test "without descriptors a queue is not published, is as before, and can be published later" {
	start_fsd
	publishing <<-'END'
		for n in range(20):
		    made = filled()
		    made.does('limit', n)
		    said = made('publish', queues, 'q')
		    made.does('limit', -1)
		    if said == 'kIOReturnSuccess':
		        break
		    assert said.endswith(' EMFILE'), said
		    equal(os.listdir(queues), [])
		    intact(made)
		    q = made.publishes()
		    made.end()
		    removed(q)
		assert 3 < n < 19, n
	END
}

@test "a damaged queue is not published, and leaves nothing there" {
	start_fsd
	publishing "$(counted 30 300)" <<-'END'
		for i in range(int(args[3])):
		    made = driver()
		    made.does('put', 'one')
		    made.does('damage')
		    equal(made('publish', queues, 'q'), 'kIOReturnError EIO')
		    equal(os.listdir(queues), [])
		    made.end()
	END
}

@test "a queue is whole in the driver or in the mount, whenever fsd is killed" {
	! sanitized || skip "what is preloaded must be before the sanitizer"
	export CRASH_AT=$T/crash_at CRASH_REPLIES=1
	published=
	for ((n = 1; n < 200; n++)); do
		LD_PRELOAD=$STRESS/crash_at.so start_fsd
		echo "$n" >"$CRASH_AT"
		timeout 20 "$STRESS/publish" IOSharedDataQueue >said <<-END
			capacity 4096
			put one
			put two
			publish $MNT/queues q
			get
			get
			get
		END
		# Fewer answers than that were asked for.
		[[ $(cat "$CRASH_AT") -le 0 ]] || published=1
		rm "$CRASH_AT"
		end_fsd
		start_fsd
		if grep -q kIOReturnSuccess said; then
			[ -e "$MNT/queues/q" ]
		else
			same said - <<-END
				1
				1
				1
				$(sed -n 4p said)
				one
				two
				none
			END
		fi
		if [[ -e $MNT/queues/q ]]; then
			eventually grep -qx none "$MNT/queues/q/producer_pid"
			eventually grep -qx none "$MNT/queues/q/consumer_pid"
			echo 1 >"$MNT/queues/q/reset"
			rmdir "$MNT/queues/q"
		fi
		[[ -z $published ]] || break
		end_fsd
	done
	echo "killed before each of $n answers"
	[ -n "$published" ]
	[ "$n" -gt 5 ]
}
