//! What a login says that has failed.

use super::{Exit, Failure, chain};
use crate::connection::LoginError;
use crate::loopback::{BindError, REDIRECT_PORT};
use crate::port_owner::port_owner;

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Bind(ref cause @ BindError::Port(_)) => port_taken(cause),
            LoginError::Bind(BindError::Random(_)) => {
                Self::of(Exit::Unexpected, "unexpected", &error, "try again")
            }
            LoginError::Deadline => Self::of(
                Exit::Usage,
                "login_timeout",
                &error,
                "try again: authsome login PROVIDER",
            ),
            LoginError::Declined { .. } => Self::of(
                Exit::Usage,
                "cancelled",
                &error,
                "log in again, in a browser that has the right account: authsome login PROVIDER",
            ),
            LoginError::Denied(ref refused) => {
                let hint = "allow it in the browser, or ask for less: --scopes A,B";
                Self::of(Exit::Usage, "authentication_failed", refused, hint)
            }
            LoginError::Exists(ref id) => {
                let hint = format!(
                    "replace it: authsome login {0} --connection {1} --force; or add another: authsome login {0} --connection NAME",
                    id.provider, id.name
                );
                Self::of(Exit::ConnectionExists, "connection_exists", &error, hint)
            }
            LoginError::NotStored { source, revocation } => {
                let grant = match revocation {
                    None => "the new grant was revoked at the provider".to_owned(),
                    Some(error) => format!(
                        "the new grant is still good ({error}): end it on the provider's page of applications"
                    ),
                };
                let mut failure = Self::from(*source);
                failure.message = format!("{}; {grant}", failure.message);
                failure
            }
            LoginError::OAuth(error) => error.into(),
            LoginError::Store(error) => error.into(),
        }
    }
}

fn port_taken(error: &BindError) -> Failure {
    let port = REDIRECT_PORT;
    let (by, hint) = match port_owner(port) {
        Some(owner) => (
            format!("; it is held by {} (process {})", owner.name, owner.pid),
            format!("end that process, then try again: kill {}", owner.pid),
        ),
        None => (
            String::new(),
            format!("see who holds it: ss -ltnp 'sport = :{port}'"),
        ),
    };
    Failure::new(
        Exit::Unreachable,
        "port_unavailable",
        format!("{}{by}", chain(error)),
        hint,
    )
}
