#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The busy count: how long it was not 0.

load lib
load checks
load registry
setup_file() { fsd_setup_file; }
setup() { fsd_setup; }
teardown() { fsd_teardown; }

# busy	check_registry, with what is below at hand
busy() {
	check_registry < <(
		cat <<-'END'
			import time
			MS = 1000000            # nanoseconds

			def make(*names):
			    for name in names:
			        os.mkdir(entry(name))

			def control(name, line):
			    write(entry(name) + '/ctl', line + '\n')

			def nanoseconds(path):
			    text = read(f'{path}/busy_time')
			    assert re.fullmatch('[0-9]+\n', text), text
			    return int(text)
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
