//! A login on another device, at a server with wishes of its own.

use std::io::{Read, Write};
use std::sync::mpsc;

use crate::kit::World;
use crate::kit::client::LONG;
use crate::kit::servers::{Scripted, read_head};

#[test]
fn a_server_that_wants_json_is_asked_in_json() {
    let (tell, bodies) = mpsc::channel();
    let server = Scripted::start(move |stream| {
        let head = read_head(stream);
        // It is looked first whether the server is there.
        let Some(path) = head.split(' ').nth(1) else {
            return;
        };
        let length = head.lines().filter_map(|line| line.split_once(": "));
        let length = length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map(|(_, length)| length.parse().unwrap()).next();
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        let answer = if head.contains("/device ") {
            r#"{"device_code":"d-1","user_code":"ABCD","verification_uri":"https://acme.test/go","expires_in":600,"interval":1}"#
        } else {
            r#"{"access_token":"a-1","token_type":"bearer"}"#
        };
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        let _ = tell.send((path.to_owned(), String::from_utf8(body).unwrap()));
    });
    let world = World::new();
    let authority = server.authority();
    let definition = format!(
        r#"{{ "name": "acme", "display_name": "Acme", "auth_type": "oauth2", "flow": "device_code", "api_url": "{authority}",
            "oauth": {{ "device_authorization_url": "https://{authority}/device", "token_url": "https://{authority}/token",
                "supports_device_code": true, "device_token_request": "json", "scopes": [] }},
            "export": {{ "ACME_TOKEN": "ACCESS_TOKEN" }} }}"#
    );
    let file = world.file("acme.json", &definition);
    world
        .call(["register", file.to_str().unwrap(), "--yes"])
        .expect(0);
    let ca = world.file("ca.pem", &server.ca_pem);
    let login = [
        "login",
        "acme",
        "--client-id",
        "me",
        "--ca-file",
        ca.to_str().unwrap(),
    ];
    let outcome = world.call(login).expect(0);
    assert!(outcome.stderr.contains("ABCD"), "{outcome:?}");
    let of_path = |wanted: &str| loop {
        let (path, body) = bodies.recv_timeout(LONG).expect("it is asked");
        if path == wanted {
            return body;
        }
    };
    // What begins the flow is a form (RFC 8628 §3.1).
    assert!(of_path("/device").contains("client_id=me"));
    let asked: serde_json::Value = serde_json::from_str(&of_path("/token")).unwrap();
    assert_eq!(asked["device_code"], "d-1");
    assert_eq!(asked["client_id"], "me");
}
