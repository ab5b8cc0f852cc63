//! The error for a connection that does not exist.

use authsome_providers::ProviderId;

use super::{Exit, Failure};
use crate::credential::ConnectionName;

pub(in crate::cli) fn not_found(provider: &ProviderId, name: Option<&ConnectionName>) -> Failure {
    let (message, hint) = match name {
        Some(name) => (
            format!("there is no connection {provider}/{name}"),
            format!(
                "authsome login {provider} --connection {name}; see all connections: authsome list"
            ),
        ),
        None => (
            format!("{provider} is not connected"),
            format!("authsome login {provider}"),
        ),
    };
    Failure::new(Exit::NoConnection, "connection_not_found", message, hint)
}
