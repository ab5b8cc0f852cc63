//! Every word that a user can see, compared with a file under `tests/snapshots/` that was read as
//! English when it was committed.
//!
//! A text that is new or has changed fails its test; `INSTA_UPDATE=always cargo test …` writes it
//! anew, and the review reads the difference.

use std::path::Path;

#[doc(hidden)]
pub use insta::assert_snapshot as compare;

/// What differs from run to run, each with what stands for it.
const VOLATILE: [(&str, &str); 8] = [
    // Ephemeral ports, which the kernel takes from 32768 on; 7998 is authsome's own and stays.
    (r":(3[2-9]|[45]\d|6[0-5])\d{3}\b", ":[PORT]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "YYYY-MM-DDThh:mm:ssZ"),
    (r"\d+ ms\b", "[N] ms"),
    (r#""milliseconds":\s*\d+"#, r#""milliseconds": [N]"#),
    (r"\bprocess \d+", "process [PID]"),
    (r"/proc/\d+/", "/proc/[PID]/"),
    (r"(?i)date: .* GMT", "date: [DATE]"),
    (r"authsome \d+\.\d+\.\d+", "authsome [VERSION]"),
];

/// The settings for a snapshot in that folder. `scrub` is what this test alone knows to differ, as
/// plain text.
///
/// # Panics
///
/// Panics where a filter is no regular expression.
pub fn settings(folder: &str, scrub: &[(&str, &str)]) -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    // By name alone: a test that moves takes no snapshot with it.
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let support = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = support.with_file_name("snapshots");
    settings.set_snapshot_path(root.join(folder));
    for (text, stand_in) in scrub {
        settings.add_filter(&escape(text), *stand_in);
    }
    for (pattern, stand_in) in VOLATILE {
        settings.add_filter(pattern, stand_in);
    }
    settings
}

/// A plain text as a regular expression.
fn escape(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// Compares a text with `tests/snapshots/FOLDER/NAME.snap`.
#[macro_export]
macro_rules! assert_words {
    ($folder:expr, $name:expr, $text:expr) => {
        $crate::assert_words!($folder, $name, $text, &[])
    };
    ($folder:expr, $name:expr, $text:expr, $scrub:expr) => {
        $crate::snapshot::settings($folder, $scrub)
            .bind(|| $crate::snapshot::compare!($name.to_string(), $text))
    };
}
