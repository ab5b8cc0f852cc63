//! What git is told in a session, as configuration that beats the user's files: the way to the
//! proxy, who answers when a password is wanted at the connections' hosts, and that SSH remotes of
//! these hosts go over HTTPS, where the credential is put on.
//!
//! `place.rs` has the places, `rewrites.rs` the way from SSH to them; what the user's own
//! configuration says, git is asked (`remotes.rs`), and ssh (`ssh.rs`).

mod place;
mod remotes;
mod rewrites;
mod rule;
mod ssh;
mod ssh_url;
mod text;

use std::path::Path;

pub use self::place::GitPlace;
pub use self::remotes::{AskedRemotes, UserRemotes};
use self::rewrites::rewrites;

/// What git's configuration is made from, beside the places.
#[derive(Clone, Copy)]
pub struct GitSession<'a> {
    /// `http://authsome:SECRET@127.0.0.1:PORT`.
    pub proxy: &'a str,
    /// Whether the user's own configuration names a proxy, which would go before the environment's.
    /// Otherwise git shall follow the environment, in which a tool within the run may name another.
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
    /// The configuration for everywhere, and for the places; with `user`, SSH remotes go over
    /// HTTPS.
    ///
    /// An environment has a bound, so the entries of many places stand in a file. No password of
    /// ours is ever in one: for these places git has none, and where it would not be let in
    /// without, it goes by the configuration for everywhere.
    pub fn configuration(
        &self,
        places: &[GitPlace],
        user: Option<&UserRemotes>,
    ) -> GitConfiguration {
        let mut entries = self.everywhere();
        if places.len() <= MAX_PLACES {
            entries.extend(self.at(places, Some(self.proxy)));
            entries.extend(rewrites(places, user, MAX_REWRITES));
            return GitConfiguration {
                entries,
                file: None,
            };
        }
        let open = format!("http://{}", self.proxy_address());
        let proxy = self.admits_by_process.then_some(open.as_str());
        let more = rewrites(places, user, MAX_REWRITES_IN_FILE);
        GitConfiguration {
            entries,
            file: Some(text::file(self.at(places, proxy).chain(more))),
        }
    }

    fn everywhere(&self) -> Vec<(String, String)> {
        // git has its helpers keep a proxy's password once it has worked; this one is worth nothing
        // after the session.
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
            // An empty value ends the list of helpers: none of the user's is asked for this host,
            // nor told to store or erase.
            entry("helper", String::new()),
            entry("helper", self.helper(number)),
        ];
        if !place.path_prefix.is_empty() {
            // Who asks `git credential` names the host alone otherwise, and entries for a path do
            // not apply.
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

/// Answers for a place with the placeholder.
///
/// It is for those who want a password before they send a request (git-lfs at an endpoint that once
/// answered 401), and for a 401: without an answer, git would go on to the user's `GIT_ASKPASS`.
pub const CREDENTIAL_HELPER: &[u8] = include_bytes!("helpers/git-credential.sh");

/// The environment of a command has a bound, and each entry is two variables: so many places and
/// rewrites go into it.
const MAX_PLACES: usize = 64;
const MAX_REWRITES: usize = 1024;

/// git reads the whole file with each command.
const MAX_REWRITES_IN_FILE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn places(bases: &[&str]) -> Vec<GitPlace> {
        GitPlace::of_gitlab_at(bases)
    }

    #[test]
    fn the_helper_answers_with_the_placeholder_and_its_path_is_quoted() {
        let script = String::from_utf8_lossy(CREDENTIAL_HELPER);
        assert!(script.contains(&format!("password={}\n", crate::env::env_vars::PLACEHOLDER)));
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
        let bases: Vec<_> = (0..=MAX_PLACES)
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
        assert!(few.entries.len() > MAX_PLACES * 13, "{}", few.entries.len());
        let many = session(true).configuration(&places(&bases), Some(&user));
        assert_eq!(many.entries.len(), 4, "what holds everywhere");
        let file = many.file.unwrap();
        assert!(!file.contains("secret"));
        let last =
            format!("[http \"https://host{MAX_PLACES}.test\"]\n\tproxy = \"http://127.0.0.1:1\"");
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
