//! `authsome export`.

use serde_json::json;

use crate::kit::Setup;
use crate::kit::commands::{connected, shell};

#[test]
fn export_prints_the_token_and_never_the_refresh_token() {
    let (world, _, _, pair) = connected();
    let env = world.call(["export", "gitlab"]).expect(0);
    assert_eq!(
        env.stdout,
        format!("GITLAB_ACCESS_TOKEN='{}'\n", pair.access)
    );
    let shell = world
        .call(["export", "gitlab", "--format", "shell"])
        .expect(0);
    assert_eq!(
        shell.stdout,
        format!("export GITLAB_ACCESS_TOKEN='{}'\n", pair.access)
    );
    let only = json!({ "GITLAB_ACCESS_TOKEN": pair.access });
    assert_eq!(
        world
            .call(["export", "gitlab", "--format", "json"])
            .expect(0)
            .json(),
        only
    );
    assert_eq!(
        world.call(["export", "gitlab", "--json"]).expect(0).json(),
        only
    );
}

#[test]
fn a_shell_takes_the_export() {
    let (world, _, _, pair) = connected();
    let script = "eval \"$(\"$0\" export gitlab --format shell)\"; sh -c 'printf %s \"$GITLAB_ACCESS_TOKEN\"'";
    assert_eq!(shell(&world, script).expect(0).stdout, pair.access);
}

#[test]
fn a_shell_runs_nothing_that_a_token_says() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let odd = "a'b`touch${IFS}ran`$(touch${IFS}ran);\"!#";
    let mut connection = world.stored("default");
    connection.tokens.access = authsome::secret::Secret::new(odd.replace(['"', '\\'], "~"));
    world.store().create(&connection, true).unwrap();
    let script =
        "eval \"$(\"$0\" export gitlab)\"; printf %s \"$GITLAB_ACCESS_TOKEN\"; test ! -e ran";
    assert_eq!(
        shell(&world, script).expect(0).stdout,
        odd.replace(['"', '\\'], "~")
    );
}
