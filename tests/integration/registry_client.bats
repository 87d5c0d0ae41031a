#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The registry as programs see it through libqueue: tests/shapes/registry.c on a mount.

load iokit
setup() {
	fsd_setup
	start_fsd
	iokit_setup
	S=$MNT/IOService
	: "${SHAPES:=$(dirname "$EXAMPLES")/tests/shapes}"
}
teardown() {
	exec 5>&- 7>&-
	fsd_teardown
}

registry() { "$SHAPES/registry" "$@"; }

# says WANT COMMAND ARG...
says() {
	local want=$1 got
	shift
	got=$(registry "$@") || true
	[ "$got" = "$want" ] || {
		printf '%s: wanted\n%s\ngot\n%s\n' "$*" "$want" "$got" >&2
		return 1
	}
}

# publish NAME [CLASSES [PROPERTIES]]: a service under IOService
publish() {
	mkdir "$S/$1"
	[ -z "${2:-}" ] || echo "$2" >"$S/$1/class"
	[ -z "${3:-}" ] || echo "$3" >"$S/$1/props"
	echo register >"$S/$1/ctl"
}

# A bus and two devices on it.
bus() {
	publish Bus SampleBus
	publish Bus/Dev@0 SampleDev:BaseDev '{"vendor":4660,"tags":["a","b"],"blob":{"$data":"AAEC"}}'
	publish Bus/Dev@1f,2 SampleDev '{"vendor":4661}'
}

# start NAME COMMAND ARG...: in the background, with its output in $T/NAME, until it has said something
start() {
	local name=$1
	shift
	spawn registry_to "$T/$name" "$@"
	eventually test -s "$T/$name"
}

registry_to() {
	local output=$1
	shift
	exec "$SHAPES/registry" "$@" >"$output"
}

# told NAME LINE...: it has said that, and nothing else
told() {
	local file=$T/$1
	shift
	printf '%s\n' "$@" >"$T/wanted"
	eventually cmp -s "$T/wanted" "$file" || {
		diff "$T/wanted" "$file" >&2
		return 1
	}
}

id_of() { cat "$S/$1/id"; }

# --- finding

@test "services are found by class, name, property, number and parent" {
	bus
	says "IOService:/Bus/Dev@0
IOService:/Bus/Dev@1f,2" services '{"IOProviderClass":"SampleDev"}'
	says IOService:/Bus/Dev@0 services '{"IOProviderClass":"BaseDev"}'
	says IOService:/Bus/Dev@1f,2 services '{"IOPropertyMatch":{"vendor":4661}}'
	says IOService:/Bus services '{"IONameMatch":"Bus"}'
	says IOService:/Bus services "{\"IORegistryEntryID\":\"$(id_of Bus)\"}"
	says "" services '{"IONameMatch":"Nope"}'
	says IOService:/Bus/Dev@0 \
		services '{"IOLocationMatch":"0","IOParentMatch":{"IOProviderClass":"SampleBus"}}'
	says IOService:/Bus service SampleBus
	says - service Nope
}

@test "a service that is not registered is not found, but it is there" {
	mkdir "$S/Nub"
	says "" services '{"IONameMatch":"Nub"}'
	says "Nub - IOService $(id_of Nub) state 0x0 busy 0 retained service" show IOService:/Nub
}

@test "one service matches, or not, and the dictionary stays the caller's" {
	bus
	says "1 1" matches IOService:/Bus '{"IONameMatch":"Bus"}'
	says "0 1" matches IOService:/Bus '{"IONameMatch":"Dev"}'
	says "1 1" matches IOService:/Bus '{}'
	says kIOReturnBadArgument matches IOService:/Bus '[]'
}

@test "what is no dictionary is a bad argument" {
	says kIOReturnBadArgument services '[]'
	says kIOReturnBadArgument services '"IOService"'
	says kIOReturnBadArgument watch IOServiceMatched '[]' 1
	says kIOReturnUnsupported watch IOServiceWhatever '{}' 1
}

@test "without a mount there is no device" {
	FSD_MOUNT=/nowhere says kIOReturnNoDevice services '{}'
	FSD_MOUNT=/nowhere says none show IOService:/
}

@test "the first mount of one's own is the default" {
	unset FSD_MOUNT
	# other tests' mounts come and go: a namespace that has none but ours
	export MNT SHAPES
	unshare --mount bash -c '
		findmnt --noheadings --raw --output TARGET --types fuse.fsd | grep -vxF "$MNT" |
			xargs --no-run-if-empty --max-args=1 umount --lazy
		[[ "$("$SHAPES/registry" show IOService:/)" == "Root "* ]]'
}

# --- entries

@test "an entry tells its name, location, class, number and state" {
	bus
	says "Root - IORegistryEntry 0x100000100 state 0x0 busy 0 retained" show IOService:/
	says "Dev 1f,2 SampleDev $(id_of Bus/Dev@1f,2) state 0x1e busy 0 retained service" \
		show IOService:/Bus/Dev@1f,2
	says "$(registry show IOService:/Bus/Dev@1f,2)" show IOService:/Bus/@1F:002
	says "$(registry show IOService:/Bus/Dev@0)" show IOService:/Bus/Dev
	says none show IOService:/Bus/Dev@2
	says none show IOService:/Bus/../Bus
	says none show IOService:/Bus/prop
	says BaseDev super SampleDev
	says IOService super BaseDev
	says - super OSObject
}

@test "an entry with odd bytes in its name is found by its path" {
	mkdir "$S/a%2Fb" "$S/%71ueues"
	registry show IOService:/a%2Fb | grep -q '^a/b - IOService '
	registry walk IOService 0 >walked
	printf 'IOService:/IOResources\nIOService:/a%%2Fb\n' >wanted
	head -n 2 walked | cmp - wanted
	[ "$(wc -l <walked)" -eq 3 ]
	registry show "$(tail -n 1 walked)" | grep -q '^queues - '
}

@test "iterators go over what is below and above" {
	bus
	says "IOService:/IOResources
IOService:/Bus
IOService:/Bus/Dev@0
IOService:/Bus/Dev@1f,2" walk IOService 1
	says "IOService:/IOResources
IOService:/Bus" walk IOService 0
	says "IOService:/Bus
IOService:/" walk IOService 3 IOService:/Bus/Dev@0
	says kIOReturnBadArgument walk IONothing 1
}

@test "an entry with two parents is given twice and entered once" {
	bus
	publish Bus/Dev@0/Leaf
	publish Other
	echo "attach IOService:/Other" >"$S/Bus/Dev@0/ctl"
	says "IOService:/IOResources
IOService:/Bus
IOService:/Bus/Dev@0
IOService:/Bus/Dev@0/Leaf
IOService:/Bus/Dev@1f,2
IOService:/Other
IOService:/Bus/Dev@0" walk IOService 1
	says "IOService:/Bus
IOService:/Other" walk IOService 2 IOService:/Bus/Dev@0
}

@test "other planes lead to the same entries" {
	bus
	mkdir "$MNT/IOPower"
	echo "attach IOPower:/" >"$S/Bus/ctl"
	echo "attach IOPower:/Bus" >"$S/Bus/Dev@0/ctl"
	says "IOService:/Bus
IOService:/Bus/Dev@0" walk IOPower 1
	says "IOService:/Bus
IOService:/" walk IOPower 3 IOService:/Bus/Dev@0
	says IOService:/Bus walk IOService 2 IOService:/Bus/Dev@0
	says "$(registry show IOService:/Bus/Dev@0)" show IOPower:/Bus/Dev@0
	says none show IOPower:/Bus/Dev@1f,2
}

@test "open clients are children of their service" {
	drive Simple Card
	exec 5<>"$S/Card/clone"
	read -r n <&5
	local client=IOService:/Card/com_apple_dts_driver_SimpleUserClient
	says "IOService:/IOResources
IOService:/Card
$client" walk IOService 1
	says "$(registry show "$client")" show "$client"
	registry show "$client" | grep -q "^com_apple_dts_driver_SimpleUserClient - com_apple_dts_driver_SimpleUserClient $(id_of "Card/clients/$n") state "
	says "IOService:/Card
IOService:/" walk IOService 3 "$client"
	if [ "$(id -u)" -eq 0 ]; then
		# Not theirs to see.
		[ "$(as_user 65534 "$SHAPES/registry" walk IOService 0 IOService:/Card)" = "" ]
	fi
	echo close >&5
	says "" walk IOService 0 IOService:/Card
	exec 5>&-
}

@test "thousands of services need few descriptors" {
	publish Many
	python3 - "$S/Many" <<-'END'
		import os, sys
		for i in range(2000):
		    path = f'{sys.argv[1]}/n{i}'
		    os.mkdir(path)
		    with open(path + '/ctl', 'w') as ctl:
		        ctl.write('register\n')
	END
	says "2002 few" count '{}'
	[ "$(registry walk IOService 1 | wc -l)" -eq 2002 ]
}

@test "a handle is good again after a restart of fsd" {
	bus
	mkfifo input
	spawn hold_with_input
	exec 7>input
	says "$(registry show IOService:/Bus)" show IOService:/Bus
	eventually test -s held
	kill_fsd
	unmount "$MNT" lazily
	run_fsd
	echo >&7
	told held "Bus SampleBus $(id_of Bus)" "Bus SampleBus $(id_of Bus)" 0x1e
	exec 7>&-
}

hold_with_input() { exec "$SHAPES/registry" hold IOService:/Bus <input >held; }

@test "a handle of what is gone still tells what it was" {
	bus
	local id
	id=$(id_of Bus/Dev@0)
	mkfifo input
	spawn hold_device_with_input
	exec 7>input
	eventually test -s held
	rmdir "$S/Bus/Dev@0"
	echo >&7
	eventually grep -qx 0x1 held
	[ "$(sed -n 2p held | cut -d ' ' -f 1,3)" = "Dev $id" ]
	exec 7>&-
}

hold_device_with_input() { exec "$SHAPES/registry" hold IOService:/Bus/Dev@0 <input >held; }

# --- properties

@test "properties are read, by key, as a whole, and along the tree" {
	bus
	says 4660 property IOService:/Bus/Dev@0 vendor
	says '{"$data":"AAEC"}' property IOService:/Bus/Dev@0 blob
	says - property IOService:/Bus/Dev@0 none
	says '{"blob":{"$data":"AAEC"},"tags":["a","b"],"vendor":4660}' properties IOService:/Bus/Dev@0
	says 4660 search IOService:/ vendor 1
	says - search IOService:/ vendor 0
	echo '"up"' >"$S/Bus/prop/where"
	says '"up"' search IOService:/Bus/Dev@0 where 3
}

@test "the owner's properties are stored, and nobody else's" {
	bus
	says set set IOService:/Bus/Dev@0 vendor 7
	says 7 property IOService:/Bus/Dev@0 vendor
	skip_unless_root "another user"
	[ "$(FSD_AS=65534 as_user 65534 "$SHAPES/registry" set IOService:/Bus/Dev@0 vendor 8)" = kIOReturnUnsupported ]
	says 7 property IOService:/Bus/Dev@0 vendor
}

@test "a key may be any text" {
	publish Keys
	local key
	for key in a/b .. . '$data' '%2F' ' ' 'é'; do
		says set set IOService:/Keys "$key" "\"is $key\""
		says "\"is $key\"" property IOService:/Keys "$key"
	done
}

@test "large numbers keep their bits" {
	publish Num '' '{"all":18446744073709551615,"half":"0x8000000000000000"}'
	says -1 property IOService:/Num all
	says set set IOService:/Num mask -1
	[ "$(cat "$S/Num/prop/mask")" = 18446744073709551615 ]
}

@test "what others set goes to the driver, who may refuse" {
	skip_unless_root "another user"
	drive Sample Card
	drive Testing Test
	[ "$(as_user 65534 "$SHAPES/registry" set IOService:/Card value 24)" = set ]
	says 24 property IOService:/Card value
	[ "$(as_user 65534 "$SHAPES/registry" set IOService:/Test Refused 3758097094)" = kIOReturnBadMessageID ]
	says - property IOService:/Test Refused
}

# --- how it stands, and what one may ask for

@test "a wait for quiet ends when it is, or in time" {
	bus
	says quiet quiet IOService:/Bus 0
	says quiet quiet all 0
	echo "busy +1" >"$S/Bus/Dev@0/ctl"
	says kIOReturnTimeout quiet IOService:/Bus/Dev@0 20
	says kIOReturnTimeout quiet IOService:/Bus 20
	says kIOReturnTimeout quiet all 20
	registry show IOService:/Bus | grep -q 'busy 1'
	start waiting interest IOService:/Bus IOBusyInterest 1
	spawn registry_to "$T/quiet" quiet all 10000
	echo "busy -1" >"$S/Bus/Dev@0/ctl"
	told quiet quiet
	told waiting ready "Bus SampleBus $(id_of Bus)" "0xe0000120 0"
}

@test "how long a service was busy is told in nanoseconds" {
	bus
	mkdir "$S/Nub"
	says 0 time IOService:/Nub
	echo "busy +1" >"$S/Bus/Dev@0/ctl"
	longer() { [ "$(registry time IOService:/Bus/Dev@0)" -gt 1000000 ]; }
	eventually longer
	echo "busy -1" >"$S/Bus/Dev@0/ctl"
	says "$(cat "$S/Bus/Dev@0/busy_time")" time IOService:/Bus/Dev@0
	says "$(cat "$S/Bus/busy_time")" time IOService:/Bus
}

@test "a service without a driver cannot be opened or probed" {
	bus
	says kIOReturnUnsupported probe IOService:/Bus 1
	says may authorize IOService:/Bus
	says "" descriptor IOService:/Bus
}

@test "who may not open clone is not authorized" {
	skip_unless_root "another user"
	bus
	chmod 0600 "$S/Bus/clone"
	[ "$(as_user 65534 "$SHAPES/registry" authorize IOService:/Bus)" = kIOReturnNotPermitted ]
}

# --- notifications

@test "a notification has what is there, then what comes" {
	bus
	start watched watch IOServiceMatched '{"IOProviderClass":"SampleDev"}' 4
	told watched first "Dev SampleDev $(id_of Bus/Dev@1f,2)" "Dev SampleDev $(id_of Bus/Dev@0)"
	publish New SampleDev
	told watched first "Dev SampleDev $(id_of Bus/Dev@1f,2)" "Dev SampleDev $(id_of Bus/Dev@0)" \
		called "New SampleDev $(id_of New)"
	publish Unwanted
	echo register >"$S/New/ctl"
	told watched first "Dev SampleDev $(id_of Bus/Dev@1f,2)" "Dev SampleDev $(id_of Bus/Dev@0)" \
		called "New SampleDev $(id_of New)" called "New SampleDev $(id_of New)"
}

@test "a first match is told once" {
	start watched watch IOServiceFirstMatch '{"IONameMatch":["One","Two"]}' 2
	publish One
	eventually grep -q '^One ' watched
	echo register >"$S/One/ctl"
	publish Two
	told watched first called "One IOService $(id_of One)" called "Two IOService $(id_of Two)"
}

@test "a service that terminates can still be told from others" {
	bus
	local id
	id=$(id_of Bus/Dev@0)
	start watched watch IOServiceTerminate '{"IOProviderClass":"BaseDev"}' 1
	rmdir "$S/Bus/Dev@1f,2" "$S/Bus/Dev@0"
	told watched first called "Dev SampleDev $id"
}

@test "a notification ends with fsd, and says so" {
	start watched watch IOServiceMatched '{"IONameMatch":"Nope"}' 1
	kill_fsd
	told watched first called invalid
	unmount "$MNT" lazily
	run_fsd
}

@test "messages of a driver are told to those who are interested" {
	bus
	start general interest IOService:/Bus IOGeneralInterest 3
	start busy interest IOService:/Bus IOBusyInterest 1
	echo 'message 0xe3ff8001 "text"' >"$S/Bus/ctl"
	echo 'message 0xe0000130' >"$S/Bus/ctl"
	echo 'message 0xe3ff8002 77' >"$S/Bus/ctl"
	local who
	who="Bus SampleBus $(id_of Bus)"
	told general ready "$who" "0xe3ff8001 text" "$who" "0xe0000130 0" "$who" "0xe3ff8002 77"
	told busy ready
}

@test "an interest in what is gone is not supported" {
	bus
	start general interest IOService:/Bus/Dev@0 IOGeneralInterest 1
	rmdir "$S/Bus/Dev@0"
	eventually grep -q '^0xe0000010 ' general
	says kIOReturnUnsupported interest IOService:/Bus IOWhatever 1
	says none interest IOService:/Bus/Dev@0 IOGeneralInterest 1
}
