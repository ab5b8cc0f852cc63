//! The request for a login, from its flags and the definition.

use std::path::Path;

use authsome_providers::{ApplicationForm, BaseUrl, Definition, OAuthEndpoints, Provider, SignIn};
use tokio::runtime::Runtime;

use super::files::{Files, read_secret, refuse_without_tls};
use super::report::proof;
use crate::cli::args::Login;
use crate::cli::failure::{Exit, Failure};
use crate::connection::{ClientCredentials, Connection, LoginRequest, StoreError, Terms};
use crate::credential::ConnectionId;
use crate::loopback::FormWords;
use crate::oauth::AccountLookup;
use crate::session::UserData;
use crate::vault::VaultError;

/// What is connected, and where.
pub(super) struct Asked {
    pub(super) id: ConnectionId,
    pub(super) base_url: Option<BaseUrl>,
    /// The address was the target, and no flag.
    pub(super) is_by_address: bool,
    pub(super) files: Files,
}

pub(super) fn request(
    arguments: Login,
    asked: Asked,
    definition: &Definition,
    user_data: &UserData,
    runtime: &Runtime,
) -> Result<LoginRequest, Failure> {
    let provider = &definition.provider;
    let Asked {
        id,
        base_url,
        is_by_address,
        files,
    } = asked;
    // A flag with an address stands for all that the connection was made with; a target that is the
    // connection's own server does not.
    let renews = |connection: &Connection| {
        let is_its_own = is_by_address && base_url == connection.base_url;
        arguments.force && (base_url.is_none() || is_its_own)
    };
    let (stored_base, stored_ca, stored_certificate) = match stored(&id, user_data)? {
        Some(connection) if renews(&connection) => {
            let certificate = connection.client_certificate;
            (connection.base_url, connection.ca_pem, certificate)
        }
        _ => (None, None, None),
    };
    let sign_in = provider.sign_in_at(base_url.or(stored_base).as_ref())?;
    let endpoints = endpoints(&sign_in, provider)?.clone();
    if files.client_certificate.is_some() {
        refuse_without_tls(&endpoints)?;
    }
    let secret_file = arguments.client_secret_file.as_deref();
    let client = arguments.client_id;
    let client = client.map(|client_id| application(client_id, secret_file, runtime));
    let scopes = arguments.scopes.as_deref().map(split_scopes);
    let scopes = scopes.unwrap_or(endpoints.scopes);
    let service = provider.at(sign_in.base_url.as_ref())?;
    let allowed_guards = user_data.settings.allowed_guards_of(&id.provider);
    Ok(LoginRequest {
        terms: Terms::new(definition, &service, allowed_guards),
        proof: proof(&id, &sign_in, user_data)?,
        id,
        provider: provider.display_name.clone(),
        base_url: sign_in.base_url.clone(),
        ca_pem: files.ca_pem.or(stored_ca),
        client_certificate: files.client_certificate.or(stored_certificate),
        client: client.transpose()?,
        authorization_endpoint: endpoints.authorization,
        token_endpoint: endpoints.token,
        revocation_endpoint: endpoints.revocation,
        metadata: endpoints.metadata,
        issuer: sign_in.issuer.clone(),
        extra_parameters: endpoints.authorization_params,
        applications_url: sign_in.applications_url.clone(),
        form_words: form_words(&provider.application_form),
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

fn form_words(form: &ApplicationForm) -> FormWords {
    FormWords {
        add: form.add.clone(),
        name: form.name.clone(),
        redirect_uri: form.redirect_uri.clone(),
        confidential: form.confidential.clone(),
        scopes: form.scopes.clone(),
        save: form.save.clone(),
        id: form.id.clone(),
        secret: form.secret.clone(),
    }
}

pub(in crate::cli) fn account_lookups(sign_in: &SignIn) -> Vec<AccountLookup> {
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
