//! Large files.

use std::fs;

use authsome_test_support::{Arrived, FakeGitLab};

use crate::kit::Outcome;
use crate::kit::git::{HOST, PROJECT, Place, lfs_gits};

#[test]
fn lfs_objects_go_up_and_come_down_at_the_same_host() {
    for git in lfs_gits() {
        for root in ["", "/gitlab"] {
            let place = Place::below(git, root);
            let large = place.push_lfs_object(&place.https(PROJECT));
            place.git(["clone", "-q", &place.https(PROJECT), "again"]);
            assert!(place.read("again/large.bin") == large, "{git:?}");
            place.skip_lfs_smudge(&place.https(PROJECT), "pointers");
            assert!(
                place
                    .read("pointers/large.bin")
                    .starts_with(b"version https://git-lfs")
            );
            place.git_in("pointers", ["lfs", "pull"]);
            assert!(place.read("pointers/large.bin") == large, "{git:?}");
            place.git_in("pointers", ["lfs", "fetch", "--all"]);
            for path in [
                "/info/lfs/objects/batch",
                "/info/lfs/locks/verify",
                "/gitlab-lfs/objects/",
            ] {
                assert!(!place.seen_at(path).is_empty(), "{git:?} {path}");
            }
            place.expect_only_the_user();
        }
    }
}

#[test]
fn lfs_objects_of_a_bucket_get_no_token_and_keep_their_signature() {
    for git in lfs_gits() {
        let (place, bucket) = (Place::new(git), FakeGitLab::start());
        let name = "objects.gitlab.test"; // below the managed host, and yet another one
        place.gitlab.keep_lfs_objects_in(&bucket, name);
        let large = place.push_lfs_object(&place.https(PROJECT));
        place.skip_lfs_smudge(&place.https(PROJECT), "again");
        let resolve = format!("{name}:{}:127.0.0.1", bucket.port());
        let mut pull = place.run_with(
            &["--resolve", &resolve],
            ["git", "-C", "again", "lfs", "pull"],
        );
        Outcome::of(
            pull.env("SSL_CERT_FILE", bucket.ca_file())
                .output()
                .unwrap(),
        )
        .expect(0);
        assert!(place.read("again/large.bin") == large, "{git:?}");
        let seen = bucket.seen();
        assert_eq!(seen.len(), 1, "{git:?} {seen:?}");
        assert_eq!(seen[0].credential, Arrived::None, "{git:?}");
        assert!(!format!("{seen:?}").contains(&place.access), "{git:?}");
        place.expect_only_the_user();
    }
}

#[test]
fn lfs_takes_ssh_remotes_over_https() {
    for git in lfs_gits() {
        let place = Place::new(git);
        let remote = format!("git@{HOST}:{PROJECT}.git");
        let large = place.push_lfs_object(&remote);
        for (index, remote) in [
            remote,
            format!("ssh://git@{HOST}:22/{PROJECT}.git"),
            format!("ssh://{HOST}/{PROJECT}"),
        ]
        .iter()
        .enumerate()
        {
            let name = format!("again-{index}");
            place.git(["clone", "-q", remote, &name]);
            assert!(
                place.read(&format!("{name}/large.bin")) == large,
                "{git:?} {remote}"
            );
        }
        place.expect_only_the_user();
    }
}

#[test]
fn lfs_follows_no_rewriting_to_ssh() {
    for git in lfs_gits() {
        let place = Place::new(git);
        let rules = format!(
            "[url \"git@{HOST}:\"]\n\tinsteadOf = {0}/\n\tpushInsteadOf = {0}/\n",
            place.base()
        );
        place.configure(&rules);
        let large = place.push_lfs_object(&place.https(PROJECT));
        place.git(["clone", "-q", &place.https(PROJECT), "again"]);
        assert!(place.read("again/large.bin") == large, "{git:?}");
        place.expect_only_the_user();
    }
}

#[test]
fn lfs_that_once_wanted_a_password_wants_none_of_the_users() {
    for git in lfs_gits() {
        for root in ["", "/gitlab"] {
            let place = Place::below(git, root);
            let (helper, askpass) = (place.recorder("helper"), place.recorder("askpass"));
            place.configure(&format!("[credential]\n\thelper = {}\n", helper.display()));
            let large = place.push_lfs_object(&place.https(PROJECT));
            place.skip_lfs_smudge(&place.https(PROJECT), "again");
            // What git-lfs writes down after a 401, and asks for a password by from then on.
            let access = format!("lfs.{}/info/lfs.access", place.https(PROJECT));
            place.plain("again", ["config", &access, "basic"]);
            let mut pull = place.run(["git", "-C", "again", "lfs", "pull"]);
            pull.env("GIT_ASKPASS", &askpass);
            Outcome::of(pull.output().unwrap()).expect(0);
            assert!(place.read("again/large.bin") == large, "{git:?}");
            place.end_the_login();
            fs::remove_dir_all(place.world.path("again/.git/lfs/objects")).unwrap();
            // git-lfs 3.3 asks and tries without end as long as it gets an answer.
            let mut fetch = place.run(["timeout", "60", "git", "-C", "again", "lfs", "fetch"]);
            fetch.env("GIT_ASKPASS", &askpass);
            let failed = Outcome::of(fetch.output().unwrap());
            assert_eq!(failed.code, Some(2), "{git:?} {failed:?}");
            assert!(
                failed.stderr.contains("needs a new login"),
                "{git:?} {failed:?}"
            );
            assert_eq!(place.recorded("helper"), "", "{git:?}");
            assert_eq!(place.recorded("askpass"), "", "{git:?}");
            place.expect_only_the_user();
        }
    }
}
