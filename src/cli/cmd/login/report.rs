//! What a login says at its end.

use std::path::Path;

use authsome_providers::{Post, Provider, SignIn};

use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::cli::words::{shell_word, typed_command, typed_command_with};
use crate::connection::{Connection, LoginError};
use crate::credential::ConnectionId;
use crate::net::tls::TlsRemedy;
use crate::oauth::OAuthError;
use crate::session::UserData;

/// The hint is the command that the user typed, with one more flag where that helps.
pub(super) fn failure(error: LoginError, certificate: Option<&Path>, again: &str) -> Failure {
    let remedy = match &error {
        LoginError::OAuth(OAuthError::Tls { trouble, .. }) => Some(trouble.remedy),
        _ => None,
    };
    let is_unattended = matches!(error, LoginError::Unattended);
    let is_there = matches!(error, LoginError::Exists { .. });
    let mut failure = Failure::from(error);
    if is_unattended && typed_command().contains(" --no-browser") {
        failure.hint = format!(
            "log in at a terminal; or name the application, so that only a URL is left to open: {again} --client-id ID"
        );
    }
    let names_connection = typed_command().contains(" --connection");
    if is_there && !names_connection {
        failure.hint =
            format!("replace it: {again} --force; or add another: {again} --connection NAME");
    }
    // Other commands can say only in general how to log in.
    failure.hint = failure.hint.replace(ANY_LOGIN, again);
    if remedy == Some(TlsRemedy::Trust) && typed_command().contains(" --ca-file") {
        failure.hint = String::from(OTHER_CA);
    }
    if remedy == Some(TlsRemedy::ClientCertificate) {
        failure.hint = match certificate {
            None => typed_command_with("--client-cert CERT.pem [--client-key KEY.pem]"),
            Some(file) => format!(
                "see whether it is of an authority that the server takes, and in its time: openssl x509 -noout -subject -issuer -dates -in {}",
                shell_word(file.as_os_str())
            ),
        };
    }
    failure
}

/// The hint where a CA file is already named.
const OTHER_CA: &str =
    "the file of --ca-file is not of the CA, nor the certificate, of this server";

/// What stands for the typed command in the hints of errors.
const ANY_LOGIN: &str = "authsome login PROVIDER";

pub(super) fn say_scopes(granted: &[String], requested: &[String], printer: &Printer) {
    printer.say(&format!("Scopes: {}", granted.join(" ")));
    let missing: Vec<_> = requested
        .iter()
        .filter(|scope| !granted.contains(scope))
        .cloned()
        .collect();
    let added: Vec<_> = granted
        .iter()
        .filter(|scope| !requested.contains(scope))
        .cloned()
        .collect();
    if !missing.is_empty() {
        printer.warn(&format!("asked for but not granted: {}", missing.join(" ")));
    }
    if !added.is_empty() {
        printer.warn(&format!("granted but not asked for: {}", added.join(" ")));
    }
}

pub(super) fn say_connected(connection: &Connection, provider: &Provider, printer: &Printer) {
    let account = connection
        .account
        .as_ref()
        .map(|account| account.label.as_ref().unwrap_or(&account.id));
    let account = account
        .map(|account| format!(" as {account}"))
        .unwrap_or_default();
    let place = connection
        .base_url
        .as_ref()
        .map(|base| format!(" at {base}"))
        .unwrap_or_default();
    printer.say(&format!(
        "Connected {}{account}{place} (connection {}).",
        provider.display_name, connection.id
    ));
    if let Some(client) = &connection.client {
        printer.detail(&format!("Application: {}", client.client_id));
    }
}

/// Whether the user has to come back.
pub(super) fn say_lifetime(connection: &Connection, printer: &Printer) {
    match (connection.is_renewable(), connection.tokens.expires_at) {
        (true, _) => printer.say("It renews itself."),
        _ if connection.is_of_key() => {}
        (false, Some(end)) => printer.say(&format!("It ends at {end}, and cannot be renewed.")),
        (false, None) => printer.say("It does not expire."),
    }
}

/// The command that shows that the login works.
pub(super) fn say_next(proof: Option<&str>, printer: &Printer) {
    match proof {
        Some(proof) => printer.say(&format!("Try it: {proof}")),
        None => printer.say("Next: authsome run -- COMMAND"),
    }
}

/// A command that asks the server whose account it is, under `authsome run`.
pub(super) fn proof(
    id: &ConnectionId,
    sign_in: &SignIn,
    user_data: &UserData,
) -> Result<Option<String>, Failure> {
    // curl signs nothing.
    let lookup = sign_in.account_lookups.first();
    let Some(lookup) = lookup.filter(|lookup| lookup.signed_for.is_none()) else {
        return Ok(None);
    };
    let mut flag = String::new();
    // Another account at the same server: a run has to be told which one is meant.
    for other in user_data.store.list()? {
        let is_beside = other.provider == id.provider && other.name != id.name;
        if is_beside
            && let Ok(Some(stored)) = user_data.store.load(&other)
            && stored.connection.base_url == sign_in.base_url
        {
            flag = format!("--connection {}={} ", id.provider, id.name);
        }
    }
    Ok(Some(format!(
        "authsome run {flag}-- curl -sS {}{}",
        sent(lookup.post.as_ref()),
        shell_word(lookup.url.as_str().as_ref())
    )))
}

/// curl's flags for what is sent by POST, with a blank at their end.
fn sent(post: Option<&Post>) -> String {
    let Some(post) = post else {
        return String::new();
    };
    let Some(content_type) = post.content_type else {
        return "-X POST ".to_owned();
    };
    let field = format!("content-type: {content_type}");
    format!(
        "-H {} -d {} ",
        shell_word(field.as_ref()),
        shell_word(post.body.as_ref())
    )
}
