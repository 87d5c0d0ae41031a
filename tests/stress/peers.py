# SPDX-License-Identifier: MIT
"""The classes of examples/*.py: a producer and a consumer that only map the memory, and do not pace themselves."""
import os
import sys

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'examples')


def load(name):
    """examples/NAME.py up to where it makes an object of its class and starts."""
    sys.path.insert(0, EXAMPLES)
    with open(os.path.join(EXAMPLES, name + '.py'), encoding='ascii') as file:
        classes, start, _ = file.read().partition(f'\n{name} = ')
    assert start, f'examples/{name}.py does not start as expected'
    found = {}
    exec(compile(classes, name + '.py', 'exec'), found)  # pylint: disable=exec-used
    return found[name.capitalize()]


def open_role(name, queue, tries=500):
    """An object of the class, as soon as the role is free; and how often that was tried."""
    kind = load(name)
    import time
    for n in range(tries):
        try:
            return kind(queue), n + 1
        except OSError:
            time.sleep(0.01)
    sys.exit(f'{name}.py: {queue}: the role does not get free')
