//! What the user permits in a session, put together from the flags, a file and `config.toml`.

use std::collections::HashSet;
use std::time::Instant;

use authsome_providers::ProviderId;

use super::error::SessionError;
use super::member::Member;
use super::options::{Join, Options};
use super::settings::PolicyFile;
use super::user_data::UserData;
use crate::proxy::{PolicyLayer, PolicySource, SessionPolicy};

/// What the user permits in a session.
#[derive(Debug, Default)]
pub(super) struct Permitted {
    pub(super) policy: SessionPolicy,
    /// Guard rules that are lifted, as `provider/rule`.
    pub(super) allowed_guards: HashSet<String>,
    /// Guard rules that let a request wait for the user's yes. They do so, whoever has lifted them:
    /// the stricter wins.
    pub(super) asked_guards: HashSet<String>,
}

/// Reads and checks all of it. A rule that could have no effect is an error: the user would believe
/// to be protected by it.
pub(super) fn permitted(
    options: &Options,
    data: &UserData,
    members: &[Member],
) -> Result<Permitted, SessionError> {
    let settings = &data.settings;
    let flags = of_flags(options, data, members)?;
    // Where connections join, a rule may be about one that is still to come.
    let known_guard = |rule: &str| match known_guard(rule, members) {
        Err(_) if options.join == Join::New && is_of_a_provider(rule, data) => Ok(()),
        known => known,
    };
    let mut allowed_guards = settings.allowed_guards();
    for rule in &options.lifted {
        known_guard(rule)?;
        allowed_guards.insert(rule.clone());
    }
    let mut asked_guards = HashSet::new();
    for rule in &options.asked {
        known_guard(rule)?;
        asked_guards.insert(rule.clone());
    }
    let mut layers = vec![flags];
    let mut files = options.policy.read.clone();
    if let Some(path) = &options.policy.file {
        files.push(PolicyFile::read(path).map_err(SessionError::PolicyFile)?);
    }
    for file in files {
        let PolicyFile {
            layer,
            lifted,
            asked,
        } = file;
        known_providers(&layer, data)?;
        known_lifts(&layer, &lifted, data, members)?;
        known_lifts(&layer, &asked, data, members)?;
        asked_guards.extend(asked);
        allowed_guards.extend(lifted);
        layers.push(layer);
    }
    let (layer, lifted, asked) = settings.policy();
    known_providers(&layer, data)?;
    known_lifts(&layer, lifted, data, members)?;
    known_lifts(&layer, asked, data, members)?;
    asked_guards.extend(asked.iter().cloned());
    allowed_guards.extend(lifted.iter().cloned());
    layers.push(layer);
    allowed_guards.retain(|rule| !asked_guards.contains(rule));
    Ok(Permitted {
        policy: SessionPolicy::new(layers, Instant::now()),
        allowed_guards,
        asked_guards,
    })
}

/// The layer of the flags, which name only what this session has.
fn of_flags(
    options: &Options,
    data: &UserData,
    members: &[Member],
) -> Result<PolicyLayer, SessionError> {
    let mut flags = options.policy.rules.clone();
    flags.source = PolicySource::Flags;
    flags.unmanaged = options
        .policy
        .unmanaged
        .unwrap_or(data.settings.default_policy());
    flags.check()?;
    for provider in flags.providers() {
        if options.join == Join::New && data.catalog.get(provider).is_ok() {
            continue;
        }
        if !members
            .iter()
            .any(|member| member.stored.connection.id.provider == *provider)
        {
            return Err(SessionError::NothingOf(provider.clone()));
        }
    }
    Ok(flags)
}

/// A file may be about providers that this session has no connection of, as long as they exist.
fn known_providers(layer: &PolicyLayer, data: &UserData) -> Result<(), SessionError> {
    let exists = |provider: &&ProviderId| data.catalog.get(provider).is_ok();
    match layer.providers().find(|provider| !exists(provider)) {
        None => Ok(()),
        Some(provider) => Err(SessionError::NoSuchProvider {
            origin: layer.source.clone(),
            provider: provider.clone(),
        }),
    }
}

/// A file lifts rules that there are: of a connection of this session, or of any provider.
fn known_lifts(
    layer: &PolicyLayer,
    lifted: &[String],
    data: &UserData,
    members: &[Member],
) -> Result<(), SessionError> {
    let is_known = |rule: &str| known_guard(rule, members).is_ok() || is_of_a_provider(rule, data);
    match lifted.iter().find(|rule| !is_known(rule)) {
        None => Ok(()),
        Some(rule) => Err(SessionError::NoSuchLift {
            origin: layer.source.clone(),
            rule: rule.clone(),
        }),
    }
}

/// Whether a definition has that guard rule.
fn is_of_a_provider(rule: &str, data: &UserData) -> bool {
    let definition = |provider: &str| data.catalog.get(&provider.parse().ok()?).ok();
    let Some((provider, name)) = rule.split_once('/') else {
        return false;
    };
    definition(provider).is_some_and(|definition| {
        let mut guards = definition.provider.guards().iter();
        guards.any(|guard| guard.name == name)
    })
}

fn known_guard(rule: &str, members: &[Member]) -> Result<(), SessionError> {
    let is_known = members.iter().any(|member| {
        let provider = &member.stored.connection.id.provider;
        let mut names = member
            .service
            .rules
            .guards()
            .iter()
            .map(|guard| &guard.name);
        names.any(|name| rule.strip_prefix(provider.as_str()) == Some(&format!("/{name}")))
    });
    is_known
        .then_some(())
        .ok_or_else(|| SessionError::NoSuchRule(rule.to_owned()))
}
