//! Values that are wiped when they are dropped, and that do not print.

use std::fmt;
use std::io::{self, Read, Write};

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A value that is wiped when it is dropped, whose `Debug` is redacted, and that can only be read
/// through [`Secret::expose`], a word that a search finds.
///
/// It has no `Display`, no `Serialize` and no `PartialEq`. So it cannot get into a message or a
/// file by mistake, and is not revealed by the time that a comparison takes.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Wraps the value.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Each call is a place where a secret is exposed.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether `candidate` is the same, in a time that depends on the lengths, but not on where the
    /// two differ (no timing attack).
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_ref().ct_eq(candidate).into()
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl Secret<Vec<u8>> {
    /// Reads to the end; more than `limit` bytes are an error. `read_to_end` would leave an unwiped
    /// copy behind each time its buffer grows.
    pub fn read(from: impl Read, limit: u64) -> io::Result<Self> {
        let mut from = from.take(limit + 1);
        let mut piece = Zeroizing::new([0; 4096]);
        let mut text = SecretBuffer::default();
        loop {
            match from.read(&mut *piece) {
                Ok(0) => break,
                Ok(length) => text.write_all(piece.get(..length).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if from.limit() == 0 {
            return Err(io::Error::other(format!("it has more than {limit} bytes")));
        }
        Ok(text.finish())
    }
}

/// A growing buffer for secrets. A plain `Vec` leaves its old content in memory when it grows; this
/// buffer wipes it.
#[derive(Default)]
pub struct SecretBuffer(Zeroizing<Vec<u8>>);

impl SecretBuffer {
    /// The bytes written so far, as a secret.
    pub fn finish(self) -> Secret<Vec<u8>> {
        Secret(self.0)
    }
}

impl Write for SecretBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger =
                Zeroizing::new(Vec::with_capacity(needed.next_power_of_two().max(1024)));
            larger.extend_from_slice(&self.0);
            self.0 = larger; // the old buffer is wiped when it is dropped
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The characters of every random text made here: none of them must be escaped in the userinfo of a
/// URL.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A random text of `length` characters of `[A-Za-z0-9_-]`, each from six random bits of the
/// kernel. The first one is a letter, from five bits, so that no command takes the text for a flag.
pub fn random_text(length: usize) -> Result<Secret<String>, getrandom::Error> {
    let mut bytes = Zeroizing::new(vec![0_u8; length]);
    getrandom::fill(&mut bytes)?;
    let bits = |index| if index == 0 { 31 } else { 63 };
    let characters = bytes.iter().enumerate();
    let text = characters
        .map(|(index, byte)| char::from(ALPHABET[usize::from(byte & bits(index))]))
        .collect::<String>();
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_it_may_be_is_not_cut() {
        let text = [b'x'; 10_000];
        let read = |limit| Secret::read(&text[..], limit);
        assert_eq!(read(10_000).unwrap().expose(), &text);
        let error = read(9_999).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 9999 bytes");
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2".to_owned());
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn matches_only_the_same_bytes() {
        let secret = Secret::new("hunter2".to_owned());
        assert!(secret.matches(b"hunter2"));
        assert!(!secret.matches(b"hunter3"));
        assert!(!secret.matches(b"hunter"));
    }

    #[test]
    fn buffer_keeps_what_is_written_while_it_grows() {
        let mut buffer = SecretBuffer::default();
        for _ in 0..1000 {
            buffer.write_all(b"0123456789").unwrap();
        }
        assert_eq!(buffer.finish().expose().len(), 10_000);
    }

    #[test]
    fn random_text_stays_in_its_alphabet() {
        let text = random_text(500).unwrap();
        assert_eq!(text.expose().len(), 500);
        assert!(
            text.expose()
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        );
        assert_ne!(text.expose(), random_text(500).unwrap().expose());
    }

    #[test]
    fn random_text_is_never_taken_for_a_flag() {
        let begins_with_a_letter = |text: Secret<String>| {
            let first = text.expose().chars().next();
            first.is_some_and(|first| first.is_ascii_alphabetic())
        };
        assert!((0..1000).all(|_| random_text(16).is_ok_and(begins_with_a_letter)));
    }
}
