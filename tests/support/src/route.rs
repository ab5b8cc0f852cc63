//! The path of a request through the server.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::call::Call;
use crate::credential::Arrived;
use crate::fault::{Dropped, Endpoint, Fault};
use crate::panics::catch;
use crate::response::{self, Body};
use crate::seen::Seen;
use crate::shared::Shared;
use crate::wire::Wire;
use crate::{api, forge, git, grpc, lfs, oauth, websocket};

/// Serves one request in a task of its own: like GitLab's, the effect is not undone by a client
/// that hangs up.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    wire: Arc<Wire>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
    let watched = Arc::clone(&shared);
    let task = tokio::spawn(catch(async move { handle(shared, &wire, request).await }));
    match task.await {
        Ok(Ok(answered)) => answered,
        Ok(Err(message)) => {
            watched.panicked(message);
            Ok(response::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the fake GitLab panicked\n",
            ))
        }
        // Only the runtime's end cancels a task.
        Err(_) => Err(Dropped),
    }
}

/// Read, note, fault, effect, fault.
async fn handle(
    shared: Arc<Shared>,
    wire: &Wire,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
    let (parts, body) = request.into_parts();
    let credential = Arrived::from_parts(&parts);
    let path = parts.uri.path().strip_prefix(shared.settings.root.as_str());
    let path = path
        .filter(|path| path.starts_with('/'))
        .map(ToOwned::to_owned);
    let endpoint = Endpoint::of(&parts.method, path.as_deref().unwrap_or_default());
    if endpoint == Endpoint::Token {
        shared.counters.token_requests.add();
    }
    let is_form = parts.method == Method::POST
        && path
            .as_deref()
            .is_some_and(|path| path.starts_with("/oauth/"));
    let (form, body) = if is_form {
        (read_form(body).await, None)
    } else {
        (Vec::new(), Some(body))
    };
    shared
        .log
        .record(Seen::new(&parts, credential.clone(), form.clone()));

    let fault = shared.faults().next(endpoint);
    if let Some(fault) = &fault
        && let Some(response) = fault.before(endpoint, wire).await?
    {
        if let Some(body) = body {
            shared.discard(body);
        }
        return Ok(response);
    }
    let Some(path) = path else {
        return Ok(response::not_found());
    };
    let head = parts.method == Method::HEAD;
    let call = Call {
        shared,
        parts,
        path,
        credential,
        form,
        keep_refresh: fault == Some(Fault::NoRefreshToken),
    };
    let mut response = match body {
        None => oauth::serve(&call),
        Some(body) => dispatch(call, body).await,
    };
    if head {
        response::behead(&mut response);
    }
    match fault {
        Some(fault) => fault.after(response, wire).await,
        None => Ok(response),
    }
}

async fn dispatch(call: Call, body: Incoming) -> Response<Body> {
    if let Some(forge) = &call.shared.settings.forge {
        return forge::serve(forge, &call, body).await;
    }
    if call.path.starts_with("/api/") {
        return api::serve(call, body).await;
    }
    if call.path.starts_with("/oauth/") {
        return oauth::serve(&call);
    }
    if let Some(method) = call.path.strip_prefix("/echo.Echo/") {
        return grpc::serve(&call, method, body);
    }
    if call.path == "/-/cable" && call.credential.bearer().is_some() {
        return websocket::upgrade(call);
    }
    if let Some((project, rest)) = git::split(&call.path) {
        return git::serve(&call, &project, &rest, body).await;
    }
    call.shared.discard(body);
    if let Some(object) = lfs::serve_bucket(&call) {
        return object;
    }
    if let Some(redirect) = git::missing_suffix(&call) {
        return redirect;
    }
    match call.path.as_str() {
        "/" => response::html(StatusCode::OK, page("GitLab")),
        "/.well-known/openid-configuration" => oauth::metadata(&call),
        "/-/user_settings/applications" => response::html(StatusCode::OK, page("Applications")),
        "/public" => response::text(StatusCode::OK, "public\n"),
        _ => response::not_found(),
    }
}

async fn read_form(body: Incoming) -> Vec<(String, String)> {
    match Limited::new(body, FORM_LIMIT).collect().await {
        Ok(form) => url::form_urlencoded::parse(&form.to_bytes())
            .into_owned()
            .collect(),
        Err(_) => Vec::new(),
    }
}

fn page(title: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body>{title}</body></html>")
}

/// Beyond what any OAuth request needs.
const FORM_LIMIT: usize = 64 * 1024;
