//! Where requests may go: the address that a name was resolved to decides, in whichever form it is
//! written.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::Value;

use crate::kit::client::{log, python};
use crate::kit::{Setup, World};

/// Asks for a tunnel to each address, and says what came back.
const CONNECTS: &str = r#"
for target in sys.argv[1:]:
    say(ask(proxy(), f"CONNECT {target} HTTP/1.1\nHost: {target}\n{PASSWORD}"))
"#;

fn tunnels(world: &World, flags: &[&str], targets: &[&str]) -> Vec<(u16, String)> {
    let targets: Vec<_> = targets.iter().map(|target| (*target).to_owned()).collect();
    let told = python(world, flags, CONNECTS, &targets);
    let told = told.iter().map(|told| {
        let status = u16::try_from(told["status"].as_u64().unwrap()).unwrap();
        (status, told["body"].as_str().unwrap_or_default().to_owned())
    });
    told.collect()
}

#[test]
fn where_clouds_give_out_credentials_nothing_is_reached() {
    let Setup { world, .. } = Setup::connected();
    let targets = [
        "169.254.169.254:80",
        "[::ffff:169.254.169.254]:80",
        "[64:ff9b::a9fe:a9fe]:80",
        "[2002:a9fe:a9fe::1]:80",
        "[fd00:ec2::254]:80",
        "[fe80::1]:80",
        "100.100.100.200:80",
        "224.0.0.1:80",
        "2852039166:80",
        "0xa9fea9fe:80",
        "0251.0376.0251.0376:80",
    ];
    for (target, (status, body)) in targets.iter().zip(tunnels(&world, &[], &targets)) {
        assert_eq!(status, 403, "{target}: {body}");
        assert!(body.contains("--allow-host"), "{target}: {body}");
    }
    let denied = |line: &&Value| line["rule"] == "policy/address";
    assert_eq!(log(&world).iter().filter(denied).count(), targets.len());
}

#[test]
fn a_name_is_judged_by_the_address_that_it_has() {
    let Setup { world, .. } = Setup::connected();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let here = format!("localhost:{port}");
    let only = ["--policy", "deny", "--allow-host", "*:1"];
    // Every name is allowed, and no private address with it.
    let any = ["--policy", "deny", "--allow-host", "*"];
    let (status, body) = tunnels(&world, &any, &[&here]).remove(0);
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("an address of this machine"), "{body}");
    let (status, _) = tunnels(&world, &only, &[&here]).remove(0);
    assert_eq!(status, 403);
    // Named itself, it is reached; and without a policy, the machine's own servers are.
    let named = ["--policy", "deny", "--allow-host", &here];
    assert_eq!(tunnels(&world, &named, &[&here])[0].0, 200);
    assert_eq!(tunnels(&world, &[], &[&here])[0].0, 200);
}
