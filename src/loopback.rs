//! The listener of a login on this machine (RFC 8252 §7.3), and what a page needs that only this
//! user may see.
//!
//! It is bound before the browser opens, to an address and not to a name (§8.3). Four checks stand
//! before every page, each against an attack from this machine or from another site in the same
//! browser:
//!
//! - **another user** of this machine: the kernel says whose the connection is, before a byte of it
//!   is read (`accept_limits.rs`);
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
mod accept_limits;
mod address;
mod pages;
mod requests;
mod responses;
mod shared;

use std::io;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use self::accept::accept;
use self::accept_limits::AcceptLimits;
pub use self::accept_limits::Visitor;
use self::address::{ADDRESS, ORIGIN, START_PATH};
pub use self::address::{FORM_URL, REDIRECT_PORT, REDIRECT_URI};
pub use self::pages::{ClientForm, Outcome};
pub use self::shared::Arrival;
use self::shared::{Shared, Start, lock};
use crate::secret::random_text;

/// Why the listener is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The port is taken, or may not be used.
    #[error("port {REDIRECT_PORT} of 127.0.0.1 cannot be used")]
    Port(#[source] io::Error),
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
}

/// The listener on 127.0.0.1:7998; it ends when dropped.
#[derive(Debug)]
pub struct Listener {
    arrivals: mpsc::Receiver<Arrival>,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
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
            accept_limits: AcceptLimits::new(),
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
