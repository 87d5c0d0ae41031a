# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# iokit.bash - drivers and clients of tests/iokit
#
#	$IOKIT		the built clients; they find the mount by FSD_MOUNT
#	drive KIND PATH	spawn a driver of tests/iokit/drivers.py as the service IOService/PATH; what it
#			is asked goes to driver.log. It has no queue between it and the file
#	$DRIVER		its pid
#	heard TEXT	wait until it has been asked something with TEXT
#	plays		run a client; what it prints is to be the text on standard input

load lib

: "${IOKIT:=$(dirname "$EXAMPLES")/tests/iokit}"

iokit_setup() {
	export FSD_MOUNT=$MNT
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:handle_segv=0
}

drive() {
	local path=$MNT/IOService/$2
	spawn bash -c 'exec python3 "$@" >>driver.log' - "$SRC/tests/iokit/drivers.py" "$1" "$path"
	export DRIVER=$SPAWNED
	eventually is_matched "$path"
}

is_matched() { [[ $(cat "$1/state" 2>/dev/null) == "registered matched active" ]]; }

heard() { eventually grep -qF -- "$1" driver.log; }

plays() {
	cat >wanted.txt
	timeout 60 "$@" >got.txt || {
		cat got.txt >&2
		return 1
	}
	same wanted.txt got.txt
}
