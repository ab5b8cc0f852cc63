//! Where new pairs go, as the user writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where new pairs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A command of the shell, on its standard input.
    Command(String),
    /// A file, in a directory that jobs share or that is cached.
    File(PathBuf),
    /// A variable of a CI project, at the connection's own server.
    Variable {
        /// The project's path or number.
        project: String,
        /// The variable's name.
        name: String,
    },
}

/// Starts a variable. The API is GitLab's; whether a server has it is said by the definition of its
/// provider.
const VARIABLE: &str = "gitlab-variable";

/// What the user may write.
const EXPECTED: &str = "expected cmd:COMMAND, file:PATH or gitlab-variable:PROJECT/NAME";

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "cmd:{command}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Variable { project, name } => write!(f, "{VARIABLE}:{project}/{name}"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').ok_or(EXPECTED)?;
        match kind {
            "cmd" if !rest.trim().is_empty() => Ok(Self::Command(rest.to_owned())),
            "file" if !rest.is_empty() => {
                let path = std::path::absolute(rest);
                let path = path.map_err(|error| format!("{rest}: {error}"))?;
                let has_name = path.file_name().is_some() && !rest.ends_with('/');
                has_name.then_some(Self::File(path)).ok_or_else(|| {
                    "file: takes the path of a file, e.g. file:cache/authsome.age".to_owned()
                })
            }
            VARIABLE => variable(rest).ok_or_else(|| {
                format!("{VARIABLE}: takes a project and a name, e.g. {VARIABLE}:group/project/AUTHSOME_EXPORT")
            }),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

fn variable(text: &str) -> Option<Target> {
    let (project, name) = text.rsplit_once('/')?;
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let segments = || project.split('/');
    let is_path = segments().all(|segment| !segment.is_empty() && !segment.starts_with('.'));
    let fits = is_path && !name.is_empty() && name.chars().all(is_name);
    fits.then(|| Target::Variable {
        project: project.to_owned(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_says_its_kind_first() {
        let variable = |project: &str, name: &str| Target::Variable {
            project: project.to_owned(),
            name: name.to_owned(),
        };
        for (text, expected) in [
            (
                "cmd:./save.sh 1 2",
                Target::Command("./save.sh 1 2".to_owned()),
            ),
            ("file:/a/b.age", Target::File("/a/b.age".into())),
            ("gitlab-variable:7/KEY", variable("7", "KEY")),
            (
                "gitlab-variable:group/sub/app/KEY",
                variable("group/sub/app", "KEY"),
            ),
        ] {
            assert_eq!(expected.to_string(), text);
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "./save.sh",
            "cmd:",
            "cmd: ",
            "file:",
            "file:/a/",
            "path:/a",
            "gitlab-variable:KEY",
            "gitlab-variable:/KEY",
            "gitlab-variable:a//KEY",
            "gitlab-variable:../KEY",
            "gitlab-variable:a/KEY-1",
            "gitlab-variable:a/",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
