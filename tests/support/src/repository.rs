//! Bare repositories, made by git itself in an environment that reads nobody's configuration.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Who may read a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everybody may read; pushing needs a member.
    Public,
}

/// Makes a bare repository at `path` whose branch `main` has one commit with `files`.
///
/// # Panics
///
/// Panics where git is missing or refuses.
pub(crate) fn create(path: &Path, files: &[(&str, &str)]) {
    let where_it_lies = path
        .to_str()
        .expect("temporary directories have UTF-8 names");
    git(
        path,
        &["init", "--quiet", "--bare", "-b", "main", where_it_lies],
        "",
    );
    for (key, value) in CONFIGURATION {
        let words = ["--git-dir", where_it_lies, "config", key, value];
        git(path, &words, "");
    }
    git(
        path,
        &["--git-dir", where_it_lies, "fast-import", "--quiet"],
        &commit(files),
    );
}

/// The variables under which git reads no configuration but the repository's own.
pub(crate) fn isolated_environment(home: &Path) -> Vec<(&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    vec![
        ("PATH", path),
        ("HOME", home.to_string_lossy().into_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("LC_ALL", "C".to_owned()),
    ]
}

fn git(repository: &Path, arguments: &[&str], input: &str) {
    let home = repository.parent().unwrap_or(repository);
    let mut child = Command::new("git")
        .args(arguments)
        .env_clear()
        .envs(isolated_environment(home))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("stdin was piped");
    // A git that reads nothing may have closed the pipe; its exit status tells what matters.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("git can be waited for");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {words}");
}

/// A stream for `git fast-import`, which counts each datum in bytes.
fn commit(files: &[(&str, &str)]) -> String {
    let message = "Initial commit";
    let mut stream = format!(
        "commit refs/heads/main\ncommitter Ada Lovelace <ada@example.test> 1700000000 +0000\n\
         data {}\n{message}\n",
        message.len()
    );
    for (name, content) in files {
        let length = content.len();
        // Writing into a String cannot fail.
        let _ = write!(stream, "M 100644 inline {name}\ndata {length}\n{content}\n");
    }
    stream.push_str("done\n");
    stream
}

/// What GitLab allows: pushes, partial clones, and the objects that they fetch later.
const CONFIGURATION: [(&str, &str); 3] = [
    ("http.receivepack", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.allowFilter", "true"),
];
