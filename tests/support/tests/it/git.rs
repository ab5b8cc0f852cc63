//! git itself against the fake, and the kit's browser.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::curl;
use authsome_test_support::{FakeGitLab, Visibility, kit};

fn git(gitlab: &FakeGitLab, arguments: &[&str]) -> Output {
    Command::new("git")
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", gitlab.dir())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSL_CAINFO", gitlab.ca_file())
        .env("GIT_AUTHOR_NAME", "Ada")
        .env("GIT_AUTHOR_EMAIL", "ada@example.test")
        .env("GIT_COMMITTER_NAME", "Ada")
        .env("GIT_COMMITTER_EMAIL", "ada@example.test")
        .output()
        .expect("git is installed")
}

fn succeed(gitlab: &FakeGitLab, arguments: &[&str]) -> String {
    let output = git(gitlab, arguments);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn url(gitlab: &FakeGitLab, user_info: &str, project: &str) -> String {
    format!(
        "https://{user_info}localhost:{}/gitlab/{project}.git",
        gitlab.port()
    )
}

/// A fake with `group/private`, and a live token.
fn private() -> (FakeGitLab, String) {
    let gitlab = FakeGitLab::builder().relative_root("/gitlab").start();
    let app = gitlab.register_app(false);
    let token = gitlab.issue_tokens(&app, "api").access;
    gitlab.add_repo(
        "group/private",
        Visibility::Private,
        &[("README.md", "hello\n")],
    );
    (gitlab, token)
}

#[test]
fn a_bearer_token_is_not_read_and_not_counted() {
    let (gitlab, token) = private();
    let with_bearer = format!("http.extraHeader=Authorization: Bearer {token}");
    let remote = url(&gitlab, "", "group/private");
    let refused = git(&gitlab, &["-c", &with_bearer, "ls-remote", &remote]);
    assert!(!refused.status.success());
    assert_eq!(gitlab.rejected_basic(), 0);
}

#[test]
fn a_private_project_is_cloned_and_pushed_with_basic() {
    let (gitlab, token) = private();
    let work = gitlab.dir().join("work");
    let work = work.to_str().unwrap();
    let remote = url(&gitlab, &format!("oauth2:{token}@"), "group/private");
    succeed(&gitlab, &["clone", "--quiet", &remote, work]);
    let readme = std::fs::read_to_string(Path::new(work).join("README.md")).unwrap();
    assert_eq!(readme, "hello\n");

    succeed(
        &gitlab,
        &[
            "-C",
            work,
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "second",
        ],
    );
    succeed(
        &gitlab,
        &[
            "-C",
            work,
            "push",
            "--quiet",
            "origin",
            "HEAD:refs/heads/next",
        ],
    );
    let bare = gitlab.repo_path("group/private");
    let bare = bare.to_str().unwrap();
    assert_eq!(
        succeed(&gitlab, &["-C", bare, "log", "-1", "--format=%s", "next"]),
        "second\n"
    );
}

#[test]
fn a_bad_password_is_refused_and_counted_even_on_a_public_project() {
    let gitlab = FakeGitLab::builder().relative_root("/gitlab").start();
    gitlab.add_repo(
        "public",
        Visibility::Public,
        &[("a.txt", "a"), ("b/c.txt", "c")],
    );
    assert!(
        git(&gitlab, &["ls-remote", &url(&gitlab, "", "public")])
            .status
            .success()
    );
    let refs = "/public.git/info/refs?service=git-upload-pack";
    let refused = curl(&gitlab, refs, &["-u", "oauth2:authsome-proxy-managed"]);
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Basic realm=\"GitLab\"")
    );
    assert!(refused.body.starts_with(b"HTTP Basic: Access denied"));
    assert_eq!(gitlab.rejected_basic(), 1);
    let push = "/public.git/info/refs?service=git-receive-pack";
    assert_eq!(curl(&gitlab, push, &[]).status(), 401);
    let app = gitlab.register_app(false);
    let reader = gitlab.issue_tokens(&app, "read_repository").access;
    assert_eq!(
        curl(&gitlab, push, &["-u", &format!("oauth2:{reader}")]).status(),
        403
    );
    let moved = curl(&gitlab, "/public/info/refs?service=git-upload-pack", &[]);
    assert_eq!(moved.status(), 301);
    assert_eq!(
        moved.header("location"),
        Some("/gitlab/public.git/info/refs?service=git-upload-pack")
    );
}

#[test]
fn a_bucket_takes_its_signature_and_nothing_else() {
    let (gitlab, token) = private();
    let bucket = FakeGitLab::start();
    gitlab.keep_lfs_objects_in(&bucket, "localhost");
    let object = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"; // of "hello"
    let project = "/group/private.git";
    let place = format!("{project}/gitlab-lfs/objects/{object}/5");
    let batch = format!("{project}/info/lfs/objects/batch");
    let batch_request =
        format!(r#"{{"operation":"download","objects":[{{"oid":"{object}","size":5}}]}}"#);
    assert_eq!(curl(&gitlab, &batch, &["-d", &batch_request]).status(), 401);
    let user = format!("oauth2:{token}");
    let wrong = curl(&gitlab, &place, &["-u", &user, "-X", "PUT", "-d", "other"]);
    assert_eq!(wrong.status(), 422);
    let right = curl(&gitlab, &place, &["-u", &user, "-X", "PUT", "-d", "hello"]);
    assert_eq!(right.status(), 200);
    let response = curl(&gitlab, &batch, &["-u", &user, "-d", &batch_request]).json();
    let signed = response["objects"][0]["actions"]["download"]["href"].as_str();
    let (_, signed) = signed.unwrap().split_once("/bucket/").unwrap();
    let signed = format!("/bucket/{signed}");
    assert_eq!(curl(&bucket, &signed, &[]).body, b"hello");
    assert_eq!(curl(&bucket, &signed, &["-u", &user]).status(), 400);
    assert_eq!(curl(&bucket, &format!("{signed}&x=1"), &[]).status(), 403);
}

#[test]
fn the_browser_follows_a_url_and_the_port_is_held_by_one() {
    let gitlab = FakeGitLab::start();
    let script = kit::browser_script(gitlab.dir(), gitlab.ca_file());
    let page_url = format!("{}/public", gitlab.base_url());
    let mut browser = Command::new(script);
    browser
        .arg(&page_url)
        .env("https_proxy", "http://127.0.0.1:1");
    assert!(browser.status().unwrap().success());
    let read = |name: &str| std::fs::read_to_string(gitlab.dir().join(name)).unwrap();
    assert_eq!(read("page.html"), "public\n");
    assert_eq!(read("url.txt").trim(), page_url);

    let held = kit::port_7998();
    let path = std::env::temp_dir().join("authsome-test-port-7998.lock");
    let second = std::fs::File::open(path).unwrap();
    assert!(second.try_lock().is_err());
    drop(held);
}
