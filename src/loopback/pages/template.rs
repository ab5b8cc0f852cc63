//! Fills the template.

use std::collections::HashMap;

use crate::text;

/// The file contains the frame, and both bodies with their scripts.
const PAGE: &str = include_str!("page.html");

/// The frame with the parts `section`, in which each `{{name}}` is replaced. Replacements are not
/// searched again, so a value that contains `{{…}}` has no effect.
pub(super) fn fill(section: &str, values: &HashMap<&str, String>) -> String {
    let mut parts = PAGE.split("<!-- section: ");
    let head = parts.next().unwrap_or_default();
    let mut template = head.to_owned();
    for part in parts {
        let (name, body) = part.split_once(" -->\n").unwrap_or((part, ""));
        if name == section || name == "frame" {
            template.push_str(body);
        }
    }
    let mut html = String::with_capacity(template.len());
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, following) = after.split_once("}}").unwrap_or((after, ""));
        html.push_str(before);
        html.push_str(values.get(name).map_or("", String::as_str));
        rest = following;
    }
    html.push_str(rest);
    html
}

/// Text as HTML, safe in an element and in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text::line(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
