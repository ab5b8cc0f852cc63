//! Sealed files in the format of age (<https://age-encryption.org/v1>), as text. `age` and `rage`
//! open them too.
//!
//! A file is sealed to X25519 recipients, or with a passphrase. Whoever knows a recipient can seal
//! a file to it, and whoever can open a file can put another content behind its header. So a file
//! does not tell who made it; where that matters, its content has to.

use std::io::{self, Read, Write};
use std::str::FromStr;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use bech32::{ToBase32, Variant, u5};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The work of deriving a key from a passphrase, as a power of two: what OWASP recommends for
/// scrypt. It takes 128 MiB of memory, and half a second or so.
const WORK_FACTOR: u8 = 17;

/// The greatest work factor that is accepted: 1 GiB. A file could otherwise ask for any amount.
const MAX_WORK_FACTOR: u8 = 20;

/// The largest content of a file, in bytes: of one that is sealed as well as of one that is opened.
const MAX_CONTENT: usize = 16 * 1024 * 1024;

/// The largest sealed file, in bytes, for those that read one. What [`seal`] makes is never larger:
/// its text takes 65 characters for each 48 bytes, and the recipients have 64 KiB.
pub const MAX_FILE: u64 = (MAX_CONTENT as u64 / 48 + 1) * 65 + 64 * 1024;

/// Starts the text of a secret key.
const KEY_PREFIX: &str = "age-secret-key-";

/// Who can open a file: an `age1…` recipient.
#[derive(Clone, Debug)]
pub struct Recipient(x25519::Recipient);

/// What opens files that are sealed to its recipient.
#[derive(Clone)]
pub struct Identity(x25519::Identity);

/// How a file is sealed.
pub enum SealWith {
    /// Each of them can open it.
    Recipients(Vec<Recipient>),
    /// Whoever knows the passphrase can open it.
    Passphrase(Secret<String>),
}

/// What a file is opened with.
pub enum OpenWith {
    /// The first of them that fits.
    Identities(Vec<Identity>),
    /// A passphrase.
    Passphrase(Secret<String>),
}

/// Why a file cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// The file was altered or cut.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A file of identities has none.
    #[error("it has no identity (a line that begins with AGE-SECRET-KEY-1)")]
    NoIdentity,
    /// It is in no format of age.
    #[error("it is not a file of age")]
    NotAge,
    /// A recipient is malformed.
    #[error("it is not a recipient of age: {0}")]
    NotARecipient(&'static str),
    /// It would be a file that nobody opens.
    #[error("it would have more than {} MiB", MAX_CONTENT >> 20)]
    TooLarge,
    /// The file asks for more work than is accepted.
    #[error("it asks for too much work (scrypt work factor {0})")]
    TooMuchWork(u8),
    /// The key or the passphrase is another one.
    #[error("the key or the passphrase is not the one that it is sealed with")]
    WrongKey,
    /// It could not be sealed.
    #[error("it cannot be sealed: {0}")]
    Unsealable(io::Error),
}

impl FromStr for Recipient {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        text.parse().map(Self).map_err(AgeError::NotARecipient)
    }
}

impl Identity {
    /// The identity whose X25519 key has these bytes.
    ///
    /// # Panics
    ///
    /// Never: every 32 bytes are such a key.
    pub fn of_key(key: &Secret<[u8; 32]>) -> Self {
        let mut bits = key.expose().to_base32();
        let text = bech32::encode(KEY_PREFIX, &bits, Variant::Bech32);
        bits.fill(u5::default());
        let text = text.map(|text| Zeroizing::new(text.to_ascii_uppercase()));
        let identity = text.ok().and_then(|text| text.parse().ok());
        Self(identity.expect("32 bytes are a key of X25519, in the spelling of age"))
    }

    /// The identities in a file as `age-keygen` writes it: one in a line, and comments.
    pub fn all_of(text: &Secret<Vec<u8>>) -> Result<Vec<Self>, AgeError> {
        let text = std::str::from_utf8(text.expose()).map_err(|_| AgeError::NoIdentity)?;
        let lines = text.lines().map(str::trim);
        let keys = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let identities: Result<Vec<_>, _> = keys.map(|key| key.parse().map(Self)).collect();
        match identities {
            Ok(identities) if !identities.is_empty() => Ok(identities),
            _ => Err(AgeError::NoIdentity),
        }
    }

    /// Who can seal files to it.
    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }
}

/// Seals a text.
pub fn seal(content: &Secret<Vec<u8>>, with: &SealWith) -> Result<Vec<u8>, AgeError> {
    if content.expose().len() > MAX_CONTENT {
        return Err(AgeError::TooLarge);
    }
    let encryptor = match with {
        SealWith::Recipients(recipients) => {
            let recipients = recipients.iter().map(|recipient| &recipient.0);
            Encryptor::with_recipients(recipients.map(|recipient| recipient as _))
        }
        SealWith::Passphrase(passphrase) => {
            let mut recipient = scrypt::Recipient::new(secret_string(passphrase));
            recipient.set_work_factor(WORK_FACTOR);
            Encryptor::with_recipients(std::iter::once(&recipient as _))
        }
    };
    let encryptor = encryptor.map_err(|error| AgeError::Unsealable(io::Error::other(error)))?;
    let write = || {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut sealed = encryptor.wrap_output(armor)?;
        sealed.write_all(content.expose())?;
        sealed.finish()?.finish()
    };
    let sealed = write().map_err(AgeError::Unsealable)?;
    // Thousands of recipients would make it larger than what is read.
    if sealed.len() as u64 > MAX_FILE {
        return Err(AgeError::TooLarge);
    }
    Ok(sealed)
}

/// Opens a text.
pub fn open(sealed: &[u8], with: &OpenWith) -> Result<Secret<Vec<u8>>, AgeError> {
    let armor = ArmoredReader::new(sealed);
    let decryptor = Decryptor::new_buffered(armor).map_err(|error| told(&error))?;
    let reader = match with {
        OpenWith::Identities(identities) => {
            let identities = identities.iter().map(|identity| &identity.0 as _);
            decryptor.decrypt(identities)
        }
        OpenWith::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(secret_string(passphrase));
            identity.set_max_work_factor(MAX_WORK_FACTOR);
            decryptor.decrypt(std::iter::once(&identity as _))
        }
    };
    let reader = reader.map_err(|error| told(&error))?;
    read(reader).map_err(|error| AgeError::Damaged(error.to_string()))
}

fn read(reader: impl Read) -> io::Result<Secret<Vec<u8>>> {
    Secret::read(reader, MAX_CONTENT as u64)
}

fn secret_string(text: &Secret<String>) -> SecretString {
    SecretString::from(text.expose().clone())
}

/// The crate's own words are about its command.
fn told(error: &DecryptError) -> AgeError {
    match error {
        DecryptError::NoMatchingKeys
        | DecryptError::DecryptionFailed
        | DecryptError::KeyDecryptionFailed => AgeError::WrongKey,
        DecryptError::ExcessiveWork { required, .. } => AgeError::TooMuchWork(*required),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat => AgeError::NotAge,
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => AgeError::NotAge,
        DecryptError::InvalidMac => AgeError::Damaged("its header was altered".to_owned()),
        DecryptError::Io(error) => AgeError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(byte: u8) -> Identity {
        Identity::of_key(&Secret::new([byte; 32]))
    }

    fn content() -> Secret<Vec<u8>> {
        Secret::new(b"a pair".to_vec())
    }

    fn sealed_to(identities: &[&Identity]) -> Vec<u8> {
        let recipients = identities.iter().map(|identity| identity.recipient());
        seal(&content(), &SealWith::Recipients(recipients.collect())).unwrap()
    }

    #[test]
    fn each_recipient_opens_it_and_nobody_else() {
        let sealed = sealed_to(&[&identity(1), &identity(2)]);
        for byte in [1, 2] {
            let opened = open(&sealed, &OpenWith::Identities(vec![identity(byte)]));
            assert_eq!(opened.unwrap().expose(), b"a pair");
        }
        let other = open(&sealed, &OpenWith::Identities(vec![identity(3)]));
        assert!(matches!(other, Err(AgeError::WrongKey)));
    }

    #[test]
    fn what_was_altered_or_cut_does_not_open() {
        let sealed = sealed_to(&[&identity(1)]);
        let with = OpenWith::Identities(vec![identity(1)]);
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            // A line's end may be another one.
            if let Ok(opened) = open(&altered, &with) {
                assert_eq!(opened.expose(), b"a pair", "byte {position}");
            }
        }
        for length in 0..sealed.len() - 1 {
            assert!(open(&sealed[..length], &with).is_err(), "length {length}");
        }
        for text in [&b""[..], b"{}", b"-----BEGIN AGE ENCRYPTED FILE-----\n"] {
            assert!(
                matches!(open(text, &with), Err(AgeError::NotAge)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_sealed_can_be_read_and_what_is_too_large_is_not_sealed() {
        let with = || SealWith::Recipients(vec![identity(1).recipient(); 50]);
        let largest = Secret::new(vec![b'x'; MAX_CONTENT]);
        let sealed = seal(&largest, &with()).unwrap();
        let read = Secret::read(sealed.as_slice(), MAX_FILE).unwrap();
        let opened = open(read.expose(), &OpenWith::Identities(vec![identity(1)]));
        assert_eq!(opened.unwrap().expose().len(), MAX_CONTENT);
        let larger = Secret::new(vec![b'x'; MAX_CONTENT + 1]);
        assert!(matches!(seal(&larger, &with()), Err(AgeError::TooLarge)));
    }

    #[test]
    fn identities_are_read_as_age_keygen_writes_them() {
        let text = "# created: today\n# public key: age1\n\
                    AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n";
        let all_of = |text: &str| Identity::all_of(&Secret::new(text.as_bytes().to_vec()));
        assert_eq!(all_of(text).unwrap().len(), 1);
        for text in ["", "# nothing\n", "age1abc", "AGE-SECRET-KEY-1"] {
            assert!(matches!(all_of(text), Err(AgeError::NoIdentity)), "{text}");
        }
    }
}
