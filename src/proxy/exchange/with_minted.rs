//! A request with a fresh secret of the session's in place of the connection's credential.

use std::sync::Arc;

use super::attempt::{Attempt, Outcome};
use crate::connection::CredentialSource;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::policy::route::Route;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::minted::{HeadCarriers, Misplaced};
use crate::proxy::rewrite::placeholder;

impl<'a, S: CredentialSource> Attempt<'a, S> {
    /// Whether what stands for a fresh secret is in the request's head, wherever it is.
    pub(super) fn has_minted_in_head(&self) -> bool {
        let minted = self.session.scrubbing.minted();
        minted.is_some_and(|minted| minted.is_in_head(&self.parts))
    }

    /// The route whose secret the request carries. It is refused where no secret is put, or not
    /// that one.
    pub(super) fn owner_of_minted(&self) -> Result<&'a Arc<Route>, Refusal> {
        let (Some(minted), Some(route)) = (self.session.scrubbing.minted(), self.owner) else {
            return Err(Refusal::Placeholder("a request to no connection's path"));
        };
        let (own, others) = minted.split(&route.id);
        if others.is_in_head(&self.parts) {
            return Err(Refusal::Placeholder(
                "a request to another service than the one that gave its secret",
            ));
        }
        let checked = own.check_head(&self.parts, carriers(route));
        checked.map_err(|Misplaced(place)| Refusal::Placeholder(place))?;
        Ok(route)
    }

    /// Puts the secret in and sends the request. A 401 is the child's business: no other credential
    /// may take the place of the one that it has chosen.
    pub(super) async fn send_minted(
        &mut self,
        progress: &Arc<UploadProgress>,
        route: &Arc<Route>,
    ) -> Result<Outcome, Refusal> {
        let body = self.upload(progress, Some(route)).await?;
        self.add_constant(route);
        let fits = match self.session.scrubbing.minted() {
            Some(minted) => {
                let (own, _) = minted.split(&route.id);
                own.put_into_head(&mut self.parts, carriers(route))
            }
            None => false,
        };
        if !fits {
            return Err(Refusal::Malformed(
                "the secret does not fit into this request",
            ));
        }
        if let Some(found) = placeholder::find_in_head(&self.parts, &route.others) {
            return Err(Refusal::Placeholder(found));
        }
        self.entry.sent();
        let response = self.send(progress, body).await?;
        Ok(Outcome {
            response,
            head: None,
        })
    }
}

fn carriers(route: &Route) -> HeadCarriers<'_> {
    HeadCarriers {
        headers: &route.carriers,
        others: route.rules.carriers(),
    }
}
