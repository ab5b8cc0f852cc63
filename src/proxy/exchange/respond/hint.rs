//! What a client, or its user, can do about a refusal.

use std::time::Duration;

use crate::credential::ConnectionId;
use crate::net::tls::TlsRemedy;

pub(super) fn budget_hint(again: Option<Duration>) -> String {
    match again {
        Some(again) => format!(
            "send it again in {} s, or start the run with a higher --limit",
            again.as_secs().max(1)
        ),
        None => "do not try again: the user has to start a run with a higher --limit".to_owned(),
    }
}

pub(super) fn tls_hint(remedy: TlsRemedy, connection: Option<&ConnectionId>) -> String {
    let login = |flags: &str| match connection {
        Some(id) => format!(
            "`authsome login {} --connection {} {flags} --force`",
            id.provider, id.name
        ),
        None => format!("`authsome login PROVIDER {flags} --force`"),
    };
    let hint = match remedy {
        TlsRemedy::Trust => {
            let login = login("--ca-file CA.pem");
            return format!("for a private CA, or a self-signed certificate: {login}");
        }
        TlsRemedy::ClientCertificate => {
            let login = login("--client-cert CERT.pem [--client-key KEY.pem]");
            return format!("with a certificate that the server takes: {login}");
        }
        TlsRemedy::Renewal => "renew the server's certificate, or check this machine's clock",
        TlsRemedy::OtherAddress => "check the host's name and the port",
        TlsRemedy::Modern | TlsRemedy::ServerCertificate => {
            "ask the server's administrator: it cannot be changed here"
        }
        _ => "check the host's name and the network",
    };
    hint.to_owned()
}

/// An agent reads this. It must not log in itself, and need not be started again: the session takes
/// over what a login elsewhere has stored.
pub(super) fn ask_user(command: &str) -> String {
    format!(
        "ask the user to type this in another terminal: {command}; when that is done, send the request again: this session goes on, do not restart it"
    )
}

pub(super) fn choose(ids: &[String]) -> String {
    let first = ids
        .first()
        .and_then(|id| id.split_once('/'))
        .unwrap_or(("PROVIDER", "NAME"));
    format!(
        "choose one: `authsome run --connection {}={} -- …`",
        first.0, first.1
    )
}
