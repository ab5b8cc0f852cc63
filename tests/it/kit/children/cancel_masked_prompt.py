import fcntl, os, subprocess, sys, termios, time

master, slave = os.openpty()
take = lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take)
echoes = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
shown = b""
while b"not shown" not in shown:
    shown += os.read(master, 1024)
deadline = time.monotonic() + 20
while echoes() and time.monotonic() < deadline:
    time.sleep(0.01)
assert not echoes(), "the secret would be shown"
os.write(master, b"half a secret\x03")
print(f"code {child.wait(20)}, echo {'on' if echoes() else 'off'}")
