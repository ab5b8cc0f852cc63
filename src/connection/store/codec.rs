//! The JSON inside a sealed record. No other file serializes secrets, and this one does it only for
//! the vault.

use authsome_providers::{BaseUrl, RoutePattern, Scheme};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::error::StoreError;
use crate::clock::Timestamp;
use crate::connection::record::{ClientCredentials, Connection, GrantState, Tokens};
use crate::connection::terms::{CustomDefinition, DefinitionUsed, Terms};
use crate::credential::ConnectionId;
use crate::net::tls::ClientCertificate;
use crate::oauth::{Account, OAuthClient};
use crate::secret::{Secret, SecretBuffer};

/// The JSON of a connection.
#[derive(Serialize, Deserialize)]
struct ConnectionRecord {
    // The names are the format on disk. A field that was added later may be absent, so that older
    // records can still be read. Unknown names are ignored, so that records of a later version can
    // be read.
    base_url: Option<String>,
    ca_pem: Option<String>,
    client_id: String,
    client_secret: Option<Plain>,
    token_endpoint: Url,
    revocation_endpoint: Option<Url>,
    access_token: Plain,
    refresh_token: Option<Plain>,
    obtained_at: u64,
    expires_at: Option<u64>,
    scopes: Vec<String>,
    account_id: Option<String>,
    account_label: Option<String>,
    needs_login: Option<NeedsLogin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    terms: Option<TermsRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_certificate: Option<CertificateRecord>,
}

#[derive(Serialize, Deserialize)]
struct CertificateRecord {
    chain: String,
    key: Plain,
}

/// The key of such a record; the chain is ignored.
#[derive(Deserialize)]
struct CertificateKeyRecord {
    key: Plain,
}

#[derive(Serialize, Deserialize)]
struct TermsRecord {
    routes: Vec<RouteRecord>,
    /// The digest of a custom definition; `None` for the bundled one.
    definition: Option<String>,
    allowed_guards: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct RouteRecord {
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

/// The secrets of a connection's record; the rest is ignored.
#[derive(Deserialize)]
struct SecretsRecord {
    client_secret: Option<Plain>,
    access_token: Plain,
    refresh_token: Option<Plain>,
    client_certificate: Option<CertificateKeyRecord>,
}

#[derive(Serialize, Deserialize)]
struct NeedsLogin {
    reason: String,
    since: u64,
    access_ended: bool,
}

#[derive(Serialize, Deserialize)]
struct ClientRecord {
    client_id: String,
    client_secret: Option<Plain>,
}

/// A secret that can be serialized: only here, and only into the buffer that is sealed.
struct Plain(Secret<String>);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

pub(super) fn encode(connection: &Connection) -> Result<Secret<Vec<u8>>, StoreError> {
    let tokens = &connection.tokens;
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
    let record = ConnectionRecord {
        base_url: connection.base_url.as_ref().map(ToString::to_string),
        ca_pem: connection.ca_pem.clone(),
        client_id: connection.client.client_id.clone(),
        client_secret: connection.client.client_secret.clone().map(Plain),
        token_endpoint: connection.client.token_endpoint.clone(),
        revocation_endpoint: connection.client.revocation_endpoint.clone(),
        access_token: Plain(tokens.access.clone()),
        refresh_token: tokens.refresh.clone().map(Plain),
        obtained_at: tokens.obtained_at.seconds(),
        expires_at: tokens.expires_at.map(Timestamp::seconds),
        scopes: tokens.scopes.clone(),
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
    };
    write(&connection.id.to_string(), &record)
}

/// The length of what [`encode`] returns.
pub(super) fn encoded_length(connection: &Connection) -> Result<usize, StoreError> {
    Ok(encode(connection)?.expose().len())
}

pub(super) fn decode(id: &ConnectionId, value: &Secret<Vec<u8>>) -> Result<Connection, StoreError> {
    let record: ConnectionRecord = parse(&id.to_string(), value.expose())?;
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
        client: OAuthClient {
            client_id: record.client_id,
            client_secret: record.client_secret.map(|secret| secret.0),
            token_endpoint: record.token_endpoint,
            revocation_endpoint: record.revocation_endpoint,
        },
        tokens: Tokens {
            access: record.access_token.0,
            refresh: record.refresh_token.map(|token| token.0),
            obtained_at: Timestamp::from_seconds(record.obtained_at),
            expires_at: record.expires_at.map(Timestamp::from_seconds),
            scopes: record.scopes,
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

impl TermsRecord {
    fn of(terms: &Terms) -> Self {
        let route = |route: &RoutePattern| RouteRecord {
            scheme: route.scheme.to_string(),
            host: route.host.to_string(),
            port: route.port,
            path: route.path_prefix.clone(),
        };
        Self {
            routes: terms.routes.iter().map(route).collect(),
            definition: match &terms.definition {
                DefinitionUsed::Bundled => None,
                DefinitionUsed::Custom(custom) => Some(custom.digest.clone()),
            },
            allowed_guards: terms.allowed_guards.clone(),
        }
    }

    fn read(self) -> Result<Terms, String> {
        let custom = |digest| DefinitionUsed::Custom(CustomDefinition { digest, text: None });
        Ok(Terms {
            routes: self
                .routes
                .into_iter()
                .map(RouteRecord::read)
                .collect::<Result<_, _>>()?,
            definition: self.definition.map_or(DefinitionUsed::Bundled, custom),
            allowed_guards: self.allowed_guards,
        })
    }
}

impl RouteRecord {
    fn read(self) -> Result<RoutePattern, String> {
        let schemes = [Scheme::Http, Scheme::Https];
        let scheme = schemes
            .into_iter()
            .find(|scheme| scheme.as_str() == self.scheme);
        Ok(RoutePattern {
            scheme: scheme.ok_or("a route has an unknown scheme")?,
            host: self
                .host
                .parse()
                .map_err(|error| format!("a route has no host: {error}"))?,
            port: self.port,
            path_prefix: self.path,
        })
    }
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
    Ok(secrets
        .into_iter()
        .flatten()
        .map(|secret| secret.0)
        .collect())
}

pub(super) fn encode_client(client: &ClientCredentials) -> Result<Secret<Vec<u8>>, StoreError> {
    let record = ClientRecord {
        client_id: client.client_id.clone(),
        client_secret: client.client_secret.clone().map(Plain),
    };
    write("an application", &record)
}

pub(super) fn decode_client(value: &Secret<Vec<u8>>) -> Result<ClientCredentials, StoreError> {
    let read: ClientRecord = parse("an application", value.expose())?;
    let client_secret = read.client_secret.map(|secret| secret.0);
    Ok(ClientCredentials {
        client_id: read.client_id,
        client_secret,
    })
}

fn write(name: &str, record: &impl Serialize) -> Result<Secret<Vec<u8>>, StoreError> {
    let mut buffer = SecretBuffer::default();
    serde_json::to_writer(&mut buffer, record).map_err(|error| StoreError::Unreadable {
        record: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(buffer.finish())
}

/// serde's messages can quote a value, so the error has only the position.
fn parse<'a, T: Deserialize<'a>>(name: &str, value: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|error| StoreError::Unreadable {
        record: name.to_owned(),
        reason: format!("line {} column {}", error.line(), error.column()),
    })
}
