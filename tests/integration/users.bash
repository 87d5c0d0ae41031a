# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# users.bash - checks of the registry by several users, from Python
#
#	start_for_users [OPTION...]	as start_fsd, for users other than root, too
#	check_users <<-'END'		as `check_registry`, with the users and run_as() at hand

load registry

start_for_users() {
	skip_unless_root "other users have to be made"
	chmod 0755 "$T"
	start_fsd "$@"
}

# Users are (uid, gid, other groups); `friend` is in the owner's group, `mate` in the client's.
users() {
	cat <<-'END'
		import ctypes, subprocess, threading
		root, owner, friend, client, mate, other = (0, 0), (1001, 2001), (1002, 2002, 2001), (1004, 2004), (1005, 2005, 2004), \
		        (1003, 2003)

		def run_as(user, call, *arguments):
		    def run():
		        if user != root:
		            become(user[0], user[1], user[2:])
		        return call(*arguments)
		    return Child(run).result()

		def refused(wanted, user, call, *arguments):
		    refuses(wanted, run_as, user, call, *arguments)

		def opens(path, how='rw'):
		    os.close(opened(path, how))

		def openable(services, refused):
		    """The names of those that we may open; refused() is told of each other, and why"""
		    found = set()
		    for name, service in services.items():
		        try:
		            opens(service / 'clone')
		            found.add(name)
		        except OSError as error:
		            refused(name, error)
		    return found

		def verdict(user, call, *arguments):
		    """ok, or the name of the exact code, with an errno that goes with it"""
		    def run():
		        try:
		            call(*arguments)
		        except OSError as error:
		            if not os.path.exists(f'{MNT}/err/{os.getpid()}'):      # the kernel said so, by the file's mode
		                return name_of(error.errno)
		            code, name, _ = said()
		            assert error.errno in ERRNOS.get(name, [error.errno]), f'{error}: {said()}'
		            return name or code
		        return 'ok'
		    return run_as(user, run)
		ERRNOS = {'kIOReturnNotPrivileged': [EACCES], 'kIOReturnNotPermitted': [EPERM], 'kIOReturnUnsupported': [EOPNOTSUPP],
		        'kIOReturnBadArgument': [EINVAL]}

		def use(policy):
		    """Another one in force, by ctl"""
		    with open('policy.json', 'w', encoding='utf-8') as file:
		        json.dump(policy, file)
		    write(f'{MNT}/ctl', 'reload\n')

		def connected(user, service, name='clone'):
		    """A process that has it open; number of the connection"""
		    ready, done = os.pipe()
		    def run():
		        connection = Connection(service, name)
		        os.write(done, b'%d ' % connection.number)
		        signal.pause()
		    child = Child(lambda: (become(user[0], user[1], user[2:]) if user != root else None, run()))
		    os.close(done)
		    number = b''
		    while not number.endswith(b' '):
		        byte = os.read(ready, 1)
		        assert byte, child.result()
		        number += byte
		    os.close(ready)
		    return child, int(number)

		def tool(user, script, *arguments, exe='./tool'):
		    """A shell of that name and user: its exit status and what it said"""
		    done = subprocess.Popen([exe, '-c', script, 'tool', *arguments], user=user[0], group=user[1],
		            extra_groups=list(user[2:]),
		                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
		    said = done.communicate(timeout=PATIENCE)[0]
		    return done.returncode, said
	END
}

check_users() { check_registry < <(users; cat); }
