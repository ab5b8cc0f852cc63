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

mod escapes;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use self::escapes::{
    HTML, JSON, LOWER, PERCENT_KEEPS, UPPER, VARIANTS, by_character, hex, html_decimal, html_lower,
    html_upper, json, percent, push,
};

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
