//! How Node is made to load the bootstrap without ever failing to start because of it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The name of the bootstrap in the run's directory.
pub(super) const BOOTSTRAP: &str = "boot.cjs";

/// Under Node 20's permission model a preloaded file must be allowed with `--allow-fs-read`; later
/// versions allow it themselves. Without the model Node exits at that option, so it is added only
/// where the model is on.
const PERMISSION_MODEL: &str = "--experimental-permission";
const READABLE: &str = "--allow-fs-read=";

/// The options that take their value from the next word and may precede the program.
const WITH_VALUE: [&str; 5] = ["-r", "--require", "--import", "-C", "--conditions"];

/// `NODE_OPTIONS`: the parent's value with the bootstrap appended.
pub(super) fn options(parent: Option<&OsStr>, bootstrap: &str) -> OsString {
    let parent = parent.unwrap_or_default();
    let mut options = parent.to_owned();
    let mut append = |option: &str| {
        if !options.is_empty() {
            options.push(" ");
        }
        options.push(option);
    };
    // Node 8 and 9 do not parse quotes, and would take them as part of the name.
    if bootstrap.contains(char::is_whitespace) {
        append(&format!("--require \"{bootstrap}\""));
    } else {
        append(&format!("--require {bootstrap}"));
    }
    let mut words = parent.as_encoded_bytes().split(|byte| *byte == b' ');
    if words.any(|word| word == PERMISSION_MODEL.as_bytes())
        && !bootstrap.contains(char::is_whitespace)
    {
        append(&format!("{READABLE}{bootstrap}"));
    }
    options
}

/// The option to put before the arguments, if the command is Node under its permission model.
/// Without it Node 20 would not start.
pub fn permission(program: &OsStr, arguments: &[OsString], directory: &Path) -> Option<OsString> {
    let name = Path::new(program).file_name()?;
    if name != "node" && name != "nodejs" {
        return None;
    }
    let mut words = arguments.iter();
    while let Some(word) = words
        .next()
        .filter(|word| word.as_encoded_bytes().starts_with(b"-"))
    {
        if word == PERMISSION_MODEL {
            let mut option = OsString::from(READABLE);
            option.push(directory.join(BOOTSTRAP));
            return Some(option);
        }
        if word == "--" {
            return None;
        }
        if WITH_VALUE.iter().any(|known| word == known) {
            words.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(parent: &str, bootstrap: &str) -> String {
        let options = options(Some(OsStr::new(parent)), bootstrap);
        options.into_string().unwrap()
    }

    #[test]
    fn quotes_stand_only_where_a_blank_wants_them() {
        assert_eq!(appended("", "/r/boot.cjs"), "--require /r/boot.cjs");
        assert_eq!(
            appended("--trace-warnings", "/a b/boot.cjs"),
            "--trace-warnings --require \"/a b/boot.cjs\""
        );
    }

    #[test]
    fn the_permission_model_of_the_parent_lets_the_bootstrap_be_read() {
        assert_eq!(
            appended(
                "--experimental-permission --allow-fs-read=/app",
                "/r/boot.cjs"
            ),
            "--experimental-permission --allow-fs-read=/app --require /r/boot.cjs --allow-fs-read=/r/boot.cjs"
        );
        let other = appended("--experimental-permissions", "/r/boot.cjs");
        assert_eq!(other, "--experimental-permissions --require /r/boot.cjs");
    }

    #[test]
    fn only_a_node_that_is_given_the_model_is_given_the_permission() {
        let permission = |words: &[&str]| {
            let mut words = words.iter().map(OsString::from);
            let program = words.next().unwrap();
            let option = permission(&program, &words.collect::<Vec<_>>(), Path::new("/r"))?;
            option.into_string().ok()
        };
        let granted = Some("--allow-fs-read=/r/boot.cjs".to_owned());
        for words in [
            &["node", "--experimental-permission", "app.js"][..],
            &[
                "/opt/node20/bin/node",
                "-r",
                "./x",
                "--experimental-permission",
            ],
            &[
                "nodejs",
                "--trace-warnings",
                "--experimental-permission",
                "-e",
                "1",
            ],
        ] {
            assert_eq!(permission(words), granted, "{words:?}");
        }
        for words in [
            &["node"][..],
            &["node", "app.js", "--experimental-permission"],
            &["node", "--", "--experimental-permission"],
            &["node", "-r", "--experimental-permission", "app.js"],
            &["npm", "--experimental-permission"],
            &["node", "--experimental-permission-not"],
        ] {
            assert_eq!(permission(words), None, "{words:?}");
        }
    }
}
