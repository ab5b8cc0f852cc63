//! git's configuration files, read without git. A process of git takes an eighth of a start, and
//! most users' files say nothing that matters here.
//!
//! This decides only whether git is asked. It reads the files that git reads (git-config(1),
//! "FILES") or more of them, and looks for words rather than for settings: whatever is out of the
//! ordinary leads to git.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::os::home::open_file;

/// What decides which files git reads: the variables and the working directory of the run.
#[derive(Clone, Copy)]
pub struct GitSurroundings<'a> {
    /// The environment.
    pub variables: &'a [(OsString, OsString)],
    /// Where git is started.
    pub directory: &'a Path,
}

impl<'a> GitSurroundings<'a> {
    /// Whether that git's configuration names no SSH remote, no rewrite, and no proxy. `false` may
    /// also mean that only git can tell.
    pub(super) fn name_nothing(self, git: &Path) -> bool {
        let files = self.files(git);
        files.is_some_and(|files| files.iter().all(|file| says_nothing(file)))
    }

    /// The files that git reads, and perhaps more. `None` where there may be others.
    fn files(self, git: &Path) -> Option<Vec<PathBuf>> {
        let mut names = self.variables.iter().map(|(name, _)| name);
        if !is_usual(git) || names.any(|name| may_add_settings(name)) {
            return None;
        }
        let home = PathBuf::from(self.variable("HOME")?);
        let user = self.variable("XDG_CONFIG_HOME");
        let user = user.map_or_else(|| home.join(".config"), PathBuf::from);
        let mut files = vec![
            PathBuf::from("/etc/gitconfig"),
            PathBuf::from("/usr/local/etc/gitconfig"),
            user.join("git/config"),
            home.join(".gitconfig"),
        ];
        // git stops at the first repository. One above it does no harm.
        for directory in self.directory.ancestors() {
            files.extend(repository_files(directory)?);
        }
        files.iter().all(|file| file.is_absolute()).then_some(files)
    }

    fn variable(self, name: &str) -> Option<&'a OsStr> {
        let mut variables = self.variables.iter();
        let (_, value) = variables.find(|(known, _)| known == name)?;
        Some(value.as_os_str()).filter(|value| !value.is_empty())
    }
}

/// Whether it is a Linux distribution's git, whose file for the system is `/etc/gitconfig`, or one
/// that was built from source, with `/usr/local/etc/gitconfig`. Another one may have its file
/// elsewhere, and a script in its place may set variables.
fn is_usual(git: &Path) -> bool {
    const PLACES: [&str; 3] = ["/usr/bin/git", "/bin/git", "/usr/local/bin/git"];
    const ELF: &[u8] = b"\x7fELF";
    let mut start = [0; ELF.len()];
    cfg!(target_os = "linux")
        && PLACES.iter().any(|place| git == Path::new(place))
        && fs::symlink_metadata(git).is_ok_and(|found| found.is_file())
        && File::open(git).is_ok_and(|mut file| file.read_exact(&mut start).is_ok())
        && start == ELF
}

/// Whether a variable may contain settings, or lead to other files (git(1), "ENVIRONMENT
/// VARIABLES").
fn may_add_settings(name: &OsStr) -> bool {
    const HARMLESS: [&[u8]; 12] = [
        b"GIT_ADVICE",
        b"GIT_ASKPASS",
        b"GIT_CONFIG_NOSYSTEM",
        b"GIT_EDITOR",
        b"GIT_HTTP_USER_AGENT",
        b"GIT_MERGE_AUTOEDIT",
        b"GIT_OPTIONAL_LOCKS",
        b"GIT_PAGER",
        b"GIT_SEQUENCE_EDITOR",
        b"GIT_SSH",
        b"GIT_SSH_COMMAND",
        b"GIT_TERMINAL_PROMPT",
    ];
    const HARMLESS_BEGINNINGS: [&[u8]; 6] = [
        b"GIT_AUTHOR_",
        b"GIT_COMMITTER_",
        b"GIT_HTTP_LOW_SPEED_",
        b"GIT_LFS_",
        b"GIT_SSL_",
        b"GIT_TRACE",
    ];
    let name = name.as_encoded_bytes();
    let mut beginnings = HARMLESS_BEGINNINGS.iter();
    let is_harmless = HARMLESS.contains(&name) || beginnings.any(|begin| name.starts_with(begin));
    name.starts_with(b"GIT_") && !is_harmless
}

/// The configuration of the repository in that directory: none if there is no repository. `None`
/// for one with files elsewhere, or without a working tree.
fn repository_files(directory: &Path) -> Option<Vec<PathBuf>> {
    let repository = directory.join(".git");
    match fs::metadata(&repository) {
        // A worktree has its configuration in the repository that it belongs to.
        Ok(found) if found.is_dir() && is_missing(&repository.join("commondir")) => {
            Some(vec![repository.join("config")])
        }
        Err(error) if is_absence(&error) => is_missing(&directory.join("HEAD")).then(Vec::new),
        // A file: "gitdir: ...", as in a worktree or a submodule.
        Ok(_) | Err(_) => None,
    }
}

fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| is_absence(&error))
}

fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The largest file that is searched, in bytes.
const MAX_FILE: u64 = 64 * 1024;

fn says_nothing(file: &Path) -> bool {
    let mut text = Vec::new();
    // A pipe, which git would wait for, is an error here.
    let read = open_file(File::options().read(true), file)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut text));
    match read {
        Ok(read) => read as u64 <= MAX_FILE && is_silent(&text),
        Err(error) => is_absence(&error),
    }
}

/// Whether a file's text includes no other file and has none of the settings that are asked for,
/// but for the URL of an HTTP remote.
fn is_silent(text: &[u8]) -> bool {
    const WORDS: [&str; 4] = ["include", "insteadof", "proxy", "worktreeconfig"];
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    !WORDS.iter().any(|word| text.contains(word)) && text.lines().all(is_silent_line)
}

/// Whether a line, in lower case, sets no URL but that of an HTTP remote. A setting on the line of
/// its section's name, and a value in quotes, are left to git.
fn is_silent_line(line: &str) -> bool {
    let line = line.trim_start();
    if !line.contains("url") {
        return true;
    }
    let key = line.strip_prefix("push").unwrap_or(line);
    let value = key.strip_prefix("url").map(str::trim_start);
    let value = value.and_then(|value| value.strip_prefix('='));
    value
        .map(str::trim_start)
        .is_some_and(|value| value.starts_with("https://") || value.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::env::git_config::remotes::SETTINGS;

    const PLAIN: [&str; 4] = [
        "",
        "[user]\n\tname = Ada\n\temail = ada@example.test\n[http]\n\tpostBuffer = 1\n",
        "[remote \"origin\"]\n\turl = https://example.test/a.git\n\
         \tPushURL=http://example.test/a\n",
        "[branch \"main\"]\n\tremote = origin\n[core]\n\tpager = less \\\n\t-R\n",
    ];

    /// Each leads to git; in the last ones git would say that there is nothing.
    const OTHERS: [&str; 13] = [
        "[remote \"o\"]\n\turl = git@example.test:a.git\n",
        "[remote \"o\"] url = ssh://example.test/a\n",
        "[remote \"=https://\"]url=ssh://example.test/a\n",
        "[remote \"o\"]\n\tURL = \\\ngit@example.test:a.git\n",
        "[remote \"o\"]\n\turl = \"git@example.test:a.git\"\n",
        "[remote \"o\"]\n\tpushurl = git@example.test:a.git\n",
        "[submodule \"o\"]\n\turl = git@example.test:a.git\n",
        "[url \"https://example.test/\"]\n\tinsteadOf = git@example.test:\n",
        "[URL \"git@example.test:\"]\n\tpushInsteadOf = lab:\n",
        "[http]\n\tPROXY = http://127.0.0.1:9\n",
        "[http \"https://example.test\"]\n\tproxy = http://127.0.0.1:9\n",
        "[include]\n\tpath = nowhere\n",
        "[extensions]\n\tworktreeConfig = true\n",
    ];

    /// Elsewhere, git is asked in each start.
    const IS_LINUX: bool = cfg!(target_os = "linux");

    fn git() -> &'static Path {
        let local = Path::new("/usr/local/bin/git");
        if is_usual(local) {
            local
        } else {
            Path::new("/usr/bin/git")
        }
    }

    /// What the system's git is asked in a place with a home, and what this module says of it.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(place.0.path().join("work/below")).unwrap();
            place
        }

        fn git(&self, arguments: &[&str]) -> Vec<u8> {
            let mut git = Command::new(git());
            git.args(arguments).current_dir(self.0.path().join("work"));
            let git = git.env_clear().env("HOME", self.0.path());
            git.output().unwrap().stdout
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = File::create(path).unwrap();
            std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        }

        fn names_nothing(&self, more: &[(&str, &str)]) -> bool {
            let home = self.0.path().as_os_str().to_owned();
            let mut variables = vec![(OsString::from("HOME"), home)];
            variables.extend(more.iter().map(|(name, value)| (name.into(), value.into())));
            let surroundings = GitSurroundings {
                variables: &variables,
                directory: &self.0.path().join("work/below"),
            };
            surroundings.name_nothing(git())
        }
    }

    #[test]
    fn git_is_asked_only_where_it_may_have_something_to_say() {
        for name in [".gitconfig", ".config/git/config", "work/.git/config"] {
            for text in PLAIN {
                let place = Place::new();
                place.git(&["init", "-q"]);
                place.write(name, text);
                assert_eq!(place.names_nothing(&[]), IS_LINUX, "{name}: {text}");
                let settings = place.git(&["config", "--get-regexp", SETTINGS]);
                let settings = String::from_utf8(settings).unwrap();
                let mut lines = settings.lines();
                assert!(lines.all(|line| line.contains(" http")), "{settings}");
            }
            for text in OTHERS {
                let place = Place::new();
                place.git(&["init", "-q"]);
                place.write(name, text);
                assert!(!place.names_nothing(&[]), "{name}: {text}");
            }
        }
    }

    #[test]
    fn files_elsewhere_are_left_to_git() {
        let place = Place::new();
        let harmless = [
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_PAGER", "cat"),
            ("GIT_SSL_CAINFO", "/etc/ssl/certs/ca-certificates.crt"),
        ];
        assert_eq!(place.names_nothing(&harmless), IS_LINUX);
        for name in ["GIT_DIR", "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_X"] {
            assert!(!place.names_nothing(&[(name, "1")]), "{name}");
        }
        place.write("xdg/git/config", OTHERS[0]);
        let xdg = place.0.path().join("xdg");
        assert!(!place.names_nothing(&[("XDG_CONFIG_HOME", xdg.to_str().unwrap())]));
        assert!(!place.names_nothing(&[("XDG_CONFIG_HOME", "relative")]));
        place.git(&["init", "-q", "--bare"]);
        assert!(!place.names_nothing(&[]), "a bare repository");
        let place = Place::new();
        place.write("work/.git", "gitdir: elsewhere\n");
        assert!(!place.names_nothing(&[]), "a worktree");
        let place = Place::new();
        place.write(".gitconfig", &"#".repeat(64 * 1024 + 1));
        assert!(!place.names_nothing(&[]), "too long");
        let place = Place::new();
        fs::create_dir(place.0.path().join(".gitconfig")).unwrap();
        assert!(!place.names_nothing(&[]), "not a file");
        let place = Place::new();
        let pipe = place.0.path().join(".gitconfig");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(!place.names_nothing(&[]), "a pipe that nobody writes to");
        let nowhere = GitSurroundings {
            variables: &[],
            directory: Path::new("/"),
        };
        assert!(!nowhere.name_nothing(git()), "no home");
        let home = [("HOME".into(), "/nowhere".into())];
        let other = GitSurroundings {
            variables: &home,
            ..nowhere
        };
        assert_eq!(other.name_nothing(git()), IS_LINUX);
        assert!(!other.name_nothing(Path::new("/opt/bin/git")));
    }
}
