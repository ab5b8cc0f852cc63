//! The user's browser and terminal, for a login.

mod commands;
mod opening;
mod qr;
mod surroundings;
mod words;

use std::io::IsTerminal;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Stdin};
use tokio::task::JoinHandle;

use self::surroundings::Surroundings;
pub(super) use self::surroundings::has_browser;
use super::printer::Printer;
use crate::connection::{DeviceCode, Finished, LoginPrompt, LoginStep, PageAddress};
use crate::env::programs::Programs;
use crate::loopback::{REDIRECT_PORT, RedirectUri};

/// Opens a page in the user's browser. Returns whether one could be started.
pub(super) fn open_page(url: &str, printer: &Printer, programs: Programs) -> bool {
    Prompt::new(printer, programs, true).start_browser(url)
}

/// Shows URLs, opens them in a browser, and reads a URL that the user pastes.
pub(super) struct Prompt<'a> {
    printer: &'a Printer,
    programs: Programs,
    browser: bool,
    surroundings: Surroundings,
    /// Whether the surroundings have been explained.
    is_explained: bool,
    /// Who shows the page that the user has to see.
    shown: Shown,
    /// What to show if the browser that was started turns out to have failed.
    unopened: Option<Unopened>,
    /// A line is on the terminal that the next one replaces.
    is_counting: bool,
    /// Whether the browser that was started exited successfully, once it has exited.
    browser_ends: Option<JoinHandle<bool>>,
    /// Standard input, while a URL may be pasted. `None` before that, and after its end.
    terminal: Option<BufReader<Stdin>>,
    /// The part of a line that was read before another event interrupted the read.
    line: Vec<u8>,
}

/// Who shows the page that the user has to see.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The user, who opens its URL.
    ByHand,
    /// A browser that authsome has started, which each page leads to the next one.
    InBrowser,
    /// Nobody yet.
    Nowhere,
}

/// A page for which no browser is open.
struct Unopened {
    step: LoginStep,
    shown: String,
    about: String,
    redirect_uri: RedirectUri,
}

impl<'a> Prompt<'a> {
    pub(super) fn new(printer: &'a Printer, programs: Programs, browser: bool) -> Self {
        Self {
            printer,
            programs,
            browser,
            surroundings: Surroundings::detect(REDIRECT_PORT),
            is_explained: false,
            shown: Shown::Nowhere,
            unopened: None,
            is_counting: false,
            browser_ends: None,
            terminal: None,
            line: Vec::new(),
        }
    }

    /// Starts the browser. Returns whether one could be started.
    fn start_browser(&mut self, url: &str) -> bool {
        if self.printer.open_elsewhere(url) {
            return true;
        }
        // Without a display, the desktop's opener would find a browser for a terminal.
        if !self.browser || self.surroundings != Surroundings::Desktop {
            return false;
        }
        self.browser_ends = opening::open(url, &self.programs);
        self.browser_ends.is_some()
    }

    /// Shows what the user has to open by hand, and begins to read what is pasted.
    fn show(&mut self, unopened: &Unopened) {
        self.explain();
        let shown = &unopened.shown;
        let words = match unopened.step {
            LoginStep::Client | LoginStep::Key => "Open this form on this machine:",
            LoginStep::Authorize => "Open this URL, on any machine:",
        };
        self.printer.prompt(&format!("{words}\n\n  {shown}\n"));
        if unopened.step == LoginStep::Client {
            self.printer
                .say(&words::register(&unopened.about, unopened.redirect_uri));
        } else if unopened.step == LoginStep::Key {
            // A key that is pasted at the terminal would be shown there.
            return;
        } else if std::io::stdin().is_terminal() && self.terminal.is_none() {
            self.printer
                .say("If the browser cannot return here, paste the address that it ends at:");
        }
        self.listen();
    }

    /// What works here, where a browser that is elsewhere does not reach this login by itself.
    fn explain(&mut self) {
        if std::mem::replace(&mut self.is_explained, true) {
            return;
        }
        match &self.surroundings {
            Surroundings::Ssh { tunnel } => self.printer.prompt(&format!(
                "This is an SSH session. Keep this running on the computer that you sit at:\n\n  {tunnel}\n"
            )),
            Surroundings::Container if self.browser => self.printer.say(
                "This is a container: a browser outside does not reach it, unless port 7998 is forwarded to its 127.0.0.1.",
            ),
            Surroundings::Container | Surroundings::Desktop => {}
        }
    }

    /// Whether nobody can go on with this login: no browser is open, no line can be pasted, and
    /// nobody sees what is printed. With `--no-browser`, the user knows who can.
    fn is_unattended(&self) -> bool {
        self.browser && self.terminal.is_none() && !std::io::stderr().is_terminal()
    }

    fn clear_count(&mut self) {
        if std::mem::take(&mut self.is_counting) {
            self.printer.replace_line("");
        }
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
        self.clear_count();
        let opened = self.shown == Shown::InBrowser || self.start_browser(place.opened);
        let unopened = Unopened {
            step,
            shown: place.shown.to_owned(),
            about: place.about.to_owned(),
            redirect_uri: place.redirect_uri,
        };
        if !opened {
            self.shown = Shown::ByHand;
            self.show(&unopened);
            return;
        }
        self.shown = Shown::InBrowser;
        match step {
            LoginStep::Client => self.printer.say(&format!(
                "Opening {} in your browser, which asks for the OAuth application.",
                place.shown
            )),
            LoginStep::Key => self.printer.say(&format!(
                "Opening {} in your browser, which asks for the key.",
                place.shown
            )),
            LoginStep::Authorize => self.printer.say(&format!(
                "Opening {} in your browser, which asks for your consent.",
                place.about
            )),
        }
        self.printer.detail_lines(&format!("\n  {}\n", place.shown));
        self.unopened = Some(unopened);
    }

    fn start_over(&mut self, because: &str) {
        self.clear_count();
        self.printer.say(because);
        if self.shown == Shown::InBrowser {
            self.shown = Shown::Nowhere;
        }
        self.unopened = None;
    }

    fn stranger(&mut self, of_another_user: bool) {
        self.clear_count();
        if of_another_user {
            self.printer.warn("another user of this machine connected to this login and was refused; if it was your own browser (in a container, or behind a relay), paste the address that it ended at");
        }
        if std::io::stdin().is_terminal() {
            self.listen();
        }
    }

    fn code(&mut self, code: &DeviceCode<'_>) {
        let DeviceCode {
            code,
            uri,
            complete_uri,
        } = *code;
        self.printer.prompt(&format!(
            "Open this URL on any device, and enter the code:\n\n  {uri}\n  {code}\n"
        ));
        let is_terminal = std::io::stderr().is_terminal();
        if let Some(picture) = complete_uri.and_then(qr::picture).filter(|_| is_terminal) {
            self.printer.picture(&picture);
        }
    }

    async fn confirm(&mut self, finished: &Finished<'_>) -> bool {
        self.clear_count();
        let words = words::finished(finished);
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
        self.clear_count();
        self.printer.say(words);
    }

    async fn pasted(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.next_line().await {
                return Some(line);
            }
            let Some(ends) = &mut self.browser_ends else {
                // With `--no-browser`, whoever started this goes on elsewhere.
                let is_left = !self.browser && self.terminal.is_none();
                if self.shown == Shown::ByHand && (is_left || self.is_unattended()) {
                    return None;
                }
                return std::future::pending().await;
            };
            // A browser that exits successfully has passed the URL to a window that is already
            // open.
            let well = ends.await.unwrap_or(true);
            self.browser_ends = None;
            let unopened = self.unopened.take();
            if let Some(unopened) = unopened.filter(|_| !well) {
                self.clear_count();
                self.printer.say("The browser could not be opened.");
                self.shown = Shown::ByHand;
                self.show(&unopened);
            }
        }
    }

    fn is_resumable(&self) -> bool {
        !self.browser
    }

    fn waiting(&mut self, left: Option<Duration>) {
        let Some(left) = left else {
            self.clear_count();
            return;
        };
        // A line that the user types must not be overwritten.
        if self.terminal.is_some() {
            return;
        }
        let seconds = left.as_secs();
        let words = format!(
            "Waiting for the browser, {}:{:02} left",
            seconds / 60,
            seconds % 60
        );
        self.is_counting = self.printer.replace_line(&words);
    }
}

impl Drop for Prompt<'_> {
    fn drop(&mut self) {
        self.clear_count();
    }
}
