#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What the source says about itself: layers, scripts, manual pages, licenses.

load lib

setup() {
	cd "$SRC" || return 1
}

# A small tree with the one file $1 that says $2.
planted() {
	local top=$BATS_TEST_TMPDIR/planted
	rm -rf "$top"
	mkdir -p "$top/fsd" "$top/libqueue" "$top/$(dirname "$1")"
	echo '/* empty */' >"$top/fsd/main.c"
	echo '/* empty */' >"$top/libqueue/ring.c"
	echo "$2" >"$top/$1"
	echo "$top"
}

@test "includes point down the layers" {
	scripts/check-layers
}

@test "check-layers finds what points up, or to the side" {
	refused() { run -1 scripts/check-layers "$(planted "$1" "$2")"; }
	refused fsd/service/queue.c '#include "fuse/session.h"'
	refused fsd/util/log.c '#include "service/queue.h"'
	refused fsd/files/queue_files.c '#include "fuse/session.h"'
	refused fsd/fuse/session.c '#include "files/files.h"'
	refused fsd/tree/node.c '#include "layout.h"
#include "store/store.h"'
	refused fsd/service/queue.c '#include "libqueue/data_queue.h"'
	refused fsd/new/thing.c '#include "util/log.h"'
	refused libqueue/ring.c '#include "wait.h"'
	refused libqueue/atomic.h '#include "ring.h"'
}

@test "check-layers lets the right ones pass" {
	for line in '#include "store/store.h"' '#include "queue.h"' '#include "libqueue/ring.h"' \
		'#include "util/log.h"' '#include <IOKit/IOReturn.h>'; do
		scripts/check-layers "$(planted fsd/service/queue.c "$line")"
	done
}

@test "shell scripts pass shellcheck" {
	grep -lE '^#!/bin/(ba)?sh' scripts/* .ci/run examples/*.sh | xargs shellcheck
	shellcheck tests/integration/*.bash tests/unit/check-symbols tests/fuzz/planted
}

@test "bats files pass shellcheck" {
	# SC1091, SC2317: load is not source, and runs what seems to be unused.
	# SC2030, SC2031: bats runs each test in a shell of its own. SC2154: it sets
	# status and output. SC2153: lib.bash sets STATE. SC2016, SC2094: $ and a name twice are meant.
	shellcheck -e SC1091,SC2016,SC2030,SC2031,SC2094,SC2153,SC2154,SC2317 tests/integration/*.bats
}

@test "manual pages pass mandoc" {
	mandoc -T lint -W warning docs/man/*
}

@test "Python files compile" {
	for file in examples/*.py tests/*/*.py tests/integration/transcripts/*.py scripts/count-tests scripts/bench \
		tests/docs/members tests/model/run; do
		python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
	done
}

@test "each source file says its license, and examples have fewer than 60 lines" {
	missing=$(find fsd libqueue include tests scripts examples .ci -type f \
		! -path '*/__pycache__/*' ! -name '*.json*' ! -name '*.md' ! -name '*.gz' ! -path '*/corpus/*' \
		-exec grep -L 'SPDX-License-Identifier: MIT' {} +)
	echo "$missing"
	[ -z "$missing" ]
	for file in examples/*.[cp]* examples/*.sh; do
		echo "$file"
		[ "$(wc -l <"$file")" -lt 60 ]
	done
}

@test "no source file has more than 800 lines" {
	long=$(find fsd libqueue include tests scripts examples -type f \
		\( -name '*.[ch]' -o -name '*.cpp' -o -name '*.py' -o -name '*.ba*s*' -o -path 'scripts/*' \) \
		-exec wc -l {} + | awk '$1 > 800 && $2 != "total"')
	echo "$long"
	[ -z "$long" ]
}

@test "links in the documents lead somewhere" {
	for page in README.md docs/*.md; do
		grep -oE '\]\([^)#]+\)' "$page" | tr -d '])(' | while read -r link; do
			echo "$page: $link"
			[[ $link == http* ]] || [[ -e $(dirname "$page")/$link ]]
		done
	done
}

@test "count-tests counts cases, and a program that broke as one more" {
	cat >"$BATS_TEST_TMPDIR/testlog.json" <<-'END'
		{"name": "p:unit / good", "result": "OK", "stdout": ""}
		{"name": "p:unit / bad", "result": "FAIL", "stdout": "not ok 2", "returncode": 1}
		{"name": "p:unit / alone", "result": "OK", "stdout": ""}
		{"name": "p:unit / crashed", "result": "ERROR", "stdout": "said this", "returncode": -11}
	END
	cat >"$BATS_TEST_TMPDIR/testlog.junit.xml" <<-'END'
		<testsuites>
		<testsuite name="p.p:unit / good"><testcase name="1 a"/><testcase name="2 b"/></testsuite>
		<testsuite name="p.p:unit / bad"><testcase name="1 a"/><testcase name="2 b"><failure/></testcase>
		<testcase name="3 c"><skipped/><system-out>no root</system-out></testcase></testsuite>
		<testsuite name="p.p:unit / crashed"><testcase name="1 a"/></testsuite>
		<testsuite name="p"><testcase name="p:unit / alone" classname="p"/></testsuite>
		</testsuites>
	END
	run -1 scripts/count-tests "$BATS_TEST_TMPDIR" 1
	[ "${lines[-1]}" = '5 passed, 2 failed, 1 skipped' ]
	[[ $output == *'failed: bad: 2 b'* ]]
	[[ $output == *'said this'* ]]
	[[ $output == *'skipped: bad: 3 c: no root'* ]]
}
