//! Errors of a login, and of requests to a provider's endpoints.

use super::tls::tls_hint;
use super::{Exit, Failure};
use crate::connection::LoginError;
use crate::loopback::{BindError, REDIRECT_PORT};
use crate::oauth::{OAuthError, ResponseRefused};
use crate::os::port_owner::port_owner;
use crate::text::with_causes;

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::Trust(error) => error.into(),
            OAuthError::Tls { ref trouble, .. } => {
                let hint = tls_hint(trouble.remedy);
                Self::of(Exit::Unreachable, "endpoint_unreachable", &error, hint)
            }
            OAuthError::Starved { shortage, .. } => Self::of(
                Exit::Unreachable,
                "resource_exhausted",
                &error,
                shortage.hint(),
            ),
            _ if error.is_unreachable() => Self::of(
                Exit::Unreachable,
                "endpoint_unreachable",
                &error,
                "check the server's address and the network",
            ),
            OAuthError::Refused { ref code, .. } if code == "invalid_client" => {
                let hint = "check the application's ID and secret (--client-id ID, --client-secret-file PATH), then try again: authsome login PROVIDER";
                Self::of(Exit::Usage, "authentication_failed", &error, hint)
            }
            OAuthError::Metadata { .. } | OAuthError::NoMetadata { .. } => {
                let hint = "check the address, which is that of the endpoint itself, such as https://HOST/mcp; if it is right, only the server's operator can mend this";
                Self::of(Exit::Usage, "not_the_service", &error, hint)
            }
            OAuthError::NotJson { .. } | OAuthError::Redirected { .. } => {
                let hint = "check the server's address: this does not look like the service's OAuth endpoint";
                Self::of(Exit::Usage, "authentication_failed", &error, hint)
            }
            _ => Self::of(
                Exit::Usage,
                "authentication_failed",
                &error,
                "try again: authsome login PROVIDER",
            ),
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let again = "try again: authsome login PROVIDER";
        match error {
            LoginError::AnotherService { .. } => {
                let hint = "check the address; where the service is below a path: --base-url https://HOST/PATH";
                Self::of(Exit::Usage, "not_the_service", &error, hint)
            }
            LoginError::Bind(ref cause @ BindError::Port { .. }) => port_taken(cause),
            LoginError::Bind(BindError::Random(_)) => {
                Self::of(Exit::Unexpected, "unexpected", &error, "try again")
            }
            LoginError::Cancelled { .. } => Self::of(Exit::Usage, "cancelled", &error, again),
            LoginError::Deadline { .. } => Self::of(Exit::Usage, "login_timeout", &error, again),
            LoginError::Declined { .. } => {
                let hint = "log in again, in a browser that has the right account: authsome login PROVIDER";
                Self::of(Exit::Usage, "cancelled", &error, hint)
            }
            LoginError::Denied(ref refused) => denied(refused),
            LoginError::Exists { ref id, .. } => {
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
                        "the new grant is still valid ({error}): revoke it on the provider's applications page"
                    ),
                };
                let mut failure = Self::from(*source);
                failure.message = format!("{}; {grant}", failure.message);
                failure
            }
            LoginError::OAuth(error) => error.into(),
            LoginError::Store(error) => error.into(),
            LoginError::CodeExpired { .. }
            | LoginError::Left(_)
            | LoginError::KeyRefused { .. }
            | LoginError::KeyUnusable { .. }
            | LoginError::NoApplication
            | LoginError::NoEndpoint(_)
            | LoginError::NoInstance { .. }
            | LoginError::NothingToResume
            | LoginError::NotRegistered { .. } => flow_failed(&error),
            LoginError::Unattended => {
                let hint = "log in at a terminal; or, for a browser that opens the URL which it prints: authsome login PROVIDER --no-browser";
                Self::of(Exit::Usage, "login_unattended", &error, hint)
            }
        }
    }
}

fn denied(refused: &ResponseRefused) -> Failure {
    let hint = match refused {
        ResponseRefused::State | ResponseRefused::Incomplete => {
            "give the address of this login's own browser: authsome login PROVIDER"
        }
        _ => "allow it in the browser, or request fewer scopes: --scopes A,B",
    };
    Failure::of(Exit::Usage, "authentication_failed", refused, hint)
}

/// A flow that the provider, the user or the definition does not allow.
fn flow_failed(error: &LoginError) -> Failure {
    let (code, hint) = match error {
        LoginError::KeyRefused { .. } => (
            "authentication_failed",
            "check it on the service's page, then try again: authsome login PROVIDER",
        ),
        LoginError::KeyUnusable { .. } => (
            "key_invalid",
            "copy it again, whole and without blanks, then: authsome login PROVIDER",
        ),
        LoginError::NoApplication => (
            "usage",
            "authsome login PROVIDER --client-id ID --client-secret-file PATH",
        ),
        LoginError::NothingToResume => ("resume_unknown", "authsome login PROVIDER --no-browser"),
        LoginError::NoEndpoint(_) => (
            "flow_not_offered",
            "another way to log in: authsome login PROVIDER --flow FLOW",
        ),
        LoginError::NoInstance { .. } => (
            "authentication_failed",
            "this is a fault of the provider, or of its definition: authsome inspect PROVIDER",
        ),
        LoginError::NotRegistered { .. } => (
            "not_registered",
            "register an application there by hand: authsome login PROVIDER --client-id ID",
        ),
        _ => ("login_timeout", "try again: authsome login PROVIDER"),
    };
    Failure::of(Exit::Usage, code, error, hint)
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
        format!("{}{by}", with_causes(error)),
        hint,
    )
}
