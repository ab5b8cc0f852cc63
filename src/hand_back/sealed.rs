//! What is written, and what is found.

use crate::age_file::{Identity, OpenWith, Recipient, SealWith, open, seal};
use crate::connection::Exported;
use crate::secret::Secret;

use super::error::HandBackError;

/// The keys.
#[derive(Clone)]
pub(super) struct Sealing {
    own: Identity,
    recipients: Vec<Recipient>,
}

impl Sealing {
    /// The vault's own key, and those who can open it besides.
    pub(super) fn new(export_key: &Secret<[u8; 32]>, others: Vec<Recipient>) -> Self {
        let own = Identity::of_key(export_key);
        let recipients = [own.recipient()].into_iter().chain(others).collect();
        Self { own, recipients }
    }

    /// Seals those connections.
    pub(super) fn seal(&self, all: &[Exported]) -> Result<Vec<u8>, HandBackError> {
        let with = SealWith::Recipients(self.recipients.clone());
        Ok(seal(&Exported::encode(all)?, &with)?)
    }

    /// The connections in what `place` has. Nothing at all is no connection.
    pub(super) fn open(&self, sealed: &[u8], place: &str) -> Result<Vec<Exported>, HandBackError> {
        if sealed.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let with = OpenWith::Identities(vec![self.own.clone()]);
        let content = open(sealed, &with).map_err(|error| HandBackError::NotOurs {
            place: place.to_owned(),
            error,
        })?;
        Ok(Exported::decode(&content)?)
    }
}
