//! The user's browser and terminal, for a login.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

use super::printer::Printer;
use crate::connection::{LoginPrompt, LoginStep};
use crate::env_vars::MASTER_KEY;

/// Shows URLs, opens them, and takes a pasted one.
pub(super) struct Prompt<'a> {
    printer: &'a Printer,
    browser: bool,
    /// The form sends the browser on by itself.
    form_is_open: bool,
    /// Open once it was said that a URL may be pasted; `None` at its end too.
    lines: Option<Lines<BufReader<Stdin>>>,
}

impl<'a> Prompt<'a> {
    pub(super) fn new(printer: &'a Printer, browser: bool) -> Self {
        Self {
            printer,
            browser,
            form_is_open: false,
            lines: None,
        }
    }
}

impl LoginPrompt for Prompt<'_> {
    fn open(&mut self, step: LoginStep, url: &str) {
        let opened = self.form_is_open || (self.browser && open(url));
        self.form_is_open = opened && step == LoginStep::Client;
        let words = match (step, opened) {
            (LoginStep::Client, true) => {
                "The browser asks for the OAuth application; the form is at:"
            }
            (LoginStep::Client, false) => "Open this form on this machine, or pass --client-id:",
            (LoginStep::Authorize, true) => {
                "The browser asks for your consent; if it does not, open:"
            }
            (LoginStep::Authorize, false) => "Open this URL, on any machine:",
        };
        self.printer.prompt(&format!("{words}\n\n  {url}\n"));
        if step == LoginStep::Authorize && !opened {
            if std::io::stdin().is_terminal() {
                self.printer.say(
                    "If the browser cannot come back here, paste the address that it ends at:",
                );
            }
            self.lines
                .get_or_insert_with(|| BufReader::new(tokio::io::stdin()).lines());
        }
    }

    fn say(&mut self, words: &str) {
        self.printer.say(words);
    }

    async fn pasted(&mut self) -> String {
        if let Some(lines) = &mut self.lines {
            while let Ok(Some(line)) = lines.next_line().await {
                if !line.trim().is_empty() {
                    return line;
                }
            }
            self.lines = None;
        }
        std::future::pending().await
    }
}

/// `$BROWSER` if it is set, else the desktop's. Whether something was started.
fn open(url: &str) -> bool {
    match std::env::var_os("BROWSER").filter(|browser| !browser.is_empty()) {
        Some(browser) => start(&mut of_variable(&browser, url)),
        None => open::commands(url).iter_mut().any(start),
    }
}

/// A path, or a command with arguments; `%s` stands for the URL, which comes last without it.
fn of_variable(browser: &OsString, url: &str) -> Command {
    let text = browser.to_string_lossy();
    if Path::new(browser).is_file() || !text.contains(char::is_whitespace) && !text.contains("%s") {
        let mut command = Command::new(browser);
        command.arg(url);
        return command;
    }
    let mut words = text.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words.map(|word| word.replace("%s", url)));
    if !text.contains("%s") {
        command.arg(url);
    }
    command
}

/// Detached from the terminal, so that Ctrl-C at the login does not close the browser.
fn start(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet
        .env_remove(MASTER_KEY)
        .process_group(0)
        .spawn()
        .is_ok()
}
