//! An endpoint in a definition: a fixed URL, or a path on the instance.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::base_url::{BaseUrl, UrlError, parse_url};

/// Existing definitions write this before a path on the instance; a leading `/` alone means the
/// same.
const BASE_URL_TEMPLATE: &str = "{base_url}";

/// An endpoint in a definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
    /// A fixed URL.
    Fixed(Url),
    /// A path below the base URL: `/oauth/token`, or `{base_url}/oauth/token`.
    OnInstance(String),
}

impl Endpoint {
    /// Whether the endpoint is relative to the base URL.
    pub fn is_on_instance(&self) -> bool {
        matches!(self, Self::OnInstance(_))
    }

    /// The URL of the endpoint at `base`. A fixed URL below `own` (the definition's own base URL)
    /// moves to `base` too. `None` if the endpoint needs a base URL and there is none.
    pub(crate) fn resolve(&self, base: Option<&BaseUrl>, own: Option<&BaseUrl>) -> Option<Url> {
        match (self, base) {
            (Self::OnInstance(path), base) => Some(base?.join(path)),
            (Self::Fixed(url), Some(base)) if own.is_some_and(|own| own != base) => {
                let Some(path) = own.and_then(|own| own.path_below(url)) else {
                    return Some(url.clone());
                };
                let mut moved = base.join(path);
                moved.set_query(url.query());
                Some(moved)
            }
            (Self::Fixed(url), _) => Some(url.clone()),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(url) => url.fmt(formatter),
            Self::OnInstance(path) => formatter.write_str(path),
        }
    }
}

impl FromStr for Endpoint {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = match text.strip_prefix(BASE_URL_TEMPLATE) {
            Some(path) if path.is_empty() || path.starts_with('/') => path,
            None if text.starts_with('/') => text,
            _ => return parse_url(text).map(Self::Fixed),
        };
        let odd = |character: char| {
            character.is_control() || character.is_whitespace() || "#%\\{}".contains(character)
        };
        // URL parsers read `//host/path` as a URL of another host.
        if path.contains(odd) || path.contains("//") {
            return Err(UrlError::Character);
        }
        let before_query = path.split('?').next().unwrap_or_default();
        if before_query
            .split('/')
            .any(|segment| segment == "." || segment == "..")
        {
            return Err(UrlError::DotSegment);
        }
        Ok(Self::OnInstance(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(endpoint: &str, base: Option<&str>, own: Option<&str>) -> Option<String> {
        let parse = |text: Option<&str>| text.map(|text| text.parse::<BaseUrl>().unwrap());
        let endpoint: Endpoint = endpoint.parse().unwrap();
        endpoint
            .resolve(parse(base).as_ref(), parse(own).as_ref())
            .map(String::from)
    }

    #[test]
    fn follows_the_base_url() {
        let acme = Some("https://git.acme.com/gl");
        let own = Some("https://github.com");
        for (endpoint, base, expected) in [
            (
                "/oauth/token",
                acme,
                Some("https://git.acme.com/gl/oauth/token"),
            ),
            (
                "{base_url}/oauth/token",
                acme,
                Some("https://git.acme.com/gl/oauth/token"),
            ),
            ("/oauth/token", None, None),
            (
                "https://github.com/a?b=c",
                acme,
                Some("https://git.acme.com/gl/a?b=c"),
            ),
            (
                "https://github.com/a?b=c",
                own,
                Some("https://github.com/a?b=c"),
            ),
            (
                "https://auth.example.com/a",
                acme,
                Some("https://auth.example.com/a"),
            ),
        ] {
            assert_eq!(at(endpoint, base, own).as_deref(), expected, "{endpoint}");
        }
    }

    #[test]
    fn refuses_what_is_not_safe() {
        for text in [
            "",
            "oauth/token",
            "http://example.com/token",
            "//evil.com/x",
            "/a/../b",
            "/a b",
            "/{base_url}/x",
            "https://u@e.com/",
            "https://e.com/#a",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
        assert!("http://127.0.0.1:8080/token".parse::<Endpoint>().is_ok());
    }
}
