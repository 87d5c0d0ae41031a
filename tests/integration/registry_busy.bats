#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The busy count: how long it was not 0, and what becomes of what a driver has added.

load registry

# busy	check_registry, with what is below at hand
busy() {
	check_registry < <(
		cat <<-'END'
			import time
			MS = 1000000            # nanoseconds

			def counts(*names):
			    return [int(read(f'{entry(name)}/busy')) for name in names]

			def nanoseconds(path):
			    text = read(f'{path}/busy_time')
			    assert re.fullmatch('[0-9]+\n', text), text
			    return int(text)

			def edges(fd):
			    """The arguments of the messages that it became busy or quiet"""
			    lines = [json.loads(line) for line in os.read(fd, 1 << 20).splitlines()]
			    return [line['arg'] for line in lines if line['name'] == 'kIOMessageServiceBusyStateChange']

			def is_quiet(fd):
			    return 'IN' in events(fd, select.POLLIN)

			def drive(name, *lines):
			    """As its driver; the session, which adds to the count"""
			    driver = os.open(entry(name) + '/driver', os.O_RDWR | os.O_CLOEXEC)
			    for line in lines:
			        control(name, line)
			    return driver
		END
		cat
	)
}

@test "the time of being busy is kept, of a service and of those above it" {
	start_fsd
	busy <<-'END'
		make('Bus', 'Bus/Dev', 'Other')
		above = MNT, entry(), entry('Bus'), entry('Bus/Dev')
		equal([nanoseconds(entry(name)) for name in ('Bus', 'Bus/Dev', 'Other')], [0, 0, 0])
		for turn in range(2):
		    before = [nanoseconds(path) for path in above]
		    first = time.monotonic_ns()
		    control('Bus/Dev', 'busy +1')
		    begun = time.monotonic_ns()
		    # While it is, the time so far counts.
		    for path, earlier in zip(above, before):
		        now = nanoseconds(path)
		        assert now >= earlier, path
		        eventually(lambda: nanoseconds(path) > now)
		    control('Bus/Dev', 'busy +2')           # no edge
		    control('Bus/Dev', 'busy -2')
		    ends = time.monotonic_ns()
		    control('Bus/Dev', 'busy -1')
		    last = time.monotonic_ns()
		    after = [nanoseconds(path) for path in above]
		    for path, earlier, later in zip(above, before, after):
		        assert ends - begun <= later - earlier <= last - first, (path, earlier, later)
		    equal([nanoseconds(path) for path in above], after)
		equal(nanoseconds(entry('Other')), 0)
		# To register is to be busy, too.
		control('Other', 'register')
		assert nanoseconds(entry('Other')) > 0
	END
}

@test "a connection is never busy, and after a restart nothing has been" {
	start_fsd
	busy <<-'END'
		S = Service('S')
		c = Connection(S)
		control('S', 'busy +1')
		eventually(lambda: nanoseconds(S.path) >= MS)
		equal(nanoseconds(c.path), 0)
	END
	mkdir "$MNT/IOService/Bus"
	echo busy +1 >"$MNT/IOService/Bus/ctl"
	restart_fsd
	[ "$(cat "$MNT/IOService/Bus/busy" "$MNT/IOService/Bus/busy_time")" = $'0\n0' ]
}

@test "what a driver has added is taken back when its session ends, and those above are told" {
	start_fsd
	busy <<-'END'
		make('Bus', 'Bus/Dev', 'Bus/Dev/Part')
		control('Bus/Dev', 'persist')
		with opening(f'{MNT}/quiet', 'rn') as quiet, opening(entry('Bus/events')) as bus, \
		        opening(entry('Bus/Dev/events')) as dev:
		    for start, end in (lambda *what: stays(drive, *what), Child.end), (drive, os.close):
		        driver = start('Bus/Dev', 'busy +3', 'busy -1')
		        equal(counts('Bus/Dev', 'Bus', ''), [2, 1, 1])
		        end(driver)
		        eventually(lambda: counts('Bus/Dev') == [0])
		        equal(counts('Bus/Dev', 'Bus', ''), [0, 0, 0])
		        equal((edges(dev), edges(bus)), ([1, 0], [1, 0]))
		        assert is_quiet(quiet)
		    equal(read(f'{MNT}/busy'), '0\n')
		    refuses(EINVAL, control, 'Bus/Dev', 'busy -1')
		    # What is below it counts on.
		    control('Bus/Dev/Part', 'busy +1')
		    driver = drive('Bus/Dev', 'busy +1022')
		    equal(counts('Bus/Dev', 'Bus', ''), [1023, 1, 1])
		    os.close(driver)
		    eventually(lambda: counts('Bus/Dev') == [1])
		    equal((edges(dev), edges(bus)), ([1], [1]))
		    control('Bus/Dev/Part', 'busy -1')
		    equal((edges(dev), edges(bus)), ([0], [0]))
		    equal(counts('Bus/Dev', 'Bus', ''), [0, 0, 0])
	END
}

@test "what is added while there is no driver lasts until a session has ended" {
	start_fsd
	busy <<-'END'
		make('S')
		control('S', 'persist')
		control('S', 'busy +2')
		driver = drive('S', 'busy +1', 'register')
		equal(counts('S'), [3])
		control('S', 'busy -2')
		equal(counts('S'), [1])
		control('S', 'busy +1')
		os.close(driver)
		eventually(lambda: counts('S') == [0])
		control('S', 'busy +1')
		equal(counts('S', ''), [1, 1])
		control('S', 'busy -1')
		equal(counts('S', ''), [0, 0])
		# One that is always there outlives each, too.
		driver = drive('IOResources', 'busy +2')
		equal(counts('IOResources', ''), [2, 1])
		os.close(driver)
		eventually(lambda: counts('IOResources', '') == [0, 0])
		# One that does not persist ends with its driver, and those above are quiet as well.
		make('T')
		driver = drive('T', 'busy +5')
		equal(counts('T', ''), [5, 1])
		os.close(driver)
		eventually(lambda: not os.path.exists(entry('T')))
		equal(counts('', 'S'), [0, 0])
		control('S', 'busy +1')
		control('S', 'terminate')
		equal(counts(''), [0])
	END
}

@test "nobody takes back what others have added" {
	start_fsd
	busy <<-'END'
		make('Bus', *(f'Bus/K{i}' for i in range(1024)))
		control('Bus', 'busy +2')
		control('Bus/K0', 'busy +1')
		equal(counts('Bus', ''), [3, 1])
		says(EINVAL, 'added', control, 'Bus', 'busy -3')
		equal(counts('Bus', ''), [3, 1])
		for i in range(1, 1024):
		    control(f'Bus/K{i}', 'busy +1')
		equal(counts('Bus'), [1023])
		refuses(EINVAL, control, 'Bus', 'busy +1')
		control('Bus', 'busy -2')               # its own, though there are more than are shown
		refuses(EINVAL, control, 'Bus', 'busy -1')
		for i in range(1024):
		    control(f'Bus/K{i}', 'busy -1')
		equal(counts('Bus', ''), [0, 0])
	END
}
