//! The request for a login, from its flags and the definition.

use std::collections::BTreeMap;

use authsome_providers::{
    Auth, BaseUrl, Definition, JsonPointer, Service, Shape, SignIn, SignedFor,
};
use tokio::runtime::Runtime;

use super::files::Files;
use super::key::key;
use super::report::proof;
use super::{flags, place, server};
use crate::cli::args::Login;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::connection::{Connection, FlowRequest, LoginRequest, Resumed, StoreError, Terms};
use crate::credential::ConnectionId;
use crate::net::tls::ClientCertificate;
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
    /// The second step of a login that was suspended.
    pub(super) resumed: Option<Resumed>,
}

pub(super) fn request(
    arguments: &Login,
    asked: Asked,
    definition: &Definition,
    user_data: &UserData,
    runtime: &Runtime,
    printer: &Printer,
) -> Result<LoginRequest, Failure> {
    let Asked {
        id,
        base_url,
        is_by_address,
        files,
        resumed: asked_resumed,
    } = asked;
    // A flag with an address stands for all that the connection was made with; a target that is the
    // connection's own server does not.
    let renews = |connection: &Connection| {
        let is_its_own = is_by_address && base_url == connection.base_url;
        arguments.force && (base_url.is_none() || is_its_own)
    };
    let renewed = stored(&id, user_data)?.filter(renews);
    let earlier = renewed.map(Earlier::of).unwrap_or_default();
    let params = place::params(arguments, definition, earlier.params, printer)?;
    let provider = definition.placed(&params)?;
    flags::check(arguments, &provider)?;
    let sign_in = provider.sign_in_at(base_url.or(earlier.base_url).as_ref())?;
    let service = provider.at(sign_in.base_url.as_ref())?;
    let flow = match &provider.auth {
        Auth::ApiKey(api_key) => {
            server::flow(arguments, &provider)?;
            let at = (&*provider, &sign_in);
            FlowRequest::Key(key(arguments, at, api_key, runtime, printer)?)
        }
        Auth::OAuth2(oauth) => {
            let is_certified = files.client_certificate.is_some();
            server::request(arguments, &provider, oauth, &sign_in, is_certified, runtime)?
        }
    };
    let allowed_guards = user_data.settings.allowed_guards_of(&id.provider);
    Ok(LoginRequest {
        terms: Terms::new(definition, &service, allowed_guards),
        proof: proof(&id, &sign_in, user_data)?,
        id,
        provider: provider.display_name.clone(),
        base_url: sign_in.base_url.clone(),
        params,
        ca_pem: files.ca_pem.or(earlier.ca_pem),
        client_certificate: files.client_certificate.or(earlier.client_certificate),
        account_lookups: account_lookups(&sign_in, &service),
        replace: arguments.force,
        flow,
        resumed: asked_resumed,
    })
}

/// What a connection that is renewed was made with.
#[derive(Default)]
struct Earlier {
    base_url: Option<BaseUrl>,
    ca_pem: Option<String>,
    client_certificate: Option<ClientCertificate>,
    params: BTreeMap<String, String>,
}

impl Earlier {
    fn of(connection: Connection) -> Self {
        Self {
            base_url: connection.base_url,
            ca_pem: connection.ca_pem,
            client_certificate: connection.client_certificate,
            params: connection.params,
        }
    }
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

/// Each look-up with the shape in which that resource takes the credential.
pub(in crate::cli) fn account_lookups(sign_in: &SignIn, service: &Service) -> Vec<AccountLookup> {
    let lookups = sign_in.account_lookups.iter();
    let lookups = lookups.map(|lookup| {
        let url = &lookup.url;
        let path = service.relative_path(url.path()).unwrap_or(url.path());
        let host = url.host_str().unwrap_or_default();
        let method = if lookup.post.is_some() { "POST" } else { "GET" };
        let found = service.rules.injection(host, method, path, url.query());
        let shape = found.and_then(|found| service.rules.shapes().get(found.shape));
        let text = |pointer: &JsonPointer| pointer.as_str().to_owned();
        let signed_for = |signed: &SignedFor| (signed.region.clone(), signed.service.clone());
        AccountLookup {
            url: url.clone(),
            shape: shape.cloned().unwrap_or(Shape::Bearer),
            id: lookup.id.as_ref().map(text),
            label: lookup.label.as_ref().map(text),
            post: lookup.post.clone(),
            signed_for: lookup.signed_for.as_ref().map(signed_for),
        }
    });
    lookups.collect()
}
