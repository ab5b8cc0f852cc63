//! git over HTTP/2.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use authsome_test_support::Visibility;

use crate::kit::Outcome;
use crate::{Field, is_nginx};

/// Pushes 30 MB and clones them again, so often; each must end by itself.
pub(crate) fn works(field: &Field, times: usize) -> Result<(), String> {
    let source = source(field)?;
    for time in 0..times {
        let project = format!("group/{}-{time}", field.kind.name);
        let url = add(field, &project);
        let pushed = git(field, &source, &["push", &url, "HEAD:refs/heads/large"]);
        expect(&pushed, 0, &format!("push {time}"))?;
        let copy = field.world.path(&format!("copy-{time}"));
        let copy_text = copy.display().to_string();
        let words = ["clone", "--branch", "large", &url, &copy_text];
        expect(&git(field, &source, &words), 0, &format!("clone {time}"))?;
        let size = fs::metadata(copy.join("large"))
            .map(|data| data.len())
            .unwrap_or_default();
        if size != LARGE {
            return Err(format!("clone {time} has {size} of {LARGE} bytes"));
        }
        // Twenty of them would fill a small disk.
        fs::remove_dir_all(&copy).map_err(|error| error.to_string())?;
        // Gone with the server at the latest.
        let _ = fs::remove_dir_all(field.gitlab.repo_path(&project));
    }
    used_http2(field)
}

/// Pushes 30 MB to where the server refuses them while they come; git must say so, and end.
pub(crate) fn is_refused(field: &Field, group: &str, status: &str) -> Result<(), String> {
    let source = source(field)?;
    let url = add(field, &format!("{group}/project"));
    for time in 0..field.times {
        let pushed = git(field, &source, &["push", &url, "HEAD:refs/heads/large"]);
        if pushed.code == Some(HANGS) || !pushed.stderr.contains(status) {
            return Err(format!(
                "push {time} does not end with {status}: {pushed:?}\n{}",
                field.front.said()
            ));
        }
    }
    used_http2(field)
}

/// Where the server's log tells: nothing has gone out by another version.
fn used_http2(field: &Field) -> Result<(), String> {
    let log = field.front.file("access.log");
    let mut of_git = log.lines().filter(|line| line.contains(".git/")).peekable();
    if is_nginx(&field.kind) && of_git.peek().is_none() {
        return Err("the log has no request of git".to_owned());
    }
    match of_git.find(|line| !line.starts_with("HTTP/2")) {
        Some(line) => Err(format!("not over HTTP/2: {line}")),
        None => Ok(()),
    }
}

/// A new project; its URL.
fn add(field: &Field, project: &str) -> String {
    field
        .gitlab
        .add_repo(project, Visibility::Private, &[("README.md", "hello\n")]);
    field.url(&format!("/{project}.git"))
}

/// A repository whose one commit has 30 MB that cannot be compressed. It is made once.
fn source(field: &Field) -> Result<PathBuf, String> {
    let source = field.world.path("source");
    if source.exists() {
        return Ok(source);
    }
    let here = field.world.path("");
    fs::create_dir_all(&source).map_err(|error| error.to_string())?;
    write_noise(&source.join("large")).map_err(|error| error.to_string())?;
    let who = [
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.test",
        "-c",
        "core.compression=0",
    ];
    let steps: [&[&str]; 3] = [
        &["init", "-q", "."],
        &["add", "large"],
        &["commit", "-q", "-m", "Large"],
    ];
    for step in steps {
        let output = std::process::Command::new("git")
            .args(who)
            .args(step)
            .current_dir(&source)
            .env("HOME", &here)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .map_err(|error| error.to_string())?;
        expect(&Outcome::of(output), 0, "the repository")?;
    }
    Ok(source)
}

fn write_noise(path: &Path) -> io::Result<()> {
    let mut noise = io::Read::take(File::open("/dev/urandom")?, LARGE);
    io::copy(&mut noise, &mut File::create(path)?).map(|_| ())
}

/// git, ended where it hangs.
fn git(field: &Field, source: &Path, words: &[&str]) -> Outcome {
    let limited = ["timeout", LIMIT, "git", "-c", "core.compression=0"];
    field.client(source, &[&limited[..], words].concat())
}

fn expect(outcome: &Outcome, code: i32, what: &str) -> Result<(), String> {
    match outcome.code {
        Some(HANGS) => Err(format!("{what} hangs: {}", outcome.stderr)),
        found if found == Some(code) => Ok(()),
        found => Err(format!("{what} ended with {found:?}: {}", outcome.stderr)),
    }
}

/// Bytes of the large file.
const LARGE: u64 = 30_000_000;

/// Seconds for one git.
const LIMIT: &str = "60";

/// The exit code of `timeout`.
const HANGS: i32 = 124;
