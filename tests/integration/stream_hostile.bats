#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A client may write anything into what it shares with a driver, at any time: fsd and a driver go
# on, count what was wrong, and are as before when it is gone.

load streams
load stress

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

attack() {
	streams_python
	cat <<-'END'
		import random, subprocess, threading
		signal.alarm(900)
		scribble, seed, turns = args[0], int(args[1]), int(args[2])
		words = memoryview(mmap.mmap(-1, 4096)).cast('Q')
		TURNS, TAKEN, PASSED = range(3)
		# What a driver may be told; anything else ends it, and the test.
		TOLD = {EAGAIN, EBUSY, EPROTO, ENXIO, EBADFD, ENODEV, EINVAL}

		def tried(call, *arguments):
		    try:
		        return call(*arguments)
		    except OSError as error:
		        assert error.errno in TOLD, error

		def passes(s, i):
		    s.set('driver/enqueue', f'{i} 0 100 0 64')
		    return True

		def by_lines(s):
		    """A driver that takes what there is, and passes what it can, for ever"""
		    while True:
		        while (entry := tried(s.entry, 'driver/dequeue')):
		            words[TAKEN] += 1
		            assert entry[0] < 3 and entry[1] + entry[2] <= 4096 and entry[3] + entry[4] <= 64, entry
		        for i in range(3):
		            if tried(passes, s, i):
		                words[PASSED] += 1
		        tried(s.set, 'driver/notify', 1)
		        for name in 'discontinuity', 'queues':
		            s.value(f'driver/{name}')
		        with opening(s / 'driver/notify', 'rn') as fd:
		            tried(os.read, fd, 100)
		        words[TURNS] += 1

		def by_bytes(s):
		    with opening(s / 'driver/io', 'rwn') as fd:
		        while True:
		            for call, what in (os.write, bytes(5000)), (os.read, 5000):
		                try:
		                    call(fd, what)
		                except OSError as error:
		                    assert error.errno in TOLD | {EPIPE, EBADF}, error
		            events(fd)
		            words[TURNS] += 1

		def looks(s):
		    """All that fsd shows, in this moment"""
		    for name in ['state', 'mode', 'client', 'output/length', 'input/length', 'buffers/count', 'stats/last_error',
		                 *(f'stats/{name}' for name in COUNTS)]:
		        assert s.value(name)
		    for i in range(3):
		        assert s.value(f'buffers/{i}/holder') in HOLDERS
		        assert s.value(f'buffers/{i}/refs') in '01'
		        for name in 'sequence', 'timestamp', 'flags':
		            with contextlib.suppress(OSError):
		                s.number(f'buffers/{i}/{name}')
		    return s.number('stats/errors')

		def attacked(s, how=()):
		    """The driver's turns go on all the time; the errors that were seen"""
		    enemy = subprocess.Popen([scribble, s.path, str(seed), *how])
		    n_errors = 0
		    try:
		        for turn in range(turns):
		            before = words[TURNS]
		            n_errors += looks(s)
		            eventually(lambda: words[TURNS] > before, f'turn {turn}: the driver goes on')
		            assert enemy.poll() is None
		    finally:
		        enemy.kill()
		        enemy.wait()
		    s.becomes('closed')
		    equal((s.holders, s.lengths), (3 * ['driver'], (0, 0)))
		    return n_errors

		def goes_round(s):
		    fd = s.started()
		    mode = s.value('mode')
		    for i in range(6):
		        if mode == 'input':
		            os.write(fd, b'%d' % i)
		            entry = s.entry('driver/dequeue')
		            equal(entry[1:3], [0, 1])
		            equal(s.bytes_of(entry[0], 1), b'%d' % i)
		            s.set('driver/enqueue', f'{entry[0]} 0 4096 0 64')
		            s.set('driver/notify', 1)
		        else:
		            s.send(b'%d' % i, i % 3)
		            equal((os.read(fd, 10), s.entry('driver/dequeue')[0]), (b'%d' % i, i % 3))
		    equal(s.stats('frames', 'errors') if mode != 'inout' else (6, 0), (6, 0))
		    os.close(fd)
		    s.becomes('closed')
	END
}

check_attack() {
	start_fsd
	seed=$RANDOM
	echo "seed $seed"
	check_streams "$SRC/tests/stress/stream_scribble.py" "$seed" "$(counted 60 800)" < <(attack; cat)
}

@test "a driver of lines goes on while all that is shared is scribbled on" {
	check_attack <<-'END'
		n = 0
		for mode in 'output', 'input', 'inout':
		    s = Stream(mode, mode=mode)
		    s.set('linger', 0)
		    driver = Child(by_lines, s)
		    n += attacked(s)
		    assert not driver.is_done(), driver.result()
		    driver.end()
		    goes_round(s)
		assert n > 0 and words[PASSED] > 0, (n, words[PASSED])
	END
}

@test "a driver of bytes goes on while all that is shared is scribbled on" {
	check_attack <<-'END'
		for mode in 'output', 'input', 'inout':
		    s = Stream(mode, mode=mode)
		    s.set('linger', 0)
		    if mode == 'inout':
		        driver = Child(by_bytes, s)
		        attacked(s)
		        assert not driver.is_done(), driver.result()
		        driver.end()
		    else:       # it has one direction; the other is EBADF
		        driver = Child(by_bytes, s)
		        attacked(s)
		        driver.end()
		        goes_round(s)
	END
}

@test "files that are cut short and drawn out all the time do no harm, and are mended" {
	[ "$MODE" = link ] || skip "in passthrough nobody can"
	check_attack <<-'END'
		for mode in 'output', 'input':
		    s = Stream(mode, mode=mode)
		    s.set('linger', 0)
		    for kind in by_lines, by_bytes:
		        driver = Child(kind, s)
		        attacked(s, ['cut'])
		        assert not driver.is_done(), driver.result()
		        driver.end()
		    goes_round(s)
		    for i in range(3):
		        equal([os.stat(s / f'buffers/{i}/{name}').st_size for name in ('data', 'control')], [4096, 64])
	END
}

@test "nobody else is harmed: another stream's frames flow meanwhile, each of them" {
	check_attack <<-'END'
		s, honest = Stream('s'), Stream('honest')
		enemy = subprocess.Popen([scribble, s.path, str(seed)])
		driver = Child(by_lines, s)
		fd = honest.started()
		for n in range(20 * turns):
		    honest.send(b'%d' % n, n % 3)
		    equal(os.read(fd, 100), b'%d' % n)
		    equal(honest.entry('driver/dequeue')[0], n % 3)
		equal(honest.stats('frames', 'errors', 'overruns', 'dropped'), (20 * turns, 0, 0, 0))
		enemy.kill()
		enemy.wait()
		driver.end()
	END
}

# --- a driver of the library, which maps the same

# STREAM: frames go as if nothing had been
is_closed() { [ "$(cat "$1/state")" = closed ]; }
frames() { [ "$(timeout 20 head -c 40960 "$1/io" | wc -c)" = 40960 ]; }
plays() { timeout 20 head -c 20480 /dev/zero >"$1/io"; }

lives() { kill -0 "$1"; }
has_control() { find "/proc/$1/fd" -lname '*/driver/control' | grep -q .; }

# endures PROGRAM STREAM COMMAND: it lives on, and then the command does what it should
endures() {
	local program=$1 stream=$MNT/streams/$2 enemy driver
	start_fsd
	seed=$RANDOM
	echo "seed $seed"
	spawn bash -c 'exec "$@" >/dev/null' - "$EXAMPLES/$program" "$MNT"
	driver=$SPAWNED
	eventually has_control "$driver"
	"$3" "$stream"
	spawn "$SRC/tests/stress/stream_scribble.py" "$stream" "$seed"
	enemy=$SPAWNED
	for _ in $(seq "$(counted 150 5000)"); do
		cat "$stream"/{state,client,stats/errors,output/length,input/length} "$stream"/buffers/*/holder >/dev/null
		lives "$driver"
		lives "$enemy"
	done
	kill -9 "$enemy"
	wait "$enemy" || true
	eventually is_closed "$stream"
	echo 0 >"$stream/linger"
	for _ in 1 2 3; do
		"$3" "$stream"
		eventually is_closed "$stream"
	done
	lives "$driver"
	has_control "$driver"
}

@test "a camera of the library goes on while all that it maps is scribbled on" {
	endures driver_camera camera frames
}

@test "a loudspeaker of the library goes on while all that it maps is scribbled on" {
	endures driver_speaker speaker plays
}
