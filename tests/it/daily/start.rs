//! `authsome` alone, and words of other programs.

use crate::kit::{Setup, World};

#[test]
fn who_has_nothing_yet_is_told_the_first_steps_and_nothing_is_made() {
    let world = World::new();
    let shown = world.call::<&str>([]).expect(0);
    assert!(shown.stdout.contains("authsome login gitlab"), "{shown:?}");
    assert!(shown.stderr.is_empty(), "{shown:?}");
    assert!(!world.home().exists());
}

#[test]
fn who_is_connected_is_told_how_that_stands() {
    let setup = Setup::connected();
    let shown = setup.world.call::<&str>([]).expect(0);
    assert!(shown.stdout.contains("gitlab/default"), "{shown:?}");
    assert!(shown.stdout.contains("works, renews itself"), "{shown:?}");
}

#[test]
fn the_python_programs_words_do_the_same() {
    let setup = Setup::connected();
    for (theirs, ours) in [
        (&["provider", "list"][..], &["list"][..]),
        (&["connections", "list"], &["list"]),
        (&["connections", "inspect", "gitlab"], &["get", "gitlab"]),
        (&["provider", "inspect", "gitlab"], &["inspect", "gitlab"]),
    ] {
        let [theirs, ours] = [theirs, ours].map(|words| setup.world.call(words).expect(0).stdout);
        assert_eq!(theirs, ours);
    }
}
