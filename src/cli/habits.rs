//! Words that users of other programs type, and the commands that they mean here.

use std::ffi::OsString;

/// Words of the Python program of the same name, which work here, too.
const TRANSLATED: [(&[&str], &[&str]); 12] = [
    (&["onboard"], &["login"]),
    (&["provider", "list"], &["list"]),
    (&["provider", "inspect"], &["inspect"]),
    (&["provider", "register"], &["register"]),
    (&["provider", "remove"], &["remove"]),
    (&["provider", "revoke"], &["revoke"]),
    (&["connections"], &["list"]),
    (&["connections", "list"], &["list"]),
    (&["connections", "inspect"], &["get"]),
    (&["connections", "set-default"], &["set-default"]),
    (&["connection", "inspect"], &["get"]),
    (&["connection", "set-default"], &["set-default"]),
];

/// Words of `gh`, `glab`, `aws-vault`, `op`, `docker` and others, with what to type here. None of
/// them is carried out: what is meant has to be typed once.
const MEANT: [(&[&str], &str); 15] = [
    (
        &[
            "add",
            "auth",
            "configure",
            "connect",
            "init",
            "setup",
            "sign-in",
            "signin",
        ],
        "login",
    ),
    (
        &["exec", "shell", "start", "with", "wrap"],
        "run -- COMMAND",
    ),
    (
        &["accounts", "connection", "ls", "provider", "providers"],
        "list",
    ),
    (&["cat", "info", "show"], "get PROVIDER"),
    (
        &[
            "del",
            "delete",
            "disconnect",
            "forget",
            "rm",
            "sign-out",
            "signout",
            "unlink",
        ],
        "logout PROVIDER",
    ),
    (&["access-token", "print-token"], "token PROVIDER"),
    (&["env"], "export PROVIDER --format shell"),
    (&["audit", "events", "history", "logs", "tail"], "log"),
    (&["jobs", "sessions"], "ps"),
    (&["kill"], "stop RUN"),
    (&["default", "switch", "use"], "set-default PROVIDER NAME"),
    (&["check", "diagnose", "ping", "test", "verify"], "doctor"),
    (&["edit"], "inspect PROVIDER --edit"),
    (&["completion"], "completions SHELL"),
    (&["key", "rekey", "rotate"], "vault rekey --to keyring"),
];

/// What to type in place of a word, and of the one that follows it, if both are known.
pub(super) fn meant(word: &str, next: Option<&str>) -> Option<String> {
    // `auth login`, as `gh` and `glab` have it: the second word says what is meant.
    if word == "auth" {
        match next {
            Some(own @ ("login" | "logout" | "revoke" | "status")) => return Some(own.to_owned()),
            Some("token") => return Some("token PROVIDER".to_owned()),
            Some(next) if next != "auth" => return meant(next, None),
            _ => {}
        }
    }
    let known = MEANT.iter().find(|(words, _)| words.contains(&word));
    known.map(|(_, command)| (*command).to_owned())
}

/// Replaces words of the Python program by those of this one. Flags before them stay.
pub(super) fn translate(arguments: &mut Vec<OsString>) {
    let is_flag = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    let Some(first) = arguments.iter().skip(1).position(|word| !is_flag(word)) else {
        return;
    };
    let first = first + 1; // the program's name was skipped
    let rest = arguments.get(first..).unwrap_or_default();
    let begins = |words: &[&str]| {
        words.len() <= rest.len() && words.iter().zip(rest).all(|(word, typed)| typed == word)
    };
    let known = TRANSLATED.iter().filter(|(words, _)| begins(words));
    if let Some((words, ours)) = known.max_by_key(|(words, _)| words.len()) {
        let gets = *ours == ["get"];
        let ours = ours.iter().map(OsString::from);
        arguments.splice(first..first + words.len(), ours);
        // `connections inspect PROVIDER NAME`: here, a connection is one word.
        let is_name = arguments.get(first + 2).is_some_and(|word| !is_flag(word));
        if gets && is_name {
            let name = arguments.remove(first + 2);
            if let Some(provider) = arguments.get_mut(first + 1) {
                provider.push("/");
                provider.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Arguments;

    fn translated(text: &str) -> String {
        let mut words: Vec<_> = text.split(' ').map(OsString::from).collect();
        translate(&mut words);
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn the_python_programs_words_work() {
        for (typed, ours) in [
            ("authsome onboard gitlab", "authsome login gitlab"),
            ("authsome provider list", "authsome list"),
            ("authsome --json provider list", "authsome --json list"),
            (
                "authsome provider inspect gitlab",
                "authsome inspect gitlab",
            ),
            ("authsome connections", "authsome list"),
            ("authsome connections inspect gitlab", "authsome get gitlab"),
            (
                "authsome connections inspect gitlab work --json",
                "authsome get gitlab/work --json",
            ),
            (
                "authsome connections set-default gitlab work",
                "authsome set-default gitlab work",
            ),
            (
                "authsome run -- provider list",
                "authsome run -- provider list",
            ),
            ("authsome provider", "authsome provider"),
            ("authsome", "authsome"),
        ] {
            assert_eq!(translated(typed), ours);
        }
    }

    #[test]
    fn what_is_meant_is_a_command_and_no_habit_is_one() {
        let commands = Arguments::command();
        let commands: Vec<_> = commands
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        for (words, command) in MEANT {
            let name = command.split(' ').next().unwrap();
            assert!(commands.contains(&name), "{name}");
            for word in words {
                assert!(!commands.contains(word), "{word}");
            }
        }
        assert_eq!(meant("auth", Some("status")).as_deref(), Some("status"));
        assert_eq!(
            meant("auth", Some("token")).as_deref(),
            Some("token PROVIDER")
        );
        assert_eq!(meant("auth", None).as_deref(), Some("login"));
        assert_eq!(meant("frobnicate", None), None);
    }
}
