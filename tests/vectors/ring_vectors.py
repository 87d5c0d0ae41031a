#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Test vectors of the ring, made by ring_model.py (README.md says what is in a line).

    ring_vectors.py replay ring_vectors.jsonl                         the model's self-check, with a second opinion on every case
    ring_vectors.py promises [SECONDS]                                the Room paragraph: exhaustively in small, at random in large
    ring_vectors.py hostile [SECONDS]                                 random words poked by a hostile peer
"""
import functools, json, random, sys, time, zlib
import ring_model as ring
from ring_model import HEADER, e

@functools.lru_cache(4096)
def payload(seed, n):
    s, out = (seed * 2654435761 + 0x9E3779B9) & 0xffffffff, bytearray(n)
    for i in range(n):
        s = (s * 1664525 + 1013904223) & 0xffffffff
        out[i] = s >> 24
    return bytes(out)

def crc(data):
    return '%08x' % zlib.crc32(data)

def make_geometry(create):
    return ring.with_capacity(create['capacity']) if 'capacity' in create else ring.with_entries(create['entries'], create['size'])


class Runner:
    """One queue with both its sides; step() does one op and returns what is expected of it."""
    STATE = 'head', 'tail', 'enqueued', 'dequeued', 'overruns'

    def __init__(self, g):
        self.g, self.memory = g, ring.create(g)
        self.producer, self.consumer = ring.Producer(self.memory), ring.Consumer(self.memory)

    def step(self, op):
        out = getattr(self, op['op'])(op)
        if op['op'] != 'mem': out['after'] = [ring.get(self.memory, field) for field in self.STATE]
        return out

    def enqueue(self, op):
        n = op['size']
        data = None if op.get('null_data') else payload(op['seed'], n) if n <= self.g.maxEntry else b''
        return {'ret': self.producer.enqueue(data, n)}

    def dequeue(self, op):
        ret, size, data = self.consumer.dequeue(op['buf'], not op.get('null_size'))
        out = {'ret': ret}
        if size is not None: out['size'] = size
        if data is not None: out['crc32'] = crc(data)
        return out

    def peek(self, op):
        ret, p, size, data = self.consumer.peek()
        return {'ret': ret} if data is None else {'ret': ret, 'position': p, 'size': size, 'crc32': crc(data)}

    def available(self, op):
        ret, value = self.consumer.data_available()
        return {'ret': ret, 'value': int(value)}

    def can_enqueue(self, op):
        return {'ret': self.producer.can_enqueue(op['size'], op.get('count', 1))}

    def reattach_producer(self, op):
        self.producer = ring.Producer(self.memory)
        return {'ret': self.producer.result}

    def reattach_consumer(self, op):
        self.consumer = ring.Consumer(self.memory)
        return {'ret': self.consumer.result}

    def reset(self, op):
        ring.create(self.g, self.memory)
        self.producer, self.consumer = ring.Producer(self.memory), ring.Consumer(self.memory)
        return {'ret': ring.SUCCESS}

    def poke(self, op):
        data = (bytes.fromhex(op['hex']) if 'hex' in op else op['u32'].to_bytes(4, 'little') if 'u32' in op
                else op['u64'].to_bytes(8, 'little'))
        self.memory[op['file'] == 'consumer'][op['offset']:op['offset'] + len(data)] = data
        return {}

    def mem(self, op):
        return {'hex': bytes(self.memory[0][op['offset']:op['offset'] + op['length']]).hex()}

OUTPUTS = {'ret', 'after', 'position', 'value', 'crc32'}

def inputs(op):
    """The op without what is expected of it."""
    drop = set(OUTPUTS)
    if op['op'] in ('dequeue', 'peek'): drop.add('size')
    if op['op'] == 'mem': drop.add('hex')
    return {k: v for k, v in op.items() if k not in drop}


class SecondOpinion:
    """The same queue seen as a row of 8-byte slots, in use or not: no positions, no bytes. It knows nothing of hostile peers."""
    def __init__(self, g):
        self.slots, self.most, self.room = g.queueSize // 8, g.maxEntry, g.capacity // 8
        self.used, self.next, self.entries = 0, 0, []        # a bit for each slot; first free slot; (slots mask, size, crc)

    def enqueue(self, op):
        n = op['size']
        if op.get('null_data') and n: return ring.BAD_ARGUMENT
        if n > self.most: return ring.TOO_LARGE
        k = 1 + -(-n // 8)
        in_use = sum(1 + -(-size // 8) for _, size, _ in self.entries)
        at, gap = self.next, 0
        if at + k > self.slots: at, gap = 0, (1 << self.slots) - (1 << self.next)
        mask = ((1 << k) - 1) << at
        if (mask | gap) & self.used or mask & gap:
            assert in_use + k > self.room and (self.entries or not self.room), 'promise (a) or (b)'
            return ring.OVERRUN
        mask |= gap
        self.used |= mask
        self.next = (at + k) % self.slots
        self.entries.append((mask, n, crc(payload(op['seed'], n))))
        return ring.SUCCESS

    def dequeue(self, op):
        if op['buf'] is not None and op.get('null_size'): return ring.BAD_ARGUMENT
        if not self.entries: return ring.UNDERRUN
        mask, n, c = self.entries[0]
        if op['buf'] is not None and n > op['buf']: return ring.NO_SPACE, n
        del self.entries[0]
        self.used &= ~mask
        return ring.SUCCESS, n, c

    def peek(self, op):
        return (ring.SUCCESS, *self.entries[0][1:]) if self.entries else ring.UNDERRUN

    def available(self, op): return ring.SUCCESS, int(bool(self.entries))
    def reattach_producer(self, op): return ring.SUCCESS
    reattach_consumer = reattach_producer
    def reset(self, op):
        self.used, self.next, self.entries = 0, 0, []
        return ring.SUCCESS

def second_opinion(case):
    """None where there is nothing to say: the case pokes."""
    if any(op['op'] == 'poke' for op in case['ops']): return False
    other = SecondOpinion(ring.Geometry(**case['geometry']))
    for i, op in enumerate(case['ops']):
        if op['op'] in ('can_enqueue', 'mem'): continue
        said = getattr(other, op['op'])(inputs(op))
        said = said if isinstance(said, tuple) else (said,)
        expected = tuple(op[k] for k in ('ret', 'size', 'crc32', 'value') if k in op and (k != 'size' or op['op'] != 'enqueue'))
        assert said == expected, (case['name'], i, op, said)
    return True

def replay(lines):
    cases = ops = twice = 0
    for line in lines:
        case = json.loads(line)
        cases += 1
        try:
            g = make_geometry(case['create'])
        except ValueError as refused:
            assert case['create_ret'] == str(refused), case['name']
            continue
        assert g._asdict() == case['geometry'], case['name']
        if case.get('geometry_only'): continue
        runner = Runner(g)
        poked = False
        for i, op in enumerate(case['ops']):
            poked |= op['op'] == 'poke'
            expected = {k: v for k, v in op.items() if k not in inputs(op)}
            got = runner.step(inputs(op))
            assert got == expected, (case['name'], i, op, got)
            ops += 1
        if not poked: assert not list(ring.check(runner.memory, g)), case['name']
        twice += second_opinion(case)
    print('ok: %d cases, %d operations; %d cases confirmed by the second opinion' % (cases, ops, twice))


# The promises

def smallest_q(capacity, most, promise):
    """Smallest ring, in slots of 8 bytes, of which every reachable state keeps the promise; entries take 1...most slots."""
    q = max(capacity, most)
    while True:
        seen, todo = {(0, ())}, [(0, ())]                # (head mod q, the lengths of the entries): gaps follow from those
        broken = False
        while todo and not broken:
            head, row = todo.pop()
            p = head
            for k in row:
                p += k if p % q + k <= q else q - p % q + k
            for k in range(1, most + 1):
                need = k if p % q + k <= q else q - p % q + k
                fits = p + need - head <= q
                if promise == 'a' and sum(row) + k <= capacity and not fits: broken = True
                if promise == 'b' and not row and not fits: broken = True
                if fits and (head, row + (k,)) not in seen:
                    seen.add((head, row + (k,)))
                    todo.append((head, row + (k,)))
            if row:
                p = head + row[0] if head + row[0] <= q else q + row[0]
                state = p % q, row[1:]
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
        if not broken: return q
        q += 1

def promises(seconds):
    print('smallest ring in slots of 8 bytes, exhaustively (m = e(maxEntry)/8, c = C/8):')
    until = time.monotonic() + seconds / 2
    done = 0
    for total in range(2, 40):
        for m in range(1, total):
            c = total - m
            if time.monotonic() > until or c + m > 13: continue
            a, b = smallest_q(c, m, 'a'), smallest_q(c, m, 'b')
            assert a == c + m - 1 or m > c and a <= c + m - 1, (c, m, a)
            assert b == max(2 * m - 1, c), (c, m, b)
            done += 1
    print('  %d pairs (c, m): (a) needs exactly Q = C + e(maxEntry) - 8 where e(maxEntry) <= C; '
          '(b) needs exactly Q = 2 e(maxEntry) - 8' % done)

    keep, tries, steps = ring.PAGE, 0, 0
    until = time.monotonic() + seconds / 2
    rng = random.Random(1)
    while time.monotonic() < until:
        ring.PAGE = rng.choice((8, 8, 4096))             # 8: without the slack that whole pages leave
        by_entries = rng.random() < .5
        if by_entries:
            k, s = rng.randint(1, 9), rng.choice((rng.randint(0, 40), rng.randint(0, 3000)))
            g = ring.with_entries(k, s)
        else:
            g = ring.with_capacity(rng.choice((rng.randint(0, 100), rng.randint(0, 9000))))
        run, fifo, filled = Runner(g), [], 0
        producer, consumer = run.producer, run.consumer
        lean = rng.random()
        for step in range(rng.randint(1, 400)):
            if rng.random() < lean:
                n = min(int(g.maxEntry * rng.random() ** rng.choice((1, 4))) if rng.random() < .8 else g.maxEntry, g.maxEntry)
                data = payload(n % 7, n)
                can, ret = producer.can_enqueue(n), producer.enqueue(data)
                assert can == ret
                if ret == ring.SUCCESS:
                    fifo.append(data)
                    filled += e(n)
                else:
                    assert ret == ring.OVERRUN and filled + e(n) > g.capacity and fifo, (g, n, filled)
            else:
                ret, size, data = consumer.dequeue(1 << 32)
                if fifo:
                    assert (ret, size, data) == (ring.SUCCESS, len(fifo[0]), fifo[0])
                    filled -= e(len(fifo.pop(0)))
                else:
                    assert ret == ring.UNDERRUN
            steps += 1
        assert not list(ring.check(run.memory, g)), (g, list(ring.check(run.memory, g)))
        while fifo:
            assert consumer.dequeue()[2] == fifo.pop(0)
        assert producer.enqueue(payload(1, g.maxEntry)) == ring.SUCCESS and consumer.dequeue()[0] == ring.SUCCESS          # (b)
        if by_entries:                                                                                                  # (c)
            for _ in range(k): assert producer.enqueue(payload(2, s)) == ring.SUCCESS
        tries += 1
    ring.PAGE = keep
    print('  %d random queues, %d steps: (a), (b) and (c) hold' % (tries, steps))
    assert all(empty_accepts(ring.with_entries(0, s), at) for s in range(9001) for at in (0, 8, 16, 2048))

def empty_accepts(g, at):
    memory = ring.create(g)
    for field in ('head', 'tail'): ring.put(memory, field, at)
    return ring.Producer(memory).can_enqueue(g.maxEntry) == ring.SUCCESS

def hostile(seconds):
    """Whatever is poked, wherever: only results, no exception, no access outside, no endless loop."""
    until, rng, seen = time.monotonic() + seconds, random.Random(2), {}
    tries = 0
    while time.monotonic() < until:
        g = ring.with_entries(rng.randint(0, 5), rng.choice((0, 5, 100, 1000, 4088)))
        run = Runner(g)
        tries += 1
        for _ in range(200):
            r = rng.random()
            if r < .25:
                h, t = ring.get(run.memory, 'head'), ring.get(run.memory, 'tail')
                value = rng.choice((0, 1, 7, 8, g.queueSize, g.queueSize - 8, g.queueSize - 16, h, t, h + 8, t + 8, t - 8, h - 8, h + g.queueSize,
                                    t - g.queueSize, rng.getrandbits(64), rng.getrandbits(12) * 8, 0xffffffff, 0xfffffff8, 1 << 32)) % ring.FOREVER
                slot = HEADER + rng.choice((h, t, rng.randrange(g.queueSize))) % g.queueSize // 8 * 8
                page, (_, size), at = rng.choice([(0, ring.U64, slot), (0, ring.U32, slot), (0, ring.U32, slot + 4), ring.WORDS['head'],
                                                  ring.WORDS['tail'], rng.choice(list(ring.WORDS.values()))])
                run.memory[page][at:at + size] = value.to_bytes(8, 'little')[:size]
            elif r < .55: result = run.producer.enqueue(payload(3, rng.choice((0, 1, 8, min(100, g.maxEntry), g.maxEntry)) if g.maxEntry else 0))
            elif r < .8:
                result, size, data = run.consumer.dequeue(rng.choice((None, 1 << 32, 50)))
                assert data is None or len(data) == size <= run.consumer.g.maxEntry
                seen[result] = seen.get(result, 0) + 1
            elif r < .85: run.consumer.peek()
            elif r < .9: run.consumer.data_available()
            elif r < .93: run.producer.can_enqueue(rng.choice((0, 100)), rng.choice((1, 3, 1 << 32)))
            elif r < .96: run.reattach_producer({})
            elif r < .99: run.reattach_consumer({})
            else: run.reset({})
            assert (len(run.memory[0]), len(run.memory[1])) == (HEADER + g.queueSize, HEADER)
        list(ring.check(run.memory, ring.Geometry(*(ring.get(run.memory, field) for field in ring.Geometry._fields))))
        list(ring.dump(run.memory, ring.Geometry(*(ring.get(run.memory, field) for field in ring.Geometry._fields))))
    print('  %d hostile queues; dequeues: %s' % (tries, seen))

if __name__ == '__main__':
    command, *words = sys.argv[1:] or ['']
    if command == 'replay': replay(open(words[0]))
    elif command in ('promises', 'hostile'): globals()[command](float(words[0]) if words else 60)
    else: sys.exit(__doc__)
