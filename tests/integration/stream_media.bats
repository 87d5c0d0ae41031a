#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Tones and films of real programs go through streams: byte by byte what was sent, and still
# what other real programs take for a tone or a film. Drivers are a shell, Python with the rings
# mapped, ffmpeg, and the examples; clients are sox, ffmpeg, cat, dd and head.

load lib
setup() {
	local tool
	for tool in sox soxi ffmpeg ffprobe; do
		command -v "$tool" >/dev/null || skip "$tool is not installed"
	done
	fsd_setup
	start_fsd
}

# new_stream NAME MODE BUFFERS SIZE: in $S
new_stream() {
	local i
	S=$MNT/streams/$1
	mkdir "$S"
	for ((i = 0; i < $3; i++)); do
		mkdir "$S/buffers/$i"
		echo "$4" >"$S/buffers/$i/size"
	done
	echo "$2" >"$S/mode"
}

is_state() { [[ $(cat "$S/state") == "$1" ]]; }

# are FRAMES BYTES DROPPED [DISCARDED]: what stats/ says
are() {
	local name got=()
	for name in frames bytes dropped ${4:+discarded}; do
		got+=("$(cat "$S/stats/$name")")
	done
	echo "stats: ${got[*]}; wanted: $*"
	[[ ${got[*]} == "$*" ]]
}

# Half a second: 96000 bytes of samples, 23 buffers of 4096 and one of 1792.
make_tone() {
	sox -n -r 48000 -c 2 -b 16 tone.wav synth 0.5 sine 440
	sox tone.wav -t raw tone.raw
	[ "$(stat -c %s tone.raw)" -eq 96000 ]
}

# is_tone FILE.wav: it is the same sound
is_tone() {
	[ "$(soxi -s "$1") $(soxi -r "$1") $(soxi -c "$1") $(soxi -b "$1")" == "24000 48000 2 16" ]
	sox "$1" -t raw again.raw
	same tone.raw again.raw
}

RAW=(-t raw -r 48000 -c 2 -b 16 -e signed-integer)

# A film of 20 frames, as long as one buffer each.
FRAME=$((320 * 240 * 3 / 2))
RAW_FILM=(-f rawvideo -pixel_format yuv420p -video_size 320x240)
film() { ffmpeg -v error -nostdin -f lavfi -i testsrc=size=320x240:rate=25 -frames:v 20 -pix_fmt yuv420p "$@"; }

frames_in() {
	ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 "$@"
}

# --- input streams: tones are played

@test "what sox plays is the WAV file that a shell's driver writes" {
	make_tone
	new_stream spk input 4 4096
	spawn bash -c 'cat "$1/driver/io" | sox "${@:2}" - played.wav' - "$S" "${RAW[@]}"
	sox tone.wav "${RAW[@]}" - >"$S/io"
	wait "$SPAWNED"
	is_tone played.wav
	eventually is_state closed
	[ "$(cat "$S/stats/bytes") $(cat "$S/stats/dropped") $(cat "$S/stats/discarded")" == "96000 0 0" ]
}

@test "while a driver is behind, stats/ says how much was played; at the end all of it" {
	make_tone
	new_stream spk input 4 4096
	spawn dd if=tone.raw of="$S/io" bs=4096 status=none
	local player=$SPAWNED
	exec 5<"$S/driver/io"
	dd bs=4096 count=10 iflag=fullblock status=none <&5 >played.raw
	# Four more wait in the buffers, and the client for one.
	eventually are 14 $((14 * 4096)) 0
	is_state running
	cat <&5 >>played.raw
	wait "$player"
	exec 5<&-
	same tone.raw played.raw
	eventually is_state closed
	are 24 96000 0 0
}

@test "what ffmpeg plays is the WAV file of a driver that maps the rings" {
	ffmpeg -v error -nostdin -f lavfi -i sine=frequency=330:sample_rate=48000:duration=0.5 -ac 2 -c:a pcm_s16le tone.wav
	sox tone.wav -t raw tone.raw
	new_stream spk input 3 4096
	spawn python3 - "$S" 96000 played.wav <<-'END'
		import errno, mmap, struct, sys, wave
		stream, left = sys.argv[1], int(sys.argv[2])

		def mapped(name):
		    with open(f'{stream}/{name}', 'r+b') as file:
		        return mmap.mmap(file.fileno(), 0)

		buffers = [mapped(f'buffers/{i}/data') for i in range(3)]
		calls = open(f'{stream}/driver/notify', 'rb', buffering=0)
		rings = None
		with wave.open(sys.argv[3], 'wb') as out:
		    out.setparams((2, 2, 48000, 0, 'NONE', ''))
		    while left:
		        assert calls.read(100) == b'async 0\n'
		        rings = rings or [mapped(f'{way}/data') for way in ('input', 'output')]
		        taken, given = rings
		        count, head, tail = struct.unpack_from('3I', taken)
		        while tail != head:
		            i, at, size = struct.unpack_from('3I', taken, 16 + 32 * tail)
		            out.writeframes(buffers[i][at:at + size])
		            left -= size
		            tail = (tail + 1) % count
		            taken[8:12] = struct.pack('I', tail)
		            free, = struct.unpack_from('I', given, 4)
		            struct.pack_into('8I', given, 16 + 32 * free, i, 0, 4096, 0, 64, 0, 0, 0)
		            given[4:8] = struct.pack('I', (free + 1) % count)
		        try:
		            with open(f'{stream}/driver/notify', 'wb', buffering=0) as notify:
		                notify.write(b'1\n')
		        except OSError as error:
		            assert not left and error.errno == errno.ENXIO  # it has seen that it was the last
	END
	ffmpeg -v error -nostdin -i tone.wav -f s16le - >"$S/io"
	wait "$SPAWNED"
	is_tone played.wav
	eventually is_state closed
	[ "$(cat "$S/stats/bytes") $(cat "$S/stats/dropped") $(cat "$S/stats/discarded")" == "96000 0 0" ]
}

@test "the loudspeaker of the examples plays a tone at its pace, to the last sample" {
	# 0.5 s: 63 buffers of 512 bytes, 100 a second.
	sox -n -r 32000 -c 1 -b 16 tone.wav synth 0.5 sine 440
	sox tone.wav -t raw tone.raw
	S=$MNT/streams/speaker
	spawn "$EXAMPLES/driver_speaker" "$MNT" >played.raw
	eventually test -e "$S/buffers/3"
	dd if=tone.raw of="$S/io" bs=512 status=none
	eventually is_state closed
	same tone.raw played.raw
	[ "$(cat "$S/stats/frames") $(cat "$S/stats/bytes") $(cat "$S/stats/discarded")" == "63 32000 0" ]
	sox -t raw -r 32000 -c 1 -b 16 -e signed-integer played.raw played.wav
	[ "$(soxi -s played.wav)" == 16000 ]
}

# --- output streams: films are captured

@test "a film that ffmpeg makes is captured frame by frame" {
	new_stream cam output 3 "$FRAME"
	film -f rawvideo sent.raw
	spawn dd if=sent.raw of="$S/driver/io" bs="$FRAME" status=none
	local driver=$SPAWNED
	cat "$S/io" >got.raw
	wait "$driver"
	same sent.raw got.raw
	[ "$(frames_in "${RAW_FILM[@]}" got.raw)" == 20 ]
	are 20 $((20 * FRAME)) 0 0
}

@test "while a client is behind, stats/ says how much was passed; the film is whole" {
	new_stream cam output 3 "$FRAME"
	film -f rawvideo sent.raw
	spawn dd if=sent.raw of="$S/driver/io" bs="$FRAME" status=none
	local driver=$SPAWNED
	exec 4<"$S/io"
	dd bs="$FRAME" count=7 iflag=fullblock status=none <&4 >got.raw
	# Three more wait in the buffers, and the driver for one.
	eventually are 10 $((10 * FRAME)) 0
	is_state running
	cat <&4 >>got.raw
	exec 4<&-
	wait "$driver"
	same sent.raw got.raw
	are 20 $((20 * FRAME)) 0 0
	[ "$(frames_in "${RAW_FILM[@]}" got.raw)" == 20 ]
}

@test "a film in a container goes from ffmpeg to ffmpeg, with its sound" {
	new_stream cam output 4 16384
	ffmpeg -v error -nostdin -f lavfi -i testsrc=size=320x240:rate=25 \
		-f lavfi -i sine=frequency=440:sample_rate=48000 -t 0.8 \
		-c:v rawvideo -pix_fmt yuv420p -c:a pcm_s16le -f matroska sent.mkv
	spawn bash -c 'exec ffmpeg -v error -nostdin -i sent.mkv -c copy -f nut - >"$1/driver/io"' - "$S"
	ffmpeg -v error -nostdin -f nut -i - -f framemd5 got.md5 <"$S/io"
	wait "$SPAWNED"
	ffmpeg -v error -nostdin -i sent.mkv -f framemd5 sent.md5
	[ "$(grep -vc '^#' sent.md5)" -gt 20 ]
	same <(grep -v '^#' sent.md5 | tr -d ' ' | cut -d, -f 1,5,6 | sort) \
		<(grep -v '^#' got.md5 | tr -d ' ' | cut -d, -f 1,5,6 | sort)
	[ "$(cat "$S/stats/dropped") $(cat "$S/stats/discarded")" == "0 0" ]
}

# --- drivers of the library, and readers of bytes

# letters N: the first frames of the camera
letters() { perl -e 'print chr(97 + $_ % 26) x 4096 for 0 .. shift() - 1' "$1"; }

@test "cat reads the camera of the examples, which loses frames only while nobody reads" {
	S=$MNT/streams/camera
	spawn "$EXAMPLES/driver_camera" "$MNT"
	eventually test -e "$S/buffers/2"
	exec 4<"$S/io"
	dd bs=4096 count=10 iflag=fullblock status=none <&4 >got
	eventually has_dropped
	dd bs=4096 count=10 iflag=fullblock status=none <&4 >>got
	exec 4<&-
	letters 20 >sent
	same sent got
	eventually is_state closed
}

has_dropped() { [ "$(cat "$S/stats/dropped")" -gt 0 ]; }

@test "what the camera shows is heard from the loudspeaker" {
	spawn "$EXAMPLES/driver_camera" "$MNT"
	spawn "$EXAMPLES/driver_speaker" "$MNT" >played
	eventually test -e "$MNT/streams/camera/buffers/2" -a -e "$MNT/streams/speaker/buffers/3"
	head -c 32768 "$MNT/streams/camera/io" >"$MNT/streams/speaker/io"
	S=$MNT/streams/speaker
	eventually is_state closed
	letters 8 >sent
	same sent played
}
