//! The files in `ci/`: their scripts run as a runner runs them.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use authsome_test_support::{Endpoint, Fault, kit};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::Value;

use super::export::{KEY, keyed};
use super::job::{Job, Story};
use crate::kit::refresh::{user, wait_for_refresh};
use crate::kit::{Outcome, World, binary, until};

/// Each document of a YAML file.
fn documents(name: &str) -> Option<Vec<Value>> {
    let program = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let file = root().join(name);
    let python = |words: &[&str]| Command::new("python3").args(words).output().ok();
    if !python(&["-c", "import yaml"]).is_some_and(|output| output.status.success()) {
        kit::skip("there is no python3-yaml");
        return None;
    }
    let output = python(&["-c", program, file.to_str().unwrap()])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} is no YAML: {said}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A bash of the runner, in which `authsome` is on the path.
fn bash(world: &World, script: &str) -> Command {
    let bin = world.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let _ = std::os::unix::fs::symlink(binary(), bin.join("authsome"));
    let mut bash = Command::new("bash");
    let path = std::env::var("PATH").unwrap();
    bash.args(["-c", script]).env_clear();
    bash.env("PATH", format!("{}:{path}", bin.display()));
    bash.env("HOME", world.path(""))
        .env("TMPDIR", world.path(""));
    bash
}

fn curl(story: &Story) -> String {
    let url = user(&story.gitlab);
    format!("curl -sS -o /dev/null -w %{{http_code}} '{url}'; env; ls -la /proc/self/fd")
}

/// The component with that input, and its job: what GitLab makes of the text before it reads the
/// YAML.
fn rendered(command: &str) -> Option<Value> {
    let name = "ci/gitlab/templates/authsome.yml";
    let inputs = documents(name)?.remove(0);
    let mut text = std::fs::read_to_string(root().join(name)).unwrap();
    for (name, input) in inputs["spec"]["inputs"].as_object().unwrap() {
        let value = match name.as_str() {
            "command" => command,
            _ => input["default"].as_str().unwrap(),
        };
        text = text.replace(&format!("$[[ inputs.{name} ]]"), value);
    }
    assert!(!text.contains("$[["), "{text}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rendered.yml");
    let mut rendered = std::fs::File::create(&file).unwrap();
    std::io::Write::write_all(&mut rendered, text.as_bytes()).unwrap();
    let job = documents(file.to_str().unwrap())?.remove(1);
    let job = job.as_object().unwrap();
    assert_eq!(job.keys().collect::<Vec<_>>(), ["authsome"]);
    Some(job["authsome"].clone())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const VARIABLE: &str = "group/app/AUTHSOME_EXPORT";

/// The component's script on a machine of its own, with the variables that its job has.
fn component(story: &Story, world: &World, command: &str) -> Option<Command> {
    let job = rendered(command)?;
    let value = story.gitlab.variable(VARIABLE).unwrap();
    let export = world.file("export", &value);
    let mut bash = bash(world, job["script"][0].as_str().unwrap());
    bash.env("AUTHSOME_EXPORT", export)
        .env("AUTHSOME_KEY", world.file("key", KEY));
    bash.env("CI_PROJECT_PATH", "group/app");
    bash.env("AUTHSOME_COMMAND", command_of(&job));
    Some(bash)
}

fn command_of(job: &Value) -> &str {
    job["variables"]["AUTHSOME_COMMAND"]["value"]
        .as_str()
        .unwrap()
}

/// A story whose export is in the variable.
fn story() -> Story {
    let story = Story::begin();
    let sealed = std::fs::read_to_string(&story.file).unwrap();
    story.gitlab.set_variable(VARIABLE, &sealed);
    story
}

/// The homes that scripts have left on that machine.
fn homes(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.path("")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.join("vault.db").exists())
        .collect()
}

/// The pair in the variable is the one that the server accepts.
fn assert_alive(story: &Story) {
    let last = Job::new();
    let value = story.gitlab.variable(VARIABLE).unwrap();
    last.import(&last.world.file("variable", &value)).expect(0);
    assert_eq!(story.gitlab.live_pairs(), [last.pair()]);
}

#[test]
fn the_command_reaches_the_component_as_it_is_written() {
    let command = r#"printf '%s: %s\n' "$f" 'it'"'"'s' # $CI_JOB_ID"#;
    let Some(job) = rendered(command) else {
        return;
    };
    assert_eq!(command_of(&job), command);
    assert_eq!(job["variables"]["AUTHSOME_COMMAND"]["expand"], false);
}

#[test]
fn a_home_with_the_only_pair_stays_whatever_the_command_ends_with() {
    for code in [0, 1, 125] {
        let (story, world) = (story(), World::new());
        let command = format!(
            "curl -sS -o /dev/null '{}'; exit {code}",
            user(&story.gitlab)
        );
        let Some(mut bash) = component(&story, &world, &command) else {
            return;
        };
        // The variable cannot be changed, nor read.
        let (project, name) = VARIABLE.rsplit_once('/').unwrap();
        bash.env("CI_PROJECT_PATH", format!("{project}-of-another"));
        let outcome = Outcome::of(bash.output().unwrap());
        outcome.expect(if code == 0 { 125 } else { code });
        let [home] = homes(&world).try_into().expect("one home stays");
        assert!(home.join("not-handed-back").exists());
        assert!(!world.path("key").exists());
        // Whoever finds it hands the pair back.
        let target = format!("gitlab-variable:{project}/{name}");
        let mut run = keyed(&world, KEY, &["run", "--on-rotate", &target, "--", "true"]);
        let outcome = Outcome::of(run.env("AUTHSOME_HOME", &home).output().unwrap());
        outcome.expect(0);
        assert!(!home.join("not-handed-back").exists());
        assert_alive(&story);
    }
}

#[test]
fn a_job_that_is_cancelled_during_a_renewal_hands_the_pair_back() {
    for is_group in [true, false] {
        let (story, world) = (story(), World::new());
        story.gitlab.fault(
            Endpoint::Token,
            Fault::StallAfter(Duration::from_secs(2)),
            1,
        );
        story.gitlab.clear_seen();
        let Some(mut bash) = component(&story, &world, "cat") else {
            return;
        };
        let mut job = bash.process_group(0).stdin(Stdio::piped()).spawn().unwrap();
        wait_for_refresh(&story.gitlab);
        let pid = Pid::from_raw(job.id().cast_signed());
        if is_group {
            killpg(pid, Signal::SIGTERM).unwrap();
        } else {
            kill(pid, Signal::SIGTERM).unwrap();
        }
        drop(job.stdin.take());
        assert!(!job.wait().unwrap().success() || !is_group);
        until("nothing of it is left", || homes(&world).is_empty());
        assert_alive(&story);
    }
}

#[test]
fn a_key_does_not_stay_after_an_import_that_fails() {
    let (story, world) = (story(), World::new());
    story.gitlab.set_variable(VARIABLE, "not a sealed file");
    if let Some(mut bash) = component(&story, &world, "true") {
        Outcome::of(bash.output().unwrap()).expect(2);
        assert!(!world.path("key").exists());
    }
    let Some(documents) = documents("ci/github/action.yml") else {
        return;
    };
    let world = World::new();
    let key = world.file("authsome-key", KEY);
    let mut bash = bash(
        &world,
        documents[0]["runs"]["steps"][1]["run"].as_str().unwrap(),
    );
    bash.env("RUNNER_TEMP", world.path(""))
        .env("AUTHSOME_EXPORT", world.file("bad", "bad"));
    bash.env("AUTHSOME_COMMAND", "true")
        .env("AUTHSOME_REQUIRE", "gitlab");
    bash.env("AUTHSOME_ON_ROTATE", "");
    Outcome::of(bash.output().unwrap()).expect(2);
    assert!(!key.exists());
    assert!(homes(&world).is_empty());
}

#[test]
fn the_gitlab_component_starts_from_the_variable_and_writes_it_back() {
    let story = story();
    let sealed = story.gitlab.variable(VARIABLE).unwrap();
    let mut refreshes = 0;
    for _ in 0..2 {
        story.expire();
        let world = World::new();
        let Some(mut bash) = component(&story, &world, &curl(&story)) else {
            return;
        };
        let outcome = Outcome::of(bash.output().unwrap()).expect(0);
        assert!(
            outcome.stdout.contains("imported\n200"),
            "{}",
            outcome.stdout
        );
        assert!(!outcome.stdout.contains(KEY), "{}", outcome.stdout);
        assert!(!world.path("key").exists());
        assert!(homes(&world).is_empty());
        refreshes += 1;
        assert_eq!(story.gitlab.refreshes(), refreshes);
    }
    assert_ne!(story.gitlab.variable(VARIABLE).unwrap(), sealed);
}

#[test]
fn the_github_action_starts_from_the_file_and_writes_it_back() {
    let Some(documents) = documents("ci/github/action.yml") else {
        return;
    };
    let story = Story::begin();
    for refreshes in 1..=2 {
        story.expire();
        let world = World::new();
        for step in documents[0]["runs"]["steps"].as_array().unwrap() {
            let mut bash = bash(&world, step["run"].as_str().unwrap());
            bash.env("RUNNER_TEMP", world.path(""));
            for (name, value) in step["env"].as_object().unwrap() {
                let input = value.as_str().unwrap().trim_matches(['$', '{', '}', ' ']);
                let value = match input.strip_prefix("inputs.").unwrap() {
                    "command" => curl(&story),
                    "export" => story.file.display().to_string(),
                    "key" => KEY.to_owned(),
                    other => {
                        let input = &documents[0]["inputs"][other];
                        input["default"].as_str().unwrap().to_owned()
                    }
                };
                bash.env(name, value);
            }
            let outcome = Outcome::of(bash.output().unwrap()).expect(0);
            assert!(!outcome.stdout.contains(KEY), "{}", outcome.stdout);
        }
        assert_eq!(story.gitlab.refreshes(), refreshes);
    }
    let last = Job::new();
    last.import(&story.file).expect(0);
    assert_eq!(story.gitlab.live_pairs(), [last.pair()]);
}
