//! Sends SSH remotes of the places over HTTPS: `url.<https>.insteadOf` for every spelling that
//! leads to SSH.

use std::collections::HashMap;

use super::place::GitPlace;
use super::remotes::UserRemotes;
use super::rule::Rule;
use super::ssh_url::{SshUrl, ssh_prefixes};

/// The configuration that sends SSH remotes of the places over HTTPS, with at most `most` entries.
/// The user's own rules for other targets stay in force.
///
/// git replaces the longest configured prefix, once; of two equal prefixes, it takes the one that
/// it read first: the user's. So a rule of the user's that leads to a place's SSH cannot be
/// overridden by a rule with the same prefix. It is overridden by rules with a prefix that is one
/// character longer, one for each character that may follow.
pub(super) fn rewrites(
    places: &[GitPlace],
    user: Option<&UserRemotes>,
    most: usize,
) -> Vec<(String, String)> {
    let Some(user) = user else {
        return Vec::new();
    };
    let mut at_host: HashMap<&str, usize> = HashMap::new();
    for place in places {
        *at_host.entry(&place.host).or_default() += 1;
    }
    // An SSH URL names only the host, so where two places share a host, it is unknown which one is
    // meant.
    let is_alone = |place: &&GitPlace| at_host.get(place.host.as_str()) == Some(&1);
    let mut entries = Vec::new();
    for place in places.iter().filter(is_alone) {
        if entries.len() >= most {
            break;
        }
        let mut prefixes = Vec::new();
        for (name, port) in place.ssh_names() {
            prefixes.extend(ssh_prefixes(name, port));
            for alias in user.aliases.of(name) {
                prefixes.extend(ssh_prefixes(alias, port));
            }
        }
        for remote in &user.remotes {
            let own = SshUrl::parse(remote).filter(|remote| {
                remote.is_whole() && place.has_ssh_name(remote.host, &user.aliases)
            });
            prefixes.extend(own.map(|remote| remote.prefix.to_owned()));
        }
        prefixes.sort();
        prefixes.dedup();
        // A rule with the same prefix as a user's rule would have no effect, and git-lfs would warn
        // of it.
        prefixes.retain(|prefix| !user.rules.iter().any(|rule| rule.replaces(prefix)));
        let key = format!("url.{}/.insteadOf", place.url);
        entries.extend(prefixes.into_iter().map(|prefix| (key.clone(), prefix)));
        for rule in &user.rules {
            if let Some(target) = SshUrl::parse(&rule.target)
                && place.has_ssh_name(target.host, &user.aliases)
            {
                entries.extend(rule.outranked(&place.url, &target));
            }
        }
    }
    entries.truncate(most);
    entries
}

impl Rule {
    fn replaces(&self, prefix: &str) -> bool {
        !self.push_only && self.prefix == prefix
    }

    /// The same rule, leading to HTTPS instead of SSH, as longer rules that git prefers.
    fn outranked(&self, place: &str, target: &SshUrl<'_>) -> Vec<(String, String)> {
        let name = if self.push_only {
            "pushInsteadOf"
        } else {
            "insteadOf"
        };
        let https = format!("{place}/{}", target.path);
        let follows = |next: char| {
            let https = if next == '/' {
                https.trim_end_matches('/')
            } else {
                &https
            };
            (
                format!("url.{https}{next}.{name}"),
                format!("{}{next}", self.prefix),
            )
        };
        if target.is_whole() {
            ('0'..='9')
                .chain('A'..='Z')
                .chain('a'..='z')
                .chain("_.-/".chars())
                .map(follows)
                .collect()
        } else {
            vec![follows('/')] // any other character would continue the host's name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::git_config::MAX_REWRITES;

    fn places(bases: &[&str]) -> Vec<GitPlace> {
        GitPlace::of_gitlab_at(bases)
    }

    fn user(configuration: &[(&str, &str)]) -> UserRemotes {
        let lines = configuration
            .iter()
            .map(|(key, value)| format!("global\0{key}\n{value}\0"));
        UserRemotes::parse(lines.collect::<String>().as_bytes())
    }

    /// What git would make of a URL: it applies the longest prefix, and of two equal ones the
    /// first, where the user's rules come before ours.
    fn rewritten(places: &[GitPlace], user: &UserRemotes, url: &str) -> String {
        let users = user.rules.iter().filter(|rule| !rule.push_only);
        let mut best: (usize, String) = (0, url.to_owned());
        let ours = rewrites(places, Some(user), MAX_REWRITES);
        let ours = ours.iter().filter_map(|(key, prefix)| {
            let target = key.strip_prefix("url.")?.strip_suffix(".insteadOf")?;
            Some((target, prefix.as_str()))
        });
        let all = users
            .map(|rule| (rule.target.as_str(), rule.prefix.as_str()))
            .chain(ours);
        for (target, prefix) in all {
            if prefix.len() > best.0
                && let Some(rest) = url.strip_prefix(prefix)
            {
                best = (prefix.len(), format!("{target}{rest}"));
            }
        }
        best.1
    }

    #[test]
    fn every_usual_spelling_of_an_ssh_remote_is_taken() {
        let places = places(&["https://gitlab.com", "https://acme.test:8443/gitlab"]);
        for remote in [
            "git@gitlab.com:group/project.git",
            "git@gitlab.com:/group/project.git",
            "gitlab.com:group/project.git",
            "ssh://git@gitlab.com/group/project.git",
            "ssh://git@gitlab.com:22/group/project.git",
            "ssh://git@altssh.gitlab.com:443/group/project.git",
            "git@altssh.gitlab.com:group/project.git",
            "git+ssh://git@gitlab.com/group/project.git",
        ] {
            let https = rewritten(&places, &UserRemotes::default(), remote);
            assert_eq!(https, "https://gitlab.com/group/project.git", "{remote}");
            let elsewhere = remote.replace("gitlab.com", "gitlab.com.evil.test");
            let left = rewritten(&places, &UserRemotes::default(), &elsewhere);
            assert_eq!(left, elsewhere);
        }
        let below = rewritten(&places, &UserRemotes::default(), "git@acme.test:g/p");
        assert_eq!(below, "https://acme.test:8443/gitlab/g/p");
    }

    #[test]
    fn ports_and_users_come_from_the_repository_at_hand() {
        let places = places(&["https://acme.test"]);
        let user = user(&[
            ("remote.origin.url", "ssh://git@acme.test:2222/g/p.git"),
            ("remote.a.b.pushurl", "gitlab@Acme.Test:g/p.git"),
            ("submodule.lib.url", "ssh://ada:pw@acme.test/g/lib.git"),
            ("remote.elsewhere.url", "ssh://git@evil.test:2222/g/p.git"),
            ("remote.cut.url", "ssh://x@acme.test"),
            ("remote.file.url", "/acme.test:x"),
            ("remote.helper.url", "acme.test::x"),
        ]);
        for remote in [
            "ssh://git@acme.test:2222/g/p",
            "gitlab@Acme.Test:g/p",
            "ssh://ada:pw@acme.test/g/p",
        ] {
            assert_eq!(rewritten(&places, &user, remote), "https://acme.test/g/p");
        }
        for remote in [
            "ssh://git@evil.test:2222/g/p",
            "ssh://x@acme.test.evil.test/g/p",
        ] {
            assert_eq!(rewritten(&places, &user, remote), remote);
        }
    }

    #[test]
    fn a_rule_of_the_users_that_leads_to_ssh_is_outranked() {
        let places = places(&["https://acme.test/gitlab"]);
        let https = "https://acme.test/gitlab/group/project.git";
        for (target, prefix, remote) in [
            ("git@acme.test:", "https://acme.test/gitlab/", https),
            ("git@acme.test:/", "https://acme.test/gitlab/", https),
            ("git@acme.test:", "https://acme.test/gitlab", https),
            ("ssh://acme.test", "https://acme.test/gitlab", https),
            ("git@acme.test:gr", "https://acme.test/gitlab/gr", https),
            ("git@acme.test:group/", "lab:", "lab:project.git"),
            (
                "ssh://git@acme.test:2222/",
                "git@acme.test:",
                "git@acme.test:group/project.git",
            ),
        ] {
            let user = user(&[(&format!("url.{target}.insteadof"), prefix)]);
            assert_eq!(
                rewritten(&places, &user, remote),
                https,
                "{target} {prefix}"
            );
        }
        let user = user(&[("url.ssh://acme.test.insteadof", "https://acme.test")]);
        let other = rewritten(&places, &user, "https://acme.testing/g/p");
        assert_eq!(
            other, "ssh://acme.testing/g/p",
            "another host is none of ours"
        );
    }

    #[test]
    fn other_rules_of_the_users_stay_and_are_not_doubled() {
        let places = places(&["https://acme.test"]);
        let user = user(&[
            ("url.https://acme.test/.insteadof", "git@acme.test:"),
            (
                "url.https://mirror.test/.insteadof",
                "https://acme.test/group/",
            ),
            ("url.git@mirror.test:.pushinsteadof", "https://acme.test/"),
        ]);
        let mirrored = rewritten(&places, &user, "https://acme.test/group/project");
        assert_eq!(mirrored, "https://mirror.test/project");
        let entries = rewrites(&places, Some(&user), MAX_REWRITES);
        // git-lfs warns of two rules with the same prefix.
        assert!(!entries.iter().any(|(_, prefix)| prefix == "git@acme.test:"));
        assert!(
            !entries
                .iter()
                .any(|(key, _)| key.ends_with("pushInsteadOf"))
        );
    }

    #[test]
    fn an_alias_of_sshs_configuration_is_the_host_that_it_stands_for() {
        let places = places(&["https://acme.test"]);
        let mut user = user(&[
            ("remote.origin.url", "ssh://ada@Work:2222/g/p"),
            ("url.work:.insteadof", "lab:"),
        ]);
        user.aliases.put("work", "Acme.Test");
        user.aliases.put("home", "elsewhere.test");
        for remote in [
            "git@work:g/p",
            "work:g/p",
            "ssh://ada@Work:2222/g/p",
            "lab:g/p",
        ] {
            assert_eq!(
                rewritten(&places, &user, remote),
                "https://acme.test/g/p",
                "{remote}"
            );
        }
        for remote in ["git@home:g/p", "work.test:g/p"] {
            assert_eq!(rewritten(&places, &user, remote), remote);
        }
    }

    #[test]
    fn ssh_to_a_host_of_two_places_means_neither() {
        let places = places(&["https://acme.test/one", "https://acme.test/two"]);
        assert_eq!(places.len(), 2);
        let none = rewrites(&places, Some(&UserRemotes::default()), MAX_REWRITES);
        assert_eq!(none, []);
    }
}
