//! The responses of the listener, with the security fields that each of them has.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use url::Url;

use super::address::FORM_URL;
use super::pages::Page;
use crate::secret::random_text;

/// A page with its own policies. `render` gets the nonce which allows the page's own style and
/// script (Content Security Policy).
pub(super) fn page(status: StatusCode, render: impl FnOnce(&str) -> Page) -> Response<Full<Bytes>> {
    let Ok(nonce) = random_text(22) else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "authsome: the system has no random bytes",
        );
    };
    let page = render(nonce.expose());
    let mut response = plain(status, "");
    *response.body_mut() = Full::from(page.html);
    let policy = HeaderValue::from_str(&page.content_security_policy);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static(page.referrer_policy),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        policy.unwrap_or(HeaderValue::from_static("default-src 'none'")),
    );
    response
}

/// Redirects to the form, so that the URL with the code does not stay in the address bar. That URL
/// may be at `localhost`, where the form is not.
pub(super) fn see_form() -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SEE_OTHER, "");
    response
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static(FORM_URL));
    response
}

/// Redirects to another site, without telling it where the browser comes from.
pub(super) fn see_other(url: &Url) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SEE_OTHER, "");
    if let Ok(location) = HeaderValue::from_str(url.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// A 405 response must list the allowed methods (RFC 9110 §15.5.6).
pub(super) fn not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "authsome: method not allowed",
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A text response, with the fields that every response has. They forbid caching, framing and MIME
/// sniffing, and keep the browser from sending a `Referer`.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
