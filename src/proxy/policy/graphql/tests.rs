//! Documents after GitLab's and GitHub's documentation, and ways around the guard.

use std::fmt::Write as _;
use std::time::Duration;

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

/// Documents, and what is said to each.
const GITLAB: &[(&str, &str)] = &[
    ("query { currentUser { id username } }", "query"),
    (
        "{ project(fullPath: \"g/p\") { name issueStatusCounts { opened } } }",
        "query",
    ),
    (
        "query($n: Boolean!) { project(fullPath: \"g/p\") { issues(first: 5) { nodes { title labels @include(if: $n) { nodes { title } } } } } }",
        "query",
    ),
    (
        "query { __schema { mutationType { fields { name } } } }",
        "query",
    ),
    (
        "{ __type(name: \"CiRunner\") { fields { name description } } }",
        "query",
    ),
    (
        "mutation { createIssue(input: { projectPath: \"g/p\", title: \"personalAccessTokenCreate\" }) { issue { iid } errors } }",
        "mutation",
    ),
    (
        "mutation($id: NoteableID!, $body: String!) { createNote(input: { noteableId: $id, body: $body }) { note { id } errors } }",
        "mutation",
    ),
    (
        "mutation { mergeRequestUpdate(input: { projectPath: \"g/p\", iid: \"1\", title: \"t\" }) { errors } }",
        "mutation",
    ),
    (
        "subscription($id: IssuableID!) { issuableTitleUpdated(issuableId: $id) { ... on Issue { title } } }",
        "subscription",
    ),
    (
        "query { project(fullPath: \"g/p\") { pipelines { nodes { jobs { nodes { name status } } } } } }",
        "query",
    ),
    (
        "{ project(fullPath: \"g/p\") { ciVariables { nodes { key value } } } }",
        "ci-variable ciVariables",
    ),
    (
        "{ v: ciVariables { nodes { key raw } } }",
        "ci-variable ciVariables",
    ),
    (
        "query { group(fullPath: \"g\") { ...V } } fragment V on Group { ciVariables { nodes { value } } }",
        "ci-variable ciVariables",
    ),
    (
        "{ project(fullPath: \"g/p\") { pipelineTriggers { nodes { token } } } }",
        "pipeline-trigger pipelineTriggers",
    ),
    (
        "query($id: CiRunnerID!) { runner(id: $id) { ephemeralAuthenticationToken } }",
        "runner-token ephemeralAuthenticationToken",
    ),
    (
        "mutation { runnerCreate(input: { runnerType: INSTANCE_TYPE }) { runner { id } } }",
        "runner runnerCreate",
    ),
    (
        "mutation { runnersRegistrationTokenReset(input: { type: INSTANCE_TYPE }) { token } }",
        "runner-token runnersRegistrationTokenReset",
    ),
    (
        "mutation M { harmless: clusterAgentTokenCreate(input: { clusterAgentId: \"gid://gitlab/Clusters::Agent/1\", name: \"n\" }) { secret } }",
        "cluster-agent-token clusterAgentTokenCreate",
    ),
    (
        "mutation { personalAccessTokenRotate(input: { id: \"gid://gitlab/PersonalAccessToken/1\" }) { token } }",
        "personal-access-token personalAccessTokenRotate",
    ),
    (
        "mutation { ... on Mutation { ...T } } fragment T on Mutation { ... @include(if: true) { pipelineTriggerCreate(input: {}) { errors } } }",
        "pipeline-trigger pipelineTriggerCreate",
    ),
    (
        "query A { currentUser { id } } mutation B { httpIntegrationResetToken(input: { id: 1 }) { integration { token } } }",
        "integration httpIntegrationResetToken",
    ),
    (
        "mutation { projectMemberBulkUpdate(input: { projectId: 1, userIds: [2], accessLevel: OWNER }) { errors } }",
        "member projectMemberBulkUpdate",
    ),
    (
        "query { currentUser { id } ...A } fragment A on Query { ...B } fragment B on Query { ...A echo(text: \"x\") }",
        "query",
    ),
];

const GITHUB: &[(&str, &str)] = &[
    ("query { viewer { login } }", "query"),
    (
        "query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) { issues(last: 20, states: CLOSED) { edges { node { title url } } } } }",
        "query",
    ),
    (
        "mutation { addReaction(input: { subjectId: \"I_1\", content: HOORAY }) { reaction { content } } }",
        "mutation",
    ),
    (
        "mutation { createCommitOnBranch(input: { branch: {}, message: { headline: \"h\" }, fileChanges: {}, expectedHeadOid: \"0\" }) { commit { url } } }",
        "mutation",
    ),
    (
        "{ repository(owner: \"o\", name: \"n\") { tempCloneToken } }",
        "token tempCloneToken",
    ),
    (
        "mutation { x: updateBranchProtectionRule(input: { branchProtectionRuleId: \"B_1\" }) { clientMutationId } }",
        "protected-branch updateBranchProtectionRule",
    ),
    (
        "mutation { deleteRepositoryRuleset(input: { repositoryRulesetId: \"R_1\" }) { clientMutationId } }",
        "protected-branch deleteRepositoryRuleset",
    ),
    (
        "mutation { inviteEnterpriseAdmin(input: { enterpriseId: \"E_1\", email: \"a@example.com\" }) { invitation { id } } }",
        "member inviteEnterpriseAdmin",
    ),
    (
        "mutation { approveDeployments(input: { workflowRunId: \"W_1\", environmentIds: [] }) { clientMutationId } }",
        "protected-environment approveDeployments",
    ),
    (
        "{ enterprise(slug: \"e\") { ownerInfo { samlIdentityProvider { recoveryCodes } } } }",
        "token recoveryCodes",
    ),
];

#[test]
fn documents_get_their_verdicts() {
    for (provider, documents) in [
        ("gitlab", GITLAB),
        ("gitlab-token", GITLAB),
        ("github", GITHUB),
        ("github-token", GITHUB),
    ] {
        let guard = bundled(provider);
        for (document, expected) in documents {
            assert_eq!(
                said_to(&guard, document),
                *expected,
                "{provider}: {document}"
            );
        }
    }
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

/// Each of these is a document in which other parsers see an operation where this one sees a string
/// or a comment, or the other way round.
#[test]
fn strings_and_comments_hide_nothing() {
    let guard = bundled("gitlab");
    for document in [
        "{a} # a \" quote\n",
        "{a(b: \"x\\\\\")}",
        "{a(b: \"\"\"x\\y\"\"\")}",
        "{a(b: \"\"\"x\\\"\"\"y\"\"\")}",
        "{a(b: \"\"\"x\"\"\"\" c: \"\")}",
        "{a(b: \"x\"\"\"y\"\"\")}",
        "{a #\r b}",
        "{a\u{feff}}",
        "{a(b: \"x\0\")}",
        "{a(b: \"\n\")}",
    ] {
        let found = said_to(&guard, document);
        assert!(found.starts_with("Ambiguous"), "{document:?}: {found}");
    }
    for document in [
        "{a} # runnerCreate, ciVariables\n",
        "{a(b: \"runnerCreate \\\"x\\\" \\u00e9\")}",
        "{a(b: \"\"\"ciVariables \"quoted\" \u{e4}\"\"\", c: \"\", d: \"\"\"\"\"\")}",
        "{a,\r\n b}",
        "query ciVariables($ciVariables: Int) { a(ciVariables: $ciVariables, b: {ciVariables: ciVariables}) @ciVariables ... on ciVariables { ciVariables: b } }",
    ] {
        assert_eq!(said_to(&guard, document), "query", "{document}");
    }
    for (document, expected) in [
        ("{a", "Syntax"),
        ("{a}}", "Syntax"),
        ("{\u{e4}}", "Syntax"),
        ("query", "Syntax"),
        ("{a(b: \"x)}", "Syntax"),
        ("fragment A on B { c }", "NoDocument"),
        ("", "NoDocument"),
        ("# nothing", "NoDocument"),
        ("mutation { ...A }", "Malformed"),
        ("type A { b: C }", "Malformed"),
        ("{a} extend type A { b: C }", "Malformed"),
        (
            "{...A} fragment A on B {c} fragment A on B {d}",
            "Ambiguous",
        ),
    ] {
        let found = said_to(&guard, document);
        assert!(found.starts_with(expected), "{document}: {found}");
    }
}

#[test]
fn a_lifted_rule_denies_nothing_and_the_others_do() {
    let guard = guard_of("gitlab", &["ci-variable"]);
    assert_eq!(said_to(&guard, "{ciVariables{nodes{value}}}"), "query");
    let both = "{ciVariables{nodes{value}} project{pipelineTriggers{nodes{token}}}}";
    assert_eq!(said_to(&guard, both), "pipeline-trigger pipelineTriggers");
}

#[test]
fn only_endpoints_are_held() {
    let definition = |name: &str| Catalog::new(None).get(&name.parse().unwrap()).unwrap();
    let rules = |name: &str| definition(name).provider.at(None).unwrap().rules;
    let gitlab = |method: &Method, path: &str| held(&rules("gitlab"), "gitlab.com", method, path);
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
        for path in [
            "/api/graphql",
            "/api/graphql/",
            "/api/graphql.json",
            "/api/glql",
        ] {
            assert_eq!(
                gitlab(&method, path),
                Some(MAX_GRAPHQL_BODY),
                "{method} {path}"
            );
        }
    }
    assert_eq!(gitlab(&Method::OPTIONS, "/api/graphql"), None);
    for path in [
        "/api/v4/projects/1/issues",
        "/api",
        "/api/graphql/x",
        "/g/graphql",
        "/graphql",
    ] {
        assert_eq!(gitlab(&Method::POST, path), None, "{path}");
    }
    let github =
        |host: &str, path: &str| held(&rules("github"), host, &Method::POST, path).is_some();
    assert!(github("api.github.com", "/graphql"));
    assert!(github("github.acme.com", "/api/graphql"));
    assert!(!github("github.com", "/graphql"), "a user of that name");
    assert!(!github("api.github.com", "/user"));
}

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
