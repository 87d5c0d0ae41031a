import json, mmap, os, select, sys
S = sys.argv[1]
c = os.open(S + "/clone", os.O_RDWR); U = S + "/clients/" + os.read(c, 64).decode().strip()
m = mmap.mmap(os.open(U + "/mem/0", os.O_RDWR), 8192)
k = os.open(U + "/call", os.O_RDWR)
os.write(k, json.dumps({"sel": 0, "si": [300], "so": 1}).encode() + b"\n")
print(os.read(k, 4096).decode().strip(), "head =", int.from_bytes(m[0:8], "little"), m[8:16])
p = select.poll(); p.register(c, select.POLLHUP); os.rmdir(S)
print("poll after rmdir:", [(f == c, hex(e)) for f, e in p.poll(1000)])
try: os.write(c, b"close\n")
except OSError as e: print(e)
# SPDX-License-Identifier: MIT
