//! Which requests are a push, and how their body is coded (gitprotocol-http).

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};

use super::problem::Problem;

/// The type of the body of a push.
const REQUEST_TYPE: &str = "application/x-git-receive-pack-request";

/// The type of its response.
pub(in crate::proxy) const RESULT_TYPE: &str = "application/x-git-receive-pack-result";

/// The end of its path.
const SERVICE: &str = "git-receive-pack";

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum Coding {
    /// It is not.
    Identity,
    /// By gzip.
    Gzip,
}

/// Whether a request pushes to a repository. `path` is canonical.
///
/// The path alone decides, in every spelling by which some server may find its service: an encoded
/// slash, a parameter, a slash at the end, upper case. What precedes a push (`GET
/// …/info/refs?service=git-receive-pack`) is none, nor is `git-upload-archive`.
pub(in crate::proxy) fn is_push(method: &Method, path: &str) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let mut segments = path.rsplit('/').flat_map(|segment| {
        // The canonical path has an encoded slash as `%2F`.
        segment.rsplit("%2F")
    });
    let last = segments.find(|segment| !segment.is_empty());
    let name = last.and_then(|segment| segment.split(';').next());
    name.is_some_and(|name| name.eq_ignore_ascii_case(SERVICE))
}

/// How the body of a push is coded, after its fields were checked.
pub(in crate::proxy) fn coding_of(fields: &HeaderMap) -> Result<Coding, Problem> {
    let mut types = fields.get_all(CONTENT_TYPE).iter();
    let is_type = types.next().is_some_and(|one| one == REQUEST_TYPE);
    if !is_type || types.next().is_some() {
        return Err(Problem::Malformed("its content type is not that of a push"));
    }
    let mut codings = fields.get_all(CONTENT_ENCODING).iter();
    let coding = match codings.next().map(http::HeaderValue::as_bytes) {
        None => Coding::Identity,
        Some(b"gzip" | b"x-gzip") => Coding::Gzip,
        Some(_) => return Err(UNKNOWN_CODING),
    };
    if codings.next().is_some() {
        return Err(UNKNOWN_CODING);
    }
    Ok(coding)
}

const UNKNOWN_CODING: Problem = Problem::Malformed("its content coding is not gzip");

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::REQUEST_TYPE;
    use crate::proxy::policy::git_push::{Coding, coding_of, is_push};

    #[test]
    fn a_push_is_known_by_its_path() {
        for path in [
            "/g/p.git/git-receive-pack",
            "/g/p/git-receive-pack",
            "/g/p.git/git-receive-pack/",
            "/g/p.git%2Fgit-receive-pack",
            "/g/p.git/git-receive-pack%2F",
            "/g/p.git/git-receive-pack;x=y",
            "/g/p.git/Git-Receive-Pack",
        ] {
            assert!(is_push(&Method::POST, path), "{path}");
            assert!(is_push(&Method::PUT, path), "{path}");
            assert!(!is_push(&Method::GET, path), "{path}");
        }
        for path in [
            "/g/p.git/info/refs",
            "/g/p.git/git-upload-pack",
            "/g/p.git/git-upload-archive",
            "/g/git-receive-pack/info/refs",
            "/g/my-git-receive-pack",
            "/",
            "",
        ] {
            assert!(!is_push(&Method::POST, path), "{path}");
        }
    }

    #[test]
    fn a_body_is_plain_or_gzip() {
        let coding = |fields: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in fields {
                map.append(*name, value.parse().unwrap());
            }
            coding_of(&map)
        };
        let push = ("content-type", REQUEST_TYPE);
        assert_eq!(coding(&[push]), Ok(Coding::Identity));
        assert_eq!(
            coding(&[push, ("content-encoding", "gzip")]),
            Ok(Coding::Gzip)
        );
        let wrong: [&[(&str, &str)]; 6] = [
            &[],
            &[("content-type", "text/plain")],
            &[push, push],
            &[push, ("content-encoding", "br")],
            &[push, ("content-encoding", "gzip, gzip")],
            &[
                push,
                ("content-encoding", "gzip"),
                ("content-encoding", "gzip"),
            ],
        ];
        for fields in wrong {
            assert!(coding(fields).is_err(), "{fields:?}");
        }
    }
}
