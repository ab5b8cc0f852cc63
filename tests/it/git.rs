//! git and git-lfs as a child, by the oldest and the newest git of this machine: nothing is configured, and exactly one credential arrives.

#![allow(
    clippy::unwrap_used,
    reason = "what fails here fails the test, with its place"
)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::kit::{Outcome, PLACEHOLDER, World};
use authsome::clock::Timestamp;
use authsome::connection::Standing;
use authsome_test_support::kit::skip;
use authsome_test_support::{Arrived, Endpoint, FakeGitLab, Fault, Seen, Visibility};

const HOST: &str = "gitlab.test";
const PROJECT: &str = "group/private";

// ---------------------------------------------------------------------------------------------------------------------------------
// Clone, fetch, push

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
                let expected = stated.filter(|_| fetches || version == "1"); // no version 2 of a push
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

// ---------------------------------------------------------------------------------------------------------------------------------
// Credentials of the user's own

#[test]
fn whatever_credential_git_has_the_right_one_arrives() {
    for git in gits() {
        let place = Place::new(git);
        let bare = &place.https(PROJECT)["https://".len()..];
        let users = [
            "ada@",
            "oauth2@",
            "oauth2:authsome-proxy-managed@",
            "gitlab-ci-token:authsome-proxy-managed@",
            "authsome-proxy-managed@",
            "x-access-token:glpat-long-revoked@",
            "glpat-long-revoked:@",
            "ada%40example.test:pass%2Fword@",
        ];
        let urls = users.map(|user| format!("https://{user}{bare}"));
        place.clone_and_push(&urls);
        place.expect_only_the_user();

        place.configure(&format!(
            "[http \"{}\"]\n\textraHeader = PRIVATE-TOKEN: glpat-long-revoked\n\
             [http]\n\textraHeader = \"Authorization: Basic Z2xwYXQ6cmV2b2tlZA==\"\n",
            place.base()
        ));
        let netrc = format!("machine {HOST} login ada password glpat-long-revoked\n");
        place.world.file(".netrc", &netrc);
        place.git(["clone", "-q", &place.https(PROJECT), "headers"]);
        place.git_in(
            "headers",
            ["push", "-q", "origin", "HEAD:refs/heads/headers"],
        );
        place.expect_only_the_user();
    }
}

#[test]
fn no_helper_and_no_askpass_of_the_users_is_asked_or_told() {
    for git in gits() {
        for root in ["", "/gitlab"] {
            let place = Place::below(git, root);
            let (helper, askpass) = (place.recorder("helper"), place.recorder("askpass"));
            let (helper, askpass) = (helper.display(), askpass.display());
            place.configure(&format!(
                "[core]\n\taskPass = {askpass}\n\
                 [credential]\n\thelper = {helper}\n\tuseHttpPath = true\n\
                 [credential \"https://{HOST}\"]\n\thelper = {helper}\n\
                 [credential \"{}/group\"]\n\thelper = {helper}\n",
                place.base()
            ));
            let asking = |place: &Place, words: &[&str]| {
                let mut run = place.run(words);
                for name in ["GIT_ASKPASS", "SSH_ASKPASS"] {
                    run.env(name, place.world.path("askpass"));
                }
                Outcome::of(run.env("DISPLAY", ":0").output().unwrap())
            };
            let url = place.https(PROJECT);
            asking(&place, &["git", "clone", "-q", &url, "work"]).expect(0);
            place.end_the_login();
            let bare = &url["https://".len()..];
            for user in [
                "",
                "ada@",
                "oauth2:authsome-proxy-managed@",
                "ada:glpat-long-revoked@",
            ] {
                let url = format!("https://{user}{bare}");
                let failed = asking(&place, &["git", "ls-remote", &url]);
                assert_eq!(failed.code, Some(128), "{git:?} {failed:?}");
                assert!(
                    failed.stderr.contains("Authentication failed for"),
                    "{git:?} {failed:?}"
                );
                assert!(
                    failed.stderr.contains("needs a new login"),
                    "{git:?} {failed:?}"
                );
            }
            let failed = asking(
                &place,
                &["git", "-C", "work", "push", "origin", "HEAD:refs/heads/x"],
            );
            assert_eq!(failed.code, Some(128), "{git:?} {failed:?}");
            assert_eq!(place.recorded("helper"), "", "{git:?}");
            assert_eq!(place.recorded("askpass"), "", "{git:?}");
            place.expect_only_the_user();
        }
    }
}

#[test]
fn a_401_of_the_provider_asks_nobody_and_ends() {
    for git in gits() {
        let place = Place::new(git);
        let (helper, askpass) = (place.recorder("helper"), place.recorder("askpass"));
        place.configure(&format!("[credential]\n\thelper = {}\n", helper.display()));
        let refusal = Fault::Status {
            code: 401,
            retry_after: None,
        };
        place.gitlab.fault(Endpoint::Git, refusal, 1000);
        let mut run = place.run(["git", "ls-remote", &place.https(PROJECT)]);
        run.env("GIT_ASKPASS", &askpass);
        let failed = Outcome::of(run.output().unwrap()).expect(128);
        assert!(
            failed.stderr.contains("Authentication failed for"),
            "{git:?} {failed:?}"
        );
        assert_eq!(place.recorded("helper"), "", "{git:?}");
        assert_eq!(place.recorded("askpass"), "", "{git:?}");
        // Each counts towards a ban of the address: git tries twice, and authsome up to four times with a young token.
        let seen = place.seen_at("/info/refs");
        assert!(seen.len() <= 8, "{git:?} {seen:?}");
    }
}

#[test]
fn other_hosts_have_the_users_helper_and_askpass_still() {
    for git in gits() {
        let (place, other) = (Place::new(git), FakeGitLab::start());
        let helper = place.recorder("helper");
        place.recorder("askpass");
        place.configure(&format!("[credential]\n\thelper = {}\n", helper.display()));
        let url = format!("{}/{PROJECT}.git", other.base_url());
        let mut run = place.run(["git", "ls-remote", &url]);
        run.env("GIT_ASKPASS", place.world.path("askpass"));
        run.env("SSL_CERT_FILE", other.ca_file());
        assert_eq!(Outcome::of(run.output().unwrap()).code, Some(128));
        assert!(place.recorded("helper").starts_with("get"), "{git:?}");
        assert!(place.recorded("askpass").contains("Username"), "{git:?}");
    }
}

#[test]
fn who_asks_git_for_a_password_gets_the_placeholder() {
    for git in gits() {
        let place = Place::new(git);
        let helper = place.recorder("helper");
        place.configure(&format!("[credential]\n\thelper = {}\n", helper.display()));
        let authority = format!("{HOST}:{}", place.gitlab.port());
        let ask = |verb: &str, more: &str| {
            let script = format!(
                "printf 'protocol=https\\nhost={authority}\\n{more}' | git credential {verb}"
            );
            Outcome::of(place.run(["sh", "-c", &script]).output().unwrap())
        };
        let known = format!("username=oauth2\\npassword={PLACEHOLDER}\\n");
        let told = ask("fill", "").expect(0).stdout;
        let expected = known.replace("\\n", "\n");
        assert!(told.ends_with(&expected), "{git:?} {told}");
        ask("approve", &known).expect(0);
        // After a refusal there is no second answer: git-lfs would ask without end.
        let both = format!(
            "printf 'protocol=https\\nhost={authority}\\n{known}' | git credential reject && \
             echo url=https://{authority}/ | git credential fill"
        );
        let refused = Outcome::of(place.run(["sh", "-c", &both]).output().unwrap()).expect(128);
        assert_eq!(refused.stdout, "", "{git:?}");
        assert!(
            refused.stderr.contains("see: authsome log"),
            "{git:?} {refused:?}"
        );
        assert_eq!(place.recorded("helper"), "", "{git:?}");
    }
}

#[test]
fn configuration_for_the_url_does_not_lead_around_the_proxy() {
    for git in gits() {
        let place = Place::new(git);
        let others =
            "proxy = http://127.0.0.1:9\n\tproxyAuthMethod = digest\n\tsslCAInfo = /nonexistent\n";
        place.configure(&format!(
            "[http]\n\t{others}[http \"{}\"]\n\t{others}",
            place.base()
        ));
        place.git(["clone", "-q", &place.https(PROJECT), "work"]);
        if !lfs_gits().is_empty() {
            place.git_in("work", ["lfs", "locks"]);
        }
        place.expect_only_the_user();
    }
}

// ---------------------------------------------------------------------------------------------------------------------------------
// SSH remotes

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
            let double = place
                .gitlab
                .seen()
                .into_iter()
                .find(|seen| seen.path.contains("//"));
            assert!(double.is_none(), "{git:?} {double:?}");
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
        let double = place
            .gitlab
            .seen()
            .into_iter()
            .find(|seen| seen.path.contains("//"));
        assert!(double.is_none(), "{git:?} {double:?}");
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

// ---------------------------------------------------------------------------------------------------------------------------------
// LFS

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

// ---------------------------------------------------------------------------------------------------------------------------------
// A place to work in

/// A git of this machine.
#[derive(Debug)]
struct Git {
    path: PathBuf,
    version: Vec<u32>,
}

impl Git {
    fn at(path: PathBuf) -> Option<Self> {
        let output = Command::new(&path).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = said.strip_prefix("git version ")?.split('.');
        let version = version.map_while(|part| part.trim().parse().ok()).collect();
        Some(Self { path, version })
    }
}

/// The oldest and the newest git; where there is one only, that is said.
fn gits() -> &'static [Git] {
    static GITS: OnceLock<Vec<Git>> = OnceLock::new();
    GITS.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let everywhere =
            std::env::split_paths(&path).chain(["/usr/bin".into(), "/usr/local/bin".into()]);
        let mut gits: Vec<_> = everywhere
            .filter_map(|directory| Git::at(directory.join("git")))
            .collect();
        gits.sort_by(|one, other| one.version.cmp(&other.version));
        gits.dedup_by(|one, other| one.version == other.version);
        assert!(!gits.is_empty(), "git is not installed");
        if gits.len() == 1 {
            // Written past libtest, which keeps what a test that passes prints. No machine has to have two.
            let only = &gits[0];
            let _ = writeln!(
                std::io::stderr(),
                "skipped: a second git; the only one here is {only:?}"
            );
        } else {
            gits.drain(1..gits.len() - 1);
        }
        gits
    })
}

/// The same; none where git-lfs is not installed.
fn lfs_gits() -> &'static [Git] {
    let found = Command::new("git-lfs").arg("version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return gits();
    }
    skip("git-lfs is not installed");
    &[]
}

/// A home that is connected to a GitLab with a private project, and one of the gits first on its PATH.
struct Place {
    world: World,
    gitlab: FakeGitLab,
    access: String,
    path: String,
}

impl Place {
    fn new(git: &Git) -> Self {
        Self::below(git, "")
    }

    fn below(git: &Git, root: &str) -> Self {
        let (world, gitlab) = (
            World::new(),
            FakeGitLab::builder().relative_root(root).start(),
        );
        gitlab.add_repo(PROJECT, Visibility::Private, &[("README.md", "hello\n")]);
        let (_, pair) = world.connect_as("default", &gitlab, &gitlab.base_url_at(HOST), 7200);
        let bin = world.path("bin");
        fs::create_dir(&bin).unwrap();
        symlink(&git.path, bin.join("git")).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        Self {
            world,
            gitlab,
            access: pair.access,
            path,
        }
    }

    /// Without a slash at the end.
    fn base(&self) -> String {
        self.gitlab.base_url_at(HOST)
    }

    fn https(&self, project: &str) -> String {
        format!("{}/{project}.git", self.base())
    }

    /// `authsome run`, where an attempt to use SSH fails.
    fn run<I: AsRef<OsStr>>(&self, command: impl AsRef<[I]>) -> Command {
        self.run_with(&[], command)
    }

    fn run_with<I: AsRef<OsStr>>(&self, switches: &[&str], command: impl AsRef<[I]>) -> Command {
        let resolve = format!("{HOST}:{}:127.0.0.1", self.gitlab.port());
        let words = ["run", "--resolve", &resolve]
            .into_iter()
            .chain(switches.iter().copied())
            .chain(["--"]);
        let words = words
            .map(OsStr::new)
            .chain(command.as_ref().iter().map(AsRef::as_ref));
        let mut run = self.world.authsome(words);
        run.current_dir(self.world.path(""));
        for (name, value) in self.environment() {
            run.env(name, value);
        }
        run
    }

    fn environment(&self) -> [(&str, &str); 6] {
        [
            ("PATH", &self.path),
            ("GIT_SSH_COMMAND", "false"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.test"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.test"),
        ]
    }

    /// git, through authsome.
    #[track_caller]
    fn git<const N: usize>(&self, words: [&str; N]) {
        let words = ["git"].into_iter().chain(words).collect::<Vec<_>>();
        Outcome::of(self.run(words).output().unwrap()).expect(0);
    }

    #[track_caller]
    fn git_in<const N: usize>(&self, directory: &str, words: [&str; N]) {
        let words = ["git", "-C", directory]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>();
        Outcome::of(self.run(words).output().unwrap()).expect(0);
    }

    /// Clones each, and pushes a branch back, in one session.
    #[track_caller]
    fn clone_and_push(&self, remotes: &[String]) {
        let script = "set -e; for remote; do
            git clone -q \"$remote\" clone; git -C clone push -q -f origin \"HEAD:refs/heads/$$\"; rm -rf clone
        done";
        let words = ["sh", "-c", script, "sh"].into_iter();
        let words: Vec<_> = words.chain(remotes.iter().map(String::as_str)).collect();
        Outcome::of(self.run(words).output().unwrap()).expect(0);
    }

    /// git by itself, for what needs no network; its output.
    #[track_caller]
    fn plain<const N: usize>(&self, directory: &str, words: [&str; N]) -> String {
        let mut git = Command::new(self.world.path("bin/git"));
        git.args(words)
            .current_dir(self.world.path(directory))
            .env_clear();
        git.env("HOME", self.world.path(""))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_NO_LAZY_FETCH", "1");
        for (name, value) in self.environment() {
            git.env(name, value);
        }
        Outcome::of(git.output().unwrap()).expect(0).stdout
    }

    #[track_caller]
    fn commit(&self, directory: &str, name: &str, content: &[u8]) {
        let file = self.world.path(directory).join(name);
        File::create(file).unwrap().write_all(content).unwrap();
        self.plain(directory, ["add", name]);
        self.plain(directory, ["commit", "-q", "-m", name]);
    }

    #[track_caller]
    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.world.path(name)).unwrap()
    }

    /// The user's ~/.gitconfig.
    fn configure(&self, text: &str) {
        self.world.file(".gitconfig", text);
    }

    /// The user's ~/.ssh/config, which ssh would look for elsewhere: by the user's entry, not by `HOME`.
    fn ssh_configuration(&self, text: &str) {
        fs::create_dir(self.world.path(".ssh")).unwrap();
        self.world.file(".ssh/config", text);
        let script = format!(
            "#!/bin/sh\nPATH='{}' exec ssh -F \"$HOME/.ssh/config\" \"$@\"\n",
            std::env::var("PATH").unwrap()
        );
        let program = self.world.file("bin/ssh", &script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// A program that notes how it is called, and fails.
    fn recorder(&self, name: &str) -> PathBuf {
        let log = self.world.path(&format!("{name}.log"));
        let script = format!("#!/bin/sh\necho \"$*\" >> '{}'\nexit 1\n", log.display());
        let program = self.world.file(name, &script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        program
    }

    fn recorded(&self, name: &str) -> String {
        fs::read_to_string(self.world.path(&format!("{name}.log"))).unwrap_or_default()
    }

    /// Leaves the connection as the provider's refusal of its refresh token does.
    fn end_the_login(&self) {
        let mut connection = self.world.stored("default");
        connection.tokens.expires_at = Some(Timestamp::from_seconds(1));
        connection.standing = Standing::NeedsLogin {
            reason: "revoked".to_owned(),
            since: Timestamp::from_seconds(1),
            access_ended: true,
        };
        self.world.store().create(&connection, true).unwrap();
    }

    /// Clones, commits an object of LFS, pushes; the object.
    #[track_caller]
    fn push_lfs_object(&self, remote: &str) -> Vec<u8> {
        self.git(["clone", "-q", remote, "origin"]);
        let mut large = vec![0; 2 << 20];
        File::open("/dev/urandom")
            .unwrap()
            .read_exact(&mut large)
            .unwrap();
        // Writes the filter into ~/.gitconfig, and the hook that uploads before a push.
        self.plain("origin", ["lfs", "install", "--skip-smudge", "--local"]);
        self.plain("origin", ["lfs", "install"]);
        self.plain("origin", ["lfs", "track", "*.bin"]);
        self.commit(
            "origin",
            ".gitattributes",
            &self.read("origin/.gitattributes"),
        );
        self.commit("origin", "large.bin", &large);
        self.git_in("origin", ["push", "-q"]);
        large
    }

    #[track_caller]
    fn skip_lfs_smudge(&self, remote: &str, name: &str) {
        let mut clone = self.run(["git", "clone", "-q", remote, name]);
        Outcome::of(clone.env("GIT_LFS_SKIP_SMUDGE", "1").output().unwrap()).expect(0);
    }

    fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.gitlab
            .seen()
            .into_iter()
            .filter(|seen| seen.path.contains(path))
            .collect()
    }

    /// Every request that arrived had the user's credential in git's form, and nothing else; there was one at least.
    #[track_caller]
    fn expect_only_the_user(&self) {
        let seen = self.gitlab.seen();
        assert!(!seen.is_empty());
        let user = Arrived::Basic {
            user: "oauth2".to_owned(),
            password: self.access.clone(),
        };
        for request in &seen {
            // A redirect to the path with the suffix is not git's business yet: it takes no credential.
            let redirected =
                request.path.ends_with("/info/refs") && !request.path.contains(".git/");
            let expected = if redirected { &Arrived::None } else { &user };
            assert_eq!(&request.credential, expected, "{request:?}");
            assert!(!format!("{request:?}").contains(PLACEHOLDER), "{request:?}");
        }
        assert_eq!(self.gitlab.rejected_basic(), 0);
    }
}
