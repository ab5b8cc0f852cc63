//! `authsome login`.

mod files;

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use authsome_providers::{Definition, OAuthEndpoints, Provider, SignIn};

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use self::files::{client_certificate, read_ca, read_secret};
use super::describe;
use crate::audit::{Event, Kind};
use crate::cli::args::Login;
use crate::cli::browser::Prompt;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::words::{shell_word, typed_command_with};
use crate::connection::{
    ClientCredentials, Connection, LoggedIn, LoginError, LoginRequest, StoreError, Terms, login,
};
use crate::credential::ConnectionId;
use crate::net::tls::TlsRemedy;
use crate::oauth::{AccountLookup, OAuthError};
use crate::session::{Scrub, UserData};
use crate::vault::VaultError;

/// After Ctrl-C: how long to wait for the login before the user is told, and how long after that.
const QUIET_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(10);

pub(in crate::cli) fn run(mut arguments: Login, context: &Context<'_>) -> Result<(), Failure> {
    let user_data = Context::user_data()?;
    let printer = context.printer;
    let definition = user_data.definition(&arguments.provider, printer)?;
    let browser = !arguments.no_browser;
    let programs = Scrub::programs(&user_data.store)?;
    let runtime = Context::runtime()?;
    if let Some(typed) = &arguments.base_url
        && let Some(instance) = definition.provider.instance_of(typed)
    {
        printer.say(&format!(
            "{typed} is a page of {instance}, which is used instead."
        ));
        arguments.base_url = Some(instance);
    }
    let typed_certificate = arguments.client_cert.clone();
    let request = request(arguments, &definition, &user_data, &runtime)?;
    let provider = definition.provider;
    let clients = Context::clients(&[]);
    let outcome = runtime.block_on(async {
        // Before anything is shown, because the user may press Ctrl-C from then on.
        let interrupt = signal(SignalKind::interrupt())?;
        let mut prompt = Prompt::new(printer, programs, browser);
        let (cancel, cancelled) = oneshot::channel();
        let cancelled = async { drop(cancelled.await) };
        let login = Box::pin(login(
            request,
            &user_data.store,
            &clients,
            &mut prompt,
            cancelled,
        ));
        watched(login, cancel, interrupt, printer)
            .await?
            .map_err(|error| failure(error, typed_certificate.as_deref()))
    });
    runtime.shutdown_background(); // a read of the terminal may still be running
    let LoggedIn {
        connection,
        requested_scopes,
    } = outcome?;
    user_data
        .audit
        .record(&Event::new(Kind::Login).of(&connection.id));
    let is_default = user_data
        .store
        .default_of(&connection.id.provider)?
        .as_ref()
        == Some(&connection.id.name);
    if printer.is_json() {
        printer.value(&describe(&connection, &provider, is_default)?);
        return Ok(());
    }
    say_connected(&connection, &provider, printer);
    say_scopes(&connection.tokens.scopes, &requested_scopes, printer);
    printer.say("Next: authsome run -- COMMAND");
    Ok(())
}

/// Runs a login until it ends or Ctrl-C cancels it. A cancelled login may already have a grant, or
/// be about to get one; it then revokes that grant. Only a second Ctrl-C, or [`MAX_WAIT`], prevents
/// this.
async fn watched<T>(
    login: impl Future<Output = T>,
    cancel: oneshot::Sender<()>,
    mut interrupt: Signal,
    printer: &Printer,
) -> Result<T, Failure> {
    let mut login = pin!(login);
    tokio::select! {
        outcome = &mut login => return Ok(outcome),
        _ = interrupt.recv() => drop(cancel.send(())),
    }
    tokio::select! {
        outcome = &mut login => return Ok(outcome),
        () = tokio::time::sleep(QUIET_WAIT) => printer.say(
            "authsome: waiting for the provider, so that no grant is left there (Ctrl-C gives it up)",
        ),
    }
    tokio::select! {
        outcome = login => Ok(outcome),
        () = tokio::time::sleep(MAX_WAIT) => Err(given_up()),
        _ = interrupt.recv() => Err(given_up()),
    }
}

/// If the server requires a client certificate, the hint is the command that the user typed, with
/// one more flag.
fn failure(error: LoginError, certificate: Option<&Path>) -> Failure {
    let wants_certificate = matches!(
        &error,
        LoginError::OAuth(OAuthError::Tls { trouble, .. }) if trouble.remedy == TlsRemedy::ClientCertificate
    );
    let mut failure = Failure::from(error);
    if wants_certificate {
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

fn say_scopes(granted: &[String], requested: &[String], printer: &Printer) {
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

/// The error for a login that did not end in time after Ctrl-C.
fn given_up() -> Failure {
    Failure::new(
        Exit::Usage,
        "cancelled",
        "the login was cancelled; nothing was stored, and if the provider has made a grant, it was not revoked",
        "see the provider's applications page, then try again: authsome login PROVIDER",
    )
}

fn say_connected(connection: &Connection, provider: &Provider, printer: &Printer) {
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
    printer.say(&format!("Application: {}", connection.client.client_id));
}

fn request(
    arguments: Login,
    definition: &Definition,
    user_data: &UserData,
    runtime: &Runtime,
) -> Result<LoginRequest, Failure> {
    let provider = &definition.provider;
    let id = ConnectionId {
        provider: arguments.provider,
        name: arguments.connection.unwrap_or_default(),
    };
    let renews = arguments.force && arguments.base_url.is_none();
    let (stored_base, stored_ca, stored_certificate) = match stored(&id, user_data)? {
        Some(connection) if renews => {
            let certificate = connection.client_certificate;
            (connection.base_url, connection.ca_pem, certificate)
        }
        _ => (None, None, None),
    };
    let sign_in = provider.sign_in_at(arguments.base_url.or(stored_base).as_ref())?;
    let endpoints = endpoints(&sign_in, provider)?.clone();
    let ca_file = arguments.ca_file.as_deref();
    let ca_pem = ca_file.map(read_ca).transpose()?.or(stored_ca);
    let client_certificate = match arguments.client_cert.as_deref() {
        Some(file) => Some(client_certificate(
            file,
            arguments.client_key.as_deref(),
            &endpoints,
        )?),
        None => stored_certificate,
    };
    let secret_file = arguments.client_secret_file.as_deref();
    let client = match arguments.client_id {
        Some(client_id) => Some(application(client_id, secret_file, runtime)?),
        None => None,
    };
    let scopes = arguments.scopes.as_deref().map(split_scopes);
    let scopes = scopes.unwrap_or(endpoints.scopes);
    let service = provider.at(sign_in.base_url.as_ref())?;
    let allowed_guards = user_data.settings.allowed_guards_of(&id.provider);
    Ok(LoginRequest {
        terms: Terms::new(definition, &service, allowed_guards),
        id,
        provider: provider.display_name.clone(),
        base_url: sign_in.base_url.clone(),
        ca_pem,
        client_certificate,
        client,
        authorization_endpoint: endpoints.authorization,
        token_endpoint: endpoints.token,
        revocation_endpoint: endpoints.revocation,
        issuer: sign_in.issuer.clone(),
        extra_parameters: endpoints.authorization_params,
        applications_url: sign_in.applications_url.clone(),
        account_lookups: account_lookups(&sign_in),
        scopes,
        replace: arguments.force,
    })
}

/// The connection that a login replaces. `login PROVIDER --connection NAME --force`, which all
/// hints suggest, renews it at its own instance.
fn stored(id: &ConnectionId, user_data: &UserData) -> Result<Option<Connection>, Failure> {
    match user_data.store.load(id) {
        // A record that can no longer be opened is no obstacle, because this login replaces it.
        Err(StoreError::Unreadable { .. } | StoreError::Vault(VaultError::Tampered { .. })) => {
            Ok(None)
        }
        other => Ok(other?.map(|stored| stored.connection)),
    }
}

pub(super) fn account_lookups(sign_in: &SignIn) -> Vec<AccountLookup> {
    let lookups = sign_in.account_lookups.iter();
    let lookups = lookups.map(|lookup| AccountLookup {
        url: lookup.url.clone(),
        id: lookup.id.as_str().to_owned(),
        label: lookup
            .label
            .as_ref()
            .map(|pointer| pointer.as_str().to_owned()),
    });
    lookups.collect()
}

/// The application that the user names, with its secret if it has one.
fn application(
    client_id: String,
    secret_file: Option<&Path>,
    runtime: &Runtime,
) -> Result<ClientCredentials, Failure> {
    let secret = secret_file.map(|path| read_secret(path, runtime));
    Ok(ClientCredentials {
        client_id,
        client_secret: secret.transpose()?.flatten(),
    })
}

fn endpoints<'a>(sign_in: &'a SignIn, provider: &Provider) -> Result<&'a OAuthEndpoints, Failure> {
    sign_in.oauth.as_ref().ok_or_else(|| {
        let message = format!("{} is not connected by OAuth", provider.display_name);
        Failure::new(
            Exit::Usage,
            "usage",
            message,
            format!("authsome inspect {}", provider.id),
        )
    })
}

fn split_scopes(text: &str) -> Vec<String> {
    text.split([',', ' ', '\t'])
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}
