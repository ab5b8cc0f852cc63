//! How a connection is named.

use std::str::FromStr;

use authsome_providers::ProviderId;
use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::complete;
use crate::credential::ConnectionName;

#[derive(Debug, Args)]
pub(in crate::cli) struct Named {
    /// The provider, or a connection of it, for example gitlab/work
    #[arg(value_name = "PROVIDER[/NAME]", add = ArgValueCandidates::new(complete::targets))]
    pub(in crate::cli) target: Target,
    /// Name of the connection; the provider's default if omitted
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) connection: Option<ConnectionName>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Revoke {
    /// The provider, or a connection of it, for example gitlab/work
    #[arg(
        value_name = "PROVIDER[/NAME]",
        required_unless_present = "all",
        add = ArgValueCandidates::new(complete::targets)
    )]
    pub(in crate::cli) target: Option<Target>,
    /// Name of the connection; the provider's default if omitted
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) connection: Option<ConnectionName>,
    /// Stop every run, and revoke every connection
    #[arg(long, conflicts_with_all = ["target", "connection"])]
    pub(in crate::cli) all: bool,
}

impl Named {
    /// The provider.
    pub(in crate::cli) fn provider(&self) -> &ProviderId {
        &self.target.provider
    }

    /// The connection's name, if there is one.
    pub(in crate::cli) fn name(&self) -> Option<&ConnectionName> {
        self.connection.as_ref().or(self.target.name.as_ref())
    }

    /// Two different names, if both ways of naming the connection are used and they disagree.
    pub(in crate::cli) fn contradiction(&self) -> Option<(&ConnectionName, &ConnectionName)> {
        let both = self.target.name.as_ref().zip(self.connection.as_ref());
        both.filter(|(target, flag)| target != flag)
    }
}

/// `PROVIDER` or `PROVIDER/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Target {
    pub(in crate::cli) provider: ProviderId,
    pub(in crate::cli) name: Option<ConnectionName>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (provider, name) = match text.split_once('/') {
            Some((provider, name)) => (provider, Some(name)),
            None => (text, None),
        };
        // Nobody means two providers by two spellings of one name.
        let provider = provider.to_ascii_lowercase().parse();
        let name = name.map(|name| name.parse().map_err(|error| format!("{error}")));
        Ok(Self {
            provider: provider.map_err(|error| format!("{error}"))?,
            name: name.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_named_in_one_word() {
        let named = |text: &str| {
            let target = text.parse::<Target>().ok()?;
            let name = target.name.map(|name| name.to_string());
            Some((target.provider.to_string(), name))
        };
        let work = Some("work".to_owned());
        assert_eq!(named("gitlab"), Some(("gitlab".to_owned(), None)));
        assert_eq!(named("GitLab"), Some(("gitlab".to_owned(), None)));
        assert_eq!(named("gitlab/work"), Some(("gitlab".to_owned(), work)));
        for wrong in ["", "/", "gitlab/", "/work", "gitlab/work/home", "git lab"] {
            assert_eq!(named(wrong), None, "{wrong}");
        }
    }
}
