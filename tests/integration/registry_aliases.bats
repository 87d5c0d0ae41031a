#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Words that stand for paths: the properties of `aliases` below the root of a plane. Where they are
# read, where they are written, and whose they are.

load users
setup() {
	fsd_setup
	: "${SHAPES:=$(dirname "$EXAMPLES")/tests/shapes}"
	: "${IOREG:=$(dirname "$(dirname "$FSD")")/libqueue/ioreg}"
	export SHAPES IOREG
}

# aliases	check_users, with a bus, a disk on it with two parts, and what looks at paths
aliases() {
	check_users < <(
		cat <<-'END'
			def publish(*names):
			    for name in names:
			        make(name)
			        control(name, 'register')

			def stands_for(**words):
			    write(entry('aliases/props'), json.dumps(words))

			def forget(word):
			    os.unlink(entry(f'aliases/prop/{word}'))

			def paths(name):
			    return read(entry(name) + '/path').splitlines()

			def found(path):
			    """What a dictionary with that path finds"""
			    with opening(f'{MNT}/match', 'rw') as fd:
			        os.write(fd, json.dumps({'IOPathMatch': path}).encode())
			        return os.read(fd, 1000).decode().splitlines()

			def shown(path):
			    """The number of what the library finds there"""
			    done = subprocess.run([os.environ['SHAPES'] + '/registry', 'show', path], stdout=subprocess.PIPE,
			                          text=True, env={**os.environ, 'FSD_MOUNT': MNT}).stdout
			    id = re.search(r' (0x[0-9a-f]+) state', done)
			    return id and id[1]

			def printed(name, plane='IOService'):
			    """How the library writes its path"""
			    return subprocess.run([os.environ['SHAPES'] + '/registry', 'path', f'IOService:/{name}', plane], check=True,
			                          stdout=subprocess.PIPE, text=True, env={**os.environ, 'FSD_MOUNT': MNT}).stdout.strip()

			def leads(path, name):
			    """All that read paths read that one as this service's"""
			    wanted = [f'IOService:/{name}'] if name else []
			    equal((path, found(path)), (path, wanted))
			    equal((path, shown(path)), (path, number(entry(name)) if name else None))

			publish('Bus', 'Bus/Disk@0', 'Bus/Disk@0/Part@1', 'Bus/Disk@0/Part@2', 'Other')
		END
		cat
	)
}

# --- reading

@test "a word before the first slash is what the property of /aliases says" {
	start_fsd
	aliases <<-'END'
		for path in 'IOService:disk', 'IOService:disk/Part@2', 'IOService:aliases':
		    leads(path, None)
		publish('aliases')
		stands_for(disk='/Bus/Disk@0', bus='/Bus', near='/Bus/@00', first='/Bus/Disk/Part@1', root='/',
		           again='disk', twice='again/Part@2', data={'$data': base64.b64encode(b'/Bus/Disk@0').decode()},
		           nul={'$data': base64.b64encode(b'/Bus/Disk@0\0').decode()})
		for word in 'disk', 'near', 'again', 'data', 'nul':
		    leads(f'IOService:{word}', 'Bus/Disk@0')
		    leads(f'IOService:{word}/Part@2', 'Bus/Disk@0/Part@2')
		    leads(f'IOService:{word}/@01', 'Bus/Disk@0/Part@1')
		    for rest in '/', '/Part@3', '//Part@2', '/Part@2/', ':', ':1', '@0':
		        leads(f'IOService:{word}{rest}', None)
		leads('IOService:first', 'Bus/Disk@0/Part@1')
		leads('IOService:twice', 'Bus/Disk@0/Part@2')
		leads('IOService:bus/Disk@0/Part@1', 'Bus/Disk@0/Part@1')
		leads('IOService:root/Bus', 'Bus')
		equal(shown('IOService:root'), '0x100000100')
		# A word is one only before the first slash, and in that plane.
		for path in 'IOService:/disk', 'IOService:/Bus/disk', 'IOPower:disk', 'disk', ':disk', 'IOService:':
		    leads(path, None)
		os.mkdir(f'{MNT}/IOPower')
		leads('IOPower:disk', None)
		# What is said now is what it means.
		stands_for(disk='/Other')
		leads('IOService:disk', 'Other')
		leads('IOService:again', 'Other')
		forget('disk')
		leads('IOService:disk', None)
		leads('IOService:again', None)
	END
}

@test "what is no path is no alias, and words that stand for each other stand for nothing" {
	start_fsd
	aliases <<-'END'
		publish('aliases')
		stands_for(number=1, yes=True, array=['/Bus'], set={'$set': ['/Bus']}, table={'path': '/Bus'}, empty='', bare='Bus',
		           plane='IOService:/Bus', gone='/Bus/Nope', half='/Bus/', self='self', one='other', other='one',
		           deep='self/Disk@0', binary={'$data': 'AAECAw=='}, **{'a/b': '/Bus', 'a:b': '/Bus', '': '/Bus',
		           'x' * 31: '/Bus', 'y' * 32: '/Bus'})
		for word in ('number', 'yes', 'array', 'set', 'table', 'empty', 'bare', 'plane', 'gone', 'half', 'self', 'one', 'other',
		             'deep', 'binary', 'a/b', 'a:b', '', 'y' * 32, 'nope', '..', '.', '%2E', 'IOService:/Bus'):
		    leads(f'IOService:{word}', None)
		    leads(f'IOService:{word}/Disk@0', None)
		leads(f'IOService:{"x" * 31}', 'Bus')
		# As many words as a path may go through, and one more.
		stands_for(w0='/Bus', **{f'w{n + 1}': f'w{n}' for n in range(12)})
		leads('IOService:w7', 'Bus')
		leads('IOService:w8', None)
	END
}

@test "services are attached by an alias, and found below it in a plane of its own" {
	start_fsd
	aliases <<-'END'
		os.mkdir(f'{MNT}/IOPower')
		publish('names', 'names/aliases')
		for name in 'Bus/Disk@0', 'names/aliases':
		    control(name, 'attach IOPower:/')
		write(entry('names/aliases/props'), '{"disk":"/Disk@0","nowhere":"/Bus/Disk@0"}')
		says(ENOENT, 'is no path of an entry', control, 'Bus/Disk@0/Part@1', 'attach IOPower:nowhere')
		control('Bus/Disk@0/Part@1', 'attach IOPower:disk')
		equal(paths('Bus/Disk@0/Part@1'), ['IOService:/Bus/Disk@0/Part@1', 'IOPower:/Disk@0/Part@1', 'IOPower:disk/Part@1'])
		equal(printed('Bus/Disk@0/Part@1', 'IOPower'), 'IOPower:disk/Part@1')
		equal(printed('Bus/Disk@0/Part@1'), 'IOService:/Bus/Disk@0/Part@1')
		leads('IOPower:disk', 'Bus/Disk@0')
		leads('IOPower:disk/Part', 'Bus/Disk@0/Part@1')
		leads('IOPower:disk/Part@2', None)
		leads('IOService:disk', None)
		control('Bus/Disk@0/Part@1', 'detach IOPower:disk')
		equal(paths('Bus/Disk@0/Part@1'), ['IOService:/Bus/Disk@0/Part@1'])
	END
}

# --- writing

@test "a path is written with the alias of what is nearest above, of several the shortest" {
	start_fsd
	aliases <<-'END'
		part = 'Bus/Disk@0/Part@1'
		equal(paths(part), [f'IOService:/{part}'])
		publish('aliases')
		equal(paths(part), [f'IOService:/{part}'])
		def written(name, by_alias):
		    whole = f'IOService:/{name}'
		    equal(paths(name), [whole] + ([by_alias] if by_alias else []))
		    equal(printed(name), by_alias or whole)
		    leads(by_alias or whole, name)
		stands_for(disk0='/Bus/Disk@0')
		written(part, 'IOService:disk0/Part@1')
		written('Bus/Disk@0', 'IOService:disk0')
		written('Bus', None)
		stands_for(disk='/Bus/@0,0')
		written(part, 'IOService:disk/Part@1')
		stands_for(bus='/Bus', c='/Bus')
		written(part, 'IOService:disk/Part@1')
		written('Bus', 'IOService:c')
		stands_for(the_first_part='disk/Part@1')
		written(part, 'IOService:the_first_part')
		written('Bus/Disk@0/Part@2', 'IOService:disk/Part@2')
		# The root's is for the root alone, and what cannot be read is not written.
		stands_for(r='/', **{'': '/Other', 'a/b': '/Other', 'a:b': '/Other', 'a\nb': '/Other', 'y' * 32: '/Other', '$$x': '/Other'})
		written('Other', None)
		equal(read(entry('path')).splitlines(), ['IOService:/', 'IOService:r'])
		stands_for(o='/Oth', p='/Bus/Disk@1', q='Other', s='s')
		written('Other', None)
		for word in 'the_first_part', 'disk', 'disk0':
		    forget(word)
		written(part, 'IOService:c/Disk@0/Part@1')
		os.rmdir(entry('aliases'))
		written(part, None)
	END
}

@test "what lists paths for files goes by no alias" {
	start_fsd
	aliases <<-'END'
		publish('aliases')
		stands_for(disk='/Bus/Disk@0')
		part = 'Bus/Disk@0/Part@1'
		equal(found('IOService:disk/Part@1'), [f'IOService:/{part}'])
		with opening(f'{MNT}/watch', 'rw') as watch, opening(f'{MNT}/events') as all_events:
		    os.write(watch, b'{"type":"IOServicePublish","match":{"IOPathMatch":"IOService:disk/Part@1"}}')
		    def told(fd):
		        return [line['path'] for line in map(json.loads, os.read(fd, 1 << 20).splitlines()) if 'path' in line]
		    equal(told(watch), [f'IOService:/{part}'])
		    control(part, 'register')
		    equal(told(watch), [f'IOService:/{part}'])
		    equal(set(told(all_events)), {f'IOService:/{part}'})
		# A word is a name among the links by number, too; it is not listed.
		equal(number(f'{MNT}/id/IOService:disk'), number(entry('Bus/Disk@0')))
		equal(os.readlink(f'{MNT}/id/IOService:disk'), '../IOService/Bus/Disk@0')
		assert not [name for name in os.listdir(f'{MNT}/id') if ':' in name]
		for name in 'IOService:', 'IOService:nope', ':disk', 'disk', 'IOPower:disk':
		    refuses(ENOENT, os.readlink, f'{MNT}/id/{name}')
		with opening(f'{MNT}/id/IOService:disk/id') as kept:
		    stands_for(disk='/Other')
		    equal(number(f'{MNT}/id/IOService:disk'), number(entry('Other')))
		forget('disk')
		refuses(ENOENT, os.readlink, f'{MNT}/id/IOService:disk')
		listed = subprocess.run([os.environ['IOREG'], '-m', MNT, '-r', '-n', 'Disk'], check=True, stdout=subprocess.PIPE, text=True)
		assert 'Part@1' in listed.stdout, listed.stdout
	END
}

# --- whose

@test "aliases are root's: those of others mean nothing to anybody" {
	echo '{ "publish": [ { "uid": 1001 }, { "uid": 1003, "under": "IOService:/Bus" } ] }' >policy.json
	start_for_users -p policy.json
	aliases <<-'END'
		os.chmod(entry('Bus'), 0o1777)
		run_as(owner, os.mkdir, entry('aliases'))
		run_as(owner, write, entry('aliases/props'), '{"disk":"/Bus/Disk@0","o":"/Other","IOService":"/Other"}')
		leads('IOService:disk', None)
		leads('IOService:disk/Part@1', None)
		equal(paths('Other'), ['IOService:/Other'])
		refuses(ENOENT, os.readlink, f'{MNT}/id/IOService:disk')
		os.rmdir(entry('aliases'))
		# In another plane it is who made the service, too, not who made the plane.
		os.mkdir(f'{MNT}/IOPower')
		run_as(other, os.mkdir, entry('Bus/aliases'))
		run_as(other, write, entry('Bus/aliases/props'), '{"disk":"/Disk@0"}')
		run_as(other, control, 'Bus/aliases', 'attach IOPower:/')
		control('Bus/Disk@0', 'attach IOPower:/')
		equal(paths('Bus/Disk@0'), ['IOService:/Bus/Disk@0', 'IOPower:/Disk@0'])
		leads('IOPower:disk', None)
		run_as(other, control, 'Bus/aliases', 'attach IOService:/')
		leads('IOService:disk', None)
		run_as(other, control, 'Bus/aliases', 'terminate')
		# Nobody else changes root's.
		publish('aliases')
		stands_for(disk='/Bus/Disk@0')
		for user in owner, other:
		    for call, *arguments in ((write, entry('aliases/props'), '{"disk":"/Other"}'), (os.rmdir, entry('aliases')),
		                             (write, entry('aliases/prop/disk'), '"/Other"'), (os.unlink, entry('aliases/prop/disk')),
		                             (control, 'aliases', 'attach IOPower:/')):
		        assert verdict(user, call, *arguments) != 'ok', (user, call, arguments)
		    equal(run_as(user, found, 'IOService:disk'), ['IOService:/Bus/Disk@0'])
		leads('IOService:disk', 'Bus/Disk@0')
	END
}

@test "rules of the policy go by no alias" {
	echo '{ "publish": [ { "uid": 1003, "under": "IOService:/Bus" } ] }' >policy.json
	start_for_users -p policy.json
	aliases <<-'END'
		publish('aliases')
		for name in 'Bus', 'Other':
		    os.chmod(entry(name), 0o1777)
		stands_for(bus='/Bus', Bus='/Other', other='/Other')
		equal(verdict(other, os.mkdir, entry('Bus/Dev')), 'ok')
		equal(verdict(other, os.mkdir, entry('Other/Dev')), 'kIOReturnNotPermitted')
		refuses(EINVAL, use, {'publish': [{'uid': 1003, 'under': 'IOService:other'}]})
		assert 'under' in said()[2], said()
		equal(verdict(other, os.mkdir, entry('Other/Dev')), 'kIOReturnNotPermitted')
		equal(verdict(other, os.mkdir, entry('Bus/Dev2')), 'ok')
	END
	expect_log 'policy .* stays as it was: .*under'
}

@test "aliases are there again after a restart, and still root's" {
	start_fsd
	mkdir "$MNT"/IOService/{Bus,aliases}
	echo '{"bus":"/Bus"}' >"$MNT/IOService/aliases/props"
	printf 'IOService:/Bus\nIOService:bus\n' >wanted
	for _ in 1 2; do
		diff wanted "$MNT/IOService/Bus/path"
		[ "$MNT/id/IOService:bus/" -ef "$MNT/IOService/Bus/" ]
		restart_fsd
	done
	diff wanted "$MNT/IOService/Bus/path"
}
