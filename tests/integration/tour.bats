#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The README's tour, command by command, and its output, character by character.

load lib

setup() {
	fsd_setup
	# The tour is typed in the source tree, after scripts/setup.
	mkdir build
	ln -s "$(dirname "$(dirname "$FSD")")/fsd" build/fsd
	ln -s "$(dirname "$(dirname "$FSD")")/libqueue" build/libqueue
	ln -s "$EXAMPLES" build/examples
	ln -s "$SRC/examples" examples
	mkdir run
	export XDG_RUNTIME_DIR=$T/run
	unset RUNTIME_DIRECTORY
	export LC_ALL=C
}

teardown() {
	fsd_teardown
}

# Lines "$ command", with "> " before what goes on, and what they show, of all console blocks.
tour() { sed -n '/^```console$/,/^```$/p' "$SRC/README.md" | grep -v '^```'; }

# typed FILE: run its commands in one bash as if typed, each shown before its output.
typed() {
	grep '^[$>] ' "$1" >"$T/commands"
	{
		local line command='' shown=''
		while IFS= read -r line; do
			if [[ $line == '$ '* && -n $command ]]; then
				printf 'printf %%s %q\neval %q\n' "$shown" "$command"
				command='' shown=''
			fi
			command+=${line#??}$'\n' shown+=$line$'\n'
		done
		printf 'printf %%s %q\neval %q\n' "$shown" "$command"
	} <"$T/commands" >"$T/script"
	# Not into a pipe: fsd goes to the background and may keep it open.
	timeout 120 bash "$T/script" >"$T/typed" 2>&1 3>&-
	# At a terminal, bash does not say which line of its script it is in.
	sed "s,^$T/script: line [0-9]*: ,bash: ," "$T/typed"
}

@test "the README's tour does what it shows" {
	if [[ ! -w /dev/fuse ]]; then
		skip "/dev/fuse is not ours to open"
	fi
	tour >wanted
	[ "$(grep -c '^\$ ' wanted)" -gt 10 ]
	if [[ $(id -u) -ne 0 ]]; then
		sed -i 's/^\$ umount/$ fusermount3 -u/' wanted
	fi
	typed wanted >shown
	same wanted shown
	# It cleaned up behind itself.
	[[ $(</proc/self/mounts) != *" $MNT fuse"* ]]
	[ -z "$(find run -type f)" ]
}

@test "the driver in bash of the examples serves its clients" {
	start_fsd
	S=$MNT/IOService/Calculator
	spawn "$SRC/examples/driver.sh" "$S"
	eventually grep -q '^registered' "$S/state"
	[ "$(cat "$S/prop/Model")" = '"Calculator of bash"' ]
	exec 6<>"$S/clone"
	U=$S/clients/1
	exec 7<>"$U/m/multiply"
	echo 6 7 >&7
	[ "$(cat <&7)" = 42 ]
	printf 'a b%%c\n\001\0z' >bytes
	exec 7<>"$U/struct/echo"
	cat bytes >&7
	same bytes - <&7
	exec 7<>"$U/call" 8<"$U/async"
	echo '{"sel": 2, "si": [2], "async": 9}' >&7
	grep -q '"rc":0' <&7
	grep -m 2 . <&8 >completions
	printf '{"ref":9,"rc":0,"args":[%d,2]}\n' 1 2 | same completions -
	echo '{"sel": 2, "si": [2]}' >&7
	grep -q kIOReturnBadArgument <&7
	exec 6>&- 7>&- 8>&-
	rmdir "$S"
	wait "$SPAWNED"
	stop_fsd
}

@test "the driver in Python of the examples shares memory with its clients" {
	start_fsd
	S=$MNT/IOService/Clock
	spawn "$SRC/examples/driver.py" "$S"
	eventually grep -q '^registered' "$S/state"
	exec 6<>"$S/clone"
	U=$S/clients/1
	exec 7<>"$U/m/interval"
	echo 10 >&7
	[ -z "$(cat <&7)" ]
	exec 8<"$U/port/0"
	grep -m 2 '"ticks"' <&8
	read -r ticks nanoseconds < <(od -A n -t u8 -N 16 "$U/mem/0")
	((ticks >= 2))
	((nanoseconds / 1000000000 >= $(date +%s) - 60))
	expect EOPNOTSUPP open "$U/port/1" r
	exec 6>&- 7>&- 8>&-
	rmdir "$S"
	wait "$SPAWNED"
	stop_fsd
}

@test "the driver and the client of fsd-driver(5) do what it shows" {
	start_fsd
	example() { sed -n "/^\.Sh EXAMPLES/,\$p" "$SRC/docs/man/fsd-driver.5" | awk -v n="$1" '
		/^\.Ed/ { inside = 0 }
		inside { print }
		/^\.Bd/ { inside = ++count == n }'; }
	example 1 >driver
	example 2 >wanted
	[ "$(wc -l <driver)" -gt 8 ]
	spawn env -C "$MNT" bash "$T/driver"
	S=$MNT/IOService/Calc
	eventually grep -q '^registered' "$S/state"
	sed -n 's/^\$ //p' wanted >client
	S=$S bash client 3>&- | same - <(grep -v '^\$' wanted)
	rmdir "$S"
	eventually gone "$SPAWNED"
	stop_fsd
}

# The examples of a manual page, one after the other, that are typed.
examples() {
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$SRC/docs/man/$1" | awk '
		/^\.Ed/ { inside = 0 }
		inside && typed { print }
		/^\.Bd/ { inside = 1; getline; typed = /^\$ /; if (typed) print }'
}

@test "the examples of fsd-stream(5) do what they show" {
	start_fsd -c "$SRC/examples/fsd.json"
	examples fsd-stream.5 >wanted
	[ "$(grep -c '^\$ ' wanted)" -gt 40 ]
	cd "$MNT"
	typed "$T/wanted" >"$T/shown"
	cd "$T"
	same wanted shown
	stop_fsd
}

# The one that begins with $1, as it is to be typed.
program_of() {
	sed -n "/^$1/,/^\.Ed/p" "$SRC/docs/man/fsd-stream.5" | sed '/^\.Ed/,$d; s/\\e/\\/g'
}

@test "the drivers of fsd-stream(5) drive" {
	start_fsd
	S=$MNT/streams/demo
	mkdir "$S" "$S/buffers/0" "$S/buffers/1"
	has_driver() { expect EBUSY open "$S/driver/control" rw; }

	program_of 'exec 3<>.S.driver' >driver
	[ "$(wc -l <driver)" -gt 6 ]
	S=$S spawn bash "$T/driver"
	eventually has_driver
	exec 4<>"$S/io"
	echo 1 >"$S/start"
	echo 1 >"$S/suspend"
	echo 1 >"$S/stop"
	expect EOPNOTSUPP write "$S/mode" input
	exec 4>&-
	rmdir "$S/buffers/1"
	kill "$SPAWNED"
	eventually expect ok open "$S/driver/control" rw

	program_of 'import os, select' >driver
	[ "$(wc -l <driver)" -gt 20 ]
	spawn env -C "$MNT" python3 "$T/driver"
	eventually has_driver
	[ "$(timeout 30 head -n 2 "$S/io")" = 'frame 0
frame 1' ]
	eventually grep -qx closed "$S/state"
	timeout 30 head -n 1 "$S/io" | grep -E '^frame [0-9]+$'
	kill "$SPAWNED"
	stop_fsd
}

@test "what README of the mount says to type works" {
	start_fsd
	grep -E '^  (mkdir|echo|cat|head|rmdir|seq|S=|exec|read|ls)[ I]' "$MNT/README" >commands
	[ "$(wc -l <commands)" -eq 23 ]
	# Somebody has to be refused first.
	sed -i 's/^  cat err/echo x >"$S\/class" || &/' commands
	env -C "$MNT" timeout 60 bash -e "$T/commands" >said 2>complaints
	cat said complaints
	[ "$(head -n 7 said)" = "1
hello
hello
1
2
3
1" ]
	grep -qx 'IOService:/S' said
	grep -q '^creator' said
	eventually test ! -e "$MNT/IOService/S"
	stop_fsd
}
