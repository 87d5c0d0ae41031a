#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What shells type and see, as transcripts/transcripts.md has it, line by line.
#
# Allowed to differ: process ids, dates, users, sizes; `ls` of a connection shows more files
# than the transcript; a driver's `open` line says more of the caller.

load lib

setup() {
	fsd_setup
	cp "$SRC"/tests/integration/transcripts/*.{sh,py} .
}

play() { timeout 120 python3 "$SRC/tests/integration/transcripts/play.py" "$1" "$MNT" "${@:2}"; }

@test "T1: a driver in bash, and a client" {
	start_fsd
	play T1
}

@test "T2: arrival, completions, a notification port, memory, removal" {
	start_fsd
	play T2
}

@test "T3: rights, exclusive open, death of a client" {
	skip_unless_root "other users have to be made"
	cat >policy.json <<-'END'
		{ "entitlements": [ { "match": { "uid": 1001 }, "grant": { "org.example.calc.open": true } } ] }
	END
	start_fsd -p policy.json
	play T3 user1=1001 user2=1002
}

@test "T4: passive nubs: properties, views, matching, termination" {
	start_fsd
	play T4
}

@test "T5: a driver and a client in Python that share memory, a client in dash" {
	start_fsd
	play T5
}
