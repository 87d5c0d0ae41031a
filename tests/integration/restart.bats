#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# fsd is killed and started again: everything is there, programs go on, and
# nothing is half done.

load checks
load stress
setup() { fsd_setup; start_fsd; }

# --- programs go on

# Lines over and over until there is a file `stop`; all of them are in `sent`.
feeder() {
	until [ -e stop ]; do
		cat part
	done | tee sent >feed
}

# More came than when this was asked last.
more_received() {
	local now
	now=$(stat -c %s received)
	((now > ${last_received:-0} + 100000)) && last_received=$now
}

# flows PRODUCER... -- CONSUMER...: while they run, fsd is killed and started three times
flows() {
	local producer=() producing feeding
	until [ "$1" = -- ]; do
		producer+=("$1")
		shift
	done
	shift
	text 5000 >part
	mkfifo feed
	spawn feeder
	feeding=$SPAWNED
	spawn "${producer[@]}" <feed
	producing=$SPAWNED
	spawn "$@" >received
	for _ in 1 2 3; do
		eventually more_received
		kill_fsd
		eventually more_received
		eventually more_received
		run_fsd
		eventually more_received
	done
	touch stop
	wait "$feeding" "$producing" "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	grep -qx "dequeued $(($(wc -l <sent) + 1))" "$queue/stats"
	[ "$(cat "$queue/entries")" -eq 0 ]
	eventually grep -qx none "$queue/producer_pid"
	eventually grep -qx none "$queue/consumer_pid"
	rmdir "$queue"
}

@test "lines flow from C to Python while fsd is killed and started three times" {
	queue=$(new_queue q 16384)
	flows "$STRESS/pump" produce "$queue" futex -- "$SRC/tests/stress/pump.py" consume "$queue"
}

@test "lines flow from Python to C while fsd is killed and started three times" {
	queue=$(new_queue q 16384)
	flows "$SRC/tests/stress/pump.py" produce "$queue" -- "$STRESS/pump" consume "$queue" futex
}

@test "lines flow from Python to C at a port while fsd is killed and started three times" {
	queue=$(new_queue q 16384)
	flows "$SRC/tests/stress/pump.py" produce "$queue" -- "$STRESS/pump" consume "$queue" port
}

@test "lines flow from C to C that sleep while fsd is killed and started three times" {
	queue=$(new_queue q 16384)
	flows "$STRESS/pump" produce "$queue" futex -- "$STRESS/pump" consume "$queue" futex
}

@test "lines flow from C to C at ports while fsd is killed and started three times" {
	queue=$(new_queue q 16384)
	flows "$STRESS/pump" produce "$queue" port -- "$STRESS/pump" consume "$queue" port
}

# --- everything is there

@test "queues and services are what they were, with every entry in its place" {
	mkdir "$MNT"/IOService/{Outer,Outer/Inner}
	chmod 0711 "$MNT/IOService/Outer/Inner"
	mkdir "$MNT"/queues/{plain,wrapped,small,private} "$MNT/IOService/Outer/Inner/queues/deep"
	echo 8192 >"$MNT/queues/wrapped/capacity"
	echo 100 >"$MNT/queues/small/max_entry"
	chmod 0600 "$MNT/queues/private"/{data,consumer}
	chmod 0640 "$MNT/queues/plain/entries"
	chmod 0750 "$MNT/queues/private"
	if [ "$(id -u)" -eq 0 ]; then
		chown 1:2 "$MNT/queues/private" "$MNT/queues/plain/dequeue"
	fi
	cat >look.py <<-'END'
		import pickle
		mount = args[0]
		names = [f'{mount}/queues/{name}' for name in ('plain', 'wrapped', 'small', 'private')]
		queues = [Queue(path) for path in names + [f'{mount}/IOService/Outer/Inner/queues/deep']]
		def seen():
		    found = [(top, os.lstat(top)) for top, _, _ in os.walk(mount)]
		    tree = sorted((top, a.st_mode, a.st_ino, a.st_nlink, a.st_uid, a.st_gid) for top, a in found)
		    return {q.path: q.state() for q in queues} | {'tree': tree}
		def payload(i):
		    return bytes([i % 256]) * (1 + i * 37 % 700)
	END
	{
		cat look.py
		cat <<-'END'
			# Entries from the ring's middle over its end, with the gap before it.
			q = queues[1]
			for i in range(20):
			    q.put(payload(i))
			for i in range(18):
			    equal(q.get(), payload(i))
			for i in range(20, 35):
			    q.put(payload(i))
			queues[4].put(b'deep')
			queues[0].put(b'plain')
			eventually(lambda: all(q.value(name) == 'none' for q in queues for name in ('producer_pid', 'consumer_pid')))
			with open('before', 'wb') as file:
			    pickle.dump(seen(), file)
		END
	} >before.py
	check "$MNT" <before.py
	restart_fsd
	{
		cat look.py
		cat <<-'END'
			with open('before', 'rb') as file:
			    before = pickle.load(file)
			now = seen()
			for what in before:
			    for key in before[what] if isinstance(before[what], dict) else ():
			        equal((what, key, now[what][key]), (what, key, before[what][key]))
			equal(now, before)
			equal([queues[1].get() for i in range(18, 35)], [payload(i) for i in range(18, 35)])
			equal(queues[1].number('entries'), 0)
			equal(queues[4].get(), b'deep')
			equal(queues[0].get(), b'plain')
			queues[2].put(bytes(100))
			refuses(EMSGSIZE, queues[2].put, bytes(101))
		END
	} >after.py
	check "$MNT" <after.py
}

@test "a service that was registered is so after each of two kills" {
	local service=$MNT/IOService/S
	mkdir "$service"
	echo '{"methods":[{"name":"m"}]}' >"$service/methods"
	echo '{"key":"value"}' >"$service/props"
	printf 'persist\nregister\n' >"$service/ctl"
	see() { cat "$service"/{id,state,methods,props}; }
	see >before
	grep -q '^registered matched' "$service/state"
	restart_fsd
	see >after
	same before after
	restart_fsd
	see >after
	same before after
}

@test "the generation of the mount changes with each start, and programs see it" {
	queue=$(new_queue q)
	for _ in 1 2; do
		check "$queue" "$MNT" >generation <<-'END'
			import json
			memory = Memory(Queue(args[0]))
			with open(args[1] + '/status', encoding='ascii') as file:
			    equal(memory['generation'], json.load(file)['generation'])
			print(memory['generation'])
		END
		spawn check "$queue" <<-'END'
			memory = Memory(Queue(args[0]))
			before = memory['generation']
			open('mapped', 'w').close()
			eventually(lambda: memory['generation'] == before + 1, 'the new generation')
		END
		eventually test -e mapped
		restart_fsd
		wait "$SPAWNED"
		rm mapped
	done
}

# --- roles

# What is shown of a role that pid $1 holds; a lock without a pid shows as held.
shown() { # shown FILE PID
	[ "$(cat "$1")" = "$2" ] || { [ "$MODE" = link ] && [ "$(cat "$1")" = held ]; }
}

@test "a role stays with its process over a restart, and is free when that ends" {
	queue=$(new_queue q)
	for side in data:producer_pid:enqueue consumer:consumer_pid:dequeue; do
		IFS=: read -r memory pid file <<<"$side"
		hold "$queue/$memory" rw
		restart_fsd
		shown "$queue/$pid" "$HELD"
		if [ "$MODE" = passthrough ]; then
			expect EBUSY open "$queue/$memory" rw
		fi
		expect EBUSY open "$queue/$file" "$([ "$file" = enqueue ] && echo w || echo r)"
		what=produce
		[ "$memory" = data ] || what=consume
		run -1 "$STRESS/pump" "$what" "$queue" futex </dev/null
		[[ $output == *busy* ]]
		expect EBUSY rmdir "$queue"
		restart_fsd
		shown "$queue/$pid" "$HELD"
		release
		eventually grep -qx none "$queue/$pid"
		expect ok open "$queue/$memory" rw
		eventually grep -qx none "$queue/$pid"
		rmdir "$queue"
		queue=$(new_queue q)
	done
}

@test "a process whose role outlived a restart may open it again, and then close it" {
	[ "$MODE" = passthrough ] || skip "a lock belongs to its open file, which is as good as before"
	queue=$(new_queue q)
	spawn check "$queue" <<-'END'
		q = Queue(args[0])
		for name in 'data', 'consumer':
		    q.take(name)
		open('held', 'w').close()
		eventually(lambda: os.path.exists('back'))
		again = [q.take(name) for name in ('data', 'consumer')]
		refuses(EBUSY, q.take, 'data')
		for name in 'producer_pid', 'consumer_pid':
		    equal(q.number(name), os.getpid())
		for fd in again:
		    os.close(fd)
		eventually(lambda: q.value('producer_pid') == q.value('consumer_pid') == 'none', 'free')
		q.put(b'entry')
		equal(q.get(), b'entry')
	END
	eventually test -e held
	restart_fsd
	: >back
	wait "$SPAWNED"
}

@test "a role whose process ended while fsd was dead is free" {
	queue=$(new_queue q)
	hold "$queue/data" rw
	kill_fsd
	release
	run_fsd
	[ "$(cat "$queue/producer_pid")" = none ]
	put "$queue" entry
	[ "$(get "$queue")" = entry ]
}

# The FIFO has a reader: its holder came over to the new mount.
has_reader() { [ "$(sys open "$1" wn)" = ok ]; }

# A program that is waiting at its place: pump WHAT HOW
waiting() {
	exec 5<>feed
	spawn "$STRESS/pump" "$1" "$queue" "$2" <feed >received
	PUMP=$SPAWNED
	eventually shown "$queue/${1%e}er_pid" "$PUMP"
	eventually has_reader "$queue/$3"
}

hangs_up() { # hangs_up FIFO PID: it does when PID is killed, and not before
	check "$1" "$2" <<-'END'
		with opening(args[0], 'rn') as fd:
		    with opening(args[0], 'wn'):
		        pass
		    equal('HUP' in events(fd), False)
		    os.kill(int(args[1]), signal.SIGKILL)
		    equal('HUP' in events(fd, 0, 10000), True)
	END
}

@test "a C consumer comes over to the new mount with its role and its bells" {
	mkfifo feed
	for how in futex port; do
		queue=$(new_queue q)
		waiting consume "$how" serviced
		restart_fsd
		eventually has_reader "$queue/serviced"
		shown "$queue/consumer_pid" "$PUMP"
		expect EBUSY open "$queue/dequeue" r
		put "$queue" "over there"
		received() { [ "$(cat received)" = "over there" ]; }
		eventually received
		hangs_up "$queue/serviced" "$PUMP"
		eventually grep -qx none "$queue/consumer_pid"
		exec 5>&-
		rmdir "$queue"
	done
}

@test "a C producer comes over to the new mount with its role and its bells" {
	mkfifo feed
	for how in futex port; do
		queue=$(new_queue q 16384)
		waiting produce "$how" notify
		text 1000 >lines
		spawn cp lines feed
		full() { ! grep -qx 'overruns 0' "$queue/stats"; }
		eventually full
		restart_fsd
		eventually has_reader "$queue/notify"
		shown "$queue/producer_pid" "$PUMP"
		expect EBUSY open "$queue/enqueue" w
		timeout 60 dd if="$queue/dequeue" of=received bs=64K count=1000 status=none
		same lines received
		hangs_up "$queue/notify" "$PUMP"
		eventually grep -qx none "$queue/producer_pid"
		exec 5>&-
		eventually grep -qx none "$queue/consumer_pid"
		rmdir "$queue"
	done
}

# --- those who use the files

@test "who waits in a file gets an error, and can open it again" {
	empty=$(new_queue empty) full=$(new_queue full 4096)
	spawn check "$empty" "$full" <<-'END'
		empty, full = Queue(args[0]), Queue(args[1])
		full.fill(bytes(500))
		def read():
		    os.read(opened(empty / 'dequeue'), 100)
		def write():
		    os.write(opened(full / 'enqueue', 'w'), bytes(500))
		def poll():
		    return events(opened(empty / 'dequeue', 'rn'), select.POLLIN, 60000)
		reader, writer, poller = (Child(call).waits() for call in (read, write, poll))
		open('waiting', 'w').close()
		eventually(lambda: os.path.exists('killed'))
		for child in reader, writer:
		    try:
		        child.result()
		        assert False, 'no error'
		    except OSError as error:
		        assert error.errno in (errno.ENOTCONN, errno.ECONNABORTED), error
		equal('ERR' in poller.result(), True)
		open('failed', 'w').close()
		eventually(lambda: os.path.exists('back'))
		for name in 'producer_pid', 'consumer_pid':
		    equal((empty.value(name), full.value(name)), ('none', 'none'))
		reader = Child(read).waits()
		empty.put(b'entry')
		reader.result()
		writer = Child(write).waits()
		equal(len(full.get()), 500)
		writer.result()
	END
	eventually test -e waiting
	kill_fsd
	: >killed
	eventually test -e failed
	run_fsd
	: >back
	wait "$SPAWNED"
}

# --- nothing is half done

@test "a kill at any step of an operation leaves what was before it or what is after it" {
	! sanitized || skip "what is preloaded must be before the sanitizer"
	kill_fsd
	timeout 300 "$SRC/tests/stress/crash.py" "$STRESS/crash_at.so" changes 3>&-
	run_fsd
}

@test "fsd can be killed while it opens files of its own mount" {
	! sanitized || skip "what is preloaded must be before the sanitizer"
	kill_fsd
	timeout 300 "$SRC/tests/stress/crash.py" "$STRESS/crash_at.so" answers 3>&-
	run_fsd
}

@test "a kill at any moment leaves each queue whole or not there" {
	kill_fsd
	seed=$RANDOM
	echo "seed $seed"
	timeout 600 "$SRC/tests/stress/storm.py" "$(counted 100 1000)" "$seed" 3>&-
	run_fsd
}
