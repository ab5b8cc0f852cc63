//! The rules of a definition, prepared once: what is injected into requests, and which are denied.

mod carriers;
mod common;
mod graphql;
mod guards;
mod sent;

use std::sync::Arc;

pub use self::carriers::Carriers;
pub(crate) use self::common::{CommonRules, InjectEntry, ServerReading, SharedRules};
pub(crate) use self::graphql::GraphqlEndpoint;
pub use self::graphql::GraphqlNames;
pub(crate) use self::guards::{Guards, LaterGuards};
pub use self::sent::SentNames;
use crate::condition::is_of;
use crate::host::HostPattern;
use crate::path_pattern::PathPattern;
use crate::secret_shape::SecretShape;
use crate::shape::Shape;
use crate::spelling::{other_readings, spellings};

/// The rules of a provider at one base URL. All base URLs share the part that does not depend on
/// it.
///
/// Each `path` argument is canonical and relative to the base URL
/// ([`Service::relative_path`](crate::Service::relative_path)): percent-decoded once (except
/// `%2F`), without dot segments, double slashes or query.
#[derive(Debug)]
pub struct Rules {
    common: Arc<CommonRules>,
    oauth_paths: Vec<String>,
    /// The common prefix of `oauth_paths`.
    oauth_prefix: String,
}

impl Rules {
    /// What a request gets. The first matching rule applies. An OAuth endpoint gets none, whatever
    /// the rules say. `query` is encoded as in the request.
    pub fn injection(
        &self,
        host: &str,
        method: &str,
        path: &str,
        query: Option<&str>,
    ) -> Option<Injection> {
        if self.is_oauth_endpoint(path) {
            return None;
        }
        self.common.injection((host, method, path, query), false)
    }

    /// The same of a `GET` of git's, to which the rule applies that the definition says is git's,
    /// if there is one: its pattern, mostly an expression that has to be compiled, is not asked.
    pub fn injection_for_git(&self, host: &str, path: &str, query: &str) -> Option<Injection> {
        self.common
            .injection((host, "GET", path, Some(query)), true)
    }

    /// All shapes of the rules, without duplicates.
    pub fn shapes(&self) -> &[Shape] {
        &self.common.shapes
    }

    /// The rule that denies a request, if there is one.
    ///
    /// A server that routes with Grape or Rails treats `/access_tokens.json` and `/access_tokens/`
    /// like `/access_tokens`. So a rule also applies to a path with a format suffix or a trailing
    /// slash, and to what a server would take the path for that leaves out parameters of segments
    /// (`;x`) or decodes a second time. Methods are compared without regard to case: in HTTP they
    /// are case-sensitive, but some servers ignore case. For paths, the pattern says so (`(?i)`).
    ///
    /// Rules about what a request sends are not asked ([`is_about`](Self::is_about)).
    pub fn guard(&self, host: &str, method: &str, path: &str) -> Option<&GuardRule> {
        let found = self.guard_at(host, method, path);
        found.or_else(|| {
            let mut others = other_readings(path).into_iter().flatten();
            others.find_map(|path| self.guard_at(host, method, &path))
        })
    }

    fn guard_at(&self, host: &str, method: &str, path: &str) -> Option<&GuardRule> {
        let all = &self.common.guards;
        let rules = all.of_method(method);
        let near = rules.landmarks(all.rules()).near(path);
        if near.is_empty() {
            return None; // the usual case
        }
        let guards = || {
            let indices = near.iter().filter_map(|number| rules.indices.get(*number));
            indices.filter_map(|index| all.rules().get(*index))
        };
        spellings(path).find_map(|path| guards().find(|rule| rule.holds(host, path)))
    }

    /// Whether a rule of this definition is about such a request. That is enough to deny it only if
    /// the rule says nothing of what it sends ([`GuardRule::sends`]).
    pub fn is_about(&self, rule: &GuardRule, host: &str, method: &str, path: &str) -> bool {
        let mut methods = rule.methods.iter();
        let of_method =
            rule.methods.is_empty() || methods.any(|known| known.eq_ignore_ascii_case(method));
        let of_path = || rule.pattern.matches_a_spelling_of(path);
        rule.graphql.is_none() && of_method && is_of(&rule.hosts, host) && of_path()
    }

    /// The field of a body whose value the server takes for the method of a `POST`.
    pub fn method_field(&self) -> Option<&str> {
        self.common.method_field.as_deref()
    }

    /// Whether a rule about paths denies a method and not `POST`, so that a `POST` which names that
    /// method in its body would go around it.
    pub fn denies_other_methods(&self) -> bool {
        self.common.guards.denies_other_methods()
    }

    /// All guard rules, in the definition's order.
    pub fn guards(&self) -> &[GuardRule] {
        self.common.guards.rules()
    }

    /// Name and reason of each guard rule, without the rest, which takes longer to read. If several
    /// have one name, the last reason is that of the name.
    pub fn guard_reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        self.common.guards.reasons()
    }

    /// Whether the service takes GraphQL documents at that path, in whose [`GuardRule::graphql`]
    /// rules they are to be looked for. A path with a format suffix or a trailing slash is the same
    /// endpoint, as for [`guard`](Self::guard).
    pub fn is_graphql(&self, host: &str, path: &str) -> bool {
        // Before the path's other spellings are looked at: nearly all paths begin otherwise.
        let mut endpoints = self.common.graphql.iter();
        endpoints.any(|one| {
            one.pattern.begins(path) && spellings(path).any(|path| one.is_at(host, path))
        })
    }

    /// What the secrets look like that the service makes.
    pub fn mints(&self) -> &[SecretShape] {
        &self.common.mints
    }

    /// Fields that each request gets, unless it has them.
    pub fn headers(&self) -> &[(String, String)] {
        &self.common.headers
    }

    /// The fields and parameters that can carry a credential to this service.
    pub fn carriers(&self) -> &Carriers {
        &self.common.carriers
    }

    /// Whether the path is one of the service's own OAuth endpoints, or below one (authorize,
    /// token, revoke, device, register …). Requests to these authenticate themselves, so they are
    /// forwarded without injection.
    pub fn is_oauth_endpoint(&self, path: &str) -> bool {
        if !path.starts_with(&self.oauth_prefix) {
            return false; // the usual case
        }
        self.oauth_paths.iter().any(|endpoint| {
            let rest = path.strip_prefix(endpoint.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        })
    }

    /// `oauth_paths` are relative to the base URL.
    pub(crate) fn new(common: Arc<CommonRules>, oauth_paths: Vec<String>) -> Self {
        Self {
            common,
            oauth_prefix: common_prefix(&oauth_paths),
            oauth_paths,
        }
    }
}

/// What a request gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Injection {
    /// The index of the shape in [`Rules::shapes`].
    pub shape: usize,
    /// Only if the request has carried the placeholder: the host serves others, too, who log in
    /// there for each request, or not at all.
    pub only_if_sent: bool,
}

/// The longest common prefix of `paths`.
fn common_prefix(paths: &[String]) -> String {
    let Some((first, others)) = paths.split_first() else {
        return String::new();
    };
    let common = |text: &str, other: &String| {
        let same = text.char_indices().zip(other.chars());
        let same = same.take_while(|((_, one), other)| one == other);
        same.last().map_or(0, |((at, one), _)| at + one.len_utf8())
    };
    let length = others
        .iter()
        .fold(first.len(), |length, other| common(&first[..length], other));
    first[..length].to_owned()
}

/// A rule that denies requests unless the user allows them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GuardRule {
    /// The name by which the user allows it.
    pub name: String,
    /// Why it is denied.
    pub reason: String,
    /// The methods in upper case; empty means all.
    pub methods: Vec<String>,
    /// What it denies inside of GraphQL documents. If it is there, the rule denies no path.
    pub graphql: Option<GraphqlNames>,
    /// What a request has to send for the rule to deny it; `None` if its path is enough.
    pub sends: Option<SentNames>,
    /// The hosts; empty means all.
    pub(crate) hosts: Vec<HostPattern>,
    pub(crate) pattern: PathPattern,
}

impl GuardRule {
    fn holds(&self, host: &str, path: &str) -> bool {
        self.pattern.matches(path) && is_of(&self.hosts, host)
    }

    /// Whether the rule denies requests by their path alone.
    pub fn is_by_path(&self) -> bool {
        self.graphql.is_none() && self.sends.is_none()
    }

    /// The path pattern as the definition writes it, with what a request has to send, or the names
    /// that the rule denies inside of GraphQL documents.
    pub fn path(&self) -> String {
        match (&self.graphql, &self.sends) {
            (Some(names), _) => names.to_string(),
            (None, Some(sent)) => format!("{} with {sent}", self.pattern),
            (None, None) => self.pattern.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    fn rules(inject: &[(&str, Shape)], oauth_paths: &[&str]) -> Rules {
        let inject = inject
            .iter()
            .map(|(path, shape)| InjectEntry::of(path.parse().unwrap(), shape.clone()))
            .collect();
        let guards = vec![
            guard("mint", &["POST"], "/projects/*/access_tokens"),
            guard("any", &[], "/keys/*"),
            guard("whole", &["PUT"], "regex:^/users/[0-9]+$"),
        ];
        let common = CommonRules::new(inject, Guards::of(guards), &Carriers::default(), Vec::new());
        Rules::new(
            Arc::new(common),
            oauth_paths.iter().map(ToString::to_string).collect(),
        )
    }

    fn guard(name: &str, methods: &[&str], path: &str) -> GuardRule {
        GuardRule {
            name: name.to_owned(),
            reason: "reason".to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
            graphql: None,
            sends: None,
            hosts: Vec::new(),
            pattern: path.parse().unwrap(),
        }
    }

    #[test]
    fn what_paths_have_in_common_is_what_all_begin_with() {
        let common = |paths: &[&str]| {
            let paths: Vec<_> = paths.iter().map(ToString::to_string).collect();
            common_prefix(&paths)
        };
        assert_eq!(common(&[]), "");
        assert_eq!(common(&["/oauth/token"]), "/oauth/token");
        assert_eq!(common(&["/oauth/token", "/oauth/authorize"]), "/oauth/");
        assert_eq!(common(&["/oauth", "/oauth/token", "/x"]), "/");
        assert_eq!(common(&["/\u{e4}b", "/\u{e4}c"]), "/\u{e4}");
        assert_eq!(common(&["/\u{e4}", "/\u{e5}"]), "/");
    }

    #[test]
    fn the_first_rule_wins_and_shapes_are_kept_once() {
        let key = Shape::Header {
            name: "x-key".to_owned(),
            prefix: String::new(),
        };
        let query = Shape::Query {
            values: vec![("token".to_owned(), Template::credential())],
        };
        let rules = rules(
            &[
                ("/a/**", Shape::Bearer),
                ("/a/b", key.clone()),
                ("/c", query.clone()),
                ("/d", key.clone()),
                ("/e", Shape::Bearer),
            ],
            &["/a/token"],
        );
        assert_eq!(rules.shapes(), [Shape::Bearer, key, query]);
        for (path, expected) in [
            ("/a/b", Some(0)),
            ("/c", Some(2)),
            ("/d", Some(1)),
            ("/e", Some(0)),
            ("/f", None),
            ("/a/token", None),
            ("/a/token/info", None),
            ("/a/token.json", None),
            ("/a/tokens", Some(0)),
        ] {
            let found = rules.injection("a.test", "GET", path, None);
            assert_eq!(found.map(|found| found.shape), expected, "{path}");
        }
        assert_eq!(rules.carriers().headers, ["authorization", "x-key"]);
        assert_eq!(rules.carriers().query, ["token"]);
    }

    #[test]
    fn guards_hold_for_every_spelling() {
        let rules = rules(&[], &[]);
        for (method, path, expected) in [
            ("POST", "/projects/1/access_tokens", Some("mint")),
            ("post", "/projects/1/access_tokens", Some("mint")),
            ("POST", "/projects/g%2Fp/access_tokens", Some("mint")),
            ("POST", "/projects/1/access_tokens.json", Some("mint")),
            ("POST", "/projects/1/access_tokens.xml/", Some("mint")),
            ("POST", "/projects/1/access_tokens/", Some("mint")),
            ("POST", "/projects/1/access_tokens/.json", Some("mint")),
            ("POST", "/projects/g.p/access_tokens", Some("mint")),
            ("POST", "/projects/1/access_tokens;x=y", Some("mint")),
            ("POST", "/projects;x/1/access_tokens.json;y", Some("mint")),
            ("POST", "/projects/1/%61ccess_tokens", Some("mint")),
            ("POST", "/projects/1/access_tokens?x", Some("mint")),
            ("POST", "/projects/1;x/access_tokens/2", None),
            ("GET", "/projects/1/access_tokens", None),
            ("POST", "/projects/1/2/access_tokens", None),
            ("POST", "/projects/1/access_tokens/2", None),
            ("DELETE", "/keys/1", Some("any")),
            ("PUT", "/users/1.json", Some("whole")),
            ("PUT", "/users/1/", Some("whole")),
            ("PUT", "/users/1/status", None),
            ("POST", "/", None),
            ("POST", "", None),
        ] {
            assert_eq!(
                rules
                    .guard("a.test", method, path)
                    .map(|rule| rule.name.as_str()),
                expected,
                "{method} {path}"
            );
        }
    }
}
