//! A section of a text file that belongs to authsome, between two marker lines. All other text in
//! the file is the user's and is kept byte for byte.

use std::ops::Range;

/// The line before the section.
pub(super) const BEGIN: &str = "<!-- authsome:begin -->";

/// The line after the section.
pub(super) const END: &str = "<!-- authsome:end -->";

/// The marker lines do not enclose one section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadMarkers;

/// The text with that section: in the place of the old one, else at the end.
pub(super) fn with(text: &str, content: &str) -> Result<String, BadMarkers> {
    let section = format!("{BEGIN}\n{content}{END}\n");
    if let Some(old) = find(text)? {
        let (before, after) = (&text[..old.start], &text[old.end..]);
        return Ok([before, &section, after].concat());
    }
    let gap = match text {
        "" => "",
        _ if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    Ok([text, gap, &section].concat())
}

/// The text without the section and without the empty line that [`with`] has put before it. `None`
/// if there is no section.
pub(super) fn without(text: &str) -> Result<Option<String>, BadMarkers> {
    let Some(old) = find(text)? else {
        return Ok(None);
    };
    let (before, after) = (&text[..old.start], &text[old.end..]);
    let before = match before.strip_suffix('\n') {
        Some(line) if after.is_empty() && line.ends_with('\n') => line,
        _ => before,
    };
    Ok(Some([before, after].concat()))
}

/// Where the section is, with its markers and the last one's line end.
fn find(text: &str) -> Result<Option<Range<usize>>, BadMarkers> {
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        match line.trim() {
            BEGIN => begins.push(start),
            END => ends.push(end),
            _ => {}
        }
        start = end;
    }
    match (begins.as_slice(), ends.as_slice()) {
        ([], []) => Ok(None),
        (&[begin], &[end]) if begin < end => Ok(Some(begin..end)),
        _ => Err(BadMarkers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_section_is_kept_byte_for_byte() {
        for text in [
            "",
            "# Mine\n",
            "# Mine",
            "a\r\nb\r\n",
            "\n\n\n",
            "say <!-- authsome:begin --> in a line\n",
        ] {
            let installed = with(text, "one\n").unwrap();
            assert!(installed.starts_with(text), "{installed:?}");
            let renewed = with(&format!("{installed}\nmore\n"), "two\n").unwrap();
            assert!(
                renewed.starts_with(text) && renewed.ends_with("\nmore\n"),
                "{renewed:?}"
            );
            assert!(
                renewed.contains("two\n") && !renewed.contains("one\n"),
                "{renewed:?}"
            );
            let left = without(&installed).unwrap().unwrap();
            // A last line without its end has got one.
            let ended = text.is_empty() || text.ends_with('\n');
            let end = if ended { "" } else { "\n" };
            assert_eq!(left, format!("{text}{end}"));
            assert_eq!(with(&left, "one\n").unwrap(), installed, "{text:?}");
        }
        assert_eq!(without("# Mine\n"), Ok(None));
    }

    #[test]
    fn markers_that_enclose_no_section_are_refused() {
        for text in [
            format!("{BEGIN}\nx\n"),
            format!("{END}\nx\n"),
            format!("{END}\n{BEGIN}\n"),
            format!("{BEGIN}\n{END}\n{BEGIN}\n{END}\n"),
        ] {
            assert_eq!(with(&text, "one\n"), Err(BadMarkers), "{text}");
            assert_eq!(without(&text), Err(BadMarkers), "{text}");
        }
    }
}
