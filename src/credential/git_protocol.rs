//! git's credential protocol: what git asks a credential helper, and what it is answered
//! (git-credential(1), gitcredentials(7)). Both are lines of `name=value`.

use authsome_providers::{Piece, Shape};

use super::ready::text;
use super::{Credential, Fields};
use crate::authority::Authority;
use crate::secret::Secret;

/// The longest request, in bytes. git sends a few lines, and with them what a server's 401 has
/// said (`wwwauth[]`).
pub(crate) const MAX_REQUEST: u64 = 64 * 1024;

/// The port that a URL without one means.
const HTTPS: u16 = 443;

/// What git asks, or tells, of a credential.
#[derive(Debug, Default)]
pub(crate) struct GitRequest {
    /// Whether git will send the credential over HTTPS.
    pub(crate) is_https: bool,
    /// The host and port; `None` if the request names none, or one that cannot be.
    pub(crate) authority: Option<Authority>,
    /// The repository's path without its first slash, if git tells it (`credential.useHttpPath`).
    pub(crate) path: Option<String>,
    /// The user name in the URL, or in git's configuration.
    pub(crate) username: Option<String>,
    /// Whether git takes an `Authorization` of another scheme than Basic (git 2.46).
    pub(crate) takes_authtype: bool,
    /// What a server has refused, in a request to erase it.
    rejected: Option<Secret<String>>,
}

/// A request that is not in git's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is not in the format of git's credential helpers: lines of name=value")]
pub(crate) struct NotARequest;

impl GitRequest {
    /// Parses a request, which an empty line or the end of the input ends. Names that are not known
    /// are skipped, as git wants it.
    pub(crate) fn parse(request: &[u8]) -> Result<Self, NotARequest> {
        let mut parsed = Self::default();
        let mut host = None;
        let lines = request.split(|byte| *byte == b'\n');
        for line in lines.take_while(|line| !line.is_empty()) {
            let line = std::str::from_utf8(line).map_err(|_| NotARequest)?;
            let (name, value) = line.split_once('=').ok_or(NotARequest)?;
            if value.contains('\0') {
                return Err(NotARequest);
            }
            let given = || Some(value.to_owned()).filter(|value| !value.is_empty());
            match name {
                "protocol" => parsed.is_https = value == "https",
                "host" => host = given(),
                "path" => parsed.path = given(),
                "username" => parsed.username = given(),
                "password" | "credential" => parsed.rejected = given().map(Secret::new),
                // An empty value takes back what came before.
                "capability[]" if value.is_empty() => parsed.takes_authtype = false,
                "capability[]" => parsed.takes_authtype |= value == "authtype",
                _ => {}
            }
        }
        parsed.authority = host.and_then(|host| Authority::parse(&host, Some(HTTPS)));
        Ok(parsed)
    }

    /// Whether this credential is the one that a server has refused.
    pub(crate) fn rejects(&self, credential: &Credential) -> bool {
        let rejected = self.rejected.as_ref();
        rejected.is_some_and(|rejected| credential.token.matches(rejected.expose().as_bytes()))
    }
}

/// The user name that every account has in this shape, as GitLab's `oauth2`.
pub(crate) fn common_username(shape: &Shape) -> Option<String> {
    let Shape::Basic { username, .. } = shape else {
        return None;
    };
    let pieces = username.pieces().iter().map(|piece| match piece {
        Piece::Text(text) => Some(text.as_str()),
        _ => None,
    });
    pieces.collect()
}

/// The answer, without a line feed at its end. `None` if git cannot take the credential: in another
/// shape, or with characters that would be read as a line of their own.
pub(crate) fn answer(shape: &Shape, credential: &Credential) -> Option<Secret<String>> {
    let fields: Fields<'_> = credential.fields();
    let (first, second) = match shape {
        Shape::Basic { username, password } => (
            ("username=", text(username, fields)),
            ("\npassword=", text(password, fields)),
        ),
        Shape::Bearer => (
            (
                "capability[]=authtype\nauthtype=",
                "Bearer".to_owned().into(),
            ),
            // No other helper of the user's is to keep what ends soon.
            ("\nephemeral=1\ncredential=", credential.token.clone()),
        ),
        _ => return None,
    };
    let (values, is_plain) = {
        let values = [first.1.expose().as_str(), second.1.expose().as_str()];
        (
            values,
            values.iter().all(|value| !value.contains(char::is_control)),
        )
    };
    if !is_plain {
        return None;
    }
    let expiry = credential.expires_at;
    let expiry = expiry.map(|end| format!("\npassword_expiry_utc={}", end.seconds()));
    let expiry = expiry.unwrap_or_default();
    // In one piece: a text that grows would leave a copy behind.
    Some(
        [first.0, values[0], second.0, values[1], &expiry]
            .concat()
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use authsome_providers::Template;

    use super::*;
    use crate::clock::Timestamp;

    fn credential(token: &str, expires_at: Option<u64>) -> Credential {
        Credential {
            token: Secret::new(token.to_owned()),
            others: Vec::new(),
            secrets: Vec::new(),
            generation: 1,
            obtained_at: Timestamp::from_seconds(1),
            refresh_at: None,
            expires_at: expires_at.map(Timestamp::from_seconds),
            routes: Vec::new(),
        }
    }

    #[test]
    fn a_request_is_read_to_its_empty_line() {
        let text = b"capability[]=state\ncapability[]=authtype\nprotocol=https\nhost=GitLab.test:8443\n\
            path=group/p.git\nusername=ada\nwwwauth[]=Basic realm=\"a=b\"\nnew-name=x\n\nhost=other.test\n";
        let request = GitRequest::parse(text).unwrap();
        assert!(request.is_https && request.takes_authtype);
        let authority = request.authority.unwrap();
        assert_eq!((authority.host(), authority.port()), ("gitlab.test", 8443));
        assert_eq!(request.path.as_deref(), Some("group/p.git"));
        assert_eq!(request.username.as_deref(), Some("ada"));
    }

    #[test]
    fn what_is_taken_back_or_empty_is_not_given() {
        let text = b"protocol=http\nhost=[::1]\nusername=\ncapability[]=authtype\ncapability[]=";
        let request = GitRequest::parse(text).unwrap();
        assert!(!request.is_https && !request.takes_authtype);
        assert_eq!(request.authority.unwrap().to_string(), "[::1]:443");
        assert_eq!(request.username, None);
        assert!(GitRequest::parse(b"host=a b").unwrap().authority.is_none());
        assert!(GitRequest::parse(b"").unwrap().authority.is_none());
    }

    #[test]
    fn what_git_never_sends_is_refused() {
        for text in [
            &b"host"[..],
            b"host=a\0b",
            b"host=\xff",
            b"GET / HTTP/1.1\r\n",
        ] {
            assert_eq!(GitRequest::parse(text).err(), Some(NotARequest), "{text:?}");
        }
    }

    #[test]
    fn an_answer_has_what_git_takes_and_never_a_second_line() {
        let basic = Shape::Basic {
            username: Template::text("oauth2"),
            password: Template::credential(),
        };
        let told = |shape: &Shape, token, end| {
            let answer = answer(shape, &credential(token, end))?;
            Some(answer.expose().clone())
        };
        let expected = "username=oauth2\npassword=token\npassword_expiry_utc=99";
        assert_eq!(told(&basic, "token", Some(99)).as_deref(), Some(expected));
        let expected = "capability[]=authtype\nauthtype=Bearer\nephemeral=1\ncredential=token";
        assert_eq!(
            told(&Shape::Bearer, "token", None).as_deref(),
            Some(expected)
        );
        assert_eq!(told(&basic, "token\nhost=evil.test", None), None);
        assert_eq!(told(&Shape::SigV4, "token", None), None);
        assert_eq!(common_username(&basic).as_deref(), Some("oauth2"));
    }

    #[test]
    fn only_the_refused_token_is_refused() {
        let request = GitRequest::parse(b"host=a.test\npassword=old").unwrap();
        assert!(request.rejects(&credential("old", None)));
        assert!(!request.rejects(&credential("new", None)));
        assert!(!GitRequest::default().rejects(&credential("", None)));
        assert!(!format!("{request:?}").contains("old"));
    }
}
