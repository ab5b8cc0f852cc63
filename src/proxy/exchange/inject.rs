//! Puts the credential on a request, and sends it again after a 401 that is about the token.

use std::sync::Arc;

use http::uri::Uri;
use http::{Response, StatusCode};

use super::attempt::{Attempt, Outcome, usage};
use super::challenge;
use super::signing::Signing;
use super::unauthorized;
use crate::clock::Timestamp;
use crate::connection::{CredentialSource, UnauthorizedAction, Usage};
use crate::credential::Credential;
use crate::credential::ready::Ready;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::body::request::RequestBody;
use crate::proxy::limits::MAX_REPETITIONS;
use crate::proxy::policy::route::Route;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::carriers;
use crate::proxy::rewrite::placeholder;
use crate::proxy::upstream::body::UpstreamBody;

impl<S: CredentialSource> Attempt<'_, S> {
    /// Adds the credential and sends the request. After a 401 that may be about the token, sends it
    /// again, with the same credential or a newer one.
    pub(super) async fn inject(
        &mut self,
        progress: &Arc<UploadProgress>,
        route: &Arc<Route>,
        shape: usize,
    ) -> Result<Outcome, Refusal> {
        let usage = usage(&self.parts, self.body.as_ref());
        let (signing, mut next) = if route.is_signed(shape) {
            let (signing, body) = Box::pin(self.signing(progress, route)).await?; // rarely
            (Some(signing), *body)
        } else {
            (None, self.upload(progress, Some(route)).await?)
        };
        let mut credential = match self.session.source.get(&route.id, usage).await {
            Ok(credential) => credential,
            Err(error) => Box::pin(self.after_login(&route.id, usage, error)).await?,
        };
        self.session.scrubbing.renew(&*self.session.source);
        let mut attempt = 0;
        self.strip(route);
        let stripped = self.parts.uri.clone();
        loop {
            let ready = route.ready(&credential);
            self.put(ready.form(shape), &stripped, signing.as_deref())?;
            if let Some(found) = placeholder::find_in_head(&self.parts, &route.others) {
                return Err(Refusal::Placeholder(found));
            }
            self.entry.sent();
            let response = self.send(progress, next).await?;
            if let Some(scopes) = challenge::lacking(&response) {
                self.session.source.lacks(&route.id, &scopes);
            }
            if response.status() != StatusCode::UNAUTHORIZED || attempt >= MAX_REPETITIONS {
                return Ok(Outcome {
                    response,
                    head: None,
                });
            }
            // Rare and large: boxed, so that the future of a usual request does not reserve space
            // for it.
            let looking = self.look_into(route, &credential, attempt, response);
            let (mut outcome, verdict) = Box::pin(looking).await;
            match verdict {
                _ if !progress.is_repeatable(usage == Usage::Repeatable) => break Ok(outcome),
                UnauthorizedAction::Accept => break Ok(outcome),
                UnauthorizedAction::Fail(error) => {
                    credential = Box::pin(self.after_login(&route.id, usage, error)).await?;
                }
                UnauthorizedAction::Retry(better) => {
                    credential = better;
                    self.session.scrubbing.renew(&*self.session.source);
                }
                UnauthorizedAction::RetrySame(pause) => tokio::time::sleep(pause).await,
            }
            let rest = outcome.response.body_mut().take_upload();
            let Some(once_more) = RequestBody::rewind(progress, rest) else {
                break Ok(outcome);
            };
            next = once_more;
            attempt += 1;
        }
    }

    /// Removes every carrier of a credential, and adds the constant fields.
    fn strip(&mut self, route: &Route) {
        let (headers, carriers) = (&route.carriers, route.rules.carriers());
        if let Some(live) = self.entry.live() {
            live.stripped = carriers::names_in(&self.parts, headers, carriers);
        }
        carriers::strip(&mut self.parts, headers, carriers);
        self.add_constant(route);
    }

    /// Adds the fields that the definition adds to each request, unless the client has set them.
    pub(super) fn add_constant(&mut self, route: &Route) {
        for (name, value) in &*route.constant {
            let entry = self.parts.headers.entry(name);
            entry.or_insert_with(|| value.clone());
        }
    }

    /// What a signature is made from, and the body.
    async fn signing(
        &mut self,
        progress: &Arc<UploadProgress>,
        route: &Arc<Route>,
    ) -> Result<(Box<Signing>, Box<RequestBody>), Refusal> {
        let body = self.upload(progress, Some(route)).await?;
        let (signing, body) = Signing::of(&self.parts, body, progress).await?;
        Ok((Box::new(signing), Box::new(body)))
    }

    /// Puts the credential on, in that form.
    fn put(
        &mut self,
        form: Option<&Ready>,
        stripped: &Uri,
        signing: Option<&Signing>,
    ) -> Result<(), Refusal> {
        if let Some(live) = self.entry.live() {
            live.put_on = form.map(Ready::place);
        }
        let parts = &mut self.parts;
        let authority = self.place.origins.uri_authority().as_str();
        match (form, signing) {
            (Some(Ready::Signed(key)), Some(Signing { scope, body })) => {
                let now = Timestamp::now().to_system_time();
                Ok(scope.sign(parts, authority, key, body.as_deref(), now)?)
            }
            (Some(form), _) if form.put(parts, stripped) => Ok(()),
            _ => Err(Refusal::Malformed(
                "the credential does not fit into this request",
            )),
        }
    }

    /// What a 401 says, and what follows from it.
    async fn look_into(
        &mut self,
        route: &Route,
        credential: &Credential,
        attempt: u32,
        response: Response<UpstreamBody>,
    ) -> (Outcome, UnauthorizedAction) {
        let (response, head, rejection) = unauthorized::look_into(response).await;
        let source = &self.session.source;
        let verdict = source.reject(&route.id, credential, rejection, attempt);
        let head = Some(Box::new(head));
        (Outcome { response, head }, verdict.await)
    }
}
