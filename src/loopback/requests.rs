//! The requests that the listener serves: the form, its submission, the redirect to the provider,
//! and the redirect back.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::oneshot;

use super::accept_limits::Visitor;
use super::address::{HOST, ORIGIN, REDIRECT_PATH, START_PATH};
use super::pages::{self, Form, FormField, FormProblem, KeyProblem, Outcome};
use super::responses::{not_allowed, page, plain, see_form, see_other};
use super::shared::{Arrival, Shared, lock};
use crate::defence::Defence;
use crate::secret::Secret;
use crate::text::is_deceptive;

/// A client that takes longer than this to send its fields, or the form, is disconnected.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// The maximum size of a submitted form in bytes: of a client's two short fields, and of the parts
/// of a key, each byte of which may be written as three.
const MAX_FORM: usize = 8 * 1024;
const MAX_KEY_FORM: usize = 64 * 1024;

/// How long the browser waits for the login's result. The exchange with the provider has its own,
/// shorter limits.
const OUTCOME_TIMEOUT: Duration = Duration::from_mins(2);

/// The response to a request on a connection that was accepted.
pub(super) async fn respond(
    request: Request<Incoming>,
    visitor: Visitor,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request
        .headers()
        .get(header::HOST)
        .map(HeaderValue::as_bytes);
    let is_redirect = request.uri().path() == REDIRECT_PATH;
    let expected = if is_redirect {
        shared.redirect.host()
    } else {
        HOST
    };
    // DNS rebinding: a name of another site may resolve to 127.0.0.1. The browser then sends that
    // name as `Host`.
    if host != Some(expected.as_bytes()) && Defence::LoginHost.stands() {
        return Ok(plain(
            StatusCode::MISDIRECTED_REQUEST,
            "authsome: this address is for a login in progress only",
        ));
    }
    let response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => shared.form_page(None, StatusCode::OK),
        (&Method::POST, "/client") => submit(request, visitor, &shared).await,
        (&Method::POST, "/key") => submit_key(request, visitor, &shared).await,
        (&Method::GET, REDIRECT_PATH) => redirect(&request, visitor, &shared).await,
        (&Method::GET, path) if path.starts_with(START_PATH) => start(&request, &shared),
        (_, "/" | REDIRECT_PATH) => not_allowed("GET"),
        (_, "/client" | "/key") => not_allowed("POST"),
        _ => plain(StatusCode::NOT_FOUND, "authsome: nothing here"),
    };
    Ok(response)
}

impl Shared {
    /// The form; `problem` is what is wrong with what was sent just now.
    fn form_page(&self, problem: Option<&str>, status: StatusCode) -> Response<Full<Bytes>> {
        let form = lock(&self.form).clone();
        match form {
            Some(Form::Client(mut form)) => page(status, |nonce| {
                form.problem = problem.map(at_id).or(form.problem);
                pages::form(&form, self.csrf.expose(), nonce)
            }),
            Some(Form::Key(mut form)) => page(status, |nonce| {
                let problem = problem.map(|text| KeyProblem {
                    input: None,
                    text: text.to_owned(),
                });
                form.problem = problem.or(form.problem);
                pages::key(&form, self.csrf.expose(), nonce)
            }),
            None => plain(
                StatusCode::NOT_FOUND,
                "authsome: the login waits for the provider's page, not for this one",
            ),
        }
    }
}

/// Redirects to the provider, for the first request only. A browser that only prefetches must not
/// use this up, so it gets a 503.
fn start(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let looks_ahead = |name: &str| {
        let value = request.headers().get(name).map(HeaderValue::as_bytes);
        value.is_some_and(|value| value.starts_with(b"prefetch"))
    };
    if looks_ahead("sec-purpose") || looks_ahead("purpose") {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "authsome: not yet");
    }
    let nonce = request.uri().path().strip_prefix(START_PATH);
    let nonce = nonce.unwrap_or_default().as_bytes();
    let taken = lock(&shared.start).take_if(|start| start.nonce.matches(nonce));
    match taken {
        Some(start) => see_other(&start.leads_to),
        None => plain(
            StatusCode::GONE,
            "authsome: this address works once. The terminal shows the one to open instead.",
        ),
    }
}

/// The fields of a form that was sent.
type Fields = HashMap<String, Secret<String>>;

/// Reads a form. Browsers send `Origin` with every `POST` request. If `Origin` or `Sec-Fetch-Site`
/// names another site, that site sent the form: cross-site request forgery.
async fn sent_form(
    request: Request<Incoming>,
    shared: &Shared,
    max: usize,
) -> Result<Fields, Box<Response<Full<Bytes>>>> {
    let foreign = |name: &str, ours: &str| {
        request
            .headers()
            .get(name)
            .is_some_and(|value| value.as_bytes() != ours.as_bytes())
    };
    let refused = |status, text| Box::new(plain(status, text));
    let is_foreign = foreign("origin", ORIGIN) || foreign("sec-fetch-site", "same-origin");
    if is_foreign && Defence::LoginForm.stands() {
        return Err(refused(
            StatusCode::FORBIDDEN,
            "authsome: the form was sent by another site",
        ));
    }
    let body = Limited::new(request.into_body(), max).collect();
    let Ok(Ok(body)) = tokio::time::timeout(READ_TIMEOUT, body).await else {
        let text = "authsome: the form did not arrive";
        return Err(refused(StatusCode::BAD_REQUEST, text));
    };
    let body = body.to_bytes();
    let fields = url::form_urlencoded::parse(&body).into_owned();
    let mut fields: Fields = fields
        .map(|(name, value)| (name, Secret::new(value)))
        .collect();
    let csrf = fields.remove("csrf");
    let is_of_the_page = |csrf: Secret<String>| shared.csrf.matches(csrf.expose().as_bytes());
    if csrf.is_some_and(is_of_the_page) || !Defence::LoginForm.stands() {
        return Ok(fields);
    }
    let problem = "That form belonged to an earlier login. Please fill in this one.";
    Err(Box::new(
        shared.form_page(Some(problem), StatusCode::FORBIDDEN),
    ))
}

/// Handles the form for an application.
async fn submit(
    request: Request<Incoming>,
    visitor: Visitor,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    let sent = match sent_form(request, shared, MAX_FORM).await {
        Ok(fields) => fields,
        Err(response) => return *response,
    };
    let (client_id, client_secret) = match client_of(sent) {
        Ok(client) => client,
        Err(text) => return shared.form_page(Some(text), StatusCode::UNPROCESSABLE_ENTITY),
    };
    let (reply, replied) = oneshot::channel();
    let arrival = Arrival::Client {
        client_id,
        client_secret,
        visitor,
        reply,
    };
    if shared.arrivals.send(arrival).await.is_err() {
        return plain(StatusCode::GONE, "authsome: the login has ended");
    }
    match tokio::time::timeout(OUTCOME_TIMEOUT, replied).await {
        Ok(Ok(Ok(url))) => see_other(&url),
        Ok(Ok(Err(text))) => shared.form_page(Some(&text), StatusCode::UNPROCESSABLE_ENTITY),
        _ => plain(StatusCode::GONE, "authsome: the login has ended"),
    }
}

fn at_id(text: &str) -> FormProblem {
    FormProblem {
        field: FormField::Id,
        text: text.to_owned(),
        detail: None,
    }
}

/// An application's client id, and its client secret if it has one.
type FilledIn = (String, Option<Secret<String>>);

/// The two fields of the form, or what is wrong with them.
fn client_of(mut fields: Fields) -> Result<FilledIn, &'static str> {
    let client_id = fields.remove("client_id");
    let client_id = client_id.map(|id| id.expose().trim().to_owned());
    let client_id = client_id.unwrap_or_default();
    if client_id.is_empty() || client_id.contains(is_deceptive) {
        return Err("The application ID is missing.");
    }
    let client_secret = fields.remove("client_secret");
    let client_secret = client_secret.map(|secret| secret.expose().trim().to_owned());
    let client_secret = client_secret.filter(|secret| !secret.is_empty());
    Ok((client_id, client_secret.map(Secret::new)))
}

/// Handles the form for a key.
async fn submit_key(
    request: Request<Incoming>,
    visitor: Visitor,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    let parts = match sent_form(request, shared, MAX_KEY_FORM).await {
        Ok(parts) => parts,
        Err(response) => return *response,
    };
    let (reply, replied) = oneshot::channel();
    let arrival = Arrival::Key {
        parts,
        visitor,
        reply,
    };
    outcome_of(arrival, replied, shared).await
}

async fn redirect(
    request: &Request<Incoming>,
    visitor: Visitor,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (reply, replied) = oneshot::channel();
    let arrival = Arrival::Redirect {
        query: Secret::new(query),
        visitor,
        reply,
    };
    outcome_of(arrival, replied, shared).await
}

/// The page of what comes of an arrival.
async fn outcome_of(
    arrival: Arrival,
    replied: oneshot::Receiver<Outcome>,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    if shared.arrivals.send(arrival).await.is_err() {
        return plain(StatusCode::GONE, "authsome: the login has ended");
    }
    match tokio::time::timeout(OUTCOME_TIMEOUT, replied).await {
        Ok(Ok(Outcome::Again)) => see_form(),
        Ok(Ok(Outcome::Good(connected))) => {
            page(StatusCode::OK, |nonce| pages::connected(&connected, nonce))
        }
        Ok(Ok(Outcome::Bad(title, message))) => page(StatusCode::BAD_REQUEST, |nonce| {
            pages::result(&title, &message, nonce)
        }),
        _ => plain(StatusCode::GONE, "authsome: the login has ended"),
    }
}
