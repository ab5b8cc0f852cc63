//! The format of a record: its names are the format on disk.

use std::collections::BTreeMap;

use authsome_providers::{RoutePattern, Scheme};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::style_record::{StyleRecord, is_usual};
use crate::connection::lineage::Lineage;
use crate::connection::record::StoredField;
use crate::connection::terms::{CustomDefinition, DefinitionUsed, Terms};
use crate::secret::Secret;

/// The JSON of a connection.
#[derive(Serialize, Deserialize)]
pub(super) struct ConnectionRecord {
    // The names are the format on disk. A field that was added later may be absent, so that older
    // records can still be read. Unknown names are ignored, so that records of a later version can
    // be read.
    pub(super) base_url: Option<String>,
    pub(super) ca_pem: Option<String>,
    // Absent for a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    #[serde(default)]
    pub(super) client_secret: Option<Plain>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) token_endpoint: Option<Url>,
    #[serde(default)]
    pub(super) revocation_endpoint: Option<Url>,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(super) style: StyleRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) flow: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) params: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<FieldRecord>,
    pub(super) access_token: Plain,
    pub(super) refresh_token: Option<Plain>,
    pub(super) obtained_at: u64,
    pub(super) expires_at: Option<u64>,
    pub(super) scopes: Vec<String>,
    // Absent for the first pair of a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lineage: Option<LineageRecord>,
    pub(super) account_id: Option<String>,
    pub(super) account_label: Option<String>,
    pub(super) needs_login: Option<NeedsLogin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) terms: Option<TermsRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_certificate: Option<CertificateRecord>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineageRecord {
    pub(super) grant: String,
    pub(super) rotation: u64,
}

/// The content of an export.
#[derive(Serialize, Deserialize)]
pub(super) struct ExportRecord {
    /// The version of the format.
    pub(super) authsome_export: u32,
    pub(super) connections: Vec<ExportedRecord>,
}

/// Only the version, which is read first.
#[derive(Deserialize)]
pub(super) struct ExportVersion {
    pub(super) authsome_export: u32,
}

/// A connection in an export.
#[derive(Serialize, Deserialize)]
pub(super) struct ExportedRecord {
    pub(super) provider: String,
    pub(super) name: String,
    pub(super) is_default: bool,
    /// The text of the custom definition that it was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) definition: Option<String>,
    pub(super) record: ConnectionRecord,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FieldRecord {
    pub(super) name: String,
    pub(super) value: Plain,
    pub(super) secret: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CertificateRecord {
    pub(super) chain: String,
    pub(super) key: Plain,
}

/// The key of such a record; the chain is ignored.
#[derive(Deserialize)]
pub(super) struct CertificateKeyRecord {
    pub(super) key: Plain,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TermsRecord {
    pub(super) routes: Vec<RouteRecord>,
    /// The digest of a custom definition; `None` for the bundled one.
    pub(super) definition: Option<String>,
    pub(super) allowed_guards: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RouteRecord {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

/// The secrets of a connection's record; the rest is ignored.
#[derive(Deserialize)]
pub(super) struct SecretsRecord {
    #[serde(default)]
    pub(super) fields: Vec<FieldRecord>,
    pub(super) client_secret: Option<Plain>,
    pub(super) access_token: Plain,
    pub(super) refresh_token: Option<Plain>,
    pub(super) client_certificate: Option<CertificateKeyRecord>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NeedsLogin {
    pub(super) reason: String,
    pub(super) since: u64,
    pub(super) access_ended: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ClientRecord {
    pub(super) client_id: String,
    pub(super) client_secret: Option<Plain>,
    // Absent if it was stored before this was kept.
    #[serde(default)]
    pub(super) endpoints: Vec<Url>,
}

/// A login that waits for its second step.
#[derive(Serialize, Deserialize)]
pub(super) struct LoginRecord {
    pub(super) arguments: Vec<String>,
    pub(super) client_id: String,
    pub(super) client_secret: Option<Plain>,
    pub(super) basic: bool,
    pub(super) token_endpoint: String,
    pub(super) state: Plain,
    pub(super) verifier: Plain,
    pub(super) at: u64,
}

/// A secret that can be serialized: only here, and only into a buffer that is sealed.
pub(super) struct Plain(pub(super) Secret<String>);

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

impl LineageRecord {
    pub(super) fn of(lineage: &Lineage) -> Self {
        Self {
            grant: lineage.grant.clone(),
            rotation: lineage.rotation,
        }
    }

    pub(super) fn read(self) -> Lineage {
        Lineage {
            grant: self.grant,
            rotation: self.rotation,
        }
    }
}

impl FieldRecord {
    pub(super) fn of(field: &StoredField) -> Self {
        Self {
            name: field.name.clone(),
            value: Plain(field.value.clone()),
            secret: field.is_secret,
        }
    }

    pub(super) fn read(self) -> StoredField {
        StoredField {
            name: self.name,
            value: self.value.0,
            is_secret: self.secret,
        }
    }
}

impl TermsRecord {
    pub(super) fn of(terms: &Terms) -> Self {
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

    pub(super) fn read(self) -> Result<Terms, String> {
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
    pub(super) fn read(self) -> Result<RoutePattern, String> {
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
