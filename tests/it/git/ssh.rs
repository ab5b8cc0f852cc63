//! SSH remotes go over HTTPS where they can.

use std::fs;

use authsome_test_support::Visibility;

use crate::kit::Outcome;
use crate::kit::git::{HOST, PROJECT, Place, gits};

#[test]
fn ssh_remotes_go_over_https() {
    for git in gits() {
        for root in ["", "/gitlab"] {
            let place = Place::below(git, root);
            let remotes = [
                format!("git@{HOST}:{PROJECT}.git"),
                format!("git@{HOST}:/{PROJECT}.git"),
                format!("git@{HOST}:{PROJECT}"),
                format!("{HOST}:{PROJECT}.git"),
                format!("ssh://git@{HOST}/{PROJECT}.git"),
                format!("ssh://git@{HOST}:22/{PROJECT}.git"),
                format!("ssh://{HOST}/{PROJECT}.git"),
                format!("ssh://{HOST}:22/{PROJECT}.git"),
                format!("git+ssh://git@{HOST}/{PROJECT}.git"),
            ];
            place.clone_and_push(&remotes);
            place.git(["clone", "-q", &place.https(PROJECT), "work"]);
            place.git_in(
                "work",
                ["remote", "set-url", "--push", "origin", &remotes[5]],
            );
            place.git_in("work", ["push", "-q", "origin", "HEAD:refs/heads/next"]);
            expect_no_double_slash(&place);
            place.expect_only_the_user();
        }
    }
}

#[test]
fn the_ssh_port_and_user_of_the_repository_at_hand_are_known() {
    for git in gits() {
        let place = Place::new(git);
        place.git(["init", "-q", "work"]);
        for (name, remote) in [
            ("port", format!("ssh://git@{HOST}:2222/{PROJECT}.git")),
            ("user", format!("gitlab@{HOST}:{PROJECT}.git")),
            ("case", "git@GitLab.Test:group/private.git".to_owned()),
        ] {
            place.plain("work", ["remote", "add", name, &remote]);
            let mut run = place.run(["git", "fetch", "-q", name]);
            run.current_dir(place.world.path("work"));
            Outcome::of(run.output().unwrap()).expect(0);
        }
        place.expect_only_the_user();
    }
}

#[test]
fn the_users_own_rewriting_to_ssh_does_not_win() {
    for git in gits() {
        let place = Place::new(git);
        let base = place.base();
        place
            .gitlab
            .add_repo("other/private", Visibility::Private, &[("a", "a")]);
        let remotes = [
            place.https(PROJECT),
            place.https("other/private"),
            format!("git@{HOST}:{PROJECT}.git"),
            format!("lab:{PROJECT}.git"),
        ];
        let lab = format!("[url \"git@{HOST}:\"]\n\tinsteadOf = lab:\n");
        for rules in [
            format!("[url \"git@{HOST}:\"]\n\tinsteadOf = {base}/\n"),
            format!("[url \"git@{HOST}:/\"]\n\tinsteadOf = {base}/\n"),
            format!("[url \"ssh://git@{HOST}/\"]\n\tinsteadOf = {base}/\n"),
            format!("[url \"ssh://git@{HOST}\"]\n\tinsteadOf = {base}\n"),
            format!("[url \"git@{HOST}:\"]\n\tinsteadOf = {base}\n"),
            format!("[url \"git@{HOST}:group/\"]\n\tinsteadOf = {base}/group/\n"),
            format!(
                "[url \"ssh://gitlab@{HOST}:2222/\"]\n\tinsteadOf = {base}/\n\tinsteadOf = git@{HOST}:\n"
            ),
            format!("[url \"git@{HOST}:\"]\n\tpushInsteadOf = {base}/\n"),
        ] {
            place.configure(&format!("{lab}{rules}"));
            place.clone_and_push(&remotes);
        }
        expect_no_double_slash(&place);
        place.expect_only_the_user();
    }
}

#[test]
fn other_rewriting_of_the_users_stays() {
    for git in gits() {
        let place = Place::new(git);
        let base = place.base();
        place.configure(&format!(
            "[url \"{base}/\"]\n\tinsteadOf = lab:\n\tinsteadOf = git@{HOST}:\n\
             [url \"{base}/group/\"]\n\tinsteadOf = https://elsewhere.test/\n",
        ));
        for remote in [
            "lab:group/private.git",
            "https://elsewhere.test/private.git",
            "git@gitlab.test:group/private",
        ] {
            place.git(["ls-remote", "-q", remote]);
        }
        place.expect_only_the_user();
    }
}

#[test]
fn ssh_remotes_stay_on_request_and_at_other_hosts() {
    for git in gits() {
        let place = Place::new(git);
        let ssh = place.recorder("ssh");
        let base = place.base();
        place.configure(&format!(
            "[url \"git@{HOST}:\"]\n\tpushInsteadOf = {base}/\n"
        ));
        let attempt = |switch: &[&str], words: &[&str]| {
            let mut run = place.run_with(switch, words);
            let outcome = Outcome::of(run.env("GIT_SSH_COMMAND", &ssh).output().unwrap());
            assert_eq!(outcome.code, Some(128), "{git:?} {outcome:?}");
            fs::remove_file(place.world.path("ssh.log")).is_ok()
        };
        let remote = format!("git@{HOST}:{PROJECT}.git");
        assert!(
            attempt(&["--no-ssh-rewrite"], &["git", "ls-remote", &remote]),
            "{git:?}"
        );
        place.git(["clone", "-q", &place.https(PROJECT), "work"]);
        let push = ["git", "-C", "work", "push", "origin", "HEAD:refs/heads/x"];
        assert!(attempt(&["--no-ssh-rewrite"], &push), "{git:?}");
        assert!(
            attempt(
                &[],
                &["git", "ls-remote", "git@elsewhere.test:group/private.git"]
            ),
            "{git:?}"
        );
    }
}

#[test]
fn an_alias_of_the_users_ssh_configuration_goes_over_https() {
    for git in gits() {
        let place = Place::new(git);
        place.ssh_configuration(
            "Host work other\n  HostName GitLab.Test\n  User git\nHost lab-*\n  HostName gitlab.test\nHost away\n  HostName elsewhere.test\n",
        );
        place.clone_and_push(&[
            format!("work:{PROJECT}.git"),
            format!("git@other:{PROJECT}.git"),
            format!("ssh://work/{PROJECT}.git"),
        ]);
        // One of a pattern is known where a remote has it.
        place.git(["init", "-q", "here"]);
        let remote = format!("ada@lab-1:{PROJECT}.git");
        place.plain("here", ["remote", "add", "origin", &remote]);
        let mut run = place.run(["git", "fetch", "-q"]);
        run.current_dir(place.world.path("here"));
        Outcome::of(run.output().unwrap()).expect(0);
        let mut away = place.run(["git", "ls-remote", "--get-url", "away:x/y"]);
        let away = Outcome::of(away.output().unwrap()).expect(0);
        assert_eq!(away.stdout, "away:x/y\n", "{git:?}");
        place.expect_only_the_user();
    }
}

#[test]
fn a_repositorys_own_rewriting_does_not_become_the_whole_runs() {
    for git in gits() {
        let place = Place::new(git);
        place.git(["init", "-q", "work"]);
        let mirror = "https://mirror.test/group/private.git";
        let rule = format!("url.git@{HOST}:.insteadOf");
        place.plain("work", ["config", &rule, "https://mirror.test/"]);
        let elsewhere = ["git", "-C", "..", "ls-remote", "--get-url", mirror];
        let mut run = place.run(elsewhere);
        run.current_dir(place.world.path("work"));
        let outcome = Outcome::of(run.output().unwrap()).expect(0);
        assert_eq!(outcome.stdout.trim(), mirror, "{git:?}");
    }
}

/// No rewriting has left two slashes where a path begins.
#[track_caller]
fn expect_no_double_slash(place: &Place) {
    let seen = place.gitlab.seen();
    let double = seen.iter().find(|seen| seen.path.contains("//"));
    assert!(double.is_none(), "{double:?}");
}
