//! The routes of one place, and which of them a request belongs to.

use std::sync::Arc;

use super::route::Route;

/// What the table says of a request.
#[derive(Debug)]
pub(in crate::proxy) enum RouteMatch<'a> {
    /// Several connections have the same right to it.
    Ambiguous(Vec<&'a Arc<Route>>),
    /// The host is managed, this path of it is not.
    None,
    /// It belongs to this connection.
    Route(&'a Arc<Route>),
}

/// The routes that lead to one place, best first: looked up once for a tunnel, so that a request of
/// it looks at no other.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Candidates(pub(super) Arc<[Arc<Route>]>);

impl Candidates {
    /// The connection that a request belongs to. Pure; a tie is a result too.
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

    /// All of them.
    pub(in crate::proxy) fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.0.iter()
    }

    /// The one that says what a credential for this place looks like where a request belongs to
    /// none of them.
    pub(in crate::proxy) fn first(&self) -> Option<&Arc<Route>> {
        self.0.first()
    }
}
