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

    /// Takes the login of that code out; `None` if there is none, or it is too old. It is good for
    /// one try, as the code in the browser's address is.
    pub fn take_suspended(&self, code: &str) -> Result<Option<SuspendedLogin>, StoreError> {
        let key = RecordKey::new(LOGIN, code);
        let Some(record) = self.vault.get(&key)? else {
            return Ok(None);
        };
        self.vault.apply(&[Change::Delete(key)])?;
        let login = codec::decode_login(&record.value)?;
        Ok((!is_over(&login)).then_some(login))
    }
}

fn is_over(login: &SuspendedLogin) -> bool {
    login.at.plus(SUSPENDED_LIFETIME) <= Timestamp::now()
}
