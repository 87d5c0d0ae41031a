#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Clients and drivers that are killed: at each point where one waits for another,
# and at any moment, in storms. Whoever lives gets an answer, and fsd keeps nothing.

load checks
load stress
setup() { fsd_setup; start_fsd; }

export PYTHONPATH=$SRC/tests/stress

# on_registry <<-'END': a check with registry.py, and what is below, at hand
on_registry() {
	{
		cat <<-'END'
			import json
			from errno import ECANCELED, ECONNABORTED, ENOMEM, ENOTCONN
			from registry import *
			S = f'{PLANE}/S0'
			def call(c):
			    return c.call(NEVER)['rc']
			def named(c, name):
			    with using(f'{c.path}/{name}') as fd:
			        return os.read(fd, 100)
			def words(path, text):
			    return write(path, text + '\n')
			# How a client can wait for its driver, and what it is told when that is gone.
			WAYS = {
			    'open': (lambda c: Connection(S, NEVER).number, ECANCELED),
			    'call': (call, ABORTED),
			    'scalars': (lambda c: named(c, f'm/{NEVER}'), ECANCELED),
			    'struct': (lambda c: named(c, f'struct/{NEVER}'), ECANCELED),
			    'mem': (lambda c: c.memory(ASKED + NEVER), EINVAL),
			    'port': (lambda c: os.open(f'{c.path}/port/{NEVER}', os.O_RDONLY), ECANCELED),
			    'seize': (lambda c: c.word('open seize'), ENODEV),
			    'addclient': (lambda c: c.word(f'addclient {c.number}'), ECANCELED),
			    'setprops': (lambda c: words(f'{c.path}/props', '{"Key":1}'), ECANCELED),
			    'probe': (lambda c: words(f'{S}/ctl', 'probe 1'), ECANCELED),
			}
			OPS = {'scalars': 'call', 'struct': 'call'}
			def result(child):
			    try:
			        return child.result()
			    except OSError as error:
			        return error.errno
			def connections():
			    return os.listdir(f'{S}/clients')
			def gone():
			    return 'S0' not in services()
		END
		cat
	} >registry_check.py
	check <registry_check.py
}

# --- a client dies

@test "a client killed while its driver is asked takes its question and its connection with it" {
	on_registry <<-'END'
		driver = Driver('S0')
		driver.ctl('persist')
		owner = None
		def client(way):
		    with Connection(S) as c:
		        return WAYS[way][0](c)
		def next_open(rc=SUCCESS):
		    request = driver.request('open')
		    if request['type'] != NEVER:
		        driver.say(id=request['id'], rc=rc)
		    return request
		for way in WAYS:
		    if way == 'seize':
		        owner = Child(lambda: Connection(S).word('open') or signal.pause())
		        next_open()
		        eventually(lambda: read(f'{S}/owner'))
		    child = Child(client, way)
		    asked = next_open()
		    asked = driver.request(OPS.get(way, way))
		    before = len(connections())
		    child.end()
		    ends = {}
		    while len(ends) < 2 + (way == 'open'):
		        for said in driver.requests():
		            ends[said['op'] + str(said.get('conn', ''))] = said
		    equal(ends.pop('cancel')['cancel'], asked['id'])
		    assert all(end['died'] for end in ends.values()), (way, ends)
		    eventually(lambda: len(connections()) == (owner is not None), way)
		    driver.say(id=asked['id'], rc=SUCCESS)          # too late, and nobody minds
		    refuses(ENOENT, driver.say, id=asked['id'], rc=SUCCESS)
		    if owner:
		        owner.end()
		        owner = None
		        eventually(lambda: not connections() and read(f'{S}/owner') == '')
		        driver.request('close')
	END
}

@test "who gives up in line lets those behind it go" {
	on_registry <<-'END'
		driver = Driver('S0', methods={**METHODS, 'open': 'allow'})
		c = Connection(S)
		alone = lambda: words(f'{c.path}/ctl', f'addclient {c.number}')
		calls = Child(call, c)
		asked = driver.request('call')
		first, second = Child(alone).waits(), Child(alone).waits()
		behind = Child(lambda: c.call(DOUBLE, [21], 1)['so']).waits()
		second.end()
		never(lambda: driver.requests(0))
		first.end()
		request = driver.request('call')
		driver.say(id=request['id'], rc=SUCCESS, so=[42])
		equal(behind.result(), [42])
		last = Child(alone).waits()     # and the lock is still kept: it waits for the call
		never(lambda: driver.requests(0))
		driver.say(id=asked['id'], rc=SUCCESS)
		equal(calls.result(), SUCCESS)
		driver.say(id=driver.request('addclient')['id'], rc=SUCCESS)
		last.result()
	END
}

@test "an owner that is killed does not own, and who wants to seize gets it or dies waiting" {
	on_registry <<-'END'
		driver = Driver('S0')
		moody = Moody(driver, 1)
		def answered(op):
		    while True:
		        request = driver.requests()
		        for one in request:
		            if one['op'] == op:
		                return one
		            moody.do(one)
		def owns():
		    c = Connection(S)
		    c.word('open')
		    signal.pause()
		def seizes():
		    c = Connection(S)
		    c.word('open seize')
		    equal(read(f'{S}/owner'), f'{c.number}\n')
		owner = Child(owns)
		moody.do(answered('open'))
		eventually(lambda: read(f'{S}/owner') == '1\n')
		listening = opened(f'{S}/events', 'rn')
		seizer = Child(seizes)
		moody.do(answered('open'))
		asked = answered('seize')
		equal((asked['conn'], asked['by']), (1, 2))
		owner.end()
		eventually(lambda: read(f'{S}/owner') == '')
		assert any('kIOMessageServiceWasClosed' in line for line in os.read(listening, 65536).decode().splitlines())
		seizer.waits()
		driver.say(id=asked['id'], rc=SUCCESS)
		seizer.result()
		eventually(lambda: not connections() and read(f'{S}/owner') == '')
		# The one that is asked lives on, the one that asks does not.
		owner = Child(owns)
		moody.do(answered('open'))
		eventually(lambda: read(f'{S}/owner') == '3\n')
		seizer = Child(seizes)
		moody.do(answered('open'))
		asked = answered('seize')
		seizer.end()
		equal(answered('cancel')['cancel'], asked['id'])
		driver.say(id=asked['id'], rc=SUCCESS)
		equal(read(f'{S}/owner'), '3\n')
		# The one that was asked is gone, and a third one has it: that was not asked.
		seizer = Child(seizes)
		moody.do(answered('open'))
		asked = answered('seize')
		owner.end()
		eventually(lambda: read(f'{S}/owner') == '')
		third = Child(owns)
		moody.do(answered('open'))
		eventually(lambda: read(f'{S}/owner') == '6\n')
		driver.say(id=asked['id'], rc=SUCCESS)
		refuses(EBUSY, seizer.result)
		equal(read(f'{S}/owner'), '6\n')
	END
}

@test "a client killed with very many connections has none at the next look-up" {
	on_registry <<-'END'
		driver = Driver('S0', methods={'methods': [{}]})
		for turn in range(10):
		    client = stays(lambda: [Connection(S) for _ in range(1000)])
		    equal(len(connections()), 1000)
		    client.end()
		    equal(connections(), [])
	END
}

# --- a driver dies

# provide(ready, ops, persist): open, and no answer more; a byte to @ready when all of @ops were asked
DRIVER=$(
	cat <<-'END'
		def provide(ready, ops, persist):
		    driver = Driver('S0', persist=persist)
		    ops = sorted(ops)
		    asked = []
		    while sorted(asked) != ops:
		        for request in driver.requests():
		            if request['op'] == 'open' and request['type'] != NEVER:
		                driver.say(id=request['id'], rc=SUCCESS)
		            elif request['op'] in ops:      # and not a close
		                asked.append(request['op'])
		    os.write(ready, b'.')
		    signal.pause()
		def connected():
		    try:
		        Connection(S).close()
		        return True
		    except OSError as error:
		        assert error.errno in (ENOENT, EAGAIN, EOPNOTSUPP), error
		def waits_in(way):
		    c = Connection(S)
		    return WAYS[way][0](c)
		reading, ready = os.pipe()
	END
)

@test "a driver killed with every question pending: each is answered, and the service is gone" {
	on_registry <<-END
		$DRIVER
		ways = ('open', 'call', 'scalars', 'struct', 'mem', 'port')
		provider = Child(provide, ready, [OPS.get(way, way) for way in ways] + ['port'], False)
		eventually(connected)
		owner = stays(lambda: Connection(S).word('open'))
		def ends(name):
		    fd = opened(name)
		    while os.read(fd, 4096):
		        pass
		def of_connection(name):
		    c = Connection(S)
		    ends(f'{c.path}/{name}')
		def hangs_up():
		    c = Connection(S)
		    assert 'HUP' in events(c.fd, 0, 60000)
		    refuses(ENODEV, c.word, 'close')
		write(f'{S}/ctl', 'busy +1\n')
		others = [Child(of_connection, 'async'), Child(ends, f'{S}/quiet'), Child(ends, f'{S}/events'), Child(hangs_up)]
		for child in others:
		    child.waits()
		children = [Child(waits_in, way) for way in ways]
		port = Child(waits_in, 'port')
		os.read(reading, 1)
		provider.end()
		for way, child in zip(ways, children):
		    equal((way, result(child)), (way, WAYS[way][1]))
		equal(result(port), ECANCELED)
		for child in others:
		    child.result()
		eventually(gone)
	END
}

@test "a driver killed while it is asked to seize, to probe and to set: each is answered" {
	on_registry <<-END
		$DRIVER
		ways = ('seize', 'addclient', 'setprops', 'probe')
		for turn in range(3):
		    provider = Child(provide, ready, ways, True)
		    eventually(connected)
		    owner = stays(lambda: Connection(S).word('open'))
		    children = [Child(waits_in, way) for way in ways]
		    os.read(reading, 1)
		    provider.end()
		    for way, child in zip(ways, children):
		        equal((way, result(child)), (way, WAYS[way][1]))
		    # It persists: nobody can open it, until there is another driver.
		    eventually(lambda: not connections() and read(f'{S}/owner') == '')
		    equal(read(f'{S}/state'), 'registered matched active\n')
		    refuses(EAGAIN, Connection, S)
		    owner.end()
		moody = Moody(Driver('S0'), 1)
		client = Child(lambda: Connection(S).call(DOUBLE, [21], 1)['so'])
		while not client.is_done():
		    for request in moody.driver.requests(0.01):
		        moody.do(request)
		equal(client.result(), [42])
	END
}

@test "what is left open of a service that is gone can be used, and nothing comes of it" {
	on_registry <<-'END'
		driver = Driver('S0', methods={'methods': [{'si': 1, 'so': 1}], 'memory': {'0': 'page'}})
		c = Connection(S)
		names = ['class', 'methods', 'props', 'ctl', 'match', 'driver', 'buf/page', 'prop/New']
		open(f'{S}/prop/New', 'w').write('"text"')
		files = {}
		for name in names:
		    files[name] = driver.fd if name == 'driver' else opened(f'{S}/{name}', 'w' if name == 'ctl' else 'rw')
		for name in 'ctl', 'call', 'm/0', 'struct/0', 'props', 'mem/0':
		    files[f'client {name}'] = opened(f'{c.path}/{name}', 'w' if name == 'ctl' else 'rw')
		for name in 'id', 'state', 'busy', 'busy_time', 'path', 'retain', 'classes', 'quiet', 'events', 'owner':
		    files[name] = opened(f'{S}/{name}')
		os.rmdir(S)
		for name, fd in files.items():
		    for call in ((lambda: os.write(fd, b'{"sel":0,"si":[1],"so":1}\n')), (lambda: os.write(fd, b'Other:Class\n')),
		                 (lambda: os.write(fd, b'register\n')), (lambda: os.write(fd, b'open\n')),
		                 (lambda: os.fchmod(fd, 0o600)), (lambda: os.fchown(fd, 1, 1)), (lambda: os.ftruncate(fd, 8192)),
		                 (lambda: os.lseek(fd, 0, 0)), (lambda: os.read(fd, 100)), (lambda: os.fstat(fd)),
		                 (lambda: events(fd))):
		        try:
		            call()
		        except OSError:
		            pass
		assert gone()
	END
}

@test "who is called back while sessions may keep no more is told so, and many who wait are, too" {
	on_registry <<-'END'
		import base64
		driver = Driver('S0', methods={'methods': [{}], 'locking': {'single': True}})
		other = Driver('S1', methods={'methods': [{'sis': '*'}]})
		c, full = Connection(S), Connection(other.path)
		waiting = [os.open(f'{c.path}/call', os.O_RDWR) for _ in range(2000)]
		for fd in waiting:      # one is asked, the others are in line
		    os.write(fd, b'{"sel":0}')
		size, calls = 1 << 20, []
		while size > 8:         # questions that the other driver does not read, until no more can be kept
		    calls.append(os.open(f'{full.path}/call', os.O_RDWR | os.O_NONBLOCK))
		    try:
		        os.write(calls[-1], json.dumps({'sel': 0, 'sib': base64.b64encode(bytes(size)).decode()}).encode())
		        os.read(calls[-1], 100)
		        size //= 2
		    except BlockingIOError:
		        pass
		    except OSError as error:
		        equal(error.errno, ENOMEM)
		        size //= 2
		os.close(waiting.pop(0))
		for fd in waiting:
		    try:
		        equal(json.loads(os.read(fd, 100))['name'], 'kIOReturnNoMemory')
		    except OSError as error:
		        equal(error.errno, ENOMEM)
	END
	expect_log 'keep more than 67108864 bytes'
}

# --- fsd dies

@test "services that persist outlive fsd that is killed with drivers and clients, and ids are not used again" {
	on_registry <<-'END'
		import pickle
		driver = stays(lambda: Driver('S0', methods={'methods': [{'name': 'a', 'si': 1, 'so': 1}], 'memory': {'0': 'page'}},
		                              persist=True))
		persisting = stays(lambda: Driver('S1', persist=True))
		os.mkdir(f'{PLANE}/S2')             # a nub without a driver
		write(f'{PLANE}/S2/class', 'Nub:Base\n')
		write(f'{PLANE}/S2/ctl', 'register\n')
		os.mkdir(f'{PLANE}/S2/S3@1')        # and one that is not registered
		os.mkdir(f'{PLANE}/gone')
		write(f'{S}/props', '{"a":1,"b":{"$data":"AAEC"},"c":["x",true]}')
		os.mkdir(f'{S}/queues/q')
		queue = Queue(f'{S}/queues/q')
		queue.put(b'one', b'two')
		with using(f'{S}/buf/page', os.O_RDWR) as fd:
		    os.lseek(fd, 100, 0)
		    os.write(fd, b'bytes at 100')
		clients = [Connection(S) for _ in range(3)]
		last = max(int(name, 16) for name in os.listdir(f'{MNT}/id'))
		os.rmdir(f'{PLANE}/gone')
		call = Child(lambda: clients[0].call(0, [1], 1)).waits()
		reading = Child(lambda: os.read(os.open(f'{clients[1].path}/async', os.O_RDONLY), 100)).waits()
		asking = Child(lambda: Connection(f'{PLANE}/S1', NEVER).number)
		eventually(lambda: os.listdir(f'{PLANE}/S1/clients'))
		def seen():
		    names = ('id', 'name', 'location', 'path', 'class', 'classes', 'state', 'props', 'methods')
		    paths = [S, f'{PLANE}/S1', f'{PLANE}/S2', f'{PLANE}/S2/S3@1']
		    return {f'{path}/{name}': read(f'{path}/{name}') for path in paths for name in names}
		with open('before', 'wb') as file:
		    pickle.dump((seen(), last, clients[-1].number, open(f'{S}/buf/page', 'rb').read()), file)
		os.kill(int(os.environ['FSD_PID']), signal.SIGKILL)
		for child in call, reading, asking:
		    assert result(child) in (ENOTCONN, ECONNABORTED), 'an errno of a dead connection'
		for c in clients:
		    refuses(ENOTCONN, c.word, 'open')
	END
	wait "$FSD_PID" || true		# it was killed in the midst of that
	run_fsd
	on_registry <<-'END'
		import pickle
		with open('before', 'rb') as file:
		    before, last, last_connection, page = pickle.load(file)
		for what, text in before.items():
		    equal((what, read(what)), (what, text))
		equal(open(f'{S}/buf/page', 'rb').read(), page)
		equal(page[100:112], b'bytes at 100')
		equal(Queue(f'{S}/queues/q').drain(), [b'one', b'two'])
		for name in 'S0', 'S1':
		    refuses(EAGAIN, Connection, f'{PLANE}/{name}')
		    equal(os.listdir(f'{PLANE}/{name}/clients'), [])
		refuses(EOPNOTSUPP, Connection, f'{PLANE}/S2')
		os.mkdir(f'{PLANE}/new')
		assert int(read(f'{PLANE}/new/id'), 16) > last, (read(f'{PLANE}/new/id'), hex(last))
		# A driver again: all works, with other numbers.
		driver = Driver('S0')
		def use():
		    c = Connection(S)
		    assert c.number > last_connection, (c.number, last_connection)
		    assert int(read(f'{c.path}/id'), 16) > last
		    equal(c.memory(0)[:4], PAGE[:4])
		    return c.call(0, [21], 1)['so']
		client = Child(use)
		request = driver.request('call')
		driver.say(id=request['id'], rc=SUCCESS, so=[2 * request['si'][0]])
		equal(client.result(), [42])
		# It asked to persist: without a driver it stays, as before.
		driver.close()
		assert not gone()
		write(f'{S}/ctl', 'terminate\n')
		eventually(gone)
		for name in 'S2/S3@1', 'S2', 'new', 'S1':
		    os.rmdir(f'{PLANE}/{name}')
		equal(services(), [])
	END
}

@test "fsd that is ended while opens wait answers each" {
	on_registry <<-'END'
		driver = Driver('S0')
		opening = []
		for n in range(1, 7, 2):
		    opening.append(Child(lambda: Connection(S, NEVER)))
		    equal(driver.request('open')['conn'], n)
		    client = Child(lambda: Connection(S) and signal.pause())
		    driver.say(id=driver.request('open')['id'], rc=SUCCESS)
		    path = f'{S}/clients/{n + 1}'
		    opening.append(Child(os.open, f'{path}/port/{NEVER}', os.O_RDONLY))
		    driver.request('port')
		    opening.append(Child(os.open, f'{path}/mem/{ASKED}', os.O_RDONLY))      # it waits for the port
		os.kill(int(os.environ['FSD_PID']), signal.SIGTERM)
		for child in opening:
		    assert result(child) in (ECANCELED, ECONNABORTED, ENOTCONN), 'an errno of what is gone'
	END
	wait "$FSD_PID"
	start_fsd
}

# --- storms

storm() { # storm KIND SECONDS
	local seed=$RANDOM
	echo "seed $seed"
	FSD_PID=$FSD_PID timeout 600 python3 -B "$SRC/tests/stress/registry_storm.py" "$1" "$(counted "$2" 60)" "$seed" 3>&-
}

@test "fifty clients that are killed at any moment leave nothing, and their drivers live on" {
	storm clients 3
}

@test "drivers that are killed at any moment leave no client without an answer" {
	storm drivers 3
}

@test "those who are told and never read lose what they do not read, and are told how much" {
	storm deaf 3
}

@test "services are removed while they are opened, called, mapped and attached to" {
	storm removal 3
}
