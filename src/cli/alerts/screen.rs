//! Alerts on the terminal that the command uses too.
//!
//! ```text
//! line mode (a plain program)    a line, as soon as that mode has lasted a moment
//! any other (full screen, or     the title and a notification, and no text;
//!   a prompt with editing)         the line follows as soon as line mode is back
//! ```
//!
//! Title and notification are sequences that move nothing on the screen. They are written in one
//! call. A program that writes one of its own sequences in two calls could still get one of them in
//! between; no terminal tells when that is so.

use std::fmt::Write;

use super::alert::Alert;
use crate::os::terminal::Terminal;

/// Terminals, by the start of `TERM`, that have a title. Others might print the sequence.
const TITLED: [&str; 13] = [
    "alacritty",
    "contour",
    "foot",
    "ghostty",
    "gnome",
    "konsole",
    "rxvt",
    "screen",
    "st-",
    "tmux",
    "vte",
    "wezterm",
    "xterm",
];

/// Saves the title and sets another one (xterm's control sequences), and gives the first one back.
const SAVE_TITLE: &str = "\u{1b}[22;2t";
const RESTORE_TITLE: &str = "\u{1b}[23;2t";

const BELL: &str = "\u{7}";

/// How the terminal makes its user look, if the program in front does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notification {
    Bell,
    /// `OSC 9`.
    Iterm,
    /// `OSC 777`.
    Rxvt,
}

struct Waiting {
    subject: String,
    line: String,
    /// The user has not been made to look yet.
    title: Option<String>,
}

pub(super) struct Screen {
    terminal: Option<Terminal>,
    has_title: bool,
    notification: Notification,
    is_title_set: bool,
    /// The terminal was in line mode when it was looked at last.
    is_free: bool,
    /// What waits for a free terminal.
    waiting: Vec<Waiting>,
}

impl Screen {
    pub(super) fn new(shows: bool) -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        let term = variable("TERM");
        Self {
            terminal: shows.then(Terminal::of_stderr).flatten(),
            has_title: TITLED.iter().any(|start| term.starts_with(start)),
            notification: notification(&variable),
            is_title_set: false,
            is_free: false,
            waiting: Vec::new(),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.is_title_set || !self.waiting.is_empty()
    }

    pub(super) fn tell(&mut self, alert: &Alert) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let is_mended = alert.command.is_none();
        if is_mended {
            let before = self.waiting.len();
            self.waiting
                .retain(|waiting| waiting.subject != alert.subject);
            if self.waiting.len() < before {
                // The user has seen neither line, and needs none of them any more.
                self.look();
                return;
            }
        }
        self.is_free = terminal.is_in_line_mode();
        self.waiting.push(Waiting {
            subject: alert.subject.clone(),
            line: alert.line.clone(),
            title: (!is_mended).then(|| alert.title.clone()),
        });
        if !self.is_free {
            self.call_all();
        }
    }

    /// Shows what waits, if the terminal is free. A program may leave its mode for a moment, to
    /// start another one (vim does for `system()`), and the alert may be of that one's request: so
    /// it is looked at twice.
    pub(super) fn look(&mut self) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let was_free = std::mem::replace(&mut self.is_free, terminal.is_in_line_mode());
        if self.waiting.is_empty() || (was_free && self.is_free) {
            self.restore();
            self.show();
        } else if !self.is_free {
            self.call_all();
        }
    }

    fn call_all(&mut self) {
        let titles = self.waiting.iter_mut().filter_map(|it| it.title.take());
        for title in titles.collect::<Vec<_>>() {
            self.call(&title);
        }
    }

    fn show(&mut self) {
        if let Some(terminal) = &self.terminal {
            // The command's own line may have no end yet.
            self.waiting
                .retain(|it| !terminal.write(&format!("\nauthsome: {}\n", it.line)));
        }
    }

    /// Sets the title, and makes the user look.
    fn call(&mut self, title: &str) {
        let Some(terminal) = &self.terminal else {
            return;
        };
        let mut text = String::new();
        if self.has_title {
            if !self.is_title_set {
                text.push_str(SAVE_TITLE);
            }
            let _ = write!(text, "\u{1b}]2;{title}{BELL}"); // a string takes all
        }
        let _ = match self.notification {
            Notification::Bell => text.write_str(BELL),
            Notification::Iterm => write!(text, "\u{1b}]9;{title}{BELL}"),
            Notification::Rxvt => write!(text, "\u{1b}]777;notify;authsome;{title}{BELL}"),
        };
        if terminal.write(&text) {
            self.is_title_set = self.has_title;
        }
    }

    /// Gives the terminal its title back.
    pub(super) fn restore(&mut self) {
        if let Some(terminal) = &self.terminal
            && self.is_title_set
        {
            let _ = terminal.write(RESTORE_TITLE);
            self.is_title_set = false;
        }
    }
}

/// What the terminal is known for. A multiplexer keeps sequences that it does not know to itself,
/// but hands on a bell.
fn notification(variable: &dyn Fn(&str) -> String) -> Notification {
    let term = variable("TERM");
    let is_inside = !variable("TMUX").is_empty()
        || ["screen", "tmux"]
            .iter()
            .any(|start| term.starts_with(start));
    let program = variable("TERM_PROGRAM");
    match (is_inside, program.as_str()) {
        (true, _) => Notification::Bell,
        (_, "iTerm.app" | "WezTerm" | "ghostty") => Notification::Iterm,
        _ if term == "xterm-kitty" || term == "xterm-ghostty" => Notification::Iterm,
        _ if term.starts_with("foot") || term.starts_with("rxvt-unicode") => Notification::Rxvt,
        _ => Notification::Bell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_what_it_knows() {
        let known = |term: &str, program: &str, tmux: &str| {
            notification(&|name: &str| {
                let value = match name {
                    "TERM" => term,
                    "TERM_PROGRAM" => program,
                    _ => tmux,
                };
                value.to_owned()
            })
        };
        for (term, program, tmux, expected) in [
            ("xterm-256color", "", "", Notification::Bell),
            ("xterm-256color", "WezTerm", "", Notification::Iterm),
            ("xterm-256color", "WezTerm", "/tmp/tmux", Notification::Bell),
            ("xterm-kitty", "", "", Notification::Iterm),
            ("foot", "", "", Notification::Rxvt),
            ("tmux-256color", "iTerm.app", "", Notification::Bell),
            ("", "", "", Notification::Bell),
        ] {
            assert_eq!(known(term, program, tmux), expected, "{term} {program}");
        }
    }
}
