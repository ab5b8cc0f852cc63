//! What a response of an authorization server is worth: whether it may be read, and how far.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};

use crate::content_coding;
use crate::oauth::error::{OAuthError, printable};
use crate::oauth::response;
use crate::oauth::transport::StreamedResponse;
use crate::text::host_of;

/// The largest response body that is read. Token responses have some hundred bytes; with JWTs in
/// them, a few thousand.
const MAX_RESPONSE: usize = 128 * 1024;

/// The initial capacity of the buffer for a response body.
const FIRST_ROOM: usize = 4096;

/// The longest wait that a server can request with `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Reads a JSON response, unless its status is an error of the server.
pub(super) async fn judge(host: &str, response: StreamedResponse) -> Result<Vec<u8>, OAuthError> {
    speaks_of_the_request(host, &response)?;
    if let Some(error) = other_than_json(host, &response) {
        return Err(error);
    }
    let mut body = Vec::with_capacity(FIRST_ROOM);
    read_bounded(host, response, &mut body).await?;
    Ok(body)
}

/// The same for the OAuth endpoints. There, the content counts more than the content type and the
/// status that came with it (`response.rs`).
pub(super) async fn judge_content(
    host: &str,
    response: StreamedResponse,
) -> Result<(StatusCode, Vec<u8>), OAuthError> {
    speaks_of_the_request(host, &response)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let unlike = other_than_json(host, &response);
    let mut body = Vec::with_capacity(FIRST_ROOM);
    let read = read_bounded(host, response, &mut body).await;
    if let Err(error @ OAuthError::TooLarge { .. }) = read {
        return Err(unlike.unwrap_or(error)); // an HTML page, not a token response
    }
    let plain = content_coding::decoded(&headers, &body, MAX_RESPONSE);
    if let Err(error) = read {
        // Once a token pair is issued, all that counts is whether it has arrived. A missing
        // `close_notify`, or a wrong `Content-Length`, must not lose it.
        return response::recognise_whole(status, &plain).ok_or(error);
    }
    match (response::recognise(status, &plain), unlike) {
        (Some(found), _) => Ok(found),
        (None, Some(error)) => Err(error),
        (None, None) => Ok((status, plain.into_owned())),
    }
}

/// Rejects a redirect, and any status which says that the server did not process the request,
/// whatever the content is.
pub(super) fn speaks_of_the_request(
    host: &str,
    response: &StreamedResponse,
) -> Result<(), OAuthError> {
    let host = host.to_owned();
    let status = response.status();
    if status.is_redirection() {
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("nowhere");
        let location = response
            .url()
            .join(location)
            .map_or_else(|_| printable(location), |target| host_of(&target));
        return Err(OAuthError::Redirected {
            host,
            status: status.as_u16(),
            location,
        });
    }
    if status.is_server_error() || status.as_u16() == 429 || status.as_u16() == 408 {
        return Err(OAuthError::Status {
            host,
            status: status.as_u16(),
            retry_after: retry_after(response),
        });
    }
    Ok(())
}

/// The error for a response whose content type is not JSON.
pub(super) fn other_than_json(host: &str, response: &StreamedResponse) -> Option<OAuthError> {
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("no type");
    (!is_json(content_type)).then(|| OAuthError::NotJson {
        host: host.to_owned(),
        status: response.status().as_u16(),
        content_type: printable(content_type),
    })
}

/// Reads the response body into `body`. If it breaks off, `body` has what arrived until then.
pub(super) async fn read_bounded(
    host: &str,
    mut response: StreamedResponse,
    body: &mut Vec<u8>,
) -> Result<(), OAuthError> {
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(OAuthError::TooLarge {
                host: host.to_owned(),
                limit: MAX_RESPONSE,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

/// `application/json` or a type with the suffix `+json` (RFC 6839), in any case, with or without
/// parameters.
pub(super) fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads whole seconds only. The date form (RFC 9110 §10.2.3) is rare for APIs; for it, our own
/// back-off applies.
pub(super) fn retry_after(response: &StreamedResponse) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_json_by_its_type() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON",
            "application/problem+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in ["text/html", "text/json", "application/jsonp", "", "no type"] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
