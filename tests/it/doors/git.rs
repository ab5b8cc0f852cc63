//! git outside of a run, with authsome as its credential helper.

use std::fs;
use std::path::Path;

use authsome_test_support::Arrived;

use crate::doors::{Outside, exports};
use crate::kit::Outcome;
use crate::kit::git::gits;
use crate::kit::refresh::{age, count_events, pair};
use crate::kit::session::spawn;

#[test]
fn clone_and_push_by_the_helper() {
    for git in gits() {
        let outside = Outside::new(git, 7200);
        let token = pair(&outside.world).access;
        outside.git(["clone", "-q", &outside.remote(), "work"]);
        outside.commit("work", "pushed.txt");
        outside.git(["-C", "work", "push", "-q"]);
        outside.git(["clone", "-q", &outside.remote(), "again"]);
        let pushed = fs::read_to_string(outside.world.path("again/pushed.txt"));
        assert_eq!(pushed.unwrap(), "pushed.txt", "{git:?}");
        let user = Arrived::Basic {
            user: "oauth2".to_owned(),
            password: token.clone(),
        };
        let sent = outside.gitlab.seen().into_iter();
        // git asks for a credential when a server wants one.
        let mut sent = sent.filter(|seen| seen.credential != Arrived::None);
        assert!(sent.all(|seen| seen.credential == user), "{git:?}");
        assert_eq!(outside.gitlab.refreshes(), 0);
        let host = format!("localhost:{}", outside.gitlab.port());
        let expected = ["gitlab/default", &host, "credential git"].map(str::to_owned);
        let exports = exports(&outside.world);
        assert_eq!(exports, vec![expected; 3], "{git:?}");
        assert!(!holds(&outside.world.path(""), &token), "{git:?}");
    }
}

/// Whether a file below a directory holds a text, the vault's own files included.
fn holds(directory: &Path, text: &str) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            return false;
        }
        if path.is_dir() {
            return holds(&path, text);
        }
        let content = fs::read(&path).unwrap_or_default();
        memchr::memmem::find(&content, text.as_bytes()).is_some()
    })
}

#[test]
fn a_token_that_expires_in_between_is_renewed() {
    for git in gits() {
        let outside = Outside::new(git, 7200);
        outside.git(["clone", "-q", &outside.remote(), "work"]);
        outside.gitlab.expire_access_tokens();
        age(&outside.world, 0);
        outside.commit("work", "later.txt");
        outside.git(["-C", "work", "push", "-q"]);
        assert_eq!(outside.gitlab.refreshes(), 1, "{git:?}");
    }
}

#[test]
fn a_token_that_the_server_refuses_is_renewed_for_the_next_git() {
    for git in gits() {
        let outside = Outside::new(git, 3600);
        outside.gitlab.expire_access_tokens(); // which the vault does not know
        let words = ["ls-remote", "-q", &outside.remote()];
        let refused = outside.command(words).output().unwrap();
        assert_ne!(refused.status.code(), Some(0), "{git:?}");
        assert_eq!(outside.gitlab.refreshes(), 1, "{git:?}");
        outside.git(words);
        // One that was renewed just now is not renewed again, whatever refuses it.
        outside.gitlab.expire_access_tokens();
        for _ in 0..2 {
            outside.command(words).output().unwrap();
        }
        assert_eq!(outside.gitlab.refreshes(), 1, "{git:?}");
        assert_eq!(count_events(&outside.world, "refresh_failed"), 0);
    }
}

#[test]
fn the_users_name_in_the_url_chooses_among_connections() {
    for git in gits() {
        let outside = Outside::new(git, 7200);
        let base = outside.gitlab.base_url();
        let (_, work) = outside
            .world
            .connect_as("work", &outside.gitlab, &base, 7200);
        let remote = outside.remote().replace("https://", "https://work@");
        outside.git(["clone", "-q", &remote, "work"]);
        outside.commit("work", "pushed.txt");
        outside.git(["-C", "work", "push", "-q"]);
        let user = Arrived::Basic {
            user: "oauth2".to_owned(),
            password: work.access,
        };
        let seen = outside.gitlab.seen();
        let pushed = seen
            .iter()
            .rfind(|seen| seen.path.ends_with("/git-receive-pack"));
        assert_eq!(pushed.unwrap().credential, user, "{git:?}");
        let other = remote.replace("work@", "bob@");
        let refused = Outcome::of(
            outside
                .command(["ls-remote", "-q", &other])
                .output()
                .unwrap(),
        );
        assert_ne!(refused.code, Some(0), "{git:?}");
        assert!(refused.stderr.contains("is that of bob"), "{refused:?}");
    }
}

#[test]
fn twenty_gits_at_once_make_one_refresh() {
    let outside = Outside::new(gits().last().unwrap(), 0);
    outside.gitlab.expire_access_tokens();
    let remote = outside.remote();
    let words = ["ls-remote", "-q", &remote];
    let crowd: Vec<_> = (0..20)
        .map(|_| spawn(&mut outside.command(words)))
        .collect();
    for git in crowd {
        Outcome::of(git.wait_with_output().unwrap()).expect(0);
    }
    assert_eq!(outside.gitlab.refreshes(), 1);
    assert_eq!(exports(&outside.world).len(), 20);
    let newest = outside.gitlab.live_pairs().pop().unwrap();
    assert_eq!(pair(&outside.world), newest);
}

#[test]
fn an_instance_at_a_path_is_used_once_git_tells_the_path() {
    for git in gits() {
        let outside = Outside::below(git, "/gitlab", 7200);
        let words = ["ls-remote", "-q", &outside.remote()];
        let refused = Outcome::of(outside.command(words).output().unwrap());
        assert_ne!(refused.code, Some(0), "{git:?}");
        let command = refused.stderr.split("let it: ").nth(1).unwrap();
        let command = command.lines().next().unwrap();
        assert!(command.starts_with("git config --global "), "{command}");
        let setting: Vec<_> = command.split(' ').skip(1).collect();
        Outcome::of(outside.command(setting).output().unwrap()).expect(0);
        outside.git(words);
    }
}
