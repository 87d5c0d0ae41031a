#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Whoever may write a queue's memory may write anything: fsd and the library
# answer with an error or with entries, and go on.

load lib
load checks
load stress
setup_file() { fsd_setup_file; }
setup() { fsd_setup; start_fsd; }
teardown() { fsd_teardown; }

# The files behind a queue, which may be written without a role.
behind() { # behind NAME: of the only queue there is
	find "$STATE" -path "*/$1"
}

mends() { # mends QUEUE
	eventually grep -qx none "$1/producer_pid"
	eventually grep -qx none "$1/consumer_pid"
	echo 1 >"$1/reset"
	grep -qx 'corrupt 0' "$1/stats"
	put "$1" entry
	[ "$(get "$1")" = entry ]
	eventually grep -qx none "$1/consumer_pid"
	rmdir "$1"
}

@test "the library survives each hostile word in each field" {
	queue=$(new_queue q 8192)
	timeout 120 "$STRESS/hostile" "$queue" "$(behind data)" "$(behind consumer)" chosen 3>&-
	mends "$queue"
}

@test "the library survives words that change while it works" {
	queue=$(new_queue q 8192)
	seed=$RANDOM
	echo "seed $seed"
	timeout 600 "$STRESS/hostile" "$queue" "$(behind data)" "$(behind consumer)" \
		random "$(counted 1000 50000)" "$seed" 3>&-
	mends "$queue"
}
