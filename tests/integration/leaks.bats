#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What comes and goes a thousand times leaves nothing behind in fsd: no
# descriptor, no memory, no thread, no file.

load lib
load checks
load stress
setup_file() { fsd_setup_file; }
setup() { fsd_setup; start_fsd; }
teardown() { fsd_teardown; }

# flat ROUNDS <<-'END': the lines define turn(i). It is done ROUNDS times, and
# what fsd has afterwards is what it had after the first hundred.
flat() {
	local rounds=$1 sane=1
	sanitized && sane=''
	{
		cat <<-'END'
			import random, subprocess
			queues, state, sane, rounds = args[0], args[1], args[2], int(args[3])
			def files():
			    return sorted(os.path.join(top, name) for top, _, names in os.walk(state) for name in names)
			def memory():
			    with open(f"/proc/{os.environ['FSD_PID']}/status", encoding='ascii') as file:
			        return next(int(line.split()[1]) for line in file if line.startswith('RssAnon'))
			def counts():
			    pid = os.environ['FSD_PID']
			    return len(os.listdir(f'/proc/{pid}/fd')), len(os.listdir(f'/proc/{pid}/task')), files(), os.listdir(queues)
		END
		cat
		cat <<-'END'
			def turns(n):
			    for i in range(n):
			        turn(i)
			turn(0)     # what is started at the first need
			idle = counts()
			turns(min(100, rounds))
			eventually(lambda: counts() == idle, f'{counts()} == {idle}')
			before = memory()
			turns(rounds)
			eventually(lambda: counts() == idle, f'{counts()} == {idle}')
			assert idle[1] <= 2, idle
			if sane:
			    eventually(lambda: memory() <= before + 256, f'RssAnon {before} then {memory()} KiB')
		END
	} >flat.py
	check "$MNT/queues" "$STATE" "$sane" "$rounds" <flat.py
}

@test "queues that are made, used and removed leave nothing behind" {
	flat "$(counted 1000 10000)" <<-'END'
		def turn(i):
		    q = Queue(f'{queues}/q{i % 7}')
		    os.mkdir(q.path)
		    q.put(b'entry', bytes(1000))
		    equal(q.peek(), b'entry')
		    equal((q.get(), q.get()), (b'entry', bytes(1000)))
		    for name in ATTRIBUTES:
		        q.text(name)
		    os.rmdir(q.path)
	END
}
