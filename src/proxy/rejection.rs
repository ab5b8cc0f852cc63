//! What a provider's 401 says.

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;

use super::limits::{LARGEST_REJECTION, REJECTION_TIMEOUT};
use super::response_body::UpstreamBody;
use crate::connection::Rejection;

/// Reads as much of a 401 as it takes to tell what it says.
pub(super) async fn look_into(
    response: Response<UpstreamBody>,
) -> (Response<UpstreamBody>, Bytes, Rejection) {
    let (parts, mut body) = response.into_parts();
    let mut read = BytesMut::new();
    let reading = async {
        while read.len() < LARGEST_REJECTION {
            let Some(Ok(frame)) = body.frame().await else {
                return;
            };
            if let Some(data) = frame.data_ref() {
                read.extend_from_slice(data);
            }
        }
    };
    let _ = tokio::time::timeout(REJECTION_TIMEOUT, reading).await; // what has come by then must do
    let json = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
    let rejection = if json {
        classify(&read)
    } else {
        Rejection::Unspecific
    };
    (Response::from_parts(parts, body), read.freeze(), rejection)
}

/// What a 401 says. RFC 6750 §3.1 has `invalid_token` for every cause; the description tells them apart.
fn classify(body: &[u8]) -> Rejection {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return Rejection::Unspecific;
    };
    let text = |name: &str| {
        value
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let description = text("error_description").to_ascii_lowercase();
    match text("error") {
        "invalid_token" if description.contains("revoked") => Rejection::Revoked,
        "invalid_token" => Rejection::Expired,
        _ => Rejection::Unspecific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_401_is_told_by_its_body() {
        let expired = r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#;
        let revoked = r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#;
        assert_eq!(classify(expired.as_bytes()), Rejection::Expired);
        assert_eq!(classify(revoked.as_bytes()), Rejection::Revoked);
        for bare in [
            r#"{"message":"401 Unauthorized"}"#,
            "",
            "[]",
            "HTTP Basic: Access denied",
            r#"{"error":7}"#,
        ] {
            assert_eq!(classify(bare.as_bytes()), Rejection::Unspecific, "{bare}");
        }
    }
}
