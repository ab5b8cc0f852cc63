//! A login, from the first page to the stored connection.
//!
//! Nothing is stored before the last step, and the last step is one transaction. So a login that
//! ends early leaves nothing behind. A grant that cannot be stored is revoked.
//!
//! ```text
//! checks --> listener --> server --> code flow --> confirmed --> one transaction --> LoggedIn
//!   |           |           |            |             |               |
//!   |           |           |            |             |          +- NotStored, Exists: revoked
//!   |           |           |            |             +- Declined, Deadline, Cancelled: revoked
//!   |           |           |            +- no grant: Denied, OAuth, Deadline, Cancelled,
//!   |           |           |               Unattended
//!   |           |           +- AnotherService, OAuth, Cancelled
//!   |           +- Bind
//!   +- Exists, Store, OAuth
//! ```

mod browser;
mod check;
mod code;
mod device;
mod direct;
mod error;
mod kept_key;
mod key;
mod means;
mod prompt;
mod registration;
mod request;
mod suspended;

use std::pin::{Pin, pin};

use self::browser::by_browser;
use self::device::by_device;
use self::direct::by_client;
pub use self::error::{Left, LoginError};
use self::key::by_key;
use self::means::Means;
pub use self::prompt::{DeviceCode, Finished, FinishedBy, LoginPrompt, LoginStep, PageAddress};
use self::registration::{by_registration, discovered};
pub use self::request::{
    DiscoverRequest, ExchangeRequest, FlowRequest, KeyPart, KeyRequest, LoggedIn, LoginRequest,
    OAuthRequest, Resumed, SUSPENDED_LIFETIME, SuspendedLogin,
};
use self::suspended::by_resumption;
use super::record::Connection;
use super::store::ConnectionStore;
use crate::oauth::HttpClients;

/// Logs in: binds the port, leads the user through the pages, exchanges the code, and stores the
/// connection.
pub async fn login(
    request: LoginRequest,
    store: &ConnectionStore,
    clients: &HttpClients,
    prompt: &mut impl LoginPrompt,
    cancelled: impl Future<Output = ()>,
) -> Result<LoggedIn, LoginError> {
    // It is not polled again once it is ready.
    let cancelled = pin!(cancelled);
    // An early check, before the user has anything to do. The transaction of `create` checks again.
    if !request.replace
        && store
            .generation(&request.id)
            .map_err(LoginError::Store)?
            .is_some()
    {
        return Err(LoginError::Exists {
            id: request.id,
            revoked: None,
        });
    }
    // A full disk is reported before the user has anything to do.
    store.check_writable().map_err(LoginError::Store)?;
    let http = clients.for_connection(
        request.ca_pem.as_deref(),
        request.client_certificate.as_ref(),
    )?;
    let means = Means {
        request: &request,
        store,
        http: &http,
    };
    let (connection, requested_scopes) = by_flow(means, prompt, cancelled).await?;
    Ok(LoggedIn {
        connection,
        requested_scopes,
    })
}

/// Logs in by the flow of the request; returns the scopes that were requested, too.
async fn by_flow(
    means: Means<'_>,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<(Connection, Vec<String>), LoginError> {
    if let Some(resumed) = &means.request.resumed {
        let server = match &means.request.flow {
            FlowRequest::Code(server) => (**server).clone(),
            FlowRequest::Discovered(wanted) => {
                discovered(wanted, means.http, cancelled.as_mut()).await?
            }
            _ => return Err(LoginError::NoEndpoint("authorization")),
        };
        let stored = by_resumption(means, &server, resumed, prompt, cancelled);
        return Ok((stored.await?, server.scopes));
    }
    Ok(match &means.request.flow {
        FlowRequest::Key(key) => {
            let stored = by_key(means, key, prompt, cancelled);
            (stored.await?, Vec::new())
        }
        FlowRequest::ClientCredentials(server) => {
            let client = means.application(server, prompt)?;
            let stored = by_client(means, server, client, prompt, cancelled);
            (stored.await?, server.scopes.clone())
        }
        FlowRequest::Code(server) if server.registration_endpoint.is_some() => {
            let stored = by_registration(means, server, prompt, cancelled);
            (stored.await?, server.scopes.clone())
        }
        FlowRequest::Code(server) => {
            let known = means.known_application(server, prompt)?;
            let stored = by_browser(means, server, known, prompt, cancelled);
            (stored.await?, server.scopes.clone())
        }
        FlowRequest::Device(server) => {
            let client = means.application(server, prompt)?;
            let stored = by_device(means, server, client, prompt, cancelled);
            (stored.await?, server.scopes.clone())
        }
        FlowRequest::Discovered(wanted) => {
            let server = discovered(wanted, means.http, cancelled.as_mut()).await?;
            let stored = by_registration(means, &server, prompt, cancelled);
            (stored.await?, server.scopes)
        }
    })
}
