//! The content of an export: connections on their way to another vault.
//!
//! It is JSON. An export for a vault of the same master key has a line behind that, with a code
//! which only the master key makes. That it opens with the vault's own key does not tell who made
//! it: whoever else can open it knows the key of that one file, and could put another content
//! behind its header.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::codec;
use super::error::StoreError;
use super::keys::parse_id;
use super::records::{ExportRecord, ExportVersion, ExportedRecord};
use crate::connection::lineage::Lineage;
use crate::connection::record::Connection;
use crate::connection::terms::{DefinitionUsed, digest_of};
use crate::credential::ConnectionId;
use crate::secret::{Secret, SecretBuffer};
use crate::vault::ExportKeys;

/// The version of the format. A later one is refused, since it may mean something else.
const VERSION: u32 = 1;

/// The name of an export in messages.
const NAME: &str = "the export";

/// Begins the line with the code.
const CODE: &[u8] = b"\nhmac-sha256 ";

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

    /// The same for a vault of the same master key, which can tell that it is from one.
    pub fn encode_authentic(
        all: &[Self],
        keys: &ExportKeys,
    ) -> Result<Secret<Vec<u8>>, StoreError> {
        let content = Self::encode(all)?;
        let code = STANDARD.encode(keys.authenticate(content.expose()));
        let mut authentic = SecretBuffer::default();
        for part in [content.expose(), CODE, code.as_bytes(), b"\n"] {
            let written = authentic.write_all(part);
            written.map_err(|error| unreadable(error.to_string()))?;
        }
        Ok(authentic.finish())
    }

    /// The connections of an export, if it was made with that master key.
    pub fn decode_authentic(
        content: &Secret<Vec<u8>>,
        keys: &ExportKeys,
    ) -> Result<Vec<Self>, StoreError> {
        let (json, code) = parts(content.expose());
        let code = code.and_then(|code| STANDARD.decode(code.trim_ascii()).ok());
        if !code.is_some_and(|code| keys.is_authentic(json, &code)) {
            return Err(StoreError::NotAuthentic);
        }
        Self::read_all(json)
    }

    /// The connections of an export, whoever has made it.
    pub fn decode(content: &Secret<Vec<u8>>) -> Result<Vec<Self>, StoreError> {
        Self::read_all(parts(content.expose()).0)
    }

    fn read_all(json: &[u8]) -> Result<Vec<Self>, StoreError> {
        let version: ExportVersion = codec::parse(NAME, json)?;
        if version.authsome_export != VERSION {
            let version = version.authsome_export;
            let reason = format!("it is of format {version}, and this version knows {VERSION}");
            return Err(unreadable(reason));
        }
        let export: ExportRecord = codec::parse(NAME, json)?;
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

/// The JSON, and the code of the line behind it.
fn parts(content: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut positions = content.windows(CODE.len());
    // The JSON of an export has no line feed within a text, so this is no part of one.
    let Some(at) = positions.rposition(|window| window == CODE) else {
        return (content, None);
    };
    let (json, code) = content.split_at(at);
    (json, code.get(CODE.len()..))
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
    fn only_the_master_key_makes_an_authentic_one() {
        let keys = |byte| ExportKeys::from_bytes(&Secret::new([byte; 32]));
        let all = [Exported {
            connection: connection(),
            is_default: true,
        }];
        let authentic = Exported::encode_authentic(&all, &keys(1)).unwrap();
        let decode = |content: &[u8], byte| {
            Exported::decode_authentic(&Secret::new(content.to_vec()), &keys(byte))
        };
        assert_eq!(decode(authentic.expose(), 1).unwrap().len(), 1);
        assert_eq!(Exported::decode(&authentic).unwrap().len(), 1);
        for position in 0..authentic.expose().len() - 1 {
            let mut altered = authentic.expose().clone();
            altered[position] ^= 1;
            assert!(decode(&altered, 1).is_err(), "byte {position}");
        }
        let bare = Exported::encode(&all).unwrap();
        for (content, byte) in [(&authentic, 2), (&bare, 1)] {
            let refused = decode(content.expose(), byte);
            assert!(matches!(refused, Err(StoreError::NotAuthentic)));
        }
    }

    #[test]
    fn another_format_is_refused() {
        for text in [r#"{"authsome_export":2}"#, "{}", "[]", ""] {
            let content = Secret::new(text.as_bytes().to_vec());
            assert!(Exported::decode(&content).is_err(), "{text}");
        }
    }
}
