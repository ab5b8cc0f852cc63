//! Of a login, and of requests to a provider's endpoints.

use super::{Exit, Failure, chain};
use crate::connection::LoginError;
use crate::loopback::{BindError, REDIRECT_PORT};
use crate::oauth::OAuthError;
use crate::port_owner::port_owner;
use crate::tls::TlsRemedy;

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
                "check --base-url and the network",
            ),
            OAuthError::Refused { ref code, .. } if code == "invalid_client" => {
                let hint = "check the application's ID and secret: authsome login PROVIDER --client-id ID [--client-secret-file PATH]";
                Self::of(Exit::Usage, "authentication_failed", &error, hint)
            }
            OAuthError::NotJson { .. } | OAuthError::Redirected { .. } => {
                let hint = "check --base-url: this does not look like the service's OAuth endpoint";
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

pub(super) fn tls_hint(remedy: TlsRemedy) -> &'static str {
    match remedy {
        TlsRemedy::ClientCertificate => {
            "authsome login PROVIDER --connection NAME --client-cert CERT.pem [--client-key KEY.pem] --force"
        }
        TlsRemedy::Modern => {
            "enable TLS 1.3 on the server, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20: no flag changes what is accepted here"
        }
        TlsRemedy::OtherAddress => "check the name and the port in --base-url",
        TlsRemedy::Renewal => "renew the server's certificate, or check this machine's clock: date",
        TlsRemedy::ServerCertificate => {
            "issue the server a new certificate, with its name as subjectAltName: no flag changes what is accepted here"
        }
        TlsRemedy::Trust => "for a private CA, or a self-signed certificate: --ca-file CA.pem",
        _ => "check --base-url and the network",
    }
}

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
                let hint = "allow it in the browser, or request fewer scopes: --scopes A,B";
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
                        "the new grant is still valid ({error}): revoke it on the provider's applications page"
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
