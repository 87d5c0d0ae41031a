#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What is wrong is refused by each file of the root, of services and of connections: with
# its errno, a sentence in err/PID that names it, and nothing has changed.

load actors

# --- text of any kind

@test "what is no JSON is EINVAL, and said where, in one write and byte by byte" {
	start_fsd
	check_actors <<-'END'
		with nothing_changed():
		    for path in JSON_FILES:
		        for text, pattern in NO_JSON.items():
		            try:
		                write(path, text, how_of(path))
		            except OSError as error:        # a dictionary to match may be too long before it is wrong
		                too_long = error.errno == EMSGSIZE and len(text) > 8192 and path.endswith(('match', 'watch'))
		                equal(EINVAL if too_long else error.errno, EINVAL)
		                assert re.search('bytes' if too_long else pattern, said()[2]), said()
		                equal(said()[1], 'kIOReturnMessageTooLarge' if too_long else 'kIOReturnBadArgument')
		            else:
		                assert False, f'{path}: {text[:100]!r}'
		            if len(text) < 30:
		                refuses(EINVAL, write_bytes, path, text, how_of(path))
		    for path in JSON_FILES:
		        for text in NO_OBJECT if path != f'{MNT}/console' else ['{}', '"text"', '1\n', '[1]', '[[]]', '[null]']:
		            says(EINVAL, 'object|dictionary|item|list|whole|null', write, path, text, how_of(path))
		            refuses(EINVAL, write_bytes, path, text, how_of(path))
		assert not S.is_asked()
	END
}

@test "what is not complete is EINVAL at close, and only blanks are nothing" {
	start_fsd
	check_actors <<-'END'
		with nothing_changed():
		    for path, document in JSON_FILES.items():
		        for text in INCOMPLETE + [document[:-1]]:
		            for writer in (write, write_bytes) if len(text) < 100 else (write,):
		                fd = opened(path, how_of(path))
		                if text.startswith('{"a":1}{'):     # the first is wrong here, but for properties
		                    os.close(fd)
		                    continue
		                data = text.encode()
		                while data:
		                    n = os.write(fd, data if writer is write else data[:1])
		                    data = data[n:]
		                says(EINVAL, 'complete', os.close, fd)
		        for text in BLANKS + [b'']:
		            write(path, text, how_of(path))
		            if path != f'{MNT}/watch':
		                write(path, text + document.encode() + text, how_of(path))
		    for path in (f'{MNT}/ctl', N / 'ctl', S / 'ctl', U / 'ctl', S / 'clone'):
		        for text in 'bogus', 'r', 'register', 'bogus\0':
		            fd = opened(path, 'w' if path.endswith('ctl') else 'rw')
		            os.write(fd, text.encode())
		            says(EINVAL, 'complete', os.close, fd)
		        for text in BLANKS:
		            write(path, text if text.strip(b' ') else text + b'\n', 'w' if path.endswith('ctl') else 'rw')
		    # A line of a driver's; it stays open.
		    driver = os.dup(S.driver)
		    os.write(driver, b'{"id":1')
		    says(EINVAL, 'complete', os.close, driver)
		    refuses(EINVAL, os.write, S.driver, b'}\n')
		while S.is_asked():                     # connections of S/clone above
		    equal(S.asked()['op'], 'close')
	END
}

@test "more than 4 MiB is EMSGSIZE, and of 4 MiB nothing is lost" {
	start_fsd
	check_actors <<-'END'
		limit = 4 << 20
		long = {path: how_of(path) for path in JSON_FILES} | {path: how_of(path) for path in (f'{MNT}/ctl', N / 'ctl',
		        U / 'ctl', U / 'm/mul')}
		with nothing_changed():
		    for path, how in long.items():
		        for text in b'{"a":"' + b'x' * (limit - 7) + b'"}', b'x' * (limit + 1), b'{"a":"' + b'x' * (limit - 6) + b'\n':
		            text += b'\n'
		            says(EMSGSIZE, '4194304|4 MiB|bytes', write, path, text, how)
		            equal(said()[1], 'kIOReturnMessageTooLarge')
		    for name in 'class',:
		        refuses(EMSGSIZE, write, N / name, b'x' * (limit + 1))
		        refuses(EMSGSIZE, write, N / name, b'x' * 5000)
		    # In pieces of other sizes, too.
		    fd = opened(N / 'props', 'w')
		    os.write(fd, b'{"a":"' + b'x' * 100)
		    def more():
		        for n in range(100):
		            os.write(fd, b'x' * 100000)
		    says(EMSGSIZE, '4194304', more)
		    os.close(fd)
		    os.write(S.driver, b'{"id":1,"rc":0,"sob":"' + b'A' * 1000000)
		    def rest():
		        for n in range(100):
		            os.write(S.driver, b'A' * 100000)
		    says(EMSGSIZE, '4194304', rest)
		write(N / 'props', b'{"a":"' + b'x' * (limit - 100) + b'"}', 'w')
		fd = opened(N / 'prop/a')
		got = b''
		while piece := os.read(fd, 1 << 20):
		    got += piece
		equal(got, b'"' + b'x' * (limit - 100) + b'"\n')
		os.unlink(N / 'prop/a')
	END
}

@test "a piece of a long write that is refused is not lost, nor is the rest taken for something else" {
	start_fsd
	check_actors <<-'END'
		# The kernel cuts a write in pieces, and does not tell of an error in one that is not the first.
		blanks = b' ' * (2 << 20)
		with nothing_changed():
		    for path, text in (U / 'm/mul', b'x' + blanks + b'6 7\n'), (N / 'props', b'{"a" wrong' + blanks + b'}'), \
		            (U / 'call', b'{"a" wrong' + blanks + b'}{"sel":0}'), \
		                      (N / 'ctl', b'bogus' + blanks + b'\nregister\n'):
		        with opening(path, how_of(path)) as fd:
		            n = os.write(fd, text)
		            assert 0 < n < len(text)
		            says(EINVAL, '.', os.write, fd, text[n:])
		        fd = opened(path, how_of(path))
		        os.write(fd, text)
		        says(EINVAL, '.', os.close, fd)
		assert not S.is_asked()
		# It was for that write alone.
		with opening(N / 'props', 'w') as fd:
		    refuses(EINVAL, os.write, fd, b'{"two" 2}')
		    os.write(fd, b'{"two":2}')
		equal(read(N / 'prop/two'), '2\n')
	END
}

@test "what is said of a refusal is a line, whatever it names" {
	start_fsd
	check_actors <<-'END'
		def lines():
		    return read(f'{MNT}/err/{os.getpid()}').splitlines()
		for path, text in (N / 'props', '{"$x\\ny\\u001b[2Jz":1}'), (f'{MNT}/console', '[{"uid":1,"x\\ny":1}]'), \
		        (U / 'call', '{"sel":0,"x\\n\\u007fy":1}'), (N / 'ctl', 'attach IOService:/a\x1b[2J\rb\n'), \
		                  (U / 'ctl', 'addclient a\x1b\tb\n'), (N / 'methods', '{"methods":[{"a\\nb":1}]}'):
		    with contextlib.suppress(OSError):
		        write(path, text, how_of(path))
		    found = lines()
		    assert len(found) == 2 and found[1].isprintable(), found
	END
}

# --- each file on its own

@test "match and watch: what is asked for wrongly" {
	start_fsd
	check_actors <<-'END'
		watch = f'{MNT}/watch'
		with nothing_changed():
		    for text in '{}', '{"type":"IOServiceMatched"}', '{"match":{}}', '{"type":1,"match":{}}', \
		            '{"type":null,"match":{}}', \
		                '{"type":"IOServiceMatched","match":[]}', '{"type":"IOServiceMatched","match":"S"}', \
		                '{"type":"IOServiceMatched","match":null}', '{"type":"IOServiceMatched","match":{},"more":1}', \
		                '{"type":["IOServiceMatched"],"match":{}}', '{"Type":"IOServiceMatched","match":{}}':
		        says(EINVAL, 'type.*match', write, watch, text, 'rw')
		    for kind in '', 'x', 'IOServiceMatchedd', 'ioservicematched', 'IOServiceTerminated', '\u00e9', 'x' * 8000:
		        says(EOPNOTSUPP, 'IOServicePublish', write, watch, json.dumps({'type': kind, 'match': {}}), 'rw')
		        equal(said()[1], 'kIOReturnUnsupported')
		    with opening(watch, 'rwn') as fd:
		        refuses(EAGAIN, os.read, fd, 100)
		        refuses(EINVAL, os.write, fd, b'[]')                    # refused: it may be tried again
		        refuses(EOPNOTSUPP, os.write, fd, b'{"type":"x","match":{}}')
		        os.write(fd, b'{"type":"IOServiceTerminate","match":{}}')
		        equal(os.read(fd, 100), b'{"armed":true}\n')
		        says(EBUSY, 'one watch', os.write, fd, b'{"type":"IOServiceTerminate","match":{}}')
		        refuses(EAGAIN, os.read, fd, 100)
		    # Keys of a dictionary that are nonsense match nothing, or are not looked at, as 4.3 says.
		    for path in f'{MNT}/match', S / 'match':
		        with opening(path, 'rwn') as fd:
		            refuses(61, os.read, fd, 100)                       # ENODATA
		            for text in '{"IOProviderClass":"\\ud83d\\ude00"}', '{"IONameMatch":""}', '{"IOPropertyMatch":[]}', \
		                    '{"IORegistryEntryID":-1}', \
		                        '{"IOPathMatch":"nonsense"}', '{"IOPathMatch":"IOService:/' + '/' * 8000 + '"}', \
		                        '{"IOParentMatch":{"IOProviderClass":"No"}}', \
		                        '{"IONameMatch":"' + 'x' * 8000 + '"}', '{"IOPropertyMatch":{"one":"1"}}', \
		                        '{"IOLocationMatch":"%"}':
		                os.write(fd, text.encode())
		                equal(os.read(fd, 100), b'' if path == f'{MNT}/match' else b'0\n')
		            nested = '{}'
		            for depth in range(200):
		                nested = '{"IOParentMatch":' + nested + '}'
		            os.write(fd, nested.encode())
		            assert os.read(fd, 100) in (b'', b'0\n')
		            for wrong in '[]', '"x"', '1 ':
		                refuses(EINVAL, os.write, fd, wrong.encode())
		            equal(os.read(fd, 100), b'')                        # the last answer is over; what is wrong asks nothing
		    for path in f'{MNT}/events', S / 'events', f'{MNT}/quiet', S / 'quiet', U / 'async', f'{MNT}/policy':
		        for how in 'w', 'rw', 'wt', 'wa':
		            refuses(EACCES, opened, path, how)
	END
}

@test "methods: each key of the document" {
	start_fsd
	check_actors <<-'END'
		wrong = {
		    'unknown key "x"': [{'x': 1}, {'methods': [{'x': 1}]}, {'memory': {'0': {'buf': 'b', 'x': 1}}},
		        {'locking': {'x': True}}],
		    '"?methods': [{'methods': {}}, {'methods': 'x'}, {'methods': [1]}, {'methods': [[]]}, {'methods': [None]},
		        {'methods': [{}] * 4097}],
		    'name': [{'methods': [{'name': name}]} for name in ('', '.', '..', 'a/b', '1', '0x1', 'x' * 128, 1, None, [], '/')]
		            + [{'methods': [{'name': 'a'}, {'name': 'a'}]}],
		    '"s.s?"': [{'methods': [{key: value}]} for key in ('si', 'so', 'sis', 'sos')
		               for value in (-1, 1 << 33, 2 ** 64 - 1, 'x', '0x', '', None, [], {}, True, '**', 1.5)]
		              + [{'methods': [{key: 17}]} for key in ('si', 'so')],
		    'allowAsync': [{'methods': [{'allowAsync': value}]} for value in (1, 0, 'true', None)],
		    'ent': [{'methods': [{'ent': value}]} for value in (1, '', None, True, [])],
		    'type': [{'memory': {key: 'b'}} for key in ('', '-1', 'x', '4294967296', '0x', '00', '1 ', ' 1', '+1',
		        '1e1')] + [{'memory': {'1': 'a', '0x1': 'b'}}],
		    'buf|memory|"0"': [{'memory': {'0': value}} for value in ('', '.', '..', 'a/b', 1, None, [], {}, {'ro': True},
		        'queues//data', 'queues/../data',
		                       'queues/q/notify', 'queues/q', 'queues/a/b/data', '/x', '../x', 'x' * 256)],
		    '"memory"|"ro"': [{'memory': value} for value in ([], 'x', 1, None)] + [{'memory': {'0': {'buf': 'b', 'ro': 1}}}],
		    'ports': [{'ports': value} for value in ([], 1, {'x': 'queues/q/notify'}, {'0': 'x'}, {'0': 'queues/q/data'},
		        {'0': 'queues/../notify'}, {'0': 1})],
		    '"open"': [{'open': value} for value in ('yes', '', 1, True, None)],
		    'privilege': [{'privilege': value} for value in (1, '', None, [])],
		    'IOUserClientEntitlements': [{'IOUserClientEntitlements': value} for value in (True, '', 1, None, [])],
		    'locking': [{'locking': value} for value in (1, [], True, None)],
		    'single|setprops|default': [{'locking': {key: 1}} for key in ('single', 'setprops', 'default')],
		    'timeout_ms': [{'timeout_ms': value} for value in ('x', 1.5, None, [], True)],
		    'shared': [{'shared': 1}, {'shared': 'yes'}],
		    'userClientClass': [{'userClientClass': value} for value in ('', 1, 'a/b', 'a:b', 'x' * 128, None, 'a b', 'a\n',
		        '.a', '\u00e9')],
		    'kind': [{'kind': value} for value in ('', '2023', 2022, None, [])],
		}
		with nothing_changed():
		    for pattern, documents in wrong.items():
		        for document in documents:
		            try:
		                says(EINVAL, pattern, write, N / 'methods', json.dumps(document))
		            except AssertionError as error:
		                raise AssertionError(f'{document}: {error}') from None
		    says(EBUSY, 'registered', write, S / 'methods', '{"methods":[]}')
	END
}

@test "properties: values and keys that cannot be" {
	start_fsd
	check_actors <<-'END'
		nested_sets = {'$set': [1]}
		for depth in range(10):
		    nested_sets = {'$set': [nested_sets]}
		bad = {'null': None, 'whole': 1.5, '\\$data': {'$data': 'x'}, 'base64': {'$data': 'A=B='}, '\\$data"? ': {'$data': 1},
		        '\\$hex': {'$hex': 'abc'},
		       'hexa': {'$hex': 'zz'}, '\\$num|bits': {'$num': 1, 'bits': 65}, '\\$num': {'$num': 'x'}, 'form': {'$unknown': 1},
		       '\\$set': {'$set': 1},
		       'form|alone|\\$': {'$data': 'AA==', 'more': 1}, 'sets': nested_sets, 'form ': {'$': 1}}
		with nothing_changed():
		    for pattern, value in bad.items():
		        for wrapped in value, [value], {'key': value}, {'$set': [value]} if pattern != 'sets' else value:
		            text = json.dumps({'two': 2, 'bad': wrapped})
		            try:
		                says(EINVAL, '.', write, N / 'props', text)
		                says(EINVAL, pattern, write, N / 'props', json.dumps({'bad': value}))
		            except AssertionError as error:
		                raise AssertionError(f'{text}: {error}') from None
		            if json.dumps(wrapped)[0] in '{[':
		                refuses(EINVAL, write, N / 'prop/one', json.dumps(wrapped))
		    for text in '{"$x":1}', '{"$":1}', '{"two":2,"$data":"AA=="}', '{"$num":1}', '{"$set":[]}':
		        refuses(EINVAL, write, N / 'props', text)
		    deep = '[' * 511 + ']' * 511
		    says(EINVAL, 'deep|one another', write, N / 'props', '{"a":[[' + deep + ']]}')
		    for name in 'two', 'x' * 255, '%00', '%', '%2F', '@', '\u00e9', '\\', ' ', '$data', '$$':
		        for text in '{', '[1,2', '"', '{"a":1]}', '"\\x"', '[1,2}', DEEP, b'"\xff"', b'\xff\xfe', b'text\xff', b'a\0b', \
		                b'\0', b'\0text', b'"a\0b"', \
		                    '"\\u0000"', '18446744073709551616', '-9223372036854775809', '{"a":1}}', '[1] 2', '"a" b' :
		            fd = os.open(N / ('prop/' + name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
		            def put():
		                data = text if isinstance(text, bytes) else text.encode()
		                while data:
		                    data = data[os.write(fd, data):]
		                os.close(fd)
		            try:
		                refuses(EINVAL, put)
		            except AssertionError as error:
		                raise AssertionError(f'{name} {text[:100]}: {error}') from None
		            with contextlib.suppress(OSError):
		                os.close(fd)
		    refuses(ENAMETOOLONG, os.open, N / ('prop/' + 'x' * 256), os.O_WRONLY | os.O_CREAT)
		    says(EINVAL, 'UTF-8|name', lambda: os.write(os.open(os.fsencode(N / 'prop/') + b'\xff', os.O_WRONLY | os.O_CREAT),
		            b'1'))
		    for name in 'two', 'x' * 200:
		        refuses(ENOENT, os.stat, N / ('prop/' + name))
		        refuses(ENOENT, os.unlink, N / ('prop/' + name))
		    write(N / 'prop/one', '')
		    write(N / 'prop/one', ' \n')
		    os.truncate(N / 'prop/one', 0)
		    os.truncate(N / 'props', 0)
		# What is no JSON of more than a word is a string.
		for text, wanted in ('hello', '"hello"'), ('1f,2', '"1f,2"'), ('0x10', '"0x10"'), ('007', '"007"'), ('null', '"null"'), \
		        ('-1', str(2 ** 64 - 1)), \
		                    ('true\n', 'true'), (str(2 ** 64 - 1), str(2 ** 64 - 1)), ('a "b"', '"a \\"b\\""'), \
		                    ('\u00e9\n', '"\u00e9"'), ('2.5', '"2.5"'):
		    write(N / 'prop/one', text)
		    equal(read(N / 'prop/one'), wanted + '\n')
	END
}

@test "console: users that cannot be" {
	start_fsd
	check_actors <<-'END'
		console = f'{MNT}/console'
		write(console, '[{"uid":1000,"user":"somebody","onConsole":true,"session":3}]')
		with nothing_changed():
		    for item, pattern in ({}, 'uid'), ({'uid': -1}, 'uid'), ({'uid': 2 ** 32}, 'uid'), ({'uid': 2 ** 32 - 1}, 'uid'), \
		            ({'uid': '0'}, 'uid'), \
		                         ({'uid': 1.5}, 'uid'), ({'uid': None}, 'uid'), ({'uid': 1, 'user': ''}, 'user'), \
		                         ({'uid': 1, 'user': 1}, 'user'), \
		                         ({'uid': 1, 'onConsole': 1}, 'onConsole'), ({'uid': 1, 'session': -1}, 'session'), \
		                         ({'uid': 1, 'session': 2 ** 32}, 'session'), \
		                         ({'uid': 1, 'securePid': 0}, 'securePid'), ({'uid': 1, 'securePid': 2 ** 31}, 'securePid'), \
		                         ({'uid': 1, 'more': 1}, 'more'), \
		                         ({'uid': 1, 'x' * 1000: 1}, 'unknown'), (1, 'object'), ([], 'object'), (None, 'object'):
		        says(EINVAL, pattern, write, console, json.dumps([item]))
		        says(EINVAL, 'item 2', write, console, json.dumps([{'uid': 1}, item]))
		    for text in '{}', '1 ', '"x"', 'null ', '{"console":[]}':
		        says(EINVAL, 'list', write, console, text)
		write(console, '[]')
		equal(json.loads(read(console)), [])
	END
}

@test "classes: names that cannot be" {
	start_fsd
	check_actors <<-'END'
		with nothing_changed():
		    for text in '\n', ' ', '\t\n', ':', 'A:', ':A', 'A::B', 'A:A', 'A B', 'A/B', '.', '..', '.A', '-A', 'A\0', '\0', \
		            b'\xff', '\u00e9', 'A\nB', \
		                'A:IOService:B', 'IORegistryEntry:A', 'x' * 128, 'A:' + 'x' * 128, 'A' * 4000, \
		                ':'.join(f'A{n}:A{n}' for n in range(100)):
		        try:
		            says(EINVAL, 'lineage|NUL', write, N / 'class', text)
		        except AssertionError as error:
		            raise AssertionError(f'{text[:50]!r}: {error}') from None
		    refuses(EMSGSIZE, write, N / 'class', ':'.join(f'A{n}' for n in range(3000)))
		    says(EBUSY, 'registered', write, S / 'class', 'Other')
		    write(N / 'class', '')
		    for size in 0, 10, 1 << 40:
		        os.truncate(N / 'class', size)
	END
}

@test "ctl of the root, of a service, of a connection: words that are none" {
	start_fsd
	check_actors <<-'END'
		junk = ['bogus', 'reload x', ' reload', 'RELOAD', 'reload\t', 'reload\r', '\0', 'reload\0', 'reload\0x', 'x' * 5000,
		        '\u00e9', '{}', '"reload"', '0', '-']
		root = junk + ['log', 'log ', 'log x', 'log info x', 'log  info', 'log info\0', 'log info\0x', 'log 7', 'plane',
		        'plane ', 'plane lower', 'plane A/B', 'plane A B', 'plane .',
		               'plane Foo\0', 'plane Foo\0bar', 'plane Foo ', 'plane ' + 'P' * 33, 'plane ' + 'P' * 5000,
		               'plane \u00c9', 'plane 1', 'log info\tx']
		service = junk + ['registerr', 'register x', 'register\0', 'terminate 1', 'persist now', 'message', 'message ',
		        'message x', 'message -1', 'message 4294967296',
		                  'message 0x', 'message 0x100000000', 'message 1 {', 'message 1 }', 'message 1 [1,',
		                  'message 1 ' + '[' * 1000 + ']' * 1000, 'message 1 1e400', 'message 1 2 3',
		                  'message 1\0', 'message 1 "\0"', 'busy', 'busy 1', 'busy +', 'busy -', 'busy +-1', 'busy +1024',
		                  'busy -1', 'busy +1 1', 'busy +4294967296',
		                  'busy +99999999999999999999', 'busy +0x', 'probe x', 'probe -1', 'probe 1 1', 'probe 4294967296']
		client = junk + ['close x', 'close\0', 'closed', 'open x', 'open seize x', 'open  seized', 'unopen x', 'addclient',
		        'addclient ', 'addclient x', 'addclient 99', 'addclient -1',
		                 'addclient 4294967296', 'addclient IOService', 'addclient IOService/Test',
		                 'addclient IOService/Test/clients', 'addclient ../..', 'addclient ' + '/' * 5000,
		                 'addclient ' + 'a/' * 5000, 'qlimit', 'qlimit x', 'qlimit -1', 'qlimit 1025', 'qlimit 0x',
		                 'qlimit 1 1', 'qlimit 18446744073709551616', 'qlimit 5\0']
		with nothing_changed():
		    for path, words in (f'{MNT}/ctl', root), (N / 'ctl', service), (U / 'ctl', client), (U.session, client):
		        for word in words:
		            try:
		                if path == U.session:
		                    says(EINVAL, '.', os.write, path, word.encode() + b'\n')
		                else:
		                    says(EINVAL, '.', write, path, word + '\n')
		                    if len(word) < 12:
		                        says(EINVAL, '.', write_bytes, path, word + '\n')
		            except AssertionError as error:
		                raise AssertionError(f'{path} {word[:60]!r}: {error}') from None
		    says(EMSGSIZE, 'bytes', write, N / 'ctl', 'message 1 ' + DEEP + '\n')
		    for word in 'attach', 'attach ', 'attach x', 'attach IOService', 'attach IOService:', 'attach IOService:/None', \
		            'attach Nowhere:/', 'attach IOService:/' + '/x' * 3000, \
		                'detach', 'detach x', 'detach IOService:/None':
		        says(ENOENT, 'path', write, N / 'ctl', word + '\n')
		    refuses(EEXIST, write, N / 'ctl', 'attach IOService:/\n')
		    refuses(40, write, N / 'ctl', 'attach IOService:/New\n')        # ELOOP
		    says(EBUSY, 'directory', write, N / 'ctl', 'detach IOService:/\n')
		    refuses(EEXIST, write, f'{MNT}/ctl', 'plane IOService\n')
		    refuses(77, os.write, U.session, b'unopen\n')                   # EBADFD
		    equal(said()[1], 'kIOReturnNotOpen')
		    refuses(EBUSY, write, entry('IOResources/ctl'), 'terminate\n')
		assert not S.is_asked()
	END
}

@test "of several units in one write those before the wrong one are done, and it is told next" {
	start_fsd
	check_actors <<-'END'
		fd = opened(N / 'ctl', 'w')
		equal(os.write(fd, b'\n\nbusy +1\nbogus\nbusy +5\n'), len(b'\n\nbusy +1\n'))
		says(EINVAL, 'unknown', os.write, fd, b'bogus\nbusy +5\n')
		os.close(fd)
		equal(read(N / 'busy'), '1\n')
		write(N / 'ctl', 'busy +1\nbusy -2\n')
		equal(read(N / 'busy'), '0\n')
		fd = opened(N / 'props', 'w')
		equal(os.write(fd, b'{"two":2} {"three":3}[]{"four":4}'), len(b'{"two":2} {"three":3}'))
		refuses(EINVAL, os.write, fd, b'[]{"four":4}')
		os.close(fd)
		equal(json.loads(read(N / 'props')), {'one': 1, 'two': 2, 'three': 3})
		fd = opened(U / 'call', 'rw')
		os.write(fd, b'{"sel":99}{"sel":98}\n')
		equal(json.loads(os.read(fd, 1000))['rc'], 0xe00002c2)      # of the last; an answer that nobody read is gone
		equal(os.read(fd, 100), b'')
		n = os.write(fd, b'{"sel":0}{"sel":0}')                     # the first goes to the driver
		equal(n, len(b'{"sel":0}'))
		says(EBUSY, 'running', os.write, fd, b'{"sel":0}')
		S.answers()
		equal(json.loads(os.read(fd, 1000))['rc'], 0)
		os.close(fd)
		# Interrupted, it tells how much was done.
		import ctypes
		def interrupted(text):
		    signal.signal(signal.SIGUSR1, lambda *_: None)
		    fd = opened(S / 'ctl', 'w')
		    n = ctypes.CDLL(None, use_errno=True).write(fd, text, len(text))
		    return n, n < 0 and ctypes.get_errno()
		for text, wanted in (b'busy +1\nprobe 1\nbusy +1\n', (8, False)), (b'probe 1\nbusy +1\n', (-1, EINTR)):
		    child = Child(interrupted, text)
		    probe = S.asked()
		    child.kill(signal.SIGUSR1)
		    equal(child.result(), wanted)
		    equal(S.asked(), {'op': 'cancel', 'cancel': probe['id']})
		equal(read(S / 'busy'), '1\n')
		# A shell's words end at the line.
		fd = opened(U / 'm/mul', 'rw')
		os.write(fd, b'6 7\n')
		S.answers(so=[42])
		equal(os.read(fd, 100), b'42\n')
		os.close(fd)
	END
}

@test "call: documents, and what follows none" {
	start_fsd
	check_actors <<-'END'
		wrong = {'sel': ['{}', '{"si":[]}', '{"sel":-1}', '{"sel":4294967296}', '{"sel":"x"}', '{"sel":"0x"}', '{"sel":""}',
		        '{"sel":null}', '{"sel":1.0}', '{"sel":[]}', '{"sel":true}'],
		         '"si"': ['{"sel":0,"si":1}', '{"sel":0,"si":{}}', '{"sel":0,"si":"1"}', '{"sel":0,"si":["x"]}',
		             '{"sel":0,"si":[1.5]}', '{"sel":0,"si":[null]}', '{"sel":0,"si":[[]]}',
		                  '{"sel":0,"si":["-1"]}', '{"sel":0,"si":["0x10000000000000000"]}',
		                      '{"sel":0,"si":["18446744073709551616"]}', '{"sel":0,"si":[true]}'],
		         '"so"': ['{"sel":0,"so":"x"}', '{"sel":0,"so":[]}', '{"sel":0,"so":null}', '{"sel":0,"so":1.5}'],
		         'base64': ['{"sel":0,"sib":"x"}', '{"sel":0,"sib":"===="}', '{"sel":0,"sib":1}', '{"sel":0,"sib":"aGVsbG8"}',
		             '{"sel":0,"sib":"AA==AA=="}', '{"sel":0,"sib":"AB=="}'],
		         'hexadecimal': ['{"sel":0,"sihex":"0"}', '{"sel":0,"sihex":"0g"}', '{"sel":0,"sihex":1}',
		             '{"sel":0,"sihex":"0x00"}'],
		         '"sit"': ['{"sel":0,"sit":1}', '{"sel":0,"sit":null}', '{"sel":0,"sit":[]}'],
		         'only one': ['{"sel":0,"sit":"a","sihex":"00"}', '{"sel":0,"sib":"AA==","sit":"a"}'],
		         '"sos"': ['{"sel":0,"sos":"x"}', '{"sel":0,"sos":"VAR"}', '{"sel":0,"sos":null}', '{"sel":0,"sos":[]}'],
		         '"async"': ['{"sel":0,"async":"x"}', '{"sel":0,"async":null}', '{"sel":0,"async":true}'],
		         '"hex"': ['{"sel":0,"hex":1}', '{"sel":0,"hex":"true"}'],
		         'unknown key': ['{"sel":0,"x":1}', '{"sel":0,"Sel":0}', '{"sel":0,"' + 'x' * 10000 + '":1}', '{"sel":0,"":1}',
		             '{"sel":0,"\\n":1}']}
		with nothing_changed():
		    for pattern, texts in wrong.items():
		        for text in texts:
		            try:
		                says(EINVAL, pattern, write, U / 'call', text, 'rw')
		                if len(text) < 40:
		                    refuses(EINVAL, write_bytes, U / 'call', text, 'rw')
		            except AssertionError as error:
		                raise AssertionError(f'{text[:100]}: {error}') from None
		    with opening(U / 'call', 'rw') as fd:
		        refuses(61, os.read, fd, 100)                       # ENODATA
		        refuses(EINVAL, os.write, fd, b'{"sel":}')
		        refuses(61, os.read, fd, 100)
		        # What is well said, and cannot be: the answer says so, not the write.
		        for text, code in ('{"sel":4}', 'kIOReturnBadArgument'), ('{"sel":4294967295}', 'kIOReturnBadArgument'), \
		                ('{"sel":1}', 'kIOReturnBadArgument'), \
		                          ('{"sel":1,"si":[1,2],"so":2}', 'kIOReturnBadArgument'), \
		                          ('{"sel":1,"si":[1,2],"so":1,"sos":1}', 'kIOReturnBadArgument'), \
		                          ('{"sel":0,"async":1}', 'kIOReturnBadArgument'), \
		                          ('{"sel":0,"sit":"x"}', 'kIOReturnBadArgument'), \
		                          ('{"sel":0,"si":[' + ','.join('0' * 17) + ']}', 'MIG_ARRAY_TOO_LARGE'):
		            os.write(fd, text.encode())
		            equal(json.loads(os.read(fd, 1000))['name'], code)
		            equal(os.read(fd, 100), b'')
		assert not S.is_asked()
	END
}

@test "m, struct, port, mem: names and values" {
	start_fsd
	check_actors <<-'END'
		names = ['4294967296', '-1', '+1', '0x', '0x100000000', '00', '1 ', ' 1', '1e1', 'none ', 'NONE', '%30', '\u00e9',
		        'x' * 255, '.x', '1.0', '18446744073709551616']
		with nothing_changed():
		    for folder in 'm', 'struct', 'port', 'mem', 'queues':
		        for name in names:
		            refuses(ENOENT, os.stat, U / f'{folder}/{name}')
		            for call in (os.mkdir,), (os.mkfifo,), (lambda path: os.symlink('x', path),):
		                refuses(EPERM, call[0], U / f'{folder}/{name}')
		            missing = ENOENT if folder in ('m', 'struct') else EPERM    # there is no such method
		            for call in (os.mknod,), (lambda path: os.open(path, os.O_WRONLY | os.O_CREAT),):
		                refuses(missing, call[0], U / f'{folder}/{name}')
		        refuses(ENAMETOOLONG, os.stat, U / f'{folder}/{"x" * 256}')
		    for name in '4', '4294967295', '0xffffffff':            # no such selector: known when it is called
		        with opening(U / f'm/{name}', 'rw') as fd:
		            os.write(fd, b'1\n')
		            refuses(EINVAL, os.read, fd, 100)
		            equal(said()[1], 'kIOReturnBadArgument')
		    for text in 'x', '1,2', '-1', '+1', '1 x', '0x', '0xg', '1.5', '1e3', '18446744073709551616', '0x10000000000000000', \
		            '\0', '1\0', '1 2\0', '"1"', '[1]', '\u0661', b'\xff', \
		                '9' * 400, '08', '1\v2', '1\f2':
		        for name in 'm/mul', 'm/1', 'm/0x1':
		            line = (text if isinstance(text, bytes) else text.encode()) + b'\n'
		            says(EINVAL, 'whole numbers', write, U / name, line, 'rw')
		        if len(line) < 30:
		            refuses(EINVAL, write_bytes, U / 'm/mul', line, 'rw')
		    with opening(U / 'm/mul', 'rw') as fd:
		        for line in '1', '1 2 3', ' '.join('1' * 17), ' '.join('1' * 5000):
		            os.write(fd, line.encode() + b'\n')
		            refuses(7 if len(line) > 16 else EINVAL, os.read, fd, 100)      # E2BIG
		            equal(os.read(fd, 100), b'')
		    with opening(U / 'struct/mul', 'rw') as fd:
		        os.write(fd, b'\0' * 100)
		        refuses(EINVAL, os.read, fd, 100)
		    for how in 'w', 'rw':
		        refuses(EACCES, opened, U / 'port/1', how)
		        refuses(EACCES, opened, U / 'async', how)
		    # Refused by the driver: its code; of memory, always EINVAL.
		    for code, wanted in (0xe00002c7, EOPNOTSUPP), (0xe00002d8, EAGAIN), (0xe00002c1, EACCES), (0xdeadbeef, EIO):
		        child = Child(lambda: os.close(os.open(U / 'port/9', os.O_RDONLY)))
		        S.answers(rc=code)
		        refuses(wanted, child.result)
		        child = Child(lambda: os.close(os.open(U / 'mem/9', os.O_RDWR)))
		        S.answers(rc=code)
		        refuses(EINVAL, child.result)
		    for answer in {}, {'buf': 'none'}, {'buf': '../page'}, {'buf': 'queues/0/data'}, {'buf': '/etc/passwd'}:
		        child = Child(lambda: os.close(os.open(U / 'mem/9', os.O_RDWR)))
		        S.answers(**answer)
		        refuses(EINVAL, child.result)
		    # A method of no arguments: an empty line is all of them.
		    with opening(U / 'm/none', 'rw') as fd:
		        for again in range(3):
		            os.write(fd, b'\n')
		            equal(S.answers()['sel'], 0)
		            equal(os.read(fd, 100), b'')
		assert not S.is_asked()
	END
}

@test "a driver's lines, as JSON and as words" {
	start_fsd
	check_actors <<-'END'
		both = {'"id"': [{'rc': 0}, {'so': [1]}, {'x': 1}], 'unknown': [{'id': 1, 'rc': 0, 'nope': 1},
		        {'message': 1, 'nope': 1}, {'kill': 1, 'rc': 0, 'nope': 1}],
		        '"rc" is missing': [{'id': 1}, {'async': 1, 'conn': 1}, {'kill': 1}],
		        '"conn" is missing': [{'async': 1, 'rc': 0}, {'notify': 1}],
		        '"rc"': [{'id': 1, 'rc': 'x'}, {'id': 1, 'rc': 2 ** 32}, {'id': 1, 'rc': 'kIOReturnNothing'},
		            {'id': 1, 'rc': ''}],
		        '"so"': [{'id': 1, 'rc': 0, 'so': ['x']}, {'id': 1, 'rc': 0, 'so': ['1.5']}, {'id': 1, 'rc': 0, 'so': ['-1']}],
		        '"(id|async|kill)"': [{'id': 'x', 'rc': 0}, {'async': 'x', 'conn': 1, 'rc': 0}, {'kill': 'x', 'rc': 0}],
		        '"(notify|message)"': [{'notify': 2 ** 32, 'conn': 1}, {'message': 2 ** 32}, {'message': 'x'}],
		        '"candrop"': [{'async': 1, 'conn': 1, 'rc': 0, 'candrop': 'perhaps'}],
		        '"ro"': [{'id': 1, 'rc': 0, 'ro': 'perhaps'}], '"buf"': [{'id': 1, 'rc': 0, 'buf': ''}]}
		as_words = lambda line: ' '.join(f'{key}={",".join(map(str, value)) if isinstance(value, list) else value}' for key,
		        value in line.items())
		only_json = ['{}', '[]', '"id"', '1', 'null', 'id=1 rc=0', '{"id":1,"rc":0,"so":1}', '{"id":1,"rc":0,"sob":"x"}',
		        '{"id":null,"rc":0}', '{"id":1,"rc":null}',
		             '{"async":1,"conn":1,"rc":0,"args":1}', '{"id":1,"id":1,"rc":0}', '{"id":1,"rc":0', '{"id":1,"rc":0}}',
		             '{"id":18446744073709551616,"rc":0}', DEEP, '{"id":1e400,"rc":0}',
		             '\0', '{"id":1\0}', '{"message":1,"arg":' + DEEP + '}', 'format', 'format xml', 'format text x',
		             'Format text', 'format\0text']
		only_words = ['{}', '{"id":1,"rc":0}', 'x', '=', '=1', 'id', 'id=', 'id=1 id=2 rc=0', 'id=1 rc=0 so=1,,2',
		        'id=1 rc=0 so=,', 'id=%', 'id=%zz rc=0', 'id=1 rc=0 sob=%0', 'ID=1 rc=0', 'message=1 arg=%7b',
		              'message=1 arg=nonsense', 'id=1 rc=0 buf=%00', 'id=1 rc=0 buf=a%00b', 'id=1 rc=0 buf=%ff', 'id=\0',
		              'id=1 rc=0\0', 'x' * 5000, 'id=1 rc=0 ' + 'x' * 5000 + '=1', 'verylongunknownkey=1',
		              'message=1 arg=' + DEEP, 'format', 'format xml']
		def tries(lines):
		    for text, pattern in lines:
		        data = (text if isinstance(text, bytes) else text.encode()) + b'\n'
		        try:
		            says(EINVAL, pattern, os.write, S.driver, data)
		            def byte_by_byte():
		                for byte in data:
		                    os.write(S.driver, bytes([byte]))
		            if len(data) < 20:
		                refuses(EINVAL, byte_by_byte)
		        except AssertionError as error:
		            raise AssertionError(f'{text[:100]!r}: {error}') from None
		with nothing_changed():
		    for words in False, True:
		        if words:
		            os.write(S.driver, b'format text\n')
		        tries((as_words(line) if words else json.dumps(line), pattern) for pattern,
		                lines in both.items() for line in lines)
		        tries((text, '.') for text in (only_words if words else only_json) + [b'\xff', b'{"id":"\xff","rc":0}',
		                b'id=\xff rc=0'])
		        line = as_words if words else json.dumps
		        for what, wanted in ({'id': 99, 'rc': 0}, ENOENT), ({'async': 1, 'conn': 99, 'rc': 0}, ENODEV), \
		                ({'notify': 1, 'conn': 99}, ENODEV), ({'notify': 5, 'conn': U.number}, ENOENT), \
		                            ({'kill': 99, 'rc': 0}, ENODEV), \
		                            ({'async': 1, 'conn': U.number, 'rc': 0, 'args': [0] * 17}, EMSGSIZE), \
		                            ({'async': 1, 'conn': 2 ** 64 - 1, 'rc': 0}, ENODEV):
		            try:
		                refuses(wanted, os.write, S.driver, line(what).encode() + b'\n')
		            except AssertionError as error:
		                raise AssertionError(f'{what}: {error}') from None
		os.write(S.driver, b'format json\n')
		# Too much for what was asked: the caller is told, not the driver.
		with opening(U / 'call', 'rw') as fd:
		    for answer in {'so': [1, 2]}, {'so': [0] * 5000}, {'so': [1], 'sob': 'AA=='}:
		        os.write(fd, b'{"sel":1,"si":[1,2],"so":1}')
		        S.answers(**answer)
		        equal(json.loads(os.read(fd, 1000))['name'], 'kIOReturnBadArgument')
		refuses(EBUSY, opened, S / 'driver', 'rw')
		for how in 'r', 'w':
		    refuses(EBUSY, opened, S / 'driver', how)
	END
}
