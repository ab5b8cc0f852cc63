//! SSH URLs of git remotes, in both syntaxes.

/// The URL schemes that git treats as SSH.
const SSH_SCHEMES: [&str; 3] = ["git+ssh", "ssh", "ssh+git"];

/// An SSH URL in either syntax, split where its path begins.
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
            // `user@host:path`. A slash before the colon makes it a local path; a second colon
            // right after the first makes it a remote helper (`helper::address`).
            None => {
                let (authority, path) = url.split_once(':')?;
                if authority.contains('/') || path.starts_with(':') {
                    return None;
                }
                // A leading slash means the same here, and would become a double slash in the HTTPS
                // URL.
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

    /// Whether the prefix is complete: whatever follows it belongs to the path, not to the host or
    /// port.
    pub(super) fn is_whole(&self) -> bool {
        self.prefix.ends_with([':', '/'])
    }
}

/// The usual spellings of an SSH remote; git compares prefixes byte by byte.
pub(super) fn ssh_prefixes(host: &str, port: u16) -> [String; 8] {
    [
        format!("git@{host}:"),
        format!("git@{host}:/"),
        format!("{host}:"), // the user is in ~/.ssh/config
        format!("ssh://git@{host}/"),
        format!("ssh://git@{host}:{port}/"),
        format!("ssh://{host}/"),
        format!("ssh://{host}:{port}/"),
        format!("git+ssh://git@{host}/"),
    ]
}
