//! The user's browser and terminal, for a login.

mod commands;

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Stdin};
use tokio::task::JoinHandle;

use super::printer::Printer;
use crate::connection::{LoginPrompt, LoginStep};
use crate::env_vars::MASTER_KEY;

/// A browser that fails within that time has not shown the page.
const SOON: Duration = Duration::from_secs(10);

/// Shows URLs, opens them, and takes a pasted one.
pub(super) struct Prompt<'a> {
    printer: &'a Printer,
    browser: bool,
    /// The form sends the browser on by itself.
    form_is_open: bool,
    /// Whether the browser that was started ended well, once it has ended.
    browser_ends: Option<JoinHandle<bool>>,
    /// Open where a URL may be pasted; `None` at its end too.
    terminal: Option<BufReader<Stdin>>,
    /// What was read of a line before something else happened.
    line: Vec<u8>,
}

impl<'a> Prompt<'a> {
    pub(super) fn new(printer: &'a Printer, browser: bool) -> Self {
        Self {
            printer,
            browser,
            form_is_open: false,
            browser_ends: None,
            terminal: None,
            line: Vec::new(),
        }
    }

    /// Starts the browser; whether it did.
    fn start_browser(&mut self, url: &str) -> bool {
        let mut commands = commands::for_url(url).into_iter();
        let Some(mut child) = commands.find_map(start) else {
            return false;
        };
        let ended = move || loop {
            let began = Instant::now();
            let well = child.wait().is_ok_and(|status| status.success());
            if well || began.elapsed() > SOON {
                return well;
            }
            // One that fails at once has shown nothing; that is what the next one is named for.
            match commands.find_map(start) {
                Some(next) => child = next,
                None => return false,
            }
        };
        self.browser_ends = Some(tokio::task::spawn_blocking(ended));
        true
    }

    fn take_pasted(&mut self) {
        if std::io::stdin().is_terminal() {
            self.printer
                .say("If the browser cannot come back here, paste the address that it ends at:");
        }
        self.terminal
            .get_or_insert_with(|| BufReader::new(tokio::io::stdin()));
    }

    /// The next line that is not blank; `None` at the end.
    async fn next_line(&mut self) -> Option<String> {
        loop {
            let read = self
                .terminal
                .as_mut()?
                .read_until(b'\n', &mut self.line)
                .await;
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            if !line.trim().is_empty() {
                return Some(line);
            }
            if matches!(read, Ok(0) | Err(_)) {
                self.terminal = None;
            }
        }
    }
}

impl LoginPrompt for Prompt<'_> {
    fn open(&mut self, step: LoginStep, url: &str) {
        let opened = self.form_is_open || (self.browser && self.start_browser(url));
        self.form_is_open |= opened && step == LoginStep::Client;
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
            self.take_pasted();
        }
    }

    fn say(&mut self, words: &str) {
        self.printer.say(words);
    }

    async fn pasted(&mut self) -> String {
        loop {
            if let Some(line) = self.next_line().await {
                return line;
            }
            match &mut self.browser_ends {
                // One that ends well has handed the URL on to a window that is open already.
                Some(ends) => {
                    let well = ends.await.unwrap_or(true);
                    self.browser_ends = None;
                    if !well {
                        self.printer.say("The browser could not be opened.");
                        self.take_pasted();
                    }
                }
                None => std::future::pending().await,
            }
        }
    }
}

/// Detached from the terminal, so that Ctrl-C at the login does not close the browser.
fn start(mut command: Command) -> Option<Child> {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.env_remove(MASTER_KEY).process_group(0).spawn().ok()
}
