//! Connections that come from another vault, and how their pairs compare with those that are here.
//!
//! | the vault has | what is taken in |
//! | --- | --- |
//! | no such connection | all of it |
//! | an earlier pair of the same grant | the pair, and whether it needs a login |
//! | the same pair, or a later one | nothing |
//! | another grant that needs a new login | all of it |
//! | another grant that works, or another pair from the same one | nothing, unless that is forced |
//!
//! Nothing replaces a later pair of the same grant: its refresh token would be the spent one.

use std::cmp::Ordering;

use super::record::{Connection, GrantState, Tokens};
use super::store::{ConnectionStore, Exported, StoreError, Stored};
use super::terms::DefinitionUsed;
use super::turn::lock_grant;
use crate::credential::ConnectionId;
use crate::secret::Secret;

/// How a pair that comes from elsewhere compares with the one that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// There is no such connection here.
    New,
    /// It is a later pair of the same grant.
    Later,
    /// It is another pair that was made from the same one, so one of both may be spent.
    Forked,
    /// It is the same pair; or, where a refresh token is not spent by its use, one with the same.
    Same,
    /// It is an earlier pair of the same grant.
    Earlier,
    /// It belongs to another grant, and the one here needs a new login.
    Mends,
    /// It belongs to another grant.
    Other,
}

impl Compared {
    /// Compares a connection with the one that is here.
    pub fn of(there: &Connection, here: Option<&Connection>) -> Self {
        let Some(here) = here else {
            return Self::New;
        };
        match there.tokens.lineage().compare(&here.tokens.lineage()) {
            Some(Ordering::Greater) => Self::Later,
            Some(Ordering::Less) => Self::Earlier,
            Some(Ordering::Equal) if is_same(&there.tokens, &here.tokens) => Self::Same,
            _ if here.standing != GrantState::Good => Self::Mends,
            Some(Ordering::Equal) => Self::Forked,
            None => Self::Other,
        }
    }

    /// Whether it is taken in.
    pub fn is_taken(self, is_forced: bool) -> bool {
        match self {
            Self::New | Self::Later | Self::Mends => true,
            Self::Same | Self::Earlier => false,
            Self::Forked | Self::Other => is_forced,
        }
    }
}

/// Whether two pairs of one place in a grant are the same, or as good as that: a provider that does
/// not rotate refresh tokens gives two jobs different access tokens for the same one.
fn is_same(one: &Tokens, other: &Tokens) -> bool {
    let matches =
        |one: &Secret<String>, other: &Secret<String>| one.matches(other.expose().as_bytes());
    let refresh = one.refresh.as_ref().zip(other.refresh.as_ref());
    refresh.is_some_and(|(one, other)| matches(one, other)) || matches(&one.access, &other.access)
}

impl ConnectionStore {
    /// The newest state of a connection, for an export.
    pub fn exported(&self, id: &ConnectionId) -> Result<Option<Exported>, StoreError> {
        let Some(mut stored) = self.load(id)? else {
            return Ok(None);
        };
        let terms = stored.connection.terms.as_mut();
        if let Some(DefinitionUsed::Custom(custom)) = terms.map(|terms| &mut terms.definition) {
            custom.text = self.definition(&custom.digest)?.map(Into::into);
        }
        Ok(Some(Exported {
            connection: stored.connection,
            is_default: self.default_of(&id.provider)?.as_ref() == Some(&id.name),
        }))
    }

    /// How the connection of an export compares with the one in this vault.
    pub fn compare(&self, exported: &Exported) -> Result<Compared, StoreError> {
        let here = self.load(exported.id())?;
        let here = here.as_ref().map(|stored| &stored.connection);
        Ok(Compared::of(&exported.connection, here))
    }

    /// Takes a connection of an export into this vault, as the table at the top of this file says.
    /// Waits for a refresh of it. Blocks the thread.
    pub fn import(&self, exported: &Exported, is_forced: bool) -> Result<Compared, StoreError> {
        let _lock = lock_grant(self, exported.id())?;
        self.import_locked(exported, is_forced)
    }

    /// The same for a caller that holds the connection's lock.
    pub(super) fn import_locked(
        &self,
        exported: &Exported,
        is_forced: bool,
    ) -> Result<Compared, StoreError> {
        let there = &exported.connection;
        let here = self.load(&there.id)?;
        let compared = Compared::of(there, here.as_ref().map(|stored| &stored.connection));
        if !compared.is_taken(is_forced) {
            return Ok(compared);
        }
        match here {
            None => self.create_imported(there)?,
            Some(here) if compared == Compared::Later => {
                // What the connection was made with stays what it is here.
                let mut connection = here.connection.clone();
                connection.tokens = there.tokens.clone();
                connection.standing = there.standing.clone();
                self.replace(&connection, here.generation)?
            }
            Some(Stored { generation, .. }) => self.replace(there, generation)?,
        };
        Ok(compared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::connection::sample::stored;
    use crate::oauth::TokenSet;

    fn renewed(connection: &Connection, access: &str) -> Connection {
        let set = TokenSet {
            access_token: Secret::new(access.to_owned()),
            refresh_token: Some(Secret::new(format!("refresh of {access}"))),
            expires_in: None,
            scopes: None,
            urls: Vec::new(),
        };
        let tokens = connection.tokens.rotate(set, Timestamp::from_seconds(0));
        Connection {
            tokens,
            ..connection.clone()
        }
    }

    fn exported(connection: &Connection) -> Exported {
        let all = [Exported {
            connection: connection.clone(),
            is_default: true,
        }];
        let content = Exported::encode(&all).unwrap();
        Exported::decode(&content).unwrap().remove(0)
    }

    #[test]
    fn a_later_pair_is_taken_in_and_an_earlier_one_is_not() {
        let (_, store, first) = stored();
        let second = renewed(&first.connection, "second");
        let third = renewed(&second, "third");
        let import = |connection: &Connection, is_forced| {
            store.import(&exported(connection), is_forced).unwrap()
        };
        assert_eq!(import(&first.connection, false), Compared::Same);
        assert_eq!(import(&third, false), Compared::Later);
        for is_forced in [false, true] {
            assert_eq!(import(&second, is_forced), Compared::Earlier);
        }
        let now = store.load(&third.id).unwrap().unwrap().connection;
        assert!(now.tokens.access.matches(b"third"));
        assert_eq!(now.tokens.lineage().rotation, 2);
    }

    #[test]
    fn another_grant_is_taken_in_by_force_or_where_the_present_one_is_dead() {
        let (_, store, first) = stored();
        let mut other = first.connection.clone();
        other.tokens.access = Secret::new("other".to_owned());
        let fork = renewed(&first.connection, "one");
        store.replace(&fork, first.generation).unwrap();
        let two = renewed(&first.connection, "two");
        for (there, expected) in [(&other, Compared::Other), (&two, Compared::Forked)] {
            let compared = store.import(&exported(there), false).unwrap();
            assert_eq!(compared, expected);
        }
        // As by a provider that does not rotate refresh tokens.
        let mut unrotated = two.clone();
        unrotated.tokens.refresh = fork.tokens.refresh.clone();
        let compared = store.import(&exported(&unrotated), false).unwrap();
        assert_eq!(compared, Compared::Same);
        assert_eq!(
            store.import(&exported(&other), true).unwrap(),
            Compared::Other
        );
        let now = store.load(&other.id).unwrap().unwrap();
        assert!(now.connection.tokens.access.matches(b"other"));
        let mut dead = now.connection.clone();
        dead.standing = GrantState::NeedsLogin {
            reason: "revoked".to_owned(),
            since: Timestamp::from_seconds(0),
            access_ended: true,
        };
        store.replace(&dead, now.generation).unwrap();
        assert_eq!(
            store.import(&exported(&fork), false).unwrap(),
            Compared::Mends
        );
    }
}
