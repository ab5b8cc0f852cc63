//! Logins that wait for their second step.

use super::ConnectionStore;
use super::codec;
use super::error::StoreError;
use super::keys::LOGIN;
use crate::clock::Timestamp;
use crate::connection::login::{SUSPENDED_LIFETIME, SuspendedLogin};
use crate::vault::{Change, Expect, RecordKey};

impl ConnectionStore {
    /// Keeps a login under that code. Those that are too old are removed.
    pub fn suspend(&self, code: &str, login: &SuspendedLogin) -> Result<(), StoreError> {
        let mut changes = vec![Change::Put {
            key: RecordKey::new(LOGIN, code),
            value: codec::encode_login(login)?,
            expect: Expect::Absent,
        }];
        self.vault.each(LOGIN, &mut |name, record| {
            let login = record
                .ok()
                .and_then(|record| codec::decode_login(&record.value).ok());
            if login.is_none_or(|login| is_over(&login)) {
                changes.push(Change::Delete(RecordKey::new(LOGIN, name)));
            }
        })?;
        self.vault.apply(&changes)?;
        Ok(())
    }

    /// The login of that code; `None` if there is none, or it is too old.
    pub fn suspended(&self, code: &str) -> Result<Option<SuspendedLogin>, StoreError> {
        let Some(record) = self.vault.get(&RecordKey::new(LOGIN, code))? else {
            return Ok(None);
        };
        let login = codec::decode_login(&record.value)?;
        if is_over(&login) {
            self.take_suspended(code)?;
            return Ok(None);
        }
        Ok(Some(login))
    }

    /// Takes the login of that code out, for one process alone: it is good for one try, as the code
    /// in the browser's address is. Whether it was there.
    pub fn take_suspended(&self, code: &str) -> Result<bool, StoreError> {
        let key = RecordKey::new(LOGIN, code);
        let Some(record) = self.vault.get(&key)? else {
            return Ok(false);
        };
        // Only who finds it as it was has taken it.
        let claim = Change::Put {
            key: key.clone(),
            value: record.value,
            expect: Expect::Generation(record.generation),
        };
        match self.vault.apply(&[claim, Change::Delete(key)]) {
            Ok(_) => Ok(true),
            Err(error) => match StoreError::from(error) {
                StoreError::Conflict => Ok(false),
                error => Err(error),
            },
        }
    }
}

fn is_over(login: &SuspendedLogin) -> bool {
    login.at.plus(SUSPENDED_LIFETIME) <= Timestamp::now()
}
