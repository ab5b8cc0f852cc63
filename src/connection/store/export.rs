//! The content of an export: connections on their way to another vault.

use super::codec;
use super::error::StoreError;
use super::keys::parse_id;
use super::records::{ExportRecord, ExportVersion, ExportedRecord};
use crate::connection::lineage::Lineage;
use crate::connection::record::Connection;
use crate::connection::terms::{DefinitionUsed, digest_of};
use crate::credential::ConnectionId;
use crate::secret::Secret;

/// The version of the format. A later one is refused, since it may mean something else.
const VERSION: u32 = 1;

/// The name of an export in messages.
const NAME: &str = "the export";

/// A connection as an export has it.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The connection. If it was made with a custom definition, the text of that is in its terms.
    pub connection: Connection,
    /// Whether it was its provider's default.
    pub is_default: bool,
}

impl Exported {
    /// The connection's name.
    pub fn id(&self) -> &ConnectionId {
        &self.connection.id
    }

    /// Where its pair stands in its grant.
    pub fn lineage(&self) -> Lineage {
        self.connection.tokens.lineage()
    }

    /// The text of the custom definition that it was made with.
    pub fn definition(&self) -> Option<&str> {
        match &self.connection.terms.as_ref()?.definition {
            DefinitionUsed::Bundled => None,
            DefinitionUsed::Custom(custom) => custom.text.as_deref(),
        }
    }

    /// The JSON of an export, which the caller seals.
    pub fn encode(all: &[Self]) -> Result<Secret<Vec<u8>>, StoreError> {
        let record = |exported: &Self| ExportedRecord {
            provider: exported.id().provider.to_string(),
            name: exported.id().name.to_string(),
            is_default: exported.is_default,
            definition: exported.definition().map(str::to_owned),
            record: codec::record_of(&exported.connection),
        };
        let export = ExportRecord {
            authsome_export: VERSION,
            connections: all.iter().map(record).collect(),
        };
        codec::write(NAME, &export)
    }

    /// The connections of an export.
    pub fn decode(content: &Secret<Vec<u8>>) -> Result<Vec<Self>, StoreError> {
        let version: ExportVersion = codec::parse(NAME, content.expose())?;
        if version.authsome_export != VERSION {
            let version = version.authsome_export;
            let reason = format!("it is of format {version}, and this version knows {VERSION}");
            return Err(unreadable(reason));
        }
        let export: ExportRecord = codec::parse(NAME, content.expose())?;
        export.connections.into_iter().map(Self::read).collect()
    }

    fn read(record: ExportedRecord) -> Result<Self, StoreError> {
        let name = format!("{}/{}", record.provider, record.name);
        let id = parse_id(&name);
        let id = id.ok_or_else(|| unreadable("a connection has no name".to_owned()))?;
        let mut connection = codec::connection_of(&id, record.record)?;
        let terms = connection.terms.as_mut();
        if let Some(DefinitionUsed::Custom(custom)) = terms.map(|terms| &mut terms.definition) {
            let text = record.definition.unwrap_or_default();
            if digest_of(&text) != custom.digest {
                return Err(unreadable(format!("the definition of {id} is not its own")));
            }
            custom.text = Some(text.into());
        }
        Ok(Self {
            connection,
            is_default: record.is_default,
        })
    }
}

fn unreadable(reason: String) -> StoreError {
    StoreError::Unreadable {
        record: NAME.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::sample::connection;
    use crate::connection::terms::{CustomDefinition, Terms};

    fn with_definition(digest: String) -> Secret<Vec<u8>> {
        let mut custom = connection();
        custom.terms = Some(Terms {
            routes: Vec::new(),
            definition: DefinitionUsed::Custom(CustomDefinition {
                digest,
                text: Some("{}".into()),
            }),
            allowed_guards: Vec::new(),
        });
        let all = [Exported {
            connection: custom,
            is_default: false,
        }];
        Exported::encode(&all).unwrap()
    }

    #[test]
    fn a_definition_travels_and_another_one_does_not_pass_for_it() {
        let read = Exported::decode(&with_definition(digest_of("{}"))).unwrap();
        assert_eq!(read[0].definition(), Some("{}"));
        let refused = Exported::decode(&with_definition("00".to_owned()));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("is not its own"), "{refused}");
    }

    #[test]
    fn another_format_is_refused() {
        for text in [r#"{"authsome_export":2}"#, "{}", "[]", ""] {
            let content = Secret::new(text.as_bytes().to_vec());
            assert!(Exported::decode(&content).is_err(), "{text}");
        }
    }
}
