//! AES-256-GCM with the record's kind, name and generation as associated data.
//!
//! A sealed value is `version (1 byte) ‖ nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)`. The
//! version is that of this layout. It is independent of the version of the tables (`schema.rs`), so
//! that the tables can change without sealing any record again.
//!
//! The first layout had the version of the tables in its associated data, which was always the same
//! number. It can still be read; a record gets the present layout when it is next written.
//!
//! A nonce is random. With 96 bits, and the few thousand writes that a vault sees, a repetition is
//! practically impossible (NIST SP 800-38D §8.3 allows 2^32 random nonces for one key).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::master_key::MasterKey;
use crate::defence::Defence;
use crate::secret::Secret;

/// The version of the layout: the first byte of a sealed value.
const SEAL_VERSION: u8 = 2;

/// The first layout, and the version of the tables in its associated data: no other version was
/// ever sealed with it.
const FIRST_SEAL_VERSION: u8 = 1;
const FIRST_SCHEMA_VERSION: u32 = 1;

/// The cipher, with the master key.
pub(super) struct Seal {
    key: LessSafeKey,
}

/// The value cannot be opened with this key and this identity.
#[derive(Debug)]
pub(super) struct DoesNotOpen;

/// The record that a sealed value belongs to. With any other identity, the value does not open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    pub(super) generation: u64,
}

impl Identity<'_> {
    /// Each text comes after its length, so that no two identities give the same bytes.
    fn associated_data(&self, seal_version: u8) -> Vec<u8> {
        let mut data = b"authsome vault".to_vec();
        data.push(seal_version);
        if !Defence::SealIdentity.stands() {
            return data;
        }
        if seal_version == FIRST_SEAL_VERSION {
            data.extend_from_slice(&FIRST_SCHEMA_VERSION.to_be_bytes());
        }
        for text in [self.kind, self.name] {
            data.extend_from_slice(&(text.len() as u64).to_be_bytes());
            data.extend_from_slice(text.as_bytes());
        }
        data.extend_from_slice(&self.generation.to_be_bytes());
        data
    }
}

impl Seal {
    pub(super) fn new(master_key: &MasterKey) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, master_key.bytes().expose())
            .expect("a master key has 32 bytes, the length of an AES-256 key");
        Self {
            key: LessSafeKey::new(key),
        }
    }

    pub(super) fn seal(
        &self,
        identity: &Identity<'_>,
        plain: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0_u8; NONCE_LEN];
        getrandom::fill(&mut nonce)?;
        let header = 1 + NONCE_LEN;
        // Encrypted in place, in a buffer that never grows, so that no copy of the plaintext stays
        // in memory.
        let mut sealed = Vec::with_capacity(header + plain.expose().len() + AES_256_GCM.tag_len());
        sealed.push(SEAL_VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain.expose());
        let aad = Aad::from(identity.associated_data(SEAL_VERSION));
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                aad,
                &mut sealed[header..],
            )
            .expect("records are far below AES-GCM's limit of 64 GiB");
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    pub(super) fn open(
        &self,
        identity: &Identity<'_>,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, DoesNotOpen> {
        let (&version, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
        let is_known = version == SEAL_VERSION || version == FIRST_SEAL_VERSION;
        if !is_known || rest.len() < NONCE_LEN {
            return Err(DoesNotOpen);
        }
        let (nonce, ciphertext) = rest.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut buffer = zeroize::Zeroizing::new(ciphertext.to_vec());
        let aad = Aad::from(identity.associated_data(version));
        let plain = self
            .key
            .open_in_place(nonce, aad, &mut buffer)
            .map_err(|_| DoesNotOpen)?;
        let length = plain.len();
        buffer.truncate(length); // the tag follows it, which is no secret
        Ok(Secret::new(std::mem::take(&mut *buffer)))
    }
}

/// Whatever lies in place of a sealed record does not open, unless it is the one that was sealed.
#[cfg(any(fuzzing, test))]
pub(crate) fn never_opens(bytes: &[u8]) {
    let identity = Identity {
        kind: "connection",
        name: "gitlab/work",
        generation: 7,
    };
    // A new key each time: a fuzzer that reads along what is compared learns a record of the last
    // one.
    let mut key = [0; 32];
    getrandom::fill(&mut key).expect("there is randomness");
    let seal = Seal::new(&MasterKey::from_bytes(key));
    assert!(seal.open(&identity, bytes).is_err());
    // A true one in which some bytes are others.
    let plain = Secret::new(b"token".to_vec());
    let mut sealed = seal.seal(&identity, &plain).expect("there is randomness");
    let before = sealed.clone();
    for (at, byte) in sealed.iter_mut().zip(bytes) {
        *at ^= byte;
    }
    let opened = seal.open(&identity, &sealed);
    assert_eq!(opened.is_ok(), sealed == before);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Identity<'_> = Identity {
        kind: "connection",
        name: "gitlab/work",
        generation: 7,
    };

    fn seal() -> Seal {
        Seal::new(&MasterKey::from_bytes([7; 32]))
    }

    #[test]
    fn opens_what_it_sealed() {
        let sealed = seal().seal(&WORK, &Secret::new(b"token".to_vec())).unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        assert_eq!(seal().open(&WORK, &sealed).unwrap().expose(), b"token");
    }

    #[test]
    fn opens_under_no_other_identity_key_or_bytes() {
        let sealed = seal().seal(&WORK, &Secret::new(b"token".to_vec())).unwrap();
        let others = [
            Identity {
                name: "gitlab/home",
                ..WORK
            },
            Identity {
                kind: "client",
                ..WORK
            },
            Identity {
                generation: 8,
                ..WORK
            },
            Identity {
                kind: "connectiong",
                name: "itlab/work",
                ..WORK
            },
        ];
        for other in others {
            assert!(seal().open(&other, &sealed).is_err(), "{other:?}");
        }
        assert!(
            Seal::new(&MasterKey::from_bytes([8; 32]))
                .open(&WORK, &sealed)
                .is_err()
        );
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert!(seal().open(&WORK, &altered).is_err(), "byte {position}");
        }
        for length in 0..sealed.len() {
            assert!(
                seal().open(&WORK, &sealed[..length]).is_err(),
                "length {length}"
            );
        }
    }

    #[test]
    fn never_seals_twice_alike() {
        let value = Secret::new(b"token".to_vec());
        assert_ne!(
            seal().seal(&WORK, &value).unwrap(),
            seal().seal(&WORK, &value).unwrap()
        );
    }
}
