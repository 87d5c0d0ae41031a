#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Drivers of libqueue on a mount: tests/stress/driver_all.c, which does what drivers can, and the
# examples. Their clients are Python, and use files alone.

load stress

# drive [persist] [thread]: its pid in $DRIVER, what it says in said
drive() {
	S=$MNT/IOService/All
	: >said
	spawn "$STRESS/driver_all" "$MNT" "$@" >said 2>&1
	DRIVER=$SPAWNED
	eventually grep -qx registered said
}

# example NAME SERVICE [ARG...]: likewise
example() {
	spawn "$EXAMPLES/$1" "$MNT/IOService" "${@:3}"
	DRIVER=$SPAWNED
	eventually grep -qs '^registered' "$MNT/IOService/$2/state"
}

said() { grep -qx -- "$1" said; }

# In this order, with anything between.
said_in_order() {
	local word n=0 at
	for word; do
		at=$(tail -n +"$((n + 1))" said | grep -nx -m1 -- "$word" | cut -d: -f1)
		[[ -n $at ]] || {
			echo "no \"$word\" where it should be in:" >&2
			cat said >&2
			return 1
		}
		n=$((n + at))
	done
}

# Python with connections at hand: client PATH <<-'END'
client() {
	{
		cat <<-'END'
			import base64, ctypes, errno, json, mmap, os, select, sys, time

			class Client:
			    def __init__(self, path, type=None):
			        self.session = os.open(path + ('/clone' if type is None else '/clone.%d' % type), os.O_RDWR | os.O_CLOEXEC)
			        self.number = int(os.read(self.session, 64))
			        self.path = '%s/clients/%d' % (path, self.number)
			        self.calls = os.open(self.path + '/call', os.O_RDWR | os.O_CLOEXEC)

			    def open(self, name, flags=os.O_RDONLY):
			        return os.open(self.path + '/' + name, flags | os.O_CLOEXEC)

			    def __call__(self, sel, *si, **more):
			        line = dict({'sel': sel, 'si': list(si)}, **more)
			        os.write(self.calls, json.dumps(line).encode() + b'\n')
			        answer = b''
			        while not answer.endswith(b'\n'):
			            answer += os.read(self.calls, 65536)
			        return json.loads(answer)

			    def name(self, *words, **more):
			        return self(*words, **more)['name']

			    def write(self, text):
			        os.write(self.session, text.encode() + b'\n')

			    def close(self):
			        self.write('close')

			def lines(fd, n):
			    got = b''
			    while got.count(b'\n') < n:
			        assert select.select([fd], [], [], 20)[0], got
			        got += os.read(fd, 65536)
			    return [json.loads(line) for line in got.splitlines()]

			def equal(got, wanted):
			    assert got == wanted, 'got %r, wanted %r' % (got, wanted)

			def refused(call, *args):
			    try:
			        call(*args)
			    except OSError as error:
			        return errno.errorcode[error.errno]

			S = sys.argv[1]
		END
		cat
	} >client.py
	timeout 60 python3 -SB client.py "$@"
}

# --- methods

@test "words and bytes go there and back, in line and out of line" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		equal(c(0, 2**64 - 1, 3, so=1)['so'], [2])
		equal(base64.b64decode(c(1, sib=base64.b64encode(b'hello').decode(), sos=5)['sob']), b'hello')
		for size in 4096, 4097, 100000, 1000000:
		    data = bytes(range(256)) * (size // 256 + 1)
		    text = base64.b64encode(data[:size]).decode()
		    equal(c(1, sib=text, sos=size)['sob'], text)
		    equal(c(1, sib=text, sos='var')['sob'], text)
		    equal(len(base64.b64decode(c(1, sib=text, sos=7)['sob'])), 7)
	END
}

@test "calls that do not fit the table do not reach the driver" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		equal(c.name(0, 1, so=1), 'kIOReturnBadArgument')
		equal(c.name(0, 1, 2, so=2), 'kIOReturnBadArgument')
		equal(c.name(16), 'kIOReturnBadArgument')
		equal(c.name(0, 1, 2, so=1, **{'async': 4}), 'kIOReturnBadArgument')
		equal(c.name(6), 'kIOReturnNotPrivileged')
		equal(c.name(0, *range(17), so=1), 'MIG_ARRAY_TOO_LARGE')
	END
}

@test "an entitlement that policy grants opens a method" {
	cat >policy.json <<-END
		{ "entitlements": [ { "match": { "uid": $(id -u) }, "grant": { "org.example.guarded": true } } ] }
	END
	start_fsd -p policy.json
	drive
	client "$S" <<-'END'
		equal(Client(S).name(6), 'kIOReturnSuccess')
	END
}

@test "a driver knows who its client is, and what it may" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		equal(c(13, so=2)['so'], [os.getuid(), os.getpid()])
		privilege = lambda name: c(10, sib=base64.b64encode(name).decode(), so=1)['so'][0]
		equal(privilege(b'root'), 0 if os.getuid() == 0 else 0xe00002c1)
		equal(privilege(b'local'), 0xe00002c1)
		equal(privilege(b'king'), 0xe00002c7)
		equal(c(15, so=1)['so'][0], int(open(S + '/id').read(), 0))
	END
}

@test "the client's memory is changed where it is" {
	skip_unless_root "a debugger's rights are needed"
	start_fsd
	drive
	client "$S" <<-'END'
		text = ctypes.create_string_buffer(b'hello')
		c = Client(S)
		equal(c.name(8, ctypes.addressof(text), 5), 'kIOReturnSuccess')
		equal(text.value, b'HELLO')
		equal(c.name(8, 4096, 5), 'kIOReturnVMError')
	END
}

# --- life

@test "functions are called from open to close in the documented order" {
	start_fsd
	drive
	client "$S" <<-'END'
		Client(S, 7).close()
	END
	eventually said free
	said_in_order 'initWithTask 7' start clientClose stop free
	run ! said clientDied
}

@test "a client that is killed has died, once" {
	start_fsd
	drive
	client "$S" <<-'END' || true
		c = Client(S)
		os.kill(os.getpid(), 9)
	END
	eventually said free
	said_in_order 'initWithTask 0' start clientDied clientClose stop free
	[ "$(grep -cx clientClose said)" -eq 1 ]
}

@test "an open that initWithTask refuses is refused" {
	start_fsd
	drive
	client "$S" <<-'END'
		equal(refused(Client, S, 13), 'EINVAL')
		equal(open(S + '/../../err/%d' % os.getpid()).read().split()[1], 'kIOReturnBadArgument')
	END
	[ -z "$(ls "$S/clients")" ]
}

@test "a driver that terminates a user client ends its connection" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		c(9)
		poll = select.poll()
		poll.register(c.session, 0)
		equal(bool(poll.poll(20000)), True)
		equal(refused(os.write, c.calls, b'{"sel":0}\n'), 'ENODEV')
	END
	eventually said free
	run ! said clientClose
}

@test "a service that is terminated stops its clients and ends the driver" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		d = Client(S)
		os.rmdir(S)
		equal(refused(os.write, c.calls, b'{"sel":0}\n'), 'ENODEV')
	END
	wait "$DRIVER"
	said_in_order stop stop 'service stop' 'run: kIOReturnNotAttached'
	[ ! -e "$S" ]
}

@test "a driver may terminate its service" {
	start_fsd
	drive
	client "$S" <<-'END' || true
		Client(S)(14)
	END
	wait "$DRIVER"
	said 'run: kIOReturnNotAttached'
	[ ! -e "$S" ]
}

@test "a driver that is killed takes its service with it" {
	start_fsd
	drive
	kill -9 "$DRIVER"
	eventually test ! -e "$S"
}

@test "a service that persists waits for its next driver" {
	start_fsd
	drive persist
	kill -9 "$DRIVER"
	wait "$DRIVER" || true
	client "$S" <<-'END'
		while refused(lambda: os.close(os.open(S + '/clone', os.O_RDWR))) is None:
		    time.sleep(0.02)
		equal(refused(Client, S), 'EAGAIN')
	END
	drive persist
	client "$S" <<-'END'
		equal(Client(S)(0, 6, 7, so=1)['so'], [13])
	END
}

@test "what a driver has added to the busy count goes with it" {
	start_fsd
	drive persist
	client "$S" <<-'END'
		equal(Client(S).name(12, 3), 'kIOReturnSuccess')
		equal(open(S + '/busy').read(), '3\n')
	END
	kill -9 "$DRIVER"
	timeout 10 cat "$MNT/quiet"
	drive persist
	client "$S" <<-'END'
		c = Client(S)
		equal(open(S + '/busy').read(), '0\n')
		equal(c.name(12, 2**64 - 1), 'kIOReturnBadArgument')
		equal(c.name(12, 1), 'kIOReturnSuccess')
		equal(open(S + '/busy').read(), '1\n')
	END
}

@test "a dispatch queue's thread serves" {
	start_fsd
	drive thread
	client "$S" <<-'END'
		c = Client(S)
		equal(c(0, 6, 7, so=1)['so'], [13])
		c.close()
	END
	eventually said free
	client "$S" <<-'END'
		os.rmdir(S)
	END
	eventually gone "$DRIVER"
}

@test "a second driver is kept out" {
	start_fsd
	drive
	run -1 "$STRESS/driver_all" "$MNT"
	[[ $output == *kIOReturnExclusiveAccess* ]]
}

# --- asynchronous results, ports

@test "results come in their order, as often as the driver sends them" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		results = c.open('async')
		equal(c(2, **{'async': 2**64 - 1})['rc'], 0)
		equal(c(3, 3, 0, so=2)['so'], [0, 0])
		equal(lines(results, 3), [{'ref': 2**64 - 1, 'rc': 0, 'args': [i]} for i in (1, 2, 3)])
		c(4)
		equal(c(3, 1, 0, so=2)['so'], [1, 0x10000003])
	END
}

@test "with CanDrop a full queue refuses, without it takes all" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		results = c.open('async')
		c.write('qlimit 3')
		c(2, **{'async': 5})
		equal(c(3, 5, 1, so=2)['so'], [2, 0x10000004])
		equal([line['args'][0] for line in lines(results, 3)], [1, 2, 3])
		equal(c(3, 100, 0, so=2)['so'], [0, 0])
		equal(len(lines(results, 100)), 100)
	END
}

@test "five completions wait, or as many as the client says, and without CanDrop 65534" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		c(2, **{'async': 5})
		equal(c(3, 7, 1, so=2)['so'], [2, 0x10000004])
		c.write('qlimit 0')
		equal(c(3, 1, 1, so=2)['so'], [1, 0x10000004])
		c.write('qlimit 1024')
		equal(c(3, 1100, 1, so=2)['so'], [81, 0x10000004])
		equal(c(3, 65536 - 1024, 0, so=2)['so'], [0, 0])
		results = c.open('async')
		equal(len(lines(results, 65534)), 65534)
		equal(select.select([results], [], [], 0)[0], [])
	END
	expect_log 'does not read its completions, some are lost'
}

@test "a port brings what the driver sends until it is closed" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		port = c.open('port/2')
		equal(c.name(5, 2, 2**64 - 1), 'kIOReturnSuccess')
		equal(lines(port, 1), [{'word': 2**64 - 1}])
		equal(c.name(5, 1, 1), 'MACH_SEND_INVALID_DEST')
		os.close(port)
		while c.name(5, 2, 1) != 'MACH_SEND_INVALID_DEST':
		    time.sleep(0.02)
		equal(refused(c.open, 'port/4'), 'EINVAL')
	END
	said_in_order 'port 2 given' 'port 2 none' 'port 4 given'
}

# --- memory

@test "bound buffers, and those that the driver chooses, are mapped by clients" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		maps = {}
		for type in 0, 5:
		    fd = c.open('mem/%d' % type, os.O_RDWR)
		    equal(os.fstat(fd).st_size, 4096)
		    maps[type] = mmap.mmap(fd, 4096)
		maps[0][0:4] = b'both'
		equal(maps[5][0:4], b'both')
		for type in 1, 6:
		    if os.environ['MODE'] != 'link' or os.getuid() != 0:    # a link leads root past the mode
		        equal(refused(c.open, 'mem/%d' % type, os.O_RDWR), 'EACCES')
		    equal(os.read(c.open('mem/%d' % type), 9), b'read-only')
		equal(refused(c.open, 'mem/9'), 'EINVAL')
	END
}

# --- properties, messages, the exclusive open

@test "a driver decides which properties are set" {
	start_fsd
	drive
	client "$S" <<-'END'
		c = Client(S)
		fd = c.open('props', os.O_WRONLY)
		os.write(fd, b'{"a": 1, "b": 2}')
		os.close(fd)
	END
	eventually said 'client setProperties 2'
	echo 'probe 3' >"$S/ctl"
	eventually said 'probe 3'
}

@test "another user's properties of the service go to the driver" {
	skip_unless_root "another user has to be made"
	cat >policy.json <<-'END'
		{ "set": [ { "class": "*", "allow": true } ] }
	END
	start_fsd -p policy.json
	drive
	echo '{"Wish": 5}' | as_user 1001 tee "$S/props"
	eventually said 'setProperties Wish 1'
	[ "$(cat "$S/prop/Wish")" = 5 ]
	said 'asked by 1001 kIOReturnNotPrivileged'
}

@test "messages and the busy count are seen" {
	start_fsd
	drive
	client "$S" <<-'END'
		events = os.open(S + '/events', os.O_RDONLY)
		c = Client(S)
		c(11, 0xe3ff8001, 7)
		got = lines(events, 1)[0]
		equal((int(got['message'], 0), got['arg']), (0xe3ff8001, 7))
		equal(c.name(12, 3), 'kIOReturnSuccess')
		equal(open(S + '/busy').read(), '3\n')
		equal(c.name(12, 2**64 - 3), 'kIOReturnSuccess')
		equal(open(S + '/busy').read(), '0\n')
	END
}

@test "one client at a time opens the service, and gives it up when asked" {
	start_fsd
	drive
	client "$S" <<-'END'
		c, d = Client(S), Client(S)
		equal(c.name(7, 0), 'kIOReturnSuccess')
		equal(d.name(7, 0), 'kIOReturnExclusiveAccess')
		equal(d.name(7, 1), 'kIOReturnSuccess')
		equal(c.name(7, 0), 'kIOReturnExclusiveAccess')
		d.close()
		equal(c.name(7, 0), 'kIOReturnSuccess')
		c.write('open')
		d = Client(S)
		equal(refused(d.write, 'open'), 'EBUSY')
	END
	said 'message 0xe0000100'
}

@test "a connection is told of another one" {
	start_fsd
	drive
	client "$S" <<-'END'
		c, d = Client(S), Client(S)
		c.write('addclient %d' % d.number)
		equal(refused(c.write, 'addclient 999'), 'EINVAL')
	END
	said connectClient
}

# Connections are numbered by each service, and a driver is told the number.
@test "a connection of another service is not taken for one of the driver's own" {
	start_fsd
	drive
	mkdir "$MNT/IOService/Other"
	client "$S" "$MNT/IOService/Other" <<-'END'
		driver = os.open(sys.argv[2] + '/driver', os.O_RDWR)
		with open(sys.argv[2] + '/ctl', 'w') as ctl:
		    ctl.write('register\n')
		c, d, other = Client(S), Client(S), Client(sys.argv[2])
		equal([c.number, other.number], [1, 1])
		equal(refused(d.write, 'addclient IOService/Other/clients/1'), 'EINVAL')
		d.write('addclient ' + c.path[c.path.index('IOService/'):])
	END
	[[ $(grep -c connectClient said) == 1 ]]
}

# --- fsd comes and goes

@test "a driver goes on when fsd is started again, and its clients open again" {
	start_fsd
	drive
	client "$S" <<-'END' &
		c = Client(S)
		open('opened', 'w')
		while not os.path.exists('restarted'):
		    time.sleep(0.02)
		assert refused(os.write, c.calls, b'{"sel":0}\n') in ('ENOTCONN', 'ENODEV', 'ECONNABORTED')
	END
	local client=$!
	eventually test -e opened
	restart_fsd
	: >restarted
	wait "$client"
	eventually said clientDied
	client "$S" <<-'END'
		while True:
		    try:
		        c = Client(S)
		        break
		    except OSError as error:
		        assert error.errno == errno.EAGAIN, error
		        time.sleep(0.02)
		equal(c(0, 1, 2, so=1)['so'], [3])
		equal(os.fstat(c.open('mem/5')).st_size, 4096)
	END
	run ! gone "$DRIVER"
}

# --- the examples

@test "the calculator calculates for one client at a time" {
	start_fsd
	example driver_calc Calculator
	client "$MNT/IOService/Calculator" <<-'END'
		c, d = Client(S), Client(S)
		text = base64.b64encode(b'0123456789abcdef').decode()
		equal(c(1, 10, 32768, so=1)['so'], [327680])
		equal(c.name(2, sib=text, sos=16), 'kIOReturnNotOpen')
		equal(c.name(0), 'kIOReturnSuccess')
		equal(d.name(0), 'kIOReturnExclusiveAccess')
		equal(c(2, sib=text, sos=16)['sob'], text)
		equal(d.name(2, sib=text, sos=16), 'kIOReturnNotOpen')
		m = d.open('m/multiply', os.O_RDWR)
		os.write(m, b'6 7\n')
		equal(os.read(m, 64), b'42\n')
		c.close()
		equal(d.name(0), 'kIOReturnSuccess')
		equal(d(2, sib=text, sos=16)['sob'], text)
	END
	rmdir "$MNT/IOService/Calculator"
	wait "$DRIVER"
}

@test "the queue of a driver is the memory of its clients" {
	start_fsd
	example driver_queue QueueDriver
	client "$MNT/IOService/QueueDriver" <<-'END'
		c = Client(S)
		equal(c(0, 3, so=1)['so'], [3])
		equal(os.path.realpath(c.path + '/queues/0'), os.path.realpath(S + '/queues/0'))
		port = c.open('port/0')
		equal(bool(select.select([port], [], [], 20)[0]), True)
		for i in range(3):
		    fd = os.open(S + '/queues/0/dequeue', os.O_RDONLY)
		    equal(os.read(fd, 64), i.to_bytes(8, 'little'))
		    os.close(fd)
		assert os.fstat(c.open('mem/0')).st_size >= 65536
	END
}

@test "events of a directory become entries of a queue" {
	start_fsd
	mkdir watched
	example driver_bridge Watcher watched
	local queue=$MNT/IOService/Watcher/queues/events
	: >watched/one
	mv watched/one watched/two
	rm watched/two
	local line
	for line in 'new one' 'written one' 'gone one' 'new two' 'gone two'; do
		[ "$(get "$queue")" = "$line" ]
	done
}

@test "a shared user client is closed as often as it was opened" {
	start_fsd
	drive shared
	client "$S" <<-'END'
		c, d = Client(S), Client(S)
		equal(c.number, d.number)
		c.close()
		equal(d(0, 1, 2, so=1)['so'], [3])
		d.close()
	END
	eventually said free
	[ "$(grep -cx clientClose said)" -eq 2 ]
	[ "$(grep -cx stop said)" -eq 1 ]
}
