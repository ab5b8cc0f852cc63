//! What the server's thread and the test share.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::authorize::AuthorizeResponse;
use crate::fault::Faults;
use crate::forge::Forge;
use crate::grants::Grants;
use crate::lfs::Lfs;
use crate::panics::catch;
use crate::repository::Visibility;
use crate::seen::Log;

/// What the builder fixed.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The relative root, empty or `/…` without a slash at the end.
    pub(crate) root: String,
    pub(crate) expires_in: Option<u64>,
    pub(crate) issuer: Option<String>,
    /// What is played in place of GitLab.
    pub(crate) forge: Option<Forge>,
}

/// A count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: Counter,
    pub(crate) refreshes: Counter,
    pub(crate) rejected_basic: Counter,
    pub(crate) revocations: Counter,
    pub(crate) token_requests: Counter,
}

/// The server's state.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) log: Log,
    pub(crate) counters: Counters,
    /// Where the bare repositories lie.
    pub(crate) repositories: PathBuf,
    grants: Mutex<Grants>,
    faults: Mutex<Faults>,
    lfs: Mutex<Lfs>,
    authorize: Mutex<AuthorizeResponse>,
    personal_tokens: Mutex<HashSet<String>>,
    variables: Mutex<HashMap<String, String>>,
    visibility: Mutex<HashMap<String, Visibility>>,
    panics: Mutex<Vec<String>>,
}

impl Shared {
    /// A server without applications, repositories or faults.
    pub(crate) fn new(settings: Settings, repositories: PathBuf) -> Self {
        let lifetime = settings.expires_in.map(Duration::from_secs);
        Self {
            settings,
            log: Log::default(),
            counters: Counters::default(),
            repositories,
            grants: Mutex::new(Grants::new(lifetime)),
            faults: Mutex::default(),
            lfs: Mutex::default(),
            authorize: Mutex::default(),
            personal_tokens: Mutex::default(),
            variables: Mutex::default(),
            visibility: Mutex::default(),
            panics: Mutex::default(),
        }
    }

    pub(crate) fn grants(&self) -> MutexGuard<'_, Grants> {
        lock(&self.grants)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn lfs(&self) -> MutexGuard<'_, Lfs> {
        lock(&self.lfs)
    }

    pub(crate) fn authorize_response(&self) -> AuthorizeResponse {
        *lock(&self.authorize)
    }

    pub(crate) fn set_authorize_response(&self, response: AuthorizeResponse) {
        *lock(&self.authorize) = response;
    }

    pub(crate) fn personal_tokens(&self) -> MutexGuard<'_, HashSet<String>> {
        lock(&self.personal_tokens)
    }

    /// CI variables of projects, by `project/NAME`.
    pub(crate) fn variables(&self) -> MutexGuard<'_, HashMap<String, String>> {
        lock(&self.variables)
    }

    /// Who may read which project, by `group/project`.
    pub(crate) fn visibility(&self) -> MutexGuard<'_, HashMap<String, Visibility>> {
        lock(&self.visibility)
    }

    /// Notes a panic; the drop of the server raises it in the test.
    pub(crate) fn panicked(&self, message: String) {
        lock(&self.panics).push(message);
    }

    pub(crate) fn take_panics(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.panics))
    }

    /// Lets a request's body go unread.
    pub(crate) fn discard(self: &Arc<Self>, body: Incoming) {
        self.spawn(drain(body));
    }

    /// Runs a task whose panic fails the test.
    pub(crate) fn spawn<F>(self: &Arc<Self>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(message) = catch(future).await {
                shared.panicked(message);
            }
        });
    }
}

/// Reads a body that nobody wants, to a bound, while the response is on its way. Dropping it would
/// reset the HTTP/2 stream, and some clients (curl 7.88) then lose the response as well.
async fn drain(mut body: Incoming) {
    let mut read = 0;
    while read < DRAIN_LIMIT
        && let Some(Ok(frame)) = body.frame().await
    {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// A panic is reported by its own way; what it left in the state is still worth reading.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What of an unwanted body is read.
const DRAIN_LIMIT: usize = 1024 * 1024;
