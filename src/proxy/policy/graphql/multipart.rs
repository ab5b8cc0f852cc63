//! Documents in `multipart/form-data` (RFC 7578), with files as the GraphQL multipart request
//! specification sends them.
//!
//! What lenient servers would split at another place is refused: the boundary is at the body's very
//! beginning and end, each line before it ends in CRLF, and it is nowhere else.

use memchr::memmem;

use super::utf8::utf8;
use super::verdict::Unreadable;
use super::{form, json};

const MALFORMED: Unreadable = Unreadable::Malformed("a form in parts");

/// The documents of the parts `operations` or `query`.
pub(super) fn documents(body: &[u8], boundary: &str) -> Result<Vec<String>, Unreadable> {
    let (mut documents, mut names) = (Vec::new(), Vec::new());
    for part in parts(body, boundary)? {
        let (name, content) = part?;
        if names.contains(&name) {
            return Err(Unreadable::Ambiguous("two parts have one name"));
        }
        match name {
            "operations" => documents.extend(json::documents(utf8(content)?)?),
            "query" => documents.push(utf8(content)?.to_owned()),
            "map" => check_map(utf8(content)?)?,
            "extensions" => json::check_extensions(utf8(content)?)?,
            name if json::is_id(name) => return Err(Unreadable::Persisted),
            name if form::has_meaning(name) => {
                return Err(Unreadable::Ambiguous(
                    "a part's name may be that of a document",
                ));
            }
            _ => {}
        }
        names.push(name);
    }
    if names.contains(&"operations") && names.contains(&"query") {
        return Err(Unreadable::Ambiguous("it has `operations` and `query`"));
    }
    Ok(documents)
}

/// A part's name and content.
type Part<'a> = (&'a str, &'a [u8]);

fn parts<'a>(
    body: &'a [u8],
    boundary: &str,
) -> Result<impl Iterator<Item = Result<Part<'a>, Unreadable>>, Unreadable> {
    let delimiter = format!("--{boundary}");
    let rest = body.strip_prefix(delimiter.as_bytes()).ok_or(MALFORMED)?;
    let end = format!("\r\n{delimiter}--");
    let rest = rest.strip_suffix(b"\r\n").unwrap_or(rest);
    let rest = rest.strip_suffix(end.as_bytes()).ok_or(MALFORMED)?;
    let between = format!("\r\n{delimiter}");
    let places = memmem::find_iter(rest, between.as_bytes()).count();
    if memmem::find_iter(rest, delimiter.as_bytes()).count() != places {
        return Err(Unreadable::Ambiguous("the boundary is within a part"));
    }
    let mut open = Some(rest);
    Ok(std::iter::from_fn(move || {
        let rest = open.take()?;
        let part = match memmem::find(rest, between.as_bytes()) {
            Some(at) => {
                open = rest.get(at + between.len()..);
                rest.get(..at).unwrap_or_default()
            }
            None => rest,
        };
        Some(part_of(part))
    }))
}

/// A part behind its boundary: a line's end, fields, an empty line, the content.
fn part_of(part: &[u8]) -> Result<Part<'_>, Unreadable> {
    let part = part.strip_prefix(b"\r\n").ok_or(MALFORMED)?;
    let end = memmem::find(part, b"\r\n\r\n").ok_or(MALFORMED)?;
    let (head, content) = (part.get(..end), part.get(end + 4..));
    let head = utf8(head.unwrap_or_default())?;
    let mut name = None;
    for line in head.split("\r\n") {
        let (field, value) = line.split_once(':').ok_or(MALFORMED)?;
        match field.to_ascii_lowercase().as_str() {
            "content-disposition" if name.is_none() => name = Some(name_in(value)?),
            "content-type" | "content-length" => {}
            // Another disposition, or a transfer coding (RFC 7578 §4.7), would change what is read.
            _ => return Err(Unreadable::Ambiguous("a part has unusual fields")),
        }
    }
    Ok((name.ok_or(MALFORMED)?, content.unwrap_or_default()))
}

/// The name in `form-data; name="…"; filename="…"`, in just that spelling.
fn name_in(value: &str) -> Result<&str, Unreadable> {
    let rest = value
        .trim()
        .strip_prefix("form-data; name=\"")
        .ok_or(MALFORMED)?;
    let (name, rest) = rest.split_once('"').ok_or(MALFORMED)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(MALFORMED);
    }
    let file = rest
        .strip_prefix("; filename=\"")
        .and_then(|file| file.strip_suffix('"'));
    let is_file = |file: &str| !file.contains(['"', '\\', ';']) && !file.contains(char::is_control);
    match file {
        None if rest.is_empty() => Ok(name),
        // A document in a file is none that all servers read.
        Some(file) if is_file(file) && !form::has_meaning(name) => Ok(name),
        _ => Err(Unreadable::Ambiguous("a part has unusual fields")),
    }
}

/// `map`: which file goes where. Only variables are places for files.
fn check_map(text: &str) -> Result<(), Unreadable> {
    let map: serde_json::Value = serde_json::from_str(text).map_err(|_| MALFORMED)?;
    let is_place = |place: &serde_json::Value| {
        let place = place.as_str().unwrap_or_default();
        let number = place.find(|character: char| !character.is_ascii_digit());
        let (number, rest) = place.split_at(number.unwrap_or(place.len()));
        let rest = if number.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('.')
        };
        rest.is_some_and(|rest| rest.starts_with("variables."))
    };
    let is_places = |places: &serde_json::Value| {
        let places = places.as_array();
        places.is_some_and(|places| places.iter().all(is_place))
    };
    match map.as_object() {
        Some(map) if map.values().all(is_places) => Ok(()),
        _ => Err(Unreadable::Ambiguous(
            "`map` puts a file outside of the variables",
        )),
    }
}
