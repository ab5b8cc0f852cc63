//! Requests for a part of something (RFC 9110 §14.2). A text that is fetched in parts could show a
//! secret in two of them, neither of which has it: where bodies are searched, the server is asked
//! for the whole, as if it did not support parts, which the field allows it.

use std::sync::Arc;

use http::header::{CONTENT_RANGE, IF_RANGE, RANGE};
use http::{HeaderMap, Method, StatusCode};

use super::attempt::{Attempt, Outcome};
use crate::connection::CredentialSource;
use crate::proxy::body::replay::UploadProgress;
use crate::proxy::policy::decide::Plan;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::scrub::media_type;

impl<'a, S: CredentialSource> Attempt<'a, S> {
    /// Sends a request that asks for a part, and sends it again for the whole if the response is a
    /// part of a text.
    pub(super) async fn act_on_range(
        &mut self,
        plan: Plan<'a>,
        progress: &Arc<UploadProgress>,
    ) -> Result<Outcome, Refusal> {
        let is_searched = self.searches_bodies();
        // The field means nothing with another method.
        if is_searched && self.parts.method != Method::GET {
            self.parts.headers.remove(RANGE);
        }
        let uri = self.parts.uri.clone();
        // What was put in place of a placeholder is put in again.
        let headers = matches!(plan, Plan::Minted(_)).then(|| self.parts.headers.clone());
        let outcome = self.act(plan, progress).await?;
        let response = &outcome.response;
        if !is_searched || !is_part_of_text(response.status(), response.headers()) {
            return Ok(outcome);
        }
        self.parts.uri = uri;
        if let Some(headers) = headers {
            self.parts.headers = headers;
        }
        self.parts.headers.remove(RANGE);
        self.parts.headers.remove(IF_RANGE);
        self.act(plan, progress).await
    }

    /// Sends the request as planned.
    async fn act(
        &mut self,
        plan: Plan<'a>,
        progress: &Arc<UploadProgress>,
    ) -> Result<Outcome, Refusal> {
        match plan {
            Plan::Inject(route, shape) => self.inject(progress, route, shape).await,
            Plan::Minted(route) => self.send_minted(progress, route).await,
            Plan::Pass(route) => self.pass(progress, route).await,
        }
    }
}

fn is_part_of_text(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_part = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
    is_part && media_type::is_text(headers)
}
