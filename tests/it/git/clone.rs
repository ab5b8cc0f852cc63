//! Clone, fetch and push, with nothing configured.

use std::fs::File;
use std::io::Read;

use authsome_test_support::Visibility;

use crate::kit::git::{HOST, PROJECT, Place, gits};

#[test]
fn clone_fetch_and_push_in_every_protocol() {
    for git in gits() {
        let place = Place::new(git);
        for (version, stated) in [
            ("0", None),
            ("1", Some("version=1")),
            ("2", Some("version=2")),
        ] {
            place.gitlab.clear_seen();
            let protocol = format!("protocol.version={version}");
            let [one, two] = ["one", "two"].map(|name| format!("{name}-{version}"));
            for name in [&one, &two] {
                place.git(["-c", &protocol, "clone", "-q", &place.https(PROJECT), name]);
            }
            place.commit(&one, &format!("{version}.txt"), b"pushed\n");
            place.git_in(&one, ["-c", &protocol, "push", "-q"]);
            place.git_in(&two, ["-c", &protocol, "fetch", "-q"]);
            let pushed = place.plain(&two, ["show", &format!("origin/main:{version}.txt")]);
            assert_eq!(pushed, "pushed\n", "{git:?} {version}");
            place.git(["-c", &protocol, "ls-remote", "-q", &place.https(PROJECT)]);
            for seen in place.seen_at("/info/refs") {
                let fetches = seen.query.as_deref() == Some("service=git-upload-pack");
                // No version 2 of a push.
                let expected = stated.filter(|_| fetches || version == "1");
                assert_eq!(seen.header("git-protocol"), expected, "{git:?} {seen:?}");
            }
            place.expect_only_the_user();
        }
    }
}

#[test]
fn a_push_beyond_gits_buffer_streams_through() {
    for git in gits() {
        let place = Place::new(git);
        place.git(["clone", "-q", &place.https(PROJECT), "work"]);
        let mut large = vec![0; 3 << 20]; // git buffers 1 MiB
        File::open("/dev/urandom")
            .unwrap()
            .read_exact(&mut large)
            .unwrap();
        place.commit("work", "large.bin", &large);
        place.git_in("work", ["push", "-q"]);
        place.git(["clone", "-q", &place.https(PROJECT), "again"]);
        assert!(place.read("again/large.bin") == large, "{git:?}");
        let pushes: Vec<_> = place.seen_at("git-receive-pack");
        assert!(
            pushes
                .iter()
                .any(|push| push.header("content-length").is_none()),
            "{git:?} {pushes:?}"
        );
        place.expect_only_the_user();
    }
}

#[test]
fn submodules_by_relative_https_and_ssh_urls() {
    for git in gits() {
        let place = Place::new(git);
        let urls = [
            ("relative", "../relative.git".to_owned()),
            ("https", place.https("group/https")),
            ("ssh", format!("git@{HOST}:group/ssh.git")),
        ];
        place.git(["clone", "-q", &place.https(PROJECT), "work"]);
        let mut modules = String::new();
        for (name, url) in &urls {
            let project = format!("group/{name}");
            place
                .gitlab
                .add_repo(&project, Visibility::Private, &[("who", name)]);
            let bare = place.gitlab.repo_path(&project);
            let head = place.plain(bare.to_str().unwrap(), ["rev-parse", "main"]);
            let link = format!("160000,{},{name}", head.trim());
            place.plain("work", ["update-index", "--add", "--cacheinfo", &link]);
            let section = format!("[submodule \"{name}\"]\n\tpath = {name}\n\turl = {url}\n");
            modules.push_str(&section);
        }
        place.commit("work", ".gitmodules", modules.as_bytes());
        place.git_in("work", ["push", "-q"]);
        place.git([
            "clone",
            "-q",
            "--recurse-submodules",
            &place.https(PROJECT),
            "one",
        ]);
        // What a clone over SSH makes of the relative one is SSH as well.
        let ssh = format!("git@{HOST}:{PROJECT}.git");
        place.git(["clone", "-q", "--recurse-submodules", "-j4", &ssh, "two"]);
        for (clone, (name, _)) in ["one", "two"]
            .iter()
            .flat_map(|clone| urls.iter().map(move |url| (clone, url)))
        {
            assert_eq!(
                place.read(&format!("{clone}/{name}/who")),
                name.as_bytes(),
                "{git:?}"
            );
        }
        place.git_in("one", ["submodule", "--quiet", "update", "--remote"]);
        place.git_in("one", ["fetch", "-q", "--recurse-submodules=yes"]);
        place.expect_only_the_user();
    }
}

#[test]
fn a_shallow_clone_is_deepened() {
    for git in gits() {
        let place = Place::new(git);
        place.git(["clone", "-q", &place.https(PROJECT), "work"]);
        for name in ["two", "three"] {
            place.commit("work", name, b"more\n");
        }
        place.git_in("work", ["push", "-q"]);
        place.git([
            "clone",
            "-q",
            "--depth",
            "1",
            &place.https(PROJECT),
            "shallow",
        ]);
        let count = || place.plain("shallow", ["rev-list", "--count", "HEAD"]);
        assert_eq!(count(), "1\n", "{git:?}");
        place.git_in("shallow", ["fetch", "-q", "--deepen", "1"]);
        assert_eq!(count(), "2\n", "{git:?}");
        place.git_in("shallow", ["fetch", "-q", "--unshallow"]);
        assert_eq!(count(), "3\n", "{git:?}");
        place.expect_only_the_user();
    }
}

#[test]
fn a_partial_clone_fetches_the_rest_when_it_is_needed() {
    for git in gits() {
        let place = Place::new(git);
        for version in ["0", "2"] {
            let protocol = format!("protocol.version={version}");
            let url = place.https(PROJECT);
            let name = format!("partial-{version}");
            place.git([
                "-c",
                &protocol,
                "clone",
                "-q",
                "--filter=blob:none",
                "--no-checkout",
                &url,
                &name,
            ]);
            let missing = place.plain(&name, ["rev-list", "--objects", "--all", "--missing=print"]);
            assert!(
                missing.contains("\n?"),
                "{git:?} has what it was not to fetch: {missing}"
            );
            place.git_in(&name, ["-c", &protocol, "checkout", "-q", "main"]);
            assert_eq!(
                place.read(&format!("{name}/README.md")),
                b"hello\n",
                "{git:?}"
            );
        }
        place.expect_only_the_user();
    }
}

#[test]
fn a_project_named_without_its_suffix_is_found() {
    for git in gits() {
        for root in ["", "/gitlab"] {
            let place = Place::below(git, root);
            let url = format!("{}/{PROJECT}", place.base());
            place.git(["clone", "-q", &url, "work"]);
            place.commit("work", "new", b"new\n");
            place.git_in("work", ["push", "-q"]);
            place.git_in("work", ["fetch", "-q"]);
            place.expect_only_the_user();
        }
    }
}
