//! The listener of a login on this machine (RFC 8252 §7.3), and what a page needs that only this
//! user may see.
//!
//! It is bound before the browser opens, to an address and not to a name (§8.3). Four checks stand
//! before every page, each against an attack from this machine or from another site in the same
//! browser:
//!
//! - **another user** of this machine: the kernel says whose the connection is, before a byte of it
//!   is read (`accept.rs`);
//! - **DNS rebinding**: a request is answered only if its `Host` is ours (`requests.rs`);
//! - **cross-site request forgery**: a form carries a token of this login, and `Origin` and
//!   `Sec-Fetch-Site` say that our page sent it;
//! - **framing, sniffing and leaks by `Referer`**: every response has the policy that rules them
//!   out (`responses.rs`).
//!
//! It knows the form and the redirect of a login as fields and a query. What they mean (RFC 6749)
//! is for `oauth`, and what follows from them for `connection`: whatever comes in that is not
//! awaited, the listener keeps waiting.

mod accept;
mod pages;
mod requests;
mod responses;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

pub use self::accept::Visitor;
use self::accept::{ADDRESS, Entrance, accept};
pub use self::pages::{ClientForm, Outcome};
use crate::secret::{Secret, random_text};

/// The one port, so that one redirect URI can be registered for good.
pub const REDIRECT_PORT: u16 = 7998;

/// The one redirect URI.
pub const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";

/// The path of [`REDIRECT_URI`].
const REDIRECT_PATH: &str = "/auth/callback/oauth";

/// Where the form is.
pub const FORM_URL: &str = ORIGIN;

/// What a browser must send as `Host` and as `Origin`.
const HOST: &str = "127.0.0.1:7998";
const ORIGIN: &str = "http://127.0.0.1:7998";

/// Below it is the address that leads to the provider, once.
const START_PATH: &str = "/start/";

/// Why the listener is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The port is taken, or may not be used.
    #[error("port {REDIRECT_PORT} of 127.0.0.1 cannot be used")]
    Port(#[source] io::Error),
    /// The kernel gave no random bytes.
    #[error("no randomness from the system")]
    Random(#[from] getrandom::Error),
}

/// Something that came in from the browser and waits for a response.
#[derive(Debug)]
pub enum Arrival {
    /// The form was filled in.
    Client {
        /// Its first field.
        client_id: String,
        /// Its second, unless left empty.
        client_secret: Option<Secret<String>>,
        /// Who did that.
        visitor: Visitor,
        /// Where to send the browser, or what is wrong with the fields.
        reply: oneshot::Sender<Result<Url, String>>,
    },
    /// The provider sent the browser back.
    Redirect {
        /// With this query, which has the code in it.
        query: Secret<String>,
        /// Whose browser it is.
        visitor: Visitor,
        /// How it went.
        reply: oneshot::Sender<Outcome>,
    },
    /// A connection was turned away, for the first time in this login. It waits for no response.
    Stranger {
        /// It is another user's for sure; else nobody's that the kernel knows of.
        of_another_user: bool,
    },
}

/// The listener on 127.0.0.1:7998; it ends when dropped.
#[derive(Debug)]
pub struct Listener {
    arrivals: mpsc::Receiver<Arrival>,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    arrivals: mpsc::Sender<Arrival>,
    csrf: Secret<String>,
    form: Mutex<Option<ClientForm>>,
    start: Mutex<Option<Start>>,
    entrance: Entrance,
}

/// The way to the provider: its URL holds the `state`, which a browser's argument list would show
/// to everybody on the machine.
#[derive(Debug)]
struct Start {
    nonce: Secret<String>,
    leads_to: Url,
}

impl Listener {
    /// Binds the port and starts to serve it.
    pub async fn bind() -> Result<Self, BindError> {
        let tcp = TcpListener::bind(ADDRESS).await.map_err(BindError::Port)?;
        let (sender, arrivals) = mpsc::channel(4);
        let shared = Arc::new(Shared {
            arrivals: sender,
            csrf: random_text(32)?,
            form: Mutex::new(None),
            start: Mutex::new(None),
            entrance: Entrance::new(),
        });
        let accepting = tokio::spawn(accept(tcp, Arc::clone(&shared)));
        Ok(Self {
            arrivals,
            shared,
            accepting,
        })
    }

    /// Shows the form from now on, at [`FORM_URL`].
    pub fn show_form(&self, form: ClientForm) {
        *lock(&self.shared.form) = Some(form);
    }

    /// An address of this listener that leads to `url`, once: what a browser may be started with.
    pub fn lead_to(&self, url: &Url) -> Result<String, getrandom::Error> {
        let nonce = random_text(22)?;
        let address = format!("{ORIGIN}{START_PATH}{}", nonce.expose());
        *lock(&self.shared.start) = Some(Start {
            nonce,
            leads_to: url.clone(),
        });
        Ok(address)
    }

    /// The next thing that comes in.
    pub async fn next(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            // `shared` holds a sender, so the channel never closes.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
