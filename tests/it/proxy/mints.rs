//! A fresh secret that a response mints reaches the child as a placeholder, which the session puts
//! the secret in place of where the child sends it back.

use std::io::Write;
use std::sync::mpsc;

use authsome_test_support::{Arrived, FakeGitLab};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::kit::client::{LONG, fetch, log};
use crate::kit::servers::{Scripted, Tls, connect_elsewhere, read_head};
use crate::kit::{Setup, World};

const MINT: &[&str] = &["--allow", "gitlab/project-access-token"];

/// What `sh` says of a script with these arguments, in one run.
fn session(world: &World, flags: &[&str], script: &str, arguments: &[&str]) -> Vec<String> {
    let script = format!("ask() {{ curl -sS --max-time 60 \"$@\"; echo; }}\n{script}");
    let child = ["--", "sh", "-c", &script, "sh"];
    let words = ["run"].iter().chain(flags).chain(&child);
    let mut command = world.authsome(words.chain(arguments));
    let outcome = crate::kit::Outcome::of(command.output().unwrap()).expect(0);
    let lines = outcome.stdout.lines();
    lines.map(str::to_owned).collect()
}

/// The member of a line of JSON.
fn member(line: &str, name: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned()
}

/// Takes the token out of what a server said.
const TOKEN: &str = r#"token() { sed 's/.*"token":"\([^"]*\)".*/\1/'; }"#;

#[test]
fn a_fresh_token_is_a_placeholder_that_works_as_the_token() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let script = format!(
        r#"{TOKEN}
        ask -d x= $1/api/v4/projects/1/access_tokens | tee made; made=$(token < made); rm made
        ask -o /dev/null -w '%{{http_code}}' -H "PRIVATE-TOKEN: $made" $1/api/v4/user
        ask -o /dev/null -w '%{{http_code}}' -H "Authorization: Bearer $made" $1/api/v4/user
        ask -o /dev/null -w '%{{http_code}}' "$1/api/v4/user?private_token=$made"
        ask -o /dev/null -w '%{{http_code}}' -u "any:$made" $1/group/private.git/info/refs?service=git-upload-pack
        ask -o /dev/null -w '%{{http_code}}' $1/api/v4/user
        "#
    );
    let said = session(&world, MINT, &script, &[&gitlab.base_url()]);
    let placeholder = member(&said[0], "token");
    assert!(
        placeholder.starts_with("glpat-authsome0001"),
        "{placeholder}"
    );
    // The server does not know what it made, which is no reason to send something else.
    assert_eq!(
        said[1..],
        ["401", "401", "401", "401", "200"].map(str::to_owned)[..],
        "{said:?}"
    );
    let seen = gitlab.seen();
    assert_eq!(seen.len(), 6, "nothing was tried again: {seen:?}");
    let Arrived::PrivateToken { token } = &seen[1].credential else {
        panic!("{:?}", seen[1]);
    };
    assert!(
        token.starts_with("glpat-") && token.len() == placeholder.len() && *token != placeholder
    );
    let token = || token.clone();
    let bearer = Arrived::Bearer { token: token() };
    assert_eq!(seen[2].credential, bearer);
    let query = Arrived::Query {
        name: "private_token".to_owned(),
        token: token(),
    };
    assert_eq!(seen[3].credential, query);
    let basic = Arrived::Basic {
        user: "any".to_owned(),
        password: token(),
    };
    assert_eq!(seen[4].credential, basic);
    let told = log(&world);
    let with_it = told.iter().filter(|event| {
        event["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("was given"))
    });
    assert_eq!(with_it.count(), 4, "{told:?}");
    assert_eq!(told[0]["scrubbed"], 1, "{told:?}");
    assert!(!format!("{told:?}").contains(&token()));
}

#[test]
fn it_goes_to_no_other_connection_and_to_no_other_place() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let other = FakeGitLab::start();
    world.connect_as("other", &other, &other.base_url_at("127.0.0.1"), 7200);
    let script = format!(
        r#"{TOKEN}
        made=$(ask -d x= $1/api/v4/projects/1/access_tokens | token)
        ask -H "PRIVATE-TOKEN: $made" $2/api/v4/user
        ask -H "X-Token: $made" $1/api/v4/user
        ask $1/api/v4/projects?search=$made
        ask --json '{{"note":"'$made'"}}' $1/api/v4/echo | grep -c '{{'
        "#
    );
    let bases = [gitlab.base_url(), other.base_url_at("127.0.0.1")];
    let said = session(&world, MINT, &script, &[&bases[0], &bases[1]]);
    for refused in said.iter().filter(|line| line.contains("message")) {
        assert_eq!(member(refused, "error"), "placeholder", "{said:?}");
    }
    let count = said.iter().filter(|line| line.contains("\"placeholder\""));
    assert_eq!(count.count(), 3, "{said:?}");
    assert!(other.seen().is_empty());
    assert_eq!(gitlab.seen().len(), 2, "as text of a body it passes");
}

#[test]
fn the_search_may_be_off() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/projects/1/access_tokens", gitlab.base_url());
    for extent in ["off", "headers"] {
        let flags = [MINT, &["--scrub", extent]].concat();
        let response = fetch(&world, &flags, &["-d", "x=", &url]);
        assert!(!response.text().contains("authsome"), "{}", response.text());
    }
}

/// A server of which a test sees each head; it answers with what `answer` makes of the path.
fn server(
    mut answer: impl FnMut(&mut Tls, &str) + Send + 'static,
) -> (World, Scripted, mpsc::Receiver<String>) {
    let world = World::new();
    let (tell, heads) = mpsc::channel();
    let server = Scripted::start(move |stream| {
        let head = read_head(stream);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let _ = tell.send(head);
        answer(stream, &path);
        let _ = stream.flush(); // the client may have left
    });
    connect_elsewhere(&world, &server.base_url(), Some(&server.ca_pem));
    (world, server, heads)
}

fn respond(stream: &mut Tls, content_type: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
}

#[test]
fn a_deploy_token_keeps_its_user_name() {
    let real = "gldt-0123456789abcdefghij";
    let (world, server, heads) = server(move |stream, _| {
        let body = format!(r#"{{"username":"gitlab+deploy-token-1","token":"{real}"}}"#);
        respond(stream, "application/json", &body);
    });
    let script = format!(
        r#"{TOKEN}
        made=$(ask --json '{{}}' $1/api/v4/projects/1/deploy_tokens | token)
        echo "$made"
        ask -u "gitlab+deploy-token-1:$made" "$1/g/p.git/info/refs?service=git-upload-pack"
        "#
    );
    let said = session(
        &world,
        &["--allow", "gitlab/deploy-token"],
        &script,
        &[&server.base_url()],
    );
    assert_eq!(said[0], "gldt-authsome000100000000");
    assert_eq!(
        member(&said[1], "token"),
        said[0],
        "what is known is found again: {said:?}"
    );
    heads.recv_timeout(LONG).unwrap();
    let head = heads.recv_timeout(LONG).unwrap();
    let plain = STANDARD.encode(format!("gitlab+deploy-token-1:{real}"));
    assert!(
        head.contains(&format!("authorization: Basic {plain}\r\n")),
        "{head}"
    );
}

#[test]
fn it_is_put_in_again_when_a_text_is_asked_for_as_a_whole() {
    let real = "glpat-0123456789abcdefghij";
    let (world, server, heads) = server(move |stream, path| {
        if path.ends_with("/made") {
            return respond(
                stream,
                "application/json",
                &format!("{{\"token\":\"{real}\"}}"),
            );
        }
        let _ = stream.write_all(
            b"HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-type: text/plain\r\n\
              content-range: bytes 0-1/9\r\ncontent-length: 2\r\n\r\nok",
        );
    });
    let script = format!(
        r#"{TOKEN}
        made=$(ask $1/api/v4/made | token)
        ask -H "Range: bytes=0-1" -H "PRIVATE-TOKEN: $made" $1/api/v4/text"#
    );
    session(&world, &[], &script, &[&server.base_url()]);
    let heads: Vec<_> = heads.try_iter().skip(1).collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
    assert!(heads[0].contains("range: ") && !heads[1].contains("range: "));
    for head in heads {
        assert!(
            head.contains(&format!("private-token: {real}\r\n")),
            "{head}"
        );
        assert!(!head.contains("authorization"), "{head}");
    }
}

#[test]
fn it_is_found_however_a_stream_is_cut() {
    let real = "glpat-0123456789abcdefghij";
    let (world, server, _) = server(move |stream, _| {
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n\
              transfer-encoding: chunked\r\n\r\n",
        );
        for byte in format!("data: {real}\n\ndata: again {real}, \n\n").bytes() {
            let _ = write!(stream, "1\r\n{}\r\n", char::from(byte));
            let _ = stream.flush();
        }
        let _ = stream.write_all(b"0\r\n\r\n");
    });
    let said = session(
        &world,
        &[],
        "ask -N $1/api/v4/events",
        &[&server.base_url()],
    );
    let placeholder = "glpat-authsome000100000000";
    assert_eq!(said[0], format!("data: {placeholder}"));
    assert_eq!(said[2], format!("data: again {placeholder}, "));
}

#[test]
fn no_more_are_kept_than_a_session_can_hold() {
    let (world, server, _) = server(|stream, path| {
        let from: usize = path.rsplit('/').next().unwrap().parse().unwrap();
        let tokens = (from..from + 64).map(|number| format!("\"glpat-{number:020}\""));
        let tokens: Vec<_> = tokens.collect();
        respond(
            stream,
            "application/json",
            &format!("[{}]", tokens.join(",")),
        );
    });
    let script = r"for from in 0 64 128; do ask $1/api/v4/$from; done; true";
    let said = session(&world, &[], script, &[&server.base_url()]);
    let shown = said.concat();
    assert!(shown.contains("glpat-authsome0128"), "{shown}");
    assert!(!shown.contains("glpat-0"), "{shown}");
    let told = log(&world);
    let reason = told.last().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("has 128"), "{told:?}");
}

#[test]
fn a_shape_that_the_definition_refuses_is_cut_off() {
    let shown = "acme-0123456789abcdefghij";
    let (world, server, _) = server(move |stream, _| {
        let body = format!(r#"{{"id":7,"name":"ada","key":"{shown}"}}"#);
        respond(stream, "application/json", &body);
    });
    let authority = server.authority();
    let definition = format!(
        r#"{{ "name": "acme", "auth_type": "api_key", "api_url": "{authority}/acme", "api_key": {{ "env_var": "ACME_KEY" }},
            "account": [{{ "url": "https://{authority}/acme/me", "id": "/id", "label": "/name" }}],
            "mints": [{{ "shape": "acme-[0-9a-z]{{16,}}", "then": "refuse" }}] }}"#
    );
    let file = world.file("acme.json", &definition);
    let (ca, key) = (
        world.file("ca.pem", &server.ca_pem),
        world.file("key", "k-0123456789"),
    );
    let [file, ca, key] = [&file, &ca, &key].map(|path| path.to_str().unwrap());
    world.call(["register", file, "--yes"]).expect(0);
    world
        .call(["login", "acme", "--ca-file", ca, "--api-key-file", key])
        .expect(0);
    let script = "ask $1/acme/keys || true";
    let said = session(&world, &[], script, &[&server.base_url()]).concat();
    assert!(!said.contains("ada"), "{said}");
    let told = log(&world);
    let reason = told.last().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("acme-…"), "{told:?}");
}

#[test]
fn a_child_that_logs_in_by_itself_gets_placeholders_that_it_can_renew() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let app = gitlab.register_app(true);
    let secret = app.client_secret.clone().unwrap();
    gitlab.clear_seen();
    let script = r#"
        member() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
        to=http://127.0.0.1:7998/auth/callback/oauth
        code=$(ask -o /dev/null -w '%{redirect_url}' "$1/oauth/authorize?client_id=$2&response_type=code&redirect_uri=$to" | sed 's/.*code=//')
        form="-d client_id=$2 -d client_secret=$3"
        got=$(ask $form -d grant_type=authorization_code -d code=$code -d redirect_uri=$to $1/oauth/token)
        echo "$got"
        ask -H "Authorization: Bearer $(echo "$got" | member access_token)" -o /dev/null -w '%{http_code}' $1/api/v4/user
        got=$(ask $form -d grant_type=refresh_token -d "refresh_token=$(echo "$got" | member refresh_token)" $1/oauth/token)
        echo "$got"
        ask -H "Authorization: Bearer $(echo "$got" | member access_token)" -o /dev/null -w '%{http_code}' $1/api/v4/user
        ask $form -d "token=$(echo "$got" | member access_token)" $1/oauth/revoke
        "#;
    let arguments = [gitlab.base_url(), app.client_id.clone(), secret];
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let said = session(&world, &[], script, &arguments);
    let said: Vec<_> = said.into_iter().filter(|line| !line.is_empty()).collect();
    assert!(
        member(&said[0], "access_token").starts_with("authsome0001"),
        "{said:?}"
    );
    assert!(
        member(&said[0], "refresh_token").starts_with("authsome0002"),
        "{said:?}"
    );
    assert_eq!(member(&said[0], "token_type"), "Bearer");
    assert_eq!(said[1], "200", "{said:?}");
    assert!(
        member(&said[2], "access_token").starts_with("authsome0003"),
        "{said:?}"
    );
    assert_eq!(said[3], "200", "{said:?}");
    assert_eq!(said[4], "{}");
    for pair in gitlab.live_pairs() {
        let shown = said.concat();
        assert!(!shown.contains(&pair.access) && !shown.contains(&pair.refresh));
    }
    assert_eq!((gitlab.refreshes(), gitlab.revocations()), (1, 1));
}

#[test]
fn an_answer_of_a_token_endpoint_that_cannot_be_read_is_refused() {
    let (world, server, _) = server(|stream, path| {
        let token = "access_token=0123456789abcdef0123";
        match path {
            "/oauth/token?html" => respond(stream, "text/html", "<p>hello</p>"),
            "/oauth/token?form" => respond(stream, "application/x-www-form-urlencoded", token),
            "/oauth/token?jwt" => respond(stream, "application/jwt", "eyJ.eyJ.abcdef"),
            "/oauth/token?broken" => respond(stream, "application/json", "{\"access_token\":"),
            "/oauth/token?short" => {
                respond(stream, "application/json", "{\"access_token\":\"short\"}");
            }
            _ => {
                let large = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
                respond(stream, "application/json", &large);
            }
        }
    });
    let script =
        r"for kind in html form jwt broken short large; do ask -d x= $1/oauth/token?$kind; done";
    let said = session(&world, &[], script, &[&server.base_url()]);
    let said: Vec<_> = said.into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(said[0], "<p>hello</p>");
    assert_eq!(said[1], "access_token=authsome000100000000");
    for (refused, why) in said[2..]
        .iter()
        .zip(["JSON nor", "JSON nor", "12 characters", "256 KiB"])
    {
        assert_eq!(member(refused, "error"), "upstream_malformed", "{said:?}");
        assert!(member(refused, "message").contains(why), "{said:?}");
    }
    assert_eq!(said.len(), 6);
}
