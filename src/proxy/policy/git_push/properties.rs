//! Properties that hold for any bytes. The fuzz target in `fuzz/` looks for bytes that violate one,
//! and a unit test runs its seeds. A violated property panics.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::pkt_lines::PktLines;
use super::{Coding, Progress, PushPolicy, PushReader, default_branch_of};

/// Patterns of all kinds.
const PATTERNS: [&str; 4] = ["agent/*", "named", "+forced", "refs/tags/v*"];

/// The body of a push has one verdict, however it is split and coded; what is allowed goes out as
/// it came in, and has no command that no policy allows; what is refused is told in lines that are
/// whole.
pub(crate) fn git_push(bytes: &[u8]) {
    let whole = verdict(&[bytes], Coding::Identity);
    let each: Vec<_> = bytes.chunks(1).collect();
    let some: Vec<_> = bytes.chunks(7).collect();
    for parts in [each, some] {
        assert_eq!(verdict(&parts, Coding::Identity), whole);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("a vector takes all");
    let gzip = gzip.finish().expect("a vector takes all");
    assert_eq!(verdict(&[&gzip], Coding::Gzip), whole);
    let each: Vec<_> = gzip.chunks(1).collect();
    assert_eq!(verdict(&each, Coding::Gzip), whole);
    // The bytes as what they are not.
    verdict(&[bytes], Coding::Gzip).ok();
    if let Some(branch) = default_branch_of(bytes) {
        assert!(branch.starts_with("refs/heads/"));
    }
    if whole.is_ok() {
        check_commands(bytes);
    }
}

/// The verdict on a body in these parts: allowed, or the refusal's words.
pub(super) fn verdict(parts: &[&[u8]], coding: Coding) -> Result<(), String> {
    let patterns = PATTERNS.map(|pattern| pattern.parse().expect("a pattern"));
    let policy = Arc::new(PushPolicy::new(patterns.into()));
    verdict_by(&policy, Some("refs/heads/agent/main"), parts, coding)
}

/// The same by another policy and default branch.
pub(super) fn verdict_by(
    policy: &Arc<PushPolicy>,
    default_branch: Option<&str>,
    parts: &[&[u8]],
    coding: Coding,
) -> Result<(), String> {
    let mut reader = PushReader::new(policy.clone(), default_branch.map(str::to_owned), coding);
    let mut fed = Vec::new();
    let mut parts = parts.iter();
    let verdict = loop {
        let progress = match parts.next() {
            Some(part) => {
                fed.extend_from_slice(part);
                reader.feed(part)
            }
            None => reader.end(),
        };
        match progress {
            Progress::More => {}
            Progress::Allowed => break Ok(()),
            Progress::Refused(refused) => {
                if let Some(report) = refused.report() {
                    check_lines(&report);
                }
                let words = refused.to_string();
                assert!(!words.contains(crate::text::is_deceptive), "{words:?}");
                break Err(format!("{words}\n{}", refused.advice().join("\n")));
            }
        }
    };
    let held = reader.take_held().concat();
    assert!(held.is_empty() || held == fed, "what is held is what came");
    assert_eq!(held.is_empty(), verdict.is_err() || fed.is_empty());
    verdict
}

/// Each line of a report is whole.
fn check_lines(report: &[u8]) {
    let mut lines = PktLines::default();
    let mut rest = report;
    while !rest.is_empty() {
        let line = lines.next(&mut rest).expect("a valid line");
        assert!(line.is_some(), "a whole line");
    }
}

/// Reads an allowed list of commands in another way: none deletes, and each is of a pattern.
fn check_commands(bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let length = std::str::from_utf8(&rest[..4]).expect("digits");
        let length = usize::from_str_radix(length, 16).expect("a length");
        if length == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&rest[4..length]);
        rest = &rest[length..];
        if line.starts_with("shallow ") {
            continue;
        }
        let command = line.split('\0').next().unwrap_or_default().trim_end();
        let words: Vec<_> = command.split(' ').collect();
        let [_, new, name] = words[..] else {
            panic!("no command: {command:?}");
        };
        assert!(new.bytes().any(|digit| digit != b'0'), "a deletion");
        let begins = |with: &str| name.starts_with(with);
        let exact = ["refs/heads/named", "refs/heads/forced"];
        assert!(
            begins("refs/heads/agent/") || begins("refs/tags/v") || exact.contains(&name),
            "{name}"
        );
        assert_ne!(name, "refs/heads/agent/main");
    }
}
