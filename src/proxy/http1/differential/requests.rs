//! Requests, valid and invalid.

use super::message::{Field, Message, ODDITIES, Oddity};
use super::random::Random;

/// One request, valid or not, and mostly another one after it: a recipient that finds another end
/// of the first also finds another second request.
pub(super) fn generate(random: &mut Random) -> Vec<u8> {
    let method = random.pick(METHODS);
    let target = random.pick(TARGETS);
    let version = if random.one_in(8) {
        "HTTP/1.0"
    } else {
        "HTTP/1.1"
    };
    let fields = vec![Field::new("Host", "gitlab.test"), Field::new("x-a", "b, c")];
    let mut message = Message::new(format!("{method} {target} {version}"), fields);
    message.frame(random);
    for _ in 0..*random.pick(&[&0, &0, &1, &1, &1, &1, &2, &2, &3]) {
        let oddities: &[Oddity] = if random.one_in(4) { OWN } else { ODDITIES };
        oddities[random.below(oddities.len())](&mut message, random);
    }
    let mut wire = message.write(random);
    // Not always: if the request is the last one, it can also be cut off.
    if !random.one_in(4) {
        wire.extend_from_slice(b"GET /next HTTP/1.1\r\nHost: gitlab.test\r\n\r\n");
    }
    wire
}

/// Oddities of requests only.
const OWN: &[Oddity] = &[
    |message, random| message.start = random.pick(ODD_LINES).into(),
    // Listed twice, so that it comes more often.
    |message, random| message.start = format!("GET {} HTTP/1.1", random.pick(ODD_TARGETS)).into(),
    |message, random| message.start = format!("GET {} HTTP/1.1", random.pick(ODD_TARGETS)).into(),
    |message, random| message.start = format!("POST / {}", random.pick(ODD_VERSIONS)).into(),
    |message, random| message.start = format!("{} / HTTP/1.1", random.pick(ODD_METHODS)).into(),
    |message, random| {
        let place = random.below(message.start.len() + 1);
        message.start.insert(place, random.byte());
    },
    |message, random| {
        let (name, value) = *random.pick(&OWN_FIELDS.iter().collect::<Vec<_>>());
        message.put(random, Field::new(name, value));
    },
    // Around the limits of a target (`MAX_TARGET`) and of a head (`MAX_HEAD`).
    |message, random| {
        if random.one_in(16) {
            let length = *random.pick(&[&60_000, &65_535, &70_000, &140_000]);
            message.start = format!("GET /{} HTTP/1.1", "x".repeat(length)).into();
        }
    },
];

const METHODS: &[&str] = &[
    "GET", "GET", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PROPFIND",
];

const TARGETS: &[&str] = &[
    "/",
    "/a/b?c=d",
    "/a%20b?c=%3c",
    "https://gitlab.test/a?b",
    "http://gitlab.test",
    "*",
    "gitlab.test:443",
];

const ODD_TARGETS: &[&str] = &[
    "",
    "a",
    "a/b",
    "/a b",
    "/a\tb",
    "/a\0b",
    "/a\u{7f}b",
    "/a#b",
    "/a?b#c",
    "/\u{fc}",
    "/a\"b<c>d`e",
    "/a?\"b<c>d`e",
    "/a?q=\\{|}^[]'",
    "//gitlab.test/a",
    "///",
    "?",
    "?a=b",
    "#",
    "http://",
    "http:///a",
    "http://a@gitlab.test/",
    "http://gitlab.test:x/",
    "http://git<lab.test/",
    "http://[::1]/",
    "http://[::1/",
    "javascript:alert(1)",
    "gitlab.test",
    "gitlab.test:443/a",
    "[::1]:443",
    "**",
    "/%",
    "/%zz",
    "/../a/./b",
];

const ODD_VERSIONS: &[&str] = &[
    "HTTP/1.2",
    "HTTP/1.9",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/2",
    "HTTP/1",
    "HTTP/1.",
    "HTTP/1.10",
    "HTTP/01.1",
    "HTTP/11",
    "http/1.1",
    "HTTP /1.1",
    "HTTPS/1.1",
    "HTTP/1.1 ",
    "HTTP/1.1\t",
    "HTTP/1,1",
    "HTTP/+1.1",
    "",
];

const ODD_METHODS: &[&str] = &[
    "",
    "get",
    "G ET",
    "G\u{e4}T",
    "GET\t",
    " GET",
    "G(T",
    "G:T",
    "G\0T",
    "!#$%&'*+-.^_`|~",
    "M-SEARCH",
    "EXTREMELYLONGMETHODNAMETHATNOBODYUSES",
];

const ODD_LINES: &[&str] = &[
    "",
    " ",
    "GET",
    "GET ",
    "GET /",
    "GET / ",
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    "GET\t/\tHTTP/1.1",
    "GET / HTTP/1.1 x",
    "GET / HTTP/1.1 HTTP/1.1",
    "PRI * HTTP/2.0",
    "HTTP/1.1 200 OK",
    "\u{16}\u{3}\u{1}\u{0}",
];

const OWN_FIELDS: &[(&str, &str)] = &[
    ("Host", "gitlab.test"),
    ("Host", "other.test"),
    ("Host", ""),
    ("Host", "a, b"),
    ("Host ", "other.test"),
    ("Expect", "100-continue"),
    ("Expect", "100-Continue"),
    ("Expect", "100-continue, x"),
    ("Expect", "x"),
    ("X-\u{e9}", "1"),
    ("", "1"),
    (" x", "1"),
    ("x y", "1"),
    ("x[y]", "1"),
    ("x\u{0}", "1"),
];
