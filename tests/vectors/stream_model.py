#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reference model of what may be done to a stream, and what it gives (README.md says what is in a line of vectors).

    stream_model.py stream_vectors.jsonl.gz       replay every line, and tell the first mismatch of each
"""
import gzip, json, sys
S = "kIOReturnSuccess"
MODES = {"input": 0, "output": 1, "inout": 2}
MAXQ = 65536

class Buf:
    def __init__(b, data, control):
        b.data, b.control, b.holder, b.refs = data, control, "driver", 0

class Ring:
    def __init__(r, n):
        r.n, r.head, r.tail, r.q = n + 1, 0, 0, [None] * (n + 1)
    def empty(r): return r.head == r.tail
    def full(r): return (r.head + 1) % r.n == r.tail
    def count(r): return (r.head - r.tail) % r.n
    def put(r, e): r.q[r.head] = e; r.head = (r.head + 1) % r.n
    def get(r): e = r.q[r.tail]; r.tail = (r.tail + 1) % r.n; return e
    def reset(r): r.head = r.tail = 0

class Stream:
    def __init__(s, v):
        s.mode = v.get("mode", "output")
        s.modes = v.get("modes", ["input", "output", "inout"])
        s.qlen = v.get("queue_length", 0)
        s.b = [Buf(x["data"], x.get("control", 0)) for x in v.get("buffers", [])]
        s.out = s.inp = None
        s.client, s.state, s.ports, s.cb = None, "closed", set(), False
        s.zero()
    def zero(s):
        s.st = dict(frames_out=0, bytes_out=0, frames_in=0, bytes_in=0, dropped=0, overruns=0,
                    discarded=0, errors=0, sequence=0)
        s.onote, s.cbpend, s.icalls, s.disc = 0, False, [], False
    # --- helpers
    def who(s, client):
        if s.state == "dead": return "kIOReturnNoDevice"
        if s.client is None or s.client != client: return "kIOReturnNotOpen"
    def drv(s):
        if s.state == "dead": return "kIOReturnNoDevice"
        if s.client is None: return "kIOReturnNotOpen"
    def entry_ok(s, e):
        i, do, dl, co, cl = e
        if not (0 <= i < len(s.b)) or min(e) < 0 or max(e) > 0xffffffff: return False
        b = s.b[i]
        return do <= b.data and dl <= b.data - do and co <= b.control and cl <= b.control - co
    def flush(s):
        lost = s.inp if s.mode == "input" else s.out
        if lost: s.st["discarded"] += lost.count()
        if s.mode == "inout" and s.inp: s.st["discarded"] += s.inp.count()
        for r in (s.out, s.inp):
            if r: r.reset()
        for b in s.b: b.holder, b.refs = "driver", 0
        s.st["sequence"] = 0; s.disc = False
    def drained(s):
        if s.state == "draining":
            o, i = s.out.empty(), s.inp.empty()
            if (s.mode == "output" and o) or (s.mode == "input" and i) or (s.mode == "inout" and o and i):
                s.flush(); s.state = "stopped"; return True
    def ent(s, a): return [a["buffer"], a.get("data_offset", 0), a.get("data_length", 0),
                           a.get("control_offset", 0), a.get("control_length", 0)]
    def push_out(s, e):
        s.out.put(e); b = s.b[e[0]]; b.holder = "output"; b.refs += 1
        s.st["frames_out"] += 1; s.st["bytes_out"] += e[2]
        if s.mode != "input": s.st["sequence"] += 1
    # --- session
    def open(s, a):
        o, c = a.get("options", 0), a.get("client", "A")
        if s.state == "dead": return dict(ret="kIOReturnNoDevice")
        if o & ~0x30000 or o == 0x30000: return dict(ret="kIOReturnBadArgument")
        if o & 0x20000: return dict(ret="kIOReturnUnsupported")
        if s.client is not None: return dict(ret="kIOReturnExclusiveAccess")
        if s.out is None:
            n = s.qlen or len(s.b); s.out, s.inp = Ring(n), Ring(n)
        s.zero(); s.client, s.state = c, "stopped"
        for b in s.b: b.holder, b.refs = "driver", 0
        return dict(ret=S)
    def close(s, a):
        c = a.get("client", "A")
        if s.client is None or s.client != c: return dict(ret="kIOReturnNotOpen")
        if s.state != "dead": s.flush(); s.state = "closed"
        s.client, s.out, s.inp, s.cb = None, None, None, False; s.ports = set()
        return dict(ret=S)
    def die(s, a): return s.close(a)
    def terminate(s, a):
        if s.out: s.flush()
        s.state = "dead"; return dict(ret=S)
    # --- control
    def start(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if s.state == "running": return dict(ret=S)
        if s.state == "draining": return dict(ret="kIOReturnBusy")
        if not s.b: return dict(ret="kIOReturnNoResources")
        if s.state == "suspended": s.state = "running"; s.disc = True; return dict(ret=S)
        s.flush(); s.state = "running"
        if s.mode == "input":
            n = 0
            for i, b in enumerate(s.b):
                if s.out.full(): break
                s.push_out([i, 0, b.data, 0, b.control]); n += 1
            if n: s.note()
        return dict(ret=S)
    def stop(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        s.flush(); s.state = "stopped"; return dict(ret=S)
    def suspend(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if s.state == "stopped": return dict(ret="kIOReturnNotReady")
        if s.state == "draining": return dict(ret="kIOReturnBusy")
        s.state = "suspended"; return dict(ret=S)
    def drain(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if s.state == "stopped": return dict(ret=S)
        s.state = "draining"; s.drained(); return dict(ret=S)
    def get_mode(s, a): return dict(value=s.mode)
    def set_mode(s, a):
        m = a["mode"]
        if s.state == "dead": return dict(ret="kIOReturnNoDevice")
        if m not in MODES: return dict(ret="kIOReturnBadArgument")
        if m == s.mode: return dict(ret=S)
        if s.state in ("running", "suspended", "draining"): return dict(ret="kIOReturnBusy")
        if m not in s.modes: return dict(ret="kIOReturnUnsupported")
        s.mode = m; return dict(ret=S)
    # --- data path, driver end
    def enqueue_output(s, a):
        e = s.drv()
        if e: return dict(ret=e)
        if s.state != "running" and not (s.state == "draining" and s.mode == "input"):
            return dict(ret="kIOReturnNotReady")
        en = s.ent(a)
        if not s.entry_ok(en): return dict(ret="kIOReturnBadArgument")
        if s.b[en[0]].holder != "driver": return dict(ret="kIOReturnBusy")
        if s.out.full():
            s.st["overruns"] += 1; s.st["dropped"] += 1; return dict(ret="kIOReturnOverrun")
        s.push_out(en); d, s.disc = s.disc, False
        return dict(ret=S, discontinuity=d)
    def dequeue_input(s, a):
        e = s.drv()
        if e: return dict(ret=e)
        if s.state not in ("running", "draining"): return dict(ret="kIOReturnNotReady")
        if s.inp.head >= s.inp.n:
            s.st["errors"] += 1; return dict(ret="kIOReturnInternalError")
        while not s.inp.empty():
            en = s.inp.get()
            if not s.entry_ok(en) or s.b[en[0]].holder not in ("input", "client"):
                s.st["errors"] += 1; continue
            b = s.b[en[0]]; b.holder = "driver"; b.refs -= 1
            return dict(ret=S, entry=en)
        s.drained()
        return dict(ret="kIOReturnUnderrun")
    def note(s): s.onote += 1; s.cbpend = True
    def send_output_notification(s, a):
        e = s.drv()
        if e: return dict(ret=e)
        s.note(); return dict(ret=S)
    def read_output_notify(s, a): n, s.onote = s.onote, 0; return dict(value=n)
    def run_loop(s, a):
        n = 1 if (s.cb and s.cbpend) else 0; s.cbpend = False; return dict(value=n)
    def take_input_callbacks(s, a): r, s.icalls = s.icalls, []; return dict(value=r)
    def report_drop(s, a):
        e = s.drv()
        if e: return dict(ret=e)
        s.st["dropped"] += a["n"]; s.disc = True; return dict(ret=S)
    # --- data path, client end
    def dequeue_output(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if s.state == "stopped": return dict(ret="kIOReturnNotReady")
        if s.out.empty():
            s.drained(); return dict(ret="kIOReturnUnderrun")
        en = s.out.get(); s.b[en[0]].holder = "client"; return dict(ret=S, entry=en)
    def enqueue_input(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if s.state == "stopped" or (s.state == "draining" and s.mode != "output"):
            return dict(ret="kIOReturnNotReady")
        en = s.ent(a)
        if not s.entry_ok(en): return dict(ret="kIOReturnBadArgument")
        if s.b[en[0]].holder != "client": return dict(ret="kIOReturnBusy")
        if s.inp.full(): s.st["overruns"] += 1; return dict(ret="kIOReturnOverrun")
        s.inp.put(en); s.b[en[0]].holder = "input"
        if s.mode != "output":
            s.st["frames_in"] += 1; s.st["bytes_in"] += en[2]
            if s.mode == "input": s.st["sequence"] += 1
        return dict(ret=S)
    def poke_input(s, a):                     # hostile or buggy client writes the shared ring by hand
        s.inp.put(a["raw"])
        return dict(ret=S)
    def poke_input_head(s, a): s.inp.head = a["head"]; return dict(ret=S)
    def _inote(s, a, kind):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        s.icalls.append([kind, a.get("token", 0)]); return dict(ret=S)
    def send_input_notification(s, a): return s._inote(a, "async")
    def send_input_sync_notification(s, a): return s._inote(a, "sync")
    def set_output_callback(s, a): s.cb = a["set"]; return dict(ret=S)
    def register_port(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if a["type"] not in (0, 1): return dict(ret="kIOReturnBadArgument")
        s.ports.add(a["type"]); return dict(ret=S)
    def get_buffer_info(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        if not 0 <= a["buffer"] < len(s.b): return dict(ret="kIOReturnBadArgument")
        b = s.b[a["buffer"]]; return dict(ret=S, value=[b.data, b.control])
    def map_memory(s, a):
        e = s.who(a.get("client", "A"))
        if e: return dict(ret=e)
        t = int(a["type"], 16); kind, i = t & 0xF0000000, t & 0x0FFFFFFF
        if kind in (0x10000000, 0x20000000):
            if i: return dict(ret="kIOReturnBadArgument")
            return dict(ret=S, size=16 + 32 * s.out.n)
        if kind not in (0x30000000, 0x40000000) or i >= len(s.b): return dict(ret="kIOReturnBadArgument")
        n = s.b[i].data if kind == 0x30000000 else s.b[i].control
        return dict(ret=S, size=n) if n else dict(ret="kIOReturnNotFound")
    # --- buffers and queues
    def add_buffer(s, a):
        if s.state == "dead": return dict(ret="kIOReturnNoDevice")
        d, c = a["data"], a.get("control", 0)
        if d + c == 0: return dict(ret="kIOReturnBadArgument")
        if s.client is not None and len(s.b) + 1 > s.out.n - 1: return dict(ret="kIOReturnNoSpace")
        s.b.append(Buf(d, c)); return dict(ret=S, id=len(s.b) - 1)
    def remove_buffer(s, a):
        if s.client is not None: return dict(ret="kIOReturnStillOpen")
        if not 0 <= a["buffer"] < len(s.b): return dict(ret="kIOReturnNotFound")
        del s.b[a["buffer"]]; return dict(ret=S)
    def remove_all_buffers(s, a):
        if s.client is not None: return dict(ret="kIOReturnStillOpen")
        s.b = []; return dict(ret=S)
    def buffer_count(s, a): return dict(value=len(s.b))
    def buffer_with_id(s, a): return dict(value=0 <= a["buffer"] < len(s.b))
    def create_queues(s, a):
        if s.client is not None: return dict(ret="kIOReturnStillOpen")
        n = a.get("length", 0)
        if n > MAXQ: return dict(ret="kIOReturnBadArgument")
        n = n or s.qlen or len(s.b); s.out, s.inp = Ring(n), Ring(n); return dict(ret=S)
    def destroy_queues(s, a):
        if s.client is not None: return dict(ret="kIOReturnStillOpen")
        s.out = s.inp = None; return dict(ret=S)
    def output_queue(s, a): return dict(value=[s.out.n, s.out.head, s.out.tail] if s.out else None)
    def input_queue(s, a): return dict(value=[s.inp.n, s.inp.head, s.inp.tail] if s.inp else None)
    def get_state(s, a): return dict(value=s.state)
    def holder(s, a): return dict(value=s.b[a["buffer"]].holder)
    def refs(s, a): return dict(value=s.b[a["buffer"]].refs)
    def stat(s, a): return dict(value=s.st[a["name"]])

RESULT = ("ret", "value", "entry", "size", "id", "discontinuity")
def replay(v):
    s = Stream(v)
    for n, op in enumerate(v["ops"]):
        name = {"state": "get_state"}.get(op["op"], op["op"])
        got = getattr(s, name)({k: x for k, x in op.items() if k not in RESULT})
        for k in RESULT:
            if k in op and got.get(k) != op[k]:
                return f"op {n} {op}: {k} is {got.get(k)!r}"
    return None

if __name__ == "__main__":
    bad = tot = 0; names = set()
    for line in (gzip.open if sys.argv[1].endswith(".gz") else open)(sys.argv[1], "rt"):
        v = json.loads(line); tot += 1
        if v["name"] in names: print("duplicate name", v["name"]); bad += 1
        names.add(v["name"])
        e = replay(v)
        if e: bad += 1; print("FAIL", v["name"], e)
    print(f"{tot} vectors, {bad} bad"); sys.exit(bad != 0)
