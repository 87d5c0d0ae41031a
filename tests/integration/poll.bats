#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Waiting: no wake-up is missed, whoever waits, in whatever way, for whom.

load checks
load stress
setup() { fsd_setup; start_fsd; }

ROUNDS=$(counted 2000 20000)
export ROUNDS

# Entries until there is room for no more.
fill() {
	python3 -c '
import os, sys
fd = os.open(sys.argv[1] + "/enqueue", os.O_WRONLY | os.O_NONBLOCK)
try:
    while True: os.write(fd, b"full\n")
except BlockingIOError: pass
' "$1"
}

# One entry there, one back, ROUNDS times: a wake-up that is missed is a stall.

@test "two shells' files answer each other" {
	mkdir "$MNT"/queues/{there,back}
	spawn python3 -c '
import os, sys
q = sys.argv[1]
there, back = os.open(q + "/there/dequeue", os.O_RDONLY), os.open(q + "/back/enqueue", os.O_WRONLY)
while True: os.write(back, os.read(there, 100))
' "$MNT/queues"
	timeout 120 python3 -c '
import os, sys
q, rounds = sys.argv[1], int(os.environ["ROUNDS"])
there, back = os.open(q + "/there/enqueue", os.O_WRONLY), os.open(q + "/back/dequeue", os.O_RDONLY)
for i in range(rounds):
    os.write(there, b"%d" % i)
    assert os.read(back, 100) == b"%d" % i
' "$MNT/queues"
	eventually grep -qx fsd "$MNT/queues/there/consumer_pid"
}

@test "a C program that sleeps is woken by a shell, and wakes it" {
	for how in futex port; do
		mkdir "$MNT"/queues/{there,back}
		spawn "$STRESS/echo" "$how" "$MNT/queues/there" "$MNT/queues/back"
		echoing=$SPAWNED
		timeout 120 python3 -c '
import os, sys
q, rounds = sys.argv[1], int(os.environ["ROUNDS"])
there, back = os.open(q + "/there/enqueue", os.O_WRONLY), os.open(q + "/back/dequeue", os.O_RDONLY)
for i in range(rounds):
    os.write(there, b"%d" % i)
    assert os.read(back, 100) == b"%d" % i
' "$MNT/queues"
		kill -9 "$echoing"
		eventually rmdir "$MNT/queues/there" 2>/dev/null
		eventually rmdir "$MNT/queues/back" 2>/dev/null
	done
}

@test "a script that polls dequeue is woken by a shell and by a C program" {
	mkdir "$MNT"/queues/{there,back,direct}
	spawn "$STRESS/echo" futex "$MNT/queues/there" "$MNT/queues/back"
	for way in direct:direct there:back; do
		timeout 120 python3 -c '
import os, select, sys
out, into = os.open(sys.argv[1], os.O_WRONLY), os.open(sys.argv[2], os.O_RDONLY | os.O_NONBLOCK)
poll = select.poll()
poll.register(into, select.POLLIN)
for i in range(int(os.environ["ROUNDS"]) // 4):
    os.write(out, b"%d" % i)
    assert poll.poll(20000), "nobody rang"
    assert os.read(into, 100) == b"%d" % i
    try: os.read(into, 100); assert False
    except BlockingIOError: pass
' "$MNT/queues/${way%:*}/enqueue" "$MNT/queues/${way#*:}/dequeue"
	done
}

@test "select, poll and epoll see an entry until it is taken, and room until it is gone" {
	queue=$(new_queue q 4096)
	check "$queue" <<-'END'
		q = Queue(args[0])
		out = os.open(args[0] + '/enqueue', os.O_WRONLY | os.O_NONBLOCK)
		into = os.open(args[0] + '/dequeue', os.O_RDONLY | os.O_NONBLOCK)
		poll, epoll = select.poll(), select.epoll()
		poll.register(into, select.POLLIN)
		epoll.register(into, select.EPOLLIN)
		for _ in range(3):
		    equal(poll.poll(0), [])
		    equal(epoll.poll(0), [])
		    equal(select.select([into], [], [], 0)[0], [])
		    os.write(out, b'x')
		    for _ in range(2):      # level-triggered
		        equal(poll.poll(5000), [(into, select.POLLIN)])
		        equal(epoll.poll(5), [(into, select.EPOLLIN)])
		        equal(select.select([into], [], [], 5)[0], [into])
		    equal(os.read(into, 10), b'x')
		room = select.poll()
		room.register(out, select.POLLOUT)
		equal(room.poll(0), [(out, select.POLLOUT)])
		n = 0
		try:
		    while True:
		        os.write(out, b'y' * 1000)
		        n += 1
		except BlockingIOError: pass
		equal(room.poll(0), [])
		for _ in range(n): os.read(into, 1000)
		equal(room.poll(5000), [(out, select.POLLOUT)])
	END
}

@test "many readers and pollers wait for one queue, and each entry goes to one of them" {
	queue=$(new_queue q)
	for i in {1..10}; do
		spawn timeout 60 dd if="$queue/dequeue" of="got.$i" bs=100 count=5 status=none
		spawn python3 -c '
import os, select, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
poll = select.poll()
poll.register(fd, select.POLLIN)
poll.poll()
open(sys.argv[2], "w").close()
' "$queue/dequeue" "polled.$i"
	done
	eventually grep -qx fsd "$queue/consumer_pid"
	for i in {1..50}; do echo "$i" >"$queue/enqueue"; done
	all_got() { [[ $(cat got.* | wc -l) -eq 50 ]]; }
	eventually all_got
	[[ $(cat got.* | sort -n) == "$(seq 50)" ]]
	[[ $(cat "$queue/entries") -eq 0 ]]
}

@test "writers of a full queue wait in line, and a reader lets each of them in" {
	queue=$(new_queue q 64)
	fill "$queue"
	full=$(cat "$queue/entries")
	for i in {1..20}; do
		# shellcheck disable=SC2016
		spawn sh -c 'echo "$1" >"$2"' sh "$i" "$queue/enqueue"
	done
	eventually grep -qx fsd "$queue/producer_pid"
	[[ $(cat "$queue/entries") -eq $full ]]
	timeout 60 dd if="$queue/dequeue" of=got bs=100 count=$((full + 20)) status=none
	[[ $(tail -n 20 got | sort -n) == "$(seq 20)" ]]
}

@test "a full queue of a C program's and a slow shell lose nothing" {
	queue=$(new_queue q 256)
	text 300 >sent
	spawn "$EXAMPLES/producer" "$queue" <sent
	timeout 60 dd if="$queue/dequeue" of=got bs=64k count=300 status=none
	same sent got
}

@test "a signal ends a wait with EINTR, and the entry that comes then is not lost" {
	queue=$(new_queue q)
	check "$queue" <<-'END'
		import signal
		into = os.open(args[0] + '/dequeue', os.O_RDONLY)
		class Rung(Exception): pass
		def ring(*_): raise Rung
		signal.signal(signal.SIGALRM, ring)
		for i in range(20):
		    try:
		        signal.setitimer(signal.ITIMER_REAL, 0.02)
		        os.read(into, 100)
		        assert False
		    except Rung: pass
		    Queue(args[0]).put(b'%d' % i)
		    equal(os.read(into, 100), b'%d' % i)
	END
}
