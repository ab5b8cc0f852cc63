//! The keys for exports, derived from the master key: a machine that has the same master key opens
//! them, and what is derived does not tell the master key (RFC 5869).

use std::fmt;

use aws_lc_rs::hmac;

use super::derived_key::{derived, extract};
use super::master_key::MasterKey;
use crate::secret::Secret;

/// What a key is for. Another use of the master key has another name, and so another key.
const SEALING: &[u8] = b"authsome export 1";
const AUTHENTICATION: &[u8] = b"authsome export mac 1";

/// The bytes of a code that [`ExportKeys::authenticate`] gives.
pub const CODE_LENGTH: usize = 32;

/// The keys for what leaves the vault for others that have the same master key.
pub struct ExportKeys {
    sealing: Secret<[u8; 32]>,
    /// Not the sealing key: that one's public half seals, and others may be told of it.
    authentication: hmac::Key,
}

impl fmt::Debug for ExportKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportKeys([redacted])")
    }
}

impl ExportKeys {
    /// The keys for that master key.
    pub(super) fn of(master_key: &MasterKey) -> Self {
        Self::from_bytes(master_key.bytes())
    }

    pub(crate) fn from_bytes(bytes: &Secret<[u8; 32]>) -> Self {
        let extracted = extract(bytes.expose());
        let authentication = derived(&extracted, AUTHENTICATION);
        Self {
            sealing: derived(&extracted, SEALING),
            authentication: hmac::Key::new(hmac::HMAC_SHA256, authentication.expose()),
        }
    }

    /// The key that opens exports.
    pub fn sealing(&self) -> &Secret<[u8; 32]> {
        &self.sealing
    }

    /// A code of that content, which only who has the master key can make (HMAC, RFC 2104).
    pub fn authenticate(&self, content: &[u8]) -> [u8; CODE_LENGTH] {
        let mut code = [0; CODE_LENGTH];
        let tag = hmac::sign(&self.authentication, content);
        code.copy_from_slice(tag.as_ref());
        code
    }

    /// Whether the code is the one of that content. It is compared in constant time.
    pub fn is_authentic(&self, content: &[u8], code: &[u8]) -> bool {
        hmac::verify(&self.authentication, content, code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(byte: u8) -> ExportKeys {
        ExportKeys::of(&MasterKey::from_bytes([byte; 32]))
    }

    #[test]
    fn they_stay_the_same_for_a_master_key_and_tell_nothing_of_it() {
        let key = |byte| keys(byte).sealing;
        assert!(key(1).matches(key(1).expose()));
        assert!(!key(1).matches(key(2).expose()));
        assert!(!key(1).matches(&[1; 32]));
        // Exports that were made once must open for good.
        let first = key(1).expose()[..4].to_vec();
        assert_eq!(first, [145, 249, 61, 252]);
    }

    #[test]
    fn a_code_is_of_one_content_and_one_master_key() {
        let code = keys(1).authenticate(b"content");
        assert!(keys(1).is_authentic(b"content", &code));
        assert!(!keys(1).is_authentic(b"c0ntent", &code));
        assert!(!keys(2).is_authentic(b"content", &code));
        assert!(!keys(1).is_authentic(b"content", &code[..31]));
    }
}
