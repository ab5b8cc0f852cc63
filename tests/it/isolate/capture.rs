//! How connections are captured: by the best that the kernel has, and as well by the others.

use std::path::Path;

use authsome_test_support::kit::skip;

use crate::kit::isolate::{Inside, PATH};
use crate::kit::run::{finish, prepared_by_python};

/// A preparation by which a system call fails: its number on x86-64 and on ARM, two of its
/// arguments (where they are in the filter's data, and their values), and the error.
fn without(numbers: (u32, u32), arguments: [(u32, u32); 2], errno: u32) -> String {
    let [(first, one), (second, two)] = arguments;
    let (x86, arm) = numbers;
    format!(
        "import ctypes, platform
number = {{'x86_64': {x86}, 'aarch64': {arm}}}[platform.machine()]
class Code(ctypes.Structure): _fields_ = [('code', ctypes.c_ushort), ('jt', ctypes.c_ubyte), ('jf', ctypes.c_ubyte), ('k', ctypes.c_uint)]
class Program(ctypes.Structure): _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.POINTER(Code))]
codes = [(0x20, 0, 0, 0), (0x15, 0, 5, number), (0x20, 0, 0, {first}), (0x15, 0, 3, {one}), (0x20, 0, 0, {second}), (0x15, 0, 1, {two}), (6, 0, 0, 0x50000 + {errno}), (6, 0, 0, 0x7fff0000)]
codes = (Code * len(codes))(*[Code(*code) for code in codes])
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(codes), codes)), 0, 0) == 0"
    )
}

/// Where the kernel has no nftables: `socket(AF_NETLINK, ..., NETLINK_NETFILTER)` is
/// EPROTONOSUPPORT.
fn without_nftables() -> String {
    without((41, 198), [(16, 16), (32, 12)], 93)
}

/// Where the kernel has no `tproxy`: `setsockopt(..., SOL_IP, IP_TRANSPARENT)` is ENOPROTOOPT.
fn without_tproxy() -> String {
    without((54, 208), [(24, 0), (32, 19)], 92)
}

#[test]
fn without_nftables_the_usual_ports_are_captured() {
    let Some(inside) = Inside::new("without_nftables_the_usual_ports_are_captured") else {
        return;
    };
    let script = format!(
        "curl -sS --noproxy '*' --fail-with-body {} | grep -o '\"username\":\"ada\"'; curl -s --noproxy '*' {}; echo \"curl: $?\"",
        inside.managed("/api/v4/user"),
        inside.other("/"),
    );
    let ordinary = inside.run(&[], &["sh", "-c", &script]);
    let outcome = finish(prepared_by_python(&without_nftables(), &ordinary));
    let expected = "\"username\":\"ada\"\ncurl: 7\n"; // it failed to connect
    assert_eq!(outcome.stdout, expected, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("nftables"), "{}", outcome.stderr);
    assert_eq!(inside.injected(), 1);
}

/// Asks at another address, connects to the other server by both families, and says how many
/// connections the kernel tracks meanwhile.
const TRACKED: &str = "
import struct
question = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0) + b'\\4name\\4test\\0' + struct.pack('>HH', 1, 1)
for server in ['8.8.8.8', '127.0.0.53', '2001:4860:4860::8888']:
    resolver = socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, socket.SOCK_DGRAM)
    resolver.settimeout(5); resolver.connect((server, 53)); resolver.send(question)
    print(resolver.recv(1000)[-4:])
context, open_ones = ssl.create_default_context(cafile=TRUST), []
for family in [socket.AF_INET, socket.AF_INET6]:
    place = socket.getaddrinfo(*OTHER, family, socket.SOCK_STREAM)[0][4]
    stream = socket.socket(family); stream.settimeout(5); stream.connect(place)
    open_ones.append(context.wrap_socket(stream, server_hostname=OTHER[0]))
    print('connected')
print(open('/proc/sys/net/netfilter/nf_conntrack_count').read().strip() == '0')
";

/// What the above says but for its last line.
const REACHED: &str = "b'\\xc6\\x12\\x00\\x01'\nb'\\xc6\\x12\\x00\\x01'\nb'\\xc6\\x12\\x00\\x01'\nconnected\nconnected\n";

fn tracks(test: &str, preparation: Option<&str>) -> Option<String> {
    let inside = Inside::new(test)?;
    if !Path::new("/proc/sys/net/netfilter/nf_conntrack_count").exists() {
        skip(&format!("{test} needs a kernel that tracks connections"));
        return None;
    }
    let program = inside.told(TRACKED);
    let words = ["env", "-i", PATH, "python3", "-c", &program];
    let mut run = inside.run(&[], &words);
    if let Some(preparation) = preparation {
        run = prepared_by_python(preparation, &run);
    }
    let outcome = finish(run).expect(0);
    assert_eq!(outcome.stderr, "");
    Some(outcome.stdout)
}

#[test]
fn captured_connections_are_not_tracked() {
    if let Some(said) = tracks("captured_connections_are_not_tracked", None) {
        assert_eq!(said, format!("{REACHED}True\n"));
    }
}

#[test]
fn without_tproxy_connections_are_redirected() {
    const TEST: &str = "without_tproxy_connections_are_redirected";
    if let Some(said) = tracks(TEST, Some(&without_tproxy())) {
        assert_eq!(said, format!("{REACHED}False\n"));
    }
}

/// Servers of the command's own, at every address and at one that is another host's, and who is
/// reached at that port.
const OWN_SERVERS: &str = "
import threading
def serve(address, port):
    server = socket.create_server((address, port))
    def accept():
        while True: server.accept()[0].sendall(b'own')
    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]
def greeting(address, port):
    try: return socket.create_connection((address, port), timeout=5).recv(3).decode()
    except OSError as e: return e.strerror
context = ssl.create_default_context(cafile=TRUST)
other = socket.gethostbyname(OTHER[0])
def is_reached():
    stream = socket.create_connection((other, OTHER[1]), timeout=5)
    return context.wrap_socket(stream, server_hostname=OTHER[0])
stands = is_reached()
for address, port in [('0.0.0.0', OTHER[1]), (other, 0), ('198.19.255.254', 0)]:
    port = serve(address, port)
    print([greeting(to, port) for to in ('127.0.0.1', '198.19.255.254', '198.18.255.1')])
print(is_reached().getpeername() == stands.getpeername() == (other, OTHER[1]))
";

/// What a program of the command's says, in a kernel that this prepares.
fn said(test: &str, preparation: &str, program: &str) -> Option<String> {
    let inside = Inside::new(test)?;
    let run = inside.run(&[], &["python3", "-c", &inside.told(program)]);
    let outcome = finish(prepared_by_python(preparation, &run)).expect(0);
    assert_eq!(outcome.stderr, "");
    Some(outcome.stdout)
}

const AS_IT_IS: &str = "pass";

fn own_servers(test: &str, preparation: &str) {
    // Nobody's address is closed at once; nobody listens at the loopback address.
    let at_one = "['Connection refused', '', '']\n";
    let expected = format!("['own', '', '']\n{at_one}{at_one}True\n");
    if let Some(said) = said(test, preparation, OWN_SERVERS) {
        assert_eq!(said, expected);
    }
}

#[test]
fn the_commands_servers_are_reached_at_its_loopback_alone() {
    const TEST: &str = "the_commands_servers_are_reached_at_its_loopback_alone";
    own_servers(TEST, AS_IT_IS);
}

#[test]
fn without_tproxy_the_commands_servers_are_reached_at_its_loopback_alone() {
    const TEST: &str = "without_tproxy_the_commands_servers_are_reached_at_its_loopback_alone";
    own_servers(TEST, &without_tproxy());
}

/// Connects to the port of the listener to which connections are led, at several addresses, and
/// tries to take its place.
const STRAIGHT: &str = "
port = int(os.environ['HTTPS_PROXY'].rsplit(':', 1)[1].strip('/'))
def asked(address):
    try:
        with socket.create_connection((address, port), timeout=5) as stream:
            stream.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n'); return stream.recv(4).decode()
    except ConnectionResetError: return ''
    except OSError as e: return e.strerror
for address in ['127.0.0.1', '::1', '::ffff:127.0.0.1', '127.0.0.2', '198.19.255.254', '198.18.255.1', '2001:2::fffe']:
    print(address, asked(address))
def taken(family, address, option):
    server = socket.socket(family)
    try:
        for level, name in option: server.setsockopt(level, name, 1)
        server.bind((address, port)); server.listen(); return 'listens'
    except OSError as e: return e.strerror
REUSE = (socket.SOL_SOCKET, socket.SO_REUSEADDR), (socket.SOL_SOCKET, socket.SO_REUSEPORT)
for address in ['0.0.0.0', '127.0.0.1']: print(taken(socket.AF_INET, address, REUSE))
for address in ['::', '::1']: print(taken(socket.AF_INET6, address, REUSE))
IP_TRANSPARENT, IPV6_TRANSPARENT = (socket.SOL_IP, 19), (socket.IPPROTO_IPV6, 75)
print(taken(socket.AF_INET, '198.18.255.1', [IP_TRANSPARENT]), '|', taken(socket.AF_INET6, 'fd61:7574:6873::ffff', [IPV6_TRANSPARENT]))
";

fn straight(test: &str, preparation: &str, transparent: &str) {
    let expected = format!(
        "127.0.0.1 HTTP\n::1 HTTP\n::ffff:127.0.0.1 HTTP\n127.0.0.2 Connection refused\n\
         198.19.255.254 \n198.18.255.1 \n2001:2::fffe \n{}{transparent}\n",
        "Address already in use\n".repeat(4)
    );
    if let Some(said) = said(test, preparation, STRAIGHT) {
        assert_eq!(said, expected);
    }
}

#[test]
fn the_listener_is_the_proxy_at_the_loopback_address_and_nobody_elsewhere() {
    straight(
        "the_listener_is_the_proxy_at_the_loopback_address_and_nobody_elsewhere",
        AS_IT_IS,
        "Operation not permitted | Operation not permitted",
    );
}

#[test]
fn without_tproxy_the_listener_is_the_same() {
    straight(
        "without_tproxy_the_listener_is_the_same",
        &without_tproxy(),
        "Protocol not available | Operation not permitted",
    );
}

/// The other end is closed first, so that it waits (RFC 9293 §3.6) when the next connection comes
/// from the same port. From the destination's port, too: nothing is connected to itself.
#[test]
fn a_client_connects_again_from_the_same_port() {
    let Some(inside) = Inside::new("a_client_connects_again_from_the_same_port") else {
        return;
    };
    let said = inside.python(
        &[],
        "
for family, place in [(socket.AF_INET, ('198.18.255.1', 4000)), (socket.AF_INET6, ('fd61:7574:6873::ffff', 4000))]:
  for port in (0, place[1]):
    for _ in range(5):
        stream = socket.socket(family); stream.settimeout(5); stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stream.bind(('', port)); stream.connect(place); port = stream.getsockname()[1]
        print(stream.recv(1)); stream.close()
",
    );
    assert_eq!(said, ["b''"; 20].join("\n"));
}
