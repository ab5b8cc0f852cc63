//! A place for the session's files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::kit::private::place;
use crate::kit::run::{behind, finish, run};
use crate::kit::{Setup, World};

#[test]
fn files_go_to_the_first_good_place_and_what_is_wrong_with_another_is_said() {
    let Setup {
        world,
        gitlab: _gitlab,
        ..
    } = Setup::connected();
    let make = |name: &str, mode| {
        let path = world.path(name);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let good = make("good", 0o700);
    let open = make("open", 0o777);
    let below = make("open/below", 0o700);
    for bad in [
        open.clone(),
        below,
        make("a$b", 0o700),
        make("a%b", 0o700),
        make("a\"b", 0o700),
        make("a\\b", 0o700),
        make("a\nb", 0o700),
        world.path("none"),
    ] {
        let (place, words) = place(&world, &[("TMPDIR", &bad)]);
        assert!(place.starts_with("/tmp/authsome-"), "{bad:?}: {place}");
        assert!(words.contains("TMPDIR"), "{bad:?}: {words}");
        let (place, words) = self::place(&world, &[("XDG_RUNTIME_DIR", &good), ("TMPDIR", &bad)]);
        assert!(place.starts_with(good.to_str().unwrap()), "{place}");
        assert_eq!(words, "");
    }
    let (place, words) = place(&world, &[("TMPDIR", Path::new(""))]);
    assert!(
        place.starts_with("/tmp/authsome-") && words.is_empty(),
        "{place} {words}"
    );
}

#[test]
fn a_full_temporary_directory_is_passed_over() {
    let world = World::new();
    let full = world.path("full");
    fs::create_dir(&full).unwrap();
    let full = full.display().to_string();
    let preparation = format!(
        "mount -t tmpfs -o size=64k,mode=700 none '{full}'; head -c 70000 /dev/zero >'{full}/fill' 2>&-"
    );
    let mut command = run(&world, &[], &["sh", "-c", "test -s \"$SSL_CERT_FILE\""]);
    command.env("TMPDIR", &full);
    let outcome = finish(with_mounts(&preparation, &command)).expect(0);
    assert!(
        outcome.stderr.contains("TMPDIR") && outcome.stderr.contains("No space left"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_first_use_on_a_full_disk_leaves_nothing_behind() {
    let world = World::new();
    let home = world.home();
    fs::create_dir(&home).unwrap();
    let home = home.display().to_string();
    for (free, words) in [(0, vec!["list"]), (8192, vec!["run", "--", "true"])] {
        let fill = format!(
            "mount -t tmpfs -o size=64k,mode=700 none '{home}'; head -c {} /dev/zero >'{home}/fill' 2>&-; \"$@\"; code=$?; ls -A '{home}'; exit $code",
            65536 - free
        );
        let outcome = finish(behind(
            &["unshare", "-rm", "sh", "-c", &fill, "sh"],
            &world.authsome(&words),
        ));
        assert!(matches!(outcome.code, Some(9 | 125)), "{outcome:?}");
        assert_eq!(outcome.stdout, "fill\n", "{outcome:?}");
    }
}

/// Runs a command in a mount namespace of its own, where it is root, after some preparation.
fn with_mounts(preparation: &str, command: &Command) -> Command {
    behind(
        &[
            "unshare",
            "-rm",
            "sh",
            "-c",
            &format!("{preparation}; exec \"$@\""),
            "sh",
        ],
        command,
    )
}
