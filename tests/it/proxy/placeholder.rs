//! The placeholder never leaves the machine.

use std::io::Read;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::mpsc;

use crate::kit::client::{LONG, expect_ours, fetch, python};
use crate::kit::servers::{Scripted, connect_elsewhere};
use crate::kit::{PLACEHOLDER, Setup, World};

#[test]
fn a_placeholder_in_a_head_where_no_credential_goes_is_refused() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    let page = format!("{}/-/user_settings/applications", gitlab.base_url());
    let header = format!("X-Token: {PLACEHOLDER}");
    let pair = format!("token={PLACEHOLDER}");
    let calls: [&[&str]; 6] = [
        &["-H", &header, &url],
        &["-H", "Cookie: t=authsome-proxy-managed", &url],
        &["-G", "-d", &pair, &url],
        &["-G", "-d", "t=authsome%2Dproxy%2dmanaged", &url],
        &["-H", &header, &page],
        &["-G", "-d", &pair, &page],
    ];
    for call in calls {
        fetch(&world, &[], call).expect_ours(400, "placeholder");
    }
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_placeholder_in_a_body_is_refused_and_does_not_arrive() {
    let json = format!(r#"{{"import": {{"token": "{PLACEHOLDER}"}}}}"#);
    let form = format!("a=b&token={PLACEHOLDER}");
    for version in ["--http1.1", "--http2"] {
        for body in [["--json", &json], ["-d", &form]] {
            let world = World::new();
            let arrived = swallow(&world, |base| {
                let url = format!("{base}/api/v4/projects");
                fetch(&world, &[], &[version, body[0], body[1], &url])
                    .expect_ours(400, "placeholder");
            });
            assert!(!arrived.contains(PLACEHOLDER), "{arrived}");
        }
    }
}

#[test]
fn a_placeholder_across_the_borders_of_chunks_is_refused_and_does_not_arrive() {
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"POST /api/v4/projects HTTP/1.1\r\nHost: {target}\r\nTransfer-Encoding: chunked\r\n\r\n")
for piece in ["token=auth", "some-pro", "xy-mana", "ged&x=y"]:
    try:
        peer.send(f"{len(piece):x}\r\n{piece}\r\n")
    except OSError:
        break
say(peer.response())
"#;
    let world = World::new();
    let arrived = swallow(&world, |base| {
        let target = base.trim_start_matches("https://").to_owned();
        let told = python(&world, &[], program, &[target]);
        expect_ours(&told[0], 400, "placeholder");
    });
    let squeezed: String = arrived.lines().filter(|line| line.len() > 3).collect();
    assert!(
        !arrived.contains("ged&x=y") && !squeezed.contains(PLACEHOLDER),
        "{arrived}"
    );
}

#[test]
fn a_placeholder_sent_to_the_token_endpoint_is_refused() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let form = format!("grant_type=refresh_token&client_id=x&refresh_token={PLACEHOLDER}");
    let url = format!("{}/oauth/token", gitlab.base_url());
    fetch(&world, &[], &["-d", &form, &url]).expect_ours(400, "placeholder");
    assert!(!format!("{:?}", gitlab.seen()).contains(PLACEHOLDER));
}

/// Lets `act` make one request to a provider that reads all and never answers; what it has read at
/// the end of the session.
fn swallow(world: &World, act: impl FnOnce(&str)) -> String {
    let (tell, swallowed) = mpsc::channel();
    let upstream = Scripted::start(move |stream| {
        let mut all = Vec::new();
        // The request breaks off, so the connection may as well.
        let _ = stream.read_to_end(&mut all);
        let _ = tell.send(String::from_utf8_lossy(&all).into_owned());
    });
    connect_elsewhere(world, &upstream.base_url(), Some(&upstream.ca_pem));
    act(&upstream.base_url());
    // Where the request was refused before a connection was made, nothing arrived either.
    let mut all = String::new();
    TcpStream::connect((Ipv4Addr::LOCALHOST, upstream.port))
        .unwrap()
        .shutdown(Shutdown::Both)
        .unwrap();
    while let Ok(more) = swallowed.recv_timeout(LONG) {
        if more.is_empty() {
            break; // our own connection, which comes last
        }
        all.push_str(&more);
    }
    all
}
