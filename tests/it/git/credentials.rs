//! Credentials of the user's own.

use authsome_test_support::{Endpoint, FakeGitLab, Fault};

use crate::kit::git::{HOST, PROJECT, Place, gits, lfs_gits};
use crate::kit::{Outcome, PLACEHOLDER};

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
        // Each counts towards a ban of the address: git tries twice, and authsome up to four times
        // with a young token.
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
