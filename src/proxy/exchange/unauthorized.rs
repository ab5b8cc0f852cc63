//! What a provider's 401 says about the token.

use bytes::BytesMut;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;

use super::challenge::{self, Reason};
use super::response_body::BodyStart;
use crate::connection::Rejection;
use crate::content_coding;
use crate::proxy::limits::{MAX_DECODED_REJECTION, MAX_REJECTION, REJECTION_TIMEOUT};
use crate::proxy::message::body::Streamed;
use crate::proxy::upstream::body::UpstreamBody;

/// Reads as much of a 401 as is needed to classify it.
pub(in crate::proxy) async fn look_into(
    response: Response<UpstreamBody>,
) -> (Response<UpstreamBody>, BodyStart, Rejection) {
    let (parts, mut body) = response.into_parts();
    let ahead = read_ahead(&mut body).await;
    let rejection = classify(&parts.headers, &ahead.data);
    (Response::from_parts(parts, body), ahead, rejection)
}

async fn read_ahead(body: &mut impl Streamed) -> BodyStart {
    let (mut data, mut trailers) = (BytesMut::new(), None);
    let reading = async {
        while data.len() < MAX_REJECTION {
            let Some(Ok(frame)) = body.frame().await else {
                return;
            };
            match frame.into_data() {
                Ok(piece) => data.extend_from_slice(&piece),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
    };
    let _ = tokio::time::timeout(REJECTION_TIMEOUT, reading).await; // use what has come by then
    let data = data.freeze();
    BodyStart { data, trailers }
}

/// Classifies a 401 by its challenge (RFC 6750 §3) or, if that gives no reason, by its body.
/// `invalid_token` is the code for every cause; only the description distinguishes them.
fn classify(fields: &HeaderMap, body: &[u8]) -> Rejection {
    let reason = challenge::reason(fields).or_else(|| reason_in_body(fields, body));
    let Some(Reason {
        code, description, ..
    }) = reason
    else {
        return Rejection::Unspecific;
    };
    match code.to_ascii_lowercase().as_str() {
        "invalid_token" if description.to_ascii_lowercase().contains("revoked") => {
            Rejection::Revoked
        }
        "invalid_token" | "expired_token" => Rejection::Expired,
        _ => Rejection::Unspecific,
    }
}

/// Reads a JSON object with the names of RFC 6750. The body may have any content coding that the
/// client has asked for.
fn reason_in_body(fields: &HeaderMap, body: &[u8]) -> Option<Reason> {
    let content_type = fields.get(CONTENT_TYPE)?.to_str().ok()?;
    if !is_json(content_type) {
        return None;
    }
    let plain = content_coding::decoded(fields, body, MAX_DECODED_REJECTION);
    let value: serde_json::Value = serde_json::from_slice(&plain).ok()?;
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some(Reason {
        code: text("error")?,
        description: text("error_description").unwrap_or_default(),
        scope: String::new(),
    })
}

/// `application/json`, or another type with JSON syntax (RFC 6839).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::WWW_AUTHENTICATE;
    use http_body::Frame;

    use super::*;
    use crate::proxy::message::body::scripted::Frames;

    #[tokio::test]
    async fn the_trailers_of_a_401_are_kept() {
        let trailers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static("x"))]);
        let data = bytes::Bytes::from_static(b"no");
        let frames = [Frame::data(data), Frame::trailers(trailers.clone())].map(Ok);
        let ahead = read_ahead(&mut Frames::new(frames)).await;
        assert_eq!(ahead.data, "no");
        assert_eq!(ahead.trailers, Some(trailers));
    }

    fn told(content_type: &'static str, body: &str) -> Rejection {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        classify(&fields, body.as_bytes())
    }

    #[test]
    fn a_401_is_told_by_its_body() {
        let expired = r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#;
        let revoked = r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#;
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
        ] {
            assert_eq!(told(json, expired), Rejection::Expired);
            assert_eq!(told(json, revoked), Rejection::Revoked);
        }
        assert_eq!(told("text/html", expired), Rejection::Unspecific);
        for bare in [
            r#"{"message":"401 Unauthorized"}"#,
            "",
            "[]",
            "HTTP Basic: Access denied",
            r#"{"error":7}"#,
            r#"{"error":"insufficient_scope"}"#,
        ] {
            assert_eq!(
                told("application/json", bare),
                Rejection::Unspecific,
                "{bare}"
            );
        }
    }

    #[test]
    fn a_401_is_told_by_its_challenge_before_its_body() {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        let challenge =
            r#"Bearer error="invalid_token", error_description="The token was revoked""#;
        fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        assert_eq!(classify(&fields, b"<html>"), Rejection::Revoked);
        let challenge = HeaderValue::from_static("Basic realm=\"GitLab\"");
        fields.insert(WWW_AUTHENTICATE, challenge);
        assert_eq!(classify(&fields, b"<html>"), Rejection::Unspecific);
    }
}
