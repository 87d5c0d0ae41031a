#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Clients of streams, by libqueue: tests/iokit/stream.c. The driver is this shell, by the files
# of driver/, or, where it is asked, by driver/control.

load iokit
load stress
setup() { fsd_setup; iokit_setup; }

# A stream in $S, of so many buffers (3) of 4096 and 64 bytes.
new_stream() {
	S=$MNT/streams/$1
	mkdir "$S"
	local i
	for ((i = 0; i < ${2:-3}; i++)); do
		mkdir "$S/buffers/$i"
	done
}

client() { timeout "$(counted 60 900)" "$IOKIT/stream" "$@"; }

# In the background, what it prints in client.txt; until it is ready.
begin() {
	spawn bash -c 'exec "$@" >client.txt' - "$IOKIT/stream" "$@"
	CLIENT=$SPAWNED
	eventually grep -qsx ready client.txt
}

ends_well() {
	local status=0
	wait "$CLIENT" || status=$?
	((status == 0))
}

is_state() { [[ $(cat "$S/state") == "$1" ]]; }

# What the client printed after it was ready.
printed() { sed 1d client.txt; }

# pass ID TEXT: a frame, and a notification
pass() {
	printf '%s' "$2" >"$S/buffers/$1/data"
	echo "$1 0 ${#2} 0 64" >"$S/driver/enqueue"
	echo 1 >"$S/driver/notify"
}

# A driver that is asked, and gives CODE to what begins with WORD: provide WORD CODE. Its pid in
# $SPAWNED; it ends with the client, or when an open is refused.
provide() {
	rm -f there
	spawn python3 - "$S/driver/control" "$@" <<-'END'
		import os, sys
		control, refused, code = sys.argv[1:]
		fd = os.open(control, os.O_RDWR)
		open('there', 'w').close()
		rest = b''
		while True:
		    rest += os.read(fd, 4096)
		    while b'\n' in rest:
		        line, rest = rest.split(b'\n', 1)
		        word = line.split()[0].decode()
		        if word != 'close':
		            os.write(fd, (code if word == refused else '0').encode() + b'\n')
		        if word == 'close' or word == refused == 'open':
		            sys.exit()
	END
	eventually test -e there
}

# --- frames

@test "frames come to the callback, session after session, and buffers go back" {
	start_fsd
	new_stream cam
	# A driver that passes frame after frame from each start to its stop.
	spawn python3 - "$S" >there <<-'END'
		import os, select, sys
		os.chdir(sys.argv[1])
		control = os.open('driver/control', os.O_RDWR)
		print('there', flush=True)
		def write(file, text):
		    fd = os.open(file, os.O_WRONLY)
		    try:
		        os.write(fd, text)
		    finally:
		        os.close(fd)
		def read(file):
		    fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
		    try:
		        return os.read(fd, 100)
		    finally:
		        os.close(fd)
		def pass_frame(n):
		    at = n % 3
		    try:
		        if read(f'buffers/{at}/holder') == b'driver\n':
		            write(f'buffers/{at}/data', b'frame %02d\n' % (n % 100))
		            write('driver/enqueue', b'%d 0 9\n' % at)
		            write('driver/notify', b'1\n')
		            return n + 1
		        read('driver/dequeue')
		    except OSError:
		        pass        # it is not started yet, or nothing came back yet
		    return n
		n, runs = 0, False
		while True:
		    if select.select([control], [], [], 0 if runs else None)[0]:
		        for line in os.read(control, 4096).splitlines():
		            if line == b'start':
		                n = 0
		            runs = line == b'start'
		            if line != b'close':
		                os.write(control, b'0\n')
		    elif runs:
		        n = pass_frame(n)
	END
	eventually test -s there
	client capture "$S" 20 3 >frames.txt
	# Each session begins anew, and has its frames in their order, none twice.
	[[ $(grep -cx 'frame 00' frames.txt) == 3 ]]
	[[ $(grep -cx 'frame 19' frames.txt) == 3 ]]
	awk '{ if ($2 != 0 && $2 != last + 1) exit 1; last = $2 }' frames.txt
	is_state closed
}

@test "a camera of the library, and a client of the library" {
	start_fsd
	local camera=$MNT/streams/camera
	spawn "$EXAMPLES/driver_camera" "$MNT"
	eventually test -e "$camera/buffers/2"
	client capture "$camera" 10 2 >frames.txt
	# Frame n is 4096 times a letter, each session from "a" on.
	[[ $(fold -w 4096 frames.txt | cut -c 1-2 | tr -d '\n') == aabbccddeeffgghhiijj*aabbccddeeffgghhiijj* ]]
	[[ $(fold -w 4096 frames.txt | tail -n 1 | tr -s '[:lower:]') == [a-z] ]]
}

@test "a stream is found in the registry, and used by its plug-in" {
	start_fsd
	spawn "$EXAMPLES/driver_camera" "$MNT"
	eventually test -e "$MNT/streams/camera/buffers/2"
	client plugged IOService:/IOResources/camera 5 2 >frames.txt
	[[ $(fold -w 4096 frames.txt | cut -c 1 | tr -d '\n') == abcde*abcde* ]]
}

@test "a program that polls gets each frame, with the lengths that the driver gave" {
	start_fsd
	new_stream cam
	begin frames "$S" 6
	local i
	for i in 0 1 2; do
		pass "$i" "text $i"
	done
	for i in 0 1 2; do
		[[ $(head -n1 "$S/driver/notify") == "async 170" ]]
		[[ $(head -n1 "$S/driver/dequeue") == "$i 0 0 0 0" ]]
		pass "$i" "again $i"
	done
	ends_well
	printed >got.txt
	printf '%s' '0 6 64 0
text 01 6 64 0
text 12 6 64 0
text 20 7 64 0
again 01 7 64 0
again 12 7 64 0
again 2' >wanted.txt
	same wanted.txt got.txt
}

@test "three notifications make one call" {
	start_fsd
	new_stream cam
	begin one_call "$S"
	pass 0 a
	pass 1 b
	pass 2 c
	touch sent
	ends_well
}

@test "what is played comes to the driver in its order, to the last" {
	start_fsd
	new_stream spk 2
	echo input >"$S/mode"
	begin play "$S" one two three four
	local word id length rest
	for word in one two three four; do
		read -r id rest length rest <"$S/driver/dequeue"
		[[ $(head -c "$length" "$S/buffers/$id/data") == "$word" ]]
		echo "$id 0 4096" >"$S/driver/enqueue" 2>/dev/null || true
		echo 1 >"$S/driver/notify"
	done
	# The driver finds that there is no more.
	[[ -z $(cat "$S/driver/dequeue") ]]
	ends_well
	is_state closed
}

@test "a buffer that is added while it is open is mapped when its frame comes" {
	start_fsd
	new_stream cam 2
	echo 4 >"$S/queue_length"
	begin added "$S"
	mkdir "$S/buffers/2"
	pass 2 "the new one"
	ends_well
	[[ $(printed) == "the new one" ]]
}

# --- results

@test "one client at a time, and the next when Close has returned" {
	start_fsd
	new_stream cam
	client exclusive "$S"
	hold "$S/io"
	client gives "$S" Open kIOReturnExclusiveAccess
	release
	eventually is_state closed
}

@test "each state and mode has its results" {
	start_fsd
	new_stream cam
	echo 'input output' >"$S/driver/modes"
	client states "$S"
}

@test "a stream without buffers is not started" {
	start_fsd
	new_stream cam 0
	client gives "$S" StartStream kIOReturnNoResources
}

@test "what is no stream, or not there, is said" {
	start_fsd
	new_stream cam
	client created "$S" kIOReturnSuccess
	client created "$MNT/streams/none" kIOReturnNotFound
	client created "$MNT/IOService" kIOReturnNotFound
	kill_fsd
	client created "$S" MACH_SEND_INVALID_DEST
	run_fsd
}

@test "the driver's own codes arrive as they are" {
	start_fsd
	new_stream cam
	local call word code name
	while read -r call word code name; do
		provide "$word" "$code"
		client gives "$S" "$call" "${name:-$code}"
		wait "$SPAWNED"
	done <<-'END'
		StartStream start kIOReturnNoSpace
		StartStream start 0xe0001234
		StartStream start kIOReturnBusy
		StartStream start 0xe00002bc kIOReturnError
		SetMode mode kIOReturnUnsupportedMode
		Open open kIOReturnNotPermitted
		Open open kIOReturnNoMemory
		Open open kIOReturnNotOpen
	END
}

@test "a client of another user is lent the memory, for as long as it has the stream open" {
	skip_unless_root "another user has to be there"
	start_fsd
	new_stream cam
	local as=(as_user 65534 "$IOKIT/stream" gives "$S")
	chmod 0600 "$S/io"
	"${as[@]}" Open kIOReturnNotPrivileged
	chmod 0666 "$S/io"
	"${as[@]}" Open kIOReturnNotPrivileged
	is_state closed
	echo 1 >"$S/lend"
	"${as[@]}" StartStream kIOReturnSuccess
	is_state closed
	[[ $(stat -Lc '%u %a' "$S/buffers/0/data") == "0 644" ]]
	run ! as_user 65534 bash -c "echo mine >'$S/buffers/0/data'"
}

@test "what is lent is the client's alone, and nobody changes its modes meanwhile" {
	skip_unless_root "other users have to be there"
	start_fsd
	new_stream cam
	echo 1 >"$S/lend"
	mkfifo enough
	as_user 65534 bash -c "exec 3<>'$S/io'; echo open; read -r _" <enough >open &
	exec 4>enough
	eventually test -s open
	[[ $(stat -Lc '%u %a' "$S/output/data") == "65534 664" ]]
	[[ $(stat -Lc '%u %a' "$S/buffers/0/control") == "65534 664" ]]
	[[ $(stat -Lc '%u %a' "$S/board") == "0 444" ]]
	run ! as_user 12345 bash -c "echo mine >'$S/buffers/0/data'"
	if [[ $MODE == passthrough ]]; then
		run ! as_user 65534 chmod 0666 "$S/buffers/0/data"
	fi
	exec 4>&-
	wait $! || true
	eventually is_state closed
	[[ $(stat -Lc '%u %a' "$S/buffers/0/control") == "0 644" ]]
}

@test "what is lent is so for queues that were there before, and not after kill -9" {
	skip_unless_root "another user has to be there"
	start_fsd
	new_stream cam
	echo 1 >"$S/lend"
	echo 'create 5' >"$S/driver/queues"
	mkfifo enough
	as_user 65534 bash -c "exec 3<>'$S/io' 4<>'$S/output/data' 5<>'$S/input/data' 6<>'$S/tally'
		echo open; read -r _" <enough >open &
	local client=$!
	exec 4>enough
	eventually test -s open
	restart_fsd 4>&-
	[[ $(stat -Lc '%u %a' "$S/buffers/0/data") == "0 644" ]]
	[[ $(stat -Lc '%u %a' "$S/buffers/0/control") == "0 644" ]]
	exec 4>&-
	wait "$client" || true
	eventually is_state closed
}

# --- notifications to the driver

@test "a sync notification returns when the driver has acknowledged it" {
	start_fsd
	new_stream cam
	begin sync "$S"
	[[ $(head -n1 "$S/driver/notify") == "sync 7" ]]
	never gone "$CLIENT"
	touch heard
	echo 1 >"$S/driver/ack"
	ends_well
}

@test "notifications that nobody hears are refused, and not waited for" {
	start_fsd
	new_stream cam
	client many "$S"
}

# --- the end

@test "who drains gets what is there, and then the end" {
	start_fsd
	new_stream cam
	begin drained "$S"
	pass 0 "last "
	pass 1 "words"
	touch sent
	ends_well
	[[ $(printed) == "last words" ]]
	[[ $(cat "$S/stats/discarded") == 0 ]]
}

@test "when the driver ends, the client is told once, and can close" {
	start_fsd
	new_stream cam
	provide nothing 0
	local driver=$SPAWNED
	begin dead "$S"
	kill -9 "$driver"
	ends_well
	is_state closed
}

@test "a client that is killed has closed the stream" {
	start_fsd
	new_stream cam
	begin held "$S"
	is_state running
	[[ $(cat "$S/client") == "$CLIENT" ]]
	kill -9 "$CLIENT"
	eventually is_state closed
	client gives "$S" StartStream kIOReturnSuccess
}

@test "parent and child share a session, which ends with the last" {
	start_fsd
	new_stream cam
	begin forked "$S"
	is_state running
	touch closed
	pass 0 "for the child"
	ends_well
	[[ $(printed) == "for the child" ]]
	eventually is_state closed
}

# --- fsd is started again

@test "when fsd is started again, a start opens the stream again" {
	start_fsd
	new_stream cam
	begin restarted "$S"
	pass 0 frame
	eventually frame_is_taken
	kill_fsd
	eventually grep -qx down client.txt
	run_fsd
	touch up
	eventually grep -qx again client.txt
	is_state running
	pass 1 "after all"
	ends_well
	[[ $(tail -n1 client.txt) == "after all" ]]
	is_state closed
}

frame_is_taken() { [[ $(cat "$S/buffers/0/holder") == client ]]; }
