//! Gives the child placeholders for what a response mints.

use http::HeaderMap;

use super::scrubbing::Scrubbing;
use crate::proxy::policy::route::Route;
use crate::proxy::rewrite::scrub::mint_fields;
use crate::proxy::rewrite::scrub::mints::{Minter, NotReplaced};
use authsome_providers::{SecretShape, Then};

/// What stands before the signature of a JWT, at the least: its header and its claims.
const JWT_START: &str = "eyJ";

/// The longest prefix of a token that is not of a known shape.
const MAX_PREFIX: usize = 12;

/// Where the fresh secrets of one response go. Without a route, nothing is minted.
#[derive(Clone, Copy)]
pub(super) struct Mint<'a> {
    pub(super) scrubbing: &'a Scrubbing,
    pub(super) route: Option<&'a Route>,
}

impl Mint<'_> {
    /// Replaces fresh secrets in a response's fields. Returns how many were found.
    pub(super) fn fields(&self, headers: &mut HeaderMap) -> Result<u64, NotReplaced> {
        match self.route.and_then(|route| route.mints()) {
            Some(shapes) => mint_fields(headers, shapes, self),
            None => Ok(0),
        }
    }

    /// What stands for a token of a token endpoint's response, whatever its shape.
    ///
    /// Of a JWT only the signature is replaced: its claims are the user's own, programs read them,
    /// and without the signature it opens nothing.
    pub(super) fn token(&self, token: &str) -> Result<Option<String>, NotReplaced> {
        let Some(route) = self.route.filter(|_| !token.is_empty()) else {
            return Ok(None);
        };
        let mint = |secret, prefix| self.scrubbing.mint(secret, prefix, &route.id);
        if let Some((claims, signature)) = token.rsplit_once('.')
            && token.starts_with(JWT_START)
            && claims.split('.').count() == 2
            && !signature.is_empty()
        {
            let signature = mint(signature, "")?;
            return Ok(signature.map(|signature| format!("{claims}.{signature}")));
        }
        mint(token, prefix_of(token))
    }
}

/// What a token begins with, by which programs tell what it is: `gho_`, `gloas-`.
fn prefix_of(token: &str) -> &str {
    let start = token.get(..MAX_PREFIX).unwrap_or(token);
    let end = start.find(['-', '_']).map_or(0, |at| at + 1);
    let prefix = token.get(..end).unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if prefix.bytes().all(is_plain) {
        prefix
    } else {
        ""
    }
}

impl Minter for Mint<'_> {
    fn placeholder(
        &self,
        secret: &[u8],
        shape: &SecretShape,
    ) -> Result<Option<Vec<u8>>, NotReplaced> {
        let (Some(route), Ok(secret)) = (self.route, std::str::from_utf8(secret)) else {
            return Ok(None);
        };
        if shape.then == Then::Refuse {
            return Err(NotReplaced::Refused(shape.to_string()));
        }
        let made = self.scrubbing.mint(secret, shape.prefix(), &route.id)?;
        Ok(made.map(String::into_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_begins_as_programs_expect() {
        for (token, prefix) in [
            ("gho_0123456789", "gho_"),
            ("gloas-0123456789", "gloas-"),
            ("0123456789abcdef0123_", ""),
            ("a b-0123456789abcdef", ""),
            ("", ""),
        ] {
            assert_eq!(prefix_of(token), prefix);
        }
    }
}
