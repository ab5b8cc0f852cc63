//! The local listener of a login (RFC 8252 §7.3), with everything needed to show pages that only
//! this user may see.
//!
//! It is bound before the browser opens, and to an IP address rather than a name (RFC 8252 §8.3).
//! Four protections apply to every page. Each is against an attack from this machine, or from
//! another site in the same browser:
//!
//! - **another user** of this machine: the kernel tells which user a connection belongs to, before
//!   a byte of it is read (`accept_limits.rs`);
//! - **DNS rebinding**: a request is served only if its `Host` is ours (`requests.rs`);
//! - **cross-site request forgery**: a form contains a token of this login, and `Origin` and
//!   `Sec-Fetch-Site` must not name another site;
//! - **clickjacking, MIME sniffing and leaks through `Referer`**: every response has fields that
//!   prevent them (`responses.rs`).
//!
//! This module handles the form and the redirect of a login as plain fields and a plain query.
//! `oauth` knows their meaning (RFC 6749), and `connection` decides what follows. If something
//! unexpected arrives, the listener keeps waiting.

mod accept;
mod accept_limits;
mod address;
mod pages;
mod requests;
mod responses;
mod shared;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use url::Url;

use self::accept::accept;
use self::accept_limits::AcceptLimits;
pub use self::accept_limits::Visitor;
use self::address::{ADDRESS, ADDRESS_V6, ORIGIN, START_PATH};
pub use self::address::{FORM_URL, REDIRECT_PORT, RedirectUri};
pub use self::pages::{
    ClientForm, Connected, Form, FormField, FormProblem, FormWords, KeyForm, KeyInput, KeyProblem,
    Outcome,
};
pub use self::shared::Arrival;
use self::shared::{Shared, Start, lock};
use crate::os::interfaces::is_without_ipv6;
use crate::secret::random_text;

/// Why the listener could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The port is taken, or this process may not use it.
    #[error("port {REDIRECT_PORT} of {address} cannot be used")]
    Port {
        /// The address that it was to be bound at.
        address: IpAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
}

/// The listener on port 7998 of 127.0.0.1, and of `::1` where `localhost` may lead there. It ends
/// when it is dropped.
#[derive(Debug)]
pub struct Listener {
    arrivals: mpsc::Receiver<Arrival>,
    shared: Arc<Shared>,
    accepting: Vec<tokio::task::JoinHandle<()>>,
}

impl Listener {
    /// Binds the port and starts to accept connections, redirects to that URI among them.
    pub async fn bind(redirect: RedirectUri) -> Result<Self, BindError> {
        let mut listeners = vec![bound(ADDRESS).await?];
        if redirect == RedirectUri::Localhost {
            // Whoever else has this port would get the code (RFC 8252 §8.3). Without IPv6, nobody
            // has it.
            match bound(ADDRESS_V6).await {
                Err(BindError::Port { source, .. }) if is_without_ipv6(&source) => {}
                bound => listeners.push(bound?),
            }
        }
        let (sender, arrivals) = mpsc::channel(4);
        let shared = Arc::new(Shared {
            arrivals: sender,
            csrf: random_text(32)?,
            form: Mutex::new(None),
            start: Mutex::new(None),
            accept_limits: AcceptLimits::new(),
            redirect,
        });
        let accepting = listeners.into_iter();
        let accepting = accepting.map(|tcp| tokio::spawn(accept(tcp, Arc::clone(&shared))));
        let accepting = accepting.collect();
        Ok(Self {
            arrivals,
            shared,
            accepting,
        })
    }

    /// Shows the form at [`FORM_URL`] from now on.
    pub fn show_form(&self, form: Form) {
        *lock(&self.shared.form) = Some(form);
    }

    /// A URL of this listener that redirects to `url`, but only once. Unlike `url` itself, it may
    /// appear in the arguments of a browser.
    pub fn lead_to(&self, url: &Url) -> Result<String, getrandom::Error> {
        let nonce = random_text(22)?;
        let address = format!("{ORIGIN}{START_PATH}{}", nonce.expose());
        *lock(&self.shared.start) = Some(Start {
            nonce,
            leads_to: url.clone(),
        });
        Ok(address)
    }

    /// Waits for the next arrival.
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
        for accepting in &self.accepting {
            accepting.abort();
        }
    }
}

async fn bound(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| BindError::Port {
        address: address.ip(),
        source,
    })
}
