#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What a configuration file may say, and what is said of one that is wrong. The
# single mistakes are in tests/unit/fsd/test_config.c; here is what fsd does.

# shellcheck disable=SC2154 # bats sets stderr
load lib

# Start with the configuration of standard input; it must be refused, with
# "FILE:LINE:COLUMN: ...WHAT...", and leave nothing.
refused() { # refused LINE[:COLUMN] WHAT
	local status=0
	cat >config.json
	rmdir "$STATE"
	"$FSD" -f -s "$STATE" -c config.json "$MNT" 2>said || status=$?
	[[ $status -eq 1 ]]
	cat said >&2
	grep -qF "config.json:$1:" said
	grep -qF "$2" said
	[[ ! -e $STATE ]]
	run ! is_mounted
}

@test "services and queues of the configuration are there from the start" {
	cat >config.json <<-'END'
		{ "queues": [
		    { "name": "plain" },
		    { "name": "all", "capacity": 10000, "max_entry": 100, "mode": "0640",
		      "owner": "12345", "group": "23456", "persist": false } ],
		  "services": [
		    { "name": "S", "mode": "0700", "owner": "12345", "queues": [ { "name": "q" } ],
		      "services": [ { "name": "T", "queues": [ { "name": "q", "capacity": 8 } ] } ] },
		    { "name": "IOResources", "queues": [ { "name": "more" } ] } ] }
	END
	skip_unless_root "owners are given away"
	start_fsd -c config.json
	[[ $(ls "$MNT/queues") == $'all\nmore\nplain' ]]
	[[ $(cat "$MNT"/queues/plain/{capacity,max_entry}) == $'65536\n65528' ]]
	[[ $(cat "$MNT"/queues/all/{capacity,max_entry}) == $'10000\n100' ]]
	[[ $(stat -c '%a %u %g' "$MNT/queues/all") == '750 12345 23456' ]]
	[[ $(stat -Lc '%a %u %g' "$MNT/queues/all/data") == '640 12345 23456' ]]
	[[ $(stat -c '%a %u %g' "$MNT/queues/all/enqueue") == '200 12345 23456' ]]
	[[ $(stat -c '%a %u %g' "$MNT/queues/all/dequeue") == '440 12345 23456' ]]
	[[ $(stat -c '%a' "$MNT/queues/all/notify") == 640 ]]
	[[ $(stat -c '%a %u' "$MNT/IOService/S") == '700 12345' ]]
	[[ $(cat "$MNT/IOService/S/queues/q/capacity") == 65536 ]]
	[[ $(cat "$MNT/IOService/S/T/queues/q/capacity") == 8 ]]
}

@test "streams of the configuration are there from the start" {
	cat >config.json <<-'END'
		{ "streams": [
		    { "name": "plain" },
		    { "name": "all", "direction": "inout", "buffers": 4, "size": 10000, "control_size": 0,
		      "queue_length": 9, "linger": 7, "mode": "0640", "owner": "12345", "group": "23456" },
		    { "name": "camera", "driver": "source", "rate": 500 },
		    { "name": "speaker", "driver": "sink", "rate": 500, "buffers": 2, "size": 512 } ],
		  "services": [ { "name": "S", "streams": [ { "name": "s", "direction": "input", "buffers": 1 } ] } ] }
	END
	skip_unless_root "owners are given away"
	start_fsd -c config.json
	[[ $(ls "$MNT/streams/") == $'all\ncamera\nplain\nspeaker' ]]
	shape() { cat "$MNT/$1"/{mode,modes,buffers/count,queue_length,linger} | paste -sd ' '; }
	[[ $(shape streams/plain) == 'output input output inout 0 0 5000' ]]
	[[ $(shape streams/all) == 'inout input output inout 4 9 7' ]]
	[[ $(shape streams/camera) == 'output output 3 0 5000' ]]
	[[ $(shape streams/speaker) == 'input input 2 0 5000' ]]
	[[ $(shape IOService/S/streams/s) == 'input input output inout 1 0 5000' ]]
	[[ $(cat "$MNT"/streams/all/buffers/3/{size,control_size}) == $'10000\n0' ]]
	[[ $(cat "$MNT"/streams/camera/buffers/2/{size,control_size}) == $'4096\n64' ]]
	[[ $(cat "$MNT"/streams/speaker/buffers/1/{size,control_size}) == $'512\n64' ]]
	[[ $(stat -c '%a %u %g' "$MNT/streams/all") == '750 12345 23456' ]]
	[[ $(stat -c '%a %u %g' "$MNT/streams/all/io") == '640 12345 23456' ]]
	[[ $(stat -c '%a %u %g' "$MNT/streams/all/driver") == '700 12345 23456' ]]
	# Those with a driver are alive.
	[[ $(timeout 20 head -c 4096 "$MNT/streams/camera/io" | uniq) == 'frame         0' ]]
	head -c 2000 /dev/zero >"$MNT/streams/speaker/io"
	played() { [[ $(cat "$MNT"/streams/speaker/{state,stats/frames,stats/discarded}) == $'closed\n4\n0' ]]; }
	eventually played
}

@test "after a restart a stream is as it was, and has its driver again" {
	echo '{ "streams": [ { "name": "s", "driver": "source" }, { "name": "t", "direction": "input" } ] }' >config.json
	start_fsd -c "$T/config.json"
	echo 777 >"$MNT/streams/s/linger"
	mkdir "$MNT/streams/s/buffers/3"
	echo inout >"$MNT/streams/t/mode"
	mkdir "$MNT/streams/other"
	restart_fsd
	[[ $(ls "$MNT/streams/") == $'other\ns\nt' ]]
	[[ $(cat "$MNT"/streams/s/{linger,modes,buffers/count}) == $'777\noutput\n4' ]]
	[[ $(cat "$MNT/streams/t/mode") == inout ]]
	[[ $(timeout 20 head -c 4096 "$MNT/streams/s/io" | uniq) == 'frame         0' ]]
	rmdir "$MNT/streams/s"
	restart_fsd
	[[ $(cat "$MNT"/streams/s/{linger,buffers/count}) == $'5000\n3' ]]
}

@test "a restart leaves the queues of the configuration as they are by now" {
	echo '{ "queues": [ { "name": "q", "capacity": 1000 } ] }' >config.json
	start_fsd -c "$T/config.json"
	echo 2000 >"$MNT/queues/q/capacity"
	chmod 0700 "$MNT/queues/q"
	put "$MNT/queues/q" kept
	mkdir "$MNT/queues/other"
	restart_fsd
	[[ $(cat "$MNT/queues/q/capacity") == 2000 ]]
	[[ $(stat -c %a "$MNT/queues/q") == 700 ]]
	[[ $(get "$MNT/queues/q") == kept ]]
	[[ -d $MNT/queues/other ]]
	rmdir "$MNT/queues/q"
	restart_fsd
	[[ $(cat "$MNT/queues/q/capacity") == 1000 ]]
}

@test "text that is no JSON is refused with its place" {
	refused 2:12 "expected" <<-'END'
		{
		  "queues" [ ] }
	END
}

@test "an unknown key is refused with its place" {
	refused 2:18 'unknown key "size"' <<-'END'
		{ "queues": [
		  { "name": "q", "size": 5 } ] }
	END
}

@test "a value of another type is refused with its place" {
	refused 1:42 '"capacity" must be' <<-'END'
		{ "queues": [ { "name": "q", "capacity": "5" } ] }
	END
}

@test "a key that is there twice is refused with its place" {
	refused 2 'uplicate' <<-'END'
		{ "queues": [ ],
		"queues": [ ] }
	END
}

@test "a name that is there twice is refused with its place" {
	refused 2:1 '"q" is in this list twice' <<-'END'
		{ "queues": [ { "name": "q" },
		{ "name": "q" } ] }
	END
}

@test "a user that does not exist is refused with its place" {
	refused 1:39 'must be a user' <<-'END'
		{ "queues": [ { "name":"q", "owner" : "nobody-of-this-name" } ] }
	END
}

@test "each kind of mistake is refused with its place, and leaves nothing" {
	local n=0 place what text
	while IFS='|' read -r place what text; do
		[[ $text != '$DEEP' ]] || text=$(printf '%3000s' '' | tr ' ' '[')
		echo "$place $what: ${text:0:100}"
		rm -rf "$STATE"
		mkdir "$STATE"
		printf '%b\n' "$text" | refused "$place" "$what"
		n=$((n + 1))
	done <<-'END'
		1:1|must be an object|[ ]
		1:1|must be an object|[ {"name": "q"} ]
		1:12|must be a list|{"queues": {"name": "q"}}
		1:12|must be a list|{"queues": null}
		1:14|must be an object|{"queues": [ "q" ]}
		1:14|"name" is missing|{"queues": [ {"capacity": 8} ]}
		1:22|"name" must be|{"queues": [{"name": 7}]}
		1:22|"name" must be|{"queues": [{"name": ""}]}
		1:22|"name" must be|{"queues": [{"name": "."}]}
		1:22|"name" must be|{"queues": [{"name": "a/b"}]}
		1:35|"mode" must be|{"queues": [{"name": "q", "mode": "0888"}]}
		1:35|"mode" must be|{"queues": [{"name": "q", "mode": "01777"}]}
		1:35|"mode" must be|{"queues": [{"name": "q", "mode": 432}]}
		1:35|"mode" must be|{"queues": [{"name": "q", "mode": "rw"}]}
		1:36|"owner" must be|{"queues": [{"name": "q", "owner": 0}]}
		1:36|"group" must be|{"queues": [{"name": "q", "group": "nobody-of-this-name"}]}
		1:36|"group" must be|{"queues": [{"name": "q", "group": "4294967296"}]}
		1:39|"capacity" must be|{"queues": [{"name": "q", "capacity": 0}]}
		1:39|"capacity" must be|{"queues": [{"name": "q", "capacity": -8}]}
		1:39|"capacity" must be|{"queues": [{"name": "q", "capacity": 8.0}]}
		1|too big|{"queues": [{"name": "q", "capacity": 9223372036854775808}]}
		1:40|"max_entry" must be|{"queues": [{"name": "q", "max_entry": 0}]}
		1:40|"max_entry" must be|{"queues": [{"name": "q", "max_entry": [8]}]}
		1:38|"persist" must be|{"queues": [{"name": "q", "persist": 1}]}
		3:1|in this list twice|{"services": [{"name": "S"},\n{"name": "T"},\n{"name": "S"}]}
		2:2|unknown key "capacity"|{"services": [{"name": "S",\n "capacity": 8}]}
		3:3|unknown key "x"|{"services": [{"name": "S",\n "services": [{"name": "T", "queues": [{"name": "q",\n  "x": 1}]}]}]}
		2:2|unknown key "clients"|{"queues": [],\n "clients": []}
		1:13|must be a list|{"streams": {"name": "s"}}
		1:41|"direction" must be|{"streams": [{"name": "s", "direction": "out"}]}
		1:38|"driver" must be|{"streams": [{"name": "s", "driver": "camera"}]}
		1:54|"rate" must be|{"streams": [{"name": "s", "driver": "sink", "rate": 0}]}
		1:39|"buffers" must be|{"streams": [{"name": "s", "buffers": 1025}]}
		1:36|"size" must be|{"streams": [{"name": "s", "size": -1}]}
		1:44|"control_size" must be|{"streams": [{"name": "s", "control_size": 1.5}]}
		1:44|"queue_length" must be|{"streams": [{"name": "s", "queue_length": 65537}]}
		1:38|"linger" must be|{"streams": [{"name": "s", "linger": "5 s"}]}
		1:14|a "rate" is that of a "driver"|{"streams": [{"name": "s", "rate": 30}]}
		1:14|has one "direction"|{"streams": [{"name": "s", "driver": "sink", "direction": "input"}]}
		1:14|are both 0|{"streams": [{"name": "s", "size": 0, "control_size": 0}]}
		2:2|unknown key "capacity"|{"streams": [{"name": "s",\n "capacity": 8}]}
		2:1|in this list twice|{"streams": [{"name": "s"},\n{"name": "s"}]}
		1|end of file|{"queues": []} x
		2|end of file|{"queues": [ {"name": "q"} ]
		1|unable to decode|{"queues": [{"name": "\xff"}]}
		1|0000|{"queues": [{"name": "a\\u0000b"}]}
		1|maximum parsing depth|$DEEP
	END
	[[ $n -eq 47 ]]
}

@test "services nested too deep are refused with their place, those that are not are made" {
	nested() { # nested DEPTH
		printf '{"services": ['
		for ((i = 0; i < $1; i++)); do printf '{"name": "S%d", "services": [' "$i"; done
		for ((i = 0; i < $1; i++)); do printf ']}'; done
		printf ']}\n'
	}
	nested 100 | refused 1 'nested too deep'
	mkdir "$STATE"
	nested 1000 | refused 1 'nested too deep'
	mkdir "$STATE"
	nested 60 >config.json
	start_fsd -c config.json
	[[ $(find "$MNT/IOService" -name 'S*' | wc -l) -eq 60 ]]
}

@test "in the background a wrong configuration is said before anything is done" {
	echo '{"queue": []}' >config.json
	run --separate-stderr "$FSD" -s "$STATE" -c config.json "$MNT"
	[[ $status -eq 1 && $stderr == *'config.json:1:2: unknown key "queue"'* ]]
	run ! is_mounted
	[[ -z $(ls "$STATE") ]]
	echo '{"queues": [ {"name": "a"}, {"name": "b", "capacity": 2000000000} ]}' >config.json
	run --separate-stderr "$FSD" -s "$STATE" -c config.json "$MNT"
	[[ $status -eq 1 && $stderr == *"cannot make queue 'b'"* ]]
	run ! is_mounted
	[[ -z $(ls "$STATE") ]]
}

@test "a wrong configuration leaves what a killed fsd kept" {
	start_fsd
	mkdir "$MNT/queues/q"
	put "$MNT/queues/q" entry
	kill_fsd
	for text in '{' '{"queues": [ {"name": "a", "persist": true}, {"name": "b", "capacity": 2000000000} ]}'; do
		echo "$text" >config.json
		run -1 "$FSD" -f -s "$STATE" -o "memory=$MODE" -c config.json "$MNT"
	done
	run_fsd
	[[ $(get "$MNT/queues/q") == entry ]]
	[[ $(ls "$MNT/queues") == q ]]
}

@test "a configuration that is not there, or is none, is refused" {
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c nothing.json "$MNT"
	[[ $stderr == *"'nothing.json'"*"No such file"* ]]
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c . "$MNT"
	[[ $stderr == *"'.'"*"directory"* ]]
	{ echo '{ }'; head -c $((4 * 1024 * 1024 - 3)) /dev/zero | tr '\0' ' '; } >large.json
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c large.json "$MNT"
	[[ $stderr == *"too long"* ]]
	printf '{}\0' >zero.json
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c zero.json "$MNT"
	[[ $stderr == *"zero.json"* ]]
	# One byte less is not too long.
	truncate -s -1 large.json
	start_fsd -c "$T/large.json"
}

@test "what cannot be made is refused, and what was made before it is gone" {
	local status=0
	echo '{ "queues": [ { "name": "a", "persist": true }, { "name": "b", "capacity": 2000000000 } ] }' >config.json
	"$FSD" -f -s "$STATE" -c config.json "$MNT" 2>said || status=$?
	[[ $status -eq 1 ]]
	grep -q "cannot make queue 'b' of the configuration: it would be larger than max_queue_size=1073741824" said
	run ! is_mounted
	[[ -z $(ls "$STATE") ]]

	echo '{ "queues": [ { "name": "q", "capacity": 99999999999 } ] }' >config.json
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c config.json "$MNT"
	[[ $stderr == *"cannot make queue 'q' of the configuration: no ring can have this capacity"* ]]

	echo '{ "streams": [ { "name": "s", "buffers": 2, "size": 2000000000 } ] }' >config.json
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c config.json "$MNT"
	[[ $stderr == *"cannot make stream 's' of the configuration: "*"beyond a limit"* ]]
	[[ -z $(ls "$STATE") ]]

	echo '{ "services": [ { "name": "clients" } ] }' >config.json
	run -1 --separate-stderr "$FSD" -f -s "$STATE" -c config.json "$MNT"
	[[ $stderr == *"cannot make service 'clients' of the configuration: File exists"* ]]
}

@test "only what is persistent outlives a clean end, with its entries" {
	cat >config.json <<-'END'
		{ "queues": [ { "name": "kept", "persist": true }, { "name": "gone" } ],
		  "streams": [ { "name": "film", "persist": true, "buffers": 1, "size": 8 }, { "name": "air" } ],
		  "services": [ { "name": "S", "queues": [ { "name": "kept", "persist": true } ] },
		                { "name": "T" } ] }
	END
	start_fsd -c "$T/config.json"
	put "$MNT/queues/kept" one
	printf 'recorded' >"$MNT/streams/film/buffers/0/data"
	put "$MNT/queues/gone" two
	put "$MNT/IOService/S/queues/kept" three
	chmod 0700 "$MNT/queues/kept"
	stop_fsd
	[[ $(find "$STATE" -name data | wc -l) -eq 2 ]]
	[[ $(find "$STATE" -name 'buffer-data.*' | wc -l) -eq 1 ]]
	start_fsd
	[[ $(ls "$MNT/queues") == kept ]]
	[[ $(ls "$MNT/streams") == film ]]
	[[ $(cat "$MNT/streams/film/buffers/0/data") == recorded ]]
	[[ $(services) == $'IOResources\nS' ]]
	[[ $(stat -c %a "$MNT/queues/kept") == 700 ]]
	[[ $(get "$MNT/queues/kept") == one ]]
	[[ $(get "$MNT/IOService/S/queues/kept") == three ]]
	rmdir "$MNT/queues/kept" "$MNT/streams/film" "$MNT/IOService/S/queues/kept" "$MNT/IOService/S"
	stop_fsd
	[[ -z $(ls "$STATE") ]]
}
