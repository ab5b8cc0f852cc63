//! The variables and the git configuration that lead the child's programs to the proxy.

use std::ffi::OsStr;
use std::fs;

use authsome_test_support::{FakeGitLab, Visibility};

use crate::kit::run::{environment, finish, run};
use crate::kit::{Setup, World};

#[test]
fn both_cases_of_the_proxy_variables_name_the_sessions_proxy() {
    let world = World::new();
    let own = [
        ("HTTPS_PROXY", "http://proxy.test:1"),
        ("https_proxy", "http://proxy.test:2"),
        ("ALL_PROXY", "socks5://proxy.test"),
    ];
    let (first, second) = (environment(&world, &own), environment(&world, &[]));
    for environment in [&first, &second] {
        for name in [
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "https_proxy",
            "http_proxy",
            "all_proxy",
        ] {
            assert_eq!(environment[name], environment["HTTPS_PROXY"], "{name}");
        }
        let rest = environment["HTTPS_PROXY"]
            .strip_prefix("http://authsome:")
            .unwrap();
        let (password, address) = rest.split_once("@127.0.0.1:").unwrap();
        assert!(password.len() >= 32, "{password}");
        assert!(
            password
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)),
            "{password}"
        );
        assert!(
            address.parse::<u16>().is_ok_and(|port| port > 0),
            "{address}"
        );
    }
    assert_ne!(first["HTTPS_PROXY"], second["HTTPS_PROXY"]);
    assert!(!first["AUTHSOME_SESSION"].is_empty());
    assert_ne!(first["AUTHSOME_SESSION"], second["AUTHSOME_SESSION"]);
    assert!(
        !first["HTTPS_PROXY"].contains(&first["AUTHSOME_SESSION"]),
        "the id is public"
    );
}

#[test]
fn no_proxy_is_loopback_and_what_the_user_excludes_less_the_connections_hosts() {
    let gitlab = FakeGitLab::start();
    for (base, expected) in [
        (
            None,
            "localhost,127.0.0.1,::1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://gitlab.test"),
            "localhost,127.0.0.1,::1,.corp,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://LocalHost:8443/gitlab"),
            "127.0.0.1,::1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://127.0.0.1:8443"),
            "localhost,::1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://[::1]:8443"),
            "localhost,127.0.0.1,.corp,gitlab.test,10.0.0.0/8,db:5432",
        ),
        (
            Some("https://10.2.3.4"),
            "localhost,127.0.0.1,::1,.corp,gitlab.test,db:5432",
        ),
        (
            Some("https://gitlab.corp"),
            "localhost,127.0.0.1,::1,gitlab.test,10.0.0.0/8,db:5432",
        ),
    ] {
        let world = World::new();
        if let Some(base) = base {
            world.connect_as("default", &gitlab, base, 7200);
        }
        let users = ".corp, gitlab.test 10.0.0.0/8,::1,db:5432";
        let environment = environment(&world, &[("NO_PROXY", users), ("no_proxy", "other")]);
        assert_eq!(environment["NO_PROXY"], expected, "{base:?}");
        assert_eq!(environment["no_proxy"], expected, "{base:?}");
    }
    // What covers everything covers a connection.
    let world = World::new();
    world.connect_as("default", &gitlab, "https://gitlab.test", 7200);
    let environment = environment(&world, &[("no_proxy", "*")]);
    assert_eq!(environment["NO_PROXY"], "localhost,127.0.0.1,::1");
}

#[test]
fn git_configuration_is_appended_to_the_parents() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let inherited = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "user.name"),
        ("GIT_CONFIG_VALUE_0", "Ada"),
    ];
    let environment = environment(&world, &inherited);
    assert_eq!(environment["GIT_CONFIG_KEY_0"], "user.name");
    assert_eq!(environment["GIT_CONFIG_VALUE_0"], "Ada");
    let count: usize = environment["GIT_CONFIG_COUNT"].parse().unwrap();
    let added = (1..count).map(|index| {
        let part = |part: &str| environment[&format!("GIT_CONFIG_{part}_{index}")].clone();
        (part("KEY"), part("VALUE"))
    });
    let key = format!("credential.{}.helper", gitlab.base_url());
    let helpers: Vec<_> = added
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect();
    // The empty one ends the user's list.
    assert_eq!(helpers.len(), 2, "{helpers:?}");
    assert_eq!(helpers[0], "");
    assert!(helpers[1].ends_with("/git-credential.sh' 0"), "{helpers:?}");
    assert_eq!(environment["GIT_TERMINAL_PROMPT"], "0");
}

#[test]
fn the_users_credential_helper_is_neither_asked_nor_told_anything() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let files = [("README.md", "hello\n")];
    gitlab.add_repo("group/private", Visibility::Private, &files);
    let told = world.path("told");
    let helper = format!(
        "[credential]\n\thelper = \"!f() {{ echo $1; cat; }} >> '{}'; f\"\n",
        told.display()
    );
    world.file(".gitconfig", &helper);
    let url = format!("{}/group/private.git", gitlab.base_url());
    world.run(["git", "ls-remote", &url]).expect(0);
    // The proxy's password is one too: a helper would keep it for ever.
    assert!(!told.exists(), "{}", fs::read_to_string(&told).unwrap());
}

#[test]
fn variables_that_are_not_text_pass_through() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    let mut command = run(
        &world,
        &[],
        &["sh", "-c", "printf %s \"$ODD\" | od -An -tx1"],
    );
    command.env("ODD", OsStr::from_bytes(b"a\xff\xfe"));
    assert_eq!(finish(command).expect(0).stdout.trim(), "61 ff fe");
}
