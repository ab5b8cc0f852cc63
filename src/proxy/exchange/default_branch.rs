//! Which branch of a repository is the default one: the server tells it to whoever fetches.

use std::sync::Arc;

use http::header::{ACCEPT, HOST, USER_AGENT};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::attempt::{Attempt, dialect};
use crate::connection::{CredentialSource, Usage};
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::{ADVERTISEMENT_TIMEOUT, MAX_ADVERTISEMENT};
use crate::proxy::policy::git_push;
use crate::proxy::policy::route::Route;
use crate::proxy::upstream::send::RequestContext;

impl<S: CredentialSource> Attempt<'_, S> {
    /// The repository's default branch, which the server names to whoever fetches. `None` if it
    /// does not.
    pub(super) async fn default_branch(&self) -> Option<String> {
        let route = self.owner?;
        let parts = &self.parts;
        let asked = parts.uri.path().to_ascii_lowercase();
        let end = asked.rfind("git-receive-pack")?;
        let place = parts.uri.path().get(..end)?;
        let mut uri = parts.uri.clone().into_parts();
        let target = format!("{place}info/refs?service=git-upload-pack");
        uri.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
        let uri = Uri::from_parts(uri).ok()?;
        let mut asking = Request::new(()).into_parts().0;
        (asking.method, asking.uri, asking.version) = (Method::GET, uri, parts.version);
        asking.headers = HeaderMap::new();
        for name in [HOST, USER_AGENT, ACCEPT] {
            if let Some(value) = parts.headers.get(&name) {
                asking.headers.insert(name, value.clone());
            }
        }
        timeout(ADVERTISEMENT_TIMEOUT, self.advertised(route, asking))
            .await
            .ok()?
    }

    async fn advertised(&self, route: &Arc<Route>, mut asking: Parts) -> Option<String> {
        let (path, host) = (asking.uri.path().to_owned(), self.place.authority.host());
        let query = asking.uri.query().map(ToOwned::to_owned);
        let relative = route.relative_path(&path);
        let found = route
            .rules
            .injection(host, "GET", relative, query.as_deref())?;
        let credential = self
            .session
            .source
            .get(&route.id, Usage::Repeatable)
            .await
            .ok()?;
        self.session.scrubbing.renew(&*self.session.source);
        let ready = route.ready(&credential);
        let stripped = asking.uri.clone();
        if !ready.form(found.shape)?.put(&mut asking, &stripped) {
            return None;
        }
        let sending = RequestContext {
            progress: &self.place.nothing,
            origin: self.place.origins.of(route.client_certificate.as_ref()),
            interim: &crate::proxy::message::interim::Interim::default(),
        };
        let upstream = &self.session.upstream;
        let sent = upstream.send(
            &asking,
            RequestBody::Empty,
            sending,
            dialect(asking.version, false),
        );
        let response = sent.await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let (mut body, mut read) = (response.into_body(), Vec::new());
        while read.len() < MAX_ADVERTISEMENT {
            match body.frame().await {
                Some(Ok(frame)) => read.extend_from_slice(frame.data_ref()?),
                _ => break,
            }
        }
        git_push::default_branch_of(&read)
    }
}
