#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stream_walks.py SEED LINES OPERATIONS [FSD ACTOR UNSAID] - lines of vectors at random, and what the model says to them

They are said in each way of stream.py, whose arguments the last ones are, or printed. Only what each way can say is in them:
nobody closes what it did not open, and while one client has the stream open, another one only tries to.
"""
import json
import random
import sys

from stream import run
from stream_model import RESULT, Stream

DRIVER = ['enqueue_output'] * 5 + ['dequeue_input'] * 5 + ['send_output_notification', 'report_drop']
CLIENT = ['dequeue_output'] * 5 + ['enqueue_input'] * 5 + ['send_input_notification', 'send_input_sync_notification']
CHANGES = ['remove_last', 'remove_all_buffers', 'create_queues', 'destroy_queues']
CLOSED = ['open'] * 20 + ['start', 'drain', 'set_mode', *4 * ['add_buffer'], 'enqueue_output', 'dequeue_input', 'dequeue_output',
                          'enqueue_input', *CHANGES]
ENDS = ['open', 'close', 'die', 'stop', 'drain', *CHANGES]
STOPPED = ['start'] * 20 + ['set_mode', 'suspend', *DRIVER, *CLIENT, *ENDS]
STARTED = ['start', 'start', 'suspend', 'suspend', *4 * ['drain'], 'set_mode', *9 * DRIVER, *9 * CLIENT, *ENDS]
STATS = 'dropped', 'overruns', 'discarded', 'errors', 'sequence', 'frames_out', 'bytes_out', 'frames_in', 'bytes_in'
OF_NO_CLIENT = {*DRIVER, *CHANGES, 'set_mode', 'add_buffer', 'remove_buffer'}


class Walk:
    def __init__(self, number, chance):
        self.chance = chance
        buffers = [{'data': chance.choice((1, 100, 4096, 70000)), 'control': chance.choice((0, 10, 64, 64))}
                   for _ in range(chance.choice((0, 1, 2, 2, 3, 3, 4, 4)))]
        self.line = {'name': f'walk_{number}', 'mode': chance.choice(('output', 'input', 'inout')),
                     'queue_length': chance.choice((0, 0, 0, 1, 2, 8)), 'buffers': buffers, 'ops': []}
        self.model = Stream(self.line)

    def say(self, op, **words):
        """And write down what the model says to it"""
        gave = getattr(self.model, {'state': 'get_state'}.get(op, op))(words)
        self.line['ops'] += [{'op': op, **words, **{key: gave[key] for key in RESULT if key in gave}}]

    def entry(self, holder):
        """Mostly what may be passed"""
        held = [i for i, buffer in enumerate(self.model.b) if buffer.holder == holder]
        if held and self.chance.random() < 0.8:
            number = self.chance.choice(held)
            data, control = self.model.b[number].data, self.model.b[number].control
            offset, start = self.chance.randint(0, data), self.chance.randint(0, control)
            return {'buffer': number, 'data_offset': offset, 'data_length': self.chance.randint(0, data - offset),
                    'control_offset': start, 'control_length': self.chance.randint(0, control - start)}
        return {'buffer': self.chance.randint(0, len(self.model.b)), 'data_length': self.chance.choice((0, 1, 101, 2**32 - 1)),
                'data_offset': self.chance.choice((0, 0, 1, 2**32 - 1))}

    def words_of(self, op):
        if op in ('enqueue_output', 'enqueue_input'):
            return self.entry('driver' if op == 'enqueue_output' else 'client')
        if op.startswith('send_input_'):
            return {'token': self.chance.choice((0, 7, 170, 2**32 - 1))}
        if op == 'report_drop':
            return {'n': self.chance.randint(1, 9)}
        if op == 'set_mode':
            return {'mode': self.chance.choice(('input', 'output', 'inout', 'sideways'))}
        if op == 'add_buffer':
            return {'data': self.chance.choice((0, 1, 5000)), 'control': self.chance.choice((0, 64))}
        if op == 'create_queues':
            return {'length': self.chance.choice((0, 1, 3, 65537))}
        return {}

    def choose(self):
        """The end of a drain is found by who takes the payload: at once, for fsd may look before"""
        model = self.model
        rings = {'output': (model.out,), 'input': (model.inp,), 'inout': (model.out, model.inp)}[model.mode]
        if model.state == 'draining' and all(ring.empty() for ring in rings):
            return 'dequeue_input' if model.mode == 'input' else 'dequeue_output'
        return self.chance.choice({'closed': CLOSED, 'stopped': STOPPED}.get(model.state, STARTED))

    def step(self):
        op = self.choose()
        words = self.words_of(op)
        if op in ('remove_last', 'remove_all_buffers') and not self.model.b:
            return
        if op == 'remove_last':
            op, words = 'remove_buffer', {'buffer': len(self.model.b) - 1}
        if op not in OF_NO_CLIENT:
            words['client'] = self.model.client or self.chance.choice('AB')
        if op in ('close', 'die'):
            self.say('take_input_callbacks')
        if op == 'open':
            words['client'] = self.chance.choice('AB')
        self.say(op, **words)
        self.look()

    def look(self):
        self.say('state')
        looks = ['output_queue', 'input_queue', 'get_mode', 'buffer_count', *(('stat', name) for name in STATS)]
        looks += [(what, number) for what in ('holder', 'refs') for number in range(len(self.model.b))]
        for look in self.chance.sample(looks, 3):
            if isinstance(look, str):
                self.say(look)
            elif look[0] == 'stat':
                self.say('stat', name=look[1])
            else:
                self.say(look[0], buffer=look[1])

    def run(self, operations):
        while len(self.line['ops']) < operations:
            self.step()
        self.say('take_input_callbacks')
        return self.line


def main(seed, lines, operations, *to_say_it):
    walks = [Walk(f'{seed}_{number}', random.Random(f'{seed} {number}')).run(int(operations)) for number in range(int(lines))]
    if to_say_it:
        return run(*to_say_it, walks)
    for walk in walks:
        print(json.dumps(walk))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
