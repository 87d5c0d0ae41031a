#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# fsd is killed and started again: a service waits for the process that drove it, and ends with
# that, whether it ended before, meanwhile or after.

load registry
setup() {
	fsd_setup
	start_fsd
	S=$MNT/IOService
}

HOLD='import os, signal, sys
held = [os.open(path + "/driver", os.O_RDWR) for path in sys.argv[1:]]
open("driving", "w").close()
signal.pause()'

# drives SERVICE...: one process has `driver` of each open; its pid is in $SPAWNED
drives() {
	rm -f driving
	spawn "${IN[@]}" python3 -SBc "$HOLD" "$@"
	eventually test -e driving
}

# It is no zombie either.
dies() {
	kill -9 "$1"
	wait "$1" 2>/dev/null || true
}

made() { # made SERVICE...
	local service
	for service in "$@"; do
		mkdir "$service"
		echo register >"$service/ctl"
	done
}

is_gone() { [ ! -e "$1" ]; }
waits() { expect EAGAIN open "$1/clone" rw; }
kept() { find "$STATE" -mindepth 1 -maxdepth 1 -type d | wc -l; }

@test "a service ends with its driver, before fsd is killed, meanwhile, or after" {
	local when one other records last=0
	records=$(kept)
	for when in before meanwhile after; do
		made "$S"/{Dead,Dead2,Kept,Alive}
		echo persist >"$S/Kept/ctl"
		cat "$S"/{Dead,Dead2,Kept,Alive}/id >ids
		drives "$S"/{Dead,Dead2,Kept}
		one=$SPAWNED
		drives "$S/Alive"
		other=$SPAWNED
		[ "$when" != before ] || dies "$one"
		kill_fsd
		[ "$when" != meanwhile ] || dies "$one"
		run_fsd
		if [ "$when" = after ]; then
			waits "$S/Dead"
			waits "$S/Kept"
			dies "$one"
			eventually is_gone "$S/Dead"
			eventually is_gone "$S/Dead2"
		fi
		[ "$(services)" = $'Alive\nIOResources\nKept' ]
		[ ! -e "$MNT/id/$(head -n 1 ids)" ]
		waits "$S/Alive"
		waits "$S/Kept"
		mkdir "$S/New"
		while read -r last; do
			(($(cat "$S/New/id") > last))
		done <ids
		drives "$S/Kept"
		expect ok open "$S/Kept/clone" rw
		dies "$SPAWNED"
		dies "$other"
		eventually is_gone "$S/Alive"
		rmdir "$S"/{Kept,New}
		[ "$(kept)" -eq "$records" ]
	done
}

# A bus with all that may be in a service, and what only looks as if it were.
family() {
	mkdir -p "$S/Bus/Dev/Sub" "$S/Guest" "$S/Bus/queues/q" "$S/Bus/streams/s/buffers/0" "$MNT/queues/other"
	echo 'attach IOService:/Bus' >"$S/Guest/ctl"
	: >"$S/Bus/buf/page"
	put "$S/Bus/queues/q" lost
	put "$MNT/queues/other" kept
	printf 'persist\nregister\n' >"$S/Bus/Dev/ctl"
	echo register >"$S/Bus/ctl"
	drives "$S/Bus/Dev" "$S/Guest"
	CHILD=$SPAWNED
	drives "$S/Bus"
	PARENT=$SPAWNED
	hold "$S/Bus/streams/s/io" r
}

@test "what is below a service goes with it after a restart as it does at a driver's death" {
	local when
	for when in running meanwhile after; do
		family
		[ "$when" = running ] || kill_fsd
		[ "$when" = after ] || dies "$PARENT"
		[ "$when" = running ] || run_fsd
		[ "$when" != after ] || dies "$PARENT"
		eventually is_gone "$S/Bus"
		{
			find "$MNT" -path "$MNT/err" -prune -o -printf '%P %y\n' | sed 's/0x[0-9a-f]*/ID/' | sort
			kept
		} >"$when"
		grep -q 'IOService/Guest d' "$when"
		[ "$(get "$MNT/queues/other")" = kept ]
		same running "$when"
		release
		dies "$CHILD"
		eventually is_gone "$S/Guest"
		rmdir "$MNT/queues/other"
	done
}

@test "however often fsd is killed, a service waits for its driver, and is its again" {
	mkfifo again
	spawn check_registry <<-'END'
		s = Service('S')
		open('driving', 'w').write(str(os.getpid()))
		for i in range(2):
		    with open('again') as again:     # however long it takes
		        again.read()
		    s.driver = os.open(s / 'driver', os.O_RDWR | os.O_NONBLOCK)
		    open(f'back{i}', 'w').close()
		signal.pause()
	END
	local id number=0 round
	eventually test -s driving
	id=$(cat "$S/S/id")
	for round in 0 1; do
		check_registry "$number" <<-'END'
			c = Connection(entry('S'))
			assert c.number > int(args[0]), c.number
			open('number', 'w').write(str(c.number))
		END
		number=$(cat number)
		for n in 1 2 3; do
			restart_fsd
			waits "$S/S"
			echo "{\"kill\":$n}" >"$S/S/props"	# it is written down again
		done
		[ "$(cat "$S/S/id" "$S/S/prop/kill")" = "$id"$'\n'3 ]
		echo >again
		eventually test -e "back$round"
		expect ok open "$S/S/clone" rw
	done
	restart_fsd
	waits "$S/S"
	kill -9 "$(cat driving)"
	eventually is_gone "$S/S"
}

@test "another process may drive it, and then its end is what counts" {
	made "$S/S"
	drives "$S/S"
	local first=$SPAWNED
	restart_fsd
	drives "$S/S"
	dies "$first"
	never is_gone "$S/S"
	expect ok open "$S/S/clone" rw
	restart_fsd
	waits "$S/S"
	dies "$SPAWNED"
	eventually is_gone "$S/S"
}

@test "a driver that was gone before, of a service that persists, is not waited for" {
	made "$S/S"
	echo persist >"$S/S/ctl"
	drives "$S/S"
	dies "$SPAWNED"
	eventually waits "$S/S"
	for _ in 1 2; do
		restart_fsd
		waits "$S/S"
	done
	rmdir "$S/S"
}

@test "persist is for a driver that is waited for, too" {
	made "$S"/{S,T}
	drives "$S"/{S,T}
	restart_fsd
	echo persist >"$S/S/ctl"
	dies "$SPAWNED"
	eventually is_gone "$S/T"
	waits "$S/S"
	restart_fsd
	waits "$S/S"
	drives "$S/S"
	expect ok open "$S/S/clone" rw
}

@test "watchers are told that a service ended whose driver did not come back" {
	made "$S/S"
	drives "$S/S"
	restart_fsd
	check_registry "$SPAWNED" <<-'END'
		watch = opened(f'{MNT}/watch', 'rw')
		os.write(watch, b'{"type":"IOServiceTerminate","match":{}}')
		events = opened(entry('S') + '/events')
		os.kill(int(args[0]), signal.SIGKILL)
		told = os.read(watch, 4096)
		if told == b'{"armed":true}\n':
		    told = os.read(watch, 4096)
		line = json.loads(told.splitlines()[-1])
		equal((line['type'], line['path']), ('IOServiceTerminate', 'IOService:/S'))
		told = b''
		while more := os.read(events, 4096):
		    told += more
		assert '0xe0000010' in (json.loads(line)['message'] for line in told.splitlines()), told
		refuses(ENOENT, os.stat, entry('S'))
	END
}

@test "a service is removed while its driver is waited for" {
	made "$S"/{S,T}
	drives "$S"/{S,T}
	restart_fsd
	rmdir "$S/S"
	dies "$SPAWNED"
	eventually is_gone "$S/T"
	made "$S/S"
	[ "$(services)" = $'IOResources\nS' ]
}

@test "what one process drove of a service and of what is below it ends once" {
	made "$S/Bus" "$S/Bus/Dev" "$S/Bus/Dev/Sub"
	drives "$S/Bus/Dev" "$S/Bus" "$S/Bus/Dev/Sub"
	restart_fsd
	dies "$SPAWNED"
	eventually is_gone "$S/Bus"
	[ "$(services)" = IOResources ]
}

@test "what was removed while its driver was waited for is not written down again" {
	local records
	records=$(kept)
	made "$S/S" "$S/Bus" "$S/Bus/Dev"
	echo persist >"$S/S/ctl"
	echo persist >"$S/Bus/Dev/ctl"
	drives "$S/S" "$S/Bus" "$S/Bus/Dev"
	local driver=$SPAWNED
	restart_fsd
	hold "$S/S/events" r
	hold "$S/Bus/Dev/events" r
	rmdir "$S/S"
	dies "$driver"
	eventually is_gone "$S/Bus"
	[ "$(kept)" -eq "$records" ]
	restart_fsd
	[ "$(services)" = IOResources ]
}

@test "the driver is who opened the file, as long as fsd lives on the file itself" {
	made "$S/S"
	python3 -SB - "$S/S" 3>&- <<-'END'
		import os, signal, sys
		fd = os.open(sys.argv[1] + '/driver', os.O_RDWR)
		child = os.fork()
		if child == 0:
		    signal.pause()
		with open('spawned', 'a') as spawned:
		    print(child, file=spawned)
	END
	never is_gone "$S/S"
	expect ok open "$S/S/clone" rw
	restart_fsd
	is_gone "$S/S"
}

@test "a driver in a pid namespace of its own is waited for" {
	skip_unless_root "a namespace has to be made"
	made "$S/S"
	local IN=(unshare --pid --fork --kill-child=KILL)
	drives "$S/S"
	restart_fsd
	waits "$S/S"
	dies "$SPAWNED"
	eventually is_gone "$S/S"
}

# changed CODE: of the record of service S, with its `service` as `s`
changed() {
	check "$STATE" "$$" "$1" <<-'END'
		import glob, json
		for path in glob.glob(args[0] + '/*/record.json'):
		    with open(path, encoding='utf-8') as file:
		        record = json.load(file)
		    if record['name'] == 'S':
		        s, pid = record['service'], int(args[1])
		        exec(args[2])
		        with open(path, 'w', encoding='utf-8') as file:
		            json.dump(record, file)
	END
}

@test "a later process with the driver's number is not the driver" {
	local change
	for change in 's["driver"][1] += 1' 's["driver"][0] = pid' 's["driver"] = [1, s["driver"][1]]'; do
		made "$S/S"
		drives "$S/S"
		kill_fsd
		changed "$change"
		run_fsd
		is_gone "$S/S"
		dies "$SPAWNED"
	done
}

@test "a record without the driver's process, as of an older fsd, has the service stay" {
	local change
	for change in 'del s["driver"]' 's["driver"] = [0, 0]'; do
		made "$S/S"
		drives "$S/S"
		kill_fsd
		changed "$change"
		dies "$SPAWNED"
		run_fsd
		waits "$S/S"
		restart_fsd
		waits "$S/S"
		drives "$S/S"
		dies "$SPAWNED"
		eventually is_gone "$S/S"
	done
}

@test "a driver of many services is watched once" {
	made "$S"/S{1..200}
	drives "$S"/S{1..200}
	restart_fsd
	[ "$(find "/proc/$FSD_PID/fd" -lname '*pidfd*' | wc -l)" -eq 1 ]
	rmdir "$S"/S{1..199}
	dies "$SPAWNED"
	eventually is_gone "$S/S200"
	[ "$(find "/proc/$FSD_PID/fd" -lname '*pidfd*' | wc -l)" -eq 0 ]
	[ "$(services)" = IOResources ]
}
