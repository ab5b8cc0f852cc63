//! The table in SECURITY.md, which is made of the attempts.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use crate::attempt::Ring;

const BEGIN: &str = "<!-- attacks: written by `UPDATE=1 .ci/run attacks` -->\n";
const END: &str = "<!-- /attacks -->\n";

/// What is wrong with the page, unless it may be written.
pub(crate) fn check(rings: &[Ring]) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md");
    let page = fs::read_to_string(&path).expect("SECURITY.md is there");
    let (before, rest) = page.split_once(BEGIN)?;
    let (found, after) = rest.split_once(END)?;
    let wanted = table(rings);
    if found == wanted {
        return None;
    }
    if std::env::var("UPDATE").is_ok_and(|value| value == "1") {
        let page = format!("{before}{BEGIN}{wanted}{END}{after}");
        let written = fs::File::create(&path).and_then(|mut file| file.write_all(page.as_bytes()));
        return written.err().map(|error| error.to_string());
    }
    Some(
        "the table in SECURITY.md is not that of the attempts: UPDATE=1 .ci/run attacks".to_owned(),
    )
}

fn table(rings: &[Ring]) -> String {
    let made = |ring: &Ring| {
        ring.attempts
            .iter()
            .filter(|attempt| !attempt.is_awaited)
            .count()
    };
    let all: usize = rings.iter().map(made).sum();
    let mut text =
        format!("{all} attempts fail. Without what stands beside it, each of them succeeds.\n\n");
    for ring in rings {
        let _ = writeln!(
            text,
            "**{}** ({})\n\n| attempt | against it |\n| --- | --- |",
            ring.title,
            made(ring)
        );
        let mut rows: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
        for attempt in ring.attempts.iter().filter(|attempt| !attempt.is_awaited) {
            let against: Vec<_> = attempt
                .against
                .iter()
                .map(|defence| words(&format!("{defence:?}")))
                .collect();
            match rows.iter_mut().find(|(known, _)| *known == against) {
                Some((_, names)) => names.push(attempt.name),
                None => rows.push((against, vec![attempt.name])),
            }
        }
        for (against, names) in rows {
            let _ = writeln!(text, "| {} | {} |", names.join("; "), against.join(", "));
        }
        text.push('\n');
    }
    text
}

/// `RequestFraming` as `request framing`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
