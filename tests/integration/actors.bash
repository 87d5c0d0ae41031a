# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# actors.bash - what is wrong, and a service and a connection to tell it, from Python
#
#	check_actors <<-'END'	as `check_registry`, with these at hand

load registry

# A service S with a driver and a connection U, and one that is not registered, N.
actors() {
	cat <<-'END'
		METHODS = {'methods': [{'name': 'none'}, {'name': 'mul', 'si': 2, 'so': 1}, {'name': 'echo', 'sis': '*', 'sos': '*'},
		                       {'name': 'later', 'allowAsync': True}],
		           'memory': {'0': 'page', '1': {'buf': 'page', 'ro': True}}}
		S = Service('Test', METHODS, {'one': 1})
		N = Service('New', {'methods': []}, {'one': 1}, register=False)
		fd = os.open(S / 'buf/page', os.O_RDWR | os.O_CREAT, 0o644)
		os.ftruncate(fd, PAGE)
		os.close(fd)
		U = Connection(S)
		write(f'{MNT}/console', '[]')

		DEEP = '[' * 10000 + ']' * 10000
		NO_JSON = {     # whatever it is for; each is complete
		    DEEP: 'nested deeper', '{"a":' * 10000 + '1' + '}' * 10000: 'nested deeper',
		    b'{"a":"\xff"}': 'UTF-8|decode', b'{"\xc3\x28":1}': 'UTF-8|decode', b'{"a":"\xc0\xaf"}': 'UTF-8|decode',
		    b'{"a":"\xed\xa0\x80"}': 'UTF-8|decode', b'{"a":"\xf4\x90\x80\x80"}': 'UTF-8|decode',
		    b'{"a":"\0"}': 'NUL', b'{\0}': 'NUL', b'{"a":1\0}': 'NUL', b'{"a\0b":1}': 'NUL', '{"a":"\\u0000"}': 'u0000',
		    '{"a":"\\ud800"}': 'surrogate|decode|invalid', '{"a":1,"a":1}': 'duplicate|twice',
		    '{"a":{"b":1,"b":2}}': 'duplicate|twice',
		    '{"a":18446744073709551616}': 'integer', '{"a":-9223372036854775809}': 'integer', '{"a":1e400}': 'overflow',
		    '{"a":0x10}': '1:', '{"a":010}': '1:', '{"a":+1}': '1:', '{"a":1.}': '1:', '{"a":NaN}': '1:', '{"a":-Infinity}': '1:',
		    '{"a":tru}': '1:', '{"a":True}': '1:', "{'a':1}": '1:', '{a:1}': '1:', '{"a" 1}': '1:', '{"a":1,}': '1:', '{,}': '1:',
		    '{"a":1]}': '1:', '[1,2}': '1:', '{"a":"\n"}': '1:|2:', '{"a":"\\x41"}': '1:', '{"a":"\t"}': '1:', '{/**/}': '1:',
		    '\ufeff{}\n': '1:', 'hello\n': '1:', 'tru\n': '1:', '}\n': '1:', ']\n': '1:', ',\n': '1:', '0x10\n': '1:',
		    '-\n': '1:', '01\n': '1:',
		    '\0\n': 'NUL', b'\xff\n': '1:',
		}
		NO_OBJECT = ['[1]', '[]', '"text"', '1\n', '-1\n', '1.5\n', 'true\n', 'null\n', '[{}]']
		INCOMPLETE = ['{', '{"a":1', '[[[', '"text', '{"a":"}', '12', 'true', '[' * 10000, '{"a":1}{', '{"a":"\\"}', '\0']
		BLANKS = [b' ', b'\n', b'\t\r\n ', b' ' * 5000, b'\n' * 5000]

		# Files that take JSON, and a document that would do.
		JSON_FILES = {f'{MNT}/match': '{"IOProviderClass":"Nothing"}', f'{MNT}/console': '[]',
		        S / 'match': '{"IOProviderClass":"Nothing"}',
		              N / 'methods': '{"methods": []}', N / 'props': '{"one":1}', U / 'call': '{"sel":99}',
		              f'{MNT}/watch': '{"type":"IOServicePublish","match":{"IOProviderClass":"Nothing"}}'}

		def how_of(path):
		    return 'rw' if os.stat(path).st_mode & 0o444 else 'w'
	END
}

check_actors() { check_registry < <(actors; cat); }
