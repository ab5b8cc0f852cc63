//! The user's settings for wget and curl, without those that would bypass the proxy or its CA.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A larger file is not read: it is no settings file.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// wget's settings that choose proxies and trust, and those with which wget could not reach the
/// proxy at 127.0.0.1. They are spelt as wget compares them: in lower case, without `-` and `_`.
const WGET_SETTINGS: [&str; 11] = [
    "bindaddress",
    "cacertificate",
    "cadirectory",
    "checkcertificate",
    "httpproxy",
    "httpsproxy",
    "inet6only",
    "noproxy",
    "proxypasswd",
    "proxyuser",
    "useproxy",
];

/// The parent's environment.
type Parent<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The user's wgetrc (wget(1), "Wgetrc Location").
pub(super) fn wgetrc(parent: Parent<'_>) -> Option<Vec<u8>> {
    let path = set(parent, "WGETRC").or_else(|| Some(set(parent, "HOME")?.join(".wgetrc")))?;
    read(&path, MAX_FILE)
}

/// The wgetrc for a session whose roots are in the file `bundle`.
pub(super) fn wgetrc_for_session(user: &[u8], bundle: &str) -> Vec<u8> {
    let mut content = without(user, |line| {
        let name = line.split('=').next().unwrap_or_default().trim_end();
        let name = name.replace(['-', '_'], "").to_ascii_lowercase();
        WGET_SETTINGS.contains(&name.as_str())
    });
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    content.extend_from_slice(format!("ca_certificate = {bundle}\n").as_bytes());
    content
}

/// The user's `.curlrc`: the first existing file in curl's search order (curl(1), `--config`).
pub(super) fn curlrc(parent: Parent<'_>) -> Option<Vec<u8>> {
    let places = [
        ("CURL_HOME", ".curlrc"),
        ("XDG_CONFIG_HOME", "curlrc"),
        ("HOME", ".curlrc"),
        ("HOME", ".config/curlrc"),
    ];
    places
        .iter()
        .find_map(|(variable, name)| read(&set(parent, variable)?.join(name), MAX_FILE))
}

/// The text without the lines for which `is_left_out` returns true. Lines that are not UTF-8 are
/// kept.
fn without(text: &[u8], is_left_out: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if !std::str::from_utf8(line).is_ok_and(|line| is_left_out(line.trim())) {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// The content of a regular file of at most `largest` bytes.
pub(super) fn read(path: &Path, largest: u64) -> Option<Vec<u8>> {
    let found = std::fs::metadata(path).ok()?; // opening a pipe would block
    if !found.is_file() || found.len() > largest {
        return None;
    }
    // With room for its end, which would be asked for once more.
    let mut content = Vec::with_capacity(usize::try_from(found.len()).ok()? + 1);
    let file = File::open(path).ok()?;
    file.take(largest).read_to_end(&mut content).ok()?;
    Some(content)
}

/// The path in a variable that is set and not empty.
pub(super) fn set(parent: Parent<'_>, name: &str) -> Option<PathBuf> {
    parent(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wget_keeps_what_is_not_about_proxies_and_trust() {
        let user = b"tries = 3\nhttps_proxy = http://corp:8080/\ninet6_only = on\nCA-Certificate=/corp.pem\n# use_proxy = off\nuse_proxy=off\nwait = 1";
        let content = wgetrc_for_session(user, "/s/bundle.pem");
        assert_eq!(
            String::from_utf8(content).unwrap(),
            "tries = 3\n# use_proxy = off\nwait = 1\nca_certificate = /s/bundle.pem\n"
        );
    }

    #[test]
    fn a_place_that_is_no_file_is_none() {
        let home = tempfile::tempdir().unwrap();
        let parent = |name: &str| (name == "HOME").then(|| home.path().into());
        std::fs::create_dir(home.path().join(".wgetrc")).unwrap();
        assert_eq!(wgetrc(&parent), None);
        assert_eq!(curlrc(&parent), None);
        std::fs::create_dir(home.path().join(".config")).unwrap();
        std::fs::File::create(home.path().join(".config/curlrc")).unwrap();
        assert!(curlrc(&parent).is_some());
    }
}
