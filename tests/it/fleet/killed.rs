//! A machine that is killed at any moment loses no pair, and holds nobody up for longer than its
//! lease.

use std::time::{Duration, Instant};

use authsome_test_support::{FakeGitLab, Postgres};

use super::kit::Fleet;
use crate::kit::World;
use crate::kit::doors::Dice;
use crate::kit::session::spawn;

/// How many machines are killed, if the variable `FLEET_KILLS` does not say it.
const KILLS: u64 = 25;

#[test]
fn a_machine_that_is_killed_at_any_step_loses_no_pair() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let kills = std::env::var("FLEET_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().unwrap());
    let (fleet, gitlab) = (Fleet::on(server).leased(5), FakeGitLab::start());
    fleet.connect(&gitlab, 7200);
    let (one, other) = (World::new(), World::new());
    let export = ["export", "gitlab"];
    let begun = Instant::now();
    fleet.call(&one, &export).expect(0);
    let mut length = begun.elapsed();
    let mut dice = Dice(0x5eed_0f16);
    let (mut amid, mut lost, mut held_up) = (0, 0, Duration::ZERO);
    for round in 0..kills {
        fleet.age(0);
        let rotations = gitlab.refreshes();
        let mut command = one.authsome(export);
        fleet.join(&mut command);
        let mut process = spawn(&mut command);
        std::thread::sleep(dice.below(length)); // the moment is what is tested
        let was_running = process.try_wait().unwrap().is_none();
        amid += u64::from(was_running);
        // A machine that is busier or idler by now: most kills shall come amid the work.
        length = length * if was_running { 21 } else { 18 } / 20;
        process.kill().unwrap();
        process.wait().unwrap();
        let after_kill = gitlab.refreshes();
        // The machine itself may have the pair beside the vault, and writes it at its next start.
        fleet.call(&one, &["list"]).expect(0);
        let begun = Instant::now();
        let outcome = fleet.call(&other, &export);
        held_up = held_up.max(begun.elapsed());
        if outcome.code == Some(0) {
            let live = gitlab.live_pairs().pop().unwrap();
            assert_eq!(fleet.pair(), live, "round {round}");
            assert!(outcome.stdout.contains(&live.access), "round {round}");
            continue;
        }
        // The response came to a dead process: the one loss that nobody can prevent.
        assert!(after_kill > rotations, "round {round}: {}", outcome.stderr);
        lost += 1;
        fleet.connect(&gitlab, 7200);
    }
    println!(
        "{kills} kills, {amid} amid the work; {lost} responses were on their way to a dead process; the next machine waited {held_up:?} at most"
    );
    assert!(amid > kills / 4, "only {amid} were killed amid their work");
    assert!(lost <= kills / 3, "{lost} grants were lost");
}
