//! What git is told in a session, as configuration that beats the user's files: the way to the proxy, who answers when a password is wanted at
//! the connections' hosts, and that SSH remotes of these hosts go over HTTPS, where the credential is put on.

mod remotes;
mod ssh;
mod text;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use authsome_providers::{HostPattern, RoutePattern, Scheme, Service, Shape};

pub use remotes::{AskedRemotes, UserRemotes};
use ssh::Aliases;

/// A place where git's requests get a credential.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct GitPlace {
    host: String,
    /// `https://host:8443/root`, without a slash at the end.
    url: String,
    path_prefix: String,
}

impl GitPlace {
    /// Those of the services, each once. A service whose rules put nothing on git's requests has none: there the user's own ways stay.
    pub fn of<'a>(services: impl Iterator<Item = &'a Service>) -> Vec<Self> {
        let mut places = Vec::new();
        let mut known = HashSet::new();
        for service in services {
            let routes = service
                .routes
                .iter()
                .filter(|route| serves_git(service, route));
            for place in routes.filter_map(Self::at) {
                if known.insert(place.clone()) {
                    places.push(place);
                }
            }
        }
        places
    }

    fn at(route: &RoutePattern) -> Option<Self> {
        let HostPattern::Exact(host) = &route.host else {
            return None; // git's configuration knows no such pattern
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let port = match route.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        Some(Self {
            url: format!("https://{host}{port}{}", route.path_prefix),
            host,
            path_prefix: route.path_prefix.clone(),
        })
    }

    /// The names under which the place may be reached by SSH, with the port.
    fn ssh_names(&self) -> impl Iterator<Item = (&str, u16)> {
        let other = SSH_ELSEWHERE
            .iter()
            .filter(|(host, _, _)| *host == self.host);
        [(self.host.as_str(), 22)]
            .into_iter()
            .chain(other.map(|(_, name, port)| (*name, *port)))
    }

    fn has_ssh_name(&self, host: &str, aliases: &Aliases) -> bool {
        let host = aliases.real(host);
        self.ssh_names()
            .any(|(name, _)| name.eq_ignore_ascii_case(host))
    }
}

/// What git's configuration is made from, beside the places.
#[derive(Clone, Copy)]
pub struct GitSession<'a> {
    /// `http://authsome:SECRET@127.0.0.1:PORT`.
    pub proxy: &'a str,
    /// Whether the user's own configuration names a proxy, which would go before the environment's. Otherwise git shall follow the
    /// environment, in which a tool within the run may name another.
    pub overrides_proxy: bool,
    /// Whether the proxy lets git in without the password.
    pub admits_by_process: bool,
    /// The file with all roots and the session CA.
    pub bundle: &'a Path,
    /// The file with [`CREDENTIAL_HELPER`].
    pub helper: &'a Path,
}

/// git's configuration for a session, each value of a variable of several after those before it.
#[derive(Debug, Default)]
pub struct GitConfiguration {
    /// What goes into the environment: keys and values.
    pub entries: Vec<(String, String)>,
    /// What goes into a file which the environment then includes, behind the entries.
    pub file: Option<String>,
}

impl GitSession<'_> {
    /// The configuration for everywhere, and for the places; with `user`, SSH remotes go over HTTPS.
    ///
    /// An environment has a bound, so the entries of many places stand in a file. No password of ours is ever in one: for these places git
    /// has none, and where it would not be let in without, it goes by the configuration for everywhere.
    pub fn configuration(
        &self,
        places: &[GitPlace],
        user: Option<&UserRemotes>,
    ) -> GitConfiguration {
        let mut entries = self.everywhere();
        if places.len() <= MOST_PLACES {
            entries.extend(self.at(places, Some(self.proxy)));
            entries.extend(rewrites(places, user, MOST_REWRITES));
            return GitConfiguration {
                entries,
                file: None,
            };
        }
        let open = format!("http://{}", self.proxy_address());
        let proxy = self.admits_by_process.then_some(open.as_str());
        let more = rewrites(places, user, MOST_REWRITES_IN_FILE);
        GitConfiguration {
            entries,
            file: Some(text::file(self.at(places, proxy).chain(more))),
        }
    }

    fn everywhere(&self) -> Vec<(String, String)> {
        // git has its helpers keep a proxy's password once it has worked; this one is worth nothing after the session.
        let helper = format!("credential.http://{}.helper", self.proxy_address());
        let mut entries = vec![(helper, String::new())];
        entries.extend(self.http("http", Some(self.proxy)));
        entries
    }

    fn at(
        &self,
        places: &[GitPlace],
        proxy: Option<&str>,
    ) -> impl Iterator<Item = (String, String)> {
        let entries = move |(number, place): (usize, &GitPlace)| {
            // What the user set for a URL goes before what is set for all.
            let http = self.http(&format!("http.{}", place.url), proxy);
            let credential = self.credential(place, number);
            http.into_iter().chain(credential)
        };
        places.iter().enumerate().flat_map(entries)
    }

    fn proxy_address(&self) -> &str {
        let (_, address) = self.proxy.rsplit_once('@').unwrap_or_default();
        address
    }

    fn http(&self, section: &str, proxy: Option<&str>) -> Vec<(String, String)> {
        let entry = |name, value: &str| (format!("{section}.{name}"), value.to_owned());
        let proxy = proxy.filter(|_| self.overrides_proxy);
        let mut entries: Vec<_> = proxy
            .map(|proxy| entry("proxy", proxy))
            .into_iter()
            .collect();
        entries.extend([
            entry("proxyAuthMethod", "basic"),
            entry("sslCAInfo", &self.bundle.display().to_string()),
        ]);
        entries
    }

    fn credential(&self, place: &GitPlace, number: usize) -> Vec<(String, String)> {
        let entry = |name, value| (format!("credential.{}.{name}", place.url), value);
        let mut entries = vec![
            // An empty value ends the list of helpers: none of the user's is asked for this host, nor told to store or erase.
            entry("helper", String::new()),
            entry("helper", self.helper(number)),
        ];
        if !place.path_prefix.is_empty() {
            // Who asks `git credential` names the host alone otherwise, and entries for a path do not apply.
            entries.push(entry("useHttpPath", "true".to_owned()));
        }
        entries
    }

    /// git gives the command to a shell.
    fn helper(&self, number: usize) -> String {
        let path = self.helper.display().to_string().replace('\'', r"'\''");
        format!("!sh '{path}' {number}")
    }
}

/// The configuration that takes SSH remotes of the places over HTTPS, but for the user's own word on them: at most so many entries.
///
/// git replaces the longest prefix that is configured, once, and of two equal ones the first that it read: the user's. So a rule of theirs that
/// leads to a place's SSH is not beaten by its like, but by rules that are one character longer, one for each that may follow.
fn rewrites(places: &[GitPlace], user: Option<&UserRemotes>, most: usize) -> Vec<(String, String)> {
    let Some(user) = user else {
        return Vec::new();
    };
    let mut at_host: HashMap<&str, usize> = HashMap::new();
    for place in places {
        *at_host.entry(&place.host).or_default() += 1;
    }
    // SSH names a host only, so of two places at one host neither can be told to be meant.
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
        // Beside the user's rule for the very prefix ours would have no effect, and git-lfs would warn of it.
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

/// `url.<target>.insteadOf = <prefix>`, or `pushInsteadOf`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    target: String,
    prefix: String,
    push_only: bool,
}

impl Rule {
    fn replaces(&self, prefix: &str) -> bool {
        !self.push_only && self.prefix == prefix
    }

    /// The same rule with HTTPS for its SSH target, in longer ones that git prefers.
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
            vec![follows('/')] // anything else would be another host
        }
    }
}

/// An SSH URL in either spelling, cut where its path begins.
#[derive(Debug, Eq, PartialEq)]
struct SshUrl<'url> {
    host: &'url str,
    prefix: &'url str,
    path: &'url str,
}

impl<'url> SshUrl<'url> {
    fn parse(url: &'url str) -> Option<Self> {
        let (authority, end) = match url.split_once("://") {
            Some((scheme, rest)) if SSH_SCHEMES.contains(&scheme) => {
                let authority = rest.split('/').next()?;
                let end = scheme.len() + "://".len() + authority.len() + "/".len();
                (authority, end.min(url.len()))
            }
            Some(_) => return None,
            // `user@host:path`; a slash before the colon makes it a local path, a second colon after it the name of a helper.
            None => {
                let (authority, path) = url.split_once(':')?;
                if authority.contains('/') || path.starts_with(':') {
                    return None;
                }
                let slash = usize::from(path.starts_with('/')); // means the same, and would stand twice in a URL
                (authority, authority.len() + ":".len() + slash)
            }
        };
        let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (prefix, path) = url.split_at(end);
        Some(Self {
            host: host.split(':').next()?,
            prefix,
            path,
        })
    }

    /// Whether the host's name, or its port, cannot go on after the prefix.
    fn is_whole(&self) -> bool {
        self.prefix.ends_with([':', '/'])
    }
}

/// The spellings of an SSH remote that are in use; git compares letter by letter.
fn ssh_prefixes(host: &str, port: u16) -> [String; 8] {
    [
        format!("git@{host}:"),
        format!("git@{host}:/"),
        format!("{host}:"), // the user from ~/.ssh/config
        format!("ssh://git@{host}/"),
        format!("ssh://git@{host}:{port}/"),
        format!("ssh://{host}/"),
        format!("ssh://{host}:{port}/"),
        format!("git+ssh://git@{host}/"),
    ]
}

/// git reads Basic only.
fn serves_git(service: &Service, route: &RoutePattern) -> bool {
    let path = format!("{}/group/project.git/info/refs", route.path_prefix);
    let path = service.relative_path(&path).unwrap_or(&path);
    let shape = service
        .rules
        .injection("GET", path, Some("service=git-upload-pack"))
        .map(|index| &service.rules.shapes()[index]);
    route.scheme == Scheme::Https && matches!(shape, Some(Shape::Basic { .. }))
}

/// Answers for a place with the placeholder.
///
/// It is for those who want a password before they send a request (git-lfs at an endpoint that once answered 401), and for a 401: without an
/// answer, git would go on to the user's `GIT_ASKPASS`.
pub const CREDENTIAL_HELPER: &[u8] = include_bytes!("helpers/git-credential.sh");

/// The environment of a command has a bound, and each entry is two variables: so many places and rewrites go into it.
const MOST_PLACES: usize = 64;
const MOST_REWRITES: usize = 1024;

/// git reads the whole file with each command.
const MOST_REWRITES_IN_FILE: usize = 16 * 1024;

/// The schemes that git takes for SSH.
const SSH_SCHEMES: [&str; 3] = ["git+ssh", "ssh", "ssh+git"];

/// Hosts whose SSH has another name and port for networks that let nothing but HTTPS out.
const SSH_ELSEWHERE: [(&str, &str, u16); 1] = [("gitlab.com", "altssh.gitlab.com", 443)];

#[cfg(test)]
mod tests {
    use authsome_providers::Catalog;

    use super::*;

    fn service(base: &str) -> Service {
        let gitlab = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
        gitlab.provider.at(Some(&base.parse().unwrap())).unwrap()
    }

    fn places(bases: &[&str]) -> Vec<GitPlace> {
        let services: Vec<_> = bases.iter().map(|base| service(base)).collect();
        GitPlace::of(services.iter())
    }

    fn user(configuration: &[(&str, &str)]) -> UserRemotes {
        let lines = configuration
            .iter()
            .map(|(key, value)| format!("global\0{key}\n{value}\0"));
        UserRemotes::parse(lines.collect::<String>().as_bytes())
    }

    /// What git would make of a URL: the longest prefix, and the first of two, the user's before ours.
    fn rewritten(places: &[GitPlace], user: &UserRemotes, url: &str) -> String {
        let users = user.rules.iter().filter(|rule| !rule.push_only);
        let mut best: (usize, String) = (0, url.to_owned());
        let ours = rewrites(places, Some(user), MOST_REWRITES);
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
    fn a_place_is_where_git_gets_basic() {
        let mut urls = Vec::new();
        for place in places(&[
            "https://gitlab.com",
            "https://gitlab.com",
            "https://gitlab.acme.com:8443/gitlab",
            "https://[::1]",
            "http://localhost:8080",
        ]) {
            urls.push(place.url);
        }
        let expected = [
            "https://gitlab.com",
            "https://gitlab.acme.com:8443/gitlab",
            "https://[::1]",
        ];
        assert_eq!(urls, expected);
        let directory = tempfile::tempdir().unwrap();
        let definition = r#"{"schema_version": 1, "name": "acme", "auth_type": "api_key", "api_url": "api.acme.com",
            "api_key": {"header_name": "Authorization", "header_prefix": "Bearer"}}"#;
        let mut file = std::fs::File::create(directory.path().join("acme.json")).unwrap();
        std::io::Write::write_all(&mut file, definition.as_bytes()).unwrap();
        let catalog = Catalog::new(Some(directory.path().to_owned()));
        let other = catalog.get(&"acme".parse().unwrap()).unwrap();
        let other = other.provider.at(None).unwrap();
        assert_eq!(GitPlace::of([&other].into_iter()), []);
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
        let entries = rewrites(&places, Some(&user), MOST_REWRITES);
        // git-lfs warns of two.
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
    fn a_repositorys_own_rules_are_not_the_whole_runs() {
        let output = "local\0url.git@acme.test:.insteadof\nhttps://other.test/\0\
                      worktree\0url.git@acme.test:.insteadof\nhttps://third.test/\0\
                      system\0url.git@acme.test:.insteadof\nlab:\0\
                      local\0remote.origin.url\nssh://acme.test:22/x\0command\0http.proxy\nx\0glob";
        let user = UserRemotes::parse(output.as_bytes());
        let prefixes: Vec<_> = user.rules.iter().map(|rule| rule.prefix.as_str()).collect();
        assert_eq!(prefixes, ["lab:"]);
        assert_eq!(user.remotes, ["ssh://acme.test:22/x"]);
        assert!(user.names_proxy && !UserRemotes::parse(b"").names_proxy);
    }

    #[test]
    fn ssh_to_a_host_of_two_places_means_neither() {
        let places = places(&["https://acme.test/one", "https://acme.test/two"]);
        assert_eq!(places.len(), 2);
        let none = rewrites(&places, Some(&UserRemotes::default()), MOST_REWRITES);
        assert_eq!(none, []);
    }

    #[test]
    fn the_helper_answers_with_the_placeholder_and_its_path_is_quoted() {
        let script = String::from_utf8_lossy(CREDENTIAL_HELPER);
        assert!(script.contains(&format!("password={}\n", crate::env_vars::PLACEHOLDER)));
        let session = GitSession {
            proxy: "http://authsome:secret@127.0.0.1:1",
            overrides_proxy: false,
            admits_by_process: true,
            bundle: Path::new("/run/bundle.pem"),
            helper: Path::new("/it's here/git-credential.sh"),
        };
        let entries = session.configuration(&places(&["https://acme.test/gitlab"]), None);
        let entries = entries.entries;
        let helpers: Vec<_> = entries
            .iter()
            .filter(|(key, _)| key == "credential.https://acme.test/gitlab.helper")
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(
            helpers,
            ["", r"!sh '/it'\''s here/git-credential.sh' 0"],
            "the list is ended before ours is put on it"
        );
        assert_eq!(entries[0].0, "credential.http://127.0.0.1:1.helper");
    }

    #[test]
    fn many_places_go_into_a_file_without_the_password() {
        let bases: Vec<_> = (0..=MOST_PLACES)
            .map(|index| format!("https://host{index}.test"))
            .collect();
        let bases: Vec<_> = bases.iter().map(String::as_str).collect();
        let session = |admits_by_process| GitSession {
            proxy: "http://authsome:secret@127.0.0.1:1",
            overrides_proxy: true,
            admits_by_process,
            bundle: Path::new("/run/bundle.pem"),
            helper: Path::new("/run/git-credential.sh"),
        };
        let user = UserRemotes::default();
        let few = session(true).configuration(&places(&bases[1..]), Some(&user));
        assert_eq!(few.file, None);
        assert!(
            few.entries.len() > MOST_PLACES * 13,
            "{}",
            few.entries.len()
        );
        let many = session(true).configuration(&places(&bases), Some(&user));
        assert_eq!(many.entries.len(), 4, "what holds everywhere");
        let file = many.file.unwrap();
        assert!(!file.contains("secret"));
        let last =
            format!("[http \"https://host{MOST_PLACES}.test\"]\n\tproxy = \"http://127.0.0.1:1\"");
        assert!(file.contains(&last), "{file}");
        let followed = GitSession {
            overrides_proxy: false,
            ..session(true)
        };
        let followed = followed.configuration(&places(&bases), Some(&user));
        assert!(!followed.file.unwrap().contains("\tproxy = "));
        assert!(!followed.entries.iter().any(|(key, _)| key == "http.proxy"));
        assert!(file.contains("\thelper = \"\"\n\thelper = \"!sh '/run/git-credential.sh' 64\""));
        assert!(file.contains("[url \"https://host64.test/\"]\n\tinsteadOf = \"git+ssh://"));
        let shut_out = session(false).configuration(&places(&bases), None);
        let file = shut_out.file.unwrap();
        assert!(!file.contains("\tproxy = ") && file.contains("[credential "));
    }
}
