//! The only place that turns the notices of a session into text.

use std::cell::RefCell;
use std::fmt::Display;

use super::failure::{Failure, unused_directory};
use super::printer::Printer;
use super::words::shell_word;
use crate::credential::ConnectionId;
use crate::hand_back::HandBackError;
use crate::proxy::{PendingRequest, Wanted};
use crate::session::{Change, Notice};
use crate::text::with_causes;

/// The maximum number of names in one line.
const MAX_NAMES: usize = 4;

/// Prints a notice.
pub(super) fn tell(notice: Notice, printer: &Printer) {
    match notice {
        Notice::Adopted(_)
        | Notice::ConnectedAgain(_)
        | Notice::Joined { .. }
        | Notice::NoConnection
        | Notice::WaitingForHandBack
        | Notice::WaitingForRefresh => {
            printer.say(&words(notice));
        }
        Notice::NoControl(_) | Notice::NotEntered(_) => printer.detail(&words(notice)),
        _ => printer.warn(&words(notice)),
    }
}

/// Notices that are printed once it is known that they stand.
pub(super) struct HeldNotices<'a> {
    printer: &'a Printer,
    /// `None` once they are printed as they come.
    held: RefCell<Option<Vec<Notice>>>,
}

impl<'a> HeldNotices<'a> {
    /// Holds all notices until [`Self::release`].
    pub(super) fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            held: RefCell::new(Some(Vec::new())),
        }
    }

    pub(super) fn notify(&self, notice: Notice) {
        match &mut *self.held.borrow_mut() {
            Some(held) => held.push(notice),
            None => tell(notice, self.printer),
        }
    }

    /// Drops what is held.
    pub(super) fn forget(&self) {
        if let Some(held) = &mut *self.held.borrow_mut() {
            held.clear();
        }
    }

    /// Prints what is held, and what comes from now on.
    pub(super) fn release(&self) {
        for notice in self.held.take().into_iter().flatten() {
            tell(notice, self.printer);
        }
    }
}

pub(super) fn words(notice: Notice) -> String {
    match notice {
        Notice::Adopted(id) => format!("authsome: another job has renewed {id}; its pair is used"),
        Notice::Asks(request) => asks(&request),
        Notice::Changed {
            change,
            connections,
        } => format!("{}: {}", list(&connections), changed(&change)),
        Notice::ConnectedAgain(id) => format!("{id} is connected again"),
        Notice::Definition { provider, warning } => format!("{provider}: {warning}"),
        Notice::DirectoryUnused(unused) => unused_directory(unused),
        Notice::Joined { id, places } => joined(&id, &places),
        Notice::LacksScopes { id, scopes } => format!(
            "{id} lacks a scope that the provider asks for; to grant it: {}",
            wider_login(&id, &scopes)
        ),
        Notice::LeftAlone(name) => {
            format!("--no-env {} has no effect: authsome does not set that variable", name.display())
        }
        Notice::LeftOut { id, error } => {
            format!("{id} takes no part: {}", Failure::from(error).message)
        }
        Notice::MoreChanges(more) => more_changes(more),
        Notice::NeedsLogin { id, reason } => format!(
            "{id} needs a new login ({reason}); run: authsome login {} --connection {} --force",
            id.provider, id.name
        ),
        Notice::NoConnection => "authsome: no connection, so nothing will be injected; connect one: authsome login gitlab".to_owned(),
        Notice::NoRoots => "this system has no trusted root certificates (package ca-certificates); only hosts of connections with a CA of their own can be verified".to_owned(),
        Notice::NoVariables(id) => no_variables(&id),
        Notice::NoControl(error) => format!("the run cannot be watched or stopped from elsewhere: {error}"),
        Notice::NotEntered(error) => format!("the run is not entered in the home: {error}"),
        Notice::NotHandedBack { id, error } => not_handed_back(&id, &error),
        Notice::NotHttps { id, route } => {
            format!("{id}: no credential is injected at {route}, which is not https")
        }
        Notice::RefreshGivenUp => "a refresh was still under way and was given up; its new pair is lost if the provider issued one".to_owned(),
        Notice::RequestsWait { id, reason, seconds } => requests_wait(&id, &reason, seconds),
        Notice::SecretFound(name) => format!(
            "{} holds a secret that authsome manages; the command gets the placeholder in its place",
            name.display()
        ),
        Notice::SetAside(id) => set_aside(&id),
        Notice::Tie(tie) => {
            let names: Vec<_> = tie.connections.iter().map(ToString::to_string).collect();
            let first = tie.connections.first();
            let choice = first.map(|id| format!("{}={}", id.provider, id.name));
            format!(
                "{} fit {} equally, so requests that need a token are refused there; choose one: authsome run --connection {} -- …",
                names.join(" and "),
                tie.place,
                choice.unwrap_or_default()
            )
        }
        Notice::Wanted(wanted) => asks_for_login(&wanted),
        Notice::WaitingForHandBack => "authsome: waiting until a new pair is handed back (Ctrl-C gives it up)".to_owned(),
        Notice::WaitingForRefresh => "authsome: waiting for a refresh that is under way, so that its new pair is not lost (Ctrl-C gives it up)".to_owned(),
    }
}

fn joined(id: &ConnectionId, places: &[String]) -> String {
    format!("{id} has joined the run: it is used at {}", list(places))
}

fn more_changes(more: usize) -> String {
    format!("and {more} more changes since connections were made")
}

fn set_aside(id: &ConnectionId) -> String {
    format!(
        "the vault cannot be written, so the new pair of {id} is kept beside it, sealed; the next command takes it in"
    )
}

fn no_variables(id: &ConnectionId) -> String {
    format!(
        "{id} cannot be handed back to a CI variable, since its server has none: if it is renewed, the run ends with 125; to leave it out, name the others: --only PROVIDER"
    )
}

/// The command that does what a program inside asks for. The parts of it were checked.
pub(super) fn wanted_login(wanted: &Wanted) -> String {
    let mut words = vec![format!("authsome login {}", wanted.provider)];
    words.extend(
        wanted
            .connection
            .iter()
            .map(|name| format!("--connection {name}")),
    );
    if !wanted.scopes.is_empty() {
        let scopes = wanted.scopes.join(",");
        words.push(format!("--scopes {} --force", shell_word(scopes.as_ref())));
    }
    words.join(" ")
}

fn not_handed_back(id: &ConnectionId, error: &HandBackError) -> String {
    format!(
        "the pair of {id} was not handed back ({}), so the next job may start with a spent one; hand it back by hand: authsome vault export --only {id} --to FILE",
        with_causes(error)
    )
}

fn requests_wait(id: &ConnectionId, reason: &str, seconds: u64) -> String {
    format!(
        "{id} needs a new login ({reason}), and requests wait for it, each up to {seconds} s; run: authsome login {} --connection {} --force",
        id.provider, id.name
    )
}

fn asks_for_login(wanted: &Wanted) -> String {
    let what = if wanted.scopes.is_empty() {
        "a login"
    } else {
        "scopes"
    };
    let (reason, login) = (&wanted.reason, wanted_login(wanted));
    format!("the command asks for {what} ({reason}); to do so: {login}")
}

fn asks(request: &PendingRequest) -> String {
    let id = &request.id;
    format!(
        "{} {}{} waits for your yes ({}); see it: authsome ask show {id}; answer: authsome ask allow {id}, or authsome ask deny {id}",
        request.method, request.host, request.path, request.reason
    )
}

/// The command that widens a grant.
pub(super) fn wider_login(id: &ConnectionId, scopes: &[String]) -> String {
    let scopes = scopes.join(",");
    format!(
        "authsome login {} --connection {} --scopes {} --force",
        id.provider,
        id.name,
        shell_word(scopes.as_ref())
    )
}

fn changed(change: &Change) -> String {
    match change {
        Change::Allowed(rules) => {
            format!("config.toml has allowed since the login: {}", list(rules))
        }
        Change::Elsewhere(places) => format!(
            "nothing goes to {} until the next login; the earlier definition applies until then",
            list(places)
        ),
        Change::LeftOut(places) => format!(
            "nothing goes to {} until the next login: the connection was made for other hosts",
            list(places)
        ),
        Change::Replaced { denied } => {
            let because = "the definition has changed since the login";
            if denied.is_empty() {
                return because.to_owned();
            }
            format!(
                "{because}; still denied until the next login: {}",
                list(denied)
            )
        }
    }
}

/// The first names in one line, with the number of the remaining ones.
fn list(names: &[impl Display]) -> String {
    let shown: Vec<_> = names
        .iter()
        .take(MAX_NAMES)
        .map(ToString::to_string)
        .collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
