//! Which connection a provider's name alone stands for.

use std::collections::{BTreeMap, BTreeSet};

use authsome_providers::ProviderId;

use super::keys::{CONNECTION, DEFAULT, default_change, parse_id};
use super::{ConnectionStore, StoreError, name_in};
use crate::credential::{ConnectionId, ConnectionName};
use crate::vault::RecordKey;

impl ConnectionStore {
    /// The connection that a provider's name alone stands for: the default that was set, else the
    /// only one.
    pub fn default_of(&self, provider: &ProviderId) -> Result<Option<ConnectionName>, StoreError> {
        if let Some(name) = self.stored_default(provider)? {
            let id = ConnectionId {
                provider: provider.clone(),
                name,
            };
            // A default may name a connection that another process has just deleted.
            if self.generation(&id)?.is_some() {
                return Ok(Some(id.name));
            }
        }
        let names = self.vault.names_from(CONNECTION, &format!("{provider}/"))?;
        let mut ids = names.iter().filter_map(|name| parse_id(name));
        let first = ids.next();
        Ok(first.filter(|_| ids.next().is_none()).map(|id| id.name))
    }

    /// The same for several providers, in two passes over the vault. A provider without such a
    /// connection is left out.
    pub fn defaults_of(
        &self,
        providers: &BTreeSet<&ProviderId>,
    ) -> Result<BTreeMap<ProviderId, ConnectionName>, StoreError> {
        let mut names: BTreeMap<ProviderId, Vec<ConnectionName>> = BTreeMap::new();
        for id in self.list()? {
            names.entry(id.provider).or_default().push(id.name);
        }
        let mut stored = BTreeMap::new();
        self.vault.each(DEFAULT, &mut |provider, record| {
            if let Ok(provider) = provider.parse::<ProviderId>()
                && providers.contains(&provider)
            {
                stored.insert(provider, record);
            }
        })?;
        let mut defaults = BTreeMap::new();
        for provider in providers {
            let set = stored.remove(*provider).transpose()?;
            let set = set.and_then(|record| name_in(&record));
            let default = match (set, names.get(*provider).map(Vec::as_slice)) {
                (Some(set), Some(names)) if names.contains(&set) => set,
                (_, Some([only])) => only.clone(),
                _ => continue,
            };
            defaults.insert((*provider).clone(), default);
        }
        Ok(defaults)
    }

    /// Makes a connection its provider's default.
    pub fn set_default(&self, id: &ConnectionId) -> Result<(), StoreError> {
        self.vault
            .apply(&[default_change(&id.provider, &id.name)])?;
        Ok(())
    }

    pub(super) fn stored_default(
        &self,
        provider: &ProviderId,
    ) -> Result<Option<ConnectionName>, StoreError> {
        let record = self
            .vault
            .get(&RecordKey::new(DEFAULT, provider.as_str()))?;
        Ok(record.and_then(|record| name_in(&record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::sample;

    #[test]
    fn two_passes_find_for_each_provider_what_is_found_for_it_alone() {
        let (_, store, stored) = sample::stored();
        let id = |name| parse_id(name).unwrap();
        for name in ["one/a", "two/a", "two/b", "gone/a", "lost/a", "lost/b"] {
            let mut connection = stored.connection.clone();
            connection.id = id(name);
            store.create(&connection, false).unwrap();
        }
        // The last two name a connection that another process has deleted meanwhile.
        for name in ["two/b", "gone/other", "lost/other"] {
            store.set_default(&id(name)).unwrap();
        }
        let providers = ["one", "two", "gone", "lost", "none"].map(|name| name.parse().unwrap());
        let found = store.defaults_of(&providers.iter().collect()).unwrap();
        let named: Vec<_> = found
            .iter()
            .map(|(id, name)| format!("{id}/{name}"))
            .collect();
        assert_eq!(named, ["gone/a", "one/a", "two/b"]);
        for provider in &providers {
            let alone = store.default_of(provider).unwrap();
            assert_eq!(found.get(provider), alone.as_ref(), "{provider}");
        }
    }
}
