//! What is too large, and how long the largest takes.

use std::fmt::Write as _;
use std::time::Duration;

use super::*;

#[test]
fn what_is_too_large_is_refused() {
    let guard = bundled("gitlab");
    let body = |length: usize| format!("{{\"query\":\"{{a}}{}\"}}", " ".repeat(length - 15));
    let largest = body(MAX_GRAPHQL_BODY);
    assert_eq!(largest.len(), MAX_GRAPHQL_BODY);
    assert_eq!(
        said(&guard, "application/json", largest.as_bytes()),
        "query"
    );
    let larger = body(MAX_GRAPHQL_BODY + 1);
    assert_eq!(
        said(&guard, "application/json", larger.as_bytes()),
        "TooLarge"
    );
    let batch = |length: usize| json!(vec![json!({ "query": "{a}" }); length]).to_string();
    assert_eq!(
        said(&guard, "application/json", batch(100).as_bytes()),
        "query"
    );
    assert_eq!(
        said(&guard, "application/json", batch(101).as_bytes()),
        "TooMany"
    );
    assert_eq!(
        said(&guard, "application/json", batch(50_000).as_bytes()),
        "TooMany"
    );
    let nested = |depth: usize| format!("{}{}", "{a".repeat(depth), "}".repeat(depth));
    assert_eq!(said_to(&guard, &nested(50)), "query");
    assert_eq!(said_to(&guard, &nested(20_000)), "TooComplex");
    assert_eq!(
        said_to(&guard, &format!("{{a(b: {}1", "[".repeat(19_000))),
        "TooComplex"
    );
    let many = json!(vec![
        json!({ "query": format!("{{{}}}", "a ".repeat(300)) });
        100
    ]);
    assert_eq!(
        said(&guard, "application/json", many.to_string().as_bytes()),
        "TooComplex"
    );
}

/// How long this thread has run. What else the machine does, it leaves out.
fn busy() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let run = times.split(' ').next().unwrap();
    Duration::from_nanos(run.parse().unwrap())
}

/// The worst documents of 1 MiB, each answered or refused within 50 ms in a build for release. A
/// build for tests is slower by far.
#[test]
fn a_large_document_is_answered_at_once() {
    let guard = bundled("gitlab");
    let size = MAX_GRAPHQL_BODY - 100;
    let filled = |before: &str, each: &str, behind: &str| {
        format!("{before}{}{behind}", each.repeat(size / each.len()))
    };
    let mut fragments = String::from("mutation {...F0}");
    for number in 0..1_500 {
        let _ = write!(
            fragments,
            "fragment F{number} on M {{...F{} ...F{}}}",
            (number + 1) % 1_500,
            number / 2
        );
    }
    let mut worst = Duration::ZERO;
    for (what, document) in [
        ("names", filled("{", "a ", "}")),
        (
            "as many names as are taken",
            format!("{{{}{}}}", "a ".repeat(19_900), " ".repeat(size - 40_000)),
        ),
        (
            "fields",
            filled(
                "{",
                "field(a: [1, \"b\"], c: $d) @include(if: $e) { nodes { id } }\n",
                "}",
            ),
        ),
        ("braces", filled("", "{a", "")),
        ("lists", filled("{a(b: ", "[", "")),
        ("a string", filled("{a(b: \"", "x", "\")}")),
        ("escapes", filled("{a(b: \"", "\\u00e9", "\")}")),
        ("a comment", filled("{a} #", "x", "")),
        ("comments", filled("{a} ", "#\n", "")),
        ("quotes", filled("{a(b: ", "\"", ")}")),
        ("errors", filled("{a ", "?", "}")),
        ("fragments", fragments),
    ] {
        let before = busy();
        let verdict = said(&guard, "application/graphql", document.as_bytes());
        let took = busy().saturating_sub(before);
        println!("{what}: {} bytes, {took:?}, {verdict}", document.len());
        worst = worst.max(took);
    }
    let limit = if cfg!(debug_assertions) { 5_000 } else { 50 };
    assert!(worst < Duration::from_millis(limit), "{worst:?}");
}
