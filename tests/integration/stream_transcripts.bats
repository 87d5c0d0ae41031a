#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What shells type and see of streams, as transcripts/streams.md has it, line by line.
#
# Allowed to differ: process ids, and how long dd(1) took. A shell speaks of the job it starts
# in the background, and of its end when something is typed. `cat $S/io &` reads when it
# gets round to it: what follows is typed when the stream is running. A's working directory is in
# the mount, where files are not made: its files are below $T. What was written before plays on
# after its close, and an open is refused as long: dd(1) is typed after that. It needs a clip,
# here of two frames.

load lib

# A source with so many buffers, a sink whose two buffers play for half a second, and a stream
# that nobody drives.
start_streams() { # start_streams BUFFERS
	cat >config.json <<-END
		{ "services": [
		    { "name": "cam0", "streams": [
		        { "name": "stream0", "driver": "source", "rate": 30, "buffers": $1, "size": 4096, "control_size": 64 } ] },
		    { "name": "spk0", "streams": [
		        { "name": "stream0", "driver": "sink", "rate": 4, "buffers": 2, "size": 4096, "control_size": 64 } ] },
		    { "name": "demo", "streams": [
		        { "name": "stream0", "buffers": 2, "size": 4096, "control_size": 64 } ] } ] }
	END
	start_fsd -c "$T/config.json"
}

play() { timeout 120 python3 "$SRC/tests/integration/transcripts/play.py" "$1" "$MNT"; }

@test "A: capture" {
	start_streams 3
	play A
}

@test "B: playback" {
	command -v sox >/dev/null || skip "needs sox"
	sox -n -r 8000 -c 1 -b 16 tone.wav synth 1 sine 440
	head -c 8192 /dev/urandom >clip.yuv
	start_streams 3
	play B
}

@test "C: start, suspend, resume, stop by hand" {
	start_streams 3
	play C
}

@test "D: two buffers, ping-pong, without copying through io" {
	start_streams 2
	play D
	[[ $(stat -c %s out.raw) == 16384 ]]
}

@test "E: be the driver" {
	start_streams 3
	play E
}

@test "F: shape the buffers; exclusive use" {
	start_streams 3
	play F
}

@test "G: drain and wait" {
	start_streams 3
	play G
}
