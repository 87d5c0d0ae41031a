#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A producer or a consumer killed at any moment: no entry is torn, lost or
# doubled, the survivor is told, and a new process goes on where it stopped.

load stress
setup() { fsd_setup; start_fsd; }

# killed WHO KILLS PRODUCER CONSUMER
killed() {
	queue=$(new_queue q 8192)
	timeout 600 "$SRC/tests/stress/kill.py" "$queue" "$@" 3>&-
	eventually grep -qx none "$queue/producer_pid"
	eventually grep -qx none "$queue/consumer_pid"
	[ "$(cat "$queue/entries")" -eq 0 ]
	rmdir "$queue"
}

@test "no entry is torn, lost or doubled while producers are killed" {
	killed produce "$(counted 200 2000)" c-futex c-futex
}

@test "no entry is torn, lost or doubled while consumers are killed" {
	killed consume "$(counted 200 2000)" c-futex c-futex
}

@test "no entry is torn, lost or doubled while producers are killed and both wait at ports" {
	killed produce "$(counted 100 2000)" c-port c-port
}

@test "no entry is torn, lost or doubled while consumers are killed and both wait at ports" {
	killed consume "$(counted 100 2000)" c-port c-port
}

@test "no entry is torn, lost or doubled while both are killed, one that sleeps and one at a port" {
	killed both "$(counted 100 2000)" c-futex c-port
}

@test "no entry is torn, lost or doubled while Python producers are killed" {
	killed produce "$(counted 30 500)" python c-port
}

@test "no entry is torn, lost or doubled while Python consumers are killed" {
	killed consume "$(counted 30 500)" c-futex python
}

@test "no entry is torn, lost or doubled while C and Python are killed" {
	killed both "$(counted 30 500)" python c-futex
	killed both "$(counted 30 500)" c-port python
}
