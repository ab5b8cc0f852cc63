//! From a provider's response to the client's: hop-by-hop fields and the session's secrets are
//! taken out of it.

use http::header::{CONTENT_RANGE, IF_RANGE, RANGE};
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body::Body;

use super::attempt::{Attempt, Outcome};
use super::log_entry::Entry;
use super::response_body::ResponseBody;
use super::searched_body::Search;
use crate::connection::CredentialSource;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop;
use crate::proxy::rewrite::scrub::media_type;

/// The request's target, and the fields that ask for a part of it.
pub(super) struct PartAsked {
    uri: Uri,
}

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
            let begun = Search::begin(scrubbing, response.headers_mut(), has_body);
            let (search, found) = begun.map_err(|_| self.undecodable())?;
            entry.scrubbed(found);
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

    /// What to remember of a request for a part of something, if bodies are searched: a text that
    /// is fetched in parts could show a secret in two of them. Fields that ask for a part mean
    /// nothing with another method than GET (RFC 9110 §14.2), and are taken away there.
    pub(super) fn part_asked(&mut self) -> Option<PartAsked> {
        if !self.parts.headers.contains_key(RANGE) || !self.searches_bodies() {
            return None;
        }
        if self.parts.method == Method::GET {
            let uri = self.parts.uri.clone();
            return Some(PartAsked { uri });
        }
        self.parts.headers.remove(RANGE);
        None
    }

    /// Makes of a request for a part one for the whole, as if the server did not support parts
    /// (§14.2 lets it ignore the field): if the response is a part of a text.
    pub(super) fn asks_for_the_whole(&mut self, asked: PartAsked, outcome: &Outcome) -> bool {
        let headers = outcome.response.headers();
        if !is_part_of_text(outcome.response.status(), headers) {
            return false;
        }
        self.parts.uri = asked.uri;
        self.parts.headers.remove(RANGE);
        self.parts.headers.remove(IF_RANGE);
        true
    }

    pub(super) fn searches_bodies(&self) -> bool {
        self.place.is_managed() && self.session.scrubbing.searches_bodies()
    }
}

fn is_part_of_text(status: StatusCode, headers: &HeaderMap) -> bool {
    let is_part = status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE);
    is_part && media_type::is_text(headers)
}
