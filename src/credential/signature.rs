//! AWS Signature Version 4: a request that the child has signed with placeholder keys is signed
//! anew. The secret key itself is never sent.
//!
//! The child's own `Authorization` says for which region and service it has signed, and which
//! fields; its `x-amz-content-sha256` says what the body hashes to, so that the body streams. The
//! date and the signature are new.

use std::fmt::Write;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_lc_rs::digest::{Context, SHA256};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::request::Parts;

use super::Fields;
use crate::secret::Secret;

/// The field with the hash of the body.
pub(crate) const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// The algorithm, as `Authorization` and presigned URLs name it.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The service whose paths are signed as they are, and that is told the hash of the body.
const S3: &str = "s3";

/// The longest name of a region or service.
const MAX_NAME: usize = 64;

/// The names of the credential's fields.
const FIELDS: [&str; 3] = ["access_key_id", "secret_access_key", "session_token"];

/// The key that requests are signed with.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    access_key_id: Secret<String>,
    secret_access_key: Secret<String>,
    session_token: Option<Secret<String>>,
}

impl SigningKey {
    /// The key among the fields. One of its halves is the credential itself, whichever the
    /// definition names first.
    pub(crate) fn of(fields: Fields<'_>) -> Option<Self> {
        let [id, secret, token] = FIELDS.map(|name| fields.named(name).cloned());
        let own = || fields.credential.clone();
        let (access_key_id, secret_access_key) = match (id, secret) {
            (Some(id), Some(secret)) => (id, secret),
            (Some(id), None) => (id, own()),
            (None, Some(secret)) => (own(), secret),
            (None, None) => return None,
        };
        Some(Self {
            access_key_id,
            secret_access_key,
            session_token: token,
        })
    }

    /// The access key ID, the secret access key, and the session token if there is one.
    pub(crate) fn parts(&self) -> (&Secret<String>, &Secret<String>, Option<&Secret<String>>) {
        let token = self.session_token.as_ref();
        (&self.access_key_id, &self.secret_access_key, token)
    }

    fn credentials(&self) -> Credentials {
        let token = self.session_token.as_ref();
        Credentials::new(
            self.access_key_id.expose(),
            self.secret_access_key.expose(),
            token.map(|token| token.expose().clone()),
            None,
            "authsome",
        )
    }
}

/// For what the child has signed its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    region: String,
    service: String,
    /// The fields that were signed, in lower case.
    signed: Vec<String>,
}

/// Why a request cannot be signed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSignable {
    /// It has no signature, or one of another kind.
    #[error("the request has no AWS signature to replace (Signature Version 4 in Authorization)")]
    Unsigned,
    /// The signature is in the URL.
    #[error("the request is signed in its URL, which authsome does not sign anew")]
    Presigned,
    /// Each piece of the body has a signature of its own.
    #[error("the body is signed piece by piece, which authsome does not do anew")]
    SignedPieces,
    /// The body is too large to be held, and its hash is not said.
    #[error("the body is large, and the request does not say its hash (x-amz-content-sha256)")]
    TooLarge,
    /// The body did not come in time to be hashed.
    #[error(
        "the body did not come within two minutes, and the request does not say its hash (x-amz-content-sha256)"
    )]
    TooSlow,
    /// Its parts do not fit together.
    #[error("the request cannot be signed")]
    Odd,
}

impl Scope {
    /// Of a request of our own, of which only what has to be is signed.
    pub(crate) fn new(region: &str, service: &str) -> Self {
        Self {
            region: region.to_owned(),
            service: service.to_owned(),
            signed: Vec::new(),
        }
    }

    /// Reads the child's signature.
    pub(crate) fn of(parts: &Parts) -> Result<Self, NotSignable> {
        let query = parts.uri.query().unwrap_or_default();
        if query
            .split('&')
            .any(|pair| pair.starts_with("X-Amz-Signature="))
        {
            return Err(NotSignable::Presigned);
        }
        let field = parts.headers.get(AUTHORIZATION);
        let text = field.and_then(|value| value.to_str().ok());
        text.and_then(Self::parse).ok_or(NotSignable::Unsigned)
    }

    /// `AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, …`
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let parameter = |name: &str| {
            let mut pairs = rest
                .split(',')
                .filter_map(|pair| pair.trim().split_once('='));
            pairs
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let mut scope = parameter("Credential")?.rsplit('/');
        let (end, service, region) = (scope.next()?, scope.next()?, scope.next()?);
        let plain = |name: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(known)
        };
        if end != "aws4_request" || !plain(service) || !plain(region) {
            return None;
        }
        let signed = parameter("SignedHeaders")?.split(';');
        Some(Self {
            region: region.to_owned(),
            service: service.to_owned(),
            signed: signed.map(str::to_ascii_lowercase).collect(),
        })
    }

    /// Signs the request, whose carriers are removed. `body` is the hash of the body, if the
    /// request does not say it itself.
    pub(crate) fn sign(
        &self,
        parts: &mut Parts,
        authority: &str,
        key: &SigningKey,
        body: Option<&str>,
        now: SystemTime,
    ) -> Result<(), NotSignable> {
        let declared = parts.headers.get(CONTENT_SHA256);
        let declared = declared
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let hash = declared.as_deref().or(body).ok_or(NotSignable::Odd)?;
        if hash.starts_with("STREAMING-AWS4-") {
            return Err(NotSignable::SignedPieces);
        }
        parts.headers.remove(DATE);
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let uri = format!("https://{authority}{target}");
        let signed = self
            .signed
            .iter()
            .filter(|name| *name != DATE.as_str() && *name != HOST.as_str());
        // Several values of one field are signed together. One that was taken off, as it carried
        // the client's credential, is not sent and so not signed.
        let fields = signed.flat_map(|name| {
            let values = parts.headers.get_all(name).into_iter();
            values.map(move |value| (name.as_str(), std::str::from_utf8(value.as_bytes())))
        });
        let fields: Vec<_> = fields
            .map(|(name, value)| Ok((name, value.map_err(|_| NotSignable::Odd)?)))
            .collect::<Result<_, NotSignable>>()?;
        let fields = fields.into_iter();
        let method = parts.method.as_str();
        let body = SignableBody::Precomputed(hash.to_owned());
        let request = SignableRequest::new(method, uri, fields, body);
        let request = request.map_err(|_| NotSignable::Odd)?;
        let identity = key.credentials().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(now)
            .settings(self.settings())
            .build()
            .map_err(|_| NotSignable::Odd)?
            .into();
        let made = sign(request, &params).map_err(|_| NotSignable::Odd)?;
        let (headers, _) = made.into_parts().0.into_parts();
        for header in headers {
            let value = HeaderValue::from_str(header.value());
            let mut value = value.map_err(|_| NotSignable::Odd)?;
            value.set_sensitive(header.name() != DATE.as_str());
            parts
                .headers
                .insert(HeaderName::from_static(header.name()), value);
        }
        Ok(())
    }

    fn settings(&self) -> SigningSettings {
        let mut settings = SigningSettings::default();
        settings.session_token_mode = SessionTokenMode::Include;
        if self.service == S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings
    }
}

/// The hash of a body, in hexadecimal.
pub(crate) fn hash_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(piece);
    }
    let mut text = String::new();
    for byte in context.finish().as_ref() {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::Request;

    use super::*;

    fn key() -> SigningKey {
        let secret = |text: &str| Secret::new(text.to_owned());
        SigningKey {
            access_key_id: secret("AKIDEXAMPLE"),
            secret_access_key: secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        }
    }

    fn parts(authorization: &str, more: &[(&str, &str)]) -> Parts {
        let mut request = Request::get("/").header("authorization", authorization);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    const CHILD: &str = "AWS4-HMAC-SHA256 Credential=AKIAplaceholder/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";

    #[test]
    fn the_signature_is_the_one_of_the_published_test_suite() {
        // `get-vanilla` of the AWS Signature Version 4 test suite.
        let mut parts = parts(CHILD, &[("x-amz-date", "20150101T000000Z")]);
        let scope = Scope::of(&parts).unwrap();
        let now = UNIX_EPOCH + Duration::from_mins(24_015_636); // 2015-08-30T12:36:00Z
        let empty = hash_of([]);
        let signed = scope.sign(
            &mut parts,
            "example.amazonaws.com",
            &key(),
            Some(&empty),
            now,
        );
        signed.unwrap();
        assert_eq!(
            parts.headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(parts.headers["x-amz-date"], "20150830T123600Z");
        assert!(parts.headers["authorization"].is_sensitive());
    }

    #[test]
    fn what_cannot_be_signed_anew_is_told_why() {
        let unsigned = |text| Scope::of(&parts(text, &[])).unwrap_err();
        assert_eq!(unsigned("Bearer x"), NotSignable::Unsigned);
        assert_eq!(
            unsigned("AWS4-HMAC-SHA256 Credential=a/b"),
            NotSignable::Unsigned
        );
        assert_eq!(
            unsigned(&CHILD.replace("us-east-1", "us east")),
            NotSignable::Unsigned
        );
        let mut presigned = parts("", &[]);
        presigned.uri = "/?X-Amz-Credential=x&X-Amz-Signature=00".parse().unwrap();
        assert_eq!(Scope::of(&presigned), Err(NotSignable::Presigned));
        let pieces = [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")];
        let mut streamed = parts(CHILD, &pieces);
        let scope = Scope::of(&streamed).unwrap();
        let signed = scope.sign(&mut streamed, "h.test", &key(), None, UNIX_EPOCH);
        assert_eq!(signed, Err(NotSignable::SignedPieces));
    }

    #[test]
    fn a_session_token_is_sent_along() {
        let mut parts = parts(CHILD, &[]);
        let scope = Scope::of(&parts).unwrap();
        let key = SigningKey {
            session_token: Some(Secret::new("temporary".to_owned())),
            ..key()
        };
        let body = hash_of([&b"x"[..]]);
        scope
            .sign(&mut parts, "h.test", &key, Some(&body), UNIX_EPOCH)
            .unwrap();
        assert_eq!(parts.headers["x-amz-security-token"], "temporary");
    }
}
