//! SSH remotes as git takes them, in either spelling.

/// The schemes that git takes for SSH.
const SSH_SCHEMES: [&str; 3] = ["git+ssh", "ssh", "ssh+git"];

/// An SSH URL in either spelling, cut where its path begins.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct SshUrl<'url> {
    pub(super) host: &'url str,
    pub(super) prefix: &'url str,
    pub(super) path: &'url str,
}

impl<'url> SshUrl<'url> {
    pub(super) fn parse(url: &'url str) -> Option<Self> {
        let (authority, end) = match url.split_once("://") {
            Some((scheme, rest)) if SSH_SCHEMES.contains(&scheme) => {
                let authority = rest.split('/').next()?;
                let end = scheme.len() + "://".len() + authority.len() + "/".len();
                (authority, end.min(url.len()))
            }
            Some(_) => return None,
            // `user@host:path`; a slash before the colon makes it a local path, a second colon
            // after it the name of a helper.
            None => {
                let (authority, path) = url.split_once(':')?;
                if authority.contains('/') || path.starts_with(':') {
                    return None;
                }
                // Means the same, and would stand twice in a URL.
                let slash = usize::from(path.starts_with('/'));
                (authority, authority.len() + ":".len() + slash)
            }
        };
        let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (prefix, path) = url.split_at(end);
        Some(Self {
            host: host.split(':').next()?,
            prefix,
            path,
        })
    }

    /// Whether the host's name, or its port, cannot go on after the prefix.
    pub(super) fn is_whole(&self) -> bool {
        self.prefix.ends_with([':', '/'])
    }
}

/// The spellings of an SSH remote that are in use; git compares letter by letter.
pub(super) fn ssh_prefixes(host: &str, port: u16) -> [String; 8] {
    [
        format!("git@{host}:"),
        format!("git@{host}:/"),
        format!("{host}:"), // the user from ~/.ssh/config
        format!("ssh://git@{host}/"),
        format!("ssh://git@{host}:{port}/"),
        format!("ssh://{host}/"),
        format!("ssh://{host}:{port}/"),
        format!("git+ssh://git@{host}/"),
    ]
}
