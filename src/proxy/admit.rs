//! Who may use the proxy: whoever has the session's password, which only the child's environment holds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::PROXY_AUTHORIZATION;

use super::refusal::Refusal;
use crate::secret::Secret;

/// The user name in the proxy's URL.
pub(super) const USER: &str = "authsome";

/// The one credential (RFC 7617) that is admitted.
#[derive(Debug)]
pub(super) struct Admission {
    expected: Secret<String>,
}

impl Admission {
    pub(super) fn new(password: &Secret<String>) -> Self {
        let plain = Secret::new(format!("{USER}:{}", password.expose()));
        Self {
            expected: Secret::new(STANDARD.encode(plain.expose())),
        }
    }

    /// Compares in constant time; the scheme is compared without case, as httplib2 sends it in lower case.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let offered = headers
            .get(PROXY_AUTHORIZATION)
            .and_then(|value| value.as_bytes().split_at_checked("basic ".len()));
        match offered {
            Some((scheme, credential))
                if scheme.eq_ignore_ascii_case(b"basic ")
                    && self.expected.matches(credential.trim_ascii()) =>
            {
                Ok(())
            }
            _ => Err(Refusal::ProxyAuthentication),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(header: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(text) = header {
            headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        }
        Admission::new(&Secret::new("s3cret".to_owned()))
            .check(&headers)
            .is_ok()
    }

    #[test]
    fn admits_the_password_and_nothing_else() {
        let good = STANDARD.encode("authsome:s3cret");
        assert!(check(Some(&format!("Basic {good}"))));
        assert!(check(Some(&format!("basic {good} "))));
        for bad in [
            None,
            Some(""),
            Some("Basic"),
            Some(&*format!("Bearer {good}")),
            Some(&*format!("Basic {}", STANDARD.encode("authsome:other"))),
            Some(&*format!("Basic {}", STANDARD.encode("root:s3cret"))),
        ] {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
