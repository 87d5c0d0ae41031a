#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Entries below more than one parent, in one plane or several: by which names they are there, and
# that a name goes with what it stands for, also where somebody looked at it before.

load registry

# links	check_registry, with what is below at hand
links() {
	check_registry < <(
		cat <<-'END'
			def target(path):
			    """The id of the entry that a link leads to"""
			    return number(os.path.realpath(path))

			def services(folder):
			    return sorted(name for name in os.listdir(folder) if name[0].isupper() or name[0] == '%')
		END
		cat
	)
}

@test "entries of one name below one parent: the later ones have their id beside it" {
	start_fsd
	links <<-'END'
		make('A', 'B', 'C', 'A/Dev@0', 'B/Dev@0', 'B/Dev@00', 'C/Dev@0')
		first, second, third, last = (number(entry(name)) for name in ('A/Dev@0', 'B/Dev@0', 'B/Dev@00', 'C/Dev@0'))
		os.mkdir(f'{MNT}/IOPower')
		for name in 'A/Dev@0', 'B/Dev@0', 'B/Dev@00', 'C/Dev@0':
		    control(name, 'attach IOPower:/')
		entry_of = {first: 'A/Dev@0', second: 'B/Dev@0', third: 'B/Dev@00', last: 'C/Dev@0'}
		names = {'Dev@0': first, f'Dev@0~{second}': second, 'Dev@00': third, f'Dev@0~{last}': last}
		equal(services(f'{MNT}/IOPower'), sorted(names))
		for name, wanted in names.items():
		    equal(target(f'{MNT}/IOPower/{name}/entry'), wanted)
		    assert f'IOPower:/{name}\n' in read(f'{MNT}/id/{wanted}/path')
		    control(entry_of[wanted], 'register')
		    with opening(f'{MNT}/match', 'rw') as fd:
		        os.write(fd, json.dumps({'IOPathMatch': f'IOPower:/{name}'}).encode())
		        equal(os.read(fd, 1000).decode(), f'IOService:/{entry_of[wanted]}\n')
		# What a path says is what it finds, and below it as well.
		make('Part')
		control('Part', f'attach IOPower:/Dev@0~{second}')
		assert f'IOPower:/Dev@0~{second}/Part\n' in read(entry('Part/path'))
		equal(target(f'{MNT}/IOPower/Dev@0~{second}/Part/entry'), number(entry('Part')))
		equal(services(f'{MNT}/IOPower/Dev@0'), [])
		# The name is the link's: it stays when the first goes.
		os.rmdir(entry('A/Dev@0'))
		equal(services(f'{MNT}/IOPower'), sorted(set(names) - {'Dev@0'}))
		control('B/Dev@0', 'detach IOPower:/')
		control('B/Dev@0', 'attach IOPower:/')
		equal(target(f'{MNT}/IOPower/Dev@0/entry'), second)

		# In the service plane they are links, beside the one whose directory stands there.
		control('B/Dev@0', 'attach IOService:/C')
		control('B/Dev@00', 'attach IOService:/A')
		equal(services(entry('C')), ['Dev@0', f'Dev@0~{second}'])
		equal((target(entry('C/Dev@0')), target(entry(f'C/Dev@0~{second}'))), (last, second))
		refuses(EEXIST, os.mkdir, entry('A/Dev@00'))
		equal(read(entry('B/Dev@0/path')).splitlines()[0], 'IOService:/B/Dev@0')
	END
	# ioreg prints each as what it is.
	ioreg=$(dirname "$(dirname "$FSD")")/libqueue/ioreg
	for plane in IOPower IOService; do
		"$ioreg" -m "$MNT" -p "$plane" | grep -o '+-o Dev.* id 0x[0-9a-f]*' >"$plane"
		[ -s "$plane" ]
		sed 's/.* //' "$plane" | sort -u | wc -l >ids
		[ "$(cat ids)" -eq 3 ]
	done
	[ "$(wc -l <IOPower)" -eq 3 ]
}

@test "a name that a plane's directory uses itself is escaped" {
	start_fsd
	links <<-'END'
		refuses(EEXIST, os.mkdir, entry('entry'))
		make('%65ntry')
		os.mkdir(f'{MNT}/IOPower')
		control('%65ntry', 'attach IOPower:/')
		equal(read(entry('%65ntry/name')), 'entry\n')
		equal(target(f'{MNT}/IOPower/%65ntry/entry'), number(entry('%65ntry')))
		equal(target(f'{MNT}/IOPower/entry'), '0x100000100')
	END
}

@test "what was looked at is not there when what it stands for is gone" {
	start_fsd
	links <<-'END'
		make('A', 'B', 'C', 'A/Dev', 'B/Dev')
		os.mkdir(f'{MNT}/IOPower')
		for name in 'A/Dev', 'B/Dev':
		    control(name, 'attach IOService:/C')
		    control(name, 'attach IOPower:/')
		    equal(target(entry('C/Dev')), number(entry(name)))
		    equal(target(f'{MNT}/IOPower/Dev/entry'), number(entry(name)))
		    equal(target(entry(f'{name}/parents/{number(entry("C"))}')), number(entry('C')))
		    control(name, 'detach IOService:/C')
		    control(name, 'detach IOPower:/')
		    for path in entry('C/Dev'), f'{MNT}/IOPower/Dev', entry(f'{name}/parents/{number(entry("C"))}'):
		        assert not os.path.lexists(path), path
		make('C/Dev')

		make('K')
		own = number(entry('K'))
		write(entry('K/class'), 'One:Two')
		views = [f'{MNT}/{view}/{own}' for view in ('class/One', 'class/Two', 'class/IOService', 'name/K')] + [f'{MNT}/id/{own}']
		for path in views:
		    assert os.path.lexists(path), path
		write(entry('K/class'), 'Two')
		for path in views[0], f'{MNT}/class/One':
		    assert not os.path.lexists(path), path
		for path in views[1:]:
		    assert os.path.lexists(path), path
		os.rmdir(entry('K'))
		for path in views + [f'{MNT}/class/Two', f'{MNT}/name/K']:
		    assert not os.path.lexists(path), path

		write(entry('B/props'), '{"IOUserServiceProperties":{"seen":1},"mine":2}')
		equal(read(entry('B/prop/seen')), '1\n')
		write(entry('B/props'), '{"IOUserServiceProperties":{}}')
		assert not os.path.lexists(entry('B/prop/seen'))
		equal(read(entry('B/prop/mine')), '2\n')
	END
}

@test "a service below many that are busy is quiet when they are" {
	start_fsd
	links <<-'END'
		make('Bus', *(f'Bus/K{i}' for i in range(1100)))
		for i in range(1100):
		    control(f'Bus/K{i}', 'busy +1')
		equal((read(entry('Bus/busy')), read(entry('busy')), read(f'{MNT}/busy')), ('1023\n', '1\n', '1\n'))
		with opening(entry('Bus/quiet'), 'rn') as quiet:
		    for left in reversed(range(1100)):
		        equal(events(quiet, select.POLLIN), set())
		        control(f'Bus/K{left}', 'busy -1')
		        equal(read(entry('Bus/busy')), f'{min(left, 1023)}\n')
		    equal(os.read(quiet, 10), b'0\n')
		# To be registered is to be busy for a moment, whatever else it is.
		control('Bus', 'busy +1023')
		control('Bus', 'register')
		equal(read(entry('Bus/busy')), '1023\n')
		refuses(EINVAL, control, 'Bus', 'busy +1')
		control('Bus', 'busy -1023')
		equal(read(f'{MNT}/busy'), '0\n')
	END
}

@test "messages have their names and arguments" {
	start_fsd
	links <<-'END'
		names = {0x250: 'SystemWillPowerOff', 0x270: 'CanSystemSleep', 0x280: 'SystemWillSleep', 0x290: 'SystemWillNotSleep',
		         0x300: 'SystemHasPoweredOn', 0x310: 'SystemWillRestart', 0x320: 'SystemWillPowerOn', 0x330: 'CopyClientID',
		         0x010: 'ServiceIsTerminated', 0x020: 'ServiceIsSuspended', 0x030: 'ServiceIsResumed',
		         0x100: 'ServiceIsRequestingClose', 0x101: 'ServiceIsAttemptingOpen', 0x110: 'ServiceWasClosed',
		         0x120: 'ServiceBusyStateChange', 0x128: 'ConsoleSecurityChange', 0x130: 'ServicePropertyChange',
		         0x200: 'CanDevicePowerOff', 0x210: 'DeviceWillPowerOff', 0x220: 'DeviceWillNotPowerOff',
		         0x230: 'DeviceHasPoweredOn'}
		S = Service('S')
		def told():
		    lines = [json.loads(line) for line in os.read(heard, 1 << 20).splitlines()]
		    return [(line['name'].removeprefix('kIOMessage'), line.get('arg')) for line in lines]
		with opening(S / 'events') as heard:
		    for number, name in names.items():
		        write(S / 'ctl', f'message {0xe0000000 + number:#x} {number}\n')
		        equal(told(), [(name, number)])
		    one, two = Connection(S), Connection(S)
		    os.write(one.session, b'open\n')
		    equal(told(), [('ServiceIsAttemptingOpen', 0)])
		    refuses(EBUSY, os.write, two.session, b'open\n')
		    equal(told(), [('ServiceIsAttemptingOpen', 0)])
		    seizing = Child(os.write, two.session, b'open seize\n')
		    equal(S.answers()['op'], 'seize')
		    seizing.result()
		    equal(told(), [('ServiceIsAttemptingOpen', 1), ('ServiceIsRequestingClose', 1), ('ServiceWasClosed', 0)])
		# Who has it open is asked to close it when it ends, however it ends; nobody waits for him.
		told_at_end = [('ServiceBusyStateChange', 1), ('ServiceIsTerminated', 0), ('ServiceIsRequestingClose', 0),
		               ('ServiceWasClosed', 0), ('ServiceBusyStateChange', 0)]
		for way in (lambda: os.rmdir(S.path), lambda: write(S / 'ctl', 'terminate\n'), lambda: os.close(S.driver)):
		    for is_open in True, False:
		        S = Service(f'S@{is_open}')
		        one = Connection(S)
		        with opening(S / 'events') as heard:
		            if is_open:
		                os.write(one.session, b'open\n')
		                equal((told(), read(S / 'owner')), ([('ServiceIsAttemptingOpen', 0)], f'{one.number}\n'))
		            way()
		            eventually(lambda: not os.path.exists(S.path), 'the service is gone')
		            equal(told(), [line for line in told_at_end if is_open or not re.search('Close', line[0])])
		            equal(os.read(heard, 100), b'')
		            refuses(ENODEV, os.write, one.session, b'close\n')
	END
}

@test "a property that is being made is there for who looks, and is made" {
	start_fsd
	links <<-'END'
		make('P')
		path = entry('P/prop/K')
		# The kernel makes it, then opens it; between the two somebody may look.
		for turn in range(2):
		    os.mknod(path)
		    os.stat(path)
		    fd = os.open(path, os.O_WRONLY)
		    os.stat(path)
		    assert 'K' not in json.loads(read(entry('P/props')))
		    os.write(fd, b'5')
		    os.close(fd)
		    equal(read(path), '5\n')
		    os.unlink(path)
		    assert not os.path.lexists(path)
		fd = os.open(path, os.O_WRONLY | os.O_CREAT)
		os.stat(path)
		os.close(fd)
		eventually(lambda: not os.path.lexists(path), 'what was not written is not there')
	END
}
