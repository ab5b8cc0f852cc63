//! Who may not speak to the listener.

use std::io::{Read, Write};

use crate::kit::browser::{Request, connect, csrf, form, get};
use crate::kit::login::LoginRun;

#[test]
fn a_form_of_another_site_is_refused_and_the_login_waits() {
    let mut walk = LoginRun::to_form();
    let csrf = csrf();
    let ours = || form(&csrf, "forged", "");
    for (what, request) in [
        ("no token", form("", "forged", "")),
        ("wrong token", form("x", "forged", "")),
        ("origin", ours().with("origin", "https://evil.test")),
        (
            "origin of another port",
            ours().with("origin", "http://127.0.0.1:8000"),
        ),
        (
            "origin of another name",
            ours().with("origin", "http://localhost:7998"),
        ),
        ("opaque origin", ours().with("origin", "null")),
        ("cross-site", ours().with("sec-fetch-site", "cross-site")),
        ("same-site", ours().with("sec-fetch-site", "same-site")),
    ] {
        let response = request.send();
        assert_eq!(response.status, 403, "{what}");
        assert_eq!(response.header("location"), None, "{what}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn another_host_name_is_refused_and_the_login_waits() {
    let mut walk = LoginRun::to_form();
    let csrf = csrf();
    for host in [
        "localhost:7998",
        "evil.test:7998",
        "127.0.0.1",
        "127.0.0.1:80",
        "",
    ] {
        assert_eq!(get("/").with("host", host).send().status, 421, "{host}");
        let posted = form(&csrf, "forged", "").with("host", host).send();
        assert_eq!(posted.status, 421, "{host}");
        let redirect = get("/auth/callback/oauth?code=c&state=s").with("host", host);
        assert_eq!(redirect.send().status, 421, "{host}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn other_methods_are_refused_with_what_is_allowed() {
    let mut walk = LoginRun::to_form();
    for (method, path, allowed) in [
        ("POST", "/", "GET"),
        ("PUT", "/client", "POST"),
        ("GET", "/client", "POST"),
        ("POST", "/auth/callback/oauth?code=c&state=s", "GET"),
        ("DELETE", "/auth/callback/oauth", "GET"),
        ("OPTIONS", "/client", "POST"),
    ] {
        let response = Request::new(method, path).send();
        assert_eq!(response.status, 405, "{method} {path}");
        // RFC 9110 §15.5.6 requires it.
        let allow = response.header("allow").unwrap_or_default();
        assert!(
            allow.contains(allowed),
            "{method} {path}: allow is {allow:?}"
        );
        assert_eq!(response.header("access-control-allow-origin"), None);
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn a_form_that_is_too_large_is_refused_and_the_login_waits() {
    let mut walk = LoginRun::to_form();
    let mut request = form(&csrf(), "forged", "");
    // The last byte is the one too many: then none is left unread, and the response is not lost to
    // a reset.
    request.body = format!("{}&pad=", request.body);
    request
        .body
        .push_str(&"x".repeat(8193 - request.body.len()));
    let response = request.send();
    assert!((400..500).contains(&response.status), "{}", response.status);
    walk.finish_by_form().expect(0);
}

#[test]
fn other_paths_are_not_found_and_the_login_waits() {
    let mut walk = LoginRun::to_form();
    for path in [
        "/favicon.ico",
        "/auth/callback",
        "/auth/callback/oauth/",
        "/auth/callback/oauth2?code=c&state=s",
        "//auth/callback/oauth?code=c&state=s",
        "/client/..",
        "/.well-known/appspecific/com.chrome.devtools.json",
    ] {
        let response = get(path).send();
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn what_is_no_http_is_cut_off_and_the_login_waits() {
    let mut walk = LoginRun::to_form();
    for noise in [
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "GET\r\n\r\n",
    ] {
        let mut stream = connect();
        stream.write_all(noise.as_bytes()).unwrap();
        let mut response = String::new();
        let _ = stream.read_to_string(&mut response); // a reset will do as well
        assert!(
            response.is_empty() || response.contains("400"),
            "{response}"
        );
    }
    walk.finish_by_form().expect(0);
}

#[test]
fn idle_connections_do_not_lock_the_browser_out() {
    let mut walk = LoginRun::to_form();
    // Browsers open some ahead; each tab its own.
    let _idle: Vec<_> = (0..12).map(|_| connect()).collect();
    walk.finish_by_form().expect(0);
}

#[test]
fn only_this_machine_is_listened_to_and_only_during_the_login() {
    let mut walk = LoginRun::to_form();
    assert_eq!(
        listening_on_7998(),
        ["0100007F"],
        "127.0.0.1 and no other address"
    );
    walk.finish_by_form().expect(0);
    assert_eq!(listening_on_7998(), Vec::<String>::new());
}

/// The local addresses (as /proc/net/tcp writes them) that listen on the port, of both families.
fn listening_on_7998() -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let listening = lines.filter_map(|line| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let (address, port) = columns[1].split_once(':')?;
        (port == "1F3E" && columns[3] == "0A").then(|| address.to_owned())
    });
    listening.collect()
}
