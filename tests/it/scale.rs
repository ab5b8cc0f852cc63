//! A vault with thousands of connections: a run of it starts, and costs what it should.

use std::fs;

use authsome::secret::Secret;
use authsome_test_support::{Arrived, Visibility};

use crate::kit::{Outcome, PLACEHOLDER, Setup, World, id};

/// More than an environment would take if each place of git's stood in it.
const CONNECTIONS: usize = 2500;

/// Puts so many connections at hosts of their own beside the one that is there.
fn fill(world: &World) {
    let (store, mut connection) = (world.store(), world.stored("default"));
    for number in 0..CONNECTIONS {
        connection.id = id(&format!("host{number}"));
        connection.base_url = Some(format!("https://host{number}.test").parse().unwrap());
        connection.tokens.access = Secret::new(format!("access-token-of-host-{number:05}"));
        connection.tokens.refresh = Some(Secret::new(format!("refresh-token-of-host-{number:05}")));
        for route in connection
            .terms
            .iter_mut()
            .flat_map(|terms| &mut terms.routes)
        {
            route.host = format!("host{number}.test").parse().unwrap();
            route.port = 443;
        }
        store.create(&connection, false).unwrap();
    }
}

#[test]
fn thousands_of_connections_are_all_live_in_one_session() {
    let Setup {
        world,
        gitlab,
        pair,
        ..
    } = Setup::connected();
    gitlab.add_repo("group/private", Visibility::Private, &[("file", "text")]);
    fill(&world);
    world.file(".gitconfig", "[http]\n\tproxy = http://127.0.0.1:9\n");
    let base = gitlab.base_url();
    let last = format!("https://host{}.test", CONNECTIONS - 1);
    let script = format!(
        "set -e
        curl -sS --fail-with-body {base}/api/v4/user >/dev/null
        git ls-remote {base}/group/private.git >/dev/null
        git config --get-urlmatch http.proxy {last}/group/project.git
        git config --get-all credential.{last}.helper
        cat \"$(git config --get-all include.path)\" >config
        printenv FIRST SECOND; printf %s \"$HTTPS_PROXY\""
    );
    let mut command = world.authsome(["run", "--", "sh", "-c", &script]);
    command
        .current_dir(
            fs::create_dir(world.path("work"))
                .map(|()| world.path("work"))
                .unwrap(),
        )
        .env("FIRST", "https://x:access-token-of-host-00000@h/")
        .env(
            "SECOND",
            format!("refresh-token-of-host-{:05}", CONNECTIONS - 1),
        );
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    let lines: Vec<_> = outcome.stdout.lines().collect();
    let [to_last, no_helper, helper, first, second, proxy] = lines[..] else {
        panic!("{lines:?} {}", outcome.stderr);
    };
    let (_, address) = proxy.rsplit_once('@').unwrap();
    if cfg!(target_os = "linux") {
        assert_eq!(to_last, format!("http://{address}"));
    }
    assert_eq!(no_helper, "", "none of the user's is asked");
    assert!(helper.starts_with("!sh '"), "{helper}");
    assert_eq!(first, format!("https://x:{PLACEHOLDER}@h/"));
    assert_eq!(second, PLACEHOLDER);
    let (secret, _) = proxy
        .trim_start_matches("http://authsome:")
        .split_once('@')
        .unwrap();
    let config = fs::read_to_string(world.path("work/config")).unwrap();
    assert!(config.contains(&last) && !config.contains(secret));
    let expected = Arrived::Bearer { token: pair.access };
    assert_eq!(gitlab.seen()[0].credential, expected);
    assert!(outcome.stderr.lines().count() < 10, "{}", outcome.stderr);
}
