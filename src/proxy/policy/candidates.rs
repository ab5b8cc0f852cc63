//! The routes for one host and port, and which of them a request belongs to.

use std::sync::Arc;

use super::route::Route;

/// Which route a request belongs to.
#[derive(Debug)]
pub(in crate::proxy) enum RouteMatch<'a> {
    /// Several connections match it equally well.
    Ambiguous(Vec<&'a Arc<Route>>),
    /// The host is managed, but this path is not.
    None,
    /// It belongs to this route.
    Route(&'a Arc<Route>),
}

/// The routes for one host and port, best first. They are looked up once for a tunnel, so that a
/// request in it looks at no others.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Candidates(pub(super) Arc<[Arc<Route>]>);

impl Candidates {
    /// The route that a request for this path belongs to. A tie is a result as well.
    pub(in crate::proxy) fn resolve(&self, path: &str) -> RouteMatch<'_> {
        let mut fitting = self.0.iter().filter(|route| route.pattern.is_above(path));
        let Some(best) = fitting.next() else {
            return RouteMatch::None;
        };
        let mut tied = fitting.filter(|route| route.ties_with(best)).peekable();
        if tied.peek().is_none() {
            return RouteMatch::Route(best);
        }
        RouteMatch::Ambiguous(std::iter::once(best).chain(tied).collect())
    }

    /// All routes, best first.
    pub(in crate::proxy) fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.0.iter()
    }

    /// The best route. Even a request that belongs to no route needs it: it says which fields and
    /// parameters can carry a credential for this host.
    pub(in crate::proxy) fn first(&self) -> Option<&Arc<Route>> {
        self.0.first()
    }
}
