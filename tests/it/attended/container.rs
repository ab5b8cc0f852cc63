//! `--container`: the flags with which something else makes containers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use authsome_test_support::kit;
use serde_json::Value;

use super::{Proxy, pair, private};
use crate::kit::{Outcome, Setup};

/// Not Docker's bridge, which is not on every machine.
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn flags(proxy: &Proxy) -> Vec<String> {
    let flags = proxy.ready["container"]["flags"].as_array().unwrap();
    let flags = flags.iter().map(|flag| flag.as_str().unwrap().to_owned());
    flags.collect()
}

fn value_of<'a>(flags: &'a [String], name: &str) -> &'a str {
    let found = flags.iter().find_map(|flag| flag.strip_prefix(name));
    found.unwrap_or_else(|| panic!("no {name} in {flags:?}"))
}

#[test]
fn a_container_gets_all_that_it_needs_and_no_secret_but_the_proxys_password() {
    let Setup { world, .. } = Setup::connected();
    let mut command = world.authsome(["--json", "proxy", "--container", "docker"]);
    // What this machine has is not a container's.
    command.args(LISTEN).env("NODE_OPTIONS", "--title=host");
    let proxy = Proxy::of(command);
    let flags = flags(&proxy);
    let env_file = PathBuf::from(value_of(&flags, "--env-file="));
    assert!(private(&env_file));
    assert_eq!(proxy.text("env_file"), env_file.display().to_string());
    let text = fs::read_to_string(&env_file).unwrap();
    let variables: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(pair)
        .collect();
    let value = |name: &str| {
        let mut found = variables.iter().filter(|(known, _)| known == name);
        found
            .next()
            .unwrap_or_else(|| panic!("no {name}"))
            .1
            .clone()
    };
    let address = proxy.ready["container"]["address"].as_str().unwrap();
    assert!(value("HTTPS_PROXY").ends_with(&format!("@{address}")));
    assert_eq!(value("SSL_CERT_FILE"), "/run/authsome/bundle.pem");
    assert_eq!(value("NODE_OPTIONS"), "--require /run/authsome/boot.cjs");
    let java = value("JAVA_TOOL_OPTIONS");
    assert!(
        java.starts_with("-javaagent:/run/authsome/authsome-agent.jar "),
        "{java}"
    );
    assert_eq!(value("GITLAB_ACCESS_TOKEN"), "authsome-proxy-managed");
    // Whatever a variable names is where the mount shows it.
    let files = value_of(&flags, "--volume=").split(':').next().unwrap();
    let files = Path::new(files);
    for (name, value) in &variables {
        for (place, _) in value.match_indices("/run/authsome/") {
            let rest = &value[place + "/run/authsome/".len()..];
            let end = rest.find(['"', '\'', ' ', ':']).unwrap_or(rest.len());
            assert!(files.join(&rest[..end]).exists(), "{name}={value}");
        }
        assert!(!value.contains(&*files.to_string_lossy()), "{name}={value}");
    }
    // A container's users are others; outside, nobody else reaches the files.
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&files.join("bundle.pem")), 0o644);
    assert_eq!(mode(files), 0o755);
    assert_eq!(mode(Path::new(&proxy.text("directory"))), 0o700);
    let (_, password) = value("HTTPS_PROXY")
        .split_once("authsome:")
        .map(|(before, rest)| {
            (
                before.to_owned(),
                rest.split('@').next().unwrap().to_owned(),
            )
        })
        .unwrap();
    assert!(!proxy.ready.to_string().contains(&password));
    for entry in walk(files) {
        let content = fs::read(&entry).unwrap();
        let found = memchr::memmem::find(&content, password.as_bytes());
        assert!(found.is_none(), "{}", entry.display());
    }
    proxy.end().expect(0);
    assert!(!env_file.exists());
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            walk(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

#[test]
fn the_flags_are_one_line_that_a_shell_takes() {
    let Setup { world, .. } = Setup::connected();
    let directory = world.path("it's here").display().to_string();
    let script = "read -r flags < <(\"$0\" proxy --container docker --listen 127.0.0.1:0 \
                  --dir \"$1\" --until-pid $$); eval \"printf '%s\\n' $flags\"";
    let own = world.authsome(["proxy"]);
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script])
        .arg(own.get_program())
        .arg(&directory);
    bash.envs(
        own.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let outcome = Outcome::of(bash.stdin(Stdio::null()).output().unwrap()).expect(0);
    let words: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(words[0], format!("--env-file={directory}/env"));
    assert_eq!(
        words[1],
        format!("--volume={directory}/container:/run/authsome:ro")
    );
    assert!(outcome.stderr.contains("docker run"), "{outcome:?}");
}

#[test]
fn a_devcontainer_gets_properties_without_the_password() {
    let Setup { world, .. } = Setup::connected();
    let file = world.path("agent.env").display().to_string();
    let mut command = world.authsome(["proxy", "--container", "devcontainer", "--env-file", &file]);
    command
        .args(LISTEN)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = serde_json::Deserializer::from_reader(child.stdout.take().unwrap());
    let properties: Value = stdout.into_iter().next().unwrap().unwrap();
    let text = properties.to_string();
    let variables = properties["containerEnv"].as_object().unwrap();
    assert_eq!(variables["SSL_CERT_FILE"], "/run/authsome/bundle.pem");
    assert!(!variables.contains_key("HTTPS_PROXY"), "{text}");
    let mounts = properties["mounts"].as_array().unwrap();
    assert!(
        mounts.iter().any(|mount| {
            let mount = mount.as_str().unwrap();
            mount.contains("target=/etc/ssl/certs/ca-certificates.crt,type=bind,readonly")
        }),
        "{text}"
    );
    let arguments = properties["runArgs"].as_array().unwrap();
    assert_eq!(arguments[0], format!("--env-file={file}"));
    let whole = fs::read_to_string(&file).unwrap();
    let proxy = whole
        .lines()
        .find_map(|line| line.strip_prefix("HTTPS_PROXY="));
    let (password, _) = proxy.unwrap()["http://authsome:".len()..]
        .split_once('@')
        .unwrap();
    assert!(!text.contains(password), "{text}");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    Outcome::of(child.wait_with_output().unwrap()).expect(0);
}

#[test]
fn what_cannot_be_together_is_said() {
    let Setup { world, .. } = Setup::connected();
    let outcome = world.call(["proxy", "--container", "docker", "--env-file", "-"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("standard output has the flags"),
        "{outcome:?}"
    );
    let both = [
        "proxy",
        "--container",
        "docker",
        "--env-file",
        "x",
        "--format",
        "json",
    ];
    world.call(both).expect(2);
    world.call(["proxy", "--container", "lxc"]).expect(2);
}

#[test]
fn the_composed_example_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program =
        "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let mut python = std::process::Command::new("python3");
    let output = python
        .args(["-c", program])
        .arg(root.join("examples/compose.yaml"))
        .output();
    let output = output.unwrap();
    if !output.status.success() {
        kit::skip("there is no python3-yaml");
        return;
    }
    let example: Value = serde_json::from_slice(&output.stdout).unwrap();
    let agent = &example["services"]["agent"];
    let volumes = agent["volumes"].as_array().unwrap();
    let targets: Vec<_> = volumes
        .iter()
        .map(|volume| volume.as_str().unwrap().split(':').nth(1).unwrap())
        .collect();
    assert_eq!(targets[0], authsome::env::container::DIRECTORY);
    assert_eq!(targets[1..], authsome::env::container::TRUST_STORES);
    assert_eq!(agent["extra_hosts"][0], "host.docker.internal:host-gateway");
}
