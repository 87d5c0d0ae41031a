#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# ioreg(1) on a registry that is made here: text, JSON, hits, planes, what others may not see.

load lib

setup() {
	fsd_setup
	IOREG=$(dirname "$(dirname "$FSD")")/libqueue/ioreg
	export FSD_MOUNT=$MNT LC_ALL=C
}
teardown() {
	exec 5>&- 6>&-
	[[ -z ${churning:-} ]] || kill "$churning" 2>/dev/null || true
	fsd_teardown
}

# register SERVICE...
register() {
	local service
	for service; do
		echo register >"$MNT/IOService/$service/ctl"
	done
	timeout 60 cat "$MNT/quiet" >/dev/null
}

# The registry of the specification's example: a bus, two devices, a client of the first.
make_bus() {
	cd "$MNT/IOService" || return 1
	mkdir Bus Bus/Dev@0 Bus/Dev@1f,2
	echo SampleBus >Bus/class
	echo SampleDev:BaseDev >Bus/Dev@0/class
	echo SampleDev:BaseDev >Bus/Dev@1f,2/class
	cat >Bus/Dev@0/props <<-'END'
		{"vendor":4660,"tags":["a","b"],"blob":{"$data":"AAEC"},"model":{"$data":"TWsyAA=="},"flag":true}
	END
	echo '{"methods":[],"userClientClass":"SampleUserClient"}' >Bus/Dev@0/methods
	register Bus
	cd "$T" || return 1
}

serve_bus() {
	make_bus
	exec 5<>"$MNT/IOService/Bus/Dev@0/driver"
	register Bus/Dev@0 Bus/Dev@1f,2
	exec 6<>"$MNT/IOService/Bus/Dev@0/clone"
	read -r _ <&6
}

# Its output, with every reference count as 5, without times, and without IOResources.
ioreg() {
	timeout 60 "$IOREG" "$@" |
		sed 's/ ([1-9][0-9]* ms), retain/, retain/; s/retain [0-9]*>/retain 5>/; /^[ |]*+-o IOResources /d'
}

shows() {
	cat >wanted
	ioreg "$@" >shown
	same wanted shown
}

@test "properties of what was asked for, in a tree of all" {
	start_fsd
	serve_bus
	shows -n Dev@0 <<-'END'
		+-o Root  <class IORegistryEntry, id 0x100000100, retain 5>
		  +-o Bus  <class SampleBus, id 0x100000101, registered, matched, active, busy 0, retain 5>
		    +-o Dev@0  <class SampleDev, id 0x100000102, registered, matched, active, busy 0, retain 5>
		    | | {
		    | |   "blob" = <000102>
		    | |   "flag" = Yes
		    | |   "model" = <"Mk2">
		    | |   "tags" = ("a","b")
		    | |   "vendor" = 4660
		    | | }
		    | | 
		    | +-o SampleUserClient  <class SampleUserClient, id 0x100000104, !registered, !matched, active, busy 0, retain 5>
		    +-o Dev@1f,2  <class SampleDev, id 0x100000103, registered, matched, active, busy 0, retain 5>
	END
}

@test "without options there are no properties; -l has those of all" {
	start_fsd
	make_bus
	run -0 ioreg
	[[ $output == *'+-o Dev@1f,2  <class SampleDev, id 0x100000103, !registered, !matched, active, busy 0, retain 5>' ]]
	[[ $output != *'{'* ]]
	[ "$(ioreg -l | grep -c '{$')" -eq "$("$IOREG" | wc -l)" ]
}

@test "how long it was busy stands behind the count, in whole milliseconds, where there is one" {
	start_fsd
	mkdir "$MNT/IOService/"{Long,Never}
	echo busy +1 >"$MNT/IOService/Long/ctl"
	longer() { [ "$(cat "$MNT/IOService/Long/busy_time")" -gt 2000000 ]; }
	eventually longer
	"$IOREG" >during
	grep -q '+-o Long .*, active, busy 1 ([1-9][0-9]* ms), retain' during
	echo busy -1 >"$MNT/IOService/Long/ctl"
	time=$(cat "$MNT/IOService/Long/busy_time")
	"$IOREG" >after
	grep -q "+-o Long .*, active, busy 0 ($((time / 1000000)) ms), retain" after
	grep -q '+-o Never .*, active, busy 0, retain' after
	grep -q '+-o Root  <class IORegistryEntry, id 0x100000100, retain' after
	# Less than one is none; to be registered takes that, if not each time.
	short() {
		rmdir "$MNT/IOService/Short" 2>/dev/null || true
		mkdir "$MNT/IOService/Short"
		register Short
		time=$(cat "$MNT/IOService/Short/busy_time")
		[ "$time" -gt 0 ] && [ "$time" -lt 1000000 ]
	}
	eventually short
	"$IOREG" >after
	grep -q '+-o Short .*, active, busy 0, retain' after
	"$IOREG" -j >all.json
	python3 - "$MNT/IOService" <<-'END'
		import json, sys
		tree = json.load(open('all.json'))
		times = {child['IORegistryEntryName']: child['IOServiceBusyTime'] for child in tree['IORegistryEntryChildren']}
		assert 'IOServiceBusyTime' not in tree
		assert times['Never'] == 0 < times['Short'] < 2000000 < times['Long'], times
		for name, time in times.items():
		    with open(f'{sys.argv[1]}/{name}/busy_time') as file:
		        assert int(file.read()) == time, name
	END
}

@test "-r prints the subtrees of hits, each once; -d says how deep, -t what is above" {
	start_fsd
	make_bus
	register Bus/Dev@0 Bus/Dev@1f,2
	shows -r -c BaseDev -n Dev@1f,2 <<-'END'
		+-o Dev@1f,2  <class SampleDev, id 0x100000103, registered, matched, active, busy 0, retain 5>
		    {
		    }
		    

	END
	shows -r -t -k vendor -d 1 <<-'END'
		+-o Root  <class IORegistryEntry, id 0x100000100, retain 5>
		  +-o Bus  <class SampleBus, id 0x100000101, registered, matched, active, busy 0, retain 5>
		    +-o Dev@0  <class SampleDev, id 0x100000102, registered, matched, active, busy 0, retain 5>
		        {
		          "blob" = <000102>
		          "flag" = Yes
		          "model" = <"Mk2">
		          "tags" = ("a","b")
		          "vendor" = 4660
		        }
		        

	END
	tops() { ioreg -r -c IOService "$@" | grep -c '^+-o'; }
	bus() { ioreg -r "$@" | grep -c '+-o.* id 0x10000010'; }
	[ "$(bus -n Bus)" -eq 3 ]
	[ "$(bus -n Bus -d 1)" -eq 1 ]
	[ "$(tops)" -eq "$(tops -d 2)" ]		# hits in a printed subtree
	[ "$(tops -d 1)" -gt "$(tops)" ]		# now they are deeper than what is printed
	run -0 ioreg -r -n Nobody
	[ -z "$output" ]
	run -0 ioreg -r
	[ -z "$output" ]
	[ "$(ioreg -d 1 | wc -l)" -eq 1 ]
}

@test "classes: derived ones, IOUserClasses, lineages" {
	start_fsd
	make_bus
	hits() { ioreg -r -d 1 "$@" | grep -o 'id 0x[0-9a-f]*' | xargs; }
	[ "$(hits -c BaseDev)" = 'id 0x100000102 id 0x100000103' ]
	echo '["Other"]' >"$MNT/IOService/Bus/Dev@0/prop/IOUserClasses"
	[ "$(hits -c BaseDev)" = 'id 0x100000103' ]
	[ "$(hits -c Other)" = 'id 0x100000102' ]
	[ "$(hits -c BaseDev -y)" = 'id 0x100000102 id 0x100000103' ]
	ioreg -i | grep -q 'Dev@0  <class IORegistryEntry:IOService:BaseDev:SampleDev, id'
}

@test "values: -x, -f, sets, dictionaries, numbers of 64 bits, keys with a dollar" {
	start_fsd
	mkdir "$MNT/IOService/V"
	cat >"$MNT/IOService/V/props" <<-'END'
		{"big":18446744073709551615,"set":{"$set":["b"]},"dict":{"z":1,"a":false},"$$key":"it's \"so\"",
		 "many":{"$data":"AAECAwQFBgcICQoLDA0ODxBB"},"text":{"$data":"QUIAQ0QA"},"reg":{"$data":"AQAAAAIAAAA="},"empty":{"$data":""}}
	END
	values() { ioreg "$@" -r -d 1 -n V | sed -n 's/^ *"/"/p; s/^ *0000/0000/p'; }
	values >shown
	cat >wanted <<-'END'
		"$key" = "it's "so""
		"big" = 18446744073709551615
		"dict" = {"a"=No,"z"=1}
		"empty" = <>
		"many" = <000102030405060708090a0b0c0d0e0f1041>
		"reg" = <0100000002000000>
		"set" = ["b"]
		"text" = <"AB","CD">
	END
	same wanted shown
	values -x | grep -qx '"big" = 0xffffffffffffffff'
	values -x | grep -qx '"text" = <414200434400>'
	values -f | grep -qx '"reg" = <00000001 00000002>'
	values -f | grep -qx '00000010: 10 41 *  .A'
}

@test "-w cuts lines; in a terminal control characters steer nothing" {
	start_fsd
	mkdir "$MNT/IOService/W"
	printf '"one\\ntwo\\u001b[31m"' >"$MNT/IOService/W/prop/text"
	ioreg -w 40 -l >lines
	[ "$(awk '{ if (length($0) > 40) n++ } END { print n + 0 }' lines)" -eq 0 ]
	grep -qE '^.{39}\$$' lines
	ioreg -w 100 -n W | grep -q '"one two'
	[ "$(ioreg -n W | grep -c '"one$')" -eq 1 ]
	script -qc "$IOREG -w 0 -n W" /dev/null >terminal
	grep -q 'two?\[31m' terminal
	printf '"\\u009b31m\\u007fred"' >"$MNT/IOService/W/prop/text"
	ioreg -a -l >json
	grep -qF '"text":"\u009b31m\u007fred"' json
}

@test "JSON is the same tree" {
	start_fsd
	serve_bus
	ioreg -j -l >all.json
	python3 - <<-'END'
		import json, sys
		tree = json.load(open('all.json'))
		bus = next(child for child in tree['IORegistryEntryChildren'] if child['IORegistryEntryName'] == 'Bus')
		dev = bus['IORegistryEntryChildren'][0]
		client = dev['IORegistryEntryChildren'][0]
		assert (tree['IORegistryEntryID'], 'IOServiceState' in tree) == (0x100000100, False), tree
		assert [c['IORegistryEntryLocation'] for c in bus['IORegistryEntryChildren']] == ['0', '1f,2'], bus
		assert (dev['vendor'], dev['blob'], dev['IOServiceState'], dev['IOServiceBusyState']) == (4660, {'$data': 'AAEC'}, 0x1e, 0)
		assert (client['IOObjectClass'], client['IORegistryEntryID']) == ('SampleUserClient', 0x100000104), client
		assert 'IORegistryEntryChildren' not in client
	END
	[ "$(ioreg -a -r -d 1 -i -n Bus | python3 -c 'import json, sys; t = json.load(sys.stdin); print(len(t), t[0]["IOObjectInheritance"][-1])')" = '1 SampleBus' ]
	[ -z "$(ioreg -j -r -n Nobody)" ]
	ioreg -j -r -t -c SampleDev | python3 -c 'import json, sys; json.load(sys.stdin)'
}

@test "a name of odd characters is one line" {
	start_fsd
	mkdir "$MNT/IOService/a%2Fb" "$MNT/IOService/%70rop" "$MNT/IOService/two%0Alines" "$MNT/IOService/x@1@2"
	ioreg | sed -n 's/.*+-o \(.*\)  <.*/\1/p' >names
	grep -qxF a/b names
	grep -qxF prop names
	grep -qxF two%0Alines names
	grep -qxF x@1@2 names
	ioreg -r -d 1 -n a/b | grep -q a/b
}

@test "another plane" {
	start_fsd
	make_bus
	echo 'plane IOPower' >"$MNT/ctl"
	echo 'attach IOPower:/' >"$MNT/IOService/Bus/Dev@0/ctl"
	shows -p IOPower <<-'END'
		+-o Root  <class IORegistryEntry, id 0x100000100, retain 5>
		  +-o Dev@0  <class SampleDev, id 0x100000102, !registered, !matched, active, busy 0, retain 5>
	END
	run -1 "$IOREG" -p Nowhere
	[[ $output == *Nowhere* ]]
	run -1 "$IOREG" -p ../etc
}

@test "an entry with two parents is shown below both, and entered once" {
	start_fsd
	make_bus
	mkdir "$MNT/IOService/Other" "$MNT/IOService/Bus/Dev@0/Part"
	echo 'attach IOService:/Other' >"$MNT/IOService/Bus/Dev@0/ctl"
	[ "$(ioreg | grep -c 'Dev@0 .* id 0x100000102')" -eq 2 ]
	[ "$(ioreg | grep -c '+-o Part')" -eq 1 ]
	[ "$(ioreg -r -d 1 -n Dev@0 | grep -c '+-o')" -eq 1 ]
	# Each has the one above as a child in two ways: what would be entered twice at each is 2^40.
	above=IOService:/Other
	for i in {1..40}; do
		mkdir "$MNT/${above/:/}/L$i" "$MNT/${above/:/}/R$i" "$MNT/${above/:/}/L$i/N$i"
		echo "attach $above/R$i" >"$MNT/${above/:/}/L$i/N$i/ctl"
		above=$above/L$i/N$i
	done
	[ "$(ioreg | grep -c '+-o N')" -eq 80 ]
}

@test "deeper than it goes is said, and what is above is shown" {
	start_fsd
	python3 - "$MNT/IOService" <<-'END'
		import os, sys
		os.chdir(sys.argv[1])
		for _ in range(1010):
		    os.mkdir('d')
		    os.chdir('d')
	END
	run -1 --separate-stderr "$IOREG"
	[[ $stderr == *'1000 levels'* ]]
	[ "$(grep -c '+-o d  ' <<<"$output")" -eq 1000 ]
	(
		ulimit -n 200
		run -1 --separate-stderr "$IOREG" -j
		[[ $stderr == *'Too many open files'* ]]
		python3 -c 'import json, sys; sys.setrecursionlimit(9999); json.load(sys.stdin)' <<<"$output"
	)
}

@test "bad options, no mount: exit status 1, and why" {
	start_fsd
	run -1 --separate-stderr "$IOREG" -q
	[ -z "$output" ]
	[[ $stderr == *usage:* ]]
	run -1 "$IOREG" extra
	run -1 "$IOREG" -d x
	"$IOREG" -s -S -d 1 >/dev/null
	mkdir empty
	run -1 "$IOREG" -m "$T/empty"
	[[ $output == *"$T/empty is no mount of fsd"* ]]
	run -1 "$IOREG" -p Nope
	[[ $output == *"plane Nope"* ]]
	FSD_MOUNT=$T/nowhere "$IOREG" -m "$MNT" -d 1
	run -1 env FSD_MOUNT="$T/nowhere" "$IOREG"
}

@test "another user's client is not shown, and nothing else is missing" {
	skip_unless_root "another user has to be made"
	start_fsd
	serve_bus
	cp "$IOREG" "$T/ioreg"
	lib=$(dirname "$IOREG")
	LD_LIBRARY_PATH=$lib as_user 1001 "$T/ioreg" >seen
	grep -q 'Dev@1f,2' seen
	run ! grep SampleUserClient seen
	grep -q 'Dev@0' seen
}

@test "services come and go while it looks" {
	start_fsd
	churn() {
		while :; do
			mkdir "$MNT/IOService/C" "$MNT/IOService/C/D" && rmdir "$MNT/IOService/C/D" "$MNT/IOService/C"
		done
	}
	mkdir "$MNT/IOService/Last"
	(cd /; churn 2>/dev/null) 3>&- &
	churning=$!
	for _ in {1..50}; do
		"$IOREG" -l >shown
		grep -q '+-o Last' shown
		"$IOREG" -j -l | python3 -c 'import json, sys; json.load(sys.stdin)'
	done
	kill "$churning"
	wait "$churning" || true
	churning=''
}

@test "time for each entry does not grow with their number" {
	start_fsd -o max_queues=200000
	few=${FSD_TEST_LONG:+3000}
	few=${few:-500}
	more() {
		python3 - "$MNT/IOService" "$1" "$2" <<-'END'
			import os, sys
			for i in range(int(sys.argv[2]), int(sys.argv[3])):
			    os.mkdir(f'{sys.argv[1]}/N{i}')
			    with open(f'{sys.argv[1]}/N{i}/ctl', 'w') as control:
			        control.write('attach IOPower:/\n')
		END
	}
	# Microseconds of CPU time, of both processes: others have the CPUs, too.
	spent() { # spent ARG...
		python3 - "$FSD_PID" "$IOREG" "$@" <<-'END'
			import resource, subprocess, sys
			def of_fsd():
			    with open(f'/proc/{sys.argv[1]}/schedstat') as file:
			        return int(file.read().split()[0]) / 1e9
			before = of_fsd()
			with open('shown', 'wb') as out:
			    subprocess.run(sys.argv[2:], stdout=out, check=True)
			used = resource.getrusage(resource.RUSAGE_CHILDREN)
			print(int(1e6 * (of_fsd() - before + used.ru_utime + used.ru_stime)))
		END
	}
	mkdir "$MNT/IOPower"
	more 0 "$few"
	declare -A first
	for plane in IOService IOPower; do
		first[$plane]=$(spent -p $plane)
	done
	more "$few" $((10 * few))
	for plane in IOService IOPower; do
		then=$(spent -p $plane)
		echo "$plane of $few: ${first[$plane]} us, of 10 times as many: $then us"
		[ "$(grep -c '+-o N' shown)" -eq $((10 * few)) ]
		[ "$then" -lt $((30 * first[$plane])) ]
	done
}
