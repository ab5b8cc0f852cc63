//! What a request sends beside its path: another user's name, another method, a setting.

use crate::kit::Setup;
use crate::kit::client::{fetch, log};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const JSON: &str = "Content-Type: application/json";

#[test]
fn a_request_that_acts_as_another_user_is_denied_wherever_it_says_so() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/projects/1/issues", gitlab.base_url());
    let in_query = format!("{url}?s%75do=root");
    let parts = "x=y";
    for version in ["--http1.1", "--http2"] {
        for words in [
            &["-H", "Sudo: root", &url][..],
            &[&in_query],
            &["-H", FORM, "-d", "title=x&sudo=root", &url],
            &["-X", "PUT", "-H", FORM, "-d", "title=x&[sudo]=root", &url],
            &["-H", JSON, "-d", r#"{"title":"x","sudo":"root"}"#, &url],
            &["-X", "PUT", "-H", JSON, "-d", r#"{"s\u0075do":1}"#, &url],
            &["-F", parts, "-F", "sudo=root", &url],
            &["-H", "Content-Type:", "-d", "sudo=root", &url],
        ] {
            gitlab.clear_seen();
            let words = [&[version], words].concat();
            let told = fetch(&world, &[], &words).expect_ours(403, "denied");
            let hint = told["hint"].as_str().unwrap();
            assert!(hint.contains("authsome allow gitlab/sudo"), "{told}");
            assert!(gitlab.seen().is_empty(), "{words:?}");
        }
        for words in [
            &[
                "-H",
                JSON,
                "-d",
                r#"{"title":"sudo","description":"\"sudo\":1"}"#,
                &url,
            ][..],
            &["-H", FORM, "-d", "title=sudo%3Droot", &url],
            &["-F", "title=sudo", &url],
            &["-H", "Content-Type: text/plain", "-d", "sudo=root", &url],
        ] {
            gitlab.clear_seen();
            let words = [&[version], words].concat();
            let response = fetch(&world, &[], &words);
            assert_eq!(response.header("authsome-error"), None, "{words:?}");
            assert_eq!(gitlab.seen().len(), 1, "{words:?}");
        }
    }
    let denied = log(&world);
    assert!(denied.iter().any(|line| line["rule"] == "gitlab/sudo"));
    let lifted = ["--allow", "gitlab/sudo"];
    gitlab.clear_seen();
    let response = fetch(&world, &lifted, &["-H", FORM, "-d", "sudo=root", &url]);
    assert_eq!(response.header("authsome-error"), None);
    assert_eq!(gitlab.seen().len(), 1);
}

/// The field may stand at the end of a body that is far too large to be held.
#[test]
fn a_large_body_streams_and_is_broken_off_before_the_field_is_whole() {
    let Setup { world, gitlab, .. } = Setup::connected();
    // The server answers there when it has read all.
    let url = format!("{}/api/v4/upload", gitlab.base_url());
    let title = "x".repeat(3 << 20);
    for (kind, harmless, denied) in [
        (
            FORM,
            format!("title={title}"),
            format!("title={title}&sudo=root"),
        ),
        (
            JSON,
            format!("{{\"title\":\"{title}\"}}"),
            format!("{{\"title\":\"{title}\",\"sudo\":\"root\"}}"),
        ),
    ] {
        for (body, is_served) in [(harmless, true), (denied, false)] {
            let body = format!("@{}", world.file("body", &body).display());
            let words = ["-H", kind, "-H", "Expect:", "--data-binary", &body, &url];
            let response = fetch(&world, &[], &words);
            if is_served {
                assert_eq!(response.header("authsome-error"), None, "{kind}");
            } else {
                response.expect_ours(403, "denied");
            }
        }
    }
}

#[test]
fn a_setting_is_denied_and_the_others_are_not() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/projects/1", gitlab.base_url());
    let change = |body: &str| fetch(&world, &[], &["-X", "PUT", "-H", JSON, "-d", body, &url]);
    assert_eq!(
        change(r#"{"description":"x"}"#).header("authsome-error"),
        None
    );
    change(r#"{"visibility":"public"}"#).expect_ours(403, "denied");
    change(r#"{"import_url":"https://elsewhere.test/x.git"}"#).expect_ours(403, "denied");
}

#[test]
fn a_method_in_a_body_has_to_be_permitted_too() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let url = format!("{}/api/v4/projects/1/issues/2", gitlab.base_url());
    let flags = ["--deny-path", "gitlab=DELETE /**"];
    for words in [
        &["-H", FORM, "-d", "_method=delete", &url][..],
        &["-H", FORM, "-d", "a=b&%5Fmethod=DELETE&c=d", &url],
        &["-H", "Content-Type:", "-d", "_method=delete", &url],
        &["-F", "_method=delete", &url],
        &["-H", JSON, "-d", r#"{"_method":"delete"}"#, &url],
    ] {
        super::expect_denied(&world, &gitlab, &flags, words, "deny-path");
        super::expect_served(&world, &gitlab, &[], words);
    }
    for words in [
        &["-H", FORM, "-d", "_method=put", &url][..],
        &["-H", FORM, "-d", "title=delete", &url],
        &["-H", JSON, "-d", r#"{"a":{"_method":"delete"}}"#, &url],
        &["-X", "PUT", "-H", FORM, "-d", "_method=delete", &url],
    ] {
        super::expect_served(&world, &gitlab, &flags, words);
    }
}
