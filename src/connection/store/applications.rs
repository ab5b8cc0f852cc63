//! The applications that logins share, as records of the vault.

use authsome_providers::{BaseUrl, ProviderId};
use url::Url;

use super::error::StoreError;
use super::keys::client_key;
use super::{ConnectionStore, codec};
use crate::connection::application::{Application, endpoints_of};

impl ConnectionStore {
    /// The application that earlier logins used at that instance of the provider.
    pub fn application(
        &self,
        provider: &ProviderId,
        base_url: Option<&BaseUrl>,
    ) -> Result<Option<Application>, StoreError> {
        let Some(record) = self.vault.get(&client_key(provider, base_url))? else {
            return Ok(None);
        };
        let mut application = codec::decode_client(&record.value)?;
        if application.endpoints.is_empty() {
            // It was stored before its endpoints were. Those of its connections are sealed, too.
            application.endpoints = self.endpoints_of(provider, base_url, &application)?;
        }
        Ok(Some(application))
    }

    fn endpoints_of(
        &self,
        provider: &ProviderId,
        base_url: Option<&BaseUrl>,
        application: &Application,
    ) -> Result<Vec<Url>, StoreError> {
        let ids = self.list()?;
        let ids = ids.iter().filter(|id| id.provider == *provider);
        // A record that cannot be read tells nothing, and is no obstacle to a login.
        let connections = ids.filter_map(|id| self.load(id).ok().flatten());
        let connections = connections.map(|stored| stored.connection);
        let clients = connections
            .filter(|connection| connection.base_url.as_ref() == base_url)
            .filter_map(|connection| connection.client);
        let own = clients.filter(|client| client.client_id == application.credentials.client_id);
        Ok(own.flat_map(|client| endpoints_of(&client)).collect())
    }
}
