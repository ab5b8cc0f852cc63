//! `/api/…`: who asks, in GitLab's order of lookup, and the fixed answers.

use bytes::Bytes;
use http::header::{ALT_SVC, CONTENT_ENCODING, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::call::Call;
use crate::grants::{GrantState, Row, random_hex};
use crate::response::{self, Body};
use crate::token::insufficient_scope;
use crate::{chat, file, stream, variable, websocket};

/// Who asks: an OAuth row, or a personal access token.
pub(crate) struct Identity {
    /// `None` for a personal access token.
    pub(crate) row: Option<Row>,
}

impl Identity {
    /// Whether one of these scopes was granted; a personal token has them all.
    pub(crate) fn has_any_scope(&self, wanted: &[&str]) -> bool {
        self.row
            .as_ref()
            .is_none_or(|row| row.has_any_scope(wanted))
    }
}

/// Serves `/api/v4/…` and `/api/graphql`.
pub(crate) async fn serve(call: Call, body: Incoming) -> Response<Body> {
    if call.path == "/api/graphql" {
        call.shared.discard(body);
        return graphql(&call);
    }
    let Some(route) = call.path.strip_prefix("/api/v4/").map(ToOwned::to_owned) else {
        return response::not_found();
    };
    assert!(route != "panic", "asked to panic by GET /api/v4/panic");
    let allowed = identify(&call).and_then(|identity| check_scope(&call, &route, &identity));
    if let Err(refusal) = allowed {
        call.shared.discard(body);
        return *refusal;
    }
    match (call.method(), route.as_str()) {
        (_, "echo") => stream::echo(&call, body).await,
        (_, echo) if echo.starts_with("echo/") => stream::echo(&call, body).await,
        (Method::POST | Method::PUT, "upload") => stream::upload(body).await,
        (Method::POST, "v1/chat/completions") => chat::completions(&call, body).await,
        (Method::POST, "bidi") => stream::bidi(&call, body),
        (Method::GET, "download") => stream::download(&call),
        (Method::GET, "events") => stream::events(&call),
        (Method::GET, "trailers") => stream::trailers(&call),
        (Method::GET, "cable") => websocket::upgrade(call),
        (_, route) if route.contains("/variables/") => variable::serve(&call, route, body).await,
        (method, route) => {
            call.shared.discard(body);
            fixed(&call, &method, route)
        }
    }
}

/// The routes whose response is there at once.
fn fixed(call: &Call, method: &Method, route: &str) -> Response<Body> {
    if let Some(code) = route.strip_prefix("status/") {
        return status(code);
    }
    match (method, route) {
        (&Method::GET, "user") => response::json(StatusCode::OK, &user()),
        (&Method::GET, "version") => response::json(
            StatusCode::OK,
            &json!({"version": "18.4.0", "revision": "fake"}),
        ),
        (&Method::GET, "projects") => response::json(StatusCode::OK, &json!([project()])),
        (&Method::GET, "projects/1") => response::json(StatusCode::OK, &project()),
        (&Method::POST, "projects/1/access_tokens") => minted(),
        (&Method::GET, "projects/1/repository/files/README.md/raw") => file::raw(call),
        (&Method::GET, "projects/1/packages/npm/ada") => response::json(StatusCode::OK, &package()),
        (&Method::GET, "gzip") => gzip(),
        (&Method::GET, "redirect") => {
            let to = call.parameter("to").unwrap_or_default();
            response::redirect(StatusCode::FOUND, &to)
        }
        (&Method::GET, "altsvc") => {
            let mut response = response::json(StatusCode::OK, &json!({}));
            response::set(&mut response, ALT_SVC, r#"h3=":443"; ma=86400"#);
            response
        }
        (_, "unauthorized") => response::bare_unauthorized(),
        _ => response::not_found(),
    }
}

/// GitLab's lookup: an OAuth token (parameter, header, parameter), and only where that finds
/// nothing a personal token. So an OAuth token in `PRIVATE-TOKEN` never works.
pub(crate) fn identify(call: &Call) -> Result<Identity, Box<Response<Body>>> {
    let credential = &call.credential;
    let bearer = credential.bearer();
    let parameter = credential.query("access_token");
    // rack-oauth2's middleware, which comes before any lookup.
    if bearer.is_some() && parameter.is_some() {
        let words = "Both Authorization header and payload includes access token.";
        let body = json!({"error": "invalid_request", "error_description": words});
        return Err(Box::new(response::json(StatusCode::BAD_REQUEST, &body)));
    }
    let raw = parameter.or(bearer).or(credential.query("bearer_token"));
    if let Some(raw) = raw {
        match call.shared.grants().standing(raw) {
            GrantState::Live(row) => return Ok(Identity { row: Some(row) }),
            GrantState::Expired => return Err(Box::new(invalid_token(EXPIRED))),
            GrantState::Revoked => return Err(Box::new(invalid_token(REVOKED))),
            GrantState::Unknown => {}
        }
    }
    let personal = credential
        .query("private_token")
        .or(credential.private_token())
        .or(raw);
    match personal {
        Some(token) if call.shared.personal_tokens().contains(token) => Ok(Identity { row: None }),
        _ => Err(Box::new(response::bare_unauthorized())),
    }
}

fn invalid_token(description: &str) -> Response<Body> {
    let body = json!({"error": "invalid_token", "error_description": description});
    let mut response = response::json(StatusCode::UNAUTHORIZED, &body);
    let challenge = format!(
        r#"Bearer realm="Protected by OAuth 2.0", error="invalid_token", error_description="{description}""#
    );
    response::set(&mut response, WWW_AUTHENTICATE, &challenge);
    response
}

fn check_scope(call: &Call, route: &str, identity: &Identity) -> Result<(), Box<Response<Body>>> {
    let enough: &[&str] = match call.method() {
        Method::GET if route == "user" => &["api", "read_api", "read_user"],
        Method::GET => &["api", "read_api"],
        _ => &["api"],
    };
    if identity.has_any_scope(enough) {
        return Ok(());
    }
    Err(Box::new(insufficient_scope("api")))
}

/// Without a credential the query is anonymous; with a bad one it is refused in its own words.
fn graphql(call: &Call) -> Response<Body> {
    if call.credential.each().is_empty() {
        return response::json(StatusCode::OK, &json!({"data": {"currentUser": null}}));
    }
    match identify(call) {
        Ok(identity) if identity.has_any_scope(&["api", "read_api"]) => {
            let body = json!({"data": {"currentUser": {"username": "ada"}}});
            response::json(StatusCode::OK, &body)
        }
        Ok(_) => insufficient_scope("api read_api"),
        Err(refusal) if refusal.status() == StatusCode::BAD_REQUEST => *refusal,
        Err(_) => {
            let body = json!({"errors": [{"message": "Invalid token"}]});
            response::json(StatusCode::UNAUTHORIZED, &body)
        }
    }
}

fn status(code: &str) -> Response<Body> {
    let code = code.parse().ok().filter(|code| (200..=599).contains(code));
    let Some(status) = code.and_then(|code| StatusCode::from_u16(code).ok()) else {
        return response::not_found();
    };
    let mut response = response::json(status, &json!({"status": status.as_u16()}));
    if matches!(status.as_u16(), 204 | 304) {
        *response.body_mut() = Body::full(Bytes::new());
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        response::set(&mut response, RETRY_AFTER, "1");
    }
    response
}

/// A new credential, so that a guard that is missing shows in a test.
fn minted() -> Response<Body> {
    let token = format!("glpat-{}", random_hex());
    let body = json!({"id": 1, "name": "minted", "scopes": ["api"], "token": token});
    response::json(StatusCode::CREATED, &body)
}

fn gzip() -> Response<Body> {
    let mut response = response::with_body(
        StatusCode::OK,
        "application/json",
        Body::full(Bytes::from_static(GZIP)),
    );
    response::set(&mut response, CONTENT_ENCODING, "gzip");
    response
}

/// With every field that typed clients insist on.
fn user() -> Value {
    json!({
        "id": 1,
        "username": "ada",
        "name": "Ada Lovelace",
        "public_email": null,
        "email": "ada@example.test",
        "state": "active",
        "locked": false,
        "avatar_url": null,
        "web_url": "https://gitlab.test/ada",
        "website_url": "",
        "created_at": CREATED_AT,
        "confirmed_at": CREATED_AT,
        "last_sign_in_at": null,
        "last_activity_on": null,
        "bio": "",
        "location": null,
        "organization": null,
        "job_title": "",
        "is_admin": false,
    })
}

/// The same of a project, of which the user is a maintainer.
fn project() -> Value {
    json!({
        "id": 1,
        "name": "private",
        "description": null,
        "path_with_namespace": "group/private",
        "default_branch": "main",
        "visibility": "private",
        "web_url": "https://gitlab.test/group/private",
        "http_url_to_repo": "https://gitlab.test/group/private.git",
        "ssh_url_to_repo": "git@gitlab.test:group/private.git",
        "created_at": CREATED_AT,
        "last_activity_at": CREATED_AT,
        "permissions": {
            "project_access": {"access_level": 40, "notification_level": 3},
            "group_access": null,
        },
    })
}

/// What the npm registry of a project says of a package.
fn package() -> Value {
    let tarball = "https://gitlab.test/api/v4/projects/1/packages/npm/ada/-/ada-1.0.0.tgz";
    let dist = json!({"tarball": tarball, "shasum": "0".repeat(40)});
    json!({
        "name": "ada",
        "dist-tags": {"latest": "1.0.0"},
        "versions": {"1.0.0": {"name": "ada", "version": "1.0.0", "dist": dist}},
    })
}

/// When everything was made.
const CREATED_AT: &str = "2024-01-01T00:00:00.000Z";
/// What GitLab says of an expired access token.
const EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";
/// What it says of a revoked one, and of one that a refresh elsewhere rotated away.
const REVOKED: &str = "Token was revoked. You have to re-authorize from the user.";
/// `{"gzip":true}` as one stored block.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x01, 0x0d, 0x00, 0xf2, 0xff, 0x7b,
    0x22, 0x67, 0x7a, 0x69, 0x70, 0x22, 0x3a, 0x74, 0x72, 0x75, 0x65, 0x7d, 0xf9, 0xea, 0xf4, 0x36,
    0x0d, 0x00, 0x00, 0x00,
];
