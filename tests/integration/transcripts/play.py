#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""play.py TITLE MOUNT [SHELL=UID...] - type a transcript of transcripts.md or streams.md, and compare what is shown

Each word before a `$` is an interactive bash of its own, on a terminal of its own, run by the user UID where that is given.
Lines of drivers in the background are compared apart, in their order, for they may come between any others. What cannot be the
same twice is compared as words in capitals: process ids, dates, sizes, times, and the line numbers of dash. Where a stream has to
be running before the next command, or not to play any more before this one, that is waited for, as who types would.
"""
import contextlib
import difflib
import glob
import os
import pty
import re
import select
import sys
import termios
import time

PATIENCE = float(os.environ.get('FSD_TEST_PATIENCE', 30))
READY = '=#=ready=#='
READ = {'aarch64': '63'}.get(os.uname().machine, '0')    # the system call, where a driver waits
OF_DRIVERS = re.compile(r'driver got: |pulse\.sh: line |dropped \d')
TIMED_OUT = 'Terminated'                # bash, of a pipe from timeout(1), or not
NAMES_ONLY = re.compile(r'ls \$U$')     # a list that may be longer
READS = re.compile(r'cat \S*/io( .*&)?$')
WRITES_ALONE = re.compile(r'dd if=')    # an open that is refused while what was written before plays on

NOT_THE_SAME = [
    (re.compile(r'^(\[\d+\]) \d+$'), r'\1 PID'),
    (re.compile(r'^(\[\d+\][+-]? +\w+) +'), r'\1 '),
    (re.compile(r'"uid":\d+,"gid":\d+,"pid":\d+'), '"uid":UID,"gid":GID,"pid":PID'),
    (re.compile(r'("comm":"[^"]*"),"exe":("[^"]*"|null),"ents":\{[^}]*\}'), r'\1'),
    (re.compile(r'^pid \d+,'), 'pid PID,'),
    (re.compile(r'^(l\S+ \d+) \S+ +\S+ +\d+ \w+ +\d+ +[\d:]+ '), r'\1 USER GROUP SIZE DATE '),
    (re.compile(r'^dash: \d+:'), 'dash: LINE:'),
    (re.compile(r' copied, .*'), ' copied, TIME'),
]


def steps_of(title):
    """(shell, its mark, command, lines) of each command under the heading that begins with `title`"""
    text = ''
    for name in sorted(glob.glob(os.path.join(os.path.dirname(__file__), '*.md'))):
        with open(name, encoding='utf-8') as file:
            text += file.read()
    text = re.search(rf'^## {title}\..*?^```\n(.*?)^```$', text, re.S | re.M)[1]
    steps = []
    for line in text.rstrip('\n').split('\n'):
        command = re.match(r'(\w+)([$&]) (.*)$', line)
        shows = re.match(r'(\w+)\| (.*)$', line)
        if command:
            steps.append((*command.groups(), []))
        elif line.startswith('> '):
            steps[-1] = (*steps[-1][:2], steps[-1][2] + '\n' + line[2:], [])
        elif shows:
            steps.append((shows[1], '|', '', [shows[2]]))
        else:
            steps[-1][3].append(line)
    return steps


def same_each_time(line):
    for pattern, words in NOT_THE_SAME:
        line = pattern.sub(words, line)
    return line


def eventually(condition):
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)


def is_there(pid):
    return os.path.exists(f'/proc/{pid}')


def waits_in_read(pid):
    """Of itself, and not for a child"""
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as children, \
                open(f'/proc/{pid}/syscall', encoding='ascii') as call:
            return not children.read() and call.read().split()[0] == READ
    except OSError:
        return not is_there(pid)


class Shell:
    def __init__(self, mount, uid):
        self.text, self.ended, self.jobs = '', False, {}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            modes = termios.tcgetattr(0)
            modes[1] &= ~termios.OPOST
            modes[3] &= ~termios.ECHO
            termios.tcsetattr(0, termios.TCSANOW, modes)
            os.environ.update(M=mount, PS1=READY, PS2='', LC_ALL='C', TERM='dumb', COLUMNS='200')
            if uid is not None:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            os.execvp('bash', ['bash', '--norc', '--noprofile', '--noediting', '-i'])
        self.until_ready()

    def read(self, seconds):
        if self.ended or not select.select([self.terminal], [], [], seconds)[0]:
            return
        try:
            data = os.read(self.terminal, 65536)
        except OSError:         # the terminal's other side is closed
            data = b''
        self.ended = not data
        self.text += data.decode('utf-8', 'replace')

    def until_ready(self):
        end = time.monotonic() + PATIENCE
        while READY not in self.text and not self.ended and time.monotonic() < end:
            self.read(0.1)
        said, found, self.text = self.text.partition(READY)
        self.jobs.update(re.findall(r'^\[(\d+)\] (\d+)\r?$', said, re.M))
        if not found and not self.ended:
            said += '\n(no prompt)\n'
        return said

    def put(self, command):
        os.write(self.terminal, command.encode() + b'\n')

    def type(self, command):
        self.put(command)
        return self.until_ready()

    def until_shown(self, lines):
        end = time.monotonic() + PATIENCE
        while self.text.replace('\r', '').splitlines() != lines and not self.ended and time.monotonic() < end:
            self.read(0.1)
        said, self.text = self.text, ''
        return said


class Play:
    def __init__(self, mount, users):
        self.mount, self.users, self.shells = mount, users, {}
        self.of_drivers, self.wanted_of_drivers, self.differs, self.jobs = [], [], False, {}

    def keep(self, text):
        """Lines, without those of drivers, which go where they belong"""
        lines = text.replace('\r', '').splitlines()
        self.of_drivers += [line for line in lines if OF_DRIVERS.match(line)]
        return [line for line in lines if not OF_DRIVERS.match(line)]

    def same_each_time(self, lines, of_whom):
        """And the number of the last job, where it stands alone"""
        for line in lines:
            job = re.match(r'\[\d+\] (\d+)$', line)
            self.jobs[of_whom] = job[1] if job else self.jobs.get(of_whom)
        return ['PID' if line == self.jobs.get(of_whom) else same_each_time(line) for line in lines]

    def compare(self, what, wanted, shown):
        wanted = self.same_each_time([line.replace('/mnt', self.mount) for line in wanted], 'transcript')
        shown = self.same_each_time(shown, 'shell')
        if wanted == shown:
            return
        self.differs = True
        print(f'--- {what}')
        print('\n'.join(difflib.ndiff(wanted, shown)))

    def stream_states(self):
        return [open(path, encoding='ascii').read() for path in glob.glob(f'{self.mount}/IOService/*/streams/*/state')]

    def until_stream(self, condition):
        eventually(lambda: condition(self.stream_states()))

    def shell(self, name):
        if name not in self.shells:
            self.shells[name] = Shell(self.mount, self.users.get(name))
        return self.shells[name]

    def step(self, name, mark, command, lines):
        command = command.replace('/mnt', self.mount)
        if mark == '$':
            self.step_typed(name, command, lines)
        elif mark == '&':
            self.shell(name).put(command)
        else:
            self.compare(f'{name}|', lines, self.shell(name).until_shown(lines).replace('\r', '').splitlines())
        if READS.search(command):
            self.until_stream(lambda states: 'running\n' in states)

    def step_typed(self, name, command, lines):
        shell = self.shell(name)
        if WRITES_ALONE.match(command):
            self.until_stream(lambda states: 'draining\n' not in states)
        if name == 'driver':
            self.let_drivers_speak(shell)
        self.let_jobs_end(shell, lines)
        self.let_connections_end()
        if command.startswith('timeout '):
            self.let_drivers_finish()
        wanted = [line for line in lines if not OF_DRIVERS.match(line)]
        self.wanted_of_drivers += [line for line in lines if OF_DRIVERS.match(line)]
        said, shell.text = shell.text, ''
        shown = [line for line in self.keep(said + shell.type(command)) if line != TIMED_OUT]
        shown += self.until_done(shell, wanted, shown)
        self.registered(command)
        if NAMES_ONLY.search(command):
            wanted, names = ' '.join(wanted).split(), ' '.join(shown).split()
            shown = [word for word in wanted if word in names]
        self.compare(f'{name}$ {command}', wanted, shown)

    @staticmethod
    def until_done(shell, wanted, shown):
        """A shell speaks of a job that has ended when something is typed: so often a line of nothing"""
        said, end = [], time.monotonic() + PATIENCE
        ends = [line for line in wanted if re.match(r'\[\d+\]\+ ', line)]
        while ends and len(shown + said) < len(wanted) and time.monotonic() < end:
            said += shell.type('').replace('\r', '').splitlines()
            time.sleep(0.02)
        return said

    def registered(self, command):
        """What a driver does in the background is done before the next command is typed"""
        started = re.search(r'\$M(/IOService/\S+).* &$', command)

        def is_registered():
            try:
                with open(f'{self.mount}{started[1]}/state', encoding='ascii') as file:
                    return file.read().startswith('registered matched')
            except OSError:
                return False
        if started:
            eventually(is_registered)

    def let_drivers_speak(self, shell):
        """Of what was asked of them up to here"""
        def spoke():
            shell.read(0)
            said = [line for line in shell.text.splitlines(True) if line.endswith('\n') and OF_DRIVERS.match(line)]
            return len(self.of_drivers + said) >= len(self.wanted_of_drivers)
        eventually(spoke)

    @staticmethod
    def let_jobs_end(shell, lines):
        """Of a job that is not the last one a shell speaks if it has ended before"""
        for line in lines:
            ended = re.match(r'\[(\d+)\]  ', line)
            if ended:
                eventually(lambda pid=shell.jobs.get(ended[1]): not is_there(pid))

    def let_connections_end(self):
        """Of shells that were killed"""
        ended = [f'pid {shell.pid},' for shell in self.shells.values() if shell.ended]

        def creators():
            for path in glob.glob(f'{self.mount}/IOService/*/clients/*/creator') if ended else []:
                with contextlib.suppress(OSError), open(path, encoding='ascii') as file:
                    yield file.read()
        eventually(lambda: not any(creator.startswith(pid) for creator in creators() for pid in ended))

    def let_drivers_finish(self):
        """What was sent before this is read shows what a queue without a reader keeps"""
        driver = self.shells.get('driver')
        for pid in driver.jobs.values() if driver else []:
            eventually(lambda pid=pid: waits_in_read(pid))

    def drivers(self):
        end = time.monotonic() + PATIENCE
        while len(self.of_drivers) < len(self.wanted_of_drivers) and time.monotonic() < end:
            for shell in self.shells.values():
                shell.read(0.05)
                whole, newline, shell.text = shell.text.rpartition('\n')
                self.keep(whole + newline)
        self.compare('what drivers said', self.wanted_of_drivers, self.of_drivers)

    def end(self):
        for shell in self.shells.values():
            os.close(shell.terminal)    # SIGHUP, to its jobs too
        for shell in self.shells.values():
            os.waitpid(shell.pid, 0)


def main(title, mount, *users):
    play = Play(mount, {name: int(uid) for name, uid in (user.split('=') for user in users)})
    try:
        for step in steps_of(title):
            play.step(*step)
        play.drivers()
    finally:
        play.end()
    sys.exit(play.differs)


main(*sys.argv[1:])
