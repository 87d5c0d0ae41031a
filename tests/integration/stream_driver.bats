#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Drivers of streams, by libqueue: tests/stress/stream_driver.c, which does what it is told, and the
# examples. Their clients are this shell, by files alone.

load iokit
load stress
setup() { fsd_setup; start_fsd; }
teardown() {
	exec 7>&- 8>&-
	fsd_teardown
}

# drive NAME MODE BUFFERS [LENGTH]: a driver; what it says in said, its pid in $DRIVER, it in $S
drive() {
	S=$MNT/streams/$1
	[[ -p tell ]] || mkfifo tell
	: >said
	spawn bash -c 'exec "$@" <tell >>said 2>&1' - "$STRESS/stream_driver" "$MNT" "$@"
	DRIVER=$SPAWNED
	exec 8>tell
	eventually grep -q '^publish: ' said
}

# tell LINE RESULT: what it says in between stays in said
tell() {
	local word=${1%% *} before
	before=$(grep -c "^$word: " said || true)
	echo "$1" >&8
	eventually said_more "$word" "$before"
	check "$(grep "^$word: " said | tail -n1)" "$word: $2"
}
said_more() { (($(grep -c "^$1: " said || true) > $2)); }

# What `show` says now.
shows() {
	tell show Success
	check "$(grep '^state ' said | tail -n1)" "$1"
}

check() {
	[[ $1 == "$2" ]] || {
		printf 'it is:  %s\nand not %s\n' "$1" "$2" >&2
		return 1
	}
}

says() { grep -qx -- "$1" said; }
is_state() { [[ $(cat "$S/state") == "$1" ]]; }
value() { check "$(cat "$S/$1")" "$2"; }

# The exact code of what was refused to process $1 last.
code_of() { head -n1 "$MNT/err/$1" | cut -d' ' -f1; }

@test "a stream is made as its driver has it" {
	drive cam 1 3
	says 'publish: Success'
	value mode output
	value modes 'input output inout'
	value state closed
	value buffers/count 3
	value buffers/2/size 4096
	value buffers/2/control_size 64
	value queue_length 0
	check "$(head -c 8 "$S/buffers/1/data")" bbbbbbbb
	check "$(cat "$MNT/IOService/IOResources/cam/prop/Model")" '"Test"'
}

@test "what opens, starts, suspends, stops and closes is asked of the driver" {
	drive cam 1 2
	exec 7<>"$S/io"
	says "asked open $BASHPID $(id -u)"
	value state stopped
	echo 1 >"$S/start"
	value state running
	echo 1 >"$S/suspend"
	echo 1 >"$S/start"
	echo 1 >"$S/stop"
	value state stopped
	exec 7>&-
	eventually says 'asked close'
	value state closed
	check "$(grep asked said | cut -d' ' -f2 | tr '\n' ' ')" 'open start suspend start stop close '
}

@test "a client that goes while it runs has stopped" {
	drive cam 1 2
	spawn bash -c 'exec 7<>"$1"; echo 1 >"$2"; exec sleep 100' - "$S/io" "$S/start"
	eventually is_state running
	kill "$SPAWNED"
	eventually says 'asked close'
	check "$(grep asked said | cut -d' ' -f2 | tr '\n' ' ')" 'open start stop close '
}

@test "what the driver refuses is the client's code, and the state stays" {
	drive cam 1 2
	tell 'refuse 0x2bd' Success
	run bash -c 'exec 7<>"$1"' - "$S/io"
	((status != 0))
	exec 7<>"$S/io"
	tell 'refuse 0x2db' Success
	run bash -c 'echo 1 >"$1"/start; head -n1 "$2/err/$$"' - "$S" "$MNT"
	[[ $output == *'No space left'*0xe00002db* ]]
	value state stopped
	echo 1 >"$S/start"
	tell 'refuse 0x2d5' Success
	run bash -c 'echo 1 >"$1"/suspend' - "$S"
	((status != 0))
	value state running
}

@test "frames go to a reader of bytes, and come back" {
	drive cam 1 2
	spawn bash -c 'exec cat "$1" >got' - "$S/io"
	eventually is_state running
	tell 'give 0 5' Success
	tell notify Success
	tell 'give 1 3' Success
	tell notify Success
	eventually test "$(wc -c <got)" -ge 0
	eventually same_text got aaaaabbb
	eventually says 'async 0'
	tell take Success
	tell take Success
	tell take Underrun
	grep -q '^took 0 0' said
	tell 'give 0 1' Success
	tell notify Success
	eventually same_text got aaaaabbba
	echo 1 >"$S/stop"
	wait "$SPAWNED"
}
same_text() { [[ $(cat "$1") == "$2" ]]; }

@test "frames go to a reader of lines" {
	drive cam 1 2
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell 'give 1 4096' Success
	check "$(head -n1 "$S/output/dequeue")" '1 0 4096 0 0'
	value buffers/1/holder client
	shows 'state 2 mode 1 buffers 2 entries 3 references 0 1 gap 0'
	tell 'give 1 1' Busy
	tell 'give 0 4097' BadArgument
	tell 'give 2 0' BadArgument
	echo 1 >"$S/input/enqueue"
	value buffers/1/holder input
	echo 170 >"$S/input/notify"
	eventually says 'async 170'
	tell take Success
	value buffers/1/holder driver
	shows 'state 2 mode 1 buffers 2 entries 3 references 0 0 gap 0'
	value stats/frames 1
	value stats/bytes 4096
}

@test "a synchronous notification returns after the driver has heard it" {
	drive cam 1 1
	exec 7<>"$S/io"
	echo 7 >"$S/input/notify_sync"
	says 'sync 7'
}

@test "notifications are pending until they are collected" {
	drive cam 1 3
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell port Success
	says collected
	for i in 0 1 2; do
		tell "give $i 1" Success
		tell notify Success
	done
	tell port Success
	says 'not collected'
	check "$(head -n1 "$S/output/notify")" 3
	expect EAGAIN read "$S/output/notify" 100 n
}

@test "in mode input free buffers go out at the start, and a drain ends with the last" {
	drive spk 0 2
	value mode input
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	value output/length 2
	check "$(head -n1 "$S/output/dequeue")" '0 0 4096 0 64'
	shows 'state 2 mode 0 buffers 2 entries 3 references 1 1 gap 0'
	printf hello >"$S/buffers/0/data"
	echo '0 0 5' >"$S/input/enqueue"
	echo 1 >"$S/drain"
	value state draining
	tell take Success
	says 'took 0 5 hello'
	tell 'give 0 4096' Success
	tell take Underrun
	eventually is_state stopped
	says 'asked stop'
	value stats/discarded 0
	value stats/frames 1
}

@test "bytes that are written are played before it closes" {
	drive spk 0 2
	printf 'last words' >"$S/io"
	is_state draining
	tell take Success
	says 'took 0 10 last words'
	tell take Underrun
	eventually is_state closed
	eventually says 'asked close'
	value stats/discarded 0
}

@test "drops and suspensions are gaps" {
	drive cam 1 3
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell 'drop 4' Success
	value stats/dropped 4
	shows 'state 2 mode 1 buffers 3 entries 4 references 0 0 0 gap 1'
	tell 'give 0 1' Success
	value buffers/0/flags 1
	tell 'give 1 1' Success
	value buffers/1/flags 0
	echo 1 >"$S/suspend"
	tell 'give 2 1' NotReady
	tell take NotReady
	echo 1 >"$S/start"
	shows 'state 2 mode 1 buffers 3 entries 4 references 1 1 0 gap 1'
	tell 'give 2 1' Success
	value buffers/2/flags 1
	value buffers/2/holder output
	echo 1 >"$S/stop"
	shows 'state 1 mode 1 buffers 3 entries 4 references 0 0 0 gap 0'
	value stats/discarded 3
}

@test "a full queue is an overrun, and a frame less" {
	drive cam 1 3 2
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell 'give 0 1' Success
	tell 'give 1 1' Success
	tell 'give 2 1' Overrun
	value stats/overruns 1
	value stats/dropped 1
}

@test "buffers are added and removed while it is closed" {
	drive cam 1 2
	tell 'add 100 0' Success
	value buffers/2/size 100
	value buffers/2/control_size 0
	check "$(cat "$S/buffers/2/data")" "$(printf 'z%.0s' {1..100})"
	tell 'remove 3' NotFound
	tell 'remove 0' Success
	value buffers/count 2
	value buffers/1/size 100
	check "$(head -c 1 "$S/buffers/0/data")" b
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell 'give 1 100' Success
	tell 'give 1 100' Busy
	tell 'remove 0' StillOpen
	tell remove_all StillOpen
	echo 1 >"$S/stop"
	exec 7>&-
	eventually says 'asked close'
	tell remove_all Success
	value buffers/count 0
	tell remove_all Success
	tell 'remove 0' NotFound
}

@test "buffers of any size are added while it is open, as long as there is room" {
	drive cam 1 2 3
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell 'add 10000 0' Success
	value buffers/count 3
	value buffers/2/size 10000
	tell 'give 2 10000' Success
	check "$(head -n1 "$S/output/dequeue")" '2 0 10000 0 0'
	tell 'add 1 1' NoSpace
	value buffers/count 3
	shows 'state 2 mode 1 buffers 3 entries 4 references 0 0 1 gap 0'
}

@test "a buffer that a shell adds is the driver's, too" {
	drive cam 1 1 4
	mkdir "$S/buffers/1"
	exec 7<>"$S/io"
	mkdir "$S/buffers/2"
	echo 1 >"$S/start"
	tell 'give 0 1' Success
	tell 'give 1 1' Success
	tell 'give 2 1' Success
	value output/length 3
	echo 1 >"$S/stop"
	exec 7>&-
	eventually is_state closed
	rmdir "$S/buffers/0"
	exec 7<>"$S/io"
	shows 'state 1 mode 1 buffers 2 entries 5 references 0 0 gap 0'
}

@test "queues are made before there is a client" {
	drive cam 1 2
	tell 'create_queues 65537' BadArgument
	shows 'state 0 mode 1 buffers 2 entries 0 references 0 0 gap 0'
	tell 'create_queues 9' Success
	value driver/queues 10
	shows 'state 0 mode 1 buffers 2 entries 10 references 0 0 gap 0'
	tell destroy_queues Success
	value driver/queues none
	tell destroy_queues Success
	tell create_queues Success
	exec 7<>"$S/io"
	tell create_queues StillOpen
	tell destroy_queues StillOpen
	shows 'state 1 mode 1 buffers 2 entries 3 references 0 0 gap 0'
	exec 7>&-
	eventually says 'asked close'
	shows 'state 0 mode 1 buffers 2 entries 0 references 0 0 gap 0'
}

@test "the mode is changed by a shell, if the driver can, and by the driver" {
	drive cam 1 2
	echo input >"$S/mode"
	says 'asked mode 0'
	value mode input
	tell 'mode 1' Success
	value mode output
	tell 'mode 2' Unsupported
	tell 'mode 3' BadArgument
	run bash -c 'echo inout >"$1"' - "$S/mode"
	[[ $output == *'not supported'* ]]
	exec 7<>"$S/io"
	echo input >"$S/mode"
	echo 1 >"$S/start"
	tell 'mode 1' Busy
	value mode input
	value output/length 2
}

@test "there is one driver; who comes after it takes the stream over" {
	drive cam 1 2
	run "$STRESS/stream_driver" "$MNT" cam 1 2
	[[ $output == 'publish: ExclusiveAccess' ]]
	run "$STRESS/stream_driver" "$MNT/IOService/none" cam 1 2
	[[ $output == 'publish: NotFound' ]]
	run "$STRESS/stream_driver" "$MNT" .cam/x 1 2
	[[ $output == 'publish: BadArgument' ]]
	kill "$DRIVER"
	eventually gone "$DRIVER"
	value buffers/count 2
	echo old >"$S/buffers/0/data"
	drive cam 0 4 7
	says 'publish: Success'
	value mode input
	value queue_length 7
	value buffers/count 4
	check "$(head -c 4 "$S/buffers/0/data")" aaaa
	check "$(head -c 4 "$S/buffers/3/data")" dddd
	kill "$DRIVER"
	eventually gone "$DRIVER"
	drive cam 1 1
	says 'publish: Success'
	value buffers/count 1
	value mode output
}

@test "a driver that ends leaves its client a dead stream, and nobody takes that over" {
	drive cam 1 2
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	kill "$DRIVER"
	eventually is_state dead
	run "$STRESS/stream_driver" "$MNT" cam 1 2
	[[ $output == 'publish: ExclusiveAccess' ]]
	exec 7>&-
	eventually is_state closed
	drive cam 1 2
	says 'publish: Success'
	exec 7<>"$S/io"
	says "asked open $BASHPID $(id -u)"
}

@test "a stream that goes with its service is terminated" {
	mkdir "$MNT/IOService/svc"
	S=$MNT/IOService/svc/streams/cam
	mkfifo tell
	spawn bash -c 'exec "$@" <tell >>said 2>&1' - "$STRESS/stream_driver" "$MNT/IOService/svc" cam 1 1
	exec 8>tell
	eventually grep -qsx 'publish: Success' said
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	exec 7>&-
	eventually says 'asked close'
	echo terminate >"$MNT/IOService/svc/ctl"
	eventually says terminated
	wait "$SPAWNED"
}

@test "a driver goes on when fsd is started anew" {
	local client
	drive cam 1 2
	spawn bash -c 'exec 7<>"$1"; echo 1 >"$2"; exec sleep 100' - "$S/io" "$S/start"
	client=$SPAWNED
	eventually is_state running
	tell 'give 0 1' Success
	: >said
	restart_fsd
	# It has the client still, stopped, until that ends.
	eventually says "asked open $client $(id -u)"
	check "$(grep asked said | cut -d' ' -f2 | tr '\n' ' ')" 'stop close open '
	is_state stopped
	check "$(cat "$MNT/IOService/IOResources/cam/prop/Model")" '"Test"'
	tell 'give 0 1' NotReady
	kill "$client"
	eventually is_state closed
	eventually says 'asked close'
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	value state running
	shows 'state 2 mode 1 buffers 2 entries 3 references 0 0 gap 0'
	tell 'give 0 2' Success
	tell notify Success
	check "$(head -c 2 <&7)" aa
	echo 9 >"$S/input/notify_sync"
	says 'sync 9'
}

@test "buffers go on while there is no fsd" {
	drive cam 1 2
	spawn bash -c 'exec 7<>"$1"; echo 1 >"$2"; exec sleep 100' - "$S/io" "$S/start"
	eventually is_state running
	kill_fsd
	tell 'give 0 1' Success
	tell 'give 0 1' Busy
	tell notify NotAttached
	run_fsd
	eventually says 'asked close'
}

@test "a client that writes nonsense does not stop a driver" {
	drive cam 1 2
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	tell 'give 0 1' Success
	python3 - "$S" <<-'END'
		import mmap, os, struct, sys
		with open(sys.argv[1] + '/input/data', 'r+b') as file:
		    ring = mmap.mmap(file.fileno(), 0)
		for i, entry in enumerate([(1, 0, 0, 0, 0), (99, 0, 0, 0, 0)]):
		    struct.pack_into('<5I', ring, 16 + 32 * i, *entry)
		struct.pack_into('<I', ring, 4, 2)
	END
	tell take Underrun
	value stats/errors 2
	python3 -c 'import sys; import mmap; f = open(sys.argv[1] + "/input/data", "r+b"); m = mmap.mmap(f.fileno(), 0); m[4:8] = b"\xff" * 4' "$S"
	tell take InternalError
	echo 1 >"$S/stop"
	echo 1 >"$S/start"
	tell take Underrun
	tell 'give 0 1' Success
}

# --- the examples

# example NAME STREAM: its pid in $SPAWNED, its output in played
example() {
	S=$MNT/streams/$2
	spawn bash -c 'exec "$@" >played' - "$EXAMPLES/$1" "$MNT"
	eventually test -e "$S/state"
	eventually driven
}
driven() { [[ $(cat "$S/buffers/count") -ge 3 ]]; }

@test "the camera: frames in their order, from the first at each start" {
	example driver_camera camera
	for i in 1 2; do
		check "$(head -c $((5 * 4096)) "$S/io" | tr -s '[:lower:]')" abcde
		eventually is_state closed
	done
	value stats/frames_out "$(cat "$S/stats/frames")"
}

@test "the camera: a client that returns nothing has frames dropped" {
	example driver_camera camera
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	eventually dropped 2
	value output/length 3
	head -n1 "$S/output/dequeue" | grep -qx '0 0 4096 0 64'
	value buffers/0/sequence 0
	echo 0 >"$S/input/enqueue"
	eventually frames 4
	value buffers/0/flags 1
	value buffers/0/sequence 3
}
dropped() { (($(cat "$S/stats/dropped") >= $1)); }
frames() { (($(cat "$S/stats/frames") == $1)); }

@test "the camera: suspended, it makes nothing" {
	example driver_camera camera
	exec 7<>"$S/io"
	echo 1 >"$S/start"
	eventually frames 3
	echo 1 >"$S/suspend"
	local dropped
	dropped=$(cat "$S/stats/dropped")
	never dropped $((dropped + 1))
	echo 1 >"$S/start"
	eventually dropped $((dropped + 1))
}

@test "the speaker: what is written is played, all of it" {
	example driver_speaker speaker
	text 2000 | head -c 20000 >in
	cat in >"$S/io"
	eventually is_state closed
	same in played
	value stats/discarded 0
	value stats/bytes 20000
	value stats/dropped 0
}

@test "the speaker: a client of the library plays into its mapped buffers" {
	example driver_speaker speaker
	timeout 60 "$IOKIT/stream" play "$S" one two three four five
	check "$(cat played)" onetwothreefourfive
	value stats/frames 5
	value stats/errors 0
}

@test "the camera: a client of the library takes what is mapped" {
	example driver_camera camera
	timeout 60 "$IOKIT/stream" capture "$S" 8 2 >got
	check "$(tr -s '[:lower:]' <got | cut -c1-8)" abcdefgh
	value stats/errors 0
}
