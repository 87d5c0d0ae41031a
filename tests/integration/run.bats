#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# scripts/run mounts, what it prints works when pasted, Ctrl-C unmounts.

load lib

setup() {
	fsd_setup
	if [[ ! -w /dev/fuse ]]; then
		skip "/dev/fuse is not ours to open"
	fi
	BUILD=$(dirname "$(dirname "$FSD")")
	mkdir "$T/run"
	export BUILD XDG_RUNTIME_DIR=$T/run
	unset RUNTIME_DIRECTORY
}

teardown() {
	[[ -z ${RUN:-} ]] || kill -9 -- "-$RUN" 2>/dev/null || true
	fsd_teardown
}

# Like a terminal: a process group of its own, where SIGINT is not ignored.
start_run() {
	setsid env --default-signal=INT "$SRC/scripts/run" "$@" >run.out 2>&1 3>&- &
	RUN=$!
	printed() { grep -q Ctrl-C run.out || gone "$RUN"; }
	FSD_TEST_PATIENCE=120 eventually printed
	cat run.out
	! gone "$RUN"
}

ctrl_c() {
	kill -INT -- "-$RUN"
	wait "$RUN"
	RUN=''
}

@test "the printed commands work when pasted, and Ctrl-C unmounts" {
	start_run "$MNT"
	grep '^  ' run.out >commands
	[ "$(wc -l <commands)" -eq 6 ]
	cd /
	timeout 60 bash -eux "$T/commands" >"$T/pasted"
	cd "$T"
	grep -qx 'Hello, queue' pasted
	tail -n 4 pasted | grep -E '^(draining|closed)$'
	tail -n 4 pasted | head -n 3 >frames
	printf 'frame %9d\n' 0 1 2 | same - frames
	[ -d "$MNT/queues/events" ]
	ctrl_c
	[[ $(</proc/self/mounts) != *" $MNT fuse"* ]]
	[ -z "$(find "$T/run" -type f)" ]
}

@test "without a mount point it is ./mnt, which is made; odd names are quoted" {
	mkdir "it's here"
	cd "it's here"
	start_run
	mountpoint -q mnt
	grep '^  ' run.out >commands
	timeout 60 bash -eu commands >pasted
	grep -qx 'Hello, queue' pasted
	ctrl_c
	[[ $(</proc/self/mounts) != *"$T"* ]]
}

@test "a mount point that cannot be is a failure that says why" {
	echo file >notadirectory
	run ! "$SRC/scripts/run" notadirectory
	[[ $output == *notadirectory* ]]
}
