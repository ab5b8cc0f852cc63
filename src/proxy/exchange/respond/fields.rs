//! The header fields that some refusals have beside the usual ones.

use http::header::{LOCATION, PROXY_AUTHENTICATE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::connection::CredentialError;
use crate::proxy::limits::STARVED_RETRY;
use crate::proxy::refusal::Refusal;

/// Whether a client should try again: for the SDKs of `OpenAI` and Anthropic, and for Stripe's.
const SHOULD_RETRY: [HeaderName; 2] = [
    HeaderName::from_static("x-should-retry"),
    HeaderName::from_static("stripe-should-retry"),
];

/// For Discord's SDK, whose name for the seconds until a request may be sent again is read by no
/// other one: a day.
const NEVER_AGAIN: [(HeaderName, &str); 3] = [
    (HeaderName::from_static("x-ratelimit-limit"), "1"),
    // Octokit takes "0" for a limit of GitHub's own, and asks twice as often.
    (HeaderName::from_static("x-ratelimit-remaining"), "0.0"),
    (HeaderName::from_static("x-ratelimit-reset-after"), "86400"),
];

/// Fields that some refusals have beside the usual ones.
pub(super) fn add(headers: &mut HeaderMap, refusal: &Refusal, status: StatusCode) {
    match refusal {
        Refusal::ProxyAuthentication => {
            headers.insert(
                PROXY_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"authsome\""),
            );
        }
        // Official SDKs try again by themselves after a 429.
        Refusal::Budget { again, .. } => {
            for name in SHOULD_RETRY {
                headers.insert(name, HeaderValue::from_static("false"));
            }
            match again {
                Some(again) => {
                    headers.insert(RETRY_AFTER, HeaderValue::from(again.as_secs().max(1)));
                }
                // No `Retry-After`: many clients would sleep for it. Discord's asks without a pause
                // if it finds neither.
                None => {
                    for (name, value) in NEVER_AGAIN {
                        headers.insert(name, HeaderValue::from_static(value));
                    }
                }
            }
        }
        Refusal::Moved(url) => {
            // It was parsed out of a request, so it has no character that cannot be here.
            if let Ok(url) = HeaderValue::from_str(url) {
                headers.insert(LOCATION, url);
            }
        }
        Refusal::Credential(CredentialError::Unavailable { retry_after, .. }) => {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        Refusal::Starved { .. } => {
            headers.insert(RETRY_AFTER, HeaderValue::from(STARVED_RETRY.as_secs()));
        }
        // Bearer is a challenge that git does not know. A Basic challenge would make git ask for
        // the user's own password, and then erase it.
        _ if status == StatusCode::UNAUTHORIZED => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"authsome\""),
            );
        }
        _ => {}
    }
}
