#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The tree is the one that fsd(5) and the README draw: nothing more, nothing less.

load lib
setup() { fsd_setup; start_fsd; }

# The paths of fsd(5)'s drawing.
drawn() {
	sed -n '/^\/$/,/^\.Ed/p' "$SRC/docs/man/fsd.5" | awk '
	/^\.Ed/ { exit }
	/^\/$/ { next }
	{
		match($0, /[A-Za-z_<]/)
		depth = (RSTART - 1) / 4
		name = substr($0, RSTART)
		sub(/ ->.*/, "", name)
		sub(/\/$/, "", name)
		at[depth] = name
		path = "."
		for (i = 1; i <= depth; i++)
			path = path "/" at[i]
		print path
	}' | sort
}

# What find prints, with the names that the drawing has for those of `furnish`; below
# IOResources and a service in a service is what every service has, and not drawn.
shown() {
	(cd "$MNT" && find . -mindepth 1) | sed -E '
		/\/(IOResources|Thermometer\/(Calibration|picture))\//d
		s,/Thermometer/(Calibration|picture)$,/Thermometer/<service>,
		s,/Thermometer,/<service>,
		s,/0x[0-9a-f]+,/<0xID>,
		s,^\./class/[^/]+,./class/<class>,
		s,^\./name/[^/]+,./name/<name>,
		s,^\./err/[0-9]+,./err/<pid>,
		s,^\./IOPower,./<plane>,
		s,/clients/[0-9]+,/clients/<connection>,
		s,/(mem|port|queues)/[0-9]+,/\1/<type>,
		s,/(m|struct)/read,/\1/<method>,
		s,/buf/page,/buf/<buffer>,
		s,/prop/[^/]+,/prop/<key>,
		s,/queues/readings,/queues/<queue>,
		s,/streams/picture,/streams/<stream>,
		s,/buffers/[0-9]+,/buffers/<number>,
		/^\.\/IOService\/(parents|prop)\/./d' | sort -u
}

# One of each kind. Who calls it closes 6 and 7.
furnish() {
	S=$MNT/IOService/Thermometer
	mkdir "$S" "$S/Calibration" "$S/queues/readings" "$MNT/IOPower"
	mkdir "$S/streams/picture" "$S/streams/picture/buffers/0"
	echo 'Mark 2' >"$S/prop/Model"
	truncate -s 4096 "$S/buf/page"
	echo '{"methods": [{"name": "read", "so": 1}], "memory": {"0": "page", "1": "queues/readings/data"},
		"ports": {"0": "queues/readings/notify"}}' >"$S/methods"
	exec 6<>"$S/driver"
	printf '%s\n' register 'attach IOPower:/' >"$S/ctl"
	exec 7<>"$S/clone"
	expect EBUSY open "$S/driver" rw
}

@test "find shows what fsd(5) draws" {
	furnish
	drawn >drawn
	shown >shown
	[ "$(wc -l <drawn)" -gt 150 ]
	same drawn shown
	names() { find "$1" -mindepth 1 -maxdepth 1 -printf '%f %y\n' | grep -Ev 'Calibration|picture' | sort; }
	names "$S" >service
	for directory in "$MNT/IOService/IOResources" "$S/Calibration" "$S/picture"; do
		names "$directory" | same service -
	done
	exec 6>&- 7>&-
}

@test "links of the tree lead where fsd(5) says" {
	furnish
	id=$(cat "$S/id")
	connection=$S/clients/1
	while read -r link target; do
		echo "$link"
		[ "$(readlink "$link")" = "$target" ]
	done <<-END
		$MNT/id/$id ../IOService/Thermometer
		$MNT/id/$(cat "$connection/id") ../IOService/Thermometer/clients/1
		$MNT/class/IORegistryEntry/$id ../../id/$id
		$MNT/name/Thermometer/$id ../../id/$id
		$MNT/IOPower/entry ../id/0x100000100
		$MNT/IOPower/Thermometer/entry ../../id/$id
		$S/parents/0x100000100 ../../../id/0x100000100
		$connection/service ../..
		$connection/queues/1 ../../../queues/readings
		$connection/mem/1 ../../../queues/readings/data
		$connection/port/0 ../../../queues/readings/notify
	END
	for id in "$MNT"/id/*; do
		[ "$(cat "$id/id")" = "${id##*/}" ]
	done
	exec 6>&- 7>&-
}

@test "the files of services and connections have the modes that fsd(5) says" {
	furnish
	modes() { find "$1" -mindepth 1 -maxdepth 1 -type f -printf '%f %m\n' | sort; }
	printf '%s\n' 'busy 444' 'busy_time 444' 'class 644' 'classes 444' 'clone 666' 'ctl 222' 'driver 600' 'events 444' 'id 444' \
		'location 444' 'match 666' 'methods 644' 'name 444' 'owner 444' 'path 444' 'props 666' 'quiet 444' \
		'retain 444' 'state 444' >wanted
	modes "$S" | same wanted -
	printf '%s\n' 'async 400' 'busy 444' 'busy_time 444' 'call 600' 'class 444' 'classes 444' 'creator 444' 'ctl 200' \
		'id 444' 'name 444' 'path 444' 'props 600' 'retain 444' 'state 444' 'type 444' >wanted
	modes "$S/clients/1" | same wanted -
	printf '%s\n' 'README 444' 'busy 444' 'busy_time 444' 'console 644' 'ctl 200' 'events 444' 'match 666' 'policy 400' \
		'quiet 444' 'status 444' 'version 444' 'watch 666' >wanted
	modes "$MNT" | same wanted -
	[ "$(stat -c %a "$S/streams/picture/driver")" = 700 ]
	[ "$(stat -c %a "$S/clients/1")" = 700 ]
	exec 6>&- 7>&-
}

@test "the files of a stream have the modes that fsd-stream(5) says" {
	# Of .It Pa stop , drain Pq 0222: each name, and the mode.
	awk '
		/^\.Ss/ { directory = /driver.s files/ ? "driver/" : "" }
		/^\.It (Pa|Ar) .* Pq 0[0-7]+$/ {
			mode = substr($NF, 2)
			for (i = 3; i < NF - 1; i++)
				if ($i !~ /^(,|Ar|Ns|Pa|N)$/)
					print directory ($i ~ /^\// ? "buffers/0" : $i == "count" ? "buffers/" : "") $i, mode
		}' "$SRC/docs/man/fsd-stream.5" | sort >said
	[ "$(wc -l <said)" -gt 30 ]
	stream=$MNT/streams/s
	mkdir "$stream" "$stream/buffers/0"
	while read -r name bits; do
		echo "$name"
		[[ -L $stream/$name || $(stat -c %a "$stream/$name") == "$bits" ]]
	done <said
	for name in "$stream"/stats/*; do
		[ "$(stat -c %a "$name")" = 444 ]
	done
	find "$stream" ! -type d ! -path '*/stats/*' -printf '%P\n' | sort | same - <(cut -d' ' -f1 said)
}

@test "the README draws the same queue" {
	sed -n '/greetings\/ /,/Thermometer/p' "$SRC/README.md" |
		sed -n 's/^    │           [├└]── \([a-z_]*\).*/\1/p' | sort >drawn
	mkdir "$MNT/queues/greetings"
	find "$MNT/queues/greetings" -mindepth 1 -printf '%f\n' | sort >shown
	same drawn shown
}

@test "an empty mount has IOResources alone" {
	[ "$(services)" = IOResources ]
	[ -z "$(ls -A "$MNT/queues/")" ]
	[ "$(readlink "$MNT/queues")" = IOService/IOResources/queues ]
}

@test "the files of a queue have the modes and types that fsd(5) says" {
	queue=$(new_queue q)
	{
		printf '%s\n' 'capacity f 644' 'consumer_pid f 444' 'dequeue f 444' 'enqueue f 222' 'entries f 444' \
			'free f 444' 'max_entry f 644' 'notify p 666' 'peek f 444' 'producer_pid f 444' 'reset f 200' \
			'serviced p 666' 'stats f 444' 'used f 444'
		if [ "$MODE" = link ]; then
			printf '%s\n' 'consumer l' 'data l'
		else
			printf '%s\n' 'consumer f 644' 'data f 644'
		fi
	} | sort >wanted
	find "$queue" -mindepth 1 \( -type l -printf '%f l\n' -o -printf '%f %y %m\n' \) | sort >shown
	same wanted shown
	[ "$(stat -L -c %a "$queue/data")" = 644 ]
	[ "$(stat -L -c %a "$queue/consumer")" = 644 ]
}

@test "a new queue has the values of an empty one" {
	queue=$(new_queue q)
	[ "$(cat "$queue/capacity")" = 65536 ]
	[ "$(cat "$queue/max_entry")" = 65528 ]
	[ "$(cat "$queue/entries")" = 0 ]
	[ "$(cat "$queue/used")" = 0 ]
	[ "$(cat "$queue/free")" = 65528 ]
	[ "$(cat "$queue/producer_pid")" = none ]
	[ "$(cat "$queue/consumer_pid")" = none ]
	[ -z "$(cat "$queue/peek")" ]
	printf '%s 0\n' enqueued dequeued overruns data_notifications space_notifications corrupt >wanted
	same wanted "$queue/stats"
}

@test "the root says which version and which memory mode it is" {
	"$FSD" --version | grep -F "$(cat "$MNT/version")"
	[ -n "$(cat "$MNT/README")" ]
	python3 - "$MNT" "$STATE" "$MODE" <<-'END'
		import json, sys
		mount, state, mode = sys.argv[1:]
		status = json.load(open(mount + '/status'))
		wanted = {'version', 'memory', 'mountpoint', 'state', 'generation', 'uptime', 'services', 'queues', 'streams'}
		assert set(status) == wanted, set(status) ^ wanted
		assert status['memory'] == mode, status['memory']
		assert status['mountpoint'] == mount, status['mountpoint']
		assert status['state'] == state, status['state']
		assert status['queues'] == status['streams'] == 0, status
	END
}

@test "each name that README of the mount speaks of is there" {
	mkdir "$MNT/queues/q"
	grep -oE '\b(enqueue|dequeue|peek|capacity|entries|notify|consumer|data)\b' "$MNT/README" | sort -u |
		while read -r name; do
			[ -e "$MNT/queues/q/$name" ] || [ -L "$MNT/queues/q/$name" ]
		done
}

@test "services are made and removed by mkdir and rmdir" {
	mkdir "$MNT/IOService/Outer" "$MNT/IOService/Outer/Inner"
	mkdir "$MNT/IOService/Outer/Inner/queues/q"
	put "$MNT/IOService/Outer/Inner/queues/q" hello
	[ "$(get "$MNT/IOService/Outer/Inner/queues/q")" = hello ]
	expect ENOTEMPTY rmdir "$MNT/IOService/Outer"
	expect ENOTEMPTY rmdir "$MNT/IOService/Outer/Inner"
	rmdir "$MNT/IOService/Outer/Inner/queues/q"
	rmdir "$MNT/IOService/Outer/Inner"
	rmdir "$MNT/IOService/Outer"
	[ ! -e "$MNT/IOService/Outer" ]
}

@test "IOResources and queues stay" {
	[ "$(sys rmdir "$MNT/IOService/IOResources")" != ok ]
	[ "$(sys rmdir "$MNT/IOService/IOResources/queues")" != ok ]
	[ "$(sys rmdir "$MNT/IOService")" != ok ]
	[ -d "$MNT/IOService/IOResources/queues" ]
}

@test "names that a service uses itself are reserved" {
	words=$(sed -n '/^async, /,/\.$/p' "$SRC/docs/man/fsd.5" | tr -d ',.')
	[ "$(wc -w <<<"$words")" -eq 27 ]
	mkdir "$MNT/IOService/S"
	for name in $words; do
		expect EEXIST mkdir "$MNT/IOService/$name"
		expect EEXIST mkdir "$MNT/IOService/S/$name"
	done
}

@test "a queue may have any name of up to 255 bytes" {
	for name in data queues 'with space' $'new\nline' 'é%41' -f .hidden "$(printf '%255s' '' | tr ' ' x)"; do
		mkdir -- "$MNT/queues/$name"
		put "$MNT/queues/$name" "$name"
		get "$MNT/queues/$name" >got
		printf '%s' "$name" | same - got
		rmdir -- "$MNT/queues/$name"
	done
	expect ENAMETOOLONG mkdir "$MNT/queues/$(printf '%256s' '' | tr ' ' x)"
	expect ENAMETOOLONG mkdir "$MNT/IOService/$(printf '%128s' '' | tr ' ' x)"
	mkdir "$MNT/IOService/$(printf '%127s' '' | tr ' ' x)"
}

@test "what the tree has no operation for is EPERM" {
	queue=$(new_queue q)
	# A service might have had a file to make.
	for directory in "$MNT/IOService" "$MNT/IOService/IOResources"; do
		expect EACCES create "$directory/new"
		expect EPERM mkfifo "$directory/new"
		expect EPERM symlink target "$directory/new"
	done
	for directory in "$MNT" "$MNT/queues" "$queue"; do
		expect EPERM create "$directory/new"
		expect EPERM mknod "$directory/new"
		expect EPERM mkfifo "$directory/new"
		expect EPERM symlink target "$directory/new"
	done
	expect EPERM mkdir "$MNT/new"
	expect EPERM mkdir "$queue/new"
	for file in "$MNT/version" "$queue/entries" "$queue/data" "$queue/notify" "$MNT/queues"; do
		expect EPERM unlink "$file"
		expect EPERM rename "$file" "$file.new"
	done
	expect EPERM link "$queue/entries" "$queue/new"
	expect EPERM rename "$queue" "$MNT/queues/other"
}

@test "the wrong direction is EACCES, for root too" {
	queue=$(new_queue q)
	for file in enqueue reset; do
		expect EACCES open "$queue/$file" r
		expect EACCES open "$queue/$file" rw
	done
	for file in dequeue peek entries used free producer_pid consumer_pid stats; do
		expect EACCES open "$queue/$file" w
		expect EACCES open "$queue/$file" rw
	done
	expect EACCES open "$MNT/version" w
	expect EACCES open "$MNT/status" w
}

@test "a directory that may be read may be searched" {
	queue=$(new_queue q)
	chmod 0640 "$queue"
	[ "$(stat -c %a "$queue")" = 750 ]
	chmod 0604 "$queue"
	[ "$(stat -c %a "$queue")" = 705 ]
}
