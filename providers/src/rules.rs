//! What is put on a request, and which requests are denied: the definition's rules, compiled once.

use std::borrow::Cow;

use regex::bytes::RegexSet;

use crate::error::DefinitionError;
use crate::path_pattern::PathPattern;
use crate::shape::Shape;

/// The rules of one service, compiled once: a look-up is one pass over the path.
///
/// Every `path` given to them is canonical and below the base URL's path prefix
/// ([`Service::relative_path`](crate::Service::relative_path)): percent-decoded once (`%2F` stays as it is),
/// no dot segments, no doubled slashes, no query.
#[derive(Debug)]
pub struct Rules {
    shapes: Vec<Shape>,
    inject: RegexSet,
    /// Which shape each pattern of `inject` asks for.
    shape_of: Vec<usize>,
    guards: Vec<GuardRule>,
    guard: RegexSet,
    carriers: Carriers,
    oauth_paths: Vec<String>,
}

impl Rules {
    /// Which of [`shapes`](Self::shapes) a request to `path` gets. The first matching rule wins; an OAuth
    /// endpoint gets none, whatever the rules say.
    pub fn injection(&self, path: &str) -> Option<usize> {
        if self.is_oauth_endpoint(path) {
            return None;
        }
        let first = self.inject.matches(path.as_bytes()).iter().next()?;
        self.shape_of.get(first).copied()
    }

    /// Every shape that a rule asks for, each once.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The rule that denies a request, if one does.
    ///
    /// A server that routes by Grape or Rails takes `/access_tokens.json` and `/access_tokens/` for
    /// `/access_tokens`, so a rule holds for a path with a format suffix or a trailing slash as well.
    /// Methods are compared without regard to case: HTTP says otherwise, servers do not always.
    pub fn guard(&self, method: &str, path: &str) -> Option<&GuardRule> {
        if self.guards.is_empty() {
            return None;
        }
        spellings(path).into_iter().flatten().find_map(|path| {
            let matches = self.guard.matches(path.as_bytes());
            matches
                .iter()
                .filter_map(|index| self.guards.get(index))
                .find(|rule| rule.applies_to(method))
        })
    }

    /// Every guard rule, in the definition's order.
    pub fn guards(&self) -> &[GuardRule] {
        &self.guards
    }

    /// What can carry a credential to this service.
    pub fn carriers(&self) -> &Carriers {
        &self.carriers
    }

    /// Whether the path is one of the service's own OAuth endpoints, or below one (authorize, token, revoke,
    /// device, register …): a request there authenticates itself, and is forwarded without injection.
    pub fn is_oauth_endpoint(&self, path: &str) -> bool {
        self.oauth_paths.iter().any(|endpoint| {
            let rest = path.strip_prefix(endpoint.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
        })
    }

    /// Compiles what a definition says. `oauth_paths` are below the base URL's path prefix.
    pub(crate) fn new(
        source: &RulesSource,
        oauth_paths: Vec<String>,
    ) -> Result<Self, DefinitionError> {
        let too_large = |path: &str| DefinitionError::PatternsTooLarge {
            path: path.to_owned(),
        };
        let mut shapes: Vec<Shape> = Vec::new();
        let mut shape_of = Vec::with_capacity(source.inject.len());
        for (_, shape) in &source.inject {
            let known = shapes.iter().position(|known| known == shape);
            shape_of.push(known.unwrap_or(shapes.len()));
            if known.is_none() {
                shapes.push(shape.clone());
            }
        }
        let inject = PathPattern::compile(source.inject.iter().map(|(pattern, _)| pattern));
        let guard = PathPattern::compile(source.guards.iter().map(|guard| &guard.pattern));
        Ok(Self {
            carriers: source.carriers.including(&shapes),
            shapes,
            inject: inject.map_err(|_| too_large("inject"))?,
            shape_of,
            guards: source.guards.clone(),
            guard: guard.map_err(|_| too_large("guard"))?,
            oauth_paths,
        })
    }
}

/// A kind of request that is denied unless the user allows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GuardRule {
    /// What the user allows it by.
    pub name: String,
    /// Why it is denied.
    pub reason: String,
    /// The methods in upper case; none means all.
    pub methods: Vec<String>,
    pub(crate) pattern: PathPattern,
}

impl GuardRule {
    /// The path pattern as the definition writes it.
    pub fn path(&self) -> String {
        self.pattern.to_string()
    }

    fn applies_to(&self, method: &str) -> bool {
        self.methods.is_empty()
            || self
                .methods
                .iter()
                .any(|known| known.eq_ignore_ascii_case(method))
    }
}

/// Headers and query parameters that can carry a credential to a service.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Carriers {
    /// Header names in lower case; `authorization` is always among them.
    pub headers: Vec<String>,
    /// Names of query parameters.
    pub query: Vec<String>,
}

impl Carriers {
    /// With `authorization` and what the shapes themselves use: a placeholder must not stay there.
    fn including(&self, shapes: &[Shape]) -> Self {
        let mut all = self.clone();
        let mut headers = vec!["authorization"];
        for shape in shapes {
            match shape {
                Shape::Basic { .. } | Shape::Bearer => {}
                Shape::Header { name, .. } => headers.push(name),
                Shape::Query { name } if all.query.contains(name) => {}
                Shape::Query { name } => all.query.push(name.clone()),
            }
        }
        for name in headers {
            if !all.headers.iter().any(|known| known == name) {
                all.headers.push(name.to_owned());
            }
        }
        all
    }
}

/// The rules as the definition writes them, each checked, not yet compiled together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RulesSource {
    pub(crate) inject: Vec<(PathPattern, Shape)>,
    pub(crate) guards: Vec<GuardRule>,
    pub(crate) carriers: Carriers,
}

/// The path as it is, without trailing slash, and without format suffix: the paths that a server may take
/// it for. Most paths have one spelling.
fn spellings(path: &str) -> [Option<Cow<'_, str>>; 3] {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let segment = bare.rfind('/').map_or(0, |slash| slash + 1);
    let name = bare.get(segment..).unwrap_or_default();
    let unformatted = name
        .rfind('.')
        .map(|dot| bare.get(..segment + dot).unwrap_or(bare));
    [
        Some(Cow::Borrowed(path)),
        (bare != path).then_some(Cow::Borrowed(bare)),
        unformatted.map(|path| Cow::Borrowed(path.strip_suffix('/').unwrap_or(path))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(inject: &[(&str, Shape)], oauth_paths: &[&str]) -> Rules {
        let inject = inject
            .iter()
            .map(|(path, shape)| (path.parse().unwrap(), shape.clone()))
            .collect();
        let guards = vec![
            guard("mint", &["POST"], "/projects/*/access_tokens"),
            guard("any", &[], "/keys/*"),
            guard("whole", &["PUT"], "regex:^/users/[0-9]+$"),
        ];
        let source = RulesSource {
            inject,
            guards,
            carriers: Carriers::default(),
        };
        Rules::new(
            &source,
            oauth_paths.iter().map(ToString::to_string).collect(),
        )
        .unwrap()
    }

    fn guard(name: &str, methods: &[&str], path: &str) -> GuardRule {
        GuardRule {
            name: name.to_owned(),
            reason: "reason".to_owned(),
            methods: methods.iter().map(ToString::to_string).collect(),
            pattern: path.parse().unwrap(),
        }
    }

    #[test]
    fn the_first_rule_wins_and_shapes_are_kept_once() {
        let key = Shape::Header {
            name: "x-key".to_owned(),
            prefix: String::new(),
        };
        let query = Shape::Query {
            name: "token".to_owned(),
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
            assert_eq!(rules.injection(path), expected, "{path}");
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
                rules.guard(method, path).map(|rule| rule.name.as_str()),
                expected,
                "{method} {path}"
            );
        }
    }
}
