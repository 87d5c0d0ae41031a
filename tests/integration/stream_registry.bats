#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Streams in the registry: found as services of class IOStream, and used by their user client,
# from a shell and by tests/iokit/stream_service.c.

load iokit
load users
setup() { fsd_setup; iokit_setup; }

# A stream in $S, its service in $N: two buffers, the first without a control area.
new_stream() {
	[[ -d $MNT/IOService/Bus ]] || {
		mkdir "$MNT/IOService/Bus"
		echo register >"$MNT/IOService/Bus/ctl"
	}
	S=$MNT/IOService/Bus/streams/cam N=$MNT/IOService/Bus/cam
	mkdir "$S" "$S/buffers/0"
	echo 0 >"$S/buffers/0/control_size"
	mkdir "$S/buffers/1"
	echo 64 >"$S/buffers/1/control_size"
}

service() { timeout 60 "$IOKIT/stream_service" "$1" "$S"; }

is_empty() { [[ -z $(ls "$1") ]]; }

# In the background, until it says that it is ready; its pid in $CLIENT.
begin() {
	spawn bash -c 'exec "$@" >client.txt' - "$IOKIT/stream_service" "$1" "$S"
	CLIENT=$SPAWNED
	eventually grep -qsx ready client.txt
}

# The names in a directory, on one line.
names() { find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd' '; }

is_state() { [[ $(cat "$S/state") == "$1" ]]; }

# A connection of this shell's: its session in 4, calls in 5, its directory in $U
connect() {
	local number
	exec 4<>"$N/clone"
	read -r -u 4 number
	U=$N/clients/$number
	exec 5<>"$U/call"
}

disconnect() { exec 4>&- 5>&-; }

# call DOCUMENT: the name of its result, and what came back
call() {
	echo "$1" >&5
	local line
	read -r -u 5 line
	python3 -c '
import json, sys
reply = json.loads(sys.argv[1])
print(reply["name"], *reply.get("so", []), *filter(None, [reply.get("sob")]))' "$line"
}

gives() { # gives RESULT DOCUMENT
	local got
	got=$(call "$2")
	[[ $got == "$1" ]] || {
		echo "$2: wanted $1, got $got" >&2
		return 1
	}
}

# --- what it is

@test "a stream is a service beside its directory, with its class, a mode and an owner" {
	start_fsd
	new_stream
	[[ $(cat "$N/class") == IOStream ]]
	[[ $(tr '\n' : <"$N/classes") == IOStream:IOService:IORegistryEntry:OSObject: ]]
	[[ $(cat "$N/state") == "registered matched active" ]]
	[[ $(cat "$N/path") == IOService:/Bus/cam ]]
	[[ $(ls "$N/prop") == IOStreamMode && $(cat "$N/prop/IOStreamMode") == 1 ]]
	[[ $(readlink -f "$MNT/class/IOStream/$(cat "$N/id")") == "$N" ]]
	[[ $(readlink -f "$MNT/name/cam/$(cat "$N/id")") == "$N" ]]
	echo input >"$S/mode"
	[[ $(cat "$N/prop/IOStreamMode") == 0 ]]
}

@test "ioreg, match and watch find it as any service" {
	start_fsd
	new_stream
	run -0 ioreg_tool -c IOStream
	[[ $output == *"cam  <class IOStream, id $(cat "$N/id"), registered, matched, active"* ]]
	check_registry <<-'END'
		found = os.open(f'{MNT}/match', os.O_RDWR)
		os.write(found, b'{"IOProviderClass":"IOStream","IOPropertyMatch":{"IOStreamMode":1}}\n')
		answer = os.read(found, 4096)
		assert b'Bus/cam' in answer or read(entry('Bus/cam/id')).strip().encode() in answer, answer
		watch = os.open(f'{MNT}/watch', os.O_RDWR)
		os.write(watch, b'{"type":"IOServiceMatched","match":{"IOProviderClass":"IOStream"}}\n')
		first = os.read(watch, 4096)
		os.mkdir(entry('Bus/streams/mic'))
		eventually(lambda: events(watch, select.POLLIN), 'the watch has something')
		number = read(entry('Bus/mic/id')).strip()
		assert number.encode() in os.read(watch, 4096), first
		gone = os.open(f'{MNT}/watch', os.O_RDWR)
		os.write(gone, b'{"type":"IOServiceTerminate","match":{"IOProviderClass":"IOStream"}}\n')
		os.rmdir(entry('Bus/streams/mic'))
		eventually(lambda: events(gone, select.POLLIN), 'its end is told')
		assert number.encode() in os.read(gone, 4096)
	END
}

ioreg_tool() { "$(dirname "$EXAMPLES")/libqueue/ioreg" "$@"; }

@test "a name that is taken, or no service's, makes nothing" {
	start_fsd
	new_stream
	mkdir "$MNT/IOService/Bus/Disk"
	expect EEXIST mkdir "$MNT/IOService/Bus/streams/Disk"
	expect EEXIST mkdir "$MNT/IOService/Bus/streams/clone"
	expect EEXIST mkdir "$MNT/IOService/Bus/cam"
	expect EINVAL mkdir "$MNT/IOService/Bus/streams/a%62"
	[[ $(ls "$MNT/IOService/Bus/streams") == cam ]]
	mkdir "$MNT/IOService/Bus/streams/Dev@1"
	[[ $(cat "$MNT/IOService/Bus/Dev@1/location") == 1 ]]
}

@test "the service ends with its stream and not before, and nothing is made in it" {
	start_fsd
	new_stream
	check_registry "$N" <<-'END'
		says(EBUSY, 'rmdir that', os.rmdir, args[0])
		says(EBUSY, 'rmdir that', write, f'{args[0]}/ctl', 'terminate\n')
		says(EBUSY, 'has a driver', os.open, f'{args[0]}/driver', os.O_RDWR)
		says(EBUSY, 'fixed', write, f'{args[0]}/class', 'Other')
		for name in 'Child', 'streams/s', 'queues/q':
		    says(EPERM, 'nothing is made', os.mkdir, f'{args[0]}/{name}')
		says(EPERM, 'memory of a stream', os.open, f'{args[0]}/buf/b', os.O_CREAT | os.O_WRONLY)
	END
	rmdir "$S"
	[[ ! -e $N && -z $(ls "$MNT/class/IOStream" 2>/dev/null) ]]
	new_stream
	echo terminate >"$MNT/IOService/Bus/ctl"
	[[ ! -e $MNT/IOService/Bus ]]
}

# --- who may

@test "who has the stream has its service, and clone is as open as io" {
	skip_unless_root "other users"
	start_fsd -o allow_other
	new_stream
	chown 1234:1234 "$S" "$S/io"
	[[ $(stat -c %u:%g "$N" "$N/clone" | sort -u) == 1234:1234 ]]
	expect EPERM chown "$N" 0 0
	chmod 0600 "$S/io"
	[[ $(stat -c %a "$N/clone") == 600 ]]
	run ! as_user 4321 bash -c "exec 4<>'$N/clone'"
	run ! as_user 4321 bash -c "exec 4<>'$N/clone.1'"
	as_user 1234 bash -c "exec 4<>'$S/io'"
	chmod 0750 "$S"
	[[ $(stat -c %a "$N") == 750 ]]
}

@test "who is not the owner sets no mode, unless he has opened it" {
	skip_unless_root "other users"
	start_fsd -o allow_other
	new_stream
	cat >by_stranger <<-'END'
		exec 4<>"$1/clone"
		read -r -u 4 number
		exec 5<>"$1/clients/$number/call"
		for call in '{"sel":6,"si":[0]}' '{"sel":0,"si":[0]}' '{"sel":6,"si":[0]}'; do
			echo "$call" >&5
			read -r -u 5 line
			echo "$line"
		done
	END
	run -0 as_user 4321 bash by_stranger "$N"
	[[ ${lines[0]} == *kIOReturnNotPermitted* ]]
	[[ ${lines[1]} == *kIOReturnSuccess* && ${lines[2]} == *kIOReturnSuccess* ]]
	[[ $(cat "$S/mode") == input ]]
}

@test "the policy decides about its class as about any" {
	skip_unless_root "other users"
	echo '{"open": [{"class": "IOStream", "allow": false}]}' >policy.json
	start_fsd -o allow_other -p "$T/policy.json"
	new_stream
	run ! as_user 4321 bash -c "exec 4<>'$N/clone'"
}

# --- its user client

@test "a shell calls every method, with words and with bytes" {
	start_fsd
	new_stream
	connect
	[[ $(cat "$U/class") == IOStreamUserClient ]]
	[[ $(names "$U/m") == "Close GetBufferCount GetMode Open SetMode Start Stop Suspend" ]]
	gives kIOReturnNotOpen '{"sel":2}'
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	[[ $(cat "$S/client") == "$BASHPID" ]]
	gives kIOReturnSuccess '{"sel":2}'
	is_state running
	gives kIOReturnSuccess '{"sel":4}'
	is_state suspended
	gives kIOReturnSuccess '{"sel":3}'
	is_state stopped
	gives "kIOReturnSuccess 1" '{"sel":5,"so":1}'
	gives "kIOReturnSuccess AQAAAA==" '{"sel":5,"sos":4}'
	gives kIOReturnSuccess '{"sel":6,"sib":"AgAAAA=="}'
	[[ $(cat "$S/mode") == inout ]]
	gives "kIOReturnSuccess 2" '{"sel":7,"so":1}'
	[[ $(cat "$U/m/GetBufferCount") == 2 ]]
	[[ $(od -An -tu4 "$U/struct/GetMode" | tr -d ' ') == 2 ]]
	gives kIOReturnSuccess '{"sel":1}'
	gives kIOReturnNotOpen '{"sel":1}'
	gives kIOReturnBadArgument '{"sel":8}'
	is_state closed
	rmdir "$S/buffers/1" "$S/buffers/0"
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	gives kIOReturnNoResources '{"sel":2}'
	[[ $(cat "$S/stats/last_error") == "kIOReturnNoResources 0xe00002be" ]]
	disconnect
}

@test "memory and ports are links for who has opened it, and refused to others" {
	start_fsd
	new_stream
	connect
	is_empty "$U/mem" && is_empty "$U/port"
	expect EINVAL open "$U/mem/0x10000000" r
	check_registry "$U" <<-'END'
		says(EINVAL, 'kIOReturnNotOpen', os.open, f'{args[0]}/mem/0x10000000', os.O_RDONLY)
	END
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	[[ $(names "$U/mem") == "0x10000000 0x20000000 0x30000000 0x30000001 0x40000001" ]]
	[[ $(readlink -f "$U/port/0") == "$S/output/notify" ]]
	[[ $(readlink -f "$U/port/1") == "$S/input/notify" ]]
	echo hello >"$S/buffers/1/data"
	[[ $(head -c 5 "$U/mem/$((0x30000001))") == hello ]]
	[[ $(od -An -tu4 -N4 "$U/mem/0x20000000" | tr -d ' ') == 3 ]]
	check_registry "$U" <<-'END'
		for number, why in (0x40000000, 'NotFound'), (0x30000002, 'BadArgument'), (7, 'BadArgument'):
		    says(EINVAL, f'kIOReturn{why}', os.open, f'{args[0]}/mem/{number}', os.O_RDONLY)
	END
	echo 170 >"$U/port/1"
	[[ $(head -n 1 "$S/driver/notify") == "async 170" ]]
	echo 1 >"$S/driver/notify"
	[[ $(head -n 1 "$U/port/0") == 1 ]]
	gives kIOReturnSuccess '{"sel":1}'
	is_empty "$U/mem"
	expect EINVAL open "$U/mem/0x10000000" r
	disconnect
}

@test "io and a connection keep each other out, and the end of a connection is a close" {
	start_fsd
	new_stream
	connect
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	expect EBUSY open "$S/io" rw
	disconnect
	eventually is_state closed
	exec 6<>"$S/io"
	connect
	gives kIOReturnExclusiveAccess '{"sel":0,"si":[0]}'
	gives kIOReturnNotOpen '{"sel":2}'
	is_state stopped
	exec 6>&-
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	disconnect
}

@test "C: all methods, by scalars and by structs" {
	start_fsd
	new_stream
	service methods
}

@test "C: queues and buffers are mapped, and a frame is seen in them" {
	start_fsd
	new_stream
	service memory
}

@test "C: the output port is told of the driver's notifications" {
	start_fsd
	new_stream
	service ports
}

@test "C: traps notify the driver, and the second waits for it" {
	start_fsd
	new_stream
	spawn bash -c '"$0" traps "$1" >traps.txt' "$IOKIT/stream_service" "$S"
	{
		read -r first
		read -r second
	} < <(driver_hears 2)
	[[ $first == "async 170" && $second == "sync 7" ]]
	[[ ! -s traps.txt ]]
	echo 1 >"$S/driver/ack"
	eventually grep -qsx both traps.txt
}

# The next lines of driver/notify, once there is a client.
driver_hears() {
	eventually is_state stopped
	head -n "$1" "$S/driver/notify"
}

@test "C: a plug-in of the service leads to the same stream" {
	start_fsd
	new_stream
	service beside
}

@test "C: a driver that is asked has the last word of a start" {
	start_fsd
	new_stream
	spawn python3 - "$S/driver/control" <<-'END'
		import os, sys
		fd = os.open(sys.argv[1], os.O_RDWR)
		open('there', 'w').close()
		codes = iter(['0', 'kIOReturnNoBandwidth', '0'])
		rest = b''
		while True:
		    part = os.read(fd, 4096)
		    if not part:
		        break
		    *lines, rest = (rest + part).split(b'\n')
		    for line in lines:
		        if line.split()[0] != b'close':
		            os.write(fd, next(codes, '0').encode() + b'\n')
	END
	eventually test -e there
	service ask
	eventually is_state closed
}

# --- ends

@test "a client that is killed leaves the stream closed" {
	start_fsd
	new_stream
	begin hold
	is_state running
	expect EBUSY rmdir "$S"
	kill -9 "$CLIENT"
	eventually is_state closed
	rmdir "$S"
}

@test "who has it open is told when the service ends" {
	start_fsd
	new_stream
	begin hold
	echo terminate >"$MNT/IOService/Bus/ctl"
	eventually gone "$CLIENT"
	[[ ! -e $S && ! -e $N ]]
}

@test "one whose driver ends is dead until it is closed" {
	start_fsd
	new_stream
	hold_driver
	connect
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	kill -9 "$HOLDER"
	eventually is_state dead
	gives kIOReturnNoDevice '{"sel":2}'
	gives kIOReturnNoDevice '{"sel":0,"si":[0]}'
	gives kIOReturnNoDevice '{"sel":6,"si":[0]}'
	gives "kIOReturnSuccess 2" '{"sel":7,"so":1}'
	gives kIOReturnSuccess '{"sel":1}'
	is_state closed
	disconnect
}

# A driver that agrees to the open, and is silent then.
hold_driver() {
	spawn python3 - "$S/driver/control" <<-'END'
		import os, sys, time
		fd = os.open(sys.argv[1], os.O_RDWR)
		open('there', 'w').close()
		os.read(fd, 4096)
		os.write(fd, b'0\n')
		time.sleep(600)
	END
	HOLDER=$SPAWNED
	eventually test -e there
}

@test "an open that the driver does not answer ends with its connection" {
	start_fsd
	new_stream
	hold_driver
	exec 6<>"$S/io"
	exec 6>&-
	eventually is_state closed
	connect
	echo '{"sel":0,"si":[0]}' >&5
	disconnect
	eventually is_empty "$N/clients"
	is_state closed
	expect EBUSY rmdir "$S"
	kill -9 "$HOLDER"
	eventually rmdir "$S"
}

@test "a restart brings the service back as it was" {
	start_fsd
	new_stream
	local id
	id=$(cat "$N/id")
	chmod 0640 "$N/clone"
	echo '{"vendor": "acme"}' >"$N/props"
	connect
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	restart_fsd
	disconnect || true
	[[ $(cat "$N/id") == "$id" && $(cat "$N/class") == IOStream ]]
	[[ $(cat "$N/state") == "registered matched active" ]]
	[[ $(stat -c %a "$N/clone") == 640 && $(cat "$N/prop/vendor") == '"acme"' ]]
	# Held for this process, until it opens it again; and its number is of no other connection.
	[[ $(cat "$S/client") == "$BASHPID" ]] && is_state stopped
	expect EBUSY open "$S/io" rw
	local before=$U
	connect
	[[ $U != "$before" ]]
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	gives kIOReturnSuccess '{"sel":2}'
	is_state running
	disconnect
	eventually is_state closed
	rmdir "$S"
	restart_fsd
	[[ ! -e $N && ! -e $S ]]
}

@test "nothing of it is left in the state directory" {
	start_fsd
	new_stream
	connect
	gives kIOReturnSuccess '{"sel":0,"si":[0]}'
	disconnect
	stop_fsd
	[[ -z $(find "$STATE" -name '[0-9]*') ]]
}
