//! The user's side of a login.

use crate::loopback::Visitor;
use crate::oauth::Account;

/// A page that the user has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStep {
    /// The provider's page.
    Authorize,
    /// The form for the application.
    Client,
}

/// Where that page is.
#[derive(Clone, Copy, Debug)]
pub struct PageAddress<'a> {
    /// For the user's own eyes; it may hold what others must not know.
    pub shown: &'a str,
    /// For a browser's argument list, which every user of the machine can read.
    pub opened: &'a str,
}

/// Who has finished a login at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishedBy {
    /// Whoever had the address that was pasted at the terminal.
    Paste,
    /// A browser of this very user.
    ThisUser,
    /// Somebody: the system does not tell whose browser it was.
    Unknown,
}

impl FinishedBy {
    /// For what two had a hand in; the application may have been known before.
    pub(super) fn and(self, application: Option<Self>) -> Self {
        match application {
            Some(Self::Unknown) => Self::Unknown,
            _ => self,
        }
    }
}

impl From<Visitor> for FinishedBy {
    fn from(visitor: Visitor) -> Self {
        match visitor {
            Visitor::ThisUser => Self::ThisUser,
            Visitor::Unknown => Self::Unknown,
        }
    }
}

/// A login that is about to be stored, for the user to look at.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The provider's name for people, and where it is.
    pub provider: String,
    /// Whose grant it is, if the provider said.
    pub account: Option<&'a Account>,
    /// Which application has it.
    pub client_id: &'a str,
    /// Who brought it.
    pub by: FinishedBy,
}

/// The user's side of a login: a browser and a terminal.
pub trait LoginPrompt {
    /// Shows the URL, and opens it if it can.
    fn open(&mut self, step: LoginStep, place: PageAddress<'_>);
    /// Another user's connection was refused, or one of nobody's: it may have been the user's own
    /// browser, in a container or behind a relay.
    fn stranger(&mut self, of_another_user: bool);
    /// Shows a login, and asks whether it is to be stored where another than this user may have
    /// finished it and somebody is there to ask.
    fn confirm(&mut self, finished: &Finished<'_>) -> impl Future<Output = bool>;
    /// Says something that did not end the login.
    fn say(&mut self, words: &str);
    /// The next line that the user pastes; never ready where nobody can.
    fn pasted(&mut self) -> impl Future<Output = String>;
}
