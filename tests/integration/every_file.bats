#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Each file that can be written, times each kind of what is wrong: a table, with a row for
# every such file in the mount and a column for every kind, and no empty cell.

load streams
load actors
setup() { fsd_setup; start_fsd; }

table() {
	cat <<-'END'
		KINDS = 'truncated deep long utf8 twice types range unknown'.split()
		LONG = (4 << 20) + 1
		MAX = '18446744073709551616'            # and one more

		# A cell: what is written, a sentence that err/PID has, and the errno.
		def cell(text, pattern='.', wanted=EINVAL):
		    return text if isinstance(text, bytes) else text.encode(), pattern, wanted

		def row(*cells):
		    assert len(cells) == len(KINDS)
		    return dict(zip(KINDS, (each if isinstance(each, tuple) else cell(each) for each in cells)))

		def too_long(text):
		    return cell(text, 'bytes', EMSGSIZE)

		def document(good, types, beyond, unknown):
		    return row(cell(good[:-1], 'complete'), cell(DEEP, 'deeper'), too_long('{"a":"' + 'x' * LONG),
		               cell(b'{"a":"\xff"}', 'UTF-8|decode'), cell('{"a":1,"a":1}', 'duplicate|twice'),
		               types, beyond, unknown)

		def line(text, *others):
		    """A line of a session"""
		    return row(cell(text[:-1], 'complete'), DEEP + '\n', too_long('x' * LONG),
		               text.encode() + b'\xff\n', *(other + '\n' for other in others))

		def words(text, *others):
		    """What is looked at write by write: too long may be no word, too"""
		    return row('\n', DEEP, 'x' * LONG, text.encode() + b'\xff', *others)

		def value(*others):
		    """An attribute of a few bytes"""
		    return row('\n', too_long(DEEP), too_long('1' * LONG), b'1\xff', *others)

		def number(beyond=MAX):
		    return value('1\n1\n', 'x', beyond, '0x10')

		MATCHING = document('{"IONameMatch":"x"}', '[1]', '{"a":' + MAX + '}', '"IONameMatch" ')
		PROPERTIES = document('{"one":1}', '[1]', '{"a":' + MAX + '}', '{"a":{"$x":1}}')
		PROPERTY = PROPERTIES | {'long': too_long('"' + 'x' * LONG), 'types': cell('[null]'),
		                         'range': cell(MAX), 'unknown': cell('{"$x":1}')}
		CONNECTION = line('unopen', 'close close', 'qlimit x', 'qlimit 1025', 'bogus')
		ENTRY = words('0', '1 -1', 'x 1', '4294967296', '0 0 0 0 0 0')
		TOKEN = words('1', '1 1', 'x', '4294967296', '0x1')
		ONE = words('1', '1 1', 'true', '2', 'on')

		# Where a file of that row is, and what is wrong for it.
		TABLE = {
		    'ctl': (f'{MNT}/ctl', line('reload', 'reload reload', 'log 7', 'plane ' + 'P' * 33, 'bogus')),
		    'console': (f'{MNT}/console', document('[]', '{}', '[{"uid":4294967296}]',
		                                           '[{"uid":1,"more":1}]')),
		    'match': (f'{MNT}/match', MATCHING),
		    'watch': (f'{MNT}/watch', document('{"type":"IOServicePublish","match":{}}',
		        '{"type":1,"match":{}}', '{"type":"IOServicePublish","match":{"a":' + MAX + '}}',
		        cell('{"type":"x","match":{}}', 'Publish', EOPNOTSUPP))),
		    'plane/props': (entry('props'), PROPERTIES),
		    'plane/prop/KEY': (entry('prop/IORegistryPlanes'), PROPERTY),
		    'service/class': (N / 'class', row('A:', too_long('A:' * 10000), too_long('A' * LONG), b'A\xff',
		        'A:IOService:A:IOService', 'A B', 'A' * 128, 'IORegistryEntry:A')),
		    'service/clone': (U.session, CONNECTION),
		    'service/ctl': (N / 'ctl', line('register', 'register register', 'busy x', 'busy +1024', 'bogus')
		        | {'deep': too_long('message 1 ' + DEEP + '\n')}),
		    'service/driver': (S.driver, line('{"id":1,"rc":0}', '{"id":1,"id":1,"rc":0}', '{"id":"x","rc":0}',
		        '{"id":' + MAX + ',"rc":0}', '{"id":1,"rc":0,"nope":1}')),
		    'service/driver, in words': (W.driver, line('id=1 rc=0', 'id=1 id=1 rc=0', 'id=x rc=0',
		        f'id={MAX} rc=0', 'id=1 rc=0 nope=1')),
		    'service/match': (S / 'match', MATCHING),
		    'service/methods': (N / 'methods', document('{"methods":[]}', '{"methods":1}',
		                                                '{"methods":[{"si":17}]}', '{"x":1}')),
		    'service/props': (N / 'props', PROPERTIES),
		    'service/prop/KEY': (N / 'prop/one', PROPERTY),
		    'client/call': (U / 'call', document('{"sel":0}', '{"sel":"x"}', '{"sel":4294967296}',
		                                         '{"sel":0,"x":1}')),
		    'client/ctl': (U / 'ctl', CONNECTION),
		    'client/props': (U / 'props', PROPERTIES | {'types': cell('{"a":null}')}),
		    'client/prop/KEY': (U / 'prop/IOUserClientCreator', PROPERTY),
		    'client/m/SEL': (U / 'm/mul', line('6 7', '6,,7', 'x y', f'{MAX} 1', '6 7 x')),
		    'queue/capacity': (Q / 'capacity', number()),
		    'queue/max_entry': (Q / 'max_entry', number()),
		    'queue/reset': (Q / 'reset', number('2')),
		    'stream/mode': (T / 'mode', words('input', 'input input', '1', 'inputoutput', 'sideways')),
		    'stream/start': (T / 'start', ONE),
		    'stream/stop': (T / 'stop', ONE),
		    'stream/suspend': (T / 'suspend', ONE),
		    'stream/drain': (T / 'drain', ONE),
		    'stream/queue_length': (T / 'queue_length', number('65537')),
		    'stream/linger': (T / 'linger', number('4294967296')),
		    'stream/lend': (T / 'lend', number('2')),
		    'stream/buffers/N/size': (T / 'buffers/0/size', number('4294967296')),
		    'stream/buffers/N/control_size': (T / 'buffers/0/control_size', number('4294967296')),
		    'stream/input/enqueue': (T / 'input/enqueue', ENTRY),
		    'stream/input/notify': (T / 'input/notify', TOKEN),
		    'stream/input/notify_sync': (T / 'input/notify_sync', TOKEN),
		    'stream/driver/ack': (T / 'driver/ack', ONE),
		    'stream/driver/notify': (T / 'driver/notify', ONE),
		    'stream/driver/enqueue': (T / 'driver/enqueue', ENTRY),
		    'stream/driver/drop': (T / 'driver/drop', number()),
		    'stream/driver/modes': (T / 'driver/modes', value('input\0input', '1', 'inputs', 'input sideways')),
		    'stream/driver/queues': (T / 'driver/queues', value('create 1 1', 'create x', 'create 65537',
		                                                        'make')),
		    'stream/driver/control': (D.fd, line('keep', 'keep keep', 'buffer x 1', '4294967296', 'bogus')),
		}

		# What takes bytes as they are: nothing is wrong with any but that there are too many.
		BYTES = {'queue/enqueue', 'queue/notify', 'queue/serviced', 'stream/io', 'stream/driver/io',
		         'client/struct/SEL', 'client/port/T'}
		# Memory: hostile.bats and stream_hostile.bats write all there is to it.
		MEMORY = {'queue/data', 'queue/consumer', 'stream/tally', 'stream/output/data', 'stream/input/data',
		          'stream/buffers/N/data', 'stream/buffers/N/control', 'service/buf/NAME', 'client/mem/T'}

		# The row of a file, of its path below the mount.
		ROWS = [(r'.*/queues/[^/]+/(\w+)', r'queue/\1'),
		        (r'.*/streams/[^/]+/buffers/\d+/(\w+)', r'stream/buffers/N/\1'),
		        (r'.*/streams/[^/]+/(.+)', r'stream/\1'),
		        (r'.*/clients/\d+/(m|struct)/[^/]+', r'client/\1/SEL'),
		        (r'.*/clients/\d+/(port|mem)/[^/]+', r'client/\1/T'),
		        (r'.*/clients/\d+/prop/[^/]+', 'client/prop/KEY'),
		        (r'.*/clients/\d+/(\w+)', r'client/\1'),
		        (r'IOService/prop/[^/]+', 'plane/prop/KEY'),
		        (r'IOService/(\w+)', r'plane/\1'),
		        (r'IOService/.+/prop/[^/]+', 'service/prop/KEY'),
		        (r'IOService/.+/buf/[^/]+', 'service/buf/NAME'),
		        (r'IOService/.+/(\w+)', r'service/\1')]

		def row_of(path):
		    for pattern, name in ROWS:
		        if re.fullmatch(pattern, path):
		            return re.sub(f'^{pattern}$', name, path)
		    return path

		def writable_files():
		    """Of the mount; of a link, what it leads to"""
		    for top, folders, files in os.walk(MNT):
		        for name in folders + files:
		            path = os.path.join(top, name)
		            if os.path.islink(path) and os.path.isdir(path):
		                continue
		            mode = os.stat(path).st_mode
		            if not stat.S_ISDIR(mode) and mode & 0o222:
		                yield path[len(MNT) + 1:]

		def tries(where, data):
		    """To open, to write all, and to close, or what of it is done of an open file"""
		    if isinstance(where, str):
		        write(where, data, how_of(where))
		        return
		    fd = os.dup(where)
		    try:
		        while data:
		            data = data[os.write(fd, data):]
		    except OSError:
		        os.close(fd)
		        raise
		    try:
		        os.close(fd)
		    except OSError:         # what is not complete is still there, until its end
		        with contextlib.suppress(OSError):
		            Child(os.write, where, b'\n').result()
		        raise

		def cells():
		    for name, (where, cells) in TABLE.items():
		        yield name, where, cells.items()
	END
}

# What there is to write to: a stream T with a driver D, a queue Q,
# a service W whose driver speaks in words, and the actors.
check_table() {
	check_registry < <(
		streams_python
		actors
		cat <<-'END'
			Q = Queue(f'{MNT}/queues/q')
			os.mkdir(Q.path)
			T = Stream('t', buffers=1)
			W = Service('Words')
			os.write(W.driver, b'format text\n')
			D = Driver(T)
		END
		table
		cat
	)
}

@test "every file that can be written has a row in the table, and every row a file" {
	check_table <<-'END'
		bell = Service('Bell', {'ports': {'0': 'queues/q/notify'}})
		os.mkdir(bell / 'queues/q')
		connection = Connection(bell)
		D.client(T)
		found = {}
		for path in writable_files():
		    found.setdefault(row_of(path), path)
		known = {name.partition(',')[0] for name in TABLE} | BYTES | MEMORY
		new = {row: path for row, path in found.items() if row not in known}
		assert not new, f'not in the table: {new}'
		gone = known - found.keys()
		assert not gone, f'no such file: {gone}'
		assert not TABLE.keys() & (BYTES | MEMORY)
		assert all(cells.keys() == set(KINDS) for where, cells in TABLE.values())
	END
}

@test "each kind of bad input to each file: its errno, a sentence in err/PID, and nothing has changed" {
	check_table <<-'END'
		wrong = []
		def check_cell(where, data, pattern, wanted):
		    refuses(EACCES, opened, f'{MNT}/version', 'w')      # so that the last refusal is another one
		    before = said()
		    refuses(wanted, tries, where, data)
		    assert said() != before, 'err/PID says nothing of it'
		    assert re.search(pattern, said()[2]), f'{said()} has no {pattern}'
		for name, where, kinds in cells():
		    with nothing_changed(), unchanged(Q), kept(T):
		        for kind, (data, pattern, wanted) in kinds:
		            try:
		                check_cell(where, data, pattern, wanted)
		            except AssertionError as error:
		                wrong.append(f'{name}, {kind}, {data[:60]!r}: {error}')
		for path in Q / 'enqueue', U / 'struct/mul':
		    refuses(EMSGSIZE, tries, path, bytes(LONG))
		    equal(said()[1], 'kIOReturnMessageTooLarge')
		assert not wrong, '\n'.join(wrong)
		assert not S.is_asked() and not D.is_asked()
	END
}

@test "a table of bad input leaves nothing in fsd's memory" {
	check_table <<-'END'
		def turn():
		    for name, where, kinds in cells():
		        for kind, (data, pattern, wanted) in kinds:
		            refuses(wanted, tries, where, data)
		turn()
		turn()
		before = len(os.listdir(f"/proc/{os.environ['FSD_PID']}/fd")), fsd_memory()
		for again in range(5):
		    turn()
		after = len(os.listdir(f"/proc/{os.environ['FSD_PID']}/fd")), fsd_memory()
		equal(after[0], before[0])
		assert fsd_is_sanitized() or after[1] <= before[1] + 64, f'{before}, then {after}'
	END
}
