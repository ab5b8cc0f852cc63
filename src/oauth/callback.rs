//! The loopback listener of a login (RFC 8252 §7.3): the form for the application, and the redirect back from the provider.
//!
//! It is bound before the browser opens, to an address and not to a name (§8.3), answers no other user and nobody whose `Host` is not its own
//! (DNS rebinding), and keeps waiting when something that is not the awaited answer comes in.

mod accept;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

pub use self::accept::Visitor;
use self::accept::{ADDRESS, Entrance, accept};
use super::authorize::AuthorizationResponse;
use super::pages::{self, ClientForm, Outcome, Page};
use crate::secret::{Secret, random_text};
use crate::text::is_deceptive;

/// The one port, so that one redirect URI can be registered for good.
pub const REDIRECT_PORT: u16 = 7998;

/// The one redirect URI.
pub const REDIRECT_URI: &str = "http://127.0.0.1:7998/auth/callback/oauth";

/// The path of [`REDIRECT_URI`].
const REDIRECT_PATH: &str = "/auth/callback/oauth";

/// Where the form is.
pub const FORM_URL: &str = ORIGIN;

/// What a browser must send as `Host` and as `Origin`.
const HOST: &str = "127.0.0.1:7998";
const ORIGIN: &str = "http://127.0.0.1:7998";

/// Below it is the address that leads to the provider, once.
const START_PATH: &str = "/start/";

/// A client that is slower than this with its headers, or with a form, is cut off.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// The form has two short fields.
const LARGEST_FORM: usize = 8 * 1024;

/// How long the browser waits for the login to say how it went; the exchange with the provider has its own, shorter limits.
const OUTCOME_TIMEOUT: Duration = Duration::from_mins(2);

/// Why the listener is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The port is taken, or may not be used.
    #[error("port {REDIRECT_PORT} of 127.0.0.1 cannot be used")]
    Port(#[source] io::Error),
    /// The kernel gave no random bytes.
    #[error("the system has no random bytes")]
    Random(#[from] getrandom::Error),
}

/// Something that came in from the browser and waits for an answer.
#[derive(Debug)]
pub enum Arrival {
    /// The form was filled in.
    Client {
        /// Its first field.
        client_id: String,
        /// Its second, unless left empty.
        client_secret: Option<Secret<String>>,
        /// Who did that.
        visitor: Visitor,
        /// Where to send the browser, or what is wrong with the fields.
        reply: oneshot::Sender<Result<Url, String>>,
    },
    /// The provider sent the browser back.
    Response {
        /// With this.
        response: AuthorizationResponse,
        /// Whose browser it is.
        visitor: Visitor,
        /// How it went.
        reply: oneshot::Sender<Outcome>,
    },
    /// A connection was turned away, for the first time in this login. It waits for no answer.
    Stranger {
        /// It is another user's for sure; else nobody's that the kernel knows of.
        of_another_user: bool,
    },
}

/// The listener on 127.0.0.1:7998; it ends when dropped.
#[derive(Debug)]
pub struct Listener {
    arrivals: mpsc::Receiver<Arrival>,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    arrivals: mpsc::Sender<Arrival>,
    csrf: Secret<String>,
    form: Mutex<Option<ClientForm>>,
    start: Mutex<Option<Start>>,
    entrance: Entrance,
}

/// The way to the provider: its URL holds the `state`, which a browser's argument list would show to everybody on the machine.
#[derive(Debug)]
struct Start {
    nonce: Secret<String>,
    leads_to: Url,
}

impl Listener {
    /// Binds the port and starts to answer.
    pub async fn bind() -> Result<Self, BindError> {
        let tcp = TcpListener::bind(ADDRESS).await.map_err(BindError::Port)?;
        let (sender, arrivals) = mpsc::channel(4);
        let shared = Arc::new(Shared {
            arrivals: sender,
            csrf: random_text(32)?,
            form: Mutex::new(None),
            start: Mutex::new(None),
            entrance: Entrance::new(),
        });
        let accepting = tokio::spawn(accept(tcp, Arc::clone(&shared)));
        Ok(Self {
            arrivals,
            shared,
            accepting,
        })
    }

    /// Shows the form from now on, at [`FORM_URL`].
    pub fn show_form(&self, form: ClientForm) {
        *lock(&self.shared.form) = Some(form);
    }

    /// An address of this listener that leads to `url`, once: what a browser may be started with.
    pub fn lead_to(&self, url: &Url) -> Result<String, getrandom::Error> {
        let nonce = random_text(22)?;
        let address = format!("{ORIGIN}{START_PATH}{}", nonce.expose());
        *lock(&self.shared.start) = Some(Start {
            nonce,
            leads_to: url.clone(),
        });
        Ok(address)
    }

    /// The next thing that comes in.
    pub async fn next(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => std::future::pending().await, // `shared` holds a sender, so the channel never closes
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    request: Request<Incoming>,
    visitor: Visitor,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request
        .headers()
        .get(header::HOST)
        .map(HeaderValue::as_bytes);
    if host != Some(HOST.as_bytes()) {
        return Ok(plain(
            StatusCode::MISDIRECTED_REQUEST,
            "authsome: this address is for a login in progress only",
        ));
    }
    let response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => shared.form_page(None, StatusCode::OK),
        (&Method::POST, "/client") => submit(request, visitor, &shared).await,
        (&Method::GET, REDIRECT_PATH) => redirect(&request, visitor, &shared).await,
        (&Method::GET, path) if path.starts_with(START_PATH) => start(&request, &shared),
        (_, "/" | REDIRECT_PATH) => not_allowed("GET"),
        (_, "/client") => not_allowed("POST"),
        _ => plain(StatusCode::NOT_FOUND, "authsome: nothing here"),
    };
    Ok(response)
}

impl Shared {
    fn form_page(&self, problem: Option<&str>, status: StatusCode) -> Response<Full<Bytes>> {
        let form = lock(&self.form).clone();
        match form {
            Some(mut form) => page(status, |nonce| {
                form.problem = problem.map(str::to_owned).or(form.problem);
                pages::form(&form, self.csrf.expose(), nonce)
            }),
            None => plain(
                StatusCode::NOT_FOUND,
                "authsome: the login waits for the provider's page, not for this one",
            ),
        }
    }
}

/// The way to the provider, for the first who asks. A browser that only looks ahead is told to come again.
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

/// The form comes back. Browsers send `Origin` with each POST; where it, or `Sec-Fetch-Site`, names another site, that site made the form.
async fn submit(
    request: Request<Incoming>,
    visitor: Visitor,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    let foreign = |name: &str, ours: &str| {
        request
            .headers()
            .get(name)
            .is_some_and(|value| value.as_bytes() != ours.as_bytes())
    };
    if foreign("origin", ORIGIN) || foreign("sec-fetch-site", "same-origin") {
        return plain(
            StatusCode::FORBIDDEN,
            "authsome: the form was sent by another site",
        );
    }
    let body = Limited::new(request.into_body(), LARGEST_FORM).collect();
    let Ok(Ok(body)) = tokio::time::timeout(READ_TIMEOUT, body).await else {
        return plain(StatusCode::BAD_REQUEST, "authsome: the form did not arrive");
    };
    let (client_id, client_secret) = match filled_in(&body.to_bytes(), shared) {
        Ok(filled_in) => filled_in,
        Err((status, problem)) => return shared.form_page(Some(problem), status),
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
        Ok(Ok(Err(problem))) => shared.form_page(Some(&problem), StatusCode::UNPROCESSABLE_ENTITY),
        _ => plain(StatusCode::GONE, "authsome: the login has ended"),
    }
}

/// An application's ID, and its secret if it has one.
type FilledIn = (String, Option<Secret<String>>);

/// The two fields of a form that is of this login.
fn filled_in(body: &[u8], shared: &Shared) -> Result<FilledIn, (StatusCode, &'static str)> {
    let mut fields: HashMap<_, _> = url::form_urlencoded::parse(body).into_owned().collect();
    let csrf = fields.remove("csrf").unwrap_or_default();
    if !shared.csrf.matches(csrf.as_bytes()) {
        let problem = "That form belonged to an earlier login. Please fill in this one.";
        return Err((StatusCode::FORBIDDEN, problem));
    }
    let client_secret = fields.remove("client_secret").map(Secret::new);
    let client_id = fields.remove("client_id").unwrap_or_default();
    let client_id = client_id.trim().to_owned();
    if client_id.is_empty() || client_id.contains(is_deceptive) {
        let problem = "The application ID is missing.";
        return Err((StatusCode::UNPROCESSABLE_ENTITY, problem));
    }
    let client_secret = client_secret.map(|secret| secret.expose().trim().to_owned());
    let client_secret = client_secret.filter(|secret| !secret.is_empty());
    Ok((client_id, client_secret.map(Secret::new)))
}

async fn redirect(
    request: &Request<Incoming>,
    visitor: Visitor,
    shared: &Shared,
) -> Response<Full<Bytes>> {
    let response = AuthorizationResponse::parse(request.uri().query().unwrap_or_default());
    let (reply, replied) = oneshot::channel();
    let arrival = Arrival::Response {
        response,
        visitor,
        reply,
    };
    if shared.arrivals.send(arrival).await.is_err() {
        return plain(StatusCode::GONE, "authsome: the login has ended");
    }
    match tokio::time::timeout(OUTCOME_TIMEOUT, replied).await {
        Ok(Ok(Outcome::Again)) => see_form(),
        Ok(Ok(Outcome::Good(title, message))) => page(StatusCode::OK, |nonce| {
            pages::result(pages::Mood::Good, &title, &message, nonce)
        }),
        Ok(Ok(Outcome::Bad(title, message))) => page(StatusCode::BAD_REQUEST, |nonce| {
            pages::result(pages::Mood::Bad, &title, &message, nonce)
        }),
        _ => plain(StatusCode::GONE, "authsome: the login has ended"),
    }
}

fn page(status: StatusCode, render: impl FnOnce(&str) -> Page) -> Response<Full<Bytes>> {
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

/// To the form; the address with the code does not stay in the bar.
fn see_form() -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SEE_OTHER, "");
    response
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static("/"));
    response
}

fn see_other(url: &Url) -> Response<Full<Bytes>> {
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

fn not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "authsome: method not allowed",
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A text answer with the headers that every answer has.
fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
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
