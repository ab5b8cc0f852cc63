//! The token, revocation and introspection endpoints.

use http::header::{CACHE_CONTROL, PRAGMA};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::api::identify;
use crate::call::Call;
use crate::grants::{Grants, Row};
use crate::oauth::{OauthError, client};
use crate::response::{self, Body};

/// `POST /oauth/token`.
pub(crate) fn grant(call: &Call) -> Response<Body> {
    let mut grants = call.shared.grants();
    let granted = match call.field("grant_type") {
        Some("authorization_code") => by_code(call, &mut grants),
        Some("refresh_token") => by_refresh(call, &mut grants),
        Some(_) => Err(OauthError::UnsupportedGrantType),
        None => Err(OauthError::InvalidRequest),
    };
    match granted {
        Ok(row) => token_response(call, &row),
        Err(error) => error.response(),
    }
}

fn by_code(call: &Call, grants: &mut Grants) -> Result<Row, OauthError> {
    let app = client(call, grants)?.ok_or(OauthError::InvalidClient)?;
    let code = call.field("code").ok_or(OauthError::InvalidRequest)?;
    let redirect_uri = call
        .field("redirect_uri")
        .ok_or(OauthError::InvalidRequest)?;
    grants.redeem(
        code,
        &app.client_id,
        redirect_uri,
        call.field("code_verifier"),
    )
}

/// Validated in Doorkeeper's order: token, client, whose it is, scope. A refused request does not
/// consume the token.
fn by_refresh(call: &Call, grants: &mut Grants) -> Result<Row, OauthError> {
    let refresh = call
        .field("refresh_token")
        .ok_or(OauthError::InvalidRequest)?;
    let row = grants
        .refreshable(refresh)
        .ok_or(OauthError::InvalidGrant)?;
    let app = client(call, grants)?;
    if app.is_none_or(|app| app.client_id != row.client_id) {
        return Err(OauthError::InvalidGrant);
    }
    let scopes = match call.field("scope") {
        Some(wanted) if is_subset(wanted, &row.scopes) => wanted.to_owned(),
        Some(_) => return Err(OauthError::InvalidScope),
        None => row.scopes.clone(),
    };
    let rotated = grants.rotate(refresh, &scopes, call.keep_refresh);
    let row = rotated.ok_or(OauthError::InvalidGrant)?;
    call.shared.counters.refreshes.add();
    Ok(row)
}

/// Whether every wanted scope is among the allowed ones.
pub(crate) fn is_subset(wanted: &str, allowed: &str) -> bool {
    wanted
        .split_ascii_whitespace()
        .all(|scope| allowed.split(' ').any(|have| have == scope))
}

fn token_response(call: &Call, row: &Row) -> Response<Body> {
    let mut body = json!({
        "access_token": row.pair.access,
        "token_type": "Bearer",
        "refresh_token": row.pair.refresh,
        "scope": row.scopes,
        "created_at": row.created_at,
    });
    if let Some(seconds) = call.shared.settings.expires_in {
        body["expires_in"] = seconds.into();
    }
    let mut response = response::json(StatusCode::OK, &body);
    response::set(&mut response, CACHE_CONTROL, "no-store");
    response::set(&mut response, PRAGMA, "no-cache");
    response
}

/// `POST /oauth/revoke`: 200 for an unknown token too (RFC 7009 §2.2).
pub(crate) fn revoke(call: &Call) -> Response<Body> {
    let mut grants = call.shared.grants();
    let Ok(Some(app)) = client(call, &grants) else {
        return OauthError::UnauthorizedClient.response();
    };
    let token = call.field("token").unwrap_or_default();
    match grants.revoke(token, &app.client_id) {
        Ok(died) => {
            if died {
                call.shared.counters.revocations.add();
            }
            response::json(StatusCode::OK, &json!({}))
        }
        Err(error) => error.response(),
    }
}

/// `GET /oauth/token/info`.
pub(crate) fn info(call: &Call) -> Response<Body> {
    let row = match identify(call) {
        Ok(identity) => identity.row,
        Err(refusal) => return *refusal,
    };
    let Some(row) = row else {
        return response::bare_unauthorized();
    };
    let scopes: Vec<&str> = row.scopes.split(' ').collect();
    let body = json!({
        "resource_owner_id": 1,
        "scope": scopes,
        "expires_in": row.seconds_left(),
        "application": {"uid": row.client_id},
        "created_at": row.created_at,
        "scopes": scopes,
        "expires_in_seconds": row.seconds_left(),
    });
    response::json(StatusCode::OK, &body)
}

/// `/oauth/userinfo`, which needs the scope `openid`.
pub(crate) fn userinfo(call: &Call) -> Response<Body> {
    let identity = match identify(call) {
        Ok(identity) => identity,
        Err(refusal) => return *refusal,
    };
    if !identity.has_any_scope(&["openid"]) {
        return insufficient_scope("openid");
    }
    let body: Value = json!({
        "sub": "1",
        "name": "Ada Lovelace",
        "nickname": "ada",
        "preferred_username": "ada",
        "email": "ada@example.test",
        "email_verified": true,
    });
    response::json(StatusCode::OK, &body)
}

/// 403, as an OAuth client sees it where a scope is missing.
pub(crate) fn insufficient_scope(wanted: &str) -> Response<Body> {
    let body = json!({
        "error": "insufficient_scope",
        "error_description": "The request requires higher privileges than provided by the access token.",
        "scope": wanted,
    });
    response::json(StatusCode::FORBIDDEN, &body)
}
