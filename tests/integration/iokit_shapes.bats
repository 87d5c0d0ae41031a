#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Clients in the shapes of real programs (tests/iokit), and what they print.

load iokit
setup() { fsd_setup; iokit_setup; start_fsd; }

@test "SimpleUserClient: six methods, three of them for who has opened the driver" {
	drive Simple SimpleDriver
	plays "$IOKIT/simple_user_client" <<-'END'
		scalarIStructI: kIOReturnNotOpen
		scalarIStructO: kIOReturnNotOpen, 0, 0
		scalarIScalarO: kIOReturnSuccess, 327680
		structIStructO: kIOReturnNotOpen, 0, 0
		open: kIOReturnSuccess
		scalarIStructI: kIOReturnSuccess
		scalarIStructO: kIOReturnSuccess, 154, 863
		scalarIScalarO: kIOReturnSuccess, 327680
		structIStructO: kIOReturnSuccess, 586, 8756
		one byte too few: kIOReturnBadArgument
		open by another: kIOReturnExclusiveAccess
		close by another: kIOReturnNotOpen
		close: kIOReturnSuccess
		open by another: kIOReturnSuccess
		IOServiceClose: kIOReturnSuccess
		IOServiceClose: kIOReturnSuccess
		after it: kIOReturnBadArgument
	END
}

@test "SimpleUserClient: a client that dies leaves the driver to the next" {
	drive Simple SimpleDriver
	timeout 60 "$IOKIT/simple_user_client" >first.txt
	spawn bash -c 'exec 5<>"$1/clone"; read -r n <&5; exec 6<>"$1/clients/$n/m/open"; echo >&6; cat <&6; touch opened; sleep 60' \
		- "$MNT/IOService/SimpleDriver"
	eventually test -e opened
	run timeout 60 "$IOKIT/simple_user_client"
	[[ $output == *"open: kIOReturnExclusiveAccess"* ]]
	kill -9 "$SPAWNED"
	heard '"died":true'
	timeout 60 "$IOKIT/simple_user_client" >again.txt
	same first.txt again.txt
}

@test "AppleSamplePCI: properties, one buffer both ways, memory, a struct of 0x4321 bytes" {
	drive Sample Card@0
	plays "$IOKIT/sample_pci" <<-'END'
		IOService:/Card@0
		IONameMatched: pci1057,4801
		value: 24
		type 0: kIOReturnBadArgument
		swapped: 3 3 1, 12 bytes
		size: as expected
		words: 0x10 0x20 0x30
		string: the driver wrote this
		sum: 0x4321
	END
	[ "$(cat "$MNT/IOService/Card@0/prop/value")" = 24 ]
}

@test "DriverKit sample: a driver comes, is called in all ways, and goes" {
	spawn bash -c 'exec "$1" >got.txt' - "$IOKIT/driverkit_sample"
	local client=$SPAWNED
	eventually grep -qx waiting got.txt
	drive Null Null
	eventually grep -qx "done" got.txt
	kill "$DRIVER"
	eventually gone "$client"
	wait "$client"
	same - got.txt <<-'END'
		waiting
		added
		scalar: kIOReturnSuccess, 16 from 2 to 17
		struct: kIOReturnSuccess, 301, 70010
		large struct: kIOReturnSuccess, 4104 bytes, 301, 10, 0xffffffffffffffff
		checked scalar, 16: kIOReturnSuccess, 17
		checked scalar, 15: kIOReturnBadArgument, 0
		checked struct: kIOReturnSuccess, 301, 70010
		checked struct: kIOReturnBadArgument, 0, 0
		checked struct: kIOReturnBadArgument, 0, 0
		request, nothing registered: kIOReturnNotReady
		register, synchronously: kIOReturnBadArgument
		register: kIOReturnSuccess
		request, synchronously: kIOReturnSuccess
		completion of the registered call: kIOReturnSuccess, 3 words, 301, 70010
		request: kIOReturnSuccess
		completion of the request itself: kIOReturnSuccess, 3 words, 301, 70010
		done
		removed
		after it: MACH_SEND_INVALID_DEST
		IOServiceClose: kIOReturnSuccess
	END
}

@test "pciutils: a configuration space, by a struct that is not aligned" {
	drive ConfigSpace Platform
	plays "$IOKIT/pci_config" <<-'END'
		vendor: 8086
		device and vendor: 12378086
		device 1: none
		write: kIOReturnSuccess
		written: 0000beef
		write to the header: kIOReturnNoResources
		bytes that are set: 8
		IOServiceClose: kIOReturnSuccess
	END
}

@test "SMC: what is wrong with a key is in the struct" {
	drive Smc SMC
	plays "$IOKIT/smc" <<-'END'
		TC0P: sp78, 2a 80
		FNum: ui8 , 02
		#KEY: ui32, 00 00 00 03
		nope: key result 0x84
		write: key result 0
		FNum: ui8 , 07
		write of another size: key result 0x82
		79 bytes: kIOReturnBadArgument
		another method: kIOReturnNoCompletion
		IOServiceClose: kIOReturnSuccess
	END
}

@test "lmutracker: two sensors, and busy means once more" {
	drive Light Light
	plays "$IOKIT/lmutracker" 3 <<-'END'
		    1002     2002
		    1003     2003
		    1005     2005
	END
	local service=$MNT/IOService/Light connection
	exec 5<>"$service/clone"
	read -r connection <&5
	exec 6<>"$service/clients/$connection/m/0"
	echo >&6
	[ "$(cat <&6)" = "1006 2006" ]
	exec 5>&- 6>&-
}

@test "USPCIO: services of a name are tried until one opens, with the codes of all" {
	local code
	for code in e00002c5 e3ff8007 e0004001; do
		drive Refusing "USPCIO@$code"
	done
	run timeout 60 "$IOKIT/uspcio" USPCIO
	[ "$status" -eq 1 ]
	[[ $output == *"e00002c5: system 0x38, subsystem 0, code 0x2c5, kIOReturnExclusiveAccess"* ]]
	[[ $output == *"e3ff8007: system 0x38, subsystem 0xffe, code 0x7, 0xe3ff8007"* ]]
	[[ $output == *"e0004001: system 0x38, subsystem 0x1, code 0x1, 0xe0004001"* ]]
	[[ $output == *"none could be opened" ]]
	drive Refusing USPCIO@0
	run timeout 60 "$IOKIT/uspcio" USPCIO
	[ "$status" -eq 0 ]
	[[ $output == *"0: system 0, subsystem 0, code 0, kIOReturnSuccess"* ]]
	[[ $output == *"version 0x102" ]]
}
