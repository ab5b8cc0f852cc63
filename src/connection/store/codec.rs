//! The JSON inside a sealed record, and inside a sealed export. No other file serializes secrets,
//! and this one does it only for what is sealed.

use authsome_providers::BaseUrl;
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use super::records::{
    CertificateRecord, ClientRecord, ConnectionRecord, FieldRecord, LineageRecord, LoginRecord,
    NeedsLogin, Plain, SecretsRecord, TermsRecord,
};
use super::style_record::StyleRecord;
use crate::clock::Timestamp;
use crate::connection::application::Application;
use crate::connection::login::SuspendedLogin;
use crate::connection::record::{ClientCredentials, Connection, GrantState, Tokens};
use crate::credential::ConnectionId;
use crate::net::tls::ClientCertificate;
use crate::oauth::{Account, OAuthClient, SavedAuthorization};
use crate::secret::{Secret, SecretBuffer};

pub(super) fn encode(connection: &Connection) -> Result<Secret<Vec<u8>>, StoreError> {
    write(&connection.id.to_string(), &record_of(connection))
}

/// The record of a connection, which the caller seals.
pub(super) fn record_of(connection: &Connection) -> ConnectionRecord {
    let (tokens, client) = (&connection.tokens, connection.client.as_ref());
    let needs_login = match &connection.standing {
        GrantState::Good => None,
        GrantState::NeedsLogin {
            reason,
            since,
            access_ended,
        } => Some(NeedsLogin {
            reason: reason.clone(),
            since: since.seconds(),
            access_ended: *access_ended,
        }),
    };
    ConnectionRecord {
        base_url: connection.base_url.as_ref().map(ToString::to_string),
        ca_pem: connection.ca_pem.clone(),
        client_id: client.map(|client| client.client_id.clone()),
        client_secret: client.and_then(|client| client.client_secret.clone().map(Plain)),
        token_endpoint: client.map(|client| client.token_endpoint.clone()),
        revocation_endpoint: client.and_then(|client| client.revocation_endpoint.clone()),
        style: client.map_or_else(StyleRecord::default, |client| {
            StyleRecord::of(&client.style)
        }),
        flow: connection.flow.map(|flow| flow.to_string()),
        params: connection.params.clone(),
        fields: connection.fields.iter().map(FieldRecord::of).collect(),
        access_token: Plain(tokens.access.clone()),
        refresh_token: tokens.refresh.clone().map(Plain),
        obtained_at: tokens.obtained_at.seconds(),
        expires_at: tokens.expires_at.map(Timestamp::seconds),
        scopes: tokens.scopes.clone(),
        lineage: tokens.lineage.as_ref().map(LineageRecord::of),
        account_id: connection
            .account
            .as_ref()
            .map(|account| account.id.clone()),
        account_label: connection
            .account
            .as_ref()
            .and_then(|account| account.label.clone()),
        needs_login,
        terms: connection.terms.as_ref().map(TermsRecord::of),
        client_certificate: connection
            .client_certificate
            .as_ref()
            .map(|found| CertificateRecord {
                chain: found.chain().to_owned(),
                key: Plain(found.key().clone()),
            }),
    }
}

/// The length of what [`encode`] returns.
pub(super) fn encoded_length(connection: &Connection) -> Result<usize, StoreError> {
    Ok(encode(connection)?.expose().len())
}

pub(super) fn decode(id: &ConnectionId, value: &Secret<Vec<u8>>) -> Result<Connection, StoreError> {
    connection_of(id, parse(&id.to_string(), value.expose())?)
}

/// The connection of a record.
pub(super) fn connection_of(
    id: &ConnectionId,
    record: ConnectionRecord,
) -> Result<Connection, StoreError> {
    let unreadable = |reason: String| StoreError::Unreadable {
        record: id.to_string(),
        reason,
    };
    let base_url = record
        .base_url
        .map(|text| text.parse::<BaseUrl>())
        .transpose();
    let label = record.account_label;
    let terms = record.terms.map(TermsRecord::read).transpose();
    Ok(Connection {
        id: id.clone(),
        base_url: base_url.map_err(|error| unreadable(error.to_string()))?,
        ca_pem: record.ca_pem,
        client_certificate: record
            .client_certificate
            .map(|found| ClientCertificate::stored(found.chain, found.key.0)),
        client: record
            .client_id
            .zip(record.token_endpoint)
            .map(|(client_id, token_endpoint)| OAuthClient {
                client_id,
                client_secret: record.client_secret.map(|secret| secret.0),
                token_endpoint,
                revocation_endpoint: record.revocation_endpoint,
                style: record.style.read(),
            }),
        flow: record.flow.and_then(|flow| flow.parse().ok()),
        params: record.params,
        fields: record.fields.into_iter().map(FieldRecord::read).collect(),
        tokens: Tokens {
            access: record.access_token.0,
            refresh: record.refresh_token.map(|token| token.0),
            obtained_at: Timestamp::from_seconds(record.obtained_at),
            expires_at: record.expires_at.map(Timestamp::from_seconds),
            scopes: record.scopes,
            lineage: record.lineage.map(LineageRecord::read),
        },
        account: record.account_id.map(|id| Account { id, label }),
        standing: record
            .needs_login
            .map_or(GrantState::Good, |found| GrantState::NeedsLogin {
                reason: found.reason,
                since: Timestamp::from_seconds(found.since),
                access_ended: found.access_ended,
            }),
        terms: terms.map_err(unreadable)?,
    })
}

/// The secrets of a connection, without the rest of it.
pub(super) fn secrets(
    id: &ConnectionId,
    value: &Secret<Vec<u8>>,
) -> Result<Vec<Secret<String>>, StoreError> {
    let found: SecretsRecord = parse(&id.to_string(), value.expose())?;
    let secrets = [
        Some(found.access_token),
        found.refresh_token,
        found.client_secret,
        found.client_certificate.map(|found| found.key),
    ];
    let fields = found.fields.into_iter().filter(|field| field.secret);
    Ok(secrets
        .into_iter()
        .flatten()
        .chain(fields.map(|field| field.value))
        .map(|secret| secret.0)
        .collect())
}

pub(super) fn encode_client(application: &Application) -> Result<Secret<Vec<u8>>, StoreError> {
    let client = &application.credentials;
    let record = ClientRecord {
        client_id: client.client_id.clone(),
        client_secret: client.client_secret.clone().map(Plain),
        endpoints: application.endpoints.clone(),
    };
    write("an application", &record)
}

pub(super) fn decode_client(value: &Secret<Vec<u8>>) -> Result<Application, StoreError> {
    let read: ClientRecord = parse("an application", value.expose())?;
    Ok(Application {
        credentials: ClientCredentials {
            client_id: read.client_id,
            client_secret: read.client_secret.map(|secret| secret.0),
        },
        endpoints: read.endpoints,
    })
}

pub(super) fn encode_login(login: &SuspendedLogin) -> Result<Secret<Vec<u8>>, StoreError> {
    let record = LoginRecord {
        arguments: login.arguments.clone(),
        client_id: login.client.client_id.clone(),
        client_secret: login.client.client_secret.clone().map(Plain),
        basic: login.basic,
        token_endpoint: login.token_endpoint.clone(),
        state: Plain(login.saved.state.clone()),
        verifier: Plain(login.saved.verifier.clone()),
        at: login.at.seconds(),
    };
    write("a login", &record)
}

pub(super) fn decode_login(value: &Secret<Vec<u8>>) -> Result<SuspendedLogin, StoreError> {
    let read: LoginRecord = parse("a login", value.expose())?;
    Ok(SuspendedLogin {
        arguments: read.arguments,
        client: ClientCredentials {
            client_id: read.client_id,
            client_secret: read.client_secret.map(|secret| secret.0),
        },
        basic: read.basic,
        token_endpoint: read.token_endpoint,
        saved: SavedAuthorization {
            state: read.state.0,
            verifier: read.verifier.0,
        },
        at: Timestamp::from_seconds(read.at),
    })
}

pub(super) fn write(name: &str, record: &impl Serialize) -> Result<Secret<Vec<u8>>, StoreError> {
    let mut buffer = SecretBuffer::default();
    serde_json::to_writer(&mut buffer, record).map_err(|error| StoreError::Unreadable {
        record: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(buffer.finish())
}

/// serde's messages can quote a value, so the error has only the position.
pub(super) fn parse<'a, T: Deserialize<'a>>(name: &str, value: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Unreadable {
        record: name.to_owned(),
        reason: format!("line {} column {}", error.line(), error.column()),
    })
}
