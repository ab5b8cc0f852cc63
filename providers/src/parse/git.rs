//! Parses `git`: where repositories are, and how git logs in there.

use crate::condition::Condition;
use crate::error::DefinitionError;
use crate::host::HostPattern;
use crate::path_pattern::PathPattern;
use crate::provider::GitSection;
use crate::reader::{Fields, Text};
use crate::rules::InjectEntry;
use crate::shape::{self, Shape};
use crate::template::Template;

/// The paths by which git and LFS reach a repository, wherever it is.
const USUAL_PATHS: &str = "regex:(?:/[^/]+)+/(?:info/refs|git-(?:upload|receive)-pack|info/lfs/.+)";

/// The port of SSH.
const SSH: u16 = 22;

/// `git`, and the rule by which its requests get the credential.
pub(super) fn git(
    fields: &mut Fields<'_>,
    names: &[String],
    warnings: &mut Vec<String>,
) -> Result<(Option<GitSection>, Option<InjectEntry>), DefinitionError> {
    let Some(mut entry) = fields.object("git")? else {
        return Ok((None, None));
    };
    let host = match entry.text("host")? {
        None => None,
        Some(text) if text.text == "/" => None,
        Some(text) => Some(text.parse::<HostPattern>()?),
    };
    let ssh = entry
        .texts("ssh")?
        .iter()
        .map(ssh_place)
        .collect::<Result<_, _>>()?;
    let rule = match entry.text("username")? {
        None => None, // `inject` has the rule
        Some(username) => {
            username.check(shape::basic_username)?;
            let template = |text: &Text<'_>| text.check(|text| Template::parse(text, names));
            let password = entry.text("password")?.as_ref().map(template).transpose()?;
            let pattern = match entry.text("path")? {
                Some(text) => text.parse::<PathPattern>()?,
                None => USUAL_PATHS
                    .parse()
                    .map_err(|error| DefinitionError::field("git", error))?,
            };
            Some(InjectEntry {
                condition: host.clone().map(|host| Condition {
                    hosts: vec![host],
                    ..Condition::default()
                }),
                ..InjectEntry::of(
                    pattern,
                    Shape::Basic {
                        username: template(&username)?,
                        password: password.unwrap_or_else(Template::credential),
                    },
                )
            })
        }
    };
    entry.warn_of_unknown(warnings);
    Ok((Some(GitSection { host, ssh }), rule))
}

/// `git@github.com:` or `ssh://git@ssh.github.com:443/`: its host and port.
fn ssh_place(text: &Text<'_>) -> Result<(String, u16), DefinitionError> {
    let rest = text.text.strip_prefix("ssh://").unwrap_or(text.text);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    let (host, port) = rest.split_once(':').unwrap_or((rest, ""));
    let port = if port.is_empty() {
        Some(SSH)
    } else {
        port.parse().ok()
    };
    let HostPattern::Exact(host) = host
        .parse::<HostPattern>()
        .map_err(|reason| DefinitionError::field(&text.path, reason))?
    else {
        return Err(DefinitionError::field(&text.path, "it names no host"));
    };
    let port = port.ok_or_else(|| DefinitionError::field(&text.path, "its port is no number"))?;
    Ok((host, port))
}
