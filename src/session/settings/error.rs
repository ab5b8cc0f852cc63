//! What is wrong with a file of settings.

use std::path::PathBuf;

/// The settings cannot be read, or contain an invalid value.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}", .path.display(), .reason.trim_end())]
pub struct SettingsError {
    /// The file.
    pub path: PathBuf,
    pub(super) reason: String,
}

/// Formats an error on one line. The library's own message draws the location on several lines.
pub(super) fn placed(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => {
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|end| *end != '\n').count() + 1;
            let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
            format!(
                "line {line}, column {column} (`{shown}`): {}",
                error.message()
            )
        }
        None => error.message().to_owned(),
    }
}
