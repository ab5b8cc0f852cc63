//! Responses, valid and invalid.

use super::message::{Field, Message, ODDITIES, Oddity};
use super::random::Random;

/// One response, valid or not. The first byte gives the method of the request: HEAD if it is `h`,
/// otherwise GET.
pub(super) fn generate(random: &mut Random) -> Vec<u8> {
    let status = random.pick(STATUSES);
    let version = if random.one_in(8) {
        "HTTP/1.0"
    } else {
        "HTTP/1.1"
    };
    let fields = vec![Field::new("Server", "x"), Field::new("x-a", "b, c")];
    let mut message = Message::new(format!("{version} {status}"), fields);
    message.frame(random);
    for _ in 0..*random.pick(&[&0, &0, &1, &1, &1, &1, &2, &2, &3]) {
        let oddities: &[Oddity] = if random.one_in(4) { OWN } else { ODDITIES };
        oddities[random.below(oddities.len())](&mut message, random);
    }
    // The method of the request decides whether there is a body at all (RFC 9112 §6.3, item 1).
    let mut wire = vec![if random.one_in(12) { b'h' } else { b'g' }];
    while random.one_in(8) {
        wire.extend_from_slice(random.pick(INTERIM).as_bytes());
    }
    wire.extend(message.write(random));
    wire
}

/// Oddities of responses only.
const OWN: &[Oddity] = &[
    |message, random| message.start = format!("{} 200 OK", random.pick(ODD_VERSIONS)).into(),
    |message, random| message.start = format!("HTTP/1.1 {}", random.pick(ODD_STATUSES)).into(),
    |message, random| message.start = format!("HTTP/1.1 {}", random.pick(ODD_STATUSES)).into(),
    |message, random| message.start = random.pick(ODD_LINES).into(),
    |message, random| {
        let place = random.below(message.start.len() + 1);
        message.start.insert(place, random.byte());
    },
    // A body that looks like a response: a recipient that ends the first response early finds a
    // second one.
    |message, _| message.body = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
];

const STATUSES: &[&str] = &[
    "200 OK",
    "200 OK",
    "200 OK",
    "200 OK",
    "204 No Content",
    "206 Partial Content",
    "302 Found",
    "304 Not Modified",
    "404 Nobody Here",
    "500 ",
    "500",
    "101 Switching Protocols",
];

const INTERIM: &[&str] = &[
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.0 100 Continue\r\n\r\n",
    "HTTP/1.1 199 x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n",
];

const ODD_STATUSES: &[&str] = &[
    "000 x",
    "099 x",
    "1000 x",
    "20 x",
    "2",
    "",
    "200\tOK",
    "200OK",
    " 200 OK",
    "+20 x",
    "2x0 OK",
    "200 \u{e9}",
    "200 a\tb",
    "200 a\0b",
    "200 a\rb",
    "200 a\u{7f}b",
    "599 x",
    "600 x",
    "999 x",
    "205 Reset Content",
    "100 Continue",
    "103 Early Hints",
];

const ODD_VERSIONS: &[&str] = &[
    "HTTP/1.2",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/2",
    "HTTP/1",
    "http/1.1",
    "HTTP /1.1",
    "ICY",
    "HTTP/1.10",
    "HTTP/01.1",
    "",
];

const ODD_LINES: &[&str] = &[
    "",
    " ",
    "HTTP/1.1",
    "HTTP/1.1 ",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 200  OK",
    "HTTP/1.1\t200 OK",
    "SSH-2.0-x",
    "GET / HTTP/1.1",
    "\u{15}\u{3}\u{3}\u{0}\u{2}",
];
