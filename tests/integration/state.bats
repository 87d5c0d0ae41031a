#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Start and end: options, mount points, state directories.

# shellcheck disable=SC2154 # bats sets stderr
load checks

# A start that must fail with STATUS and say WHAT, and mount nothing.
fails() { # fails STATUS WHAT [FSD-ARGUMENT...]
	local status=0 want=$1 what=$2
	shift 2
	"$FSD" -f "$@" 2>said || status=$?
	cat said >&2
	[[ $status -eq $want ]]
	grep -qF "$what" said
}

# Where fsd runs in the background, its pid by its state directory.
pid_of() { pgrep -f -- "fsd.*-s $1 "; }
none_of() { ! pid_of "$1" >/dev/null; }

# --- options

@test "help and version are answered, and anything wrong with 2" {
	[[ $("$FSD" --version) == 'fsd '[0-9]* ]]
	"$FSD" --help | grep -q -- --state
	fails 2 'fsd: the mount point is missing'
	fails 2 "fsd: one mount point is enough: 'b'" a b
	fails 2 'fsd --help' --nonsense
	fails 2 'memory=magic: must be auto, passthrough or link' -o memory=magic "$MNT"
	fails 2 'max_queues=0: must be a number above 0' -o max_queues=0 "$MNT"
	fails 2 'max_queue_size=1k: must be a number above 0' -o max_queue_size=1k "$MNT"
	fails 1 "mount options" -s "$STATE" -o nosuchoption "$MNT"
	run ! is_mounted
}

@test "limits are kept, and say so in the log" {
	start_fsd -o max_queues=3,max_queue_size=8192
	mkdir "$MNT"/queues/{a,b} 2>/dev/null || true
	[[ ! -d $MNT/queues/a ]]	# the default capacity is above the limit
	expect_log 'max_queue_size=8192'
	stop_fsd
	start_fsd -o max_queues=3
	mkdir "$MNT"/queues/{a,b,c}
	expect ENOSPC mkdir "$MNT/queues/d"
	expect_log 'max_queues=3'
	rmdir "$MNT/queues/b"
	mkdir "$MNT/queues/d"
}

@test "in the background the start returns when the mount is there, in silence" {
	run "$FSD" -s "$STATE" -o "memory=$MODE" "$MNT"
	[[ $status -eq 0 && -z $output ]]
	mkdir "$MNT/queues/q"
	try_unmount
	eventually none_of "$STATE"
	[[ -z $(ls "$STATE") ]]
}

@test "in the background a start that fails says why, with status 1" {
	run --separate-stderr "$FSD" -s "$STATE" "$T/nothing/here"
	[[ $status -eq 1 && $stderr == *"$T/nothing/here"* ]]
	run --separate-stderr "$FSD" -s "$STATE" "$T/nothing"
	[[ $status -eq 1 && $stderr == *"cannot use mount point '$T/nothing': No such file"* ]]
}

@test "a mount point may be named by symbolic links, and is taken over by them" {
	mkdir real
	ln -s "$T/real" whole
	ln -s ../real/../whole real/part
	ln -s b a
	ln -s a b
	fails 1 "cannot use mount point 'a': Too many levels of symbolic links" -s "$STATE" a
	for name in whole real/part; do
		spawn "$FSD" -f -s "$STATE" -o "memory=$MODE" "$name"
		eventually test -e real/version
		[[ $(<real/status) == *"\"mountpoint\": \"$T/real\""* ]]
		mkdir real/queues/q
		kill -9 "$SPAWNED"
		wait "$SPAWNED" || true
		spawn "$FSD" -f -s "$STATE" -o "memory=$MODE" whole
		eventually test -d real/queues/q
		unmount real
		wait "$SPAWNED"
	done
}

@test "with however few descriptors, a start that fails says why" {
	local n=6 said
	while ! said=$(prlimit --nofile=$n:$n "$FSD" -s "$STATE" -o "memory=$MODE" "$MNT" 2>&1); do
		[[ -n $said ]] || { echo "nothing is said with $n" >&2; false; }
		n=$((n + 1))
		((n < 200))
	done
	try_unmount
	eventually none_of "$STATE"
}

@test "a mount that the kernel refuses: the message says whether it is /dev/fuse" {
	skip_unless_root "another /dev has to be made"
	run --separate-stderr unshare -m sh -c "mount -t tmpfs none /dev && mkdir -p '$STATE' '$MNT' &&
		exec '$FSD' -f -s '$STATE' '$MNT'"
	[[ $status -eq 1 && $stderr == *"cannot open /dev/fuse to mount on '$MNT': No such file or directory"* ]]
	run --separate-stderr unshare -m sh -c "mount --bind /dev/null /dev/fuse && exec '$FSD' -f -s '$STATE' '$MNT'"
	[[ $status -eq 1 && $stderr == *"cannot mount on '$MNT': the line above says why"* ]]
}

@test "a verbose log tells of queues and roles, and of names with a newline in one line" {
	start_fsd -v
	mkdir "$MNT/queues/"$'a\nb'
	rmdir "$MNT/queues/"$'a\nb'
	eventually grep -q "queue made name='a?b'" "$LOG"
	eventually grep -q "queue removed name='a?b'" "$LOG"
}

# --- mount points

@test "a mount point that is not there, a file, or in use is refused" {
	fails 1 "No such file" -s "$STATE" "$T/none"
	: >file
	fails 1 "is no directory" -s "$STATE" "$T/file"
	skip_unless_root "something has to be mounted"
	mkdir tmp
	mount -t tmpfs none tmp
	fails 1 "is in use" -s "$STATE" tmp || { umount tmp; false; }
	umount tmp
	start_fsd
	fails 1 "is in use" -s "$T/other" "$MNT"
	[[ -e $MNT/version ]]
}

@test "a mount point may be named in any way" {
	mkdir -p 'a b/c%d' e
	(cd 'a b/c%d' && "$FSD" -s "$T/state1" .)
	"$FSD" -s "$T/state2" 'e/'
	[[ -e $T/'a b/c%d'/version && -e e/version ]]
	eventually unmount 'a b/c%d'
	eventually unmount e
	eventually none_of "$T/state1"
	eventually none_of "$T/state2"
}

@test "the dead mount of a killed fsd is taken over, however often" {
	start_fsd
	mkdir "$MNT/queues/q"
	for _ in 1 2 3; do
		restart_fsd
		[[ -d $MNT/queues/q ]]
	done
	[[ $(grep -c " $MNT fuse" /proc/self/mounts) -eq 1 ]]
}

@test "two mounts at once know nothing of each other" {
	mkdir other
	start_fsd
	"$FSD" -s "$T/second" -o "memory=$MODE" other
	mkdir "$MNT/queues/q" other/queues/q other/queues/r
	put "$MNT/queues/q" first
	put other/queues/q second
	[[ $(get "$MNT/queues/q") == first && $(get other/queues/q) == second ]]
	[[ $(ls "$MNT/queues") == q ]]
	eventually unmount other
	eventually none_of "$T/second"
	[[ -d $MNT/queues/q && ! -e second ]]
}

@test "SIGHUP and SIGPIPE are ignored" {
	start_fsd
	kill -HUP "$FSD_PID"
	kill -PIPE "$FSD_PID"
	mkdir "$MNT/queues/q"
	rmdir "$MNT/queues/q"
}

# --- state directories

@test "a state directory that cannot be one is refused" {
	: >file
	fails 1 "state directory '$T/file'" -s "$T/file" "$MNT"
	fails 1 "state directory '$T/file/x'" -s "$T/file/x" "$MNT"
	fails 1 "state directory '/proc/nothing'" -s /proc/nothing "$MNT"
	fails 1 "state directory ''" -s '' "$MNT"
	ln -s nowhere dangling
	fails 1 "state directory '$T/dangling'" -s "$T/dangling" "$MNT"
	mkdir "$STATE/lock"
	fails 1 "state/lock'" -s "$STATE" "$MNT"
	rmdir "$STATE/lock"
	ln -s ../file "$STATE/lock"
	fails 1 "state/lock'" -s "$STATE" "$MNT"
	rm "$STATE/lock"
	[[ -z $(ls "$STATE") ]]
	# Folders above it are made; a link to one is as good as it.
	ln -s "$T/a/b/c" link
	mkdir -p a/b
	"$FSD" -s "$T/a/b/c/d" "$MNT"
	[[ -e a/b/c/d/fsd.json ]]
	try_unmount
	eventually test ! -e a/b/c/d
}

@test "a start that fails leaves the state directory as it is" {
	start_fsd
	mkdir "$MNT/queues/q" "$MNT/IOService/S"
	put "$MNT/queues/q" entry
	kill_fsd
	unmount "$MNT" lazily
	kept() { # all but the generation, which goes up with each try
		find "$STATE" -printf '%P %y %m\n' | sort
		find "$STATE" -name record.json -exec sha256sum {} + | sort
	}
	kept >before
	fails 1 "No such file" -s "$STATE" "$T/none"
	fails 1 "is no directory" -s "$STATE" "$LOG"
	fails 1 "mount options" -s "$STATE" -o nosuchoption "$MNT"
	fails 2 "fsd --help" -s "$STATE" --nonsense "$MNT"
	kept >after
	same before after
	run_fsd
	[[ $(get "$MNT/queues/q") == entry && -d $MNT/IOService/S ]]
}

@test "in the background, too, a state directory in use or of others is refused with status 1" {
	start_fsd
	mkdir other strange
	: >strange/file
	run --separate-stderr "$FSD" -s "$STATE" other
	[[ $status -eq 1 && $stderr == *"is in use by another fsd"* ]]
	run --separate-stderr "$FSD" -s strange other
	[[ $status -eq 1 && $stderr == *"it holds 'file'"* ]]
	run ! mountpoint -q other
	mkdir "$MNT/queues/q"
}

@test "a second fsd on a state directory is refused, and the first goes on" {
	start_fsd
	mkdir other
	fails 1 "is in use by another fsd" -s "$STATE" other
	mkdir "$MNT/queues/q"
}

@test "an fsd that waits for another to end starts, whatever that takes away at its end" {
	has_open() { readlink "/proc/$SPAWNED"/fd/* | grep -qF "$1"; }
	mkdir other
	for rest in kept kept/lock; do
		mkdir -m 0700 kept
		exec 9>kept/lock		# spawn closes it
		flock 9
		spawn "$FSD" -f -s "$T/kept" -o "memory=$MODE" "$MNT"
		eventually has_open "$T/kept/lock"
		rm -r "$rest"
		exec 9>&-
		eventually is_up
		fails 1 "is in use by another fsd" -s "$T/kept" other
		eventually unmount "$MNT"
		wait "$SPAWNED"
		rm -rf kept
	done
}

@test "a directory that is not fsd's is refused, and stays as it is" {
	: >"$STATE/precious"
	fails 1 "it holds 'precious'" -s "$STATE" "$MNT"
	[[ -e $STATE/precious ]]
	rm "$STATE"/*
	chmod 0770 "$STATE"
	fails 1 "may be written by others" -s "$STATE" "$MNT"
	chmod 0755 "$STATE"
	skip_unless_root "another owner has to be made"
	chown 12345 "$STATE"
	fails 1 "belongs to uid 12345" -s "$STATE" "$MNT"
}

@test "a damaged description of the daemon is refused, and nothing is lost" {
	start_fsd
	mkdir "$MNT/queues/q"
	kill_fsd
	echo '{' >"$STATE/fsd.json"
	fails 1 "fsd.json' is damaged" -s "$STATE" "$MNT"
	find "$STATE" -name data | grep -q .
	unmount "$MNT" lazily
}

@test "however the daemon's description is damaged, it is refused, and mended it is taken" {
	start_fsd
	mkdir "$MNT/queues/q"
	put "$MNT/queues/q" entry
	kill_fsd
	cp "$STATE/fsd.json" good.json
	for text in '' '{}' '[]' 'null' '{"format": 1}' '{"format": 2, "generation": 1, "made": false}' \
		'{"format": 1, "generation": "1", "made": false}' '{"format": 1, "generation": 1, "made": 0}' \
		'{"format": 1, "generation": 1, "made": false, "made": false}' $'\xff'; do
		printf '%s' "$text" >"$STATE/fsd.json"
		fails 1 "is damaged or of another version" -s "$STATE" "$MNT"
	done
	rm "$STATE/fsd.json"
	fails 1 "it holds '" -s "$STATE" "$MNT"
	mkdir "$STATE/fsd.json"
	fails 1 "fsd.json'" -s "$STATE" "$MNT"
	rmdir "$STATE/fsd.json"
	ln -s ../good.json "$STATE/fsd.json"
	fails 1 "fsd.json'" -s "$STATE" "$MNT"
	rm "$STATE/fsd.json"
	cp good.json "$STATE/fsd.json"
	run_fsd
	[[ $(get "$MNT/queues/q") == entry ]]
}

@test "a queue whose description is damaged is left alone, the others are taken over" {
	start_fsd
	mkdir "$MNT"/queues/{a,b}
	put "$MNT/queues/b" entry
	kill_fsd
	record=$(grep -l '"name": "a"' "$STATE"/*/record.json)
	echo 'no JSON' >"$record"
	run_fsd
	expect_log "record.json' cannot be read"
	[[ $(ls "$MNT/queues") == b ]]
	[[ $(get "$MNT/queues/b") == entry ]]
	stop_fsd
	[[ -e ${record%/*}/data ]]	# it may still be of use to somebody
}

@test "however a queue's description is damaged, the other queues are taken over" {
	start_fsd
	mkdir "$MNT/queues/b" "$MNT"/queues/{1..50}
	put "$MNT/queues/b" entry
	kill_fsd
	check "$STATE" <<-'END' >damaged
		import json
		ways = [lambda: text(b''), lambda: text(b'{'), lambda: text(b'null'), lambda: text(b'[]'), lambda: text(b'{}'),
		        lambda: text(os.urandom(500)), lambda: text(b' ' * (2 << 20)), lambda: text(b'{"format":' * 5000),
		        lambda: change(format=2), lambda: change(format='1'), lambda: change(kind='stream'), lambda: change(kind='service'),
		        lambda: change(name=''), lambda: change(name='a%2Fb'), lambda: change(name='..'), lambda: change(name='%zz'),
		        lambda: change(name='x' * 256), lambda: change(name=7), lambda: change(name='b'), lambda: change(name='%'),
		        lambda: change(parent=99999), lambda: change(parent=-1), lambda: change(parent='2'),
		        lambda: change(own=[0, 0]), lambda: change(own=[-1, 0, 493]), lambda: change(own=[0, 1 << 32, 493]),
		        lambda: change(own=[0, 0, 1 << 20]), lambda: change(own='root'), lambda: change(files=None),
		        lambda: change(rows=[]), lambda: change(rows={'data': [0]}), lambda: change(persist='yes'), lambda: change(more=1),
		        lambda: queue(capacity=-1), lambda: queue(capacity=0), lambda: queue(capacity=1.5), lambda: queue(capacity='8'),
		        lambda: queue(max_entry=1 << 40), lambda: queue(max_entry=-1), lambda: queue(producer=[1]), lambda: queue(more=1),
		        lambda: change(queue=None), lambda: without('queue'), lambda: without('name'), lambda: without('own'),
		        lambda: os.unlink(path), lambda: (os.unlink(path), os.mkdir(path)), lambda: (os.unlink(path), os.mkfifo(path)),
		        lambda: (os.unlink(path), os.symlink('/etc/passwd', path)), lambda: (os.unlink(path), os.symlink('nowhere', path))]
		def text(text):
		    with open(path, 'wb') as file:
		        file.write(text)
		def change(**changes):
		    text(json.dumps({**record, **changes}).encode())
		def queue(**changes):
		    change(queue={**record['queue'], **changes})
		def without(key):
		    text(json.dumps({name: value for name, value in record.items() if name != key}).encode())
		for name in os.listdir(args[0]):
		    path = f'{args[0]}/{name}/record.json'
		    if os.path.exists(path):
		        with open(path, encoding='utf-8') as file:
		            record = json.load(file)
		        if record['name'] != 'b':
		            ways.pop()()
		            print(f'{name}/data')
		equal(ways, [])
	END
	[[ $(wc -l <damaged) -eq 50 ]]
	: >"$LOG"
	run_fsd
	expect_log "cannot be read|cannot take over '.*' of"
	[[ $(grep -c '^<4>.*, ignoring$' "$LOG") -eq 50 ]]
	[[ $(ls "$MNT/queues") == b && $(services) == IOResources ]]
	mkdir "$MNT/queues/new"
	[[ $(get "$MNT/queues/b") == entry ]]
	stop_fsd
	(cd "$STATE" && find . -name data -printf '%P\n') | sort >kept
	sort damaged | same - kept
}

@test "changes that a crash left half done are swept" {
	start_fsd
	mkdir "$MNT/queues/q"
	kill_fsd
	mkdir "$STATE/77.new" "$STATE/78.old"
	: >"$STATE/77.new/data"
	: >"$STATE/78.old/record.json"
	run_fsd
	[[ ! -e $STATE/77.new && ! -e $STATE/78.old ]]
	[[ $(ls "$MNT/queues") == q ]]
}

@test "unmount, SIGTERM and SIGINT leave nothing behind" {
	for how in unmount TERM INT; do
		rmdir "$STATE"
		start_fsd
		mkdir "$MNT/queues/q" "$MNT/IOService/S"
		put "$MNT/queues/q" entry
		if [[ $how == unmount ]]; then
			stop_fsd
		else
			kill "-$how" "$FSD_PID"
			eventually gone "$FSD_PID"
			stop_fsd
		fi
		[[ ! -e $STATE ]]
		run ! is_mounted
		mkdir "$STATE"
	done
}

@test "a signal ends fsd with files open and requests waiting" {
	start_fsd
	queue=$(new_queue q)
	spawn cat "$queue/dequeue"
	reader=$SPAWNED
	spawn sleep 1000 <"$queue/stats"
	eventually grep -q fsd "$queue/consumer_pid"
	kill -TERM "$FSD_PID"
	eventually gone "$FSD_PID"
	eventually gone "$reader"
	stop_fsd
	[[ -z $(ls "$STATE") ]]
}

@test "by default the state is where the environment says, by the name of the mount point" {
	name=$(echo "${MNT#/}" | tr / -)
	for variable in RUNTIME_DIRECTORY XDG_RUNTIME_DIR; do
		mkdir "$variable"
		env -u XDG_RUNTIME_DIR -u RUNTIME_DIRECTORY "$variable=$T/$variable" "$FSD" "$MNT"
		state=$(sed -n 's/.*"state": "\(.*\)".*/\1/p' "$MNT/status")
		case $variable in
		RUNTIME_DIRECTORY) [[ $state == "$T/$variable/$name" ]] ;;
		XDG_RUNTIME_DIR) [[ $state == "$T/$variable/fsd/$name" ]] ;;
		esac
		try_unmount
		eventually test ! -e "$state"
		[[ -z $(ls "$variable") ]]
	done
	skip_unless_root "the directory for all belongs to root"
	env -u XDG_RUNTIME_DIR -u RUNTIME_DIRECTORY "$FSD" "$MNT"
	state=$(sed -n 's/.*"state": "\(.*\)".*/\1/p' "$MNT/status")
	[[ $state == */fsd/$name && $(stat -fc %T "$state") == tmpfs ]]
	try_unmount
	eventually test ! -e "$state"
}

none_of_these() { [[ -z $(find "$1" -name fsd.json 2>/dev/null) ]]; }

@test "the environment's directory may be one of several, and is not taken when it is no path" {
	mkdir one two run
	RUNTIME_DIRECTORY=$T/one:$T/two "$FSD" "$MNT"
	[[ -n $(find one -name fsd.json) && -z $(ls two) ]]
	try_unmount
	eventually none_of_these one
	RUNTIME_DIRECTORY=one XDG_RUNTIME_DIR=$T/run "$FSD" "$MNT"
	[[ -n $(find run -name fsd.json) ]]
	try_unmount
	eventually none_of_these run
}

@test "by default the state is not kept where somebody else may change it" {
	skip_unless_root "another user has to be made"
	unset RUNTIME_DIRECTORY
	export XDG_RUNTIME_DIR=$T/run
	for how in 'chown 12345' 'chmod 0777' 'chmod 0775'; do
		mkdir -p run/fsd
		$how run/fsd
		fails 1 "'$T/run/fsd' belongs to uid" "$MNT"
		run ! is_mounted
		[[ -z $(find run -type f) ]]
		rm -rf run
	done
	mkdir -p run/fsd
	chmod 1777 run/fsd	# like /tmp
	"$FSD" "$MNT"
	try_unmount
	eventually none_of_these run
}

@test "a full state directory is ENOSPC at mkdir and at a larger capacity, and all stays as it was" {
	small_state
	start_fsd
	mkdir "$MNT/queues/q"
	put "$MNT/queues/q" entry
	get "$MNT/queues/q" >/dev/null
	n=1
	while mkdir "$MNT/queues/q$n" 2>/dev/null; do n=$((n + 1)); done
	[[ $n -gt 3 && $n -lt 10 ]]
	expect ENOSPC mkdir "$MNT/queues/more"
	[[ $(find "$MNT/queues/" -mindepth 1 -maxdepth 1 | wc -l) -eq $n ]]
	expect ENOSPC write "$MNT/queues/q/capacity" 500000
	[[ $(cat "$MNT/queues/q/capacity") == 65536 ]]
	# Every byte is reserved: the queues that are there can be filled.
	head -c 65000 /dev/zero | tr '\0' x >entry
	dd if=entry of="$MNT/queues/q/enqueue" bs=65000 status=none
	get "$MNT/queues/q" | cmp - entry
	rmdir "$MNT/queues/q1"
	mkdir "$MNT/queues/more"
	stop_fsd
	[[ -z $(ls "$STATE") ]]
}
