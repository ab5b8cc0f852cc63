//! Ways around the guard.

mod documents;
mod limits;

use authsome_providers::Catalog;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use super::*;

/// The guard of a bundled definition with all of its rules.
fn bundled(name: &str) -> Guard {
    guard_of(name, &[])
}

fn guard_of(name: &str, lifted: &[&str]) -> Guard {
    let definition = Catalog::new(None).get(&name.parse().unwrap()).unwrap();
    let service = definition.provider.at(None).unwrap();
    Guard::new(&service.rules, |rule| lifted.contains(&rule))
}

/// What the guard says to a body of that type, in short: the kind, `rule field`, or why not.
fn said(guard: &Guard, kind: &str, body: &[u8]) -> String {
    let mut headers = HeaderMap::new();
    if !kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
    }
    in_short(guard.check(&GraphqlRequest {
        method: &Method::POST,
        query: None,
        headers: &headers,
        body,
    }))
}

fn in_short(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allowed { kind } => format!("{kind:?}").to_lowercase(),
        Verdict::Denied { rule, field, .. } => format!("{rule} {field}"),
        Verdict::Unreadable(why) => format!("{why:?}"),
    }
}

fn said_to(guard: &Guard, document: &str) -> String {
    let body = json!({ "query": document, "variables": { "id": 7 } }).to_string();
    said(guard, "application/json", body.as_bytes())
}

/// The same document in every form that a body has.
#[test]
fn every_form_of_body_is_read() {
    let guard = bundled("gitlab");
    let (harmless, denied) = ("{a}", "mutation{pipelineTriggerCreate{errors}}");
    for (document, expected) in [
        (harmless, "query"),
        (denied, "pipeline-trigger pipelineTriggerCreate"),
    ] {
        let json = json!({ "query": document }).to_string();
        let batch = json!([{ "query": "{b}" }, { "query": document, "operationName": null }]);
        let form = format!("operationName=&query={document}");
        let operations = json!({ "query": document, "variables": { "f": null } });
        let parts = format!(
            "--b\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{operations}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"map\"\r\n\r\n{{\"0\":[\"variables.f\"]}}\r\n\
             --b\r\nContent-Disposition: form-data; name=\"0\"; filename=\"a.png\"\r\n\
             Content-Type: image/png\r\n\r\n\0\r\n\u{1}\r\n--b--\r\n"
        );
        for (kind, body) in [
            ("application/json", &json),
            ("application/json; charset=utf-8", &json),
            ("application/graphql+json", &json),
            ("application/x-www-form-urlencoded", &json),
            ("text/plain;charset=UTF-8", &json),
            ("", &json),
            ("application/json", &batch.to_string()),
            ("application/graphql", &document.to_owned()),
            ("application/x-www-form-urlencoded", &form),
            ("multipart/form-data; boundary=b", &parts),
            ("multipart/form-data; boundary=\"b\"", &parts),
        ] {
            assert_eq!(
                said(&guard, kind, body.as_bytes()),
                expected,
                "{kind} {body}"
            );
        }
    }
}

fn at(method: &Method, query: &str, fields: &[(&str, &str)], body: &str) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    in_short(bundled("gitlab").check(&GraphqlRequest {
        method,
        query: (!query.is_empty()).then_some(query),
        headers: &headers,
        body: body.as_bytes(),
    }))
}

#[test]
fn a_document_in_the_query_string_is_read_beside_the_body() {
    let get = |query: &str| at(&Method::GET, query, &[], "");
    assert_eq!(get(""), "query", "the page of an explorer");
    assert_eq!(get("query=%7Ba%7D&operationName=x"), "query");
    assert_eq!(
        get("query=%7BciVariables%7Bnodes%7Bvalue%7D%7D%7D"),
        "ci-variable ciVariables"
    );
    assert_eq!(get("variables=%7B%7D"), "NoDocument");
    let hash = "%7B%22persistedQuery%22%3A%7B%22sha256Hash%22%3A%22x%22%7D%7D";
    assert_eq!(get(&format!("extensions={hash}")), "Persisted");
    assert_eq!(
        get(&format!("query=%7Ba%7D&extensions={hash}")),
        "Persisted"
    );
    assert_eq!(get("documentId=x"), "Persisted");
    for odd in [
        "query=%7Ba%7D&query=%7Bb%7D",
        "_json[][query]=%7Ba%7D",
        "query[]=%7Ba%7D",
        "query=%7Ba%7D&[query]=%7Bb%7D",
        "query=%7Ba%7D&%5B%5Dquery=%7Bb%7D",
        "a;query=%7Ba%7D",
        "query=%ff",
    ] {
        assert!(get(odd).starts_with("Ambiguous"), "{odd}: {}", get(odd));
    }
    let json = [(CONTENT_TYPE.as_str(), "application/json")];
    let beside = |query: &str| at(&Method::POST, query, &json, r#"{"query":"{a}"}"#);
    assert_eq!(beside("remove_deprecated=true"), "query");
    assert_eq!(
        beside("query=%7BciVariables%7Bid%7D%7D"),
        "ci-variable ciVariables"
    );
    assert_eq!(
        at(&Method::GET, "", &json, r#"{"query":"{ciVariables}"}"#),
        "ci-variable ciVariables"
    );
}

#[test]
fn what_is_read_differently_elsewhere_is_refused() {
    let json = |body: &str| {
        at(
            &Method::POST,
            "",
            &[(CONTENT_TYPE.as_str(), "application/json")],
            body,
        )
    };
    for (body, expected) in [
        (r#"{"query":"{a}","query":"{b}"}"#, "Ambiguous"),
        (r#"{"query":"{a}","qu\u0065ry":"{b}"}"#, "Ambiguous"),
        ("\u{feff}{\"query\":\"{a}\"}", "Ambiguous"),
        (r#"{"query":"{a}"} x"#, "Malformed"),
        (r#"{"query":"{a}"}{"query":"{b}"}"#, "Malformed"),
        (r#"{"query":["{a}"]}"#, "Malformed"),
        (r#"{"query":{"a":"{a}"}}"#, "Malformed"),
        (r#"{/**/"query":"{a}"}"#, "Malformed"),
        (r#"{"query":"{a}\ud800"}"#, "Malformed"),
        (r#"[[{"query":"{a}"}]]"#, "Malformed"),
        (r#""{a}""#, "Malformed"),
        ("[]", "NoDocument"),
        ("{}", "NoDocument"),
        (r#"{"query":null}"#, "NoDocument"),
        (r#"{"query":""}"#, "NoDocument"),
        (
            r#"{"_json":[{"query":"mutation{x}"}],"query":"{a}"}"#,
            "UnknownField",
        ),
        (r#"{"Query":"{a}"}"#, "UnknownField"),
        (
            r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"x"}}}"#,
            "Persisted",
        ),
        (r#"{"query":"{a}","doc_id":"7"}"#, "Persisted"),
        (r#"{"id":"7","variables":{}}"#, "Persisted"),
        (r#"{"query":"{a}","extensions":[]}"#, "Malformed"),
    ] {
        let found = json(body);
        assert!(found.starts_with(expected), "{body}: {found}");
    }
    let (kind, body) = (CONTENT_TYPE.as_str(), r#"{"query":"{a}"}"#);
    for (fields, expected) in [
        (
            &[(kind, "application/json"), (kind, "text/plain")][..],
            "Ambiguous",
        ),
        (&[(kind, "application/json; charset=utf-7")], "Unsupported"),
        (
            &[(kind, "application/json; charset=utf-16le")],
            "Unsupported",
        ),
        (&[(kind, "application/xml")], "Unsupported"),
        (&[(kind, "multipart/mixed; boundary=b")], "Unsupported"),
        (
            &[
                (kind, "application/json"),
                (CONTENT_ENCODING.as_str(), "gzip"),
            ],
            "Unsupported",
        ),
        (
            &[(kind, "application/json"), (UPGRADE.as_str(), "websocket")],
            "WebSocket",
        ),
    ] {
        let found = at(&Method::POST, "", fields, body);
        assert!(found.starts_with(expected), "{fields:?}: {found}");
    }
    let form = "application/x-www-form-urlencoded";
    let guard = bundled("gitlab");
    let hidden = r#"{"query":"{a}","variables":"&query=mutation{x}&"}"#;
    assert!(said(&guard, form, hidden.as_bytes()).starts_with("Ambiguous"));
    // Rack leaves brackets around a name out.
    let bracketed = "query={a}&[query]=mutation{runnerCreate{errors}}";
    assert!(said(&guard, form, bracketed.as_bytes()).starts_with("Ambiguous"));
    let batch = "_json[][query]=mutation{runnerCreate{errors}}";
    assert!(said(&guard, form, batch.as_bytes()).starts_with("Ambiguous"));
    assert!(said(&guard, "application/json", b"{\"query\":\"\xff\"}").starts_with("Ambiguous"));
}

#[test]
fn parts_that_servers_split_differently_are_refused() {
    let guard = bundled("gitlab");
    let head = "--b\r\nContent-Disposition: form-data; name=";
    let part = |rest: &str| format!("{head}{rest}\r\n--b--\r\n");
    let plain = "\"operations\"\r\n\r\n{\"query\":\"{a}\"}";
    for (body, expected) in [
        (part(plain), "query"),
        (part("\"query\"\r\n\r\n{a}"), "query"),
        (part("\"file\"\r\n\r\nx"), "NoDocument"),
        (format!("preamble\r\n{}", part(plain)), "Malformed"),
        (format!("{}epilogue", part(plain)), "Malformed"),
        (part(&plain.replace("\r\n", "\n")), "Malformed"),
        (format!("{head}{plain}\r\n{}", part(plain)), "Ambiguous"),
        (
            format!("{head}{plain}\r\n{}", part("\"query\"\r\n\r\n{a}")),
            "Ambiguous",
        ),
        (
            part("\"operations\"; filename=\"x\"\r\n\r\n{\"query\":\"{a}\"}"),
            "Ambiguous",
        ),
        (
            part("\"operations\"\r\nContent-Transfer-Encoding: base64\r\n\r\ne30="),
            "Ambiguous",
        ),
        (part("operations\r\n\r\n{\"query\":\"{a}\"}"), "Malformed"),
        (part("\"_json[][query]\"\r\n\r\n{a}"), "Ambiguous"),
        (part("\"[query]\"\r\n\r\n{a}"), "Ambiguous"),
        (part("\"doc_id\"\r\n\r\n7"), "Persisted"),
        (part("\"0\"\r\n\r\nx--b\r\ny"), "Ambiguous"),
        (
            format!(
                "{head}{plain}\r\n{}",
                part("\"map\"\r\n\r\n{\"0\":[\"query\"]}")
            ),
            "Ambiguous",
        ),
        (
            format!(
                "{head}{plain}\r\n{}",
                part("\"map\"\r\n\r\n{\"0\":[\"0.variables.a\"]}")
            ),
            "query",
        ),
    ] {
        let found = said(&guard, "multipart/form-data; boundary=b", body.as_bytes());
        assert!(found.starts_with(expected), "{body}: {found}");
    }
}
