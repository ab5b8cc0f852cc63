//! The forms of an environment file: what each of their readers makes of a name and a value.

use std::ffi::OsStr;

use serde_json::{Map, Value};

use crate::cli::args::EnvFormat;
use crate::cli::words::shell_word;
use crate::env::env_vars::{Environment, OURS, is_a_clients};

/// The first line of a file in each form but JSON. All their readers take it for a comment.
const MARK: &str = "# Written by authsome proxy, which removes it at its end.\n";

/// A variable that is in every such environment.
const SESSION: &str = "AUTHSOME_SESSION";

/// The text, and the names of the variables that have no place in its form.
pub(super) struct Formatted {
    pub(super) text: String,
    pub(super) left_out: Vec<String>,
}

/// Whether `authsome proxy` has written that text. An object of JSON has no place for a mark; the
/// session and the proxy with its user are in each.
pub(super) fn is_written_here(text: &str) -> bool {
    if text.starts_with(MARK) {
        return true;
    }
    let object = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let value = |name: &str| object.get(name).and_then(Value::as_str);
    let proxy = value("HTTPS_PROXY").unwrap_or_default();
    value(SESSION).is_some() && proxy.starts_with("http://authsome:")
}

/// The variables in that form.
pub(super) fn formatted(format: EnvFormat, environment: &Environment) -> Formatted {
    let is_set = |name: &OsStr| std::env::var_os(name).is_some();
    formatted_where(format, environment, is_set)
}

/// The same; `is_set` tells whether the variable is set outside of the session.
fn formatted_where(
    format: EnvFormat,
    environment: &Environment,
    is_set: impl Fn(&OsStr) -> bool,
) -> Formatted {
    let mut text = String::from(MARK);
    let mut object = Map::new();
    let mut left_out = Vec::new();
    for (name, value) in environment.changes() {
        let line = name.to_str().and_then(|name| match (format, value) {
            (EnvFormat::Json, value) => {
                let value = value.map(|value| value.to_str().map(Value::from));
                let value = value.unwrap_or(Some(Value::Null))?;
                object.insert(name.to_owned(), value);
                Some(String::new())
            }
            (EnvFormat::Shell, value) => in_shell(name, value),
            (EnvFormat::Dotenv | EnvFormat::Docker, None) => {
                // Neither form can unset a variable, and some of their readers inherit. What was
                // never set stays so: to some clients, an empty setting is one.
                let is_ours = OURS.contains(&name) || !is_a_clients(name);
                if is_ours || is_set(OsStr::new(name)) {
                    line(format, name, "")
                } else {
                    Some(String::new())
                }
            }
            (_, Some(value)) => line(format, name, value.to_str()?),
        });
        match line {
            Some(line) => text.push_str(&line),
            None => left_out.push(name.to_string_lossy().into_owned()),
        }
    }
    if format == EnvFormat::Json {
        text = format!("{:#}\n", Value::Object(object));
    }
    Formatted { text, left_out }
}

/// A line that a POSIX shell reads. Another name than an identifier would be a part of the script.
fn in_shell(name: &str, value: Option<&OsStr>) -> Option<String> {
    if !is_identifier(name) {
        return None;
    }
    Some(match value {
        Some(value) => format!(
            "export {name}={}\n",
            shell_word(OsStr::new(value.to_str()?))
        ),
        None => format!("unset {name}\n"),
    })
}

/// A line of the two forms that are no scripts.
fn line(format: EnvFormat, name: &str, value: &str) -> Option<String> {
    if value.contains(['\n', '\r', '\0']) {
        return None;
    }
    if format == EnvFormat::Dotenv {
        let value = is_identifier(name).then(|| quoted(value))??;
        return Some(format!("{name}={value}\n"));
    }
    // `docker run --env-file` and Podman's take the rest of the line as it is.
    let splits = |character: char| character.is_whitespace() || character.is_control();
    let is_name = !name.is_empty() && !name.starts_with('#') && !name.contains(splits);
    (is_name && !name.contains('=')).then(|| format!("{name}={value}\n"))
}

fn is_identifier(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_part)
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// A value in the quotes that systemd, Compose, python-dotenv and Node's `--env-file` read alike;
/// `None` if there are none.
///
/// In single quotes, all of them take a value as it is, but for three things: python-dotenv reads
/// `\\` and `\'` as escapes, Compose takes `\'` for no end, and python-dotenv expands `${…}` in any
/// quotes. In double quotes, each of them reads `"`, `\`, `$` and `` ` `` in a way of its own.
fn quoted(value: &str) -> Option<String> {
    let is_single = !value.contains('\'') && !value.contains("\\\\") && !value.ends_with('\\');
    if is_single && !value.contains("${") {
        return Some(format!("'{value}'"));
    }
    let is_double = !value.contains(['"', '\\', '$', '`']);
    is_double.then(|| format!("\"{value}\""))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    const TEXTS: [EnvFormat; 3] = [EnvFormat::Shell, EnvFormat::Dotenv, EnvFormat::Docker];

    fn shown(format: EnvFormat, name: &str, value: Option<&str>) -> Option<String> {
        let mut environment = Environment::default();
        match value {
            Some(value) => environment.set(name, value),
            None => environment.remove(name),
        }
        let Formatted { text, left_out } = formatted_where(format, &environment, |_| true);
        let text = text.strip_prefix(MARK).unwrap().to_owned();
        assert_eq!(text.is_empty(), left_out == [name], "{left_out:?}");
        left_out.is_empty().then_some(text)
    }

    #[test]
    fn a_name_that_its_reader_would_take_for_more_is_left_out() {
        for name in ["x;touch /tmp/pwned;y", "a b", "x\ny", "#x", ""] {
            for format in TEXTS {
                for value in [Some("v"), None] {
                    assert_eq!(shown(format, name, value), None, "{format:?} {name:?}");
                }
            }
        }
        for name in ["npm_config_//host/:_authToken", "1x", "ü", "a.b", "a-b"] {
            for format in [EnvFormat::Shell, EnvFormat::Dotenv] {
                assert_eq!(shown(format, name, Some("v")), None, "{format:?} {name:?}");
            }
            let docker = shown(EnvFormat::Docker, name, Some("v"));
            assert_eq!(docker.unwrap(), format!("{name}=v\n"));
        }
        assert_eq!(
            shown(EnvFormat::Shell, "_a1", Some("v")).unwrap(),
            "export _a1=v\n"
        );
    }

    #[test]
    fn what_is_no_text_is_left_out_of_each_form() {
        let mut environment = Environment::default();
        environment.set(OsString::from_vec(b"N\xff".to_vec()), "v");
        environment.set("V", OsString::from_vec(b"v\xff".to_vec()));
        for format in [TEXTS.as_slice(), &[EnvFormat::Json]].concat() {
            let Formatted { left_out, .. } = formatted_where(format, &environment, |_| true);
            assert_eq!(left_out, ["N\u{fffd}", "V"], "{format:?}");
        }
    }

    #[test]
    fn a_variable_that_is_removed_is_emptied_where_it_cannot_be_unset() {
        let mut environment = Environment::default();
        for name in [
            "AUTHSOME_MASTER_KEY",
            "ACME_REFRESH_TOKEN",
            "grpc_proxy",
            "SSL_CERT_DIR",
        ] {
            environment.remove(name);
        }
        let is_set = |name: &OsStr| name == "SSL_CERT_DIR";
        for (format, empty) in [(EnvFormat::Dotenv, "''"), (EnvFormat::Docker, "")] {
            let found = formatted_where(format, &environment, is_set);
            let expected = format!(
                "{MARK}ACME_REFRESH_TOKEN={empty}\nAUTHSOME_MASTER_KEY={empty}\nSSL_CERT_DIR={empty}\n"
            );
            assert_eq!(found.text, expected);
            assert!(found.left_out.is_empty(), "{:?}", found.left_out);
        }
    }

    #[test]
    fn a_quoted_value_is_the_same_to_each_reader_of_dotenv() {
        for (value, expected) in [
            ("", Some("''")),
            ("a b#c", Some("'a b#c'")),
            ("$HOME \"x\" `y`", Some("'$HOME \"x\" `y`'")),
            ("a\\b", Some("'a\\b'")),
            ("it's", Some("\"it's\"")),
            ("it's $HOME", None),
            ("it's \"x\"", None),
            ("it's a\\b", None),
            ("a\\\\b", None),
            ("a\\", None),
            ("${HOME}", None),
        ] {
            assert_eq!(quoted(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn what_was_written_here_is_known_again() {
        let mut environment = Environment::default();
        environment.set(SESSION, "abc");
        environment.set("HTTPS_PROXY", "http://authsome:secret@127.0.0.1:1");
        for format in [TEXTS.as_slice(), &[EnvFormat::Json]].concat() {
            let found = formatted_where(format, &environment, |_| false);
            assert!(is_written_here(&found.text), "{format:?}");
        }
        for text in [
            "",
            "KEY=value\n",
            "{}",
            "{\"AUTHSOME_SESSION\":\"abc\"}",
            "\n# Written by authsome",
        ] {
            assert!(!is_written_here(text), "{text}");
        }
    }
}
