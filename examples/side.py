# SPDX-License-Identifier: MIT
"""What a producer and a consumer do alike; docs/ring.md is the format. The machine must be little-endian."""
import ctypes, fcntl, mmap, os, select, struct, sys, threading, time

# Where the words are, in units of their size; `data` and `consumer` have them in the same places.
POSITION, COUNT, WANTED = 128 // 8, 136 // 8, 272 // 8
GENERATION, SEQUENCE, FLAGS, WAIT = 40 // 4, 256 // 4, 260 // 4, 264 // 4
HOW, PACED = 3, 2  # bits of WAIT and FLAGS
syscall, FUTEX, FUTEX_WAKE = ctypes.CDLL(None).syscall, {'x86_64': 202}.get(os.uname().machine, 98), 1
fence = threading.Lock()

class Side:
    def __init__(self, queue, own, other):  # own: the file that this side writes, and by that holds its role
        self.queue, self.bells, self.rung = os.path.abspath(queue), {}, 0
        role, seen = os.open(f'{self.queue}/{own}', os.O_RDWR), os.open(f'{self.queue}/{other}', os.O_RDONLY)
        fcntl.lockf(role, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the role, where the file is a symbolic link
        pages = {own: mmap.mmap(role, 0), other: mmap.mmap(seen, 0, prot=mmap.PROT_READ)}
        data, magics = pages['data'], struct.unpack_from('<8sI', pages['consumer'])
        *magic, self.Q, self.C, self.largest = struct.unpack_from('<8sIIQQI', data)
        if magic != [b'IODQRNG1', 1, 4096] or magics != (b'IODQCON1', 1) \
                or self.Q == 0 or self.Q % 4096 or 4096 + self.Q > len(data):
            sys.exit(f'{queue}: not a queue of format 1')
        self.ring = memoryview(data)[4096:]
        # An item of such a view is loaded or stored in one piece; struct.pack_into stores zeros first.
        self.mine, self.mine64, self.peer, self.peer64 = (
            memoryview(pages[name])[:4096].cast(kind) for name in (own, other) for kind in 'IQ')
        self.generation = memoryview(data)[:4096].cast('I')[GENERATION:GENERATION + 1]
        self.futex = ctypes.byref(ctypes.c_uint.from_buffer(pages[own], SEQUENCE * 4))
        self.mine[FLAGS], self.mine[WAIT] = 0, self.mine[WAIT] & ~HOW & 0xffffffff  # not paced, and awake
        self.position, self.count, self.sequence = self.mine64[POSITION], self.mine64[COUNT], self.mine[SEQUENCE]

    def publish(self, position):  # what was done up to here can be seen from now on
        self.mine64[POSITION] = self.position = position
        self.count += 1
        self.mine64[COUNT] = self.count
        fence.acquire()  # in full: what the other side waits for is loaded after this store
        fence.release()

    def bell(self, name):  # a FIFO, opened once for each life of fsd
        key = name, self.generation[0]
        if key not in self.bells:
            self.bells[key] = os.open(f'{self.queue}/{name}', os.O_RDWR | os.O_NONBLOCK)
        return self.bells[key]

    def ring_bell(self, name, how):
        self.mine[SEQUENCE] = self.sequence = self.sequence + 1 & 0xffffffff
        try:
            how & 1 and syscall(FUTEX, self.futex, FUTEX_WAKE, 0x7fffffff)
            if how & 2:
                os.write(self.bell(name), b'\n')
        except OSError:
            pass  # full: it rings already; not there: fsd is being restarted

    def wait_for(self, name, seconds):
        try:
            if select.select([self.bell(name)], [], [], seconds)[0]:
                os.read(self.bell(name), 4096)
        except OSError:
            time.sleep(0.01)
