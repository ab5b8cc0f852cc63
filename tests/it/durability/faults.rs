//! A kill behind any write, and any write that fails.

use authsome_test_support::kit::port_7998;

use crate::kit::doors::{Dice, Door, Doors};
use crate::kit::faults::{EDQUOT, EIO, ENOSPC, EROFS, Faults};
use crate::kit::refresh::{age, pair};
use crate::kit::session::spawn;
use crate::kit::{Outcome, Setup};

/// How many writes fail at a random moment.
const FAILURES: u64 = 60;

/// Each write of a refresh, and of a login, is the process's last: what has reached it is not lost.
#[test]
fn a_kill_behind_any_write_loses_nothing() {
    let Setup {
        world, gitlab, app, ..
    } = Setup::connected();
    let doors = Doors::new(&world, &gitlab, &app);
    let faults = Faults::new(&world);
    let mut kills = 0;
    for door in [Door::Export, Door::Login] {
        for point in 1.. {
            age(&world, 0);
            let _port = matches!(door, Door::Login).then(port_7998);
            let mut command = doors.command(door);
            faults.prepare(&mut command);
            command.env("FAULTS_KILL_AFTER", point.to_string());
            let outcome = Outcome::of(command.output().unwrap());
            let words = format!("{door:?} after write {point}: {}", outcome.stderr);
            world.call(["list"]).expect(0);
            assert!(gitlab.live_pairs().contains(&pair(&world)), "{words}");
            if outcome.code == Some(0) {
                break;
            }
            assert_eq!(outcome.code, None, "{words}");
            kills += 1;
        }
    }
    println!("{kills} kills, each behind a write; the grant was alive each time");
    assert!(kills > 10, "{kills}");
}

#[test]
fn no_write_that_fails_at_any_moment_loses_a_grant() {
    let Setup {
        world, gitlab, app, ..
    } = Setup::connected();
    let doors = Doors::new(&world, &gitlab, &app);
    let faults = Faults::new(&world);
    let lengths = Door::ALL.map(|door| doors.length(door));
    let mut dice = Dice(0x0fa1_1ed0_0d15);
    let (mut hit, mut failed) = (0, 0);
    for round in 0.. {
        if hit == FAILURES {
            break;
        }
        assert!(round < 10 * FAILURES, "too few writes came amid a fault");
        let door = Door::of(round);
        age(&world, 100 * (round % 2)); // expired, or due
        let what = ["write", "fsync", "grow"][(round % 3) as usize];
        let errno = [EIO, ENOSPC, EROFS, EDQUOT][(round / 3 % 4) as usize];
        let _port = matches!(door, Door::Login).then(port_7998);
        let mut command = doors.command(door);
        faults.prepare(&mut command);
        let process = spawn(&mut command);
        std::thread::sleep(dice.below(lengths[door as usize])); // the moment is what is tested
        faults.order(what, errno.into());
        std::thread::sleep(dice.below(lengths[door as usize]));
        faults.end();
        let outcome = Outcome::of(process.wait_with_output().unwrap());
        failed += u64::from(outcome.code != Some(0));
        hit += u64::from(faults.take_hits() > 0);
        let words = format!(
            "round {round}, {door:?}, {what} {errno}: {}",
            outcome.stderr
        );
        world.call(["list"]).expect(0);
        assert!(gitlab.live_pairs().contains(&pair(&world)), "{words}");
        assert!(!outcome.stderr.contains("panicked"), "{words}");
    }
    println!(
        "in {hit} commands writes failed ({failed} of them could not do their work), {} refreshes; the grant was alive each time",
        gitlab.refreshes()
    );
}
