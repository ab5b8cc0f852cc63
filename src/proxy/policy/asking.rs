//! A request that is served only if the user says yes to it.

use super::route::Route;
use super::session_policy::PathRule;

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
    pub(in crate::proxy) fn new(
        (rule, reason): (String, String),
        route: &Route,
        method: &str,
        path: &str,
    ) -> Box<Self> {
        Box::new(Self {
            rule,
            reason,
            subject: PathRule::exactly(&route.id, method, path),
        })
    }
}
