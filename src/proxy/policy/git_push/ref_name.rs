//! Names of refs, as git checks them.

/// The longest name in bytes, which is the longest path of a file where servers keep refs as files.
const MAX_NAME: usize = 4096;

/// The name, if it is a full and valid one (git-check-ref-format). A server refuses all others, and
/// a rule must not read one otherwise than the server.
pub(super) fn checked(name: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(name).ok()?;
    let rest = name.strip_prefix("refs/")?;
    let is_plain = |byte: u8| byte > b' ' && byte != 0x7f && !b"~^:?*[\\".contains(&byte);
    let is_valid = name.len() <= MAX_NAME
        && rest.split('/').all(is_component)
        && rest.contains('/')
        && rest.bytes().all(is_plain)
        && !rest.contains("..")
        && !rest.contains("@{")
        && !rest.ends_with('.');
    is_valid.then_some(name)
}

fn is_component(part: &str) -> bool {
    // Some servers keep refs as files, on systems where `.LOCK` is `.lock`.
    let has_lock =
        part.len() >= 5 && part.as_bytes()[part.len() - 5..].eq_ignore_ascii_case(b".lock");
    !part.is_empty() && !part.starts_with('.') && !has_lock
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn names_are_checked_as_git_checks_them() {
        for name in [
            "refs/heads/main",
            "refs/heads/agent/é",
            "refs/tags/v1.0",
            "refs/notes/a@b",
        ] {
            assert_eq!(checked(name.as_bytes()), Some(name));
        }
        for name in [
            "main",
            "HEAD",
            "refs/heads",
            "refs/heads/",
            "refs//heads/a",
            "/refs/heads/a",
            "refs/heads/../main",
            "refs/heads/a..b",
            "refs/heads/.a",
            "refs/heads/a.lock",
            "refs/heads/a.lock/b",
            "refs/heads/a.",
            "refs/heads/a b",
            "refs/heads/a\nb",
            "refs/heads/a*",
            "refs/heads/a@{1}",
            "refs/heads/a\\b",
            "refs/heads/a:b",
            "refs/stash",
        ] {
            assert_eq!(checked(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(checked(b"refs/heads/\xff"), None);
    }
}
