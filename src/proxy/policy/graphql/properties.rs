//! What must hold for all bytes that a client may send to a GraphQL endpoint.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};

use super::document::Document;
use super::{GraphqlRequest, Guard, Kind, Verdict};
use crate::proxy::limits::{MAX_GRAPHQL_BODY, MAX_GRAPHQL_TOKENS};

/// The types of body, by the first byte of the input.
const TYPES: [&str; 6] = [
    "application/json",
    "application/graphql",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "text/plain",
    "",
];

/// The guard answers, and a mutation that the document has by its own text is no mere query: the
/// mutation `guarded` and the field `secret` are denied wherever they pass, however written.
pub(crate) fn graphql_request(bytes: &[u8]) {
    let Some((selector, rest)) = bytes.split_first() else {
        return;
    };
    let (query, body) = match rest.iter().position(|byte| *byte == 0) {
        Some(end) => (rest.get(..end), rest.get(end + 1..).unwrap_or_default()),
        None => (None, rest),
    };
    let query = query.and_then(|query| std::str::from_utf8(query).ok());
    let mut headers = HeaderMap::new();
    let kind = TYPES[usize::from(*selector) % TYPES.len()];
    if !kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    let request = GraphqlRequest {
        method: &Method::POST,
        query,
        headers: &headers,
        body,
    };
    let guard = Guard::of("guarded", "secret");
    let verdict = guard.check(&request);
    assert_eq!(
        verdict,
        guard.check(&request),
        "the same request, the same verdict"
    );
    if let Ok(text) = std::str::from_utf8(body) {
        whole_document(text, &guard);
    }
    if let Verdict::Unreadable(why) = verdict {
        let words = why.to_string();
        assert!(
            !words.contains(crate::text::is_deceptive),
            "{words:?} goes to a terminal"
        );
    }
}

/// Whatever a document is, wrapping it must not hide anything from the guard: as the body of
/// `application/graphql` and as JSON it has one verdict.
fn whole_document(text: &str, guard: &Guard) {
    let check = |kind: &'static str, body: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        guard.check(&GraphqlRequest {
            method: &Method::POST,
            query: None,
            headers: &headers,
            body,
        })
    };
    let json = serde_json::json!({ "query": text }).to_string();
    if text.trim_ascii().is_empty() || json.len() > MAX_GRAPHQL_BODY {
        return;
    }
    let (plain, wrapped) = (
        check("application/graphql", text.as_bytes()),
        check("application/json", json.as_bytes()),
    );
    let is_readable = |verdict: &Verdict| !matches!(verdict, Verdict::Unreadable(_));
    assert!(plain == wrapped || !is_readable(&plain) && !is_readable(&wrapped));
    let parsed = Document::parse(text, &mut { MAX_GRAPHQL_TOKENS });
    assert!(parsed.is_ok() || !is_readable(&plain));
    if let Ok(document) = parsed {
        let has = |names: &[String], name: &str| names.iter().any(|found| found == name);
        let is_guarded = has(&document.mutations, "guarded") || has(&document.fields, "secret");
        assert_eq!(is_guarded, matches!(plain, Verdict::Denied { .. }));
        assert!(
            document
                .mutations
                .iter()
                .all(|root| has(&document.fields, root))
        );
        assert!(document.kind == Kind::Mutation || document.mutations.is_empty());
    }
}

impl Guard {
    /// One that denies a mutation and a field.
    fn of(mutation: &str, field: &str) -> Self {
        Self {
            rules: vec![("rule".to_owned(), "it is an example".to_owned())],
            mutations: [(mutation.to_owned(), 0)].into(),
            fields: [(field.to_owned(), 0)].into(),
        }
    }
}

/// Also so that no reason for a refusal is forgotten here: each is a sentence's end.
#[cfg(test)]
#[test]
fn reasons_read_after_because() {
    use super::Unreadable;

    for why in [
        Unreadable::TooLarge,
        Unreadable::Persisted,
        Unreadable::Syntax(3),
        Unreadable::Malformed("JSON"),
        Unreadable::UnknownField("x".to_owned()),
    ] {
        let words = why.to_string();
        assert!(words.starts_with("it") && !words.ends_with('.'), "{words}");
    }
}
