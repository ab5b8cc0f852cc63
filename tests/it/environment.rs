//! The child's variables and the files that they name: ours are there, and nothing that the user set for other purposes is lost.

#![allow(
    clippy::unwrap_used,
    reason = "what fails here fails the test, with its place"
)]

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use authsome_test_support::FakeGitLab;

use crate::child::finish;
use crate::kit::{Outcome, World};

/// Prints what a test asks for, before the run's directory goes.
const REPORT: &str = r#"
import json, os, stat
names = ["NODE_OPTIONS", "BUN_OPTIONS", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "PYTHONPATH",
         "PHP_INI_SCAN_DIR", "JAVA_TOOL_OPTIONS", "WGETRC", "CURL_HOME", "GLAB_CONFIG_DIR", "GITLAB_HOST", "GITLAB_API_URL",
         "CHROME_EXTRA_FLAGS", "HTTPS_PROXY", "AUTHSOME_MASTER_KEY", "GIT_CONFIG_COUNT", "NPM_CONFIG_PROXY", "SSL_CERT_DIR"]
report = {"variables": {name: os.environ[name] for name in names if name in os.environ}, "files": {}, "modes": {}}
root = os.path.dirname(os.environ["SSL_CERT_FILE"])
for folder, _, files in os.walk(root):
    for file in files:
        path = os.path.join(folder, file)
        name = os.path.relpath(path, root)
        report["modes"][name] = oct(stat.S_IMODE(os.stat(path).st_mode))
        if os.path.getsize(path) < 2_000_000:
            with open(path, "rb") as content:
                report["files"][name] = content.read().decode("latin-1")
report["directory"] = root
print(json.dumps(report))
"#;

struct Report {
    variables: HashMap<String, String>,
    files: HashMap<String, String>,
    modes: HashMap<String, String>,
    directory: String,
    stderr: String,
}

impl Report {
    /// What a child sees that was started by `run` with these flags and this environment.
    fn of(world: &World, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let words = ["run"]
            .iter()
            .chain(flags)
            .chain(&["--", "python3", "-c", REPORT]);
        let mut command: Command = world.authsome(words.copied());
        command.envs(environment.iter().copied());
        let outcome = Outcome::of(command.output().unwrap()).expect(0);
        let json = outcome.json();
        let texts = |name: &str| -> HashMap<String, String> {
            serde_json::from_value(json[name].clone()).unwrap()
        };
        Self {
            variables: texts("variables"),
            files: texts("files"),
            modes: texts("modes"),
            directory: json["directory"].as_str().unwrap().to_owned(),
            stderr: outcome.stderr,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The content of the file of the session that the variable names.
    fn file_of(&self, name: &str) -> &str {
        let path = self.get(name).unwrap();
        let inside = path.strip_prefix(&format!("{}/", self.directory)).unwrap();
        &self.files[inside]
    }
}

/// The text between the first certificate's lines: enough to know it by.
fn body(pem: &str) -> &str {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----\n").unwrap();
    rest.split_once("-----END").unwrap().0.trim()
}

#[test]
fn what_the_parent_set_is_added_to() {
    let world = World::new();
    let report = Report::of(
        &world,
        &[],
        &[
            ("NODE_OPTIONS", "--max-old-space-size=512"),
            ("BUN_OPTIONS", "--smol"),
            ("PYTHONPATH", "/opt/mine"),
            ("PHP_INI_SCAN_DIR", "/opt/php"),
            ("JAVA_TOOL_OPTIONS", "-Xmx64m"),
            ("CHROME_EXTRA_FLAGS", "--lang=en"),
            ("NPM_CONFIG_PROXY", "http://corp:1"),
            ("XDG_CURRENT_DESKTOP", "KDE"),
        ],
    );
    let directory = &report.directory;
    assert_eq!(
        report.get("NODE_OPTIONS").unwrap(),
        format!("--max-old-space-size=512 --require {directory}/boot.cjs")
    );
    assert_eq!(
        report.get("BUN_OPTIONS").unwrap(),
        format!("--smol \"--preload={directory}/boot.cjs\"")
    );
    assert_eq!(
        report.get("PYTHONPATH").unwrap(),
        format!("{directory}/python:/opt/mine")
    );
    assert_eq!(
        report.get("PHP_INI_SCAN_DIR").unwrap(),
        format!("/opt/php:{directory}/php")
    );
    let java = report.get("JAVA_TOOL_OPTIONS").unwrap();
    assert!(java.starts_with("-Xmx64m -DproxyHost=127.0.0.1 "), "{java}");
    assert!(java.ends_with(&format!(
        "\"-Djavax.net.ssl.trustStore={directory}/roots.jks\""
    )));
    let chrome = report.get("CHROME_EXTRA_FLAGS").unwrap();
    assert!(
        chrome.starts_with("--lang=en --proxy-server=http://127.0.0.1:"),
        "{chrome}"
    );
    assert_eq!(report.get("NPM_CONFIG_PROXY"), None);
}

#[test]
fn without_a_parents_value_nothing_dangles() {
    let report = Report::of(&World::new(), &[], &[("PYTHONPATH", "")]);
    let directory = &report.directory;
    // A trailing colon would put the working directory on Python's path.
    assert_eq!(
        report.get("PYTHONPATH").unwrap(),
        format!("{directory}/python")
    );
    // PHP's own directory stands for the empty part.
    assert_eq!(
        report.get("PHP_INI_SCAN_DIR").unwrap(),
        format!(":{directory}/php")
    );
    assert_eq!(
        report.get("CURL_HOME"),
        None,
        "there is no .curlrc to replace"
    );
}

#[test]
fn certificates_that_the_parents_variables_name_stay_trusted_by_their_clients() {
    let (world, corporate) = (World::new(), FakeGitLab::start());
    let file = corporate.ca_file().to_str().unwrap();
    let report = Report::of(
        &world,
        &[],
        &[("NODE_EXTRA_CA_CERTS", file), ("REQUESTS_CA_BUNDLE", file)],
    );
    let corporate = body(corporate.ca_pem());
    let session = body(&report.files["ca.pem"]);
    for name in ["NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"] {
        assert!(report.file_of(name).contains(corporate), "{name}");
        assert!(report.file_of(name).contains(session), "{name}");
    }
    for name in ["SSL_CERT_FILE", "PIP_CERT", "DENO_CERT"] {
        assert!(!report.file_of(name).contains(corporate), "{name}");
        assert!(report.file_of(name).contains(session), "{name}");
    }
    // A file that the bundle has anyway: it does for each of them.
    let variables = [("NODE_EXTRA_CA_CERTS", file), ("SSL_CERT_FILE", file)];
    let report = Report::of(&world, &[], &variables);
    let session = body(&report.files["ca.pem"]);
    for (name, _) in variables {
        assert!(report.file_of(name).contains(corporate), "{name}");
        assert!(report.file_of(name).contains(session), "{name}");
    }
}

#[test]
fn a_directory_of_roots_is_in_the_bundle() {
    let (world, corporate) = (World::new(), FakeGitLab::start());
    let roots = world.path("roots");
    fs::create_dir(&roots).unwrap();
    fs::copy(corporate.ca_file(), roots.join("5ed36f99.0")).unwrap();
    let directories = format!("/etc/ssl/certs:{}", roots.display());
    let report = Report::of(&world, &[], &[("SSL_CERT_DIR", &directories)]);
    assert_eq!(report.get("SSL_CERT_DIR"), None);
    let bundle = report.file_of("SSL_CERT_FILE");
    assert!(bundle.contains(body(corporate.ca_pem())));
}

#[test]
fn the_users_dotfiles_are_kept_less_proxies_and_roots() {
    let world = World::new();
    world.file(".curlrc", "user-agent = mine\nproxy = http://127.0.0.1:1\n");
    world.file(".wgetrc", "tries = 2\nhttps_proxy = http://127.0.0.1:1\n");
    let report = Report::of(&world, &[], &[]);
    assert_eq!(report.files["curl/.curlrc"], "user-agent = mine\n");
    let wgetrc = report.file_of("WGETRC");
    assert!(
        wgetrc.starts_with("tries = 2\nca_certificate = "),
        "{wgetrc}"
    );
}

#[test]
fn each_variable_can_be_left_alone() {
    let world = World::new();
    let flags = ["--no-env", "NODE_OPTIONS", "--no-env", "SSL_CERT_DIR"];
    let flags: Vec<_> = flags
        .into_iter()
        .chain(["--no-env", "MINE", "--no-env", "AUTHSOME_MASTER_KEY"])
        .collect();
    let report = Report::of(
        &world,
        &flags,
        &[
            ("NODE_OPTIONS", "--trace-warnings"),
            ("SSL_CERT_DIR", "/mine"),
        ],
    );
    assert_eq!(report.get("NODE_OPTIONS"), Some("--trace-warnings"));
    assert_eq!(report.get("SSL_CERT_DIR"), Some("/mine"));
    assert!(
        report
            .stderr
            .contains("--no-env MINE: authsome does not change it")
    );
    assert!(report.stderr.contains("--no-env AUTHSOME_MASTER_KEY"));
}

#[test]
fn a_variable_that_is_left_alone_keeps_no_secret() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let mut command = world.authsome([
        "run",
        "--no-env",
        "GITLAB_ACCESS_TOKEN",
        "--",
        "printenv",
        "GITLAB_ACCESS_TOKEN",
    ]);
    command.env("GITLAB_ACCESS_TOKEN", &pair.access);
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert_eq!(outcome.stdout.trim(), crate::kit::PLACEHOLDER);
}

#[test]
fn no_file_of_the_session_is_open_to_others_or_holds_a_secret() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    let report = Report::of(&world, &[], &[]);
    let proxy = report.get("HTTPS_PROXY").unwrap();
    let password = proxy
        .split_once("authsome:")
        .unwrap()
        .1
        .split_once('@')
        .unwrap()
        .0;
    for (name, content) in &report.files {
        assert_eq!(report.modes[name], "0o600", "{name}");
        assert!(!content.contains(password), "{name}");
        assert!(!content.contains(&pair.access), "{name}");
    }
    for name in [
        "NODE_OPTIONS",
        "JAVA_TOOL_OPTIONS",
        "PYTHONPATH",
        "CHROME_EXTRA_FLAGS",
    ] {
        assert!(!report.get(name).unwrap().contains(password), "{name}");
    }
    assert!(report.files.contains_key("boot.cjs"));
}

#[test]
fn the_address_of_an_instance_of_ones_own_is_named() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect(&gitlab);
    let base = gitlab.base_url();
    let report = Report::of(&world, &[], &[]);
    assert_eq!(report.get("GITLAB_HOST"), Some(&*base));
    assert_eq!(
        report.get("GITLAB_API_URL"),
        Some(&*format!("{base}/api/v4"))
    );
    // What the user says is more than what a default says, and less than a choice for this very run.
    let others = [("GITLAB_HOST", "https://other.test")];
    let report = Report::of(&world, &[], &others);
    assert_eq!(report.get("GITLAB_HOST"), Some("https://other.test"));
    let report = Report::of(&world, &["--connection", "gitlab=default"], &others);
    assert_eq!(report.get("GITLAB_HOST"), Some(&*base));
}

#[test]
fn the_default_connection_is_the_one_whose_address_is_named() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("public", &gitlab, "https://gitlab.com", 7200);
    let base = gitlab.base_url_at("gitlab.test");
    world.connect_as("work", &gitlab, &base, 7200);
    world.call(["set-default", "gitlab", "public"]).expect(0);
    assert_eq!(Report::of(&world, &[], &[]).get("GITLAB_HOST"), None);
    world.call(["set-default", "gitlab", "work"]).expect(0);
    assert_eq!(
        Report::of(&world, &[], &[]).get("GITLAB_HOST"),
        Some(&*base)
    );
    let report = Report::of(&world, &["--connection", "gitlab=public"], &[]);
    assert_eq!(report.get("GITLAB_HOST"), None);
}

#[test]
fn the_secret_of_a_connection_that_takes_no_part_stays_out_as_well() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    let (_, pair) = world.connect(&gitlab);
    fs::create_dir_all(world.home().join("providers")).unwrap();
    world.file("home/providers/gitlab.json", "{ this is no definition");
    let mut command = world.authsome(["run", "--", "printenv", "MINE"]);
    command.env("MINE", format!("Bearer {}", pair.access));
    let outcome = Outcome::of(command.output().unwrap()).expect(0);
    assert!(
        outcome.stderr.contains("takes no part"),
        "{}",
        outcome.stderr
    );
    let placeholder = crate::kit::PLACEHOLDER;
    assert_eq!(outcome.stdout.trim(), format!("Bearer {placeholder}"));
}

#[test]
fn a_repositorys_configuration_neither_holds_the_run_up_nor_fills_its_environment() {
    let (world, gitlab) = (World::new(), FakeGitLab::start());
    world.connect_as("default", &gitlab, &gitlab.base_url_at("gitlab.test"), 7200);
    let pipe = world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let mut remotes = String::new();
    for number in 0..20_000 {
        let url = format!("ssh://git@gitlab.test:{number}/g/p.git");
        remotes += &[
            "[remote \"r",
            &number.to_string(),
            "\"]\n\turl = ",
            &url,
            "\n",
        ]
        .concat();
    }
    for configuration in [format!("[include]\n\tpath = {}\n", pipe.display()), remotes] {
        world.file(".gitconfig", &configuration);
        let outcome = finish(world.authsome(["run", "--", "printenv", "GIT_CONFIG_COUNT"]));
        let count: usize = outcome.expect(0).stdout.trim().parse().unwrap();
        assert!(count < 1100, "{count}");
    }
}
