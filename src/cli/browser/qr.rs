//! A QR code for a terminal: half a character a dot, dark dots on a light ground.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The widest picture: a terminal of 80 columns has to show it whole.
const MAX_COLUMNS: usize = 78;

/// The picture of a URL; `None` if a terminal cannot show it, or only with letters.
pub(super) fn picture(url: &str) -> Option<String> {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale = names
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|found| !found.is_empty()));
    let has_blocks = locale.is_some_and(|found| found.to_ascii_lowercase().contains("utf"));
    if is_dumb || !has_blocks {
        return None;
    }
    draw(url)
}

fn draw(url: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(url, EcLevel::L).ok()?;
    let picture = code
        .render::<Dense1x2>()
        // A terminal's ground is dark more often than not, and cameras read either.
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    let columns = picture.lines().map(|line| line.chars().count()).max()?;
    (columns <= MAX_COLUMNS).then_some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_a_square_of_blocks() {
        let picture = draw("https://github.com/login/device?user_code=ABCD-EFGH").unwrap();
        let lines: Vec<_> = picture.lines().collect();
        let columns = lines[0].chars().count();
        assert!(
            columns.abs_diff(2 * lines.len()) <= 1,
            "{columns} by {}",
            lines.len()
        );
        assert!(
            picture
                .chars()
                .all(|dot| " \u{2580}\u{2584}\u{2588}\n".contains(dot))
        );
        assert!(draw(&"x".repeat(2000)).is_none());
    }
}
