//! A request that is served only if the user says yes to it.

use super::method_override::Methods;
use super::route::Route;
use super::session_policy::{PathRule, PolicyLayer, PolicySource, SessionPolicy};
use crate::audit::POLICY;

/// Why a request has to wait for the user's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct Asking {
    /// The rule, as the log names rules.
    pub(in crate::proxy) rule: String,
    /// Why, in words.
    pub(in crate::proxy) reason: String,
    /// What a yes for the whole run is about: the connection, the method and the path.
    pub(in crate::proxy) subject: String,
}

impl Asking {
    /// Because of that rule, for a request of that route.
    pub(super) fn new(
        (rule, reason): (String, String),
        route: &Route,
        method: &str,
        path: &str,
    ) -> Self {
        Self {
            rule,
            reason,
            subject: PathRule::exactly(&route.id, method, path),
        }
    }

    /// By a rule of the policy for paths; `None` if none is about the request. `path` is relative
    /// to the service's base.
    pub(super) fn by_path(
        policy: &SessionPolicy,
        route: &Route,
        methods: &Methods<'_>,
        path: &str,
    ) -> Option<Box<Self>> {
        for layer in policy.layers() {
            let mut rules = layer.ask_paths.iter();
            let asked = rules.find(|rule| {
                rule.is_about(&route.id) && methods.iter().any(|method| rule.denies(method, path))
            });
            if let Some(rule) = asked
                && !is_excepted_by(layer, route, methods, path)
                && !is_excepted(policy, route, methods, path)
            {
                let why = format!("ask-path {rule}, by {}", layer.source);
                let why = (format!("{POLICY}/ask-path"), why);
                return Some(Box::new(Self::new(why, route, methods.own(), path)));
            }
        }
        None
    }
}

/// Whether `config.toml` says that a request need not wait for a yes, whichever layer asks for it:
/// there is the user's own word. What a file of somebody else excepts, it excepts from its own
/// rules.
pub(super) fn is_excepted(
    policy: &SessionPolicy,
    route: &Route,
    methods: &Methods<'_>,
    path: &str,
) -> bool {
    let mut layers = policy.layers().iter();
    layers.any(|layer| {
        layer.source == PolicySource::Settings && is_excepted_by(layer, route, methods, path)
    })
}

/// Whether a rule of the layer says so for each method.
fn is_excepted_by(layer: &PolicyLayer, route: &Route, methods: &Methods<'_>, path: &str) -> bool {
    let is_about = |rule: &&PathRule| rule.is_about(&route.id);
    let rules = || layer.unasked_paths.iter().filter(is_about);
    let mut methods = methods.iter();
    !layer.unasked_paths.is_empty()
        && methods.all(|method| rules().any(|rule| rule.permits(method, path)))
}
