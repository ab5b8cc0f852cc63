//! What the members of a session contribute to the child's environment: placeholders, instance
//! URLs, and the URLs where git gets a credential. It contains no real token.

use std::collections::HashMap;
use std::path::PathBuf;

use authsome_providers::{Auth, ExportField, Piece, Provider, ProviderId};

use super::member::Member;
use super::options::Options;
use super::parent::Parent;
use crate::env::env_vars::Environment;
use crate::env::git_config::{AskedRemotes, GitPlace, UserRemotes};
use crate::env::programs::Programs;
use crate::proxy::Preference;

/// What the members require in the child's environment, and what they ban from it.
pub(super) struct Contributions {
    /// Variables, and the placeholder or the public value that each is set to.
    variables: Vec<(String, String)>,
    /// Variables that the child must not have.
    removed: Vec<String>,
    /// Variables that are set to the URL of an instance.
    addresses: Vec<Address>,
    /// The URLs at which git's requests get a credential.
    pub(super) git: Vec<GitPlace>,
    /// The running query of git about the user's remotes and proxies, until its result is waited
    /// for.
    remotes: Option<AskedRemotes>,
    /// Whether SSH remotes are rewritten to HTTPS.
    pub(super) rewrites_ssh: bool,
}

/// A variable that holds the URL of a member's instance.
struct Address {
    variable: String,
    url: String,
    /// Whether it replaces a value that the parent has set. It does if the user chose this
    /// connection for this run.
    overrides: bool,
}

/// What is counted of one provider's connections in a session.
#[derive(Default)]
struct OfProvider<'a> {
    members: usize,
    has_choice: bool,
    /// The one whose values the provider's variables have: the preferred one, or the first.
    speaker: Option<&'a Member>,
}

impl Contributions {
    /// Collects the contributions of all members. Starts git and ssh right away, because they are
    /// slow; they run while the rest of the session is built. For containers they are not asked:
    /// their settings on this machine are not the children's.
    pub(super) fn of(
        members: &[Member],
        options: &Options,
        parent: &Parent,
        programs: &Programs,
    ) -> Self {
        let rewrites_ssh = options.rewrites_ssh;
        let git = GitPlace::of(members.iter().map(|member| &member.service));
        let home = parent.variable("HOME").filter(|_| rewrites_ssh);
        let ask = || {
            let surroundings = parent.git_surroundings();
            UserRemotes::ask(programs, surroundings, &git, home.map(PathBuf::from))
        };
        let mut contributions = Self {
            variables: Vec::new(),
            removed: Vec::new(),
            addresses: Vec::new(),
            remotes: options.containers.is_none().then(ask),
            rewrites_ssh,
            git,
        };
        let mut providers: HashMap<&ProviderId, OfProvider<'_>> = HashMap::new();
        for member in members {
            let of_provider = providers.entry(&member.provider.id).or_default();
            of_provider.members += 1;
            of_provider.has_choice |= member.preference == Preference::Chosen;
            let speaker = of_provider.speaker.get_or_insert(member);
            if member.preference > speaker.preference {
                *speaker = member;
            }
        }
        for member in members {
            if let Some(of_provider) = providers.get(&member.provider.id) {
                // A variable has one value, though each connection has its own region or user.
                if of_provider
                    .speaker
                    .is_some_and(|one| std::ptr::eq(one, member))
                {
                    contributions.add(member);
                }
                let addresses = addresses(member, of_provider);
                contributions.addresses.extend(addresses);
            }
        }
        contributions
    }

    fn add(&mut self, member: &Member) {
        let provider = &*member.provider;
        for export in &provider.export {
            let value = match &export.field {
                ExportField::RefreshToken => {
                    self.removed.push(export.variable.clone());
                    continue;
                }
                ExportField::Field(name) => value_of(name, member),
                _ => first_placeholder(provider),
            };
            self.variables.push((export.variable.clone(), value));
        }
        for variable in &provider.placeholders {
            let value = first_placeholder(provider);
            self.variables.push((variable.clone(), value));
        }
        for (variable, value) in &provider.environment {
            let pieces = value.pieces().iter().map(|piece| match piece {
                Piece::Field(name) => value_of(name, member),
                Piece::Text(text) => text.clone(),
                _ => first_placeholder(provider),
            });
            self.variables.push((variable.clone(), pieces.collect()));
        }
    }

    /// Waits for the result of git's query.
    pub(super) fn remotes(&mut self) -> UserRemotes {
        let asked = self.remotes.take();
        asked.map(AskedRemotes::wait).unwrap_or_default()
    }

    /// Sets and removes the variables.
    pub(super) fn fill(&self, environment: &mut Environment, parent: &Parent) {
        for address in &self.addresses {
            if address.overrides || parent.filled(&address.variable).is_none() {
                environment.set(&address.variable, &address.url);
            }
        }
        for name in &self.removed {
            environment.remove(name);
        }
        for (name, value) in &self.variables {
            environment.set(name, value);
        }
    }
}

/// What stands for the credential itself.
fn first_placeholder(provider: &Provider) -> String {
    let first = match &provider.auth {
        Auth::ApiKey(key) => key.fields.first().map(|field| &field.placeholder),
        Auth::OAuth2(_) => None,
    };
    first.unwrap_or(&provider.placeholder).clone()
}

/// What stands for another field: a user name as it is, a placeholder for a secret.
fn value_of(name: &str, member: &Member) -> String {
    let mut stored = member.stored.connection.fields.iter();
    let stored = stored.find(|field| field.name == name);
    if let Some(value) = stored.and_then(|field| field.public_value()) {
        return value.to_owned();
    }
    let Auth::ApiKey(key) = &member.provider.auth else {
        return member.provider.placeholder.clone();
    };
    let declared = key.fields.iter().find(|field| field.name == name);
    declared.map_or_else(String::new, |field| field.placeholder.clone())
}

/// A tool whose address variable is not set contacts the provider's public instance. If the
/// session's preferred connection of the provider is at another instance, the variable is set to
/// that one.
fn addresses(member: &Member, of_provider: &OfProvider<'_>) -> Vec<Address> {
    let Some(base) = &member.service.base_url else {
        return Vec::new();
    };
    let speaks = match member.preference {
        Preference::Chosen => true,
        Preference::Default => !of_provider.has_choice,
        Preference::None => of_provider.members == 1,
    };
    if !speaks || member.provider.base_url.as_ref() == Some(base) {
        return Vec::new();
    }
    let address = |address: &authsome_providers::Address| Address {
        variable: address.variable.clone(),
        url: format!("{base}{}", address.path),
        overrides: member.preference == Preference::Chosen,
    };
    member.provider.addresses.iter().map(address).collect()
}
