//! `authsome inspect --edit`, and a definition of the user's own that is not valid.

use std::fs;
use std::path::PathBuf;

use crate::kit::commands::custom;
use crate::kit::{Outcome, Setup};

fn edited(setup: &Setup, editor: &str) -> Outcome {
    let mut command = setup.world.authsome(["inspect", "gitlab", "--edit"]);
    Outcome::of(command.env("VISUAL", editor).output().unwrap())
}

fn own(setup: &Setup) -> PathBuf {
    setup.world.home().join("providers/gitlab.json")
}

#[test]
fn what_is_valid_is_in_force_and_what_is_not_can_be_corrected() {
    let setup = Setup::connected();
    let unchanged = edited(&setup, "true").expect(0);
    assert!(unchanged.stderr.contains("unchanged"), "{unchanged:?}");
    assert!(!own(&setup).exists());
    edited(&setup, "sed -i s/\\\"GitLab\\\"/\\\"Ours\\\"/").expect(0);
    assert!(
        fs::read_to_string(own(&setup))
            .unwrap()
            .contains("\"Ours\"")
    );
    let before = fs::read(own(&setup)).unwrap();
    let wrong = edited(&setup, "sed -i 1s/{/[/").expect(2);
    assert!(
        wrong.stderr.contains("authsome inspect gitlab --edit"),
        "{wrong:?}"
    );
    assert_eq!(
        fs::read(own(&setup)).unwrap(),
        before,
        "the one in force stays"
    );
    // The next edit goes on with what was written.
    edited(&setup, "sed -i s/^.{/{/").expect(0);
    assert!(
        !setup
            .world
            .home()
            .join("providers/gitlab.json.draft")
            .exists()
    );
}

#[test]
fn an_editor_that_is_not_there_is_told() {
    let setup = Setup::connected();
    let failed = edited(&setup, "no-such-editor");
    assert!(!own(&setup).exists(), "{failed:?}");
}

#[test]
fn a_definition_that_is_empty_or_broken_bricks_nothing() {
    for text in ["", "{", "{\"name\": \"gitlab\"}"] {
        let setup = Setup::connected();
        custom(&setup.world, "gitlab", text);
        for reads in [
            &["get", "gitlab"][..],
            &["inspect", "gitlab"],
            &["list"],
            &["status"],
            &["whoami"],
        ] {
            let read = setup.world.call(reads).expect(0);
            let is_told = read.stderr.contains("gitlab.json");
            assert!(
                is_told || reads == ["status"] || reads == ["whoami"],
                "{read:?}"
            );
        }
        for uses in [&["login", "gitlab", "--force"][..], &["run", "--", "true"]] {
            let refused = setup.world.call(uses);
            assert_ne!(refused.code, Some(0), "{uses:?}");
            let removal = format!("rm '{}'", own(&setup).display());
            assert!(refused.stderr.contains(&removal), "{refused:?}");
        }
    }
}
