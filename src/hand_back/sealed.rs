//! What is written, and what is found.

use std::sync::Arc;

use crate::age_file::{Identity, OpenWith, Recipient, SealWith, open, seal};
use crate::connection::Exported;
use crate::text::with_causes;
use crate::vault::ExportKeys;

use super::error::HandBackError;

/// The keys.
#[derive(Clone)]
pub(super) struct Sealing {
    keys: Arc<ExportKeys>,
    own: Identity,
    recipients: Vec<Recipient>,
}

impl Sealing {
    /// The vault's own keys, and those who can open it besides.
    pub(super) fn new(keys: &Arc<ExportKeys>, others: Vec<Recipient>) -> Self {
        let own = Identity::of_key(keys.sealing());
        let recipients = [own.recipient()].into_iter().chain(others).collect();
        Self {
            keys: Arc::clone(keys),
            own,
            recipients,
        }
    }

    /// Seals those connections, so that a vault of the same master key knows it for its own.
    pub(super) fn seal(&self, all: &[Exported]) -> Result<Vec<u8>, HandBackError> {
        let with = SealWith::Recipients(self.recipients.clone());
        Ok(seal(&Exported::encode_authentic(all, &self.keys)?, &with)?)
    }

    /// The connections in what `place` has. Nothing at all is no connection. That the vault's key
    /// opens it is not enough: a recipient could have put another content behind the file's header.
    pub(super) fn open(&self, sealed: &[u8], place: &str) -> Result<Vec<Exported>, HandBackError> {
        if sealed.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let not_ours = |reason| HandBackError::NotOurs {
            place: place.to_owned(),
            reason,
        };
        let with = OpenWith::Identities(vec![self.own.clone()]);
        let content = open(sealed, &with).map_err(|error| not_ours(error.to_string()))?;
        let all = Exported::decode_authentic(&content, &self.keys);
        all.map_err(|error| not_ours(with_causes(&error)))
    }
}
