# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# lib.bash - a private mount for each bats test, which always goes away
#
# A file of tests begins with
#
#	load lib				# or what stands on it
#	setup() { fsd_setup; start_fsd; }	# start_fsd [OPTION...]; without it: fsd_setup
#
# and each of its tests finds
#
#	$T	an empty directory on a tmpfs, removed at the end; the tests run in it
#	$MNT	where fsd is mounted: $T/mnt
#	$STATE	its state directory: $T/state
#	$LOG	its standard error: $T/fsd.log
#	$FSD	the program; $EXAMPLES the built examples; $SRC the source tree
#	$MODE	passthrough or link: the memory mode that fsd was told to use
#
# meson runs each file once for either mode (FSD_TEST_MEMORY). Where this
# machine cannot do passthrough, which is decided by trying, its tests are
# skipped with the reason.
#
# The daemon
#	start_fsd [OPTION...]	mount and wait until it is there
#	stop_fsd		unmount; it must exit 0 and have logged no complaint
#	kill_fsd		kill -9, the mount stays behind, dead
#	restart_fsd		kill_fsd, then start it with the same options
#	fsd_pid			its pid
#	small_state		$STATE is on a tmpfs of 1 MiB: before start_fsd; root's tests alone
#	expect_log REGEX	a complaint in the log is wanted: fail if it is not
#				there, and do not mind it at the end
#	start_fsd_as UID [...]	as start_fsd, run by an ordinary user; one with a name,
#				such as 65534, as fusermount3 asks for it. Only this
#				user can enter the mount: use `as_fsd CMD...`
#
# Waiting and users
#	eventually CMD...	true within 30 s (FSD_TEST_PATIENCE); never sleep
#	never CMD...		false during 0.3 s
#	spawn CMD...		in the background, killed at the end; pid in $SPAWNED
#	as_user UID[:GID[,GID...]] CMD...	without root's rights
#
# System calls and their errno (sys.py)
#	sys CALL ARG...		prints "ok", or "ok RESULT", or the errno's name
#	expect WANT CALL ARG...	runs it and compares: expect EBUSY open data rw
#	hold FILE [r|w|rw]	spawn a process that keeps FILE open, with the role's
#				lock where it is a link; ends with the test or `release`
#	release			end the last `hold`
#
# Queues
#	new_queue NAME [CAPACITY]	mkdir; prints the path
#	put QUEUE TEXT		one entry through `enqueue`
#	get QUEUE		one entry through `dequeue`, as it is
#
# Other
#	skip_unless_root	for what needs root, with the reason
#	text N			prints N lines of a real text
#	same A B		compare two files, show the difference
#
# /dev/fuse may be root's alone (0600). start_fsd_as makes it writable for as
# long as its test runs, one such test at a time, and puts the mode back.
#
# Call start_fsd, hold and spawn in the test itself, not in $(...) or `run`:
# what they start is waited for by the test's own shell.

bats_require_minimum_version 1.5.0

: "${FSD_TEST_MEMORY:=link}"
: "${FSD_TEST_PATIENCE:=30}"

SRC=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
: "${FSD:=$SRC/build/fsd/fsd}"
: "${EXAMPLES:=$SRC/build/examples}"
MODE=$FSD_TEST_MEMORY
export SRC FSD EXAMPLES MODE

# --- waiting

eventually() {
	local limit=$((SECONDS + FSD_TEST_PATIENCE))
	until "$@"; do
		if ((SECONDS > limit)); then
			echo "never became true: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

never() {
	local _
	for _ in {1..15}; do
		if "$@"; then
			echo "became true: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# By the table: stat(2) fails on a dead mount, and on that of another user.
is_mounted() { grep -q " $MNT fuse" /proc/self/mounts; }

# Mounted and answered by a living daemon.
is_up() { is_mounted && as_fsd test -e "$MNT/version"; }

# The daemon came up, or gave up.
settled() { is_up || gone "$FSD_PID"; }

spawn() {
	local AS=()
	if [[ $1 == as_user ]]; then # no function, so that $! is the command itself
		become "$2"
		shift 2
	fi
	# <&0, or a command in the background reads /dev/null.
	"${AS[@]}" "$@" <&0 3>&- 9>&- &
	SPAWNED=$!
	echo "$SPAWNED" >>"$T/spawned"
}

# Set AS to the command that runs another one as UID[:GID[,GID...]].
become() {
	local uid=${1%%:*} gids=${1%%:*}
	[[ $1 != *:* ]] || gids=${1#*:}
	AS=(setpriv --reuid "$uid" --regid "${gids%%,*}" --groups "$gids" --inh-caps=-all)
}

as_user() {
	local AS
	become "$1"
	shift
	"${AS[@]}" "$@"
}

# As the user that runs fsd, who alone can enter the mount.
as_fsd() {
	if [[ -n ${FSD_AS:-} ]]; then
		as_user "$FSD_AS" "$@"
	else
		"$@"
	fi
}

# --- system calls

sys() { python3 "$BATS_TEST_DIRNAME/sys.py" "$@"; }

expect() {
	local want=$1 got
	shift
	got=$(sys "$@")
	if [[ $got != "$want" ]]; then
		echo "$*: wanted $want, got $got" >&2
		return 1
	fi
}

hold() {
	local ready=$T/held.$RANDOM
	spawn python3 "$BATS_TEST_DIRNAME/sys.py" hold "$1" "${2:-rw}" "$ready"
	HELD=$SPAWNED
	eventually test -e "$ready"
	[[ $(cat "$ready") == ok ]] || {
		echo "hold $1: $(cat "$ready")" >&2
		return 1
	}
}

release() {
	kill -9 "$HELD"
	wait "$HELD" 2>/dev/null || true
}

# --- the daemon

# Can fsd do passthrough here? Says why not.
try_passthrough() {
	local tried=$BATS_FILE_TMPDIR/passthrough
	(
		T=$(mktemp -d /dev/shm/fsd-test.XXXXXX)
		MNT=$T/mnt STATE=$T/state LOG=$T/fsd.log
		mkdir "$MNT" "$STATE"
		"$FSD" -f -s "$STATE" -o memory=passthrough "$MNT" 2>"$LOG" 3>&- &
		pid=$!
		FSD_PID=$pid
		eventually settled
		if ! is_up; then
			sed 's/^<[0-9]>//' "$LOG" | tail -n 1 >"$tried"
		fi
		unmount "$MNT" 2>/dev/null || true
		kill "$pid" 2>/dev/null || true
		wait "$pid" || true
		rm -rf "$T"
	)
	[[ ! -s $tried ]]
}

fsd_setup_file() {
	[[ -x $FSD ]] || {
		echo "no fsd at $FSD" >&2
		return 1
	}
	if [[ ! -r /dev/fuse || ! -w /dev/fuse ]]; then
		FSD_SKIP="/dev/fuse is not ours to open"
	elif [[ $MODE == passthrough ]] && ! try_passthrough; then
		FSD_SKIP="no passthrough here: $(cat "$BATS_FILE_TMPDIR/passthrough")"
	fi
	export FSD_SKIP
}

fsd_setup() {
	[[ -z ${FSD_SKIP:-} ]] || skip "$FSD_SKIP"
	T=$(mktemp -d /dev/shm/fsd-test.XXXXXX)
	MNT=$T/mnt STATE=$T/state LOG=$T/fsd.log
	export T MNT STATE LOG
	mkdir "$MNT" "$STATE"
	: >"$T/spawned"
	: >"$T/expected"
	chmod 0755 "$T"
	FSD_PID='' FSD_AS='' FUSE_MODE='' FSD_ARGS=()
	cd "$T" || return 1
}

small_state() {
	skip_unless_root "a small tmpfs has to be mounted"
	mkdir small
	mount -t tmpfs -o size=1m,mode=0700 none small
	STATE=$T/small/state
}

fsd_pid() { echo "$FSD_PID"; }

# Run fsd with FSD_ARGS, by the user FSD_AS if there is one.
run_fsd() {
	local AS=()
	[[ -z $FSD_AS ]] || become "$FSD_AS"
	# No function here: $! has to be fsd itself. 3 is bats' own output, 9 the
	# lock of start_fsd_as.
	"${AS[@]}" "$FSD" -f -s "$STATE" -o "memory=$MODE" "${FSD_ARGS[@]}" "$MNT" 2>>"$LOG" 3>&- 9>&- &
	FSD_PID=$!
	eventually settled
	if gone "$FSD_PID"; then
		local status=0
		wait "$FSD_PID" || status=$?
		echo "fsd ended with status $status:" >&2
		cat "$LOG" >&2
		FSD_PID=''
		return 1
	fi
}

start_fsd() {
	FSD_ARGS=("$@")
	run_fsd
}

start_fsd_as() {
	skip_unless_root "another user has to be made"
	FSD_AS=$1
	shift
	# Others wait here until this test has put the mode back.
	exec 9</dev/fuse
	flock 9
	FUSE_MODE=$(stat -c %a /dev/fuse)
	chmod 0666 /dev/fuse
	chown -R "${FSD_AS%%:*}" "$T"
	chmod 0666 "$LOG" 2>/dev/null || true
	start_fsd "$@"
}

unmount() { # unmount MOUNTPOINT [lazily]
	if [[ $(id -u) -eq 0 ]]; then
		umount ${2:+-l} "$1"
	else
		fusermount3 -u ${2:+-z} "$1"
	fi
}

try_unmount() { unmount "$MNT" 2>"$T/unmount.err"; }

kill_spawned() {
	local pid
	while read -r pid; do
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done <"$T/spawned"
	: >"$T/spawned"
}

stop_fsd() {
	local status=0 pid=$FSD_PID
	[[ -n $pid ]] || return 0
	kill_spawned
	cd /
	if ! gone "$pid"; then
		eventually try_unmount || {
			cat "$T/unmount.err" >&2
			return 1
		}
		eventually gone "$pid" || return 1
	fi
	wait "$pid" || status=$?
	FSD_PID=''
	if ((status)); then
		echo "fsd exited with $status" >&2
		cat "$LOG" >&2
		return 1
	fi
	cd "$T" || return 1
}

kill_fsd() {
	kill -9 "$FSD_PID"
	wait "$FSD_PID" 2>/dev/null || true
	FSD_PID=''
}

restart_fsd() {
	kill_fsd
	run_fsd
}

# Lines of the log that complain: a level of warning or worse, or no level at
# all, as a sanitizer's report has none.
complaints() {
	[[ -e $LOG ]] || return 0
	grep -v '^<[5-7]>' "$LOG" | grep -vEf "$T/expected" || true
}

expect_log() {
	eventually grep -qE "$1" "$LOG"
	echo "$1" >>"$T/expected"
}

# What is mounted in the test's directory, as mountinfo has it: a blank is \040.
mounts() { awk -v "under=$T/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo; }

# grep -f with an empty file matches nothing, and that is wanted at first.
fsd_teardown() {
	local status=0 said mount
	[[ -n ${T:-} ]] || return 0
	stop_fsd || status=1
	said=$(complaints)
	if [[ -n $said ]]; then
		echo "fsd complained:" >&2
		echo "$said" >&2
		status=1
	fi
	kill_spawned
	cd /
	if [[ -n $FSD_PID ]]; then
		kill -9 "$FSD_PID" 2>/dev/null || true
		wait "$FSD_PID" 2>/dev/null || true
	fi
	mounts | while read -r mount; do
		unmount "$(printf %b "$mount")" lazily || true
	done
	if [[ -n ${FUSE_MODE:-} ]]; then
		chmod "$FUSE_MODE" /dev/fuse
		FUSE_MODE=''
		exec 9>&-
	fi
	rm -rf "$T"
	return "$status"
}

# What a file does not say otherwise.
setup_file() { fsd_setup_file; }
setup() { fsd_setup; }
teardown() { fsd_teardown; }

# --- queues

new_queue() {
	local queue=$MNT/queues/$1
	mkdir "$queue"
	[[ -z ${2:-} ]] || echo "$2" >"$queue/capacity"
	echo "$queue"
}

# bash writes line by line, and one write is one entry.
put() { printf '%s' "$2" | dd of="$1/enqueue" bs=1M iflag=fullblock conv=notrunc status=none; }

get() { dd if="$1/dequeue" bs=1M count=1 status=none; }

# --- other

skip_unless_root() {
	[[ $(id -u) -eq 0 ]] || skip "needs root: $1"
}

text() {
	local words=/usr/share/dict/words
	if [[ ! -r $words ]]; then
		words=$BATS_FILE_TMPDIR/words
		[[ -s $words ]] || dpkg --status >"$words"
	fi
	# Repeated as often as it takes.
	while cat "$words"; do :; done 2>/dev/null | head -n "$1"
}

same() {
	cmp "$1" "$2" && return
	diff "$1" "$2" | head -n 20 >&2
	return 1
}

# The names of the services below IOService, or below the service given.
services() {
	find "${1:-$MNT/IOService}" -mindepth 1 -maxdepth 1 -type d \
		! -name prop ! -name parents ! -name buf ! -name clients ! -name queues \
		-printf '%f\n' | sort
}
