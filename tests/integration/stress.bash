# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# stress.bash - what the tests with programs of tests/stress need besides lib.bash
#
#	$STRESS			the built programs; $SRC/tests/stress has the others
#	counted SHORT LONG	how often: LONG with FSD_TEST_LONG, else SHORT
#	sanitized		is fsd built with a sanitizer?

load lib

: "${STRESS:=$(dirname "$EXAMPLES")/tests/stress}"
export STRESS

counted() {
	if [[ -n ${FSD_TEST_LONG:-} ]]; then
		echo "$2"
	else
		echo "$1"
	fi
}

sanitized() { grep -qE '__(a|t)san_init' "$FSD"; }
