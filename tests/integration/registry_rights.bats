#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Who may do what with the registry: files' modes, the policy, entitlements, privileges.

load users

# --- files

@test "who may look, read, write, map, create and remove: each file of root, services and connections" {
	echo '{ "publish": [ { "uid": 1001 } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		ALL = {'root', 'owner', 'friend', 'client', 'mate', 'other'}
		OWNER, CLIENT, ROOT, NONE = {'root', 'owner'}, {'root', 'client'}, {'root'}, set()
		USERS = {'root': root, 'owner': owner, 'friend': friend, 'client': client, 'mate': mate, 'other': other}
		mode = {'team': 0o660, 'open': 0o666}

		# The service is the owner's own, made by him.
		def serve(go, path):
		    become(owner[0], owner[1])
		    service = Service('S', {'methods': [{'name': 'none'}, {'name': 'mul', 'si': 2, 'so': 1}],
		                            'memory': {'0': 'open', '1': {'buf': 'open', 'ro': True}, '2': 'team'},
		                                'ports': {'3': 'queues/q/notify'}}, {'key': 1})
		    for name, bits in mode.items():
		        os.umask(0)
		        fd = os.open(service / f'buf/{name}', os.O_RDWR | os.O_CREAT, bits)
		        os.ftruncate(fd, PAGE)
		        os.close(fd)
		    os.mkdir(service / 'queues/q')
		    os.write(go, b'.')
		    while True:
		        select.select([service.driver], [], [])
		        service.answers()
		ready, go = os.pipe()
		driver = Child(serve, go, None)
		os.close(go)
		assert os.read(ready, 1) == b'.', driver.result()
		S = entry('S')
		holder, number = connected(client, S)
		U = f'{S}/clients/{number}'
		whose = lambda path: (os.stat(path).st_uid, os.stat(path).st_gid, stat.S_IMODE(os.stat(path).st_mode))
		equal(whose(S), (*owner, 0o755))
		equal(whose(U), (*client, 0o700))

		# file: who may look, read, write
		table = {MNT: {
		    'README version status busy busy_time quiet events': (ALL, ALL, NONE),
		    'match watch': (ALL, ALL, ALL),
		    'console': (ALL, ALL, ROOT), 'policy': (ALL, ROOT, NONE), 'ctl': (ALL, NONE, ROOT)},
		  entry(): {
		    'id name path class classes state busy busy_time quiet retain': (ALL, ALL, NONE), 'props': (ALL, ALL, ROOT)},
		  S: {
		    'id name location path classes state busy busy_time quiet retain owner events': (ALL, ALL, NONE),
		    'class methods': (ALL, ALL, OWNER), 'match props prop/key clone clone.1 clone.0x2': (ALL, ALL, ALL),
		    'ctl': (ALL, NONE, ALL), 'driver': (ALL, OWNER, OWNER)},
		  U: {
		    'id name class classes type creator state busy busy_time path retain async port/1': (CLIENT, CLIENT, NONE),
		    'ctl': (CLIENT, NONE, CLIENT), 'call props m/mul m/1 struct/mul struct/1': (CLIENT, CLIENT, CLIENT),
		    'prop/IOUserClientCreator': (CLIENT, CLIENT, CLIENT), 'mem/0': (CLIENT, CLIENT, CLIENT)}}
		folders = {MNT: ALL, entry(): ALL, f'{MNT}/id': ALL, f'{MNT}/class': ALL, f'{MNT}/name': ALL, f'{MNT}/err': ALL,
		        f'{MNT}/class/S': ALL, f'{MNT}/name/S': ALL, entry('prop'): ALL, entry('parents'): ALL, f'{S}/streams': ALL, S: ALL, f'{S}/clients': ALL, f'{S}/prop': ALL,
		           f'{S}/buf': ALL, f'{S}/parents': ALL, f'{S}/queues': ALL, U: CLIENT, f'{U}/m': CLIENT, f'{U}/struct': CLIENT,
		           f'{U}/port': CLIENT, f'{U}/mem': CLIENT, f'{U}/prop': CLIENT, f'{U}/queues': CLIENT}
		buffers = {f'{S}/buf/open': (ALL, ALL), f'{S}/buf/team': (OWNER | {'friend'}, OWNER | {'friend'}),
		        f'{U}/mem/0': (CLIENT, CLIENT),
		           f'{U}/mem/1': (CLIENT, NONE if not link_mode else CLIENT),
		           f'{U}/mem/2': (CLIENT, CLIENT) if not link_mode else (ROOT, ROOT)}
		for folder in table:                    # what was forgotten above
		    for file in os.listdir(folder):
		        path = f'{folder}/{file}'
		        assert os.path.islink(path) or path in folders or path == entry('IOResources') or \
		                any(file in names.split() for names in table[folder]), f'{path} is not in the table'
		make = {entry(): OWNER, S: OWNER, f'{S}/queues': OWNER, f'{S}/streams': OWNER}
		create = {f'{S}/buf': OWNER, f'{S}/prop': OWNER, f'{U}/prop': CLIENT, entry('prop'): ROOT}

		def can(call, *arguments):
		    try:
		        value = call(*arguments)
		        if isinstance(value, int) and value > 2:
		            os.close(value)
		        return True
		    except OSError as error:
		        if error.errno in (EACCES, EPERM):
		            return False
		        if error.errno == ENOENT and re.search('/(m|struct)/made by ', str(arguments[0])):  # no such method
		            return False
		        if error.errno in (EBUSY, EAGAIN, EINVAL):          # let in, and then refused for another reason
		            return True
		        raise AssertionError(f'{arguments}: {error}') from None

		def maps(path, how):
		    fd = opened(path, how)
		    mmap.mmap(fd, PAGE, mmap.MAP_SHARED, mmap.PROT_READ | (mmap.PROT_WRITE if 'w' in how else 0)).close()
		    return fd

		def made(path, call, undo, *more):
		    fd = call(path, *more)
		    if isinstance(fd, int):
		        if '/prop/' in path:
		            os.write(fd, b'1')
		        os.close(fd)
		    if not path.startswith(U):          # what the driver does not store is not there
		        undo(path)

		def user_of(name):
		    return USERS[name]

		def try_all(name):
		    """What somebody may do and the table does not let him, and the other way round"""
		    wrong = []
		    def holds(who, what, *call):
		        found = can(*call)
		        if found != (name in who):
		            wrong.append(f'{name}: {what}: {"may" if found else "may not"}')
		    for folder, files in table.items():
		        for names, rights in files.items():
		            for file in names.split():
		                path = f'{folder}/{file}'
		                holds(rights[0], f'look at {path}', os.lstat, path)
		                if not (path.startswith(U) and name not in CLIENT and link_mode and 'mem' in path):
		                    holds(rights[1], f'read {path}', opened, path, 'rn')
		                    holds(rights[2], f'write {path}', opened, path, 'wn')
		                    holds(rights[1] & rights[2], f'read and write {path}', opened, path, 'rwn')
		                if not file.startswith('prop/'):
		                    holds(NONE, f'remove {path}', os.unlink, path)
		    for folder, who in folders.items():
		        holds(who, f'list {folder}', os.listdir, folder)
		        if folder not in make:
		            holds(NONE, f'mkdir in {folder}', os.mkdir, f'{folder}/made by {name}')
		        if folder not in create:
		            holds(NONE, f'create in {folder}', os.open, f'{folder}/made by {name}', os.O_WRONLY | os.O_CREAT)
		        holds(NONE, f'symlink in {folder}', os.symlink, 'x', f'{folder}/made by {name}')
		    for path, (readers, writers) in buffers.items():
		        holds(readers, f'map {path}', maps, path, 'r')
		        holds(writers, f'map {path} for writing', maps, path, 'rw')
		    for folder, who in make.items():
		        holds(who, f'make in {folder}', made, f'{folder}/made by {name}', os.mkdir, os.rmdir)
		    for folder, who in create.items():
		        holds(who, f'create in {folder}', made, f'{folder}/made by {name}',
		                lambda path: os.open(path, os.O_RDWR | os.O_CREAT), os.unlink)
		    for path in S, U, f'{S}/queues/q', f'{S}/clients', f'{S}/buf':
		        if path not in (S, f'{S}/queues/q') or name not in OWNER:
		            holds(NONE, f'remove {path}', os.rmdir, path)
		    if name not in OWNER:
		        holds(NONE, 'remove a property', os.unlink, f'{S}/prop/key')
		    if name not in OWNER:
		        holds(NONE, 'remove a buffer', os.unlink, f'{S}/buf/open')
		    for path in S, f'{S}/class', f'{S}/clone', f'{S}/methods':
		        holds(OWNER, f'chmod {path}', os.chmod, path, stat.S_IMODE(os.lstat(path).st_mode))
		        if name != 'owner':
		            holds(ROOT, f'chown {path}', os.chown, path, os.lstat(path).st_uid, 2001)
		    for path in U, f'{U}/call', f'{U}/m/mul', f'{MNT}/ctl', f'{MNT}/policy', f'{MNT}/match', f'{MNT}/id', entry():
		        if path != entry() or name != 'root':
		            holds(NONE, f'chmod {path}', os.chmod, path, 0o777)
		        if path != entry() or name != 'root':
		            holds(NONE, f'chown {path}', os.chown, path, user_of(name)[0], -1)
		    return wrong
		wrong = []
		for name, user in USERS.items():
		    wrong += run_as(user, try_all, name)
		assert not wrong, '\n'.join(wrong)
		holder.end()
		eventually(lambda: not os.path.exists(U))
		driver.end()
		eventually(lambda: not os.path.exists(S))
	END
}

# --- the policy

@test "publish: who makes services, and where; what others made stays" {
	echo '{ "publish": [ { "uid": 1001 }, { "gid": 2003, "under": "IOService:/Bus" } ] }' >policy.json
	start_for_users -p policy.json
	[ "$(stat -c %a "$MNT/IOService")" = 1777 ]
	check_users <<-'END'
		os.mkdir(entry('Bus'))
		os.chmod(entry('Bus'), 0o1777)
		os.mkdir(entry('Bushel'))
		os.chmod(entry('Bushel'), 0o1777)
		mkdir = lambda user, name: verdict(user, os.mkdir, entry(name))
		equal(mkdir(owner, 'A'), 'ok')
		equal(mkdir(root, 'R'), 'ok')
		for user in friend, other, client:
		    equal(mkdir(user, 'B'), 'kIOReturnNotPermitted')
		    equal(mkdir(user, 'Bushel/B'), 'kIOReturnNotPermitted')
		    run_as(user, says, EPERM, '"publish" of the policy', os.mkdir, entry('B'))
		    refused(EACCES, user, os.mkdir, entry('A/B'))           # its mode lets nobody in
		equal(mkdir(other, 'Bus/Dev'), 'ok')
		equal(mkdir((1009, 2009, 2003), 'Bus/Dev2'), 'ok')
		equal(mkdir(friend, 'Bus/Dev3'), 'kIOReturnNotPermitted')
		equal(mkdir(owner, 'Bus/Dev3'), 'ok')
		equal(mkdir(owner, 'A/Below'), 'ok')                        # his own
		equal(mkdir(other, 'Bus/Dev/Below'), 'ok')
		equal(mkdir((1009, 2009, 2003), 'Bus/Dev/Below2'), 'EACCES')
		for user, name in (friend, 'A/Below'), (other, 'Bus/Dev3'), (other, 'R'), (client, 'Bus/Dev2'), (owner, 'IOResources'):
		    for call in (os.rmdir,), (os.chmod, 0o777), (os.chown, user[0], -1):
		        with contextlib.suppress(AssertionError):
		            refused(EPERM, user, call[0], entry(name), *call[1:])
		            continue
		        refused(EACCES, user, call[0], entry(name), *call[1:])
		    for file in 'class', 'methods':
		        if name != 'IOResources':
		            refused(EACCES, user, write, entry(f'{name}/{file}'), 'x')
		    refused(EACCES, user, opens, entry(f'{name}/driver'))
		    for order in 'register', 'terminate', 'persist', 'busy +1', 'message 1', 'attach IOService:/', 'detach IOService:/':
		        equal(verdict(user, write, entry(f'{name}/ctl'), order + '\n'), 'kIOReturnNotPermitted')
		equal(read(entry('A/busy')), '0\n')
		equal(read(entry('A/state')), '!registered !matched active\n')
		# A mode that lets others in still takes a rule.
		os.chmod(entry('A'), 0o777)
		equal(mkdir(other, 'A/C'), 'kIOReturnNotPermitted')
		run_as(other, lambda: refuses(EPERM, os.rmdir, entry('A/Below')))
		run_as(owner, os.rmdir, entry('A/Below'))
		run_as(owner, os.rmdir, entry('A'))
		run_as(other, os.rmdir, entry('Bus/Dev/Below'))
		run_as(other, os.rmdir, entry('Bus/Dev'))
		run_as(root, os.rmdir, entry('Bus/Dev2'))
		use({})
		equal(mkdir(owner, 'A'), 'kIOReturnNotPermitted')
		use({'publish': [{}]})
		equal(mkdir(other, 'A'), 'ok')
		refused(EPERM, owner, os.rmdir, entry('A'))
	END
}

@test "open: the first rule for one of the classes decides, for root too" {
	skip_unless_root "other users have to be made"
	cat >policy.json <<-'END'
		{ "open": [ { "class": "GuardedButOpen", "allow": true }, { "class": "Guarded*", "require": "root" },
		            { "class": "Closed", "allow": false }, { "class": "Admins", "require": "cap:sys_admin" }, { "class": "*", "allow": true } ] }
	END
	start_for_users -p policy.json
	check_users <<-'END'
		services = {name: Service(name) for name in ('GuardedButOpen', 'GuardedA', 'Closed', 'Admins', 'Plain')}
		derived = Service('Derived', register=False)
		write(derived / 'class', 'Derived:Closed')
		write(derived / 'ctl', 'register\n')
		services['Derived'] = derived
		NOT = 'kIOReturnNotPrivileged'
		wanted = {'GuardedButOpen': ('ok', 'ok'), 'GuardedA': ('ok', NOT), 'Closed': 2 * ('kIOReturnNotPermitted',),
		        'Derived': 2 * ('kIOReturnNotPermitted',), 'Admins': ('ok', NOT), 'Plain': ('ok', 'ok')}
		for name, service in services.items():
		    equal((name, verdict(root, opens, service / 'clone'), verdict(other, opens, service / 'clone.3')),
		            (name, *wanted[name]))
		    equal(os.listdir(service / 'clients'), [])
		# The file's mode comes first, and is the owner's to say.
		os.chmod(services['Plain'] / 'clone', 0o600)
		refused(EACCES, other, opens, services['Plain'] / 'clone')
		refused(EACCES, other, opens, services['Plain'] / 'clone.3')
		equal(verdict(root, opens, services['Plain'] / 'clone'), 'ok')
		use({'open': [{'class': 'IORegistryEntry', 'allow': False}]})
		for service in services.values():
		    equal(verdict(root, opens, service / 'clone'), 'kIOReturnNotPermitted')
	END
}

@test "set: rules for keys, the entry's own list, and the driver has the last word" {
	skip_unless_root "other users have to be made"
	cat >policy.json <<-'END'
		{ "set": [ { "class": "*", "keys": [ "IODebug" ], "require": "root" }, { "class": "Frozen", "allow": false } ] }
	END
	start_for_users -p policy.json
	check_users <<-'END'
		S, frozen, listed = Service('S', {}, {'one': 1}), Service('Frozen'), \
		        Service('Listed', {}, {'IORegistryEntryAllowableSetProperties': ['a', 'b']})
		odd = Service('Odd', {}, {'IORegistryEntryAllowableSetProperties': 'a'})
		nub = entry('Nub')
		os.mkdir(nub)
		holder, number = connected(client, S)
		sets = lambda user, path, text: verdict(user, write, path, text)
		equal(sets(other, S / 'props', '{"IODebug":1}'), 'kIOReturnNotPrivileged')
		equal(sets(other, S / 'props', '{"one":2,"IODebug":1}'), 'kIOReturnNotPrivileged')
		equal(sets(other, frozen / 'props', '{"one":2}'), 'kIOReturnNotPermitted')
		equal(sets(other, frozen / 'props', '{"IODebug":2}'), 'kIOReturnNotPrivileged')
		equal(sets(client, f'{S.path}/clients/{number}/props', '{"IODebug":2}'), 'kIOReturnNotPrivileged')
		equal(sets(other, listed / 'props', '{"a":1,"c":1}'), 'kIOReturnBadArgument')
		equal(sets(other, listed / 'props', '[1]'), 'kIOReturnNotPermitted')
		equal(sets(other, odd / 'props', '{"a":1}'), 'kIOReturnNotPermitted')
		for text in '[1]', '"words"', '5\n', '{"$data":"AA=="}':      # what is of no key: by the rules for all
		    equal(sets(other, frozen / 'props', text), 'kIOReturnNotPermitted')
		    equal(sets(other, listed / 'props', text), 'kIOReturnNotPermitted')
		    equal(sets(owner, f'{nub}/props', text), 'kIOReturnUnsupported')
		    says(EINVAL, 'written as an object', write, S / 'props', text)
		equal(sets(other, f'{nub}/props', '{"a":1}'), 'kIOReturnUnsupported')
		refused(EACCES, other, write, entry('props'), '{"a":1}')
		refused(EACCES, other, lambda: os.open(S / 'prop/new', os.O_WRONLY | os.O_CREAT))
		refused(EACCES, other, os.unlink, S / 'prop/one')
		for service in S, frozen, listed, odd:
		    assert not service.is_asked()
		    equal(read(service / 'prop/one') if service is S else '', '1\n' if service is S else '')
		# The driver is asked, and stores what it wants itself.
		for user, path, text, conn in (other, S / 'props', '{"one":2}', None), (other, S / 'prop/one', '2', None), \
		        (other, listed / 'props', '{"b":2}', None), (other, S / 'props', '["one"]', None), \
		                              (client, f'{S.path}/clients/{number}/props', '{"one":2}', number):
		    service = listed if path.startswith(listed.path) else S
		    for code, wanted in (0, 'ok'), (0xe00002c7, 'kIOReturnUnsupported'), (0xe00002e2, 'kIOReturnNotPermitted'):
		        answer = threading.Thread(target=lambda: asked.append(service.answers(rc=code)))
		        asked = []
		        answer.start()
		        equal(sets(user, path, text), wanted)
		        answer.join()
		        equal((asked[0]['op'], asked[0]['conn'], asked[0]['props']),
		                ('setprops', conn, {'b': 2} if service is listed else ['one'] if text[0] == '[' else {'one': 2}))
		equal(read(S / 'prop/one'), '1\n')
		# What is the owner's he stores.
		equal(sets(root, frozen / 'props', '{"IODebug":1}'), 'ok')
		equal(read(frozen / 'prop/IODebug'), '1\n')
		os.chown(nub, owner[0], owner[1])
		equal(sets(owner, f'{nub}/props', '{"IODebug":1}'), 'ok')
		holder.end()
	END
}

# --- entitlements and privileges

@test "entitlements: granted by rules for users and programs, and only if true" {
	skip_unless_root "other users have to be made"
	cp /bin/bash tool
	cp /bin/bash another
	cat >policy.json <<-END
		{ "entitlements": [ { "match": { "uid": 1001 }, "grant": { "org.open": true, "org.number": 1, "org.text": "true", "org.none": null } },
		                    { "match": { "exe": "$T/tool" }, "grant": { "org.open": true } }, { "match": { "exe": "/*/tool" }, "grant": { "org.far": true } },
		                    { "match": { "comm": "tool", "uid": 1003 }, "grant": { "org.comm": true } },
		                    { "match": { "gid": 2001 }, "grant": { "org.group": true, "org.open": false } }, { "match": { "uid": 1005 }, "grant": { "org.open": false } } ] }
	END
	start_for_users -p policy.json
	check_users <<-'END'
		services = {name: Service('S' + name.replace('.', ''), {'IOUserClientEntitlements': name}) for name in
		            ('org.open', 'org.number', 'org.text', 'org.none', 'org.far', 'org.comm', 'org.group', 'org.nobody')}
		free = Service('Free', {'IOUserClientEntitlements': False})
		NOT = 'kIOReturnNotPrivileged'
		def of(user, **programs):
		    return {name for name, service in services.items() if verdict(user, opens, service / 'clone') == 'ok'}
		def of_program(user, program):
		    return {name for name, service in services.items() if tool(user, 'exec 5<>"$1/clone"', service.path,
		            exe=program)[0] == 0}
		equal(of(owner), {'org.open', 'org.group'})
		equal(of(friend), {'org.group'})
		equal(of(other), set())
		equal(of(root), set())                                      # root passes modes, not entitlements
		equal(of_program(other, './tool'), {'org.open', 'org.comm'})
		equal(of_program(other, './another'), set())
		equal(of_program(root, './tool'), {'org.open'})
		equal(of_program(mate, './tool'), {'org.open'})
		os.link('another', 'hard')
		os.symlink('another', 'soft')
		equal(of_program(other, './hard') | of_program(other, './soft'), set())
		# A name that he gives himself is no program.
		def calls_itself_tool():
		    ctypes.CDLL(None).prctl(15, b'tool', 0, 0, 0)           # PR_SET_NAME
		    opens(services['org.open'] / 'clone')
		equal(verdict(mate, calls_itself_tool), NOT)
		for user in root, other:
		    equal(verdict(user, opens, free / 'clone'), 'ok')
		    equal(verdict(user, opens, services['org.nobody'] / 'clone'), NOT)
	END
}

@test "entitlements of a program by its attribute, which only root can set" {
	skip_unless_root "other users have to be made"
	cp /bin/bash tool
	cp /bin/bash another
	cp /bin/bash broken
	python3 - <<-'END' || skip "no trusted attributes on this file system"
		import os
		os.setxattr('tool', 'trusted.fsd.entitlements', b'{"org.open": true, "org.denied": true, "org.number": 1, "org.admin": true}')
		os.setxattr('broken', 'trusted.fsd.entitlements', b'{"org.open": true')
		os.setxattr('another', 'trusted.fsd.entitlements', b'["org.open"]')
	END
	echo '{ "entitlements": [ { "match": { "exe": "/**" }, "grant": {} }, { "match": { "uid": 1003 }, "grant": { "org.denied": false } } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		services = {name: Service('S' + name.replace('.', ''), {'IOUserClientEntitlements': name}) for name in ('org.open',
		        'org.denied', 'org.number')}
		def of(user, program):
		    return {name for name, service in services.items() if tool(user, 'exec 5<>"$1/clone"', service.path,
		            exe=program)[0] == 0}
		equal(of(other, './tool'), {'org.open'})                    # the policy has the first word
		equal(of(client, './tool'), {'org.open', 'org.denied'})
		equal(of(root, './tool'), {'org.open', 'org.denied'})
		for program in './another', './broken', '/bin/bash':
		    equal(of(root, program), set())
		# A copy of his own has none, and he cannot give it one.
		os.chmod('.', 0o777)
		def copies():
		    subprocess.run(['cp', '--preserve=all', './tool', './mine'], check=False, stderr=subprocess.DEVNULL)
		    refuses(EPERM, os.setxattr, './mine', 'trusted.fsd.entitlements', b'{"org.open": true}')
		    with contextlib.suppress(OSError):
		        os.setxattr('./mine', 'user.fsd.entitlements', b'{"org.open": true}')
		    refuses(EPERM, os.setxattr, './tool', 'trusted.fsd.entitlements', b'{}')
		run_as(client, copies)
		equal(of(client, './mine'), set())
		# Nor by a script, or by another program's name.
		with open('script', 'w', encoding='ascii') as file:
		    file.write('#!/bin/bash\nexec 5<>"$1/clone"\n')
		os.chmod('script', 0o755)
		os.setxattr('script', 'trusted.fsd.entitlements', b'{"org.open": true}')
		equal(subprocess.run(['./script', services['org.open'].path], stderr=subprocess.DEVNULL, check=False).returncode == 0,
		        False)
	END
	expect_log 'trusted.fsd.entitlements of .*broken.* is not JSON'
}

@test "a program that changes places with another meanwhile does not get what that has" {
	skip_unless_root "other users have to be made"
	cp /bin/bash tool
	python3 -c 'import os; os.setxattr("tool", "trusted.fsd.entitlements", b"{\"org.open\": true}")' || skip "no trusted attributes on this file system"
	start_for_users
	mkdir mine
	cp /bin/bash mine/program
	ln -s ../tool mine/other
	chown -R 1003:2003 mine
	check_users <<-'END'
		S = Service('S', {'IOUserClientEntitlements': 'org.open'})
		equal(tool(other, 'exec 5<>"$1/clone"', S.path)[0], 0)
		libc = ctypes.CDLL(None)
		def swaps():
		    become(other[0], other[1])
		    while True:
		        libc.renameat2(-100, b'mine/program', -100, b'mine/other', 2)       # RENAME_EXCHANGE
		with open('script', 'w', encoding='ascii') as file:
		    file.write('for ((i = 0; i < 400; i++)); do if (exec 5<>"$1/clone") 2>/dev/null; then echo got it after $i; break; fi; done')
		program = subprocess.Popen(['bash', '-c', 'exec -a x mine/program script "$1"', '-', S.path], user=other[0],
		        group=other[1], extra_groups=[], stdout=subprocess.PIPE, text=True)
		eventually(lambda: os.readlink(f'/proc/{program.pid}/exe').endswith('mine/program'))
		swapper = Child(swaps)
		said = program.communicate(timeout=300)[0]
		swapper.end()
		equal(said, '')
	END
}

@test "a selector's entitlement is asked of who calls, not of who opened" {
	skip_unless_root "other users have to be made"
	echo '{ "entitlements": [ { "match": { "uid": 1001 }, "grant": { "org.admin": true } } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		import socket
		S = Service('S', {'methods': [{'name': 'free'}, {'name': 'admin', 'ent': 'org.admin'},
		        {'name': 'one', 'si': 1, 'ent': 'org.admin'},
		                          {'name': 'bytes', 'sis': '*', 'ent': 'org.admin'}]})
		NOT, OK = 'kIOReturnNotPrivileged', 'kIOReturnSuccess'
		here, there = socket.socketpair()

		def opener():
		    """Opens, and sends what it has open"""
		    U = Connection(S)
		    fds = [os.open(U / name, os.O_RDWR) for name in ('call', 'm/admin', 'struct/bytes', 'struct/admin')] + [U.session]
		    socket.send_fds(there, [str(U.number).encode()], fds)
		    signal.pause()

		def ask(fd, text):
		    os.write(fd, text)
		    return json.loads(os.read(fd, 1000))['name']

		def called(user, fd, text):
		    """By a process of that user, with the driver answering"""
		    requests = []
		    def answer():
		        while S.is_asked():
		            requests.append(S.answers())
		    child = Child(lambda: (become(user[0], user[1], user[2:]) if user != root else None, ask(fd, text))[1])
		    eventually(lambda: (answer(), child.is_done())[1])
		    return child.result(), requests

		for by in owner, other:
		    opener_process = Child(lambda: (become(by[0], by[1]), opener()))
		    number, fds, _, _ = socket.recv_fds(here, 100, 10)
		    number = int(number)
		    call, words, struct_file, empty, session = fds
		    for user in owner, other, root:
		        name, requests = called(user, call, b'{"sel":1}')
		        equal((user, name, len(requests)), (user, OK if user == owner else NOT, user == owner))
		        name, requests = called(user, call, b'{"sel":0}')
		        equal(name, OK)
		        # The driver is told who it is, where it is not the one it knows.
		        equal(requests[0].get('uid'), user[0])
		        equal(requests[0]['conn'], number)
		    # Sizes come first.
		    equal(called(other, call, b'{"sel":2}')[0], 'kIOReturnBadArgument')
		    equal(called(other, call, b'{"sel":2,"si":[1]}')[0], NOT)
		    # m/SEL: who writes the words calls.
		    def words_as(user):
		        def run():
		            if user != root:
		                become(user[0], user[1])
		            os.write(words, b'\n')
		            os.read(words, 100)
		        child = Child(run)
		        eventually(lambda: (S.answers() if S.is_asked() else None, child.is_done())[1])
		        return child.result()
		    words_as(owner)
		    refuses(EACCES, words_as, other)
		    # struct/SEL: who writes the bytes; where there are none, who opened the file.
		    def bytes_as(user, data):
		        def run():
		            if user != root:
		                become(user[0], user[1])
		            os.write(struct_file if data else empty, data)
		            os.read(struct_file if data else empty, 100)
		        child = Child(run)
		        eventually(lambda: (S.answers() if S.is_asked() else None, child.is_done())[1])
		        return child.result()
		    bytes_as(owner, b'x')
		    for user in other, root:
		        refuses(EACCES, bytes_as, user, b'x')
		    bytes_as(owner, b'x')
		    if by == owner:
		        bytes_as(other, b'')
		    else:
		        refuses(EACCES, bytes_as, owner, b'')
		    # The opener is gone, its connection lives on in who has the session.
		    opener_process.end()
		    equal(os.listdir(S / 'clients'), [str(number)])
		    equal(called(other, call, b'{"sel":1}')[0], NOT)
		    equal(called(owner, call, b'{"sel":1}')[0], OK)
		    assert read(f'{S.path}/clients/{number}/creator').startswith(f'pid {opener_process.pid}, ')
		    use({})
		    equal(called(owner, call, b'{"sel":1}')[0], NOT)
		    use({'entitlements': [{'match': {'uid': 1001}, 'grant': {'org.admin': True}}]})
		    equal(called(owner, call, b'{"sel":1}')[0], OK)
		    for fd in fds:
		        os.close(fd)
		    eventually(lambda: not os.listdir(S / 'clients'))
		    equal(S.asked()['op'], 'close')
	END
}

@test "a driver that checks calls itself is told who is not in the foreground" {
	skip_unless_root "other users have to be made"
	echo '{ "foreground": [ { "match": { "uid": 1005 }, "allow": false } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		S, table = Service('S', {'kind': 'any'}), Service('Table', {'methods': [{}]})
		def calls(service):
		    connection = Connection(service)
		    with opening(connection / 'call', 'rw') as fd:
		        os.write(fd, b'{"sel":0}\n')
		        return json.loads(os.read(fd, 4096))['name']
		def request_of(user, service):
		    asked = []
		    answer = threading.Thread(target=lambda: asked.append(service.answers()))
		    answer.start()
		    equal(run_as(user, calls, service), 'kIOReturnSuccess')
		    answer.join()
		    equal(service.answers()['op'], 'close')
		    return asked[0]
		equal(request_of(mate, S)['background'], True)
		for user, service in (other, S), (root, S), (mate, table):
		    assert 'background' not in request_of(user, service)
		use({})
		assert 'background' not in request_of(mate, S)
	END
}

@test "privileges: root, local, console, consolesession, secureprocess, foreground, capabilities" {
	skip_unless_root "other users have to be made"
	echo '{ "foreground": [ { "match": { "uid": 1005 }, "allow": false } ] }' >policy.json
	start_for_users -p policy.json
	check_users <<-'END'
		names = ['root', 'local', 'console', 'consolesession', 'secureprocess', 'foreground', 'cap:sys_admin', 'cap:net_raw',
		        'cap:chown', 'nonsense', 'cap:nonsense', 'Root']
		services = {name: Service('P' + name.replace(':', '_'), {'privilege': name}) for name in names}
		UNKNOWN = {'nonsense', 'cap:nonsense', 'Root'}
		def is_no_privilege(name, error):
		    equal(error.errno, EOPNOTSUPP if name in UNKNOWN else EACCES)
		    equal(said()[1], 'kIOReturnUnsupported' if name in UNKNOWN else 'kIOReturnNotPrivileged')
		def of(user, before=lambda: None):
		    return run_as(user, lambda: (before(), openable(services, is_no_privilege))[1])
		def console(*users):
		    write(f'{MNT}/console', json.dumps(users))
		ROOT = {'root', 'foreground', 'cap:sys_admin', 'cap:net_raw', 'cap:chown'} & of(root)
		assert {'root', 'foreground', 'cap:sys_admin'} <= ROOT
		console()
		equal(of(root), ROOT)
		equal(of(other), {'foreground'})
		equal(of(mate), set())
		console({'uid': 1003, 'onConsole': False}, {'uid': 1001, 'onConsole': True, 'user': 'owner'})
		equal(of(root), ROOT)                                       # root is no user of the console
		equal(of(other), {'foreground', 'local'})
		equal(of(owner), {'foreground', 'local', 'console', 'secureprocess'})
		equal(of(friend), {'foreground'})
		console({'uid': 1001, 'onConsole': True, 'securePid': 1})
		equal(of(owner), {'foreground', 'local', 'console'})
		# The one process that has the secure input.
		ready, go = os.pipe()
		child = Child(lambda: (os.read(ready, 1), become(1001, 2001), opens(services['secureprocess'] / 'clone')))
		console({'uid': 1001, 'onConsole': True, 'securePid': child.pid})
		equal(verdict(owner, opens, services['secureprocess'] / 'clone'), 'kIOReturnNotPrivileged')
		os.write(go, b'.')
		child.result()
		# The session of the audit, whoever it is.
		def in_session():
		    with open('/proc/self/loginuid', 'w', encoding='ascii') as file:
		        file.write('1003')
		    with open('/proc/self/sessionid', encoding='ascii') as file:
		        return int(file.read())
		def of_session(change):
		    ready, go = os.pipe()
		    back, say = os.pipe()
		    def run():
		        os.write(say, b'%d\n' % in_session())
		        os.read(ready, 1)
		        become(1003, 2003)
		        return verdict_here(services['consolesession'] / 'clone')
		    child = Child(run)
		    number = int(os.read(back, 100))
		    change(number)
		    os.write(go, b'.')
		    return number, child.result()
		def verdict_here(path):
		    try:
		        opens(path)
		        return 'ok'
		    except OSError:
		        return said()[1]
		try:
		    audited = Child(in_session).result() != 2 ** 32 - 1
		except OSError:
		    audited = False                                         # a kernel without an audit
		if audited:
		    equal(of_session(lambda number: console({'uid': 1, 'onConsole': True, 'session': number}))[1], 'ok')
		    equal(of_session(lambda number: console({'uid': 1003, 'onConsole': True, 'session': number + 1}))[1],
		            'kIOReturnNotPrivileged')
		    equal(of_session(lambda number: console({'uid': 1003, 'onConsole': False, 'session': number}))[1],
		            'kIOReturnNotPrivileged')
		    equal(of_session(lambda number: console({'uid': 1003, 'onConsole': True}))[1], 'kIOReturnNotPrivileged')
		console({'uid': 1003, 'onConsole': True, 'session': 2 ** 32 - 1})
		equal(verdict(other, opens, services['consolesession'] / 'clone'), 'kIOReturnNotPrivileged')    # who has none is in none
		# A capability of somebody who is not root.
		done = subprocess.run(['setpriv', '--reuid', '1003', '--regid', '2003', '--clear-groups', '--inh-caps', '+net_raw',
		        '--ambient-caps', '+net_raw', 'bash', '-c', 'exec 5<>"$1/clone"', '-',
		                       services['cap:net_raw'].path], check=False, stderr=subprocess.DEVNULL)
		equal(done.returncode, 0 if 'cap:net_raw' in ROOT else done.returncode)
		equal(verdict(other, opens, services['cap:net_raw'] / 'clone'), 'kIOReturnNotPrivileged')
		done = subprocess.run(['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin', 'bash', '-c',
		        'exec 5<>"$1/clone"', '-', services['cap:sys_admin'].path], check=False, stderr=subprocess.DEVNULL)
		assert done.returncode != 0
	END
}

@test "who is refused reads what it takes: sizes, an entitlement, a privilege, the policy" {
	echo '{ "open": [ { "class": "Guarded", "require": "console" }, { "class": "Shut", "allow": false } ] }' >policy.json
	start_fsd -p policy.json
	check_registry <<-'END'
		service = Service('S', {'methods': [{'name': 'add', 'si': 2, 'so': 1}, {'name': 'any', 'sis': '*', 'sos': 8},
		                                    {'name': 'admin', 'ent': 'org.example.admin'}]})
		connection = Connection(service)
		def call(name, data):
		    with opening(connection / name, 'rw') as fd:
		        os.write(fd, data)
		        return os.read(fd, 100)
		def said_to_call(wanted, code, sentence, *arguments):
		    refuses(wanted, call, *arguments)
		    equal(said()[1:], (code, sentence))
		for data in b'6\n', b'6 7 8\n':
		    said_to_call(EINVAL, 'kIOReturnBadArgument', 'the method has si=2 sis=0 so=1 sos=0, the call '
		                 f'si={len(data.split())} sis=0 so=1 sos=0', 'm/add', data)
		said_to_call(EINVAL, 'kIOReturnBadArgument', 'the method has si=0 sis=* so=0 sos=8, the call si=1 sis=0 so=0 sos=8',
		             'm/any', b'1\n')
		said_to_call(EINVAL, 'kIOReturnBadArgument', 'there are 3 methods, from 0 on', 'm/3', b'\n')
		said_to_call(EACCES, 'kIOReturnNotPrivileged', "this needs the entitlement 'org.example.admin'", 'm/admin', b'\n')

		# What is said of one is not said of the next.
		with opening(connection / 'call', 'rw') as fd:
		    os.write(fd, b'{"sel": 0, "si": [6], "so": 1}')
		    equal(json.loads(os.read(fd, 100))['name'], 'kIOReturnBadArgument')
		refuses(EINVAL, write, service / 'ctl', 'busy -1\n')
		assert 'si=' not in said()[2], said()

		# One who forgot to say how he writes.
		for line in b'id=1 rc=0\n', b'format xml\n', b'x\n':
		    refuses(EINVAL, os.write, service.driver, line)
		    equal(said()[2], 'driver: a line must be a JSON object, {...}; words are taken after the line "format text"')

		def said_to_opener(wanted, code, sentence, name, methods=None):
		    asked = Service(name, methods)
		    refuses(wanted, os.open, asked / 'clone', os.O_RDWR)
		    equal(said()[1:], (code, sentence))
		said_to_opener(EACCES, 'kIOReturnNotPrivileged', "this needs the privilege 'console'", 'B', {'privilege': 'console'})
		said_to_opener(EACCES, 'kIOReturnNotPrivileged', 'the policy does not let you open a service of this class', 'Guarded')
		said_to_opener(EPERM, 'kIOReturnNotPermitted', 'the policy does not let you open a service of this class', 'Shut')
	END
}
