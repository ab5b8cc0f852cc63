//! Which grant a pair belongs to, and how often that grant has been renewed: of two pairs of one
//! grant, the later one is known by this, on whichever machine each of them is.
//!
//! A refresh token is accepted once, so the pairs of a grant are a chain, and a number is enough.
//! The first pair names the grant. It is not stored with that pair, but derived from it: two
//! machines that have a copy of a vault of before derive the same.

use std::cmp::Ordering;

use aws_lc_rs::digest::{Context, SHA256};

use super::terms::hexadecimal;
use crate::secret::Secret;

/// The bytes of the digest that name a grant.
const NAME_LENGTH: usize = 16;

/// Where a pair stands among those of its grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The grant, by a digest of its first pair.
    pub grant: String,
    /// How many refreshes have led to this pair.
    pub rotation: u64,
}

impl Lineage {
    /// Of the first pair that is known of a grant.
    pub(super) fn first(access: &Secret<String>) -> Self {
        let mut digest = Context::new(&SHA256);
        digest.update(b"authsome grant\0");
        digest.update(access.expose().as_bytes());
        let digest = digest.finish();
        let name = digest.as_ref().get(..NAME_LENGTH).unwrap_or_default();
        Self {
            grant: hexadecimal(name),
            rotation: 0,
        }
    }

    /// Of the pair after a refresh.
    pub(super) fn next(self) -> Self {
        Self {
            rotation: self.rotation.saturating_add(1),
            ..self
        }
    }

    /// Whether the pair is later than the other one of the same grant; `None` for another grant.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        (self.grant == other.grant).then(|| self.rotation.cmp(&other.rotation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::connection::record::Tokens;
    use crate::connection::sample::connection;
    use crate::oauth::TokenSet;

    fn renewed(tokens: &Tokens, access: &str) -> Tokens {
        let set = TokenSet {
            access_token: Secret::new(access.to_owned()),
            refresh_token: None,
            expires_in: None,
            scopes: None,
            urls: Vec::new(),
        };
        tokens.rotate(set, Timestamp::from_seconds(0))
    }

    #[test]
    fn the_pairs_of_a_grant_are_in_order_and_those_of_another_are_not() {
        let first = connection().tokens;
        let second = renewed(&first, "second");
        let third = renewed(&second, "third");
        assert_eq!(third.lineage().rotation, 2);
        let compare = |one: &Tokens, other: &Tokens| one.lineage().compare(&other.lineage());
        assert_eq!(compare(&third, &first), Some(Ordering::Greater));
        assert_eq!(compare(&first, &second), Some(Ordering::Less));
        assert_eq!(compare(&second, &second), Some(Ordering::Equal));
        let mut other = first.clone();
        other.access = Secret::new("of another login".to_owned());
        assert_eq!(compare(&renewed(&other, "second"), &first), None);
    }
}
