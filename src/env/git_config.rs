//! git's configuration in a session, which takes precedence over the user's files: the proxy, the
//! credential helper for the connections' hosts, and the rewrites that send SSH remotes of these
//! hosts over HTTPS, where the proxy can inject the credential.
//!
//! `place.rs` finds the places, `rewrites.rs` makes the rewrites from SSH to HTTPS. The user's own
//! configuration is read by asking git (`remotes.rs`), unless its files say nothing (`files.rs`),
//! and ssh (`ssh.rs`).

mod files;
mod place;
mod remotes;
mod rewrites;
mod rule;
mod ssh;
mod ssh_url;
mod text;

use std::path::Path;

pub use self::files::GitSurroundings;
pub use self::place::GitPlace;
pub(crate) use self::place::git_shape;
pub use self::remotes::{AskedRemotes, UserRemotes};
use self::rewrites::rewrites;

/// What git's configuration is made from, in addition to the places.
#[derive(Clone, Copy)]
pub struct GitSession<'a> {
    /// `http://authsome:SECRET@127.0.0.1:PORT`.
    pub proxy: &'a str,
    /// Whether the user's own configuration names a proxy, which would take precedence over the
    /// environment's. Otherwise git follows the environment, where a tool within the run may name
    /// another proxy.
    pub overrides_proxy: bool,
    /// Whether the proxy admits git without the password.
    pub admits_by_process: bool,
    /// The file with all roots and the session CA.
    pub bundle: &'a Path,
    /// The file with [`CREDENTIAL_HELPER`].
    pub helper: &'a Path,
}

/// git's configuration for a session. Among the values of a multi-valued variable, the order is
/// kept.
#[derive(Debug, Default)]
pub struct GitConfiguration {
    /// The keys and values that go into the environment.
    pub entries: Vec<(String, String)>,
    /// The text of a file that the environment includes after the entries.
    pub file: Option<String>,
}

impl GitSession<'_> {
    /// The general configuration, and that for the places. With `user`, SSH remotes go over HTTPS.
    ///
    /// The size of an environment is bounded, so the entries of many places go into a file. That
    /// file never contains the proxy's password: it names the proxy without one. Where the proxy
    /// does not admit git without a password, the file names no proxy, and the general
    /// configuration applies.
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
        // git lets its credential helpers store a proxy's password once it has worked. This
        // password is worthless after the session.
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
            // A setting of the user's for a URL takes precedence over a general one.
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
            // An empty value clears the list of helpers: none of the user's helpers is asked for
            // this host, or told to store or erase a credential.
            entry("helper", String::new()),
            entry("helper", self.helper(number)),
        ];
        if !place.path_prefix.is_empty() {
            // Without this, a program that asks `git credential` names only the host, and entries
            // for a path do not apply.
            entries.push(entry("useHttpPath", "true".to_owned()));
        }
        entries
    }

    /// The helper's command, quoted for the shell by which git runs it.
    fn helper(&self, number: usize) -> String {
        let path = self.helper.display().to_string().replace('\'', r"'\''");
        format!("!sh '{path}' {number}")
    }
}

/// A credential helper that returns the placeholder for a place.
///
/// It serves programs that want a password before they send a request (git-lfs at an endpoint that
/// has returned 401 before), and git after a 401: without a credential, git would go on to the
/// user's `GIT_ASKPASS`.
pub const CREDENTIAL_HELPER: &[u8] = include_bytes!("helpers/git-credential.sh");

/// How many places and rewrites go into the environment: its size is bounded, and each entry is two
/// variables.
const MAX_PLACES: usize = 64;
const MAX_REWRITES: usize = 1024;

/// The bound for the file: git reads all of it for each command.
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
