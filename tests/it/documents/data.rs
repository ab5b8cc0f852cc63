//! Blocks that are files: they are parsed, and the commands in them are found.

use std::process::{Command, Stdio};

use authsome_test_support::kit;
use serde_json::Value;

use super::page::{Block, Language};
use crate::kit::Outcome;

/// The scripts in a file.
pub(super) fn scripts(block: &Block) -> Result<Vec<String>, String> {
    match block.language {
        Language::Json => {
            let value = serde_json::from_str(&block.text);
            Ok(servers(&value.map_err(|error| error.to_string())?))
        }
        Language::Toml => {
            let value = toml::from_str::<Value>(&block.text);
            let value = value.map_err(|error| error.to_string())?;
            let is_ours = value.get("guard").is_some();
            let settings = is_ours.then(|| settings(&block.text));
            let found = servers(&value).into_iter().chain(registries(&value));
            Ok(found.chain(settings).collect())
        }
        Language::Yaml => Ok(yaml(&block.text)?.as_ref().map_or(Vec::new(), jobs)),
        Language::Ini => Ok(lines(&block.text, |line| line.strip_prefix("ExecStart="))),
        Language::Cron => Ok(lines(&block.text, |line| {
            let command = line.splitn(6, ' ').nth(5);
            command.map(str::trim_start)
        })),
        _ => Ok(Vec::new()),
    }
}

/// The commands of MCP servers, under any of the names that clients give to the table of them.
fn servers(value: &Value) -> Vec<String> {
    let tables = ["mcpServers", "mcp_servers", "servers"];
    let tables = tables.iter().filter_map(|name| value[*name].as_object());
    let entries = tables.flat_map(serde_json::Map::values);
    entries.map(command_line).collect()
}

/// What cargo starts for the token of a registry.
fn registries(value: &Value) -> Vec<String> {
    let tables = value["registries"].as_object().into_iter().flatten();
    let providers = tables.filter_map(|(_, registry)| registry["credential-provider"].as_array());
    let words = providers.map(|words| words.iter().skip(1).filter_map(Value::as_str));
    words
        .map(|words| words.collect::<Vec<_>>().join(" "))
        .collect()
}

/// A command and its arguments, in fields of these names.
fn command_line(entry: &Value) -> String {
    let words = entry["args"].as_array().into_iter().flatten();
    let words = std::iter::once(&entry["command"]).chain(words);
    let words = words.map(|word| word.as_str().unwrap_or("no-command"));
    words.collect::<Vec<_>>().join(" ")
}

/// A run with these settings: a key that the program does not know stops it.
fn settings(text: &str) -> String {
    format!("cat > \"$AUTHSOME_HOME/config.toml\" <<'END'\n{text}END\nauthsome run -- true")
}

/// What jobs of GitLab CI have under `script`, those of GitHub Actions under `run`, and kubectl
/// under `exec`.
fn jobs(value: &Value) -> Vec<String> {
    let mut commands = Vec::new();
    collect(value, &mut commands);
    if commands.is_empty() {
        return Vec::new();
    }
    let is_github = value.get("jobs").is_some();
    // GitLab hands a variable of type File over as a path, GitHub a secret as its value.
    let key = if is_github {
        "AUTHSOME_KEY=$(cat \"$KEY_FILE\")"
    } else {
        "AUTHSOME_KEY=$KEY_FILE"
    };
    commands.insert(0, key.to_owned());
    vec![commands.join("\n")]
}

fn collect(value: &Value, commands: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, commands)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("run", Value::String(command)) => commands.push(command.clone()),
                    // Of kubectl's configuration.
                    ("exec", entry) => commands.push(command_line(entry)),
                    ("script", Value::Array(list)) => {
                        let own = list.iter().filter_map(Value::as_str);
                        commands.extend(own.map(str::to_owned));
                    }
                    _ => collect(value, commands),
                }
            }
        }
        _ => {}
    }
}

/// By Python's parser: the program itself reads no YAML. `None` where there is none.
fn yaml(text: &str) -> Result<Option<Value>, String> {
    let program = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    for python in ["python3", "/usr/bin/python3"] {
        let has = Command::new(python).args(["-c", "import yaml"]).output();
        if !has.is_ok_and(|output| output.status.success()) {
            continue;
        }
        let mut command = Command::new(python);
        command.args(["-c", program]).stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, text.as_bytes()).unwrap();
        drop(stdin);
        let outcome = Outcome::of(child.wait_with_output().unwrap());
        if outcome.code != Some(0) {
            return Err(outcome.stderr);
        }
        return Ok(Some(outcome.json()));
    }
    kit::skip("there is no python3-yaml");
    Ok(None)
}

/// Commands that name programs by a whole path, as systemd and cron want it.
fn lines(text: &str, command: impl Fn(&str) -> Option<&str>) -> Vec<String> {
    let commands = text.lines().filter_map(command);
    commands
        .map(|command| {
            [
                "%h/.cargo/bin/",
                "%h/bin/",
                "$HOME/.cargo/bin/",
                "$HOME/bin/",
                "%t/",
            ]
            .iter()
            .fold(command.to_owned(), |command, place| {
                command.replace(place, "")
            })
        })
        .collect()
}
