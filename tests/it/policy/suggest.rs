//! `authsome policy suggest`: what a run did becomes a policy under which it passes, and nothing
//! else does.

use authsome_test_support::{FakeGitLab, Visibility};
use serde_json::Value;

use crate::kit::Outcome;
use crate::kit::client::log;
use crate::kit::git::{PROJECT, Place, gits};

/// What the quickstart's agent does, and a push: it reads with the API, writes an issue, clones,
/// pushes a branch, and asks another host.
const AGENT: &str = r#"
set -e
get() { curl -sS -o /dev/null "$@"; }
get "$BASE/api/v4/user" -H "PRIVATE-TOKEN: $GITLAB_ACCESS_TOKEN"
get "$BASE/api/v4/projects/42/issues?state=opened"
get -d title=x "$BASE/api/v4/projects/42/issues"
get "$BASE/dashboard"
get -k --noproxy '' "$OTHER/"
get -k --noproxy '' "$OTHER/again"
git clone -q "$BASE/group/private.git" "$WORK"
cd "$WORK"
git checkout -q agent/fix 2> refused || git checkout -q -b agent/fix
echo "$WORK" > work.txt
git add work.txt
git commit -q -m work
git push -q origin agent/fix
"#;

/// The place, another project there, and another server.
fn place() -> (Place, FakeGitLab) {
    let place = Place::new(&gits()[0]);
    let files = [("a", "a")];
    place
        .gitlab
        .add_repo("group/other", Visibility::Private, &files);
    (place, FakeGitLab::start())
}

fn agent(place: &Place, other: &FakeGitLab, flags: &[&str], work: &str) -> Outcome {
    let mut command = place.run_with(flags, ["sh", "-c", AGENT]);
    let command = command
        .env("BASE", place.base())
        .env("OTHER", other.base_url())
        .env("WORK", work);
    Outcome::of(command.output().unwrap())
}

/// `authsome policy suggest WORDS`.
fn suggest(place: &Place, words: &[&str]) -> Outcome {
    let mut command = place
        .world
        .authsome(["policy", "suggest"].iter().chain(words));
    Outcome::of(command.output().unwrap())
}

#[test]
fn the_run_passes_under_what_is_suggested_and_attacks_do_not() {
    let (place, other) = place();
    agent(&place, &other, &[], "one").expect(0);
    let file = place.world.path("policy.toml");
    let file = file.to_str().unwrap();
    suggest(&place, &["--out", file]).expect(0);
    let flags = ["--policy-file", file];
    place.gitlab.clear_seen();
    agent(&place, &other, &flags, "two").expect(0);
    assert!(place.gitlab.seen().len() >= 8, "{:?}", place.gitlab.seen());
    // Nothing of what the run did not do gets anywhere.
    let base = place.base();
    place.gitlab.clear_seen();
    for words in [
        &["-o", "kept", "https://BASE/api/v4/projects/43/issues"][..],
        &["https://BASE/api/v4/projects/42"],
        &["https://BASE/api/v4/projects"],
        &["-d", "title=x", "https://BASE/api/v4/projects/43/issues"],
        &["-X", "DELETE", "https://BASE/api/v4/projects/42/issues"],
        &["-X", "DELETE", "https://BASE/api/v4/projects/42"],
        &["-X", "PUT", "https://BASE/api/v4/user"],
        &[
            "-H",
            "X-HTTP-Method-Override: DELETE",
            "-d",
            "x=y",
            "https://BASE/api/v4/projects/42/issues",
        ],
        &[
            "--path-as-is",
            "https://BASE/api/v4/projects/42/../43/issues",
        ],
        &["https://BASE/group/other.git/info/refs?service=git-upload-pack"],
    ] {
        let words = words.iter().map(|word| word.replace("https://BASE", &base));
        let command: Vec<_> = ["curl", "-sSi"]
            .map(str::to_owned)
            .into_iter()
            .chain(words)
            .collect();
        let mut command = place.run_with(&flags, &command);
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        let answer = if outcome.stdout.is_empty() {
            String::from_utf8(place.read("kept")).unwrap()
        } else {
            outcome.stdout
        };
        assert!(answer.contains("authsome-error: "), "{answer}");
    }
    let others = place.https("group/other");
    for words in [
        &["git", "clone", "-q", &others, "three"][..],
        &["git", "-C", "two", "push", "-q", &others, "HEAD:agent/fix"],
    ] {
        let outcome = Outcome::of(place.run_with(&flags, words).output().unwrap());
        assert_ne!(outcome.code, Some(0), "{words:?}");
        assert!(outcome.stderr.contains("authsome: "), "{}", outcome.stderr);
    }
    assert!(place.gitlab.seen().is_empty(), "{:?}", place.gitlab.seen());
    // git asks first what there is; the push itself does not arrive.
    for words in [
        &["git", "-C", "two", "push", "-q", "origin", "HEAD:main"][..],
        &[
            "git",
            "-C",
            "two",
            "push",
            "-q",
            "origin",
            "HEAD:agent/other",
        ],
        &["git", "-C", "two", "push", "-q", "origin", ":agent/fix"],
        &[
            "git",
            "-C",
            "two",
            "push",
            "-q",
            "-f",
            "origin",
            "HEAD~1:agent/fix",
        ],
    ] {
        let outcome = Outcome::of(place.run_with(&flags, words).output().unwrap());
        assert_eq!(outcome.code, Some(1), "{words:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains("remote rejected"),
            "{}",
            outcome.stderr
        );
    }
    assert!(
        place
            .seen_at("git-receive-pack")
            .iter()
            .all(|seen| seen.method == "GET")
    );
    let third = FakeGitLab::start();
    let words = ["curl", "-sSk", "--noproxy", "", &third.base_url()];
    let outcome = Outcome::of(place.run_with(&flags, words).output().unwrap()).expect(56);
    assert!(outcome.stderr.contains("403"), "{}", outcome.stderr);
}

#[test]
fn what_is_suggested_names_what_was_seen() {
    let (place, other) = place();
    agent(&place, &other, &[], "one").expect(0);
    let outcome = suggest(&place, &["--json"]).expect(0);
    let value: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let host = other.base_url().replace("https://", "");
    let expected = serde_json::json!({
        "policy": "deny",
        "read_only": false,
        "allow_hosts": [host],
        "allow_paths": [
            "gitlab=GET,POST /api/v4/projects/42/issues",
            "gitlab=GET /api/v4/user",
            "gitlab=GET /dashboard",
            "gitlab=POST /group/private.git/git-receive-pack",
            "gitlab=POST /group/private.git/git-upload-pack",
            "gitlab=GET /group/private.git/info/refs",
        ],
        "deny_paths": [],
        "git_push": ["agent/fix"],
    });
    assert_eq!(value["policy"], expected);
    let scopes = serde_json::json!([{
        "connection": "gitlab/default",
        "scopes": ["api", "write_repository"],
        "unknown": 0,
    }]);
    assert_eq!(value["scopes"], scopes);
    assert_eq!(value["remarks"], serde_json::json!([]));
    assert_eq!(value["complete"], true);
    let text = value["text"].as_str().unwrap();
    for words in [
        "run ",
        " requests.",
        "--scopes api,write_repository",
        "git_push = [",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // What the log has of it: the host once, and the refs of the push.
    let lines = log(&place.world);
    let forwarded = lines.iter().filter(|line| line["event"] == "forwarded");
    assert_eq!(forwarded.count(), 1);
    let refs = lines.iter().filter(|line| !line["refs"].is_null());
    let refs: Vec<_> = refs.map(|line| line["refs"].to_string()).collect();
    assert_eq!(refs, ["[\"refs/heads/agent/fix\"]"]);
    // By its name, by the beginning of that, and as the newest one it is the same.
    let run = value["run"].as_str().unwrap();
    for words in [&[run][..], &[&run[..6]], &["--last"]] {
        assert_eq!(suggest(&place, words).expect(0).stdout, text, "{words:?}");
    }
}

#[test]
fn a_run_that_only_read_gets_a_policy_to_read_and_smaller_scopes() {
    let (place, _) = place();
    place.git(["clone", "-q", &place.https(PROJECT), "work"]);
    let text = suggest(&place, &[]).expect(0).stdout;
    assert!(text.contains("\nread_only = true\n"), "{text}");
    assert!(text.contains("--scopes read_repository "), "{text}");
    assert!(!text.contains("git_push"), "{text}");
}

#[test]
fn below_a_path_and_beside_other_connections() {
    let place = Place::below(&gits()[0], "/gitlab");
    let unused = FakeGitLab::start();
    place
        .world
        .connect_as("unused", &unused, &unused.base_url(), 7200);
    let user = format!("{}/api/v4/user", place.base());
    let words = ["curl", "-sS", &user];
    Outcome::of(place.run(words).output().unwrap()).expect(0);
    let text = suggest(&place, &[]).expect(0).stdout;
    for rule in [
        "\"gitlab/default=GET /api/v4/user\"",
        "\"gitlab/unused=/**\"",
    ] {
        assert!(text.contains(rule), "{rule}: {text}");
    }
    let file = place.world.file("policy.toml", &text);
    let flags = ["--policy-file", file.to_str().unwrap()];
    let code = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"];
    let asked = |url: &str| {
        let words = [&code[..], &[url]].concat();
        Outcome::of(place.run_with(&flags, words).output().unwrap())
            .expect(0)
            .stdout
    };
    assert_eq!(asked(&user), "200");
    assert_eq!(asked(&format!("{}/api/v4/user", unused.base_url())), "403");
    assert!(unused.seen().is_empty());
}

#[test]
fn what_no_file_may_say_is_a_remark() {
    let (place, _) = place();
    let token = format!("{}/api/v4/projects/42/access_tokens", place.base());
    place.git(["clone", "-q", &place.https(PROJECT), "work"]);
    let script = "curl -sS -d name=x \"$TOKEN\"; cd work && git push -q origin HEAD:agent/a && git push -q origin :agent/a";
    let mut command = place.run_with(
        &["--allow", "gitlab/project-access-token"],
        ["sh", "-c", script],
    );
    Outcome::of(command.env("TOKEN", &token).output().unwrap()).expect(0);
    let text = suggest(&place, &[]).expect(0).stdout;
    for words in [
        "# The run needed the guard rule gitlab/project-access-token lifted",
        "# The run deleted refs/heads/agent/a",
        "git_push = [\n  \"agent/a\",\n]",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // It lifts nothing by itself.
    assert!(!text.contains("\nallow = "), "{text}");
}

#[test]
fn a_run_that_is_not_there_and_a_file_that_is() {
    let (place, _) = place();
    let outcome = suggest(&place, &[]).expect(2);
    assert!(
        outcome.stderr.contains("no run is in the log"),
        "{}",
        outcome.stderr
    );
    place.git(["ls-remote", "-q", &place.https(PROJECT)]);
    let outcome = suggest(&place, &["nosuchrun"]).expect(2);
    assert!(
        outcome.stderr.contains("authsome runs"),
        "{}",
        outcome.stderr
    );
    let file = place.world.file("policy.toml", "read_only = true\n");
    let outcome = suggest(&place, &["--out", file.to_str().unwrap()]).expect(2);
    assert!(
        outcome.stderr.contains("exists already"),
        "{}",
        outcome.stderr
    );
    assert_eq!(place.read("policy.toml"), b"read_only = true\n");
    let outcome = suggest(&place, &["--out", "/nowhere/policy.toml"]).expect(2);
    assert!(
        outcome.stderr.contains("/nowhere/policy.toml"),
        "{}",
        outcome.stderr
    );
}
