//! Parses `git`: where repositories are, and how git logs in there.

use crate::condition::Condition;
use crate::error::DefinitionError;
use crate::git_section::{GitSection, SSH, SshPath};
use crate::host::HostPattern;
use crate::reader::{Fields, Text};
use crate::rules::InjectEntry;
use crate::shape::{self, Shape};
use crate::template::Template;

/// The paths by which git and LFS reach a repository, wherever it is.
const USUAL_PATHS: &str = "regex:(?:/[^/]+)+/(?:info/refs|git-(?:upload|receive)-pack|info/lfs/.+)";

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
    let section = GitSection {
        host: host.clone(),
        below: entry.text("below")?.as_ref().map(below).transpose()?,
        ssh,
        ssh_port: ssh_port(&mut entry)?,
        ssh_paths: ssh_paths(&mut entry, warnings)?,
    };
    let rule = match entry.text("username")? {
        None => None, // `inject` has the rule
        Some(username) => {
            username.check(shape::basic_username)?;
            let template = |text: &Text<'_>| text.check(|text| Template::parse(text, names));
            let password = entry.text("password")?.as_ref().map(template).transpose()?;
            let pattern = match entry.text("path")? {
                Some(text) => text.pattern()?,
                None => USUAL_PATHS
                    .parse()
                    .map_err(|error| DefinitionError::field("git", error))?,
            };
            Some(InjectEntry {
                is_gits: true,
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
    Ok((Some(section), rule))
}

/// A path with a slash at its beginning and none at its end, in its canonical spelling.
fn below(text: &Text<'_>) -> Result<String, DefinitionError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let is_segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let segments = text.text.strip_prefix('/');
    if !segments.is_some_and(|segments| segments.split('/').all(is_segment)) {
        return Err(DefinitionError::field(
            &text.path,
            "it is a path of plain segments, as `/scm`",
        ));
    }
    Ok(text.text.to_owned())
}

fn ssh_port(entry: &mut Fields<'_>) -> Result<u16, DefinitionError> {
    let Some(value) = entry.value("ssh_port") else {
        return Ok(SSH);
    };
    let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
    port.filter(|port| *port != 0)
        .ok_or_else(|| DefinitionError::field(entry.path_of("ssh_port"), "it is no port"))
}

fn ssh_paths(
    entry: &mut Fields<'_>,
    warnings: &mut Vec<String>,
) -> Result<Vec<SshPath>, DefinitionError> {
    let mut paths = Vec::new();
    for mut path in entry.objects("ssh_paths")? {
        let (from, to) = (path.required("from")?, path.required("to")?);
        let found = SshPath::new(from.parse()?, to.parse()?);
        paths.push(found.map_err(|reason| DefinitionError::field(&to.path, reason))?);
        path.warn_of_unknown(warnings);
    }
    Ok(paths)
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
