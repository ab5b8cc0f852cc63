//! The user's browser and terminal, for a login.

mod commands;

use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Stdin};
use tokio::task::JoinHandle;

use super::printer::Printer;
use crate::connection::{Finished, FinishedBy, LoginPrompt, LoginStep, PageAddress};
use crate::env::programs::Programs;

/// A browser that fails within this time has not shown the page.
const SOON: Duration = Duration::from_secs(10);

/// Shows URLs, opens them in a browser, and reads a URL that the user pastes.
pub(super) struct Prompt<'a> {
    printer: &'a Printer,
    programs: Programs,
    browser: bool,
    /// The form is open in the browser, and redirects it to the provider by itself.
    form_is_open: bool,
    /// Whether the browser that was started exited successfully, once it has exited.
    browser_ends: Option<JoinHandle<bool>>,
    /// Standard input, while a URL may be pasted. `None` before that, and after its end.
    terminal: Option<BufReader<Stdin>>,
    /// The part of a line that was read before another event interrupted the read.
    line: Vec<u8>,
}

impl<'a> Prompt<'a> {
    pub(super) fn new(printer: &'a Printer, programs: Programs, browser: bool) -> Self {
        Self {
            printer,
            programs,
            browser,
            form_is_open: false,
            browser_ends: None,
            terminal: None,
            line: Vec::new(),
        }
    }

    /// Starts the browser. Returns whether one could be started.
    fn start_browser(&mut self, url: &str) -> bool {
        let programs = self.programs.clone();
        let mut commands = commands::for_url(url)
            .into_iter()
            .filter_map(move |command| start(&command, &programs));
        let Some(mut child) = commands.next() else {
            return false;
        };
        let ended = move || loop {
            let began = Instant::now();
            let well = child.wait().is_ok_and(|status| status.success());
            if well || began.elapsed() > SOON {
                return well;
            }
            // A browser that fails at once has shown nothing, so the next command is tried.
            match commands.next() {
                Some(next) => child = next,
                None => return false,
            }
        };
        self.browser_ends = Some(tokio::task::spawn_blocking(ended));
        true
    }

    fn take_pasted(&mut self) {
        if std::io::stdin().is_terminal() && self.terminal.is_none() {
            self.printer
                .say("If the browser cannot return here, paste the address that it ends at:");
        }
        self.listen();
    }

    fn listen(&mut self) {
        self.terminal
            .get_or_insert_with(|| BufReader::new(tokio::io::stdin()));
    }

    /// The next line that is not blank. `None` at the end of the input.
    async fn next_line(&mut self) -> Option<String> {
        loop {
            let line = self.any_line().await?;
            if !line.trim().is_empty() {
                return Some(line);
            }
        }
    }

    /// The next line. `None` at the end of the input.
    async fn any_line(&mut self) -> Option<String> {
        let terminal = self.terminal.as_mut()?;
        let read = terminal.read_until(b'\n', &mut self.line).await;
        if matches!(read, Ok(0) | Err(_)) {
            self.terminal = None;
        }
        let line = std::mem::take(&mut self.line);
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

impl LoginPrompt for Prompt<'_> {
    fn open(&mut self, step: LoginStep, place: PageAddress<'_>) {
        let opened = self.form_is_open || (self.browser && self.start_browser(place.opened));
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
        let shown = place.shown;
        self.printer.prompt(&format!("{words}\n\n  {shown}\n"));
        if step == LoginStep::Authorize && !opened {
            self.take_pasted();
        }
    }

    fn stranger(&mut self, of_another_user: bool) {
        if of_another_user {
            self.printer.warn("another user of this machine connected to this login and was refused; if it was your own browser (in a container, or behind a relay), paste the address that it ended at");
        }
        if std::io::stdin().is_terminal() {
            self.listen();
        }
    }

    async fn confirm(&mut self, finished: &Finished<'_>) -> bool {
        let account = finished.account.map_or_else(
            || "an account that it does not name".to_owned(),
            |account| match &account.label {
                Some(label) => format!("account {label} ({})", account.id),
                None => format!("account {}", account.id),
            },
        );
        let how = match finished.by {
            FinishedBy::Paste => "from the address that was pasted",
            FinishedBy::ThisUser => "from your browser",
            FinishedBy::Unknown => "from a browser whose user the system does not tell",
        };
        let words = format!(
            "{}: {account}, application {}, {how}.",
            finished.provider, finished.client_id
        );
        if !std::io::stdin().is_terminal() {
            // There is nobody to ask. Whoever reads the output of this job later sees which account
            // was stored.
            self.printer.say(&words);
            return true;
        }
        self.printer.prompt(&format!(
            "{words}\nIs this your account, and the application that you registered? Store the login? [y/N]"
        ));
        self.listen();
        let response = self.any_line().await.unwrap_or_default();
        matches!(response.trim().to_ascii_lowercase().as_str(), "y" | "yes")
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
                // A browser that exits successfully has passed the URL to a window that is already
                // open.
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

/// Starts a program in a process group of its own, so that Ctrl-C in the login does not close the
/// browser.
fn start(command: &Command, programs: &Programs) -> Option<Child> {
    let mut command = programs.like(command)?;
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.process_group(0).spawn().ok()
}
