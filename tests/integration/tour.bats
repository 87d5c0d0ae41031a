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

# Lines "$ command" and what they show, of all console blocks.
tour() { sed -n '/^```console$/,/^```$/p' "$SRC/README.md" | grep -v '^```'; }

# Run the commands in one bash as if typed, each shown before its output.
typed() {
	tour | sed -n 's/^\$ //p' >commands
	while IFS= read -r command; do
		printf "printf '%%s\\\\n' %q\n" "\$ $command"
		printf 'eval %q\n' "$command"
	done <commands >script
	# Not into a pipe: fsd goes to the background and may keep it open.
	timeout 120 bash script >typed 2>&1 3>&-
	# At a terminal, bash does not say which line of its script it is in.
	sed 's/^script: line [0-9]*: /bash: /' typed
}

@test "the README's tour does what it shows" {
	if [[ ! -w /dev/fuse ]]; then
		skip "/dev/fuse is not ours to open"
	fi
	tour >wanted
	[ "$(grep -c '^\$ ' wanted)" -gt 10 ]
	if [[ $(id -u) -ne 0 ]]; then
		sed -i 's/^\$ umount/$ fusermount3 -u/' wanted
		tour() { cat wanted; }
	fi
	typed >shown
	same wanted shown
	# It cleaned up behind itself.
	[[ $(</proc/self/mounts) != *" $MNT fuse"* ]]
	[ -z "$(find run -type f)" ]
}
