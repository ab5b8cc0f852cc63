//! `login --no-browser` where nobody can go on, and `login --resume`, which finishes it.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};

use clap::Parser;
use serde_json::json;

use crate::cli::args::{Arguments, Command, Login};
use crate::cli::ask::ask;
use crate::cli::failure::{Exit, Failure};
use crate::cli::habits::translate;
use crate::cli::printer::Printer;
use crate::cli::words::{shell_word, typed_command};
use crate::clock::Timestamp;
use crate::connection::{Left, LoginError, Resumed, SUSPENDED_LIFETIME, SuspendedLogin};
use crate::oauth::ResponseRefused;
use crate::secret::{Secret, random_text};
use crate::session::UserData;

/// Long enough that nobody guesses it: it is of no use without the address, nor that without it.
const CODE_LENGTH: usize = 12;

/// The longest address that is read.
const MAX_ADDRESS: u64 = 16 * 1024;

/// Keeps the login, and says how to finish it.
pub(super) fn suspend(left: Left, user_data: &UserData, printer: &Printer) -> Result<(), Failure> {
    let code = random_code()?;
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| word.to_string_lossy().into_owned());
    let login = SuspendedLogin {
        arguments: with_whole_paths(words.collect()),
        client: left.client,
        basic: left.basic,
        token_endpoint: left.token_endpoint,
        saved: left.saved,
        at: Timestamp::now(),
    };
    user_data.store.suspend(&code, &login)?;
    let command = format!("authsome login --resume {code}");
    if printer.is_json() {
        printer.value(&json!({ "url": left.url, "resume": code, "command": command }));
        return Ok(());
    }
    let minutes = SUSPENDED_LIFETIME.as_secs() / 60;
    printer.prompt(&format!(
        "Then finish it here within {minutes} minutes, with the address that the browser ends at on standard input:\n\n  {command}\n"
    ));
    Ok(())
}

/// The login of that code, with the flags that it was begun with, and the address.
pub(super) fn resume(
    code: &str,
    user_data: &UserData,
    printer: &Printer,
) -> Result<(Login, Resumed), Failure> {
    let unknown = || Failure::from(LoginError::NothingToResume);
    let address = address(printer)?;
    let login = user_data.store.suspended(code)?.ok_or_else(unknown)?;
    let program = OsString::from("authsome");
    let words = login.arguments.iter().map(OsString::from);
    let mut words: Vec<_> = std::iter::once(program).chain(words).collect();
    translate(&mut words); // as they were when they were typed
    let parsed = Arguments::try_parse_from(words);
    let Ok(Some(Command::Login(mut arguments))) = parsed.map(|parsed| parsed.command) else {
        return Err(unknown());
    };
    // The application is kept with the login, and standard input has the address.
    arguments.client_secret_file = None;
    let code = code.to_owned();
    let resumed = Resumed {
        code,
        login,
        address,
    };
    Ok((*arguments, resumed))
}

/// The flags of `login` that name files which the second step reads again.
const FILES: [&str; 3] = ["--ca-file", "--client-cert", "--client-key"];

/// The words with whole paths after these flags: the second step may be in another directory.
fn with_whole_paths(words: Vec<String>) -> Vec<String> {
    let whole = |path: &str| {
        let whole = std::path::absolute(path);
        whole.map_or_else(
            |_| path.to_owned(),
            |path| path.to_string_lossy().into_owned(),
        )
    };
    let mut is_path = false;
    let words = words.into_iter().map(|word| {
        if std::mem::take(&mut is_path) {
            return whole(&word);
        }
        is_path = FILES.contains(&word.as_str());
        match word.split_once('=') {
            Some((flag, path)) if FILES.contains(&flag) => format!("{flag}={}", whole(path)),
            _ => word,
        }
    });
    words.collect()
}

/// Letters and digits alone: what begins with `-` would be read as a flag.
fn random_code() -> Result<String, Failure> {
    loop {
        let code = random_text(CODE_LENGTH).map_err(|error| {
            let message = error.to_string();
            Failure::new(Exit::Unexpected, "unexpected", message, "try again")
        })?;
        if code
            .expose()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric())
        {
            return Ok(code.expose().clone());
        }
    }
}

/// What is typed after a second step has failed: the first step, unless only the address was
/// another login's.
pub(super) fn again(error: &LoginError, resumed: &[String]) -> String {
    if let LoginError::Denied(ResponseRefused::State | ResponseRefused::Incomplete) = error {
        return typed_command();
    }
    let words = resumed.iter().map(|word| shell_word(OsStr::new(word)));
    let words: Vec<_> = words.collect();
    format!("authsome {}", words.join(" "))
}

fn address(printer: &Printer) -> Result<Secret<String>, Failure> {
    let text = if io::stdin().is_terminal() {
        let typed = ask(printer, "The address that the browser ended at: ");
        Secret::new(typed.unwrap_or_default().trim().to_owned())
    } else {
        let read = Secret::read(io::stdin().lock(), MAX_ADDRESS);
        let text = read.ok().and_then(|read| {
            let text = std::str::from_utf8(read.expose()).ok()?;
            Some(Secret::new(text.trim().to_owned()))
        });
        text.unwrap_or_else(|| Secret::new(String::new()))
    };
    if text.expose().contains('?') {
        return Ok(text);
    }
    let message = if text.expose().is_empty() {
        "there is no address on standard input: it is the one that the browser ended at"
    } else {
        "that is not a URL with a query: it is the whole address that the browser ended at"
    };
    let hint = format!("printf %s 'ADDRESS' | {}", typed_command());
    Err(Failure::new(Exit::Usage, "usage", message, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kept_as_they_were_meant() {
        let here = std::env::current_dir().unwrap().display().to_string();
        let words = [
            "login",
            "x",
            "--ca-file",
            "a.pem",
            "--client-cert=b.pem",
            "--client-key",
            "/c",
        ];
        let expected = [
            "login",
            "x",
            "--ca-file",
            &format!("{here}/a.pem"),
            &format!("--client-cert={here}/b.pem"),
            "--client-key",
            "/c",
        ];
        assert_eq!(
            with_whole_paths(words.map(str::to_owned).to_vec()),
            expected
        );
    }
}
