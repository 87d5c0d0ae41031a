#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Every producer of examples/ to every consumer of examples/: the lines of a
# real text arrive, all of them, in order, unchanged.

load lib
setup() { fsd_setup; start_fsd; }

program() { # program producer|consumer LANGUAGE
	case $2 in
	c) echo "$EXAMPLES/$1" ;;
	*) echo "$SRC/examples/$1.$2" ;;
	esac
}

# pair PRODUCER CONSUMER [LINES]: through a queue that is much smaller than the text
pair() {
	local lines=${3:-2000} queue got=0
	local limit=120
	if [[ -n ${FSD_TEST_LONG:-} ]]; then
		lines=100000 limit=600
	fi
	queue=$(new_queue q 16384)
	text "$lines" >sent
	[ "$(wc -l <sent)" -eq "$lines" ]

	spawn "$(program producer "$1")" "$queue" <sent
	timeout "$limit" "$(program consumer "$2")" "$queue" "$lines" >received || got=$?
	[ "$got" -eq 0 ]
	wait "$SPAWNED"

	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	[ "$(cat "$queue/entries")" -eq 0 ]
	grep -qx "enqueued $lines" "$queue/stats"
	grep -qx "dequeued $lines" "$queue/stats"
	eventually grep -qx none "$queue/producer_pid"
	eventually grep -qx none "$queue/consumer_pid"
	rmdir "$queue"
}

@test "C to C" { pair c c 100000; }
@test "C to Python" { pair c py 100000; }
@test "C to Perl" { pair c pl; }
@test "C to shell" { pair c sh 100000; }
@test "Python to C" { pair py c 100000; }
@test "Python to Python" { pair py py 100000; }
@test "Python to Perl" { pair py pl; }
@test "Python to shell" { pair py sh; }
@test "Perl to C" { pair pl c; }
@test "Perl to Python" { pair pl py; }
@test "Perl to Perl" { pair pl pl; }
@test "Perl to shell" { pair pl sh; }
@test "shell to C" { pair sh c 100000; }
@test "shell to Python" { pair sh py; }
@test "shell to Perl" { pair sh pl; }
@test "shell to shell" { pair sh sh; }

@test "the example configuration is taken, and makes what it says" {
	stop_fsd
	start_fsd -c "$SRC/examples/fsd.json"
	[ "$(ls "$MNT/queues/")" = "$(printf 'bulk\nevents\nteam')" ]
	[ "$(cat "$MNT/queues/bulk/capacity")" = 4194304 ]
	[ "$(cat "$MNT/queues/bulk/max_entry")" = 1048568 ]
	[ "$(stat -c %a "$MNT/queues/team")" = 770 ]
	[ "$(cat "$MNT/IOService/Thermometer/queues/readings/max_entry")" = 64 ]
	[ -d "$MNT/IOService/Thermometer/Calibration" ]
	[ "$(ls "$MNT/streams/")" = "$(printf 'camera\nspeaker')" ]
	[ "$(cat "$MNT"/streams/camera/{mode,buffers/count,buffers/2/size})" = "$(printf 'output\n3\n4096')" ]
	[ "$(cat "$MNT"/streams/speaker/{mode,buffers/count,buffers/2/size})" = "$(printf 'input\n3\n1024')" ]
	[ "$(cat "$MNT"/IOService/Thermometer/streams/picture/{mode,buffers/1/size})" = "$(printf 'output\n153600')" ]
}

@test "a client in Python has all of a stream, by memory that it maps" {
	stop_fsd
	start_fsd -c "$SRC/examples/fsd.json"
	S=$MNT/streams/camera
	timeout 60 "$SRC/examples/stream_client.py" "$S" 20 >recorded
	printf 'frame %9d\n' $(seq 0 19) | same - <(uniq recorded)
	[ "$(stat -c %s recorded)" -eq $((20 * 4096)) ]
	[ "$(cat "$S"/{state,stats/errors,stats/last_error})" = "$(printf 'closed\n0\nnone')" ]
	[ "$(cat "$S/stats/frames")" -ge 20 ]
	S=$MNT/streams/speaker
	text 500 >sent
	timeout 60 "$SRC/examples/stream_client.py" "$S" <sent
	[ "$(cat "$S"/stats/{bytes,discarded,errors})" = "$(stat -c %s sent; printf '0\n0')" ]
	[ "$(cat "$S/stats/frames")" -eq $((($(stat -c %s sent) + 1023) / 1024)) ]
	[ "$(cat "$S"/{state,stats/last_error})" = "$(printf 'closed\nnone')" ]
}

@test "what a client in Python takes is what a driver in a shell writes" {
	S=$MNT/streams/s
	mkdir "$S" "$S"/buffers/{0,1,2}
	echo 1000 >"$S/buffers/1/size"
	text 3000 >sent
	# dd writes frames of different sizes: 1000 bytes and the rest, where that buffer is next.
	spawn dd if=sent of="$S/driver/io" bs=4096 conv=notrunc status=none
	timeout 60 "$SRC/examples/stream_client.py" "$S" 5 >received
	head -c "$(stat -c %s received)" sent | same - received
	[ "$(stat -c %s received)" -gt 5000 ]
	# The client has gone, and the driver is told.
	eventually gone "$SPAWNED"
}

@test "a program that holds a role keeps the examples out" {
	queue=$(new_queue q)
	hold "$queue/data" rw
	for language in c py sh pl; do # each has its own status for it
		run ! timeout 60 "$(program producer "$language")" "$queue" <<<line
		[ "$status" -ne 124 ]
		[[ $output == *busy* || $output == *unavailable* ]]
	done
	release
	eventually grep -qx none "$queue/producer_pid"
	echo line | "$SRC/examples/producer.py" "$queue"
	[ "$("$SRC/examples/consumer.py" "$queue" 1)" = line ]
}

# The lines of `sent`, $1 at a time, each part once there is a file go.N.
feed() {
	local n=0 part
	split -l "$1" -d -a 2 sent part-
	for part in part-*; do
		until [ -e "go.$n" ]; do
			sleep 0.01
		done
		cat "$part"
		n=$((n + 1))
	done >feed
}

received_lines() { [ "$(wc -l <received)" -eq "$1" ]; }

# killed PRODUCER CONSUMER: entries flow while fsd is dead, and when it is back
killed() {
	local queue total=70000 part=10000 n
	queue=$(new_queue q 16384)
	text "$total" >sent
	mkfifo feed
	spawn feed "$part"
	spawn "$(program producer "$1")" "$queue" <feed
	spawn "$(program consumer "$2")" "$queue" "$total" >received
	consumer=$SPAWNED

	touch go.0
	eventually received_lines "$part"
	for n in 1 3 5; do
		kill_fsd
		[ ! -e "$queue/entries" ]
		touch "go.$n"
		eventually received_lines $(((n + 1) * part))
		run_fsd
		[ -e "$queue/entries" ]
		touch "go.$((n + 1))"
		eventually received_lines $(((n + 2) * part))
	done
	wait "$consumer"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	grep -qx "dequeued $total" "$queue/stats"
	eventually grep -qx none "$queue/producer_pid"
	eventually grep -qx none "$queue/consumer_pid"
}

@test "C to Python goes on while fsd is killed and started three times" { killed c py; }
@test "Python to C goes on while fsd is killed and started three times" { killed py c; }
@test "C to C goes on while fsd is killed and started three times" { killed c c; }

@test "a handler is called for every line" {
	queue=$(new_queue q 16384)
	text 100000 >sent
	spawn "$EXAMPLES/producer" "$queue" <sent
	timeout 120 "$EXAMPLES/handler" "$queue" 100000 >received
	wait "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
}

@test "a driver publishes what it queued, and what follows" {
	text 20000 >sent
	spawn "$EXAMPLES/driver" "$MNT/queues" lines <sent
	eventually test -e "$MNT/queues/lines/data"
	eventually grep -qxE "$SPAWNED|held" "$MNT/queues/lines/producer_pid"
	timeout 120 "$EXAMPLES/consumer" "$MNT/queues/lines" 20000 >received
	wait "$SPAWNED"
	[ "$(sha256sum <received)" = "$(sha256sum <sent)" ]
	[ "$(cat "$MNT/queues/lines/capacity")" -eq 65536 ]
}

@test "a driver that ends leaves its queue, for a shell to read" {
	printf 'one\ntwo\n' | "$EXAMPLES/driver" "$MNT/queues" lines
	[ "$(cat "$MNT/queues/lines/entries")" -eq 2 ]
	[ "$("$SRC/examples/consumer.sh" "$MNT/queues/lines" 2)" = "one
two" ]
	run -1 "$EXAMPLES/driver" "$MNT/queues" lines </dev/null
}

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# Within a second, however late it came to that.
uses_no_cpu() {
	local before
	before=$(ticks "$1")
	sleep 1
	echo "$1: $before to $(ticks "$1") ticks of 10 ms"
	[ "$(ticks "$1")" -le $((before + 3)) ]
}

@test "who waits, on either side and in any way, uses no CPU" {
	local pids=() pid
	for program in consumer handler; do
		spawn "$EXAMPLES/$program" "$(new_queue "$program")" 1 >"$program.out"
		pids+=("$SPAWNED")
	done
	text 5000 >lines
	spawn "$EXAMPLES/producer" "$(new_queue producer 4096)" <lines
	pids+=("$SPAWNED")
	eventually grep -q '^overruns [1-9]' "$MNT/queues/producer/stats"
	for pid in "${pids[@]}"; do
		eventually uses_no_cpu "$pid"
		kill "$pid"
	done
}
