//! The key that seals exports, derived from the master key: a machine that has the same master key
//! opens them, and what is derived does not tell the master key (RFC 5869).

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use super::master_key::MasterKey;
use crate::secret::Secret;

/// What the key is for. Another use of the master key has another name, and so another key.
const USE: &[u8] = b"authsome export 1";

/// The length of the key.
#[derive(Clone, Copy)]
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

/// The key of exports.
pub(super) fn export_key(master_key: &MasterKey) -> Secret<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, &[]).extract(master_key.bytes().expose());
    let expanded = extracted.expand(&[USE], Length);
    let filled = expanded.and_then(|expanded| expanded.fill(key.as_mut()));
    filled.expect("32 bytes are within what HKDF gives");
    Secret::new(*key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_the_same_for_a_master_key_and_tells_nothing_of_it() {
        let key = |byte| export_key(&MasterKey::from_bytes([byte; 32]));
        assert!(key(1).matches(key(1).expose()));
        assert!(!key(1).matches(key(2).expose()));
        assert!(!key(1).matches(&[1; 32]));
        // Exports that were made once must open for good.
        let first = key(1).expose()[..4].to_vec();
        assert_eq!(first, [145, 249, 61, 252]);
    }
}
