//! A provider that cannot be reached, or breaks off.

use authsome_test_support::{Endpoint, Fault};

use crate::kit::Setup;
use crate::kit::client::{LONG, configure, fetch, log};
use crate::kit::servers::connect_elsewhere;

#[test]
fn a_provider_that_refuses_connections_is_unreachable() {
    let Setup { world, gitlab, .. } = Setup::connected();
    gitlab.refuse(true);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for version in ["--http1.1", "--http2"] {
        fetch(&world, &[], &[version, &url]).expect_ours(502, "upstream_unreachable");
    }
}

#[test]
fn a_connection_that_breaks_before_a_response_is_unreachable() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    for fault in [Fault::Close, Fault::Reset] {
        gitlab.clear_faults();
        gitlab.fault(Endpoint::Api, fault, 9);
        fetch(&world, &[], &["-d", "x=y", &url]).expect_ours(502, "upstream_unreachable");
    }
}

#[test]
fn a_certificate_of_an_unknown_ca_is_an_upstream_tls_failure() {
    let (world, gitlab) = Setup::unconnected();
    connect_elsewhere(&world, &gitlab.base_url(), None);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let told = fetch(&world, &[], &[&url]).expect_ours(502, "upstream_tls");
    assert!(
        told["hint"].as_str().unwrap().contains("--ca-file"),
        "{told}"
    );
    assert!(gitlab.seen().is_empty());
}

#[test]
fn a_provider_that_does_not_answer_in_time_is_a_504() {
    let Setup { world, gitlab, .. } = Setup::connected();
    configure(&world, "[timeouts]\nresponse_seconds = 1\n");
    gitlab.fault(Endpoint::Api, Fault::Stall(LONG), 1);
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let told = fetch(&world, &[], &[&url]).expect_ours(504, "upstream_timeout");
    assert!(
        told["hint"].as_str().unwrap().contains("response_seconds"),
        "{told}"
    );
}

#[test]
fn a_response_that_breaks_off_reaches_the_client_as_broken() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for (version, code) in [("--http1.1", 18), ("--http2", 92)] {
        gitlab.fault(Endpoint::Api, Fault::HalfBody, 1);
        world.run(["curl", "-sS", version, &url]).expect(code);
    }
    let said = log(&world);
    assert_eq!(said.len(), 2, "{said:?}");
    for line in said {
        assert_eq!(line["status"], 200, "{line}");
        assert_eq!(line["reason"], "the response broke off before its end");
    }
}
