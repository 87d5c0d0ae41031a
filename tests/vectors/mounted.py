# SPDX-License-Identifier: MIT
"""A mount for each line of vectors, and TAP of what the ways to say it gave"""
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PATIENCE = 60


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def write(path, text):
    """In one write(2)"""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def lines_of(fd, seconds=0.0):
    """The lines that can be read without waiting longer than that for the first"""
    text = b''
    while select.select([fd], [], [], seconds)[0]:
        data = os.read(fd, 65536)
        if not data:
            break
        text += data
        seconds = 0
    return text.decode().splitlines()


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.002)


def words_of(path):
    """What stands before the tab in each line that is no comment"""
    return {line.split('\t')[0] for line in read(path).splitlines() if line and line[0] != '#'}


class Skip(Exception):
    """With the reason"""


class Mount:
    def __init__(self, fsd, policy=None):
        self.top = tempfile.mkdtemp(prefix='fsd-vector.', dir='/dev/shm')
        os.chmod(self.top, 0o755)
        self.path, log = f'{self.top}/mnt', f'{self.top}/log'
        os.mkdir(self.path)
        os.mkdir(f'{self.top}/state')
        with open(f'{self.top}/policy', 'w', encoding='utf-8') as file:
            json.dump(policy or {}, file)
        memory = os.environ.get('FSD_TEST_MEMORY', 'auto')
        with open(log, 'wb') as out:
            self.daemon = subprocess.Popen([fsd, '-f', '-s', f'{self.top}/state', '-p', f'{self.top}/policy',
                                            '-o', f'memory={memory}', self.path], stderr=out)
        try:
            wait_for(lambda: os.path.ismount(self.path) or self.daemon.poll() is not None, 'a mount')
            if self.daemon.poll() is not None:
                raise RuntimeError('there is no mount')
        except BaseException:
            self.close()
            raise

    def __truediv__(self, name):
        return f'{self.path}/{name}'

    def close(self):
        """It must end well"""
        self.daemon.terminate()
        try:
            self.daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            subprocess.run(['umount', '-l', self.path], check=False)
        said = read(f'{self.top}/log')
        shutil.rmtree(self.top, ignore_errors=True)
        if self.daemon.returncode:
            raise RuntimeError(f'fsd ended with {self.daemon.returncode}: {said}')

    def code(self):
        """Of the last refusal to this process"""
        return read(self / f'err/{os.getpid()}').split()[1]

    def code_of(self, call, *arguments):
        try:
            call(*arguments)
        except OSError:
            return self.code()
        return 'kIOReturnSuccess'


# --- running

def give_up(*_):
    raise TimeoutError('this takes too long')


def tell(number, name, problem):
    print(f'{"not " if problem else ""}ok {number} {name}')
    for line in (problem or '').splitlines():
        print(f'# {line}')
    sys.stdout.flush()


def try_way(check, line, way):
    signal.alarm(PATIENCE)
    try:
        return check(line, way)
    except Skip:
        raise
    except Exception as error:          # pylint: disable=broad-except
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        return f'{type(error).__name__}: {error} ({trace.tb_frame.f_code.co_name}, line {trace.tb_lineno})'
    finally:
        signal.alarm(0)


def run_line(number, line, check, ways):
    name, problems = line['name'], []
    try:
        for way, call in ways.items():
            problem = try_way(check, line, call)
            problems += [f'{way}: {problem}'] if problem else []
    except Skip as skip:
        print(f'ok {number} {name} # SKIP {skip}')
        return True
    tell(number, name, '\n'.join(problems))
    return not problems


def run_lines(lines, check, ways_of):
    """check(line, way) says None or what is wrong; ways_of(line) are {name: way}. All are run, whatever fails. Exit status"""
    if not os.access('/dev/fuse', os.R_OK | os.W_OK):
        print('1..0 # SKIP /dev/fuse is not ours to open')
        return 0
    signal.signal(signal.SIGALRM, give_up)
    print(f'1..{len(lines)}')
    return not all([run_line(number, line, check, ways_of(line)) for number, line in enumerate(lines, 1)])
