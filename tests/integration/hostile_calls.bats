#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Each system call that takes a file, in its odd forms, at each file and directory of a live
# mount: it is refused for a fitting reason, or does no more than it may.

load calls
setup() { fsd_setup; chmod 1777 "$T"; }

@test "what is called with a path, by any user, changes nothing" {
	start_for_users
	check_calls <<-'END'
		def calls(path):
		    for what, calls_it, allowed in at_paths():
		        tried(what, path, allowed, calls_it, path)
		    return wrong
		with nothing_changed(), kept(T):
		    found = [each for path in everything() for each in run_as(other, calls, path)]
		assert not found, f'{len(found)}\n' + '\n'.join(found[:80])
	END
}

@test "what is called with an open file, by any user, changes nothing" {
	start_for_users
	check_calls <<-'END'
		def calls(path):
		    for fd, way in opens_of(path):
		        for what, calls_it, allowed in at_files():
		            tried(f'{way:o} {what}', path, allowed, calls_it, fd)
		        os.close(fd)
		    return wrong
		with nothing_changed(), kept(T):
		    found = [each for path in everything() for each in run_as(other, calls, path)]
		    Q.put(b'entry')             # he has read it
		assert not found, f'{len(found)}\n' + '\n'.join(found[:80])
	END
}

@test "what root calls, which the kernel lets past, changes nothing, too" {
	start_for_users
	check_calls <<-'END'
		with nothing_changed(), kept(T):
		    for path in everything():
		        if link_mode and os.path.islink(path):
		            continue                    # memory, which is a file of another file system there
		        for fd, way in opens_of(path, [0]):
		            for what, calls_it, allowed in at_files():
		                tried(f'{way:o} {what}', path, allowed, calls_it, fd)
		            os.close(fd)
		    Q.put(b'entry')
		assert not wrong, f'{len(wrong)}\n' + '\n'.join(wrong[:80])
	END
}

@test "memory that its driver draws out to the largest size that there is is seen so" {
	start_fsd
	check_registry <<-'END'
		S = Service('S', {'memory': {'0': 'page'}})
		os.close(os.open(S / 'buf/page', os.O_RDWR | os.O_CREAT, 0o666))
		if link_mode:                           # else the mount has a say, and a limit
		    os.truncate(S / 'buf/page', (1 << 63) - 1)
		connection = Connection(S)
		for path in S / 'buf/page', connection / 'mem/0':
		    about = os.lstat(path)
		    equal(about.st_blocks, -(-about.st_size // 512))
	END
}
