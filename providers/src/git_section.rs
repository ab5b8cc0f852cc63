//! Where git's repositories are, and under which addresses they are reached by SSH.

use std::fmt;
use std::str::FromStr;

use crate::base_url::strip_path_prefix;
use crate::host::HostPattern;

/// The port of SSH.
pub(crate) const SSH: u16 = 22;

/// Where git's repositories are, and how git logs in there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GitSection {
    /// The host that serves them over HTTPS; `None` for every host of the service.
    pub host: Option<HostPattern>,
    /// The path from the root of the host below which they are, as `/scm`; `None` for the whole
    /// service.
    pub below: Option<String>,
    /// Names and ports under which the same repositories are reached by SSH.
    pub ssh: Vec<(String, u16)>,
    /// The port of SSH on the host that serves them over HTTPS.
    pub ssh_port: u16,
    /// Paths of SSH addresses that are others over HTTPS.
    pub(crate) ssh_paths: Vec<SshPath>,
}

impl GitSection {
    /// The path over HTTPS of a request to a path as an SSH address has it: git rewrites the
    /// beginning of an address only, so a path of another form arrives as it was. `None` if the
    /// path is not git's, or has no other form. `path` is relative to the base URL.
    pub fn https_path(&self, path: &str) -> Option<String> {
        self.ssh_paths.iter().find_map(|known| known.https(path))
    }
}

/// A path of SSH addresses, and the same repository's over HTTPS. A `*` is any one segment; the
/// stars of both stand for the same segments, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SshPath {
    from: Segments,
    to: Segments,
}

impl SshPath {
    pub(crate) fn new(from: Segments, to: Segments) -> Result<Self, &'static str> {
        if from.stars() != to.stars() {
            return Err("`from` and `to` need as many stars");
        }
        Ok(Self { from, to })
    }

    fn https(&self, path: &str) -> Option<String> {
        let mut rest = path.strip_prefix('/')?;
        let mut stars = Vec::new();
        for segment in &self.from.0 {
            let (found, behind) = rest.split_once('/')?;
            match segment {
                Some(text) if text != found => return None,
                None if found.is_empty() => return None,
                Some(_) => {}
                None => stars.push(found),
            }
            rest = behind;
        }
        if !is_of_git(rest) {
            return None;
        }
        let mut stars = stars.into_iter();
        let mut moved = String::new();
        for segment in &self.to.0 {
            moved.push('/');
            moved.push_str(match segment {
                Some(text) => text,
                None => stars.next()?,
            });
        }
        Some(format!("{moved}/{rest}"))
    }
}

/// Whether that is what git or git-lfs asks for behind a repository's path.
fn is_of_git(rest: &str) -> bool {
    matches!(rest, "git-receive-pack" | "git-upload-pack" | "info/refs")
        || strip_path_prefix(rest, "info/lfs").is_some_and(|below| below != "/")
}

/// A path, segment by segment; `None` is a star.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Segments(Vec<Option<String>>);

impl Segments {
    fn stars(&self) -> usize {
        self.0.iter().filter(|segment| segment.is_none()).count()
    }
}

/// A path that is none of whole segments and stars.
#[derive(Debug)]
pub(crate) struct SegmentsError;

impl fmt::Display for SegmentsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it is a path of whole segments, as `/v3/*/*`")
    }
}

impl FromStr for Segments {
    type Err = SegmentsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let segments = text.strip_prefix('/').ok_or(SegmentsError)?.split('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let parsed = segments.map(|segment| match segment {
            "*" => Ok(None),
            "" | "." | ".." => Err(SegmentsError),
            text if text.bytes().all(plain) => Ok(Some(text.to_owned())),
            _ => Err(SegmentsError),
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(from: &str, to: &str) -> Result<SshPath, &'static str> {
        SshPath::new(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn a_path_of_ssh_is_the_same_repository_over_https() {
        let azure = path("/v3/*/*/*", "/*/*/_git/*").unwrap();
        for (ssh, https) in [
            ("/v3/acme/p/r/info/refs", Some("/acme/p/_git/r/info/refs")),
            (
                "/v3/acme/My%20P/r.git/info/lfs/objects/batch",
                Some("/acme/My%20P/_git/r.git/info/lfs/objects/batch"),
            ),
            (
                "/v3/acme/p/r/git-receive-pack",
                Some("/acme/p/_git/r/git-receive-pack"),
            ),
            ("/v3/acme/p/r", None),
            ("/v3/acme/p/r/", None),
            ("/v3/acme/p/info/refs", None),
            ("/v3/acme//r/info/refs", None),
            ("/v3/acme/p/r/tree/info/refs", None),
            ("/v3/acme/p/r/info/lfs", None),
            ("/v3/acme/p/r/info/lfsx", None),
            ("/v2/acme/p/r/info/refs", None),
            ("v3/acme/p/r/info/refs", None),
        ] {
            assert_eq!(azure.https(ssh).as_deref(), https, "{ssh}");
        }
    }

    #[test]
    fn both_have_the_same_stars() {
        assert!(path("/v3/*/*", "/*/_git/x").is_err());
        for wrong in ["v3/*", "/v3//*", "/v*", "/..", "/a?b", "/a%2Fb", ""] {
            assert!(wrong.parse::<Segments>().is_err(), "{wrong}");
        }
    }
}
