#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A queue's memory, format 1 (docs/ring.md): a reference model. One producer, one consumer, no locks, no dependencies.

    ring_model.py QUEUE create CAPACITY | create ENTRIES SIZE
    ring_model.py QUEUE info | check | dump
    ring_model.py QUEUE enqueue [TEXT]      the payload is TEXT, or else standard input
    ring_model.py QUEUE dequeue | peek      the payload goes to standard output

QUEUE is a directory with the files `data` and `consumer`. The model works on two bytearrays, or on these two files mapped, where it is a
true producer or consumer: each command attaches, acts once, and leaves as a process does that dies. The machine must be little-endian,
and x86-64 where the peer is alive, as Python has no barriers. The exit status is 0, or 1 with the result's name on standard error.
"""
import ctypes, fcntl, mmap, os, struct, sys
from collections import namedtuple

SUCCESS, ERROR, BAD_ARGUMENT = 'kIOReturnSuccess', 'kIOReturnError', 'kIOReturnBadArgument'
UNDERRUN, OVERRUN = 'kIOReturnUnderrun', 'kIOReturnOverrun'                 # empty; full now
NO_SPACE, TOO_LARGE = 'kIOReturnNoSpace', 'kIOReturnMessageTooLarge'        # the buffer is too small; it will never fit

HEADER, PAGE = 4096, 4096       # bytes before the ring, and of the consumer's page; what Q is a multiple of
MAGICS, GAP, FOREVER = (b'IODQRNG1', b'IODQCON1'), 1, 1 << 64
DATA, CONSUMER = 0, 1           # `memory` below is a pair: what the producer writes, what the consumer writes
U32, U64, ENTRY = ('I', 4), ('Q', 8), struct.Struct('<II')
WORDS = {                       # field: (page, type, offset); every other byte of the two pages is 0
    'version': (0, U32, 8), 'headerSize': (0, U32, 12), 'queueSize': (0, U64, 16), 'capacity': (0, U64, 24), 'maxEntry': (0, U32, 32),
    'flags': (0, U32, 36), 'generation': (0, U32, 40), 'tail': (0, U64, 128), 'enqueued': (0, U64, 136), 'dataSequence': (0, U32, 256),
    'producerFlags': (0, U32, 260), 'spaceWait': (0, U32, 264), 'spaceWanted': (0, U64, 272), 'overruns': (0, U64, 280),
    'consumerVersion': (1, U32, 8), 'head': (1, U64, 128), 'dequeued': (1, U64, 136), 'spaceSequence': (1, U32, 256),
    'consumerFlags': (1, U32, 260), 'dataWait': (1, U32, 264)}

def word(memory, field):        # one load or store each: struct.pack_into would store zeros first, and the other side could see them
    page, (letter, size), offset = WORDS[field]
    return memoryview(memory[page])[offset:offset + size].cast(letter)

def get(memory, field): return word(memory, field)[0]
def put(memory, field, value): word(memory, field)[0] = value

# Geometry: what the creator decides
Geometry = namedtuple('Geometry', 'queueSize capacity maxEntry')

def e(n): return 8 + (n + 7 & ~7)                                   # bytes that an entry of n payload bytes occupies

def geometry(capacity, max_entry):
    q = (max(capacity, e(max_entry)) + e(max_entry) + PAGE - 1) // PAGE * PAGE
    if max_entry >= 1 << 32 or HEADER + q >= 1 << 63: raise ValueError(BAD_ARGUMENT)
    return Geometry(q, capacity, max_entry)

def with_capacity(c): return geometry(c + 7 & ~7, max((c + 7 & ~7) - 8, 0))
def with_entries(k, s): return geometry(k * e(s), s)

def create(g, memory=None):
    """A new and empty queue, in place of an old one if its memory is given (a reset: both sides must attach again)."""
    memory = memory or (bytearray(HEADER + g.queueSize), bytearray(HEADER))
    for page, magic in zip(memory, MAGICS): page[:] = magic + bytes(len(page) - 8)
    for field, value in dict(g._asdict(), version=1, consumerVersion=1, headerSize=HEADER).items(): put(memory, field, value)
    return memory

# The rules, each in one place: what is checked at attach, at an index, and at an entry
def header_faults(memory, g):
    for page, magic, name in zip(memory, MAGICS, ('data', 'consumer')):
        if bytes(page[:8]) != magic: yield 'magic of %s is not %s' % (name, magic.decode())
    if (get(memory, 'version'), get(memory, 'consumerVersion')) != (1, 1): yield 'version is not 1'
    if get(memory, 'headerSize') != HEADER: yield 'headerSize is not 4096'
    if g.queueSize % PAGE: yield 'queueSize is not a multiple of 4096'
    if HEADER + g.queueSize > len(memory[DATA]): yield 'the ring is longer than the file'
    if max(g.capacity, e(g.maxEntry)) + e(g.maxEntry) > g.queueSize: yield 'max(capacity, e(maxEntry)) + e(maxEntry) is more than queueSize'

def index_faults(head, tail, q):
    if head % 8 or tail % 8: yield 'head or tail is not a multiple of 8'
    if not head <= tail <= head + q: yield 'tail - head is not in 0...queueSize'

def entry_at(memory, g, p, tail):
    """The entry at position p as (size, flags), or None where it breaks a rule. Its header is read here only, and once."""
    at = p % g.queueSize
    size, flags = ENTRY.unpack_from(memory[DATA], HEADER + at)
    sound = (p + e(size) <= tail and at + e(size) <= g.queueSize
             and (flags == 0 and size <= g.maxEntry or flags == GAP and at + 8 + size == g.queueSize))
    return (size, flags) if sound else None

def span(p, n, q):
    """Bytes that an entry of n bytes takes from position p on: itself, and before it the gap that it may need."""
    left = q - p % q
    return e(n) if e(n) <= left else left + e(n)

class Side:
    """What both sides do alike. All members are private memory; no shared word of one's own is read again after attach."""
    def __init__(self, memory):                                     # attach, also in place of one that died
        self.memory, self.result = memory, SUCCESS                  # result is ERROR from the first violation on
        self.g = Geometry(*(get(memory, field) for field in Geometry._fields))
        self.head, self.tail, self.enqueued, self.dequeued, self.overruns = (
            get(memory, field) for field in ('head', 'tail', 'enqueued', 'dequeued', 'overruns'))
        if any(header_faults(memory, self.g)) or any(index_faults(self.head, self.tail, self.g.queueSize)): self.fail()

    def fail(self):
        self.result = ERROR
        return ERROR

    def count(self, field):
        setattr(self, field, (getattr(self, field) + 1) % FOREVER)
        put(self.memory, field, getattr(self, field))

class Producer(Side):
    def room(self, need):
        q = self.g.queueSize
        if self.tail + need - self.head > q:                        # it seems full: look again
            head = get(self.memory, 'head')
            if any(index_faults(head, self.tail, q)): return self.fail()
            self.head = head
        if self.tail + need >= FOREVER: return self.fail()
        return SUCCESS if self.tail + need - self.head <= q else OVERRUN

    def can_enqueue(self, n, count=1):
        if self.result != SUCCESS: return self.result
        if n > self.g.maxEntry: return TOO_LARGE
        end, q = self.tail, self.g.queueSize
        for _ in range(min(count, q // 8 + 1)): end += span(end, n, q)
        return self.room(end - self.tail)

    def enqueue(self, data, size=None):
        """data None stands for a null pointer; size for a length that need not be the data's, as nothing is read where it is too large."""
        n = len(data or b'') if size is None else size
        if data is None and n: return BAD_ARGUMENT
        if self.result != SUCCESS: return self.result
        if n > self.g.maxEntry: return TOO_LARGE
        q, ring = self.g.queueSize, memoryview(self.memory[DATA])[HEADER:]
        need = span(self.tail, n, q)
        result = self.room(need)
        if result == OVERRUN: self.count('overruns')
        if result != SUCCESS: return result
        if need > e(n): ENTRY.pack_into(ring, self.tail % q, need - e(n) - 8, GAP)
        at = (self.tail + need - e(n)) % q
        ring[at:at + e(n)] = (ENTRY.pack(n, 0) + bytes(data or b'')).ljust(e(n), b'\0')
        self.tail += need
        put(self.memory, 'tail', self.tail)                         # release: what is above is seen before this
        self.count('enqueued')
        return SUCCESS

class Consumer(Side):
    def data_available(self):
        """-> (result, whether there are data); the entries are not looked at."""
        if self.result == SUCCESS and self.head == self.tail:       # it seems empty: look again
            tail = get(self.memory, 'tail')
            if any(index_faults(self.head, tail, self.g.queueSize)): self.fail()
            else: self.tail = tail
        return self.result, self.result == SUCCESS and self.head != self.tail

    def peek(self):
        """-> (result, position, size, payload). The loop ends: a gap reaches the ring's end, and no second one fits before tail."""
        result, available = self.data_available()
        p = self.head
        while available:
            size, flags = entry_at(self.memory, self.g, p, self.tail) or (None, None)
            if size is None: return self.fail(), None, None, None   # also a gap with nothing behind it
            at = HEADER + p % self.g.queueSize + 8
            if not flags: return SUCCESS, p, size, bytes(self.memory[DATA][at:at + size])
            p += 8 + size
        return UNDERRUN if result == SUCCESS else result, None, None, None

    def dequeue(self, room=None, wants_size=True):
        """-> (result, true size, payload). room: bytes of the caller's buffer; None stands for a null pointer, and skips the entry."""
        if room is not None and not wants_size: return BAD_ARGUMENT, None, None
        result, p, size, data = self.peek()
        if result != SUCCESS: return result, None, None
        if room is not None and size > room: return NO_SPACE, size, None
        self.head = p + e(size)                                     # the gap before the entry goes with it
        put(self.memory, 'head', self.head)                         # release: the payload has been copied
        self.count('dequeued')
        return SUCCESS, size, data

# The whole queue at once, for people; meaningful while nobody works on it
def walk(memory, g):
    """Yields (position, size, flags) from head to tail; (position, None, None) is an entry that breaks a rule, and the last."""
    p, tail = get(memory, 'head'), get(memory, 'tail')
    if any(header_faults(memory, g)) or any(index_faults(p, tail, g.queueSize)): return
    while p < tail:
        size, flags = entry_at(memory, g, p, tail) or (None, None)
        yield p, size, flags
        p = tail if size is None else p + e(size)

def check(memory, g):
    """Yields every violated invariant; 'note:' begins what a death at the wrong moment can leave behind."""
    known = {(page, i) for page, (_, size), at in WORDS.values() for i in range(at, at + size)}
    yield from ('reserved byte %d of page %d is not 0' % (i, page) for page in (DATA, CONSUMER) for i in range(8, HEADER)
                if memory[page][i] and (page, i) not in known)
    for field, bits in ('flags', 0), ('producerFlags', 3), ('consumerFlags', 3), ('capacity', ~7):
        if get(memory, field) & ~bits: yield field + ' has unknown bits'
    yield from header_faults(memory, g)
    yield from index_faults(get(memory, 'head'), get(memory, 'tail'), g.queueSize)
    count, gap = 0, None
    for p, size, flags in walk(memory, g):
        at = HEADER + p % g.queueSize
        if size is None: return (yield 'the entry at position %d is corrupt' % p)
        if gap is not None and span(gap, size, g.queueSize) == e(size): yield 'the gap at position %d was not needed' % gap
        if not flags and any(memory[DATA][at + 8 + size:at + e(size)]): yield 'filler of the entry at position %d is not 0' % p
        count, gap = count + (not flags), p if flags else None
    if gap is not None: yield 'the gap at position %d has nothing behind it' % gap
    moved = (get(memory, 'enqueued') - get(memory, 'dequeued')) % FOREVER
    if moved != count: yield 'note: enqueued - dequeued is %d, but there are %d entries' % (moved, count)

def info(memory, g):
    yield from ('%-15s %d' % (field, get(memory, field)) for field in WORDS)
    yield '%d bytes in use, %d entries' % (get(memory, 'tail') - get(memory, 'head'), sum(flags == 0 for _, _, flags in walk(memory, g)))

def dump(memory, g):
    for p, size, flags in walk(memory, g):
        at = HEADER + p % g.queueSize
        kind = 'corrupt' if size is None else 'gap' if flags else bytes(memory[DATA][at + 8:at + 8 + min(size, 32)]).hex()
        yield '@%-12d file offset %-10d %10s bytes  %s' % (p, at, size, kind)

def mapped(queue, role):
    """The memory of a queue in the file system: the role's own file for writing, the other for reading only."""
    for name in 'data', 'consumer':
        file = os.open(os.path.join(queue, name), os.O_RDWR if name == role else os.O_RDONLY)
        if name == role: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_size < HEADER: sys.exit(ERROR)
        yield memoryview(mmap.mmap(file, 0, prot=mmap.PROT_READ | (mmap.PROT_WRITE if name == role else 0)))

def announce(memory, queue, sequence, bell):
    """Wakes the other side, asleep or not (a spurious wake-up is no defect): the futex, then the FIFO."""
    put(memory, sequence, (get(memory, sequence) + 1) % (1 << 32))
    address = ctypes.addressof(ctypes.c_char.from_buffer(word(memory, sequence)))
    ctypes.CDLL(None).syscall({'x86_64': 202}.get(os.uname().machine, 98), ctypes.c_void_p(address), 1, 0x7fffffff)
    try: os.write(os.open(os.path.join(queue, bell), os.O_WRONLY | os.O_NONBLOCK), b'\n')
    except OSError: pass

def main(queue, command, *words):
    if command == 'create':
        os.mkdir(queue)
        g = with_capacity(int(words[0])) if len(words) == 1 else with_entries(*map(int, words))
        for name, page in zip(('data', 'consumer'), create(g)): open(os.path.join(queue, name), 'xb').write(page)
        for name in 'notify', 'serviced': os.mkfifo(os.path.join(queue, name))
        return SUCCESS
    role, *bells = {'enqueue': ('data', 'dataSequence', 'notify'), 'dequeue': ('consumer', 'spaceSequence', 'serviced')}.get(command, [None])
    memory = tuple(mapped(queue, role))
    if command in ('info', 'check', 'dump'):
        lines = list(globals()[command](memory, Geometry(*(get(memory, field) for field in Geometry._fields))))
        print('\n'.join(lines or ['nothing to report']))
        return ERROR if command == 'check' and any(not line.startswith('note:') for line in lines) else SUCCESS
    if command == 'enqueue':
        result = Producer(memory).enqueue(words[0].encode() if words else sys.stdin.buffer.read())
    else:
        result, *_, data = getattr(Consumer(memory), command)()
        sys.stdout.buffer.write(data or b'')
    if role and result == SUCCESS: announce(memory, queue, *bells)
    return result

if __name__ == '__main__':
    if len(sys.argv) < 3 or sys.argv[2] not in 'create info check dump enqueue dequeue peek'.split(): sys.exit(__doc__)
    sys.exit(0 if (outcome := main(*sys.argv[1:])) == SUCCESS else outcome)
