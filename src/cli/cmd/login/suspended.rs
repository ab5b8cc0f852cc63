//! `login --no-browser` where nobody can go on, and `login --resume`, which finishes it.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};

use clap::Parser;
use serde_json::json;

use crate::cli::args::{Arguments, Command, Login};
use crate::cli::ask::ask;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::clock::Timestamp;
use crate::connection::{Left, Resumed, SUSPENDED_LIFETIME, SuspendedLogin};
use crate::secret::{Secret, random_text};
use crate::session::UserData;

/// Long enough that nobody guesses it: it is of no use without the address, nor that without it.
const CODE_LENGTH: usize = 12;

/// The longest address that is read.
const MAX_ADDRESS: u64 = 16 * 1024;

/// Keeps the login, and says how to finish it.
pub(super) fn suspend(left: Left, user_data: &UserData, printer: &Printer) -> Result<(), Failure> {
    let code = random_text(CODE_LENGTH).map_err(|error| {
        Failure::new(
            Exit::Unexpected,
            "unexpected",
            error.to_string(),
            "try again",
        )
    })?;
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| word.to_string_lossy().into_owned());
    let login = SuspendedLogin {
        arguments: words.collect(),
        client: left.client,
        basic: left.basic,
        token_endpoint: left.token_endpoint,
        saved: left.saved,
        at: Timestamp::now(),
    };
    let code = code.expose();
    user_data.store.suspend(code, &login)?;
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
    let again = || {
        let message =
            "there is no login to resume: the code is wrong, used, or older than ten minutes";
        Failure::new(
            Exit::Usage,
            "login_timeout",
            message,
            "authsome login PROVIDER --no-browser",
        )
    };
    let address = address(printer)?;
    let login = user_data.store.take_suspended(code)?.ok_or_else(again)?;
    let program = OsString::from("authsome");
    let words = login.arguments.iter().map(OsString::from);
    let parsed = Arguments::try_parse_from(std::iter::once(program).chain(words));
    let Ok(Some(Command::Login(arguments))) = parsed.map(|parsed| parsed.command) else {
        return Err(again());
    };
    Ok((*arguments, Resumed { login, address }))
}

fn address(printer: &Printer) -> Result<Secret<String>, Failure> {
    let text = if io::stdin().is_terminal() {
        ask(printer, "The address that the browser ended at: ").unwrap_or_default()
    } else {
        let mut text = String::new();
        let read = io::stdin()
            .lock()
            .take(MAX_ADDRESS)
            .read_to_string(&mut text);
        read.map(|_| text).unwrap_or_default()
    };
    let text = text.trim().to_owned();
    if text.contains('?') {
        return Ok(Secret::new(text));
    }
    let message =
        "that is not a URL with a query: it is the whole address that the browser ended at";
    let hint = "authsome login --resume CODE, with the address on standard input";
    Err(Failure::new(Exit::Usage, "usage", message, hint))
}
