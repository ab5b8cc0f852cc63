//! The forms that a secret has in what a server sends: as it is, and as the usual encoders of
//! URLs, JSON, HTML, Base64 and hexadecimal digits write it.
//!
//! A form that needs no escape is the secret itself, and is there once. So a token of letters,
//! digits, `-` and `_` has about ten forms.
//!
//! **Base64.** The secret may begin at any of three places within a group of three bytes, for
//! example behind `user:`. Then some of its bits are in a character together with bits of a
//! neighbour. A form has only the characters that depend on the secret alone:
//!
//! ```text
//! bytes        u       S0       S1       S2       S3      :
//! characters  |cccccc|cc0000|000011|111111|222222|223333|3333..|
//!              ------ ------ ====================== ====  ------
//!              another's      the form                     another's
//! ```
//!
//! At most four bits of the first byte and four of the last one are not covered. The replacement is
//! the placeholder at the same place, with `-` behind it until it ends at the same place too. So
//! the text around it stays decodable, and reads as the placeholder.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// A text to search for, and what replaces it.
pub(super) struct Form {
    pub(super) text: Zeroizing<Vec<u8>>,
    /// The placeholder in the same encoding.
    pub(super) exact: Vec<u8>,
    /// The placeholder, cut or filled to the length of the text.
    pub(super) same_length: Vec<u8>,
}

/// All forms of a secret, each once.
pub(super) fn forms(secret: &[u8], placeholder: &[u8]) -> Vec<Form> {
    let mut forms = Forms(Vec::new());
    forms.escaped(secret, placeholder, |bytes| Some(bytes.to_vec()));
    forms.base64(secret, placeholder);
    forms.hexadecimal(secret, placeholder);
    for keeps in PERCENT_KEEPS {
        for (digits, blank) in VARIANTS {
            forms.escaped(secret, placeholder, |bytes| {
                Some(percent(bytes, keeps, digits, blank))
            });
        }
    }
    for escapes in JSON {
        for digits in [LOWER, UPPER] {
            forms.escaped(secret, placeholder, |bytes| json(bytes, *escapes, digits));
        }
    }
    for entities in HTML {
        forms.escaped(secret, placeholder, |bytes| {
            by_character(bytes, |character, out| {
                let entity = entities.iter().find(|(of, _)| *of == character);
                match entity {
                    Some((_, entity)) => out.extend_from_slice(entity.as_bytes()),
                    None => push(character, out),
                }
            })
        });
    }
    for number in [html_decimal, html_lower, html_upper] {
        forms.escaped(secret, placeholder, |bytes| {
            by_character(bytes, |character, out| {
                if character.is_ascii_alphanumeric() {
                    push(character, out);
                } else {
                    out.extend_from_slice(number(u32::from(character)).as_bytes());
                }
            })
        });
    }
    forms.0
}

struct Forms(Vec<Form>);

impl Forms {
    fn add(&mut self, text: Vec<u8>, exact: Vec<u8>, same_length: Vec<u8>) {
        let text = Zeroizing::new(text);
        if !self.0.iter().any(|known| known.text == text) {
            self.0.push(Form {
                text,
                exact,
                same_length,
            });
        }
    }

    /// The form that an encoder gives. `None` for a secret that it could not take.
    fn escaped(
        &mut self,
        secret: &[u8],
        placeholder: &[u8],
        encode: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) {
        let (Some(text), Some(exact)) = (encode(secret), encode(placeholder)) else {
            return;
        };
        // A placeholder needs no escape to be read as text, and one that is cut must not end in
        // half of one.
        let same_length = fitted(placeholder, text.len());
        self.add(text, exact, same_length);
    }

    fn base64(&mut self, secret: &[u8], placeholder: &[u8]) {
        // At the end, as many bytes are in the last group as of the secret.
        let missing = (secret.len() + 2 * placeholder.len()) % 3;
        let exact = fitted(placeholder, placeholder.len() + missing);
        let same_length = fitted(placeholder, secret.len());
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            for before in 0..3 {
                let encode = |bytes: &[u8]| base64(bytes, before, alphabet);
                self.add(encode(secret), encode(&exact), encode(&same_length));
            }
        }
    }

    fn hexadecimal(&mut self, secret: &[u8], placeholder: &[u8]) {
        for digits in [LOWER, UPPER] {
            let encode = |bytes: &[u8]| {
                let mut out = Vec::with_capacity(bytes.len() * 2);
                for byte in bytes {
                    hex(*byte, digits, &mut out);
                }
                out
            };
            let same_length = encode(&fitted(placeholder, secret.len()));
            self.add(encode(secret), encode(placeholder), same_length);
        }
    }
}

/// The text with that length: cut, or filled with `-`.
fn fitted(text: &[u8], length: usize) -> Vec<u8> {
    let filled = text.iter().copied().chain(std::iter::repeat(b'-'));
    filled.take(length).collect()
}

/// The characters of Base64 that depend on these bytes alone, if so many others stand `before` them
/// in their group of three.
fn base64(bytes: &[u8], before: usize, alphabet: &GeneralPurpose) -> Vec<u8> {
    let mut whole = Zeroizing::new(Vec::with_capacity(before + bytes.len()));
    whole.resize(before, 0);
    whole.extend_from_slice(bytes);
    let text = Zeroizing::new(alphabet.encode(&*whole));
    let first = (before * 8).div_ceil(6);
    let last = whole.len() * 8 / 6;
    text.as_bytes()
        .get(first..last)
        .unwrap_or_default()
        .to_vec()
}

type Digits = &'static [u8; 16];

const LOWER: Digits = b"0123456789abcdef";
const UPPER: Digits = b"0123456789ABCDEF";

fn hex(byte: u8, digits: Digits, out: &mut Vec<u8>) {
    out.push(digits[usize::from(byte >> 4)]);
    out.push(digits[usize::from(byte & 15)]);
}

/// What encoders leave as it is beside letters and digits.
const PERCENT_KEEPS: &[&[u8]] = &[
    b"-._~",                // RFC 3986 §2.3
    b"*-._",                // forms (WHATWG URL, "application/x-www-form-urlencoded")
    b"!'()*-._~",           // encodeURIComponent (ECMAScript §19.2.6.4)
    b"!$&'()*+,-.:;=@_~",   // a segment of a path (RFC 3986 §3.3)
    b"!$&'()*+,-./:;=?@_~", // a query (RFC 3986 §3.4)
];

/// Hexadecimal digits, and a blank.
const VARIANTS: &[(Digits, &[u8])] = &[
    (UPPER, b"%20"),
    (LOWER, b"%20"),
    (UPPER, b"+"),
    (LOWER, b"+"),
];

fn percent(bytes: &[u8], keeps: &[u8], digits: Digits, blank: &[u8]) -> Vec<u8> {
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

/// What encoders of JSON escape as `\uXXXX`.
#[derive(Clone, Copy)]
enum Escapes {
    /// These ASCII characters.
    Only(&'static str),
    /// These, and all that is not ASCII.
    AsciiWithout(&'static str),
    /// A slash, as `\/`.
    Slash,
    /// All but letters and digits.
    NotAlphanumeric,
}

const JSON: &[Escapes] = &[
    Escapes::Only(""),                 // RFC 8259 §7, as little as possible
    Escapes::AsciiWithout(""),         // Python, Ruby, PHP
    Escapes::Slash,                    // PHP
    Escapes::Only("<>&"),              // Go
    Escapes::Only("<>&='"),            // Gson
    Escapes::AsciiWithout("\"&'+<>`"), // .NET
    Escapes::NotAlphanumeric,
];

/// A string of JSON. `None` for bytes that are not UTF-8, as JSON is.
fn json(bytes: &[u8], escapes: Escapes, digits: Digits) -> Option<Vec<u8>> {
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
const HTML: &[&[(char, &str)]] = &[
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

fn html_decimal(code: u32) -> String {
    format!("&#{code};")
}

fn html_lower(code: u32) -> String {
    format!("&#x{code:x};")
}

fn html_upper(code: u32) -> String {
    format!("&#x{code:X};")
}

/// Encodes text. `None` for bytes that are not UTF-8.
fn by_character(bytes: &[u8], encode: impl Fn(char, &mut Vec<u8>)) -> Option<Vec<u8>> {
    // No encoder makes more than six bytes of one. So the buffer does not grow, and no copy of the
    // secret is left behind.
    let mut out = Vec::with_capacity(bytes.len() * 6);
    for character in str::from_utf8(bytes).ok()?.chars() {
        encode(character, &mut out);
    }
    Some(out)
}

fn push(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
