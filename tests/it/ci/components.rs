//! The files in `ci/`: their scripts run as a runner runs them.

use std::path::Path;
use std::process::Command;

use authsome_test_support::kit;
use serde_json::Value;

use super::export::KEY;
use super::job::{Job, Story};
use crate::kit::refresh::user;
use crate::kit::{Outcome, World, binary};

/// Each document of a YAML file.
fn documents(name: &str) -> Option<Vec<Value>> {
    let program = "import json, sys, yaml; json.dump(list(yaml.safe_load_all(open(sys.argv[1]))), sys.stdout)";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut python = Command::new("python3");
    let output = python.args(["-c", program]).arg(file).output().ok()?;
    if !output.status.success() {
        kit::skip("there is no python3-yaml");
        return None;
    }
    serde_json::from_slice(&output.stdout).ok()
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

#[test]
fn the_gitlab_component_starts_from_the_variable_and_writes_it_back() {
    let Some(documents) = documents("ci/gitlab/templates/authsome.yml") else {
        return;
    };
    let job = documents[1].as_object().unwrap().values().next().unwrap();
    assert_eq!(job["resource_group"], "authsome");
    let script = job["script"][0].as_str().unwrap();
    let inputs = &documents[0]["spec"]["inputs"];
    let script = ["export", "key", "require"]
        .iter()
        .fold(script.to_owned(), |script, name| {
            let value = inputs[name]["default"].as_str().unwrap();
            script.replace(&format!("$[[ inputs.{name} ]]"), value)
        });
    assert!(!script.contains("$[["), "{script}");
    let story = Story::begin();
    let variable = "group/app/AUTHSOME_EXPORT";
    let sealed = std::fs::read_to_string(&story.file).unwrap();
    story.gitlab.set_variable(variable, &sealed);
    let mut refreshes = 0;
    for _ in 0..2 {
        story.expire();
        let world = World::new();
        let export = world.file("export", &story.gitlab.variable(variable).unwrap());
        let key = world.file("key", KEY);
        let mut bash = bash(&world, &script);
        bash.env("AUTHSOME_EXPORT", export)
            .env("AUTHSOME_KEY", &key);
        bash.env("CI_PROJECT_PATH", "group/app");
        bash.env("AUTHSOME_COMMAND", curl(&story));
        let outcome = Outcome::of(bash.output().unwrap()).expect(0);
        assert!(
            outcome.stdout.contains("imported\n200"),
            "{}",
            outcome.stdout
        );
        assert!(!outcome.stdout.contains(KEY), "{}", outcome.stdout);
        assert!(!key.exists());
        refreshes += 1;
        assert_eq!(story.gitlab.refreshes(), refreshes);
    }
    assert_ne!(story.gitlab.variable(variable).unwrap(), sealed);
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
