#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The policy's filter: which calls a connection may make, by who opened it.

load users

# check_filter: as check_users, with one who calls in every way there is.
check_filter() { check_users < <(callers; cat); }
callers() {
	cat <<-'END'
		METHODS = {'methods': [{'name': 'free'}, {'name': 'add', 'si': 2, 'so': 1, 'allowAsync': True},
		        {'name': 'echo', 'sis': '*', 'sos': '*'}, {'name': 'admin', 'ent': 'org.example.admin'}]}

		def document(path, **fields):
		    with opening(f'{path}/call', 'rw') as fd:
		        os.write(fd, json.dumps(fields).encode())
		        return json.loads(os.read(fd, 1000))

		def by_document(path, selector, **fields):
		    return document(path, sel=selector, **fields)['rc']

		def by_file(path, name, data):
		    with opening(f'{path}/{name}', 'rw') as fd:
		        if data is not None:
		            os.write(fd, data)
		        return os.read(fd, 1000)

		# The code that each way of a call ends with; `name` is the selector's.
		def ways(path, selector, name=None, data=b'1 2\n'):
		    yield 'call', lambda: by_document(path, selector)
		    yield 'async', lambda: by_document(path, selector, **{'async': 5})
		    for word in {str(selector), hex(selector), name} - {None}:
		        yield f'm/{word}', lambda word=word: by_file(path, f'm/{word}', data)
		        yield f'm/{word}, read', lambda word=word: by_file(path, f'm/{word}', None)
		        yield f'struct/{word}', lambda word=word: by_file(path, f'struct/{word}', data)

		def is_refused(code, number, selector, call):
		    """The code in the reply, or the errno and in err/PID the code and a sentence"""
		    try:
		        equal(call(), code)
		    except OSError as error:
		        equal(error.errno, number)
		        equal(int(said()[0], 0), code)
		        equal(said()[2], f"the policy's filter refuses selector {selector} to this connection")

		# One that answers all: as many scalars as were asked for.
		def serve(service):
		    def run():
		        while True:
		            select.select([service.driver], [], [])
		            request = service.asked()
		            if 'id' in request:
		                answer = {'id': request['id'], 'rc': 0, 'so': [7] * request.get('so', 0)}
		                os.write(service.driver, json.dumps(answer).encode() + b'\n')
		    return Child(run)

		def may(user, path, selector, **fields):
		    """What a process of this user gets by a connection: the code"""
		    return run_as(user, lambda: by_document(path, selector, **fields))
	END
}

@test "a call that is filtered is refused each way that it can be made, and the driver sees none" {
	cat >policy.json <<-'END'
		{ "filter": [ { "class": "T", "selectors": [ 1, 9 ], "rc": "kIOReturnBusy" },
		              { "class": "T", "selectors": [ 2 ], "rc": 49170 },
		              { "class": "IOService", "selectors": [ 1, 2, 3, 9 ] } ] }
	END
	start_fsd -p policy.json
	check_filter <<-'END'
		S, t = Service('S', METHODS), Service('T', METHODS)
		for service, codes in (S, [(0xe00002e2, EPERM)] * 4), (t, [(0xe00002d5, EBUSY), (0xc012, EXDEV), (0xe00002e2, EPERM),
		        (0xe00002d5, EBUSY)]):
		    connection = Connection(service)
		    names = ('add', 'echo', 'admin', None)
		    for selector, name, (code, number) in zip((1, 2, 3, 9), names, codes):
		        for way, call in ways(connection.path, selector, name):
		            try:
		                is_refused(code, number, selector, call)
		            except AssertionError as error:
		                raise AssertionError(f'{service.path} {way} {selector}: {error}') from None
		    # An open file is as good for the next call, and for its refusal.
		    with opening(connection / 'struct/echo', 'rw') as fd:
		        for _ in range(2):
		            os.write(fd, b'some')
		            refuses(codes[1][1], os.read, fd, 100)
		    assert not service.is_asked(), service.asked()
		    # Nothing came of the calls that wanted a completion.
		    with opening(connection / 'async', 'rn') as fd:
		        refuses(EAGAIN, os.read, fd, 100)
		    driver = serve(service)
		    equal(by_document(connection.path, 0), 0)
		    equal(by_file(connection.path, 'm/free', b'\n'), b'')
		    driver.end()
	END
}

@test "the filter comes before all that is looked at in a call, and after the connection's end" {
	echo '{ "filter": [ { "class": "S", "selectors": [ 1, 3, 9 ] }, { "class": "Bare" } ] }' >policy.json
	start_fsd -p policy.json
	check_filter <<-'END'
		S, bare = Service('S', METHODS), Service('Bare', {})
		connection, other = Connection(S), Connection(bare)
		NOT_PERMITTED, BAD_ARGUMENT, NOT_PRIVILEGED = 0xe00002e2, 0xe00002c2, 0xe00002c1
		for selector, fields, else_it_is in (1, {'si': [1]}, BAD_ARGUMENT), (1, {'si': [1] * 17}, 0xfffffecd), \
		        (1, {'si': [1, 2], 'so': 1, 'sos': 'var', 'async': 1}, 0xe00002bf), (3, {}, NOT_PRIVILEGED), (9, {}, BAD_ARGUMENT):
		    equal((fields, by_document(connection.path, selector, **fields)), (fields, NOT_PERMITTED))
		    use({})
		    equal((fields, by_document(connection.path, selector, **fields)), (fields, else_it_is))
		    use({'filter': [{'class': 'S', 'selectors': [1, 3, 9]}, {'class': 'Bare'}]})
		equal(by_document(other.path, 0), NOT_PERMITTED)
		assert not S.is_asked() and not bare.is_asked()
		# What is no call, or is none of this connection's any more, is that first.
		with opening(connection / 'call', 'rw') as calls, opening(connection / 'm/add', 'rw') as words:
		    refuses(EINVAL, os.write, calls, b'{"sel": 1, "si": 5}')
		    refuses(EINVAL, os.write, words, b'x\n')
		    os.close(connection.session)
		    eventually(lambda: not os.path.exists(connection.path))
		    refuses(ENODEV, os.write, calls, b'{"sel": 1}')
		    refuses(ENODEV, os.write, words, b'1 2\n')
	END
}

@test "of several rules the first that is for a call decides: class, kind, selectors" {
	cat >policy.json <<-'END'
		{ "filter": [ { "class": "Gua*", "selectors": [ 1 ], "kind": "method", "allow": true },
		              { "class": "Guarded", "selectors": [ 1 ], "rc": "kIOReturnBusy" },
		              { "class": "Guarded", "kind": "async", "rc": "0xe00002d8" },
		              { "class": "Guarded", "selectors": [ 0 ], "allow": true },
		              { "class": "Guarded", "allow": false },
		              { "class": "*", "selectors": [ 4294967295 ], "rc": -536870211 } ] }
	END
	start_fsd -p policy.json
	check_filter <<-'END'
		guarded, plain, derived = Service('Guarded', METHODS), Service('Plain', METHODS), Service('D', METHODS, register=False)
		write(derived / 'class', 'D:Guarded')
		write(derived / 'ctl', 'register\n')
		BUSY, NOT_READY, NOT_PERMITTED = 0xe00002d5, 0xe00002d8, 0xe00002e2
		add = {'si': [1, 2], 'so': 1}
		for service in guarded, plain, derived:
		    path, driver = Connection(service).path, serve(service)
		    filtered = service is not plain
		    equal(by_document(path, 1, **add), 0)
		    equal(by_file(path, 'm/add', b'1 2\n'), b'7\n')
		    equal(by_document(path, 1, **add, **{'async': 4}), BUSY if filtered else 0)
		    equal(by_document(path, 0), 0)
		    equal(by_document(path, 0, **{'async': 4}), NOT_READY if filtered else 0xe00002c2)
		    equal(by_document(path, 2), NOT_PERMITTED if filtered else 0)
		    equal(by_document(path, 2 ** 32 - 1), NOT_PERMITTED if filtered else 0xe00002bd)
		    driver.end()
	END
}

@test "the filter is for who opened the connection, whoever calls; others' calls go on" {
	cp /bin/bash tool
	cp /bin/bash another
	cat >policy.json <<-END
		{ "filter": [ { "class": "S", "match": { "uid": 1003 }, "selectors": [ 0 ] },
		              { "class": "S", "match": { "group": "2001" }, "selectors": [ 0 ], "rc": "kIOReturnBusy" },
		              { "class": "S*", "match": { "exe": "$T/tool" }, "selectors": [ 0 ], "rc": "kIOReturnNotReady" } ] }
	END
	start_for_users -p policy.json
	check_filter <<-'END'
		S, shared = Service('S', METHODS), Service('Shared', METHODS | {'shared': True})
		driver, second = serve(S), serve(shared)
		for user, wanted in (root, 0), (client, 0), (other, 0xe00002e2), (owner, 0xe00002d5), (friend, 0xe00002d5):
		    holder, number = connected(user, S)
		    path = f'{S.path}/clients/{number}'
		    equal((user, may(user, path, 0)), (user, wanted))
		    equal((user, may(root, path, 0)), (user, wanted))           # who calls is not asked
		    equal((user, may(user, path, 1, si=[1, 2], so=1)), (user, 0))
		    holder.end()
		script = 'exec 5<>"$1/clone"; read -r n <&5; exec 6<>"$1/clients/$n/m/free"; echo >&6; cat <&6'
		for exe, wanted in ('./tool', False), ('./another', True):
		    status, text = tool(client, script, S.path, exe=exe)
		    assert (status == 0 and text == '') == wanted, f'{exe}: {status}, {text}'
		# Who shares one has that of the first.
		equal(tool(client, script, shared.path)[0], 1)
		holder, number = connected(client, shared)
		equal(tool(client, script, shared.path), (0, ''))
		holder.end()
		driver.end()
		second.end()
	END
}

@test "after a reload an open connection goes by the new policy with its next call" {
	echo '{}' >policy.json
	start_fsd -p policy.json
	check_filter <<-'END'
		S = Service('S', METHODS)
		connection = Connection(S)
		closed, fsd = {'filter': [{'class': 'S', 'selectors': [1]}]}, int(os.environ['FSD_PID'])
		ADD, answer = b'{"sel": 1, "si": [1, 2], "so": 1}', {'rc': 0, 'name': 'kIOReturnSuccess', 'so': [3]}
		refusal = {'rc': 0xe00002e2, 'name': 'kIOReturnNotPermitted'}
		with opening(connection / 'call', 'rw') as calls, opening(connection / 'm/add', 'rw') as words:
		    def asks():
		        os.write(calls, ADD)
		        os.write(words, b'1 2\n')
		    def is_answered():
		        for _ in range(2):
		            S.answers(so=[3])
		        equal(json.loads(os.read(calls, 1000)), answer)
		        equal(os.read(words, 1000), b'3\n')
		    def is_refused():
		        equal(json.loads(os.read(calls, 1000)), refusal)
		        refuses(EPERM, os.read, words, 1000)
		        assert not S.is_asked()
		    asks()
		    is_answered()
		    # A call that is with the driver is answered.
		    asks()
		    with open('policy.json', 'w', encoding='utf-8') as file:
		        json.dump(closed, file)
		    os.kill(fsd, signal.SIGHUP)
		    eventually(lambda: json.loads(read(f'{MNT}/policy')) == closed)
		    is_answered()
		    for _ in range(2):
		        asks()
		        is_refused()
		    # One that is wrong leaves it.
		    refuses(EINVAL, use, {'filter': [{'class': 'S', 'kind': 'trap'}]})
		    asks()
		    is_refused()
		    use({'filter': [{'class': 'S', 'selectors': [0]}]})
		    asks()
		    is_answered()
		    use(closed)
		    asks()
		    is_refused()
		    use({})
		    asks()
		    is_answered()
	END
	expect_log 'stays as it was'
}

@test "calls of a stream, whose driver is fsd, are filtered, too" {
	echo '{ "filter": [ { "class": "IOStream", "selectors": [ 0, 5 ] } ] }' >policy.json
	start_fsd -p policy.json
	mkdir "$MNT/IOService/Bus" "$MNT/IOService/Bus/streams/cam"
	check_filter <<-'END'
		stream = entry('Bus/streams/cam')
		path = Connection(entry('Bus/cam')).path
		for selector, name, data in (0, 'Open', b'0\n'), (5, 'GetMode', b'\n'):
		    for way, call in ways(path, selector, name, data):
		        is_refused(0xe00002e2, EPERM, selector, call)
		equal(read(f'{stream}/state'), 'closed\n')
		equal(by_document(path, 7, so=1), 0)
		equal(by_document(path, 2), 0xe00002cd)
		use({})
		equal(by_file(path, 'm/GetMode', b'\n'), b'1\n')
		equal(by_document(path, 0, si=[0]), 0)
		equal(read(f'{stream}/state'), 'stopped\n')
		# What is open stays so, and its other calls go on.
		use({'filter': [{'class': 'IOStream', 'selectors': [2]}]})
		equal(by_document(path, 2), 0xe00002e2)
		equal(read(f'{stream}/state'), 'stopped\n')
		equal(by_document(path, 1), 0)
	END
}
