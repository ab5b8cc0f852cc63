//! The name of a new connection, where the user has not given one.

use authsome_providers::{BaseUrl, Provider};

use super::goal::Goal;
use crate::cli::failure::Failure;
use crate::connection::Connection;
use crate::credential::{ConnectionId, ConnectionName};
use crate::session::UserData;

/// A name, and why it is not the usual one.
pub(super) struct Named {
    pub(super) name: ConnectionName,
    pub(super) because: Option<String>,
}

/// The name of a connection to that server: the usual one, unless that is taken by another server.
pub(super) fn name(
    goal: &Goal,
    provider: &Provider,
    force: bool,
    user_data: &UserData,
) -> Result<Named, Failure> {
    let usual = Named {
        name: ConnectionName::default(),
        because: None,
    };
    let Some(wanted) = &goal.base_url else {
        return Ok(usual);
    };
    let at = |connection: &Connection| {
        let base_url = connection.base_url.as_ref();
        base_url.or(provider.base_url.as_ref()).cloned()
    };
    let connections = connections(provider, user_data)?;
    let default = connections.iter().find(|one| one.id.name == usual.name);
    let Some(other_server) = default.and_then(at).filter(|base| base != wanted) else {
        return Ok(usual);
    };
    let same = connections
        .iter()
        .find(|one| at(one).as_ref() == Some(wanted));
    if let Some(same) = same {
        return Ok(Named {
            name: same.id.name.clone(),
            because: None,
        });
    }
    // With a provider's name, --force replaces what that name stands for.
    if force && !goal.is_by_address {
        return Ok(usual);
    }
    let is_taken = |name: &ConnectionName| connections.iter().any(|one| one.id.name == *name);
    let name = derived(wanted, provider, is_taken);
    let because = name.as_ref().map(|name| {
        format!(
            "{}/default is at {other_server}, so this connection is named {}/{name}.",
            provider.id, provider.id
        )
    });
    Ok(Named {
        name: name.unwrap_or(usual.name),
        because,
    })
}

/// The provider's connections; one that cannot be opened is left out.
fn connections(provider: &Provider, user_data: &UserData) -> Result<Vec<Connection>, Failure> {
    let ids = user_data.store.list()?;
    let load = |id: ConnectionId| user_data.store.load(&id).ok().flatten();
    let ids = ids.into_iter().filter(|id| id.provider == provider.id);
    Ok(ids
        .filter_map(load)
        .map(|stored| stored.connection)
        .collect())
}

/// A name from the host: `acme` for `gitlab.acme.com`, or else the host, or the host and port.
fn derived(
    base: &BaseUrl,
    provider: &Provider,
    is_taken: impl Fn(&ConnectionName) -> bool,
) -> Option<ConnectionName> {
    let host = base.host().replace(':', "-");
    let host = host.trim_matches('-').to_owned(); // of an IPv6 address
    let below = host.strip_prefix(&format!("{}.", provider.id));
    let organization = below.and_then(|rest| rest.rsplit_once('.'));
    let organization = organization.map(|(names, _)| names.split('.').next().unwrap_or(names));
    let root = base.path_prefix().replace('/', "-");
    let candidates = [
        organization.unwrap_or(&host).to_owned(),
        host.clone(),
        format!("{host}-{}", base.port()),
        format!("{host}-{}{root}", base.port()),
    ];
    let names = candidates.iter().filter_map(|name| name.parse().ok());
    names.into_iter().find(|name| !is_taken(name))
}

#[cfg(test)]
mod tests {
    use authsome_providers::Catalog;

    use super::*;

    #[test]
    fn the_host_gives_the_name() {
        let provider = Catalog::new(None)
            .get(&"gitlab".parse().unwrap())
            .unwrap()
            .provider;
        for (base, taken, expected) in [
            ("gitlab.acme.com", "", "acme"),
            ("gitlab.dev.acme.co.uk", "", "dev"),
            ("gitlab.acme.com", "acme", "gitlab.acme.com"),
            ("gitlab.com", "", "gitlab.com"),
            ("git.acme.com", "", "git.acme.com"),
            (
                "https://git.acme.com:8443",
                "git.acme.com",
                "git.acme.com-8443",
            ),
            ("https://[::1]:8443", "1", "1-8443"),
        ] {
            let taken = |name: &ConnectionName| name.to_string() == taken;
            let name = derived(&base.parse().unwrap(), &provider, taken);
            assert_eq!(name.unwrap().to_string(), expected, "{base}");
        }
    }
}
