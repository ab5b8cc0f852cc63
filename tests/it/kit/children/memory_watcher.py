import base64, os, re, select, subprocess, sys
if os.getuid() == 0:
    os.setgroups([]); os.setresgid(12345, 12345, 12345); os.setresuid(12345, 12345, 12345)
rounds, wanted = int(sys.argv[1]), sys.stdin.buffer.read().split()
wanted += [base64.b64decode(word) for word in wanted if word.endswith(b"=")]
opened, found = 0, set()

def scan(maps, memory):
    text = b""
    while part := os.read(maps, 1 << 16): text += part
    for line in text.splitlines():
        place = re.match(rb"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if not place: continue
        start, end = (int(number, 16) for number in place.groups())
        try: content = os.pread(memory, end - start, start)
        except OSError: continue
        found.update(word for word in wanted if word in content)
    return b"authsome" in text

for _ in range(rounds):
    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    pairs = []
    while not select.select([child.stdout], [], [], 0)[0]:
        if len(pairs) > 200: del pairs[100]
        try: maps = os.open(f"/proc/{child.pid}/maps", os.O_RDONLY)
        except OSError: continue
        try: pairs.append((maps, os.open(f"/proc/{child.pid}/mem", os.O_RDONLY)))
        except OSError: os.close(maps)
    assert child.stdout.readline() == b"ready\n", "it has not started"
    opened += any([scan(*pair) for pair in pairs])
    for pair in pairs: os.close(pair[0]); os.close(pair[1])
    child.communicate()
print(opened, len(found))
