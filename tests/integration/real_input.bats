#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Real input arrives as it was sent: the lines of a text, one an entry, and the
# blocks of an archive.

load stress
setup() { fsd_setup; start_fsd; }

# program KIND produce|consume QUEUE [SIZE]: how a C or Python program is started
program() {
	case $1 in
	c) PROGRAM=("$STRESS/pump" "$2" "$3" futex "${@:4}") ;;
	c-port) PROGRAM=("$STRESS/pump" "$2" "$3" port "${@:4}") ;;
	python) PROGRAM=("$SRC/tests/stress/pump.py" "${@:2}") ;;
	esac
}

stat_of() { sed -n "s/^$2 //p" "$1/stats"; }

# The queue is empty and in order, N entries went through it, nobody holds it.
is_done() { # is_done QUEUE N
	cat "$1/stats"
	[ "$(stat_of "$1" enqueued)" -eq "$2" ]
	[ "$(stat_of "$1" dequeued)" -eq "$2" ]
	[ "$(stat_of "$1" corrupt)" -eq 0 ]
	[ "$(cat "$1/entries")" -eq 0 ]
	eventually grep -qx none "$1/producer_pid"
	eventually grep -qx none "$1/consumer_pid"
	rmdir "$1"
}

# 100,000 lines or more, of many sizes, and nothing but whole lines.
prepare_lines() {
	N=$(counted 100000 1000000)
	text "$N" >sent
	[ "$(wc -l <sent)" -eq "$N" ]
	[ "$(awk '{ print length }' sent | sort -u | wc -l)" -gt 20 ]
}

# lines PRODUCER CONSUMER: through a queue that holds some hundred of them
lines() {
	prepare_lines
	queue=$(new_queue q 16384)
	program "$1" produce "$queue"
	spawn "${PROGRAM[@]}" <sent
	program "$2" consume "$queue"
	timeout 100 "${PROGRAM[@]}" >received
	wait "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	is_done "$queue" $((N + 1))
}

@test "lines from C to Python arrive whole and in order" { lines c python; }
@test "lines from Python to C arrive whole and in order" { lines python c; }
@test "lines from Python to C that polls a port arrive whole and in order" { lines python c-port; }
@test "lines from C to C, both at a port, arrive whole and in order" { lines c-port c-port; }

@test "lines from a shell to C arrive whole and in order" {
	prepare_lines
	queue=$(new_queue q 16384)
	spawn timeout 100 "$STRESS/pump" consume "$queue" futex >received
	consumer=$SPAWNED
	"$SRC/examples/producer.sh" "$queue" <sent
	# The end: an empty entry, which no write(2) can be.
	eventually grep -qx none "$queue/producer_pid"
	"$STRESS/pump" produce "$queue" futex </dev/null
	wait "$consumer"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	is_done "$queue" $((N + 1))
}

@test "lines from C to a shell arrive whole and in order" {
	prepare_lines
	queue=$(new_queue q 16384)
	spawn "$STRESS/pump" produce "$queue" futex <sent
	# cat ends at the empty entry: a read of 0 bytes.
	timeout 100 cat "$queue/dequeue" >received
	wait "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	is_done "$queue" $((N + 1))
}

# An archive, in entries of 64 KiB; the last one is smaller.
archive() { # archive PRODUCER CONSUMER
	tar -C /usr -cf sent include
	size=$(stat -c %s sent)
	[ "$size" -gt 65536 ]
	queue=$(new_queue q 1048576)
	echo 65536 >"$queue/max_entry"
	program "$1" produce "$queue" 65536
	spawn "${PROGRAM[@]}" <sent
	program "$2" consume "$queue"
	timeout 100 "${PROGRAM[@]}" >received
	wait "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	is_done "$queue" $(((size + 65535) / 65536 + 1))
}

@test "an archive from C to C in entries of 64 KiB is the same archive" { archive c c; }
@test "an archive from Python to C in entries of 64 KiB is the same archive" { archive python c; }
@test "an archive from C to Python in entries of 64 KiB is the same archive" { archive c python; }

@test "an archive through the files in entries of 64 KiB is the same archive" {
	tar -C /usr -cf sent include
	blocks=$((($(stat -c %s sent) + 65535) / 65536))
	queue=$(new_queue q 1048576)
	echo 65536 >"$queue/max_entry"
	spawn dd if=sent of="$queue/enqueue" bs=64K conv=notrunc status=none
	timeout 100 dd if="$queue/dequeue" of=received bs=64K count="$blocks" status=none
	wait "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	eventually grep -qx none "$queue/consumer_pid"
	is_done "$queue" "$blocks"
}
