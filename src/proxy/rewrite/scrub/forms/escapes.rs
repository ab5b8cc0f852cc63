//! How URLs, JSON and HTML are escaped, by the encoders that there are.

pub(super) type Digits = &'static [u8; 16];

pub(super) const LOWER: Digits = b"0123456789abcdef";
pub(super) const UPPER: Digits = b"0123456789ABCDEF";

pub(super) fn hex(byte: u8, digits: Digits, out: &mut Vec<u8>) {
    out.push(digits[usize::from(byte >> 4)]);
    out.push(digits[usize::from(byte & 15)]);
}

/// What encoders leave as it is beside letters and digits.
pub(super) const PERCENT_KEEPS: &[&[u8]] = &[
    b"-._~",                // RFC 3986 §2.3
    b"*-._",                // forms (WHATWG URL, "application/x-www-form-urlencoded")
    b"!'()*-._~",           // encodeURIComponent (ECMAScript §19.2.6.4)
    b"!$&'()*+,-.:;=@_~",   // a segment of a path (RFC 3986 §3.3)
    b"!$&'()*+,-./:;=?@_~", // a query (RFC 3986 §3.4)
];

/// Hexadecimal digits, and a blank.
pub(super) const VARIANTS: &[(Digits, &[u8])] = &[
    (UPPER, b"%20"),
    (LOWER, b"%20"),
    (UPPER, b"+"),
    (LOWER, b"+"),
];

pub(super) fn percent(bytes: &[u8], keeps: &[u8], digits: Digits, blank: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if *byte == b' ' {
            out.extend_from_slice(blank);
        } else if byte.is_ascii_alphanumeric() || keeps.contains(byte) {
            out.push(*byte);
        } else {
            out.push(b'%');
            hex(*byte, digits, &mut out);
        }
    }
    out
}

/// What encoders of JSON escape as `\u` and four digits.
#[derive(Clone, Copy)]
pub(super) enum Escapes {
    /// These ASCII characters.
    Only(&'static str),
    /// These, and all that is not ASCII.
    AsciiWithout(&'static str),
    /// A slash, as `\/`.
    Slash,
    /// All but letters and digits.
    NotAlphanumeric,
}

pub(super) const JSON: &[Escapes] = &[
    Escapes::Only(""),                 // RFC 8259 §7, as little as possible
    Escapes::AsciiWithout(""),         // Python, Ruby, PHP
    Escapes::Slash,                    // PHP
    Escapes::Only("<>&"),              // Go
    Escapes::Only("<>&='"),            // Gson
    Escapes::AsciiWithout("\"&'+<>`"), // .NET
    Escapes::NotAlphanumeric,
];

/// A string of JSON. `None` for bytes that are not UTF-8, as JSON is.
pub(super) fn json(bytes: &[u8], escapes: Escapes, digits: Digits) -> Option<Vec<u8>> {
    by_character(bytes, |character, out| {
        let is_escaped = match escapes {
            Escapes::Only(set) => set.contains(character),
            Escapes::AsciiWithout(set) => !character.is_ascii() || set.contains(character),
            Escapes::Slash => false,
            Escapes::NotAlphanumeric => !character.is_ascii_alphanumeric(),
        };
        let short = match character {
            '/' if matches!(escapes, Escapes::Slash) => Some(b'/'),
            '"' | '\\' => u8::try_from(character).ok(),
            '\n' => Some(b'n'),
            '\r' => Some(b'r'),
            '\t' => Some(b't'),
            _ => None,
        };
        match short {
            _ if is_escaped => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(b"\\u");
                    let [high, low] = unit.to_be_bytes();
                    hex(high, digits, out);
                    hex(low, digits, out);
                }
            }
            Some(short) => out.extend([b'\\', short]),
            None => push(character, out),
        }
    })
}

/// What encoders of HTML write for a character. The widest of them have all entities of each.
pub(super) const HTML: &[&[(char, &str)]] = &[
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")],
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
    ],
    // Ruby, Rust's askama, lodash
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
    ],
    // PHP
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#039;"),
    ],
    // Python, Django
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#x27;"),
    ],
    // XML
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&apos;"),
    ],
    // Go
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&#34;"),
        ('\'', "&#39;"),
        ('+', "&#43;"),
    ],
    // mustache, Handlebars
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
        ('/', "&#x2F;"),
        ('`', "&#x60;"),
        ('=', "&#x3D;"),
    ],
];

pub(super) fn html_decimal(code: u32) -> String {
    format!("&#{code};")
}

pub(super) fn html_lower(code: u32) -> String {
    format!("&#x{code:x};")
}

pub(super) fn html_upper(code: u32) -> String {
    format!("&#x{code:X};")
}

/// Encodes text. `None` for bytes that are not UTF-8.
pub(super) fn by_character(bytes: &[u8], encode: impl Fn(char, &mut Vec<u8>)) -> Option<Vec<u8>> {
    // No encoder makes more than six bytes of one. So the buffer does not grow, and no copy of the
    // secret is left behind.
    let mut out = Vec::with_capacity(bytes.len() * 6);
    for character in str::from_utf8(bytes).ok()?.chars() {
        encode(character, &mut out);
    }
    Some(out)
}

pub(super) fn push(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
