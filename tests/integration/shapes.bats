#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Programs of tests/shapes, written as real ones were, lose nothing and never stall.
#
# Each test runs for $TIME, between two processes; FSD_TEST_LONG makes that long.

load stress
setup() { fsd_setup; start_fsd; }

: "${SHAPES:=$(dirname "$EXAMPLES")/tests/shapes}"
TIME=$(counted 0.4 10)

# Both sides have ended well, and nothing is left: finished PRODUCER CONSUMER
finished() {
	wait "$2"
	wait "$1"
	[ "$(cat "$queue/entries")" -eq 0 ]
	eventually grep -qx none "$queue/producer_pid"
	eventually grep -qx none "$queue/consumer_pid"
}

has_consumer() { ! grep -qx none "$queue/consumer_pid"; }

# Room for some entries: capacity_of fixed|varied
capacity_of() {
	case $1 in
	fixed) echo 4096 ;;
	varied) echo 16384 ;;
	esac
}

# consumes fixed|varied CONSUMER [ARG...]: what the generator sends
consumes() {
	local sizes=$1 consumer=$2 consuming
	shift 2
	queue=$(new_queue q "$(capacity_of "$sizes")")
	spawn "$SHAPES/$consumer" "$queue" "$sizes" "$@"
	consuming=$SPAWNED
	spawn "$SHAPES/generator" "$queue" "$sizes" "$TIME"
	finished "$SPAWNED" "$consuming"
}

# consumes_late fixed|varied CONSUMER [ARG...]: the queue is full before it comes
consumes_late() {
	local sizes=$1 consumer=$2 generating
	shift 2
	queue=$(new_queue q "$(capacity_of "$sizes")")
	spawn "$SHAPES/generator" "$queue" "$sizes" "$TIME"
	generating=$SPAWNED
	eventually grep -q '^overruns [1-9]' "$queue/stats"
	spawn "$SHAPES/$consumer" "$queue" "$sizes" "$@"
	finished "$generating" "$SPAWNED"
}

# produces fixed|varied PRODUCER CONSUMER
produces() {
	local consuming
	queue=$(new_queue q "$(capacity_of "$1")")
	spawn "$SHAPES/$3" "$queue" "$1"
	consuming=$SPAWNED
	spawn "$SHAPES/$2" "$queue" "$1" "$TIME"
	finished "$SPAWNED" "$consuming"
}

# --- the loop of a consumer

@test "a consumer that drains, then waits, gets everything" {
	consumes_late fixed drain_then_wait
}

@test "a consumer that waits, then drains, gets what was there before it" {
	consumes_late fixed wait_then_drain wait
}

@test "a consumer that waits for its port first is told of what was there before it" {
	consumes_late varied wait_then_drain poll
}

@test "the only entry that ever comes is told of by a port that is set after it" {
	queue=$(new_queue q)
	# Mounts that come and go are told of, too: three times is no chance.
	for _ in 1 2 3; do
		"$SHAPES/generator" "$queue" fixed 0
		timeout 5 "$SHAPES/wait_then_drain" "$queue" fixed poll
	done
}

@test "a consumer that waits if there is nothing, and takes one entry a turn, gets everything" {
	consumes varied if_empty_wait_one
}

@test "a consumer that looks every 2 ms, with no port, gets everything" {
	consumes fixed poll_only
}

@test "a consumer that expects a known number of completions gets them" {
	local commands answering
	commands=$(new_queue commands)
	queue=$(new_queue completions 4096)
	spawn "$SHAPES/expect_n" answer "$commands" "$queue"
	answering=$SPAWNED
	spawn "$SHAPES/expect_n" ask "$commands" "$queue" "$TIME"
	finished "$answering" "$SPAWNED"
	grep -q '^overruns [1-9]' "$queue/stats"
}

# --- the call that takes an entry

@test "entries are used in place, then dropped" {
	consumes varied peek_in_place
}

@test "a dequeue gives the size that a peek told" {
	consumes varied peek_then_dequeue
}

@test "a size that is set once does for entries of one size" {
	consumes fixed size_reused
}

@test "entries are discarded with neither buffer nor size" {
	consumes varied discard_small
}

@test "an entry that finds no space is discarded, and the next one is as good" {
	consumes varied discard_on_no_space
}

# --- the port

@test "a port is an event source of a program's own loop" {
	consumes_late varied event_source
}

@test "closing the port from another thread ends a wait, and loses nothing" {
	consumes fixed port_closed
}

@test "one port serves three queues, and tells which rang" {
	local producing=() paths=() name
	for name in a b c; do
		paths+=("$(new_queue "$name" 4096)")
	done
	spawn "$SHAPES/three_queues" fixed "${paths[@]}"
	consuming=$SPAWNED
	for queue in "${paths[@]}"; do
		spawn "$SHAPES/generator" "$queue" fixed "$TIME"
		producing+=("$SPAWNED")
	done
	wait "$consuming"
	wait "${producing[@]}"
	[ "$(cat "${paths[@]/%//entries}" | sort -u)" -eq 0 ]
}

# --- producers

@test "threads that produce behind a lock of their own lose nothing" {
	produces varied locked_producers drain_then_wait
}

@test "a producer drops the oldest from a backlog of its own, and nothing else is lost" {
	produces varied drop_oldest drain_then_wait
}

@test "a producer that drops what there is no room for says so in the next message" {
	produces varied say_dropped peek_in_place
}

# --- coming and going

@test "a message stops a consumer, and what lies behind it is the next one's" {
	local generating taken
	queue=$(new_queue q 4096)
	spawn "$SHAPES/generator" "$queue" fixed "$TIME" stop
	generating=$SPAWNED
	taken=$("$SHAPES/stop_message" "$queue" fixed 0)
	spawn "$SHAPES/stop_message" "$queue" fixed "$taken"
	finished "$generating" "$SPAWNED"
}

@test "a pair goes on while fsd is killed and started again" {
	local generating consuming
	queue=$(new_queue q 16384)
	spawn "$SHAPES/event_source" "$queue" varied
	consuming=$SPAWNED
	spawn "$SHAPES/generator" "$queue" varied "$(counted 1 10)"
	generating=$SPAWNED
	eventually has_consumer
	eventually grep -q '^overruns [1-9]' "$queue/stats"
	for _ in 1 2; do
		kill_fsd
		run_fsd
	done
	finished "$generating" "$consuming"
}

@test "a consumer notices that its queue is another one, and attaches anew" {
	local consuming
	queue=$(new_queue q 4096)
	spawn "$SHAPES/queue_made_anew" "$queue" fixed
	consuming=$SPAWNED
	for _ in 1 2; do
		"$SHAPES/generator" "$queue" fixed "$TIME" unended
		eventually grep -qx 0 "$queue/entries"
		[ "$(sys rmdir "$queue")" = EBUSY ]
		kill_fsd
		rm -rf "${STATE:?}"/*
		run_fsd
		queue=$(new_queue q 4096)
	done
	spawn "$SHAPES/generator" "$queue" fixed "$TIME"
	finished "$SPAWNED" "$consuming"
}

# --- dispatch sources

@test "one entry for each callback of a source that is disabled meanwhile" {
	local consuming
	queue=$(new_queue q 4096)
	spawn "$SHAPES/dispatch_one" consume "$queue" fixed
	consuming=$SPAWNED
	spawn "$SHAPES/dispatch_one" produce "$queue" fixed "$TIME"
	finished "$SPAWNED" "$consuming"
}

@test "at most eight entries for each callback of a source" {
	consumes fixed dispatch_eight
}

@test "batches over sources, told of once each, and refilled when there is space" {
	local consuming
	queue=$(new_queue q 4096)
	spawn "$SHAPES/fast_path" consume "$queue"
	consuming=$SPAWNED
	spawn "$SHAPES/fast_path" produce "$queue" "$TIME"
	finished "$SPAWNED" "$consuming"
}

@test "a source without a thread runs in a poll loop" {
	consumes_late varied lent_descriptor
}
