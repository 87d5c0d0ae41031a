#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Connections of libqueue to a driver: tests/iokit/connection.c, and the driver `Testing`.

load iokit
load stress
setup() { fsd_setup; iokit_setup; }

connection() { timeout "$(counted 60 900)" "$IOKIT/connection" "$@"; }

tested() {
	start_fsd
	drive Testing Test
}

# In the background, until it says that it is ready; its pid in $CLIENT.
begin() {
	spawn bash -c 'exec "$@" >client.txt' - "$IOKIT/connection" "$@"
	CLIENT=$SPAWNED
	eventually grep -qsx ready client.txt
}

is_empty() { [ -z "$(ls "$1")" ]; }

# --- opening and closing

@test "a driver's own codes arrive as they are, of opens and of calls" {
	tested
	connection codes
}

@test "what is no service cannot be opened" {
	start_fsd
	connection no_service
}

@test "a service without a driver takes no connections" {
	start_fsd
	mkdir "$MNT/IOService/Nub"
	echo Nub >"$MNT/IOService/Nub/class"
	echo register >"$MNT/IOService/Nub/ctl"
	connection refused Nub kIOReturnUnsupported
}

@test "policy, privilege and entitlement refuse with their codes" {
	cat >policy.json <<-'END'
		{ "open": [ { "class": "Forbidden", "allow": false }, { "class": "*", "allow": true } ] }
	END
	start_fsd -p policy.json
	local class extra
	for class in Forbidden Guarded Private; do
		case $class in
		Forbidden) extra='' ;;
		Guarded) extra=', "IOUserClientEntitlements": "org.example.open"' ;;
		Private) extra=', "privilege": "console"' ;;
		esac
		mkdir "$MNT/IOService/$class"
		echo "$class" >"$MNT/IOService/$class/class"
		echo "{\"methods\": [{\"name\": \"ping\"}]$extra}" >"$MNT/IOService/$class/methods"
	done
	exec 5<>"$MNT/IOService/Forbidden/driver" 6<>"$MNT/IOService/Guarded/driver" 7<>"$MNT/IOService/Private/driver"
	for class in Forbidden Guarded Private; do
		echo register >"$MNT/IOService/$class/ctl"
	done
	connection refused Forbidden kIOReturnNotPermitted
	connection refused Guarded kIOReturnNotPrivileged
	connection refused Private kIOReturnNotPrivileged
	exec 5>&- 6>&- 7>&-
}

@test "a service that was terminated since it was found cannot be opened" {
	tested
	begin gone
	echo terminate >"$MNT/IOService/Test/ctl"
	touch gone
	eventually gone "$CLIENT"
	wait "$CLIENT"
}

@test "a driver that is to come back is not ready" {
	tested
	echo persist >"$MNT/IOService/Test/ctl"
	kill -9 "$DRIVER"
	eventually connection refused TestDriver kIOReturnNotReady
}

@test "a close is told to the driver once" {
	tested
	connection close_twice
	heard '"op":"close"'
	eventually is_empty "$MNT/IOService/Test/clients"
	[ "$(grep -c '"op":"close"' driver.log)" -eq 1 ]
	grep -q '"died":false' driver.log
}

@test "the last reference is the client's death" {
	tested
	connection release
	heard '"died"'
	[ "$(grep -c '"died":true' driver.log)" -eq 1 ]
}

@test "a client that is killed has died" {
	tested
	begin stay
	kill -9 "$CLIENT"
	heard '"died"'
	grep -q '"died":true' driver.log
	eventually is_empty "$MNT/IOService/Test/clients"
}

@test "a connection knows its service and its number, and is introduced to another" {
	tested
	connection service
	heard '"op":"addclient"'
}

@test "properties of a connection go to its driver, who may refuse them" {
	tested
	connection properties
	heard '"props":["listed"]'
}

# --- calls

@test "structs of every size come back as they were" {
	tested
	connection sizes
}

@test "there may be less output than there is room for, and room for any" {
	tested
	connection less_output
}

@test "calls of sixteen threads are under way at once" {
	tested
	connection parallel
}

@test "signals end neither calls nor opens" {
	tested
	connection signals
}

@test "parent and child call on one connection" {
	tested
	connection forks
}

# --- the end of a service, of a driver, of fsd

@test "a call is under way when the service is terminated" {
	tested
	begin hang kIOReturnAborted
	heard '"sel":7'
	echo terminate >"$MNT/IOService/Test/ctl"
	eventually gone "$CLIENT"
	wait "$CLIENT"
}

@test "a call is under way when the driver is killed, and memory stays" {
	tested
	begin hang kIOReturnAborted mapped
	heard '"sel":7'
	kill -9 "$DRIVER"
	eventually gone "$CLIENT"
	wait "$CLIENT"
}

@test "a call is under way when fsd is killed" {
	tested
	echo persist >"$MNT/IOService/Test/ctl"	# the driver ends, be it before fsd is back or after
	begin hang MACH_SEND_INVALID_DEST
	heard '"sel":7'
	kill_fsd
	eventually gone "$CLIENT"
	wait "$CLIENT"
	run_fsd
	connection refused TestDriver kIOReturnNotReady
}

@test "a call is under way when another thread closes the connection" {
	tested
	connection close_during_call
}

# --- completions, memory, notifications

@test "completions of no to sixteen words go to the function of their call" {
	tested
	connection completions
}

@test "a completion before its answer is not lost, and one of a refused call is" {
	tested
	connection early_completion
}

@test "each port hears of its own calls, whoever dispatches it" {
	tested
	connection ports
}

@test "connections go while completions are under way in another thread" {
	tested
	connection close_during_completions "$(counted 100 5000)"
	eventually is_empty "$MNT/IOService/Test/clients"
}

@test "memory is shared, read-only where the driver says so, and asked for where it does not" {
	tested
	connection maps
}

@test "opening, mapping and closing again and again leaves nothing" {
	tested
	connection many "$(counted 200 20000)"
	eventually is_empty "$MNT/IOService/Test/clients"
}

@test "memory that is a queue is one for the queue's functions, with its port" {
	local queue=$MNT/IOService/Test/queues/up i
	tested
	begin queue_map 100
	for i in {1..100}; do
		put "$queue" "entry $i"
	done
	eventually gone "$CLIENT"
	wait "$CLIENT"
	eventually grep -qx none "$queue/consumer_pid"
}

@test "notifications of a kind go to the port that was set last" {
	tested
	connection notifications
}
