//! A kill at any moment loses no pair.

use std::collections::HashSet;
use std::time::Instant;

use authsome_test_support::FakeGitLab;

use crate::kit::doors::{Dice, Door, Doors};
use crate::kit::refresh::{age, pair};
use crate::kit::session::spawn;
use crate::kit::{Setup, World};

/// How many processes are killed.
const KILLS: u64 = 300;

#[test]
fn no_kill_at_any_moment_loses_a_pair_that_was_handed_out() {
    let Setup {
        world, gitlab, app, ..
    } = Setup::connected();
    let doors = Doors::new(&world, &gitlab, &app);
    let mut lengths = Door::ALL.map(|door| doors.length(door));
    let mut chronicle = Chronicle::default();
    chronicle.read_on(&gitlab);
    let mut dice = Dice(0x5eed_0f16_17ab);
    let (mut amid, mut on_its_way) = (0, 0);
    for round in 0..KILLS {
        let door = Door::of(round);
        age(&world, 100 * (round % 2)); // expired, or due
        gitlab.clear_seen();
        let rotations = gitlab.refreshes();
        let length = &mut lengths[door as usize];
        let (was_running, printed) = doors.kill(door, dice.below(*length));
        // A machine that is busier or idler by now: most kills shall come amid the work.
        *length = *length * if was_running { 21 } else { 18 } / 20;
        amid += u64::from(was_running);
        let words = format!("round {round}, {door:?}");
        let list = world.call(["list"]);
        assert_eq!(list.code, Some(0), "{words}: {}", list.stderr);
        chronicle.read_on(&gitlab);
        chronicle.hand_out(printed.iter().chain(&doors.sent_by_children()));
        let now = pair(&world);
        let place = chronicle.place(&now.access);
        assert!(place >= chronicle.newest_handed_out, "{words}");
        // The server spent the refresh token, and the response came to a dead process: the one loss
        // that nobody can prevent.
        if !gitlab.live_pairs().contains(&now) {
            assert!(was_running && gitlab.refreshes() > rotations, "{words}");
            on_its_way += 1;
            world.connect(&gitlab);
            chronicle.read_on(&gitlab);
        }
    }
    assert!(amid > KILLS / 4, "only {amid} were killed amid their work");
    let refreshes = gitlab.refreshes();
    println!(
        "{KILLS} kills, {amid} of them amid the work, {refreshes} refreshes; {on_its_way} responses were on their way to a process that was dead"
    );
    assert!(on_its_way < KILLS / 5, "{on_its_way} grants were lost");
    assert!(refreshes > 10, "only {refreshes} refreshes took place");
}

#[test]
fn a_kill_while_the_vault_is_made_leaves_none_or_a_good_one() {
    let started = Instant::now();
    World::new().call(["list"]).expect(0);
    let length = started.elapsed();
    let mut dice = Dice(0x00c0_ffee);
    for round in 0..40 {
        let world = World::new();
        let mut process = spawn(&mut world.authsome(["list"]));
        std::thread::sleep(dice.below(length)); // the moment is what is tested
        process.kill().unwrap();
        process.wait().unwrap();
        let list = world.call(["list"]);
        assert_eq!(list.code, Some(0), "round {round}: {}", list.stderr);
    }
}

/// The access tokens in the order in which the server issued them, and how far they were handed
/// out.
#[derive(Default)]
struct Chronicle {
    known: HashSet<String>,
    issued: Vec<String>,
    newest_handed_out: usize,
}

impl Chronicle {
    /// Notes what is new. A kill lets no process refresh twice, so no pair comes and goes between
    /// two calls.
    fn read_on(&mut self, gitlab: &FakeGitLab) {
        for pair in gitlab.live_pairs() {
            if self.known.insert(pair.access.clone()) {
                self.issued.push(pair.access);
            }
        }
    }

    fn place(&self, access: &str) -> usize {
        let place = self.issued.iter().position(|issued| issued == access);
        place.expect("a token that the server has issued")
    }

    fn hand_out<'a>(&mut self, tokens: impl Iterator<Item = &'a String>) {
        let newest = tokens.map(|token| self.place(token)).max();
        self.newest_handed_out = self.newest_handed_out.max(newest.unwrap_or(0));
    }
}
