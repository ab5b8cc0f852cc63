//! What a JVM's properties know of `NO_PROXY`.

/// An entry of `NO_PROXY` as `http.nonProxyHosts` has it; `None` for what that cannot say: a port, a block of addresses.
pub(super) fn direct(entry: &str) -> Option<String> {
    if entry.contains('/') {
        return None;
    }
    let is_address = entry.bytes().filter(|byte| *byte == b':').count() > 1;
    if entry.starts_with('[') {
        return entry.ends_with(']').then(|| entry.to_owned());
    }
    if is_address {
        return Some(format!("[{entry}]"));
    }
    if entry.contains(':') {
        return None;
    }
    // A star stands at the beginning or at the end.
    let name = entry.strip_prefix('*').unwrap_or(entry);
    match name.strip_prefix('.') {
        Some(domain) => Some(format!("*.{domain}")),
        None => Some(entry.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_become_what_a_jvm_reads() {
        for (entry, expected) in [
            ("localhost", Some("localhost")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("::1", Some("[::1]")),
            ("[fd00::1]", Some("[fd00::1]")),
            ("[fd00::1]:80", None),
            ("db:5432", None),
            ("10.0.0.0/8", None),
            ("fd00::/8", None),
            (".corp", Some("*.corp")),
            ("*.corp", Some("*.corp")),
            ("*", Some("*")),
        ] {
            assert_eq!(direct(entry).as_deref(), expected, "{entry}");
        }
    }
}
