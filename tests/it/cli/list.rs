//! `authsome list`, `whoami` and `inspect`.

use crate::kit::commands::{connected, custom};
use crate::kit::{Setup, World};

#[test]
fn list_shows_providers_connections_and_the_default() {
    let (world, gitlab) = Setup::unconnected();
    let empty = world.call(["list"]).expect(0).stdout;
    assert!(
        empty
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("gitlab    bundled  oauth2"),
        "{empty}"
    );
    world.connect(&gitlab);
    world.connect_as("work", &gitlab, &gitlab.base_url_at("127.0.0.1"), 0);
    let table = world.call(["list"]).expect(0).stdout;
    let cells: Vec<Vec<_>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        cells[0],
        [
            "PROVIDER",
            "SOURCE",
            "AUTH",
            "CONNECTION",
            "STATUS",
            "DEFAULT",
            "ACCOUNT",
            "AT"
        ]
    );
    assert_eq!(
        cells[1][..6],
        ["gitlab", "bundled", "oauth2", "default", "connected", "yes"]
    );
    assert_eq!(
        cells[2][..6],
        ["gitlab", "bundled", "oauth2", "work", "expired", "-"]
    );
    let listed = world.call(["list", "--json"]).expect(0).json();
    assert_eq!(
        crate::kit::gitlab_in(&listed)["connections"][1]["base_url"],
        gitlab.base_url_at("127.0.0.1")
    );
}

#[test]
fn list_shows_no_secret() {
    let (world, _, _, pair) = connected();
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["whoami"],
        &["whoami", "--json"],
    ] {
        let got = world.call(words).expect(0);
        assert!(!got.stdout.contains(&pair.access) && !got.stdout.contains(&pair.refresh));
    }
}

#[test]
fn inspect_prints_a_definition_that_can_be_put_back_as_a_custom_one() {
    let world = World::new();
    let inspected = world.call(["inspect", "gitlab"]).expect(0);
    assert_eq!(inspected.stderr, "");
    let definition = inspected.json();
    assert_eq!(definition["name"], "gitlab");
    custom(&world, "gitlab", &inspected.stdout);
    let again = world.call(["inspect", "gitlab"]).expect(0);
    assert_eq!((again.json(), again.stderr.as_str()), (definition, ""));
    assert_eq!(
        crate::kit::gitlab_in(&world.call(["list", "--json"]).expect(0).json())["source"],
        "custom"
    );
}

#[test]
fn whoami_says_who_and_where() {
    let (world, gitlab) = Setup::unconnected();
    let nobody = world.call(["whoami"]).expect(0);
    assert!(
        nobody.stderr.contains("authsome login"),
        "{}",
        nobody.stderr
    );
    world.connect(&gitlab);
    let who = world.call(["whoami", "--json"]).expect(0).json();
    assert_eq!(who["home"], world.home().display().to_string());
    assert_eq!(
        who["master_key"],
        world.home().join("master.key").display().to_string()
    );
    assert_eq!(who["accounts"][0]["connection"], "gitlab/default");
    assert_eq!(who["accounts"][0]["status"], "connected");
    assert!(
        world
            .call(["whoami"])
            .expect(0)
            .stdout
            .contains("gitlab/default")
    );
}
