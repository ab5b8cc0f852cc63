//! What a login is for, as users type it: a provider, a connection of it, or a server's address.

use std::str::FromStr;

use authsome_providers::{BaseUrl, UrlError};

use super::named::Target;

/// What a login is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum LoginTarget {
    /// A server, by its host, or by the URL of one of its pages or repositories.
    Address(BaseUrl),
    /// A provider, or a connection of it. A provider's name may have dots, so the same word may
    /// also be a host; it is one if there is no such provider.
    Provider(Target, Option<BaseUrl>),
}

const EXPECTED: &str = "expected a provider, such as gitlab, a connection, or a server's address";

impl FromStr for LoginTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = text.split('/').next().unwrap_or_default();
        match text.parse::<Target>() {
            Ok(target) if first.contains('.') || first == "localhost" => {
                Ok(Self::Provider(target, address(text).ok()))
            }
            Ok(target) => Ok(Self::Provider(target, None)),
            Err(_) if text.contains([':', '.']) => match address(text) {
                Ok(address) => Ok(Self::Address(address)),
                Err(error) => Err(error.to_string()),
            },
            Err(_) => Err(EXPECTED.to_owned()),
        }
    }
}

/// The address in a URL that was copied from a browser or from git, with as much of its path as can
/// be an instance's.
pub(in crate::cli) fn address(text: &str) -> Result<BaseUrl, UrlError> {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (host, path) = match scheme {
        // What git calls a remote: the path stands after the colon, or the port is that of SSH.
        None if user.is_some() => (host.split(':').next().unwrap_or_default(), ""),
        Some("ssh" | "git+ssh") => (host.split(':').next().unwrap_or_default(), path),
        // A password in a URL is better not typed at all.
        Some(_) if user.is_some_and(|user| user.contains(':')) => return text.parse(),
        _ => (host, path),
    };
    let scheme = match scheme {
        None | Some("ssh" | "git+ssh") => "https",
        Some(scheme) => scheme,
    };
    let host = format!("{scheme}://{host}");
    let whole = format!("{host}/{path}").parse();
    whole.or_else(|_| host.parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match text.parse() {
            Ok(LoginTarget::Address(address)) => format!("at {address}"),
            Ok(LoginTarget::Provider(target, address)) => {
                let name = target.name.map(|name| format!("/{name}"));
                let address = address.map(|address| format!(" or at {address}"));
                let (name, address) = (name.unwrap_or_default(), address.unwrap_or_default());
                format!("{}{name}{address}", target.provider)
            }
            Err(error) => format!("no: {error}"),
        }
    }

    #[test]
    fn users_name_a_provider_or_a_server() {
        for (text, expected) in [
            ("gitlab", "gitlab"),
            ("GitLab", "gitlab"),
            ("gitlab/work", "gitlab/work"),
            (
                "gitlab.acme.com",
                "gitlab.acme.com or at https://gitlab.acme.com",
            ),
            ("localhost:8443", "at https://localhost:8443"),
            ("https://gitlab.acme.com", "at https://gitlab.acme.com"),
            (
                "https://gitlab.acme.com/a/b/-/issues?x=1#y",
                "at https://gitlab.acme.com/a/b/-/issues",
            ),
            (
                "https://gitlab.acme.com/a%20b",
                "at https://gitlab.acme.com",
            ),
            (
                "https://oauth2@gitlab.acme.com/a/b.git",
                "at https://gitlab.acme.com/a/b.git",
            ),
            (
                "git@gitlab.acme.com:group/x.git",
                "at https://gitlab.acme.com",
            ),
            (
                "ssh://git@gitlab.acme.com:2222/g/x.git",
                "at https://gitlab.acme.com/g/x.git",
            ),
            ("http://127.0.0.1:8080", "at http://127.0.0.1:8080"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for wrong in [
            "",
            "git lab",
            "http://gitlab.acme.com",
            "https://a:b@gitlab.acme.com",
        ] {
            assert!(read(wrong).starts_with("no: "), "{wrong}: {}", read(wrong));
        }
    }
}
