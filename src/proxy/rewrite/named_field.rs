//! Finds fields by their names in a body as it streams, and in a query string: what a rule denies
//! that is not in a request's head.
//!
//! Each form of body has a scanner that takes it byte by byte and keeps no more than one name and
//! the beginning of one value:
//!
//! ```text
//! application/x-www-form-urlencoded, or no type --> form.rs ------+
//! application/json, …+json, or no type -----------> json.rs ------+--> the first field that counts
//! multipart/form-data, multipart/… ---------------> multipart.rs -+
//! ```
//!
//! Nothing is held back. A name counts as soon as it is whole, and a value at any of its bytes, so
//! the piece that would complete a field is not sent, and without it the server has no request.
//!
//! A body in a content coding is not looked at: servers do not decode the requests of clients.

mod form;
mod json;
mod multipart;
#[cfg(test)]
mod tests;
mod wanted;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use self::form::FormScanner;
use self::json::JsonScanner;
use self::multipart::MultipartScanner;
pub(in crate::proxy) use self::wanted::Wanted;
use self::wanted::by_name;
use super::name_lengths::is_plain;

/// Searches one body for fields.
#[derive(Debug)]
pub(in crate::proxy) struct NamedFields {
    scanners: Vec<Scanner>,
}

#[derive(Debug)]
enum Scanner {
    Form(FormScanner),
    Json(JsonScanner),
    Multipart(MultipartScanner),
}

impl NamedFields {
    /// `None` for a body without fields, by its content type.
    pub(in crate::proxy) fn of(headers: &HeaderMap) -> Option<Self> {
        let form = || Scanner::Form(FormScanner::default());
        let json = || Scanner::Json(JsonScanner::default());
        let scanners = match essence(headers).as_deref() {
            // Rack reads a body without a type as a form, and Grape one as JSON.
            None => vec![form(), json()],
            Some("application/x-www-form-urlencoded") => vec![form()],
            Some(name) if name.starts_with("multipart/") => {
                vec![Scanner::Multipart(MultipartScanner::default())]
            }
            Some(name) if name.ends_with("/json") || name.ends_with("+json") => vec![json()],
            Some(_) => return None,
        };
        Some(Self { scanners })
    }

    /// Which of the fields is there once this piece is.
    pub(in crate::proxy) fn find<W: Wanted>(
        &mut self,
        piece: &[u8],
        wanted: &[W],
    ) -> Option<usize> {
        let mut scanners = self.scanners.iter_mut();
        scanners.find_map(|scanner| match scanner {
            Scanner::Form(form) => form.find(piece, wanted),
            Scanner::Json(json) => json.find(piece, wanted),
            Scanner::Multipart(multipart) => multipart.find(piece, wanted),
        })
    }
}

/// Whether a body of that type may have fields.
pub(in crate::proxy) fn may_have_fields(headers: &HeaderMap) -> bool {
    NamedFields::of(headers).is_some()
}

/// Which of the fields is a parameter of a query string. Most parameters need no decoding.
pub(in crate::proxy) fn find_in_query<W: Wanted>(query: &str, wanted: &[W]) -> Option<usize> {
    // By bytes, which costs a third of what it does by characters: many requests have a query.
    let mut pairs = query.as_bytes().split(|byte| matches!(byte, b'&' | b';'));
    pairs.find_map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=')?;
        let name = pair.get(..end)?;
        if name.iter().copied().all(is_plain) {
            return by_name(name, wanted);
        }
        FormScanner::default().find(pair, wanted)
    })
}

/// The media type without its parameters, in lower case. Several fields are read as one, of which
/// the first type counts, as in CGI; one that is not ASCII has none that is known.
fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let essence = text.split([';', ',']).next().unwrap_or_default().trim();
    (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
}
