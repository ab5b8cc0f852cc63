//! The main job on this machine, with nothing set up: a GitLab of our own, a login, an agent, a
//! refresh.
//!
//! `cargo run --profile quickstart --example quickstart` needs curl, git and the free port 7998. It
//! ends by itself, and leaves nothing behind.
#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use authsome_test_support::{App, Arrived, FakeGitLab, Visibility, kit};

/// This program is `authsome` too, when it is called with this word first: an example does not come
/// with the package's binary.
const AS_AUTHSOME: &str = "as-authsome";

const AGENT: &str = r#"
echo "  GITLAB_ACCESS_TOKEN=$GITLAB_ACCESS_TOKEN"
echo "  the API says:  $(curl -sS "$GITLAB/api/v4/user" -H "PRIVATE-TOKEN: $GITLAB_ACCESS_TOKEN")"
git clone -q "$GITLAB/group/private.git" work && echo "  git cloned:    $(cat work/README.md)"
"#;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().peekable();
    let program = arguments.next();
    if arguments.next_if(|first| first == AS_AUTHSOME).is_some() || arguments.peek().is_some() {
        return authsome::cli::main(program.into_iter().chain(arguments));
    }
    match tour() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nThe quickstart failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> Result<(), Box<dyn Error>> {
    let gitlab = FakeGitLab::start();
    gitlab.add_repo(
        "group/private",
        Visibility::Private,
        &[("README.md", "hello from a private repository")],
    );
    let app = gitlab.register_app(true);
    let directory = gitlab.dir();
    println!(
        "A GitLab of our own listens at {} (private CA, private repository).",
        gitlab.base_url()
    );

    let _port = kit::port_7998();
    let browser = browser(directory, gitlab.ca_file(), &app)?;
    let ca = gitlab.ca_file().display().to_string();
    step(
        directory,
        &[
            "login",
            "gitlab",
            "--base-url",
            &gitlab.base_url(),
            "--ca-file",
            &ca,
        ],
        &[("BROWSER", &browser)],
    )?;

    gitlab.clear_seen();
    step(
        directory,
        &["run", "--", "sh", "-c", AGENT],
        &[("GITLAB", &gitlab.base_url())],
    )?;
    println!("\nWhat the server received from the agent:");
    for seen in gitlab.seen() {
        println!(
            "  {:4} {:38} {}",
            seen.method,
            seen.path,
            credential(&seen.credential, &gitlab)
        );
    }

    println!(
        "\nNow the access token ends, as GitLab's do after two hours; the agent does not notice:"
    );
    let before = gitlab.live_pairs().pop().ok_or("no token was issued")?;
    gitlab.expire_access_tokens();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    step(
        directory,
        &[
            "run",
            "--",
            "curl",
            "-sS",
            "-o",
            "/dev/null",
            "-w",
            "  HTTP %{http_code}\n",
            &url,
        ],
        &[],
    )?;
    println!(
        "  refreshes at the server: {}; the old token still works: {}",
        gitlab.refreshes(),
        gitlab.is_live(&before.access)
    );
    if gitlab.refreshes() != 1 {
        return Err("the token was not refreshed once".into());
    }
    step(directory, &["log"], &[])
}

/// Runs one `authsome` command, as a user would type it.
fn step(
    directory: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Result<(), Box<dyn Error>> {
    let shown: Vec<_> = arguments
        .iter()
        .map(|word| {
            if word.contains('\n') {
                "'…'"
            } else {
                word.trim()
            }
        })
        .collect();
    println!("\n$ authsome {}", shown.join(" "));
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(AS_AUTHSOME)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null());
    command
        .env("AUTHSOME_HOME", directory.join("home"))
        .envs(environment.iter().copied());
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("authsome ended with {status}").into())
    }
}

/// The user's browser: it fills in the form, consents, and follows each redirect.
fn browser(directory: &Path, ca: &Path, app: &App) -> Result<String, Box<dyn Error>> {
    let script = directory.join("browser");
    let (id, secret) = (
        &app.client_id,
        app.client_secret.as_deref().unwrap_or_default(),
    );
    let text = format!(
        "#!/bin/sh\nunset HTTPS_PROXY https_proxy ALL_PROXY all_proxy HTTP_PROXY http_proxy\n\
         csrf=$(curl -sS \"$1\" | sed -n 's/.*name=\"csrf\" value=\"\\([^\"]*\\)\".*/\\1/p')\n\
         exec curl -sS -L --cacert '{}' -o /dev/null --data-urlencode \"csrf=$csrf\" \
         --data-urlencode 'client_id={id}' --data-urlencode 'client_secret={secret}' \"$1/client\"\n",
        ca.display()
    );
    let written = Command::new("sh")
        .args([
            "-c",
            "printf %s \"$1\" > \"$2\" && chmod +x \"$2\"",
            "sh",
            &text,
        ])
        .arg(&script)
        .status()?;
    if written.success() {
        Ok(script.display().to_string())
    } else {
        Err("cannot write the browser's script".into())
    }
}

/// Which credential arrived; the token itself is nobody's business, not even here.
fn credential(arrived: &Arrived, gitlab: &FakeGitLab) -> String {
    let real = |token: &str| {
        if gitlab.is_live(token) {
            "the real token"
        } else {
            "a wrong token"
        }
    };
    match arrived {
        Arrived::Bearer { token } => format!("Authorization: Bearer <{}>", real(token)),
        Arrived::Basic { user, password } => {
            format!("Authorization: Basic {user}:<{}>", real(password))
        }
        other => other.kind().to_owned(),
    }
}
