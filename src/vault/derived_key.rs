//! Keys that are derived from a secret, each for one use (RFC 5869). What is derived tells nothing
//! of the secret.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The length of a key.
#[derive(Clone, Copy)]
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

/// The first step, for all keys of that secret.
pub(super) fn extract(secret: &[u8]) -> Prk {
    Salt::new(HKDF_SHA256, &[]).extract(secret)
}

/// The key for that use.
pub(super) fn derived(extracted: &Prk, wanted: &[u8]) -> Secret<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let name = [wanted];
    let expanded = extracted.expand(&name, Length);
    let filled = expanded.and_then(|expanded| expanded.fill(key.as_mut()));
    filled.expect("32 bytes are within what HKDF gives");
    Secret::new(*key)
}
