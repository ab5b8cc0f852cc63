//! The user's side of a login.

use std::time::Duration;

use crate::loopback::{RedirectUri, Visitor};
use crate::oauth::Account;

/// A page that the user has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStep {
    /// The provider's page.
    Authorize,
    /// The form in which the user names the application.
    Client,
    /// The form for a key. Nothing is pasted at the terminal instead.
    Key,
}

/// The address of such a page.
#[derive(Clone, Copy, Debug)]
pub struct PageAddress<'a> {
    /// Shown to the user only; it may contain what others must not know.
    pub shown: &'a str,
    /// Passed to a browser as an argument, which every user of the machine can read.
    pub opened: &'a str,
    /// What the page is about: the host that it is at, or for the form the page on which an
    /// application is registered.
    pub about: &'a str,
    /// Where the provider will send the browser back to.
    pub redirect_uri: RedirectUri,
}

/// A code that the user enters on another device.
#[derive(Clone, Copy, Debug)]
pub struct DeviceCode<'a> {
    /// The code.
    pub code: &'a str,
    /// Where it is entered.
    pub uri: &'a str,
    /// The same with the code in it, if the server has such a URL.
    pub complete_uri: Option<&'a str>,
}

/// Who has finished a login at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishedBy {
    /// Somebody unknown: the address of the redirect was pasted at the terminal.
    Paste,
    /// A browser of the user who runs authsome.
    ThisUser,
    /// A browser whose user the system does not report.
    Unknown,
}

impl FinishedBy {
    /// Combines who brought the redirect with who named the application (`None` if it was known
    /// before). If the latter is unknown, so is the result.
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

/// A login that is about to be stored, as it is shown to the user.
#[derive(Debug)]
pub struct Finished<'a> {
    /// The provider's display name, and its base URL if it has one.
    pub provider: String,
    /// The account, if the provider named it.
    pub account: Option<&'a Account>,
    /// The application that the grant was issued to.
    pub client_id: &'a str,
    /// Who finished the login.
    pub by: FinishedBy,
}

/// The user's side of a login: a browser and a terminal.
pub trait LoginPrompt {
    /// Shows the URL, and opens it in a browser if that is possible.
    fn open(&mut self, step: LoginStep, place: PageAddress<'_>);
    /// The pages that were shown have come to nothing, and the next one is to be opened anew.
    fn start_over(&mut self, because: &str);
    /// The listener refused a connection: it belongs to another user, or to none that the kernel
    /// knows of. It may be that of the user's own browser, in a container or behind a relay.
    fn stranger(&mut self, of_another_user: bool);
    /// Shows the code that the user enters on another device, and where (RFC 8628 §3.3).
    fn code(&mut self, code: &DeviceCode<'_>);
    /// Shows a login that another user may have finished, and asks whether to store it. If nobody
    /// is there to ask, it is stored.
    fn confirm(&mut self, finished: &Finished<'_>) -> impl Future<Output = bool>;
    /// Reports something that does not end the login.
    fn say(&mut self, words: &str);
    /// The next line that the user pastes; never ready if nobody can paste one. `None` if no
    /// browser is open either, so that nobody can finish this login.
    fn pasted(&mut self) -> impl Future<Output = Option<String>>;
    /// Whether a login that nobody here can go on with may be finished by another process.
    fn is_resumable(&self) -> bool;
    /// Called every second while the user has something to do: how much time is left for it. `None`
    /// as soon as something has arrived.
    fn waiting(&mut self, left: Option<Duration>);
}
