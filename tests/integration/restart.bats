#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# fsd is killed and started again: everything is there, programs go on, and
# nothing is half done.

load lib
load checks
load stress
setup_file() { fsd_setup_file; }
setup() { fsd_setup; start_fsd; }
teardown() { fsd_teardown; }

@test "a kill at any step of an operation leaves what was before it or what is after it" {
	! sanitized || skip "what is preloaded must be before the sanitizer"
	kill_fsd
	timeout 300 "$SRC/tests/stress/crash.py" "$STRESS/crash_at.so" changes 3>&-
	run_fsd
}

@test "fsd can be killed while it opens files of its own mount" {
	! sanitized || skip "what is preloaded must be before the sanitizer"
	kill_fsd
	timeout 300 "$SRC/tests/stress/crash.py" "$STRESS/crash_at.so" answers 3>&-
	run_fsd
}

@test "a kill at any moment leaves each queue whole or not there" {
	kill_fsd
	seed=$RANDOM
	echo "seed $seed"
	timeout 600 "$SRC/tests/stress/storm.py" "$(counted 100 1000)" "$seed" 3>&-
	run_fsd
}
