//! In which form a key is sent, and where not.

use crate::keys::Service;

/// A service whose key is `re/al`, connected, with that rule.
fn connected(inject: &str, more: &str) -> Service {
    let service = Service::start();
    service.register(&format!(r#""inject": [{inject}] {more}"#));
    service.login(&["--api-key-file", "-"], "re/al").expect(0);
    service
}

#[test]
fn each_shape_arrives_once_and_no_placeholder() {
    let stale = [
        "-H",
        "Authorization: Bearer authsome-proxy-managed",
        "-H",
        "X-Key: authsome-proxy-managed",
    ];
    for (inject, target, expected) in [
        (
            r#"{ "path": "/**", "as": "bearer" }"#,
            "/a?b=c",
            "authorization: Bearer re/al\r\n",
        ),
        (
            r#"{ "path": "/**", "as": "header", "name": "X-Key" }"#,
            "/a",
            "x-key: re/al\r\n",
        ),
        (
            r#"{ "path": "/**", "as": "header", "name": "authorization", "prefix": "Token token=" }"#,
            "/a",
            "authorization: Token token=re/al\r\n",
        ),
        (
            r#"{ "path": "/**", "as": "basic", "username": "{api_key}", "password": "" }"#,
            "/a",
            "authorization: Basic cmUvYWw6\r\n",
        ),
        (
            r#"{ "path": "/**", "as": "query", "name": "key" }"#,
            "/a?b=c",
            "GET /a?b=c&key=re%2Fal HTTP/1.1\r\n",
        ),
        (
            r#"{ "path": "/bot*/**", "as": "path", "prefix": "/bot" }, { "path": "/me", "as": "bearer" }"#,
            "/botauthsome-proxy-managed/getMe?a=b",
            "GET /botre%2Fal/getMe?a=b HTTP/1.1\r\n",
        ),
    ] {
        let carriers = r#", "carriers": { "headers": ["x-key"], "query": ["key"] }"#;
        let service = connected(inject, carriers);
        let request = service.curl(target, &stale);
        assert!(request.contains(expected), "{inject}: {request}");
        assert!(!request.contains("authsome-proxy-managed"), "{request}");
        let credentials = request.matches("re/al").count()
            + request.matches("re%2Fal").count()
            + request.matches("cmUvYWw6").count();
        assert_eq!(credentials, 1, "{request}");
    }
}

#[test]
fn several_headers_at_once() {
    let service = Service::start();
    service.register(
        r#""fields": [{ "name": "api_key", "label": "API key" }, { "name": "app_key", "label": "Application key" }],
        "inject": [{ "path": "/**", "as": "headers", "values": { "x-api": "{api_key}", "x-app": "{app_key}" } }],
        "headers": { "x-version": "3" }"#,
    );
    let app = service.world.file("app", "second");
    let app = format!("app_key=@{}", app.display());
    service
        .login(&["--api-key-file", "-", "--field", &app], "first")
        .expect(0);
    let request = service.curl("/a", &["-H", "X-App: authsome-proxy-managed"]);
    for line in [
        "\r\nx-api: first\r\n",
        "\r\nx-app: second\r\n",
        "\r\nx-version: 3\r\n",
    ] {
        assert_eq!(request.matches(line).count(), 1, "{line:?}: {request}");
    }
    let own = service.curl("/a", &["-H", "X-Version: 4"]);
    assert!(
        own.contains("x-version: 4\r\n") || own.contains("X-Version: 4\r\n"),
        "{own}"
    );
    assert!(!own.contains("x-version: 3"), "{own}");
}

#[test]
fn a_host_that_also_serves_the_public_gets_the_key_only_where_the_placeholder_was() {
    let service = connected(
        r#"{ "path": "/me", "as": "bearer" }, { "path": "/**", "as": "bearer", "when": "placeholder" }"#,
        "",
    );
    let with = service.curl(
        "/a",
        &["-H", "Authorization: Bearer authsome-proxy-managed"],
    );
    assert!(with.contains("Bearer re/al"), "{with}");
    let without = service.curl("/a", &[]);
    assert!(
        !without.contains("re/al") && !without.contains("uthorization"),
        "{without}"
    );
    let own = service.curl("/a", &["-H", "Authorization: Bearer my-own"]);
    assert!(
        own.contains("Bearer my-own") && !own.contains("re/al"),
        "{own}"
    );
}

#[test]
fn the_placeholder_passes_as_text_and_never_as_a_credential() {
    let service = connected(
        r#"{ "path": "/**", "as": "bearer" }"#,
        r#", "carriers": { "json": ["token"], "form": ["token"] }"#,
    );
    let transcript = r#"{"messages":[{"content":"ACME_KEY=authsome-proxy-managed"}]}"#;
    let json = ["-H", "Content-Type: application/json", "-d", transcript];
    let request = service.curl("/v1/chat", &json);
    assert!(request.ends_with(transcript), "{request}");
    let credential = r#"{"token":"authsome-proxy-managed"}"#;
    for flags in [
        ["-H", "Content-Type: application/json", "-d", credential],
        ["-H", "X-A: b", "-d", "a=b&token=authsome-proxy-managed"],
    ] {
        let refused = service.run_curl("/v1/login", &flags);
        assert_eq!(refused.json()["error"], "placeholder", "{refused:?}");
    }
}

#[test]
fn a_placeholder_of_the_services_own_form_does_not_go_out_either() {
    let service = Service::start();
    service.register(
        r#""placeholder": "sk_test_0000000000000000", "inject": [{ "path": "/me", "as": "bearer" },
            { "path": "/v1/**", "as": "bearer", "when": "placeholder" }]"#,
    );
    service.login(&["--api-key-file", "-"], "re/al").expect(0);
    let sent = ["-H", "Authorization: Bearer sk_test_0000000000000000"];
    assert!(service.curl("/v1/a", &sent).contains("Bearer re/al"));
    // Where no credential is put on, the placeholder is taken off.
    let elsewhere = service.curl("/other", &sent);
    assert!(!elsewhere.contains("sk_test_0"), "{elsewhere}");
    let refused = service.run_curl("/other?x=sk_test_0000000000000000", &[]);
    assert_eq!(refused.json()["error"], "placeholder", "{refused:?}");
}

/// Verifies a signature as AWS documents it, with Python's own hmac.
const VERIFY: &str = r#"
import hashlib, hmac, re, sys
head, body = sys.stdin.read().split("\n\n", 1)
lines = head.split("\n")
method, target, _ = lines[0].split(" ")
fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
found = re.match(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d+)/([\w-]+)/(\w+)/aws4_request, SignedHeaders=([\w;-]+), Signature=(\w+)$", fields["authorization"])
key_id, date, region, service, signed, signature = found.groups()
path, _, query = target.partition("?")
canonical = [method, path, query] + [f"{name}:{fields[name]}" for name in signed.split(";")] + ["", signed]
canonical.append(fields.get("x-amz-content-sha256") or hashlib.sha256(body.encode()).hexdigest())
scope = f"{date}/{region}/{service}/aws4_request"
text = "\n".join(["AWS4-HMAC-SHA256", fields["x-amz-date"], scope, hashlib.sha256("\n".join(canonical).encode()).hexdigest()])
key = b"AWS4secret"
for part in (date, region, service, "aws4_request"):
    key = hmac.new(key, part.encode(), hashlib.sha256).digest()
print(key_id, region, service, hmac.new(key, text.encode(), hashlib.sha256).hexdigest() == signature)
"#;

/// A service whose requests are signed.
fn signed() -> Service {
    let service = Service::start();
    service.register(
        r#""fields": [{ "name": "access_key_id", "label": "Access key ID", "secret": false },
            { "name": "secret_access_key", "label": "Secret access key" },
            { "name": "session_token", "label": "Session token", "optional": true }],
        "inject": [{ "path": "/me", "as": "header", "name": "x-nobody", "field": "access_key_id" }, { "path": "/**", "as": "sigv4" }]"#,
    );
    let flags = ["--api-key-file", "-", "--field", "access_key_id=AKIDREAL"];
    service.login(&flags, "secret").expect(0);
    service
}

fn sign(scope: &str) -> [&str; 4] {
    let placeholder = "AKIAPLACEHOLDER:authsome-proxy-managed";
    ["--user", placeholder, "--aws-sigv4", scope]
}

#[test]
fn a_signed_request_that_is_sent_again_has_its_body() {
    let service = signed();
    service.forget();
    let url = |path: &str| format!("{}{path}", service.base_url());
    let (first, second) = (url("/stale"), url("/model/x"));
    let signature = sign("aws:amz:us-east-1:bedrock");
    let body = "Content-Type: application/json";
    let put = ["-X", "PUT", "-H", body, "-d", "{\"a\":1}", &second];
    let words = [
        &["curl", "-sS", "-f"][..],
        &signature,
        &[&first, "--next", "-sS", "-f"],
        &signature,
        &put,
    ];
    service.world.run(words.concat()).expect(0);
    assert!(service.next().starts_with("GET /stale "));
    let request = service.next();
    assert!(request.starts_with("PUT /model/x "), "{request}");
    assert!(request.ends_with("{\"a\":1}"), "{request}");
}

#[test]
fn a_request_to_aws_is_signed_anew() {
    let service = signed();
    for (scope, more, expected) in [
        (
            "aws:amz:eu-west-1:s3",
            &[][..],
            "AKIDREAL eu-west-1 s3 True\n",
        ),
        (
            "aws:amz:us-east-1:bedrock",
            &["-H", "Content-Type: application/json", "-d", "{\"a\":1}"][..],
            "AKIDREAL us-east-1 bedrock True\n",
        ),
    ] {
        let request = service.curl("/model/x", &[&sign(scope)[..], more].concat());
        assert!(
            !request.contains("secret") && !request.contains("PLACEHOLDER"),
            "{request}"
        );
        let verified = verified(&service, &request);
        assert_eq!(verified, expected, "{request}");
    }
    let unsigned = service.run_curl("/model/x", &[]);
    assert_eq!(unsigned.json()["error"], "denied", "{unsigned:?}");
    assert!(
        unsigned.stdout.contains("no AWS signature to replace"),
        "{unsigned:?}"
    );
}

#[test]
fn a_session_that_only_reads_signs_nothing_that_may_change_something() {
    let service = signed();
    service.forget();
    let url = format!("{}/model/x", service.base_url());
    let words = ["run", "--read-only", "--", "curl", "-sS"];
    let words = [
        &words[..],
        &sign("aws:amz:us-east-1:bedrock"),
        &["-d", "{}", &url],
    ]
    .concat();
    let told = service.world.call(words).expect(0);
    assert_eq!(told.json()["error"], "denied", "{told:?}");
}

/// What another implementation says of a signature.
fn verified(service: &Service, request: &str) -> String {
    let none = service.world.authsome::<&str>([]);
    let python = crate::kit::run::like(&none, ["python3", "-c", VERIFY]);
    piped(python, &request.replace("\r\n", "\n"))
}

#[test]
fn whose_a_signing_key_is_is_asked_with_a_signature() {
    let service = Service::start();
    service.register(
        r#""fields": [{ "name": "access_key_id", "label": "Access key ID", "secret": false },
            { "name": "secret_access_key", "label": "Secret access key" }],
        "account": [{ "url": "https://AUTHORITY/who?Action=GetCallerIdentity", "id": "/id", "label": "/name",
            "sigv4": { "region": "eu-central-1", "service": "sts" } }],
        "inject": [{ "path": "/**", "as": "sigv4" }]"#,
    );
    let flags = ["--api-key-file", "-", "--field", "access_key_id=AKIDREAL"];
    let outcome = service.login(&flags, "secret").expect(0);
    assert!(
        outcome.stderr.contains("Connected Acme as ada"),
        "{outcome:?}"
    );
    // curl signs nothing, so it proves nothing.
    assert!(!outcome.stderr.contains("curl"), "{outcome:?}");
    let request = service.next();
    assert!(
        request.starts_with("GET /who?Action=GetCallerIdentity "),
        "{request}"
    );
    assert_eq!(
        verified(&service, &request),
        "AKIDREAL eu-central-1 sts True\n",
        "{request}"
    );
    let ids = ["AKIDREAL", "wrong"];
    for id in ids {
        let field = format!("access_key_id={id}");
        let flags = ["--api-key-file", "-", "--force", "--field", &field];
        service
            .login(&flags, "secret")
            .expect(if id == "wrong" { 2 } else { 0 });
    }
}

fn piped(mut command: std::process::Command, stdin: &str) -> String {
    use std::io::Write;
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}
