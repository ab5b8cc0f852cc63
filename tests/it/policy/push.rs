//! What may be pushed with git, shown with git itself: the verdict, git's own words, and what the
//! server has afterwards.

use std::process::Command;

use authsome_test_support::Visibility;

use crate::kit::Outcome;
use crate::kit::git::{PROJECT, Place, gits, lfs_gits};

/// What authsome may take at most in a build for tests, whose own pages are most of it, in KiB.
const MOST_KIB: u64 = 80 * 1024;

/// A clone with a commit on top, and a branch `agent/old` on the server that has diverged from it.
fn place() -> Place {
    let place = Place::new(&gits()[0]);
    place.git(["clone", "-q", &place.https(PROJECT), "work"]);
    place.plain("work", ["checkout", "-q", "-b", "agent/old"]);
    place.commit("work", "old.txt", b"old\n");
    place.git_in("work", ["push", "-q", "origin", "agent/old"]);
    place.commit("work", "new.txt", b"new\n");
    place
}

/// `git push WORDS` in a run with these flags.
fn push(place: &Place, flags: &[&str], words: &[&str]) -> Outcome {
    let mut command = vec!["git", "-C", "work", "push", "origin"];
    command.extend(words);
    let mut command: Command = place.run_with(flags, command);
    Outcome::of(command.output().unwrap())
}

/// The refs that the server has.
fn refs(place: &Place) -> String {
    let mut command = place.run(["git", "ls-remote", &place.https(PROJECT)]);
    Outcome::of(command.output().unwrap()).expect(0).stdout
}

#[test]
fn only_what_matches_is_pushed_and_nothing_is_taken_away() {
    let place = place();
    place.plain("work", ["tag", "v1"]);
    // On top of the default branch, and not on the server yet.
    place.plain("work", ["branch", "-q", "fresh", "origin/main"]);
    place.plain("work", ["checkout", "-q", "fresh"]);
    place.commit("work", "fresh.txt", b"fresh\n");
    place.plain("work", ["checkout", "-q", "agent/old"]);
    let agent = ["--git-push", "agent/*"];
    for (flags, words, expected) in [
        (&agent[..], &["agent/old"][..], None),
        (&agent, &["agent/old:agent/new"], None),
        (&agent, &["agent/old:main"], Some("main")),
        (&agent, &["agent/old:other"], Some("other")),
        (&agent, &["agent/old:agent/a/b"], Some("agent/a/b")),
        (&agent, &["v1"], Some("v1")),
        (&agent, &[":agent/new"], Some("agent/new")),
        (&agent, &["+agent/old~1:agent/old"], Some("agent/old")),
        (
            &agent,
            &["agent/old:agent/x", "agent/old:main"],
            Some("main"),
        ),
        (&["--git-push", "refs/tags/v*"], &["v1"], None),
        (&["--git-push", "**"], &["agent/old:main"], Some("main")),
        (&["--git-push", "main"], &["fresh:main"], None),
    ] {
        let before = refs(&place);
        let outcome = push(&place, flags, words);
        let after = refs(&place);
        match expected {
            None => {
                assert_eq!(
                    outcome.code,
                    Some(0),
                    "{flags:?} {words:?}: {}",
                    outcome.stderr
                );
            }
            Some(name) => {
                assert_eq!(
                    outcome.code,
                    Some(1),
                    "{flags:?} {words:?}: {}",
                    outcome.stderr
                );
                assert!(
                    outcome.stderr.contains("remote rejected"),
                    "{}",
                    outcome.stderr
                );
                assert!(outcome.stderr.contains(name), "{}", outcome.stderr);
                assert!(outcome.stderr.contains("remote: "), "{}", outcome.stderr);
                assert_eq!(before, after, "{flags:?} {words:?}");
            }
        }
    }
}

#[test]
fn a_force_that_is_named_and_one_that_is_not() {
    let place = place();
    place.git_in("work", ["push", "-q", "origin", "agent/old"]);
    place.plain("work", ["reset", "-q", "--hard", "HEAD~1"]);
    place.commit("work", "another.txt", b"another\n");
    let forced = ["--force", "agent/old"];
    let outcome = push(&place, &["--git-push", "agent/*"], &forced);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("remote rejected"),
        "{}",
        outcome.stderr
    );
    let outcome = push(&place, &["--git-push", "+agent/old"], &forced);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn a_large_push_that_is_refused_ends_with_gits_own_words() {
    let place = place();
    let numbers = (0..750_000_u32).map(|at| at.wrapping_mul(2_654_435_761));
    let large: Vec<u8> = numbers.flat_map(u32::to_le_bytes).collect();
    place.commit("work", "large.bin", &large);
    for options in [&[][..], &["--atomic"]] {
        let words = [options, &["agent/old:main"]].concat();
        let outcome = push(&place, &["--git-push", "agent/*"], &words);
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("remote rejected"),
            "{}",
            outcome.stderr
        );
    }
    let outcome = push(&place, &["--git-push", "agent/*"], &["agent/old"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn shallow_atomic_and_with_options() {
    let place = place();
    let agent = ["--git-push", "agent/*"];
    // The parents of a shallow clone's commits are on the server alone.
    let shallow = ["git", "clone", "-q", "--depth", "1", "--no-single-branch"];
    let url = place.https(PROJECT);
    let clone = [&shallow[..], &[url.as_str(), "shallow"]].concat();
    Outcome::of(place.run(clone).output().unwrap()).expect(0);
    place.plain("shallow", ["checkout", "-q", "-b", "agent/shallow"]);
    place.commit("shallow", "shallow.txt", b"shallow\n");
    let repository = place.gitlab.repo_path(PROJECT);
    let mut options = Command::new("git");
    options.arg("-C").arg(repository);
    options.args(["config", "receive.advertisePushOptions", "true"]);
    Outcome::of(options.output().unwrap()).expect(0);
    let push_of = |clone: &str, words: &[&str]| {
        let words = [&["git", "-C", clone, "push"][..], words].concat();
        Outcome::of(place.run_with(&agent, words).output().unwrap())
    };
    for (clone, words, expected) in [
        ("shallow", &["origin", "agent/shallow"][..], 0),
        ("shallow", &["origin", "agent/shallow:main"], 1),
        (
            "work",
            &["--atomic", "origin", "agent/old", "agent/old:main"],
            1,
        ),
        (
            "work",
            &["--atomic", "origin", "agent/old", "agent/old:agent/b"],
            0,
        ),
        (
            "work",
            &["-o", "ci.skip", "origin", "agent/old:agent/options"],
            0,
        ),
        ("work", &["-o", "ci.skip", "origin", "agent/old:other"], 1),
    ] {
        let before = refs(&place);
        let outcome = push_of(clone, words);
        assert_eq!(
            outcome.code,
            Some(expected),
            "{words:?}: {}",
            outcome.stderr
        );
        assert_eq!(before == refs(&place), expected == 1, "{words:?}");
    }
}

#[test]
fn a_run_that_may_only_read_clones_and_does_not_push() {
    let place = place();
    place
        .gitlab
        .add_repo("group/other", Visibility::Private, &[("a", "a")]);
    let mut clone = place.run_with(
        &["--read-only"],
        ["git", "clone", "-q", &place.https(PROJECT), "again"],
    );
    Outcome::of(clone.output().unwrap()).expect(0);
    let outcome = push(&place, &["--read-only"], &["agent/old"]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("remote rejected"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_push_with_lfs_objects_is_judged_by_its_refs() {
    for git in lfs_gits() {
        let place = Place::new(git);
        place.push_lfs_object(&place.https(PROJECT));
        place.git(["clone", "-q", &place.https(PROJECT), "work"]);
        place.plain("work", ["checkout", "-q", "-b", "agent/lfs"]);
        place.commit("work", "another.bin", &vec![7; 100_000]);
        for (target, expected) in [("agent/lfs:agent/lfs", 0), ("agent/lfs:main", 1)] {
            let outcome = push(&place, &["--git-push", "agent/*"], &[target]);
            assert_eq!(outcome.code, Some(expected), "{}", outcome.stderr);
        }
        assert!(!place.seen_at("/gitlab-lfs/objects/").is_empty());
    }
}

/// 200 MB, of which authsome holds only the beginning: the ref is decided there. Its memory is bounded
/// where the refusal comes after the whole of it, too.
#[test]
fn a_push_of_200_mb_is_not_held() {
    let place = place();
    let large = noise(1);
    place.commit("work", "large.bin", &large);
    drop(large);
    for (target, expected) in [("agent/old:main", 1), ("agent/old:agent/large", 0)] {
        let peak = place.world.path("peak");
        // The peak of the command's parent, authsome, once git has ended.
        let script = "git -C work push -q origin \"$1\"; code=$?; grep VmHWM /proc/$PPID/status >\"$2\"; exit $code";
        let peak_text = peak.display().to_string();
        let words = ["sh", "-c", script, "sh", target, &peak_text];
        let mut command = place.run_with(&["--git-push", "agent/*"], words);
        let outcome = Outcome::of(command.output().unwrap());
        assert_eq!(outcome.code, Some(expected), "{}", outcome.stderr);
        let peak = std::fs::read_to_string(peak).unwrap();
        let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(peak < MOST_KIB, "{target}: {peak} KiB");
    }
}

/// 200 MB that no compression makes smaller.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let numbers = (0..25_000_000_u32).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    numbers.flat_map(u64::to_le_bytes).collect()
}

/// How many times the same is pushed, with the policy and without it in turn.
const ROUNDS: u64 = 6;

/// What a policy of refs costs a push that it permits: CPU time of authsome, 200 MB at a time.
#[test]
#[ignore = "a benchmark, which judges nothing"]
fn the_cost_of_a_permitted_push() {
    let place = place();
    place.commit("work", "large.bin", &noise(1));
    let mut times = [(); 2].map(|()| Vec::new());
    for round in 0..ROUNDS {
        for (flags, times) in [&[][..], &["--git-push", "agent/*"]].iter().zip(&mut times) {
            let target = format!("agent/old:agent/large{round}{}", flags.len());
            // The command's parent is authsome: what its threads have run, in nanoseconds.
            let script = "git -C work -c core.compression=0 push -q origin \"$1\" \
                && cat /proc/$PPID/task/*/schedstat";
            let words = ["sh", "-c", script, "sh", &target];
            let outcome = Outcome::of(place.run_with(flags, words).output().unwrap()).expect(0);
            let first = |line: &str| line.split(' ').next()?.parse::<f64>().ok();
            times.push(outcome.stdout.lines().filter_map(first).sum::<f64>() / 1e6);
            let gone = format!(":agent/large{round}{}", flags.len());
            place.git_in("work", ["push", "-q", "origin", &gone]);
        }
    }
    let [without, with] = times.map(|mut times| {
        times.sort_unstable_by(f64::total_cmp);
        times
    });
    println!("ms of CPU, without: {without:.0?}; with: {with:.0?}");
    println!(
        "medians: {:.3}",
        with[with.len() / 2] / without[without.len() / 2]
    );
}
