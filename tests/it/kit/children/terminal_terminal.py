import fcntl, json, os, pty, select, signal, struct, sys, termios, time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    for number in set(range(1, 32)) - {9, 19}:
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp(command[0], command)

end = time.monotonic() + 50
text, found, failed = b"", 0, None

def read():
    global text
    if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
        raise TimeoutError("deadline")
    try:
        data = os.read(terminal, 65536)
    except OSError:
        data = b""
    text += data
    return data != b""

try:
    closed = False
    for kind, value in steps:
        if kind == "send":
            os.write(terminal, value.encode())
        elif kind == "close":
            os.close(terminal)
            closed = True
        else:
            value = value.encode()
            while text.find(value, found) < 0:
                if not read():
                    raise EOFError("it ended")
            found = text.find(value, found) + len(value)
    while not closed and read():
        pass
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(20)
except Exception as error:
    failed = f"{error!r} at {kind} {value!r}"
    os.kill(pid, signal.SIGKILL)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps({"code": code, "text": text.decode(errors="replace"), "failed": failed}))
