#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What the registry's daemon must stand: callbacks that end what their caller walks, users who
# use up what others need, units and names without end.

load lib
load checks
load registry
setup_file() { fsd_setup_file; }
setup() { fsd_setup; }
teardown() { fsd_teardown; }

@test "a write that waited for the driver goes on with a line that ends its connection" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0')
		two = Connection(S)
		def say(one, path):
		    fd = one.session if path is None else os.open(path, os.O_WRONLY)
		    return os.write(fd, lines)
		for own in True, False:
		    one = Connection(S)
		    lines = f'addclient {two.number}\nclose\n'.encode()
		    writer = Child(say, one, None if own else one / 'ctl').waits()
		    request = S.asked()
		    equal(request['op'], 'addclient')
		    os.write(S.driver, b'{"id":%d,"rc":0}\n' % request['id'])
		    equal(writer.result(), len(lines))
		    equal(S.asked()['op'], 'close')
		    assert not os.path.exists(one.path)
		    os.close(one.session)
		# The connection's end answers all that waits in it, each once.
		one = Connection(S)
		writers = [Child(say, one, one / 'ctl').waits() for _ in range(3)]
		lines = b'close\n'
		equal(S.asked()['op'], 'addclient')          # the others wait for its lock
		os.write(one.session, b'close\n')
		for writer in writers:
		    refuses(errno.ECANCELED, writer.result)
	END
}

@test "a shared connection is there until all have left it, and shared once the driver has agreed" {
	start_fsd
	check_registry <<-'END'
		S = Service('S@0', {'shared': True})
		one, two, three = (Connection(S) for _ in range(3))
		equal(one.number, three.number)
		os.write(one.session, b'close\n')
		refuses(ENODEV, os.write, one.session, b'close\n')
		equal(events(one.session, select.POLLIN), {'IN', 'HUP'})
		os.close(one.session)
		os.write(two.session, b'open\n')
		os.close(two.session)
		os.write(three.session, b'unopen\n')
		os.write(three.session, b'close\n')
		assert not os.path.exists(three.path)

		A = Service('A@0', {'shared': True, 'open': 'ask'})
		first = Child(os.open, A / 'clone', os.O_RDWR)
		ids = [A.asked()['id']]
		second = Child(lambda: int(os.read(os.open(A / 'clone', os.O_RDWR), 64)))
		ids += [A.asked()['id']]
		os.write(A.driver, b'{"id":%d,"rc":"0xe00002c1"}\n' % ids[0])
		refuses(EACCES, first.result)
		os.write(A.driver, b'{"id":%d,"rc":0}\n' % ids[1])
		equal(second.result(), 2)
	END
}
