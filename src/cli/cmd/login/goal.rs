//! What a login is for: which provider, at which server.

use std::path::Path;

use authsome_providers::{BaseUrl, CatalogError, Definition, Provider, ProviderId};

use super::report::failure;
use crate::cli::args::{Login, LoginTarget, Target};
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::typed_command;
use crate::credential::ConnectionName;
use crate::oauth::{HttpClient, Recognized, recognize};
use crate::session::UserData;

/// How many directories of a URL's path may be those that the server is below.
const MAX_DEPTH: usize = 2;

/// Which provider, at which server.
pub(super) struct Goal {
    pub(super) provider: ProviderId,
    /// The connection's name, where the target has one.
    pub(super) name: Option<ConnectionName>,
    /// The server's address; `None` for the provider's own, or for that of a stored connection.
    pub(super) base_url: Option<BaseUrl>,
    /// The user has named the server and no provider.
    pub(super) is_by_address: bool,
}

/// Finds out what the user means.
pub(super) struct Search<'a> {
    pub(super) user_data: &'a UserData,
    /// Asks a server what it is, where its address does not say it.
    pub(super) http: &'a HttpClient,
    /// The client certificate that the user has named.
    pub(super) certificate: Option<&'a Path>,
}

impl Search<'_> {
    /// What the target and the flag with an address mean. One of them is there.
    pub(super) async fn goal(
        &self,
        target: Option<LoginTarget>,
        flag: Option<BaseUrl>,
    ) -> Result<Goal, Failure> {
        let address = match target {
            Some(LoginTarget::Provider(target, address)) => match address {
                Some(address) if self.is_unknown(&target.provider) => Some(address),
                _ => return Ok(named(target, flag)),
            },
            Some(LoginTarget::Address(address)) => Some(address),
            None => None,
        };
        match (address, flag) {
            (Some(address), None) | (None, Some(address)) => self.by_address(&address).await,
            (Some(address), Some(_)) => {
                let message = format!("{address} and the flag name a server twice");
                let hint = "name it once: authsome login HOST";
                Err(Failure::new(Exit::Usage, "usage", message, hint))
            }
            (None, None) => {
                let hint = "see what can be connected: authsome login";
                Err(Failure::new(
                    Exit::Usage,
                    "usage",
                    "no provider is named",
                    hint,
                ))
            }
        }
    }

    fn is_unknown(&self, provider: &ProviderId) -> bool {
        let found = self.user_data.catalog.get(provider);
        matches!(found, Err(CatalogError::NotFound { .. }))
    }

    /// The provider at an address: that of a connection, a provider's own, or one that may be
    /// anywhere.
    async fn by_address(&self, address: &BaseUrl) -> Result<Goal, Failure> {
        let goal = |provider: &ProviderId, base_url| Goal {
            provider: provider.clone(),
            name: None,
            base_url,
            is_by_address: true,
        };
        if let Some((provider, base_url)) = self.of_a_connection(address)? {
            return Ok(goal(&provider, Some(base_url)));
        }
        let listed = self.user_data.catalog.list();
        let definitions: Vec<_> = listed
            .into_iter()
            .filter_map(|one| one.definition.ok())
            .collect();
        let owns = |definition: &&Definition| {
            let own = definition.provider.base_url.as_ref();
            own.is_some_and(|own| own.covers(address))
        };
        if let Some(owner) = definitions.iter().find(owns) {
            return Ok(goal(&owner.provider.id, owner.provider.base_url.clone()));
        }
        let movable = definitions.iter().map(|one| &*one.provider);
        let movable: Vec<_> = movable.filter(|provider| provider.can_move()).collect();
        let alike: Vec<_> = movable
            .iter()
            .filter(|provider| is_named_after(address, provider))
            .copied()
            .collect();
        // A bare host that has the provider's name is not asked for: the login itself checks it.
        if let [only] = alike[..]
            && address.path_prefix().is_empty()
        {
            return Ok(goal(&only.id, Some(address.clone())));
        }
        let candidates = if alike.is_empty() { &movable } else { &alike };
        if let Some((provider, base_url)) = self.ask(address, candidates).await? {
            return Ok(goal(&provider.id, Some(base_url)));
        }
        match alike[..] {
            [only] if only.needs_address() => Ok(goal(&only.id, Some(address.clone()))),
            [only] => Ok(goal(&only.id, Some(address.cut_to(0)))),
            _ => {
                // What is anything at an address says nothing of itself.
                let known = movable.into_iter().filter(|one| !one.needs_address());
                Err(not_recognized(address, &known.collect::<Vec<_>>()))
            }
        }
    }

    /// The stored connection whose server the address is at.
    fn of_a_connection(&self, address: &BaseUrl) -> Result<Option<(ProviderId, BaseUrl)>, Failure> {
        let mut found: Option<(ProviderId, BaseUrl)> = None;
        for id in self.user_data.store.list()? {
            // What cannot be opened is no reason to refuse another login.
            let Ok(Some(stored)) = self.user_data.store.load(&id) else {
                continue;
            };
            let base_url = stored.connection.base_url;
            let base_url = base_url.filter(|base_url| base_url.covers(address));
            let longest = |base: &BaseUrl| {
                let best = found
                    .as_ref()
                    .map_or(0, |(_, best)| best.path_prefix().len() + 1);
                base.path_prefix().len() + 1 > best
            };
            if let Some(base_url) = base_url.filter(longest) {
                found = Some((id.provider, base_url));
            }
        }
        Ok(found)
    }

    /// Asks the server which of these providers it is, at the roots that the address allows.
    async fn ask<'a>(
        &self,
        address: &BaseUrl,
        candidates: &[&'a Provider],
    ) -> Result<Option<(&'a Provider, BaseUrl)>, Failure> {
        for provider in candidates {
            for root in roots(address, provider) {
                let sign_in = provider.sign_in_at(Some(&root))?;
                let Some(oauth) = sign_in.oauth else { continue };
                let Some(metadata) = oauth.metadata else {
                    continue;
                };
                match recognize(self.http, &metadata, &oauth.token).await {
                    Ok(Recognized::ByMetadata) => return Ok(Some((provider, root))),
                    Ok(_) => {}
                    Err(error) => {
                        return Err(failure(error.into(), self.certificate, &typed_command()));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The name of the connection, from the target or from the flag.
pub(super) fn typed_name(
    goal: &Goal,
    arguments: &Login,
) -> Result<Option<ConnectionName>, Failure> {
    match (&goal.name, &arguments.connection) {
        (Some(one), Some(other)) if one != other => {
            let message = format!("the connection is named twice: {one} and {other}");
            let hint = format!("authsome login {}/{one}", goal.provider);
            Err(Failure::new(Exit::Usage, "usage", message, hint))
        }
        (one, other) => Ok(one.as_ref().or(other.as_ref()).cloned()),
    }
}

fn named(target: Target, base_url: Option<BaseUrl>) -> Goal {
    Goal {
        provider: target.provider,
        name: target.name,
        base_url,
        is_by_address: false,
    }
}

/// Whether the host has the provider's name in it: `gitlab.acme.com`, `my-gitlab.acme.com`.
pub(super) fn is_named_after(address: &BaseUrl, provider: &Provider) -> bool {
    let words = address.host().split(['.', '-']);
    words.into_iter().any(|word| word == provider.id.as_str())
}

/// The roots that the address may be below: the host's, the first directories of its path, and what
/// a page of the provider is below.
fn roots(address: &BaseUrl, provider: &Provider) -> Vec<BaseUrl> {
    let depth = address.path_prefix().split('/').skip(1).count();
    let first = (0..=depth.min(MAX_DEPTH)).map(|segments| address.cut_to(segments));
    let mut roots: Vec<_> = first.collect();
    let instance = provider.instance_of(address);
    roots.extend(instance.filter(|instance| !roots.contains(instance)));
    roots
}

fn not_recognized(address: &BaseUrl, movable: &[&Provider]) -> Failure {
    let host = address.cut_to(0);
    let names: Vec<_> = movable
        .iter()
        .map(|one| one.display_name.as_str())
        .collect();
    let (message, hint) = if movable.is_empty() {
        (
            format!("no provider can be at {host}"),
            "see what can be connected: authsome login".to_owned(),
        )
    } else {
        let command = |one: &&Provider| format!("authsome login {} --base-url {host}", one.id);
        let commands: Vec<_> = movable.iter().map(command).collect();
        (
            format!("{host} does not say that it is {}", names.join(" or ")),
            format!(
                "check the address; if it is right: {}",
                commands.join(" or: ")
            ),
        )
    };
    Failure::new(Exit::NoProvider, "provider_not_found", message, hint)
}
