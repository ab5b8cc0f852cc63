//! What a kind of secret looks like: a prefix, and a run of characters, as scanners for secrets
//! know them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The shortest prefix: a shorter one is in any text.
const MIN_PREFIX: usize = 3;

/// The shortest run: a shorter one could be an identifier, and a placeholder needs room to differ
/// from others.
const MIN_RUN: usize = 16;

/// The longest run, in bytes. What may be one is held back until its end has come.
const MAX_RUN: usize = 4096;

/// The characters that a placeholder of authsome's is made of.
const PLACEHOLDER_CHARACTERS: &str = "authsome0123456789";

/// What becomes of a secret that a response mints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Then {
    /// The child gets a placeholder, which the session can use.
    Replace,
    /// The response is cut off.
    Refuse,
}

/// What a kind of secret looks like: a prefix, and how many characters of a class follow it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretShape {
    prefix: String,
    /// One bit for each ASCII character.
    class: u128,
    min: usize,
    max: usize,
    /// What becomes of a secret of this shape.
    pub then: Then,
}

/// Why a text is no shape.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotAShape {
    /// It is not of the form.
    #[error(
        "it is not a prefix of three characters or more, a class, and a number of 16 or more: `glpat-[0-9A-Za-z_-]{{20,}}`"
    )]
    Form,
    /// A placeholder could not have it.
    #[error(
        "a placeholder of this shape cannot be made: the class lacks letters or digits, so that it must have `then`: `refuse`"
    )]
    NoPlaceholder,
    /// A placeholder of the definition would be taken for a secret.
    #[error("the definition's own placeholder has this shape")]
    OwnPlaceholder,
}

impl SecretShape {
    /// What a secret begins with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The shortest run behind the prefix.
    pub fn min(&self) -> usize {
        self.min
    }

    /// The longest run behind the prefix.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Whether a character may be in the run.
    pub fn has(&self, byte: u8) -> bool {
        byte.is_ascii() && self.class & (1 << byte) != 0
    }

    /// This shape, with what becomes of its secrets. `placeholders` are those of the definition.
    pub(crate) fn then<'a>(
        mut self,
        then: Then,
        mut placeholders: impl Iterator<Item = &'a str>,
    ) -> Result<Self, NotAShape> {
        let mut characters = PLACEHOLDER_CHARACTERS.bytes();
        if then == Then::Replace && !characters.all(|byte| self.has(byte)) {
            return Err(NotAShape::NoPlaceholder);
        }
        if placeholders.any(|placeholder| self.is_in(placeholder)) {
            return Err(NotAShape::OwnPlaceholder);
        }
        self.then = then;
        Ok(self)
    }

    /// Whether a secret of this shape is in the text.
    fn is_in(&self, text: &str) -> bool {
        let mut places = text.match_indices(&self.prefix);
        places.any(|(at, _)| {
            let rest = text.as_bytes().iter().skip(at + self.prefix.len());
            rest.take_while(|byte| self.has(**byte)).count() >= self.min
        })
    }
}

impl FromStr for SecretShape {
    type Err = NotAShape;

    /// Reads `PREFIX[CLASS]{MIN}`, `{MIN,}` or `{MIN,MAX}`, as a regular expression has them. The
    /// class has characters and ranges of ASCII, with a `-` for itself at its end.
    fn from_str(text: &str) -> Result<Self, NotAShape> {
        parse(text).ok_or(NotAShape::Form)
    }
}

fn parse(text: &str) -> Option<SecretShape> {
    let (prefix, rest) = text.split_once('[')?;
    let (class, count) = rest.split_once("]{")?;
    let count = count.strip_suffix('}')?;
    let number = |text: &str| text.parse::<usize>().ok();
    let (min, max) = match count.split_once(',') {
        None => (number(count)?, number(count)?),
        Some((min, "")) => (number(min)?, MAX_RUN),
        Some((min, max)) => (number(min)?, number(max)?),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let is_sound = prefix.len() >= MIN_PREFIX
        && prefix.bytes().all(is_plain)
        && (MIN_RUN..=max).contains(&min)
        && max <= MAX_RUN;
    let class = parse_class(class.as_bytes())?;
    is_sound.then(|| SecretShape {
        prefix: prefix.to_owned(),
        class,
        min,
        max,
        then: Then::Replace,
    })
}

/// The characters of a class; `None` if one is not ASCII, or a range has no end.
fn parse_class(mut class: &[u8]) -> Option<u128> {
    let mut bits = 0_u128;
    while let [first, rest @ ..] = class {
        let (last, rest) = match rest {
            [b'-', last, rest @ ..] => (last, rest),
            _ => (first, rest),
        };
        if !first.is_ascii_graphic() || !last.is_ascii_graphic() || first > last {
            return None;
        }
        bits = (*first..=*last).fold(bits, |bits, byte| bits | (1 << byte));
        class = rest;
    }
    (bits != 0).then_some(bits)
}

impl fmt::Display for SecretShape {
    /// Its prefix: enough to know it by.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}…", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_shape_is_refused() {
        for text in [
            "",
            "glpat-",
            "gl[a-z]{20}",
            "glpat-[]{20}",
            "glpat-[z-a]{20}",
            "glpat-[a-z]{15}",
            "glpat-[a-z]{19,18}",
            "glpat-[a-z]{20",
            "gl.t-[a-z]{20}",
            "glpat-[a-z]{16,99999}",
        ] {
            let error = text.parse::<SecretShape>().unwrap_err();
            assert_eq!(error, NotAShape::Form, "{text}");
        }
    }

    #[test]
    fn a_shape_is_no_placeholders() {
        let shape = |text: &str| text.parse::<SecretShape>().unwrap();
        let with = |shape: SecretShape, then, text: &str| shape.then(then, [text].into_iter());
        let hex = shape("key-[0-9a-f]{32}");
        let error = with(hex.clone(), Then::Replace, "").unwrap_err();
        assert_eq!(error, NotAShape::NoPlaceholder);
        assert_eq!(with(hex, Then::Refuse, "").unwrap().then, Then::Refuse);
        let short = shape("sk-[0-9a-z-]{16,}");
        let error = with(short, Then::Replace, "sk-authsome-proxy-managed").unwrap_err();
        assert_eq!(error, NotAShape::OwnPlaceholder);
        let longer = shape("sk-[0-9a-z-]{30,}");
        assert!(with(longer, Then::Replace, "sk-authsome-proxy-managed").is_ok());
    }
}
