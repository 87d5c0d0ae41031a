# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# checks.bash - the part of a test that is Python
#
#	check ARG... <<-'END'	run the lines up to END with all of checks.py at
#		q = Queue(args[0])	hand; they are indented with tabs, and among
#		q.put(b'entry')		themselves with spaces
#	END

load lib

check() {
	FSD_PID=${FSD_PID:-} python3 -SB "$BATS_TEST_DIRNAME/checks.py" "$@"
}
