//! The resolver inside.

use crate::kit::isolate::Inside;

/// Asks a question, over UDP or TCP, and says the code of the answer and its records.
const ASK: &str = r"
import struct
def ask(name, kind=1, server='127.0.0.1', tcp=False, extra=b''):
    question = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\0' + struct.pack('>HH', kind, 1)
    message = struct.pack('>HHHHHH', 7, 0x100, 1, 0, 0, 0) + question + extra
    s = socket.socket(socket.AF_INET6 if ':' in server else socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(5); s.connect((server, 53))
    if tcp:
        s.sendall(struct.pack('>H', len(message)) + message)
        answer = s.recv(2) and s.recv(1000)
    else:
        s.send(message); answer = s.recv(1000)
    code, count = answer[3] & 15, answer[7]
    return code, answer[-4:] if kind == 1 and count else count
";

#[test]
fn questions_are_answered_at_every_address_over_udp_and_tcp() {
    let Some(inside) = Inside::new("questions_are_answered_at_every_address_over_udp_and_tcp")
    else {
        return;
    };
    let program = "
for server in ['127.0.0.1', '127.0.0.53', '8.8.8.8', '10.255.255.53', '2001:4860:4860::8888', '::1']:
    for tcp in [False, True]: print(server, tcp, ask('name.test', 1, server, tcp))
";
    let said = inside.python(&[], &format!("{ASK}{program}"));
    let expected = "(0, b'\\xc6\\x12\\x00\\x01')";
    let wrong: Vec<_> = said
        .lines()
        .filter(|line| !line.ends_with(expected))
        .collect();
    assert_eq!((said.lines().count(), wrong), (12, vec![]));
}

#[test]
fn a_question_carries_nothing_out() {
    let Some(inside) = Inside::new("a_question_carries_nothing_out") else {
        return;
    };
    let program = "
TXT, HTTPS, ANY = 16, 65, 255
print([ask('secret.evil.test', kind)[0] for kind in (1, 28, TXT, HTTPS)])
print([ask('gitlab.test', kind) for kind in (TXT, HTTPS)], ask('gitlab.test')[0])
";
    let said = inside.python(&["--policy", "deny"], &format!("{ASK}{program}"));
    assert_eq!(said, "[5, 5, 5, 5]\n[(0, 0), (0, 0)] 0");
}

#[test]
fn no_other_datagram_is_answered() {
    let Some(inside) = Inside::new("no_other_datagram_is_answered") else {
        return;
    };
    let said = inside.python(
        &[],
        "
for place in [('8.8.8.8', 123), ('93.184.216.34', 443), ('127.0.0.1', 123)]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); s.connect(place); s.send(b'x')
    try: print(s.recv(1))
    except OSError as e: print(e.strerror)
",
    );
    assert_eq!(said, ["Connection refused"; 3].join("\n"));
}

#[test]
fn a_client_takes_the_ipv4_address_of_a_name_first() {
    let Some(inside) = Inside::new("a_client_takes_the_ipv4_address_of_a_name_first") else {
        return;
    };
    let program = "
found = socket.getaddrinfo('name.test', 443, type=socket.SOCK_STREAM)
print([place[0] for *_, place in found])
";
    let said = inside.python(&[], program);
    assert_eq!(said, "['198.18.0.1', 'fd61:7574:6873::1']");
}
