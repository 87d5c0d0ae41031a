# SPDX-License-Identifier: MIT
"""fsd as a child of a test that kills and starts it more often than a shell can"""
import ctypes
import os
import signal
import subprocess
import sys
import time

MNT, STATE, MODE = (os.environ[name] for name in ('MNT', 'STATE', 'MODE'))
PATIENCE = 20  # seconds, for what takes milliseconds


def eventually(condition, what):
    limit = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > limit:
            sys.exit(f'never became true: {what}')
        time.sleep(0.001)
    return result


def abort():
    """End each request that waits for an answer that will never come."""
    ctypes.CDLL(None).umount2(os.fsencode(MNT), 1)


class Daemon:
    """The test's own fsd is to be killed before the first start, and started again after the last kill."""
    def __init__(self):
        self.process = None

    def start(self, **environment):
        with open(os.environ['LOG'], 'ab') as log:
            self.process = subprocess.Popen(
                [os.environ['FSD'], '-f', '-s', STATE, '-o', f'memory={MODE}', MNT],
                stderr=log, env={**os.environ, **environment})
        eventually(self.is_up, 'fsd is mounted')

    def is_up(self):
        if self.process.poll() is not None:
            sys.exit(f'fsd ended with {self.process.returncode}')
        return os.path.exists(f'{MNT}/version')

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.is_killed()

    def is_killed(self):
        """It was killed, by us or by what was preloaded."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            abort()
            sys.exit('fsd was killed and did not end')
        if status != -signal.SIGKILL:
            sys.exit(f'fsd ended with {status}')


def left_over():
    """What is in the state directory and stands for nothing in the mount."""
    known = {'data', 'consumer', 'record.json'}
    for name in os.listdir(STATE):
        path = f'{STATE}/{name}'
        if name.isdigit():
            yield from (f'{name}/{file}' for file in os.listdir(path) if file not in known and not file.startswith('buffer-'))
        elif name not in ('lock', 'fsd.json'):
            yield name


def n_objects():
    return sum(name.isdigit() for name in os.listdir(STATE))
