//! Each kind of push, with packs of the git of this machine.

use std::sync::Arc;

use super::repository::Repository;
use crate::proxy::policy::git_push::properties::{git_push, verdict_by};
use crate::proxy::policy::git_push::{Coding, PushPolicy};

/// The verdict by these patterns, for a repository whose default branch is `main`. It is the same
/// in all splits.
fn verdict(patterns: &[&str], body: &[u8]) -> Result<(), String> {
    let policy = PushPolicy::new(patterns.iter().map(|one| one.parse().unwrap()).collect());
    let policy = Arc::new(policy);
    let judge =
        |parts: &[&[u8]]| verdict_by(&policy, Some("refs/heads/main"), parts, Coding::Identity);
    let whole = judge(&[body]);
    for at in 0..=body.len() {
        let (begin, rest) = body.split_at(at);
        assert_eq!(judge(&[begin, rest]), whole, "split at {at}");
    }
    git_push(body);
    whole
}

fn refused(patterns: &[&str], body: &[u8], words: &str) {
    let verdict = verdict(patterns, body).expect_err(words);
    assert!(verdict.contains(words), "{verdict}");
}

const AGENT: &[&str] = &["agent/*"];
const BRANCH: &str = "refs/heads/agent/a";

#[test]
fn new_branches_and_updates() {
    for format in ["sha1", "sha256"] {
        let git = Repository::new(format);
        let zero = git.zero();
        let first = git.commit("first", &[]);
        let second = git.commit("second", &[&first]);
        let third = git.commit("third", &[&second]);

        let mut create = git.commands(&[(&zero, &first, BRANCH)], "");
        create.extend(git.pack(&[&first], &[]));
        assert_eq!(verdict(AGENT, &create), Ok(()));
        refused(
            &["other/*"],
            &create,
            "refs/heads/agent/a: this run may not push to it",
        );

        let mut update = git.commands(&[(&first, &third, BRANCH)], "");
        let list = update.len();
        update.extend(git.pack(&[&third], &[&first]));
        assert_eq!(verdict(AGENT, &update), Ok(()));
        refused(AGENT, &update[..list + 40], "it broke off");

        let amended = git.commit("second, amended", &[&first]);
        let mut force = git.commands(&[(&third, &amended, BRANCH)], "");
        force.extend(git.pack(&[&amended], &[&third]));
        refused(AGENT, &force, "does not show that it is a fast-forward");
        refused(&["agent/a"], &force, "--git-push +agent/a");
        assert_eq!(verdict(&["+agent/a"], &force), Ok(()));

        let another = git.commit("another root", &[]);
        let mut unrelated = git.commands(&[(&third, &another, BRANCH)], "");
        unrelated.extend(git.pack(&[&another], &[]));
        refused(AGENT, &unrelated, "agent/a: not a fast-forward");

        let delete = git.commands(&[(&third, &zero, BRANCH)], "");
        refused(AGENT, &delete, "refs are not deleted");
        refused(&["+agent/a"], &delete, "git push origin --delete agent/a");
    }
}

#[test]
fn the_default_branch_is_pushed_by_its_name_only() {
    let git = Repository::new("sha1");
    let first = git.commit("first", &[]);
    let second = git.commit("second", &[&first]);
    let mut update = git.commands(&[(&first, &second, "refs/heads/main")], "");
    update.extend(git.pack(&[&second], &[&first]));
    for patterns in [&["**"], &["m*"]] {
        refused(patterns, &update, "it is the default branch");
    }
    assert_eq!(verdict(&["**", "main"], &update), Ok(()));
    assert_eq!(verdict(&["refs/heads/main"], &update), Ok(()));

    let any = |patterns: &[&str]| {
        let policy = PushPolicy::new(patterns.iter().map(|one| one.parse().unwrap()).collect());
        verdict_by(&Arc::new(policy), None, &[&update], Coding::Identity)
    };
    assert!(any(&["**"]).unwrap_err().contains("is not known"));
    assert_eq!(any(&["main"]), Ok(()));

    let upper = git.commands(&[(&git.zero(), &second, "refs/heads/MAIN")], "");
    refused(&["**"], &upper, "it is the default branch");
}

#[test]
fn tags_are_made_and_not_moved() {
    let git = Repository::new("sha1");
    let first = git.commit("first", &[]);
    let second = git.commit("second", &[&first]);
    git.git(&["tag", "-a", "-m", "one", "v1", &second]);
    let tag = git.git(&["rev-parse", "v1"]);
    let mut create = git.commands(&[(&git.zero(), &tag, "refs/tags/v1")], "");
    create.extend(git.pack(&[&tag], &[&first]));
    assert_eq!(verdict(&["refs/tags/v*"], &create), Ok(()));
    refused(AGENT, &create, "refs/tags/v1: this run may not push to it");

    let mut moved = git.commands(&[(&first, &second, "refs/tags/v1")], "");
    moved.extend(git.pack(&[&second], &[&first]));
    refused(&["refs/tags/v*"], &moved, "a tag that exists is not moved");
    assert_eq!(verdict(&["+refs/tags/v1"], &moved), Ok(()));

    // A branch beside an annotated tag: objects that are no commits are in front of the last one.
    let third = git.commit("third", &[&second]);
    let mut both = git.commands(
        &[
            (&first, &third, BRANCH),
            (&git.zero(), &tag, "refs/tags/v1"),
        ],
        "",
    );
    both.extend(git.pack(&[&third, &tag], &[&first]));
    assert_eq!(verdict(&["agent/*", "refs/tags/v*"], &both), Ok(()));
}

#[test]
fn one_forbidden_ref_refuses_all() {
    let git = Repository::new("sha1");
    let first = git.commit("first", &[]);
    let (b, c) = ("refs/heads/agent/b", "refs/heads/agent/c");
    let left = git.commit("left", &[&first]);
    let right = git.commit("right", &[&first]);
    let merge = git.commit("merge", &[&left, &right]);
    let commands = [
        (&*first, &*merge, BRANCH),
        (&left, &merge, b),
        (&right, &merge, c),
    ];
    let mut several = git.commands(&commands, " atomic");
    several.extend(git.pack(&[&merge], &[&first]));
    assert_eq!(verdict(AGENT, &several), Ok(()));

    let mut forbidden = git.commands(
        &[commands[0], (&first, &merge, "refs/heads/main")],
        " atomic",
    );
    forbidden.extend(git.pack(&[&merge], &[&first]));
    refused(
        AGENT,
        &forbidden,
        "refs/heads/main: this run may not push to it",
    );
    let mut forced = git.commands(&[commands[0], (&left, &right, b)], "");
    forced.extend(git.pack(&[&merge, &right], &[&first]));
    refused(
        AGENT,
        &forced,
        "refs/heads/agent/b: this push does not show",
    );
}

#[test]
fn push_options_stand_between() {
    let git = Repository::new("sha1");
    let first = git.commit("first", &[]);
    let second = git.commit("second", &[&first]);
    let mut body = git.commands(&[(&first, &second, BRANCH)], " push-options");
    body.extend(b"000bci.skip000bci.else0000");
    body.extend(git.pack(&[&second], &[&first]));
    assert_eq!(verdict(AGENT, &body), Ok(()));

    let mut without = git.commands(&[(&first, &second, BRANCH)], " push-options");
    without.extend(git.pack(&[&second], &[&first]));
    refused(AGENT, &without, "a line's length is not valid");
}

#[test]
fn a_shallow_clone_pushes() {
    let git = Repository::new("sha1");
    let first = git.commit("first", &[]);
    let second = git.commit("second", &[&first]);
    let third = git.commit("third", &[&second]);
    let push = |old: &str, boundary: &str| {
        let mut body = format!("0035shallow {boundary}\n").into_bytes();
        body.extend(git.commands(&[(old, &third, BRANCH)], ""));
        body.extend(git.pack(&[&third], &[&first]));
        body
    };
    // The boundary is what the server has.
    assert_eq!(verdict(AGENT, &push(&second, &second)), Ok(()));
    assert_eq!(verdict(AGENT, &push(&first, &first)), Ok(()));
    // A server may cut the history at a commit that is said to be shallow: it is no proof.
    refused(AGENT, &push(&first, &second), "does not show");
    refused(AGENT, &push(&second, &third), "does not show");
}

#[test]
fn commits_that_are_deltas() {
    for format in ["sha1", "sha256"] {
        let git = Repository::new(format);
        let mut ids = vec![git.commit("root", &[])];
        let body = ["as it was before, and as it will be\n"; 40].concat();
        for number in 0..8 {
            let last = ids.last().unwrap().clone();
            ids.push(git.commit(&format!("{number}\n\n{body}"), &[&last]));
        }
        let (first, last) = (ids.first().unwrap(), ids.last().unwrap());
        for options in [
            &["--revs", "--stdout", "-q"][..],
            &["--revs", "--stdout", "-q", "--delta-base-offset"],
        ] {
            let pack = git.pack_with(options, &[last], &[first]);
            let index = git.folder().join("one.pack");
            std::fs::File::create(&index)
                .and_then(|mut file| std::io::Write::write_all(&mut file, &pack))
                .unwrap();
            git.git(&["index-pack", "one.pack"]);
            let listed = git.git(&["verify-pack", "-v", "one.pack"]);
            let is_delta = |line: &&str| line.contains(" commit ") && line.split(' ').count() > 5;
            let deltas = listed.lines().filter(is_delta).count();
            assert!(deltas > 2, "{listed}");
            let mut push = git.commands(&[(first, last, BRANCH)], "");
            push.extend(&pack);
            assert_eq!(verdict(AGENT, &push), Ok(()));
        }
    }
}

#[test]
fn what_the_server_has_already_is_not_shown() {
    let git = Repository::new("sha1");
    let first = git.commit("first", &[]);
    let second = git.commit("second", &[&first]);
    let empty = git.pack(&[&second], &[&second]);
    let mut create = git.commands(&[(&git.zero(), &second, BRANCH)], "");
    create.extend(&empty);
    assert_eq!(verdict(AGENT, &create), Ok(()));
    let mut update = git.commands(&[(&first, &second, BRANCH)], "");
    update.extend(&empty);
    refused(AGENT, &update, "does not show that it is a fast-forward");
    let mut same = git.commands(&[(&second, &second, BRANCH)], "");
    same.extend(&empty);
    assert_eq!(verdict(AGENT, &same), Ok(()));
}
