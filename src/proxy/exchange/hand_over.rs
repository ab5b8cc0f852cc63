//! From a provider's response to the client's: hop-by-hop fields and the session's secrets are
//! taken out of it.

use http::{Method, Response, StatusCode};
use http_body::Body;

use super::attempt::{Attempt, Outcome};
use super::log_entry::Entry;
use super::mint::Mint;
use super::response_body::ResponseBody;
use super::searched_body::Search;
use crate::connection::CredentialSource;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop;
use crate::proxy::rewrite::scrub::mints::NotReplaced;

impl<S: CredentialSource> Attempt<'_, S> {
    /// Prepares a response for the client.
    pub(super) fn hand_over(
        &mut self,
        outcome: Outcome,
        mut entry: Entry,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let Outcome { mut response, head } = outcome;
        let scrubbing = &self.session.scrubbing;
        let is_searched = self.place.is_managed();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS
            && let Some(upgrade) = self.upgrade_request.take()
        {
            let search = is_searched.then_some(scrubbing);
            return Ok(upgrade.grant(response, search, entry));
        }
        hop_by_hop::clean_response(response.headers_mut());
        let has_body = self.parts.method != Method::HEAD
            && (head.is_some() || !response.body().is_end_stream());
        let search = if is_searched {
            let route = self.owner.or_else(|| self.place.candidates.first());
            let headers = response.headers_mut();
            let begun = Search::begin(scrubbing, route, headers, has_body);
            let (search, found) = begun.map_err(|_| self.undecodable())?;
            entry.scrubbed(found);
            if !self.parts.method.is_safe() && scrubbing.searches_bodies() {
                let route = route.map(|route| &**route);
                let found = Mint { scrubbing, route }.fields(headers);
                entry.scrubbed(found.map_err(|why| self.unreplaced(&why))?);
            }
            search
        } else {
            Search::Nothing
        };
        let status = response.status();
        Ok(response.map(|body| ResponseBody::streamed(status, head, body, search, entry)))
    }

    fn undecodable(&self) -> Refusal {
        Refusal::UpstreamMalformed {
            host: self.place.authority.to_string(),
            reason: "its body is in a content coding that cannot be searched for secrets; \
                     `--scrub headers` passes it"
                .to_owned(),
        }
    }

    fn unreplaced(&self, why: &NotReplaced) -> Refusal {
        Refusal::UpstreamMalformed {
            host: self.place.authority.to_string(),
            reason: why.to_string(),
        }
    }

    pub(super) fn searches_bodies(&self) -> bool {
        self.place.is_managed() && self.session.scrubbing.searches_bodies()
    }
}
