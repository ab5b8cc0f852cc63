//! One request's line in the log, written when its response has ended.

use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{Method, Request};
use serde::Serialize;

use super::place::Place;
use crate::audit::{Kind, LiveRequest, PushedRefs, RequestLine, kept_path};
use crate::clock::Timestamp;
use crate::proxy::policy::git_push::RefsReader;
use crate::proxy::policy::route::Route;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::scrub::SearchError;

/// A line that is not written yet. Empty once it is written, or if the request needs no line.
/// `finish` writes it. If it is dropped without that, it is written only if the request was
/// sent.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Entry {
    line: Option<Line>,
}

/// Everything in it is shared with the request or cheap: nothing is copied for a line that may
/// never be written.
#[derive(Debug)]
struct Line {
    event: Kind,
    method: Method,
    path: Option<PathAndQuery>,
    place: Arc<Place>,
    why: Option<Box<Why>>,
    pushed: Option<Box<PushedRefs>>,
    /// What only watchers learn; `None` while there is none.
    live: Option<Box<LiveRequest>>,
    route: Option<Arc<Route>>,
    scrubbed: u64,
    started: Instant,
    status: Option<u16>,
    time: Timestamp,
}

/// Why a request was not served, or not to its end. Boxed, because few lines say it.
#[derive(Debug)]
struct Why {
    reason: String,
    rule: Option<String>,
}

impl Why {
    fn in_words(reason: &str) -> Self {
        Self {
            reason: reason.to_owned(),
            rule: None,
        }
    }
}

impl Entry {
    /// A line for a request that has just come in.
    pub(in crate::proxy) fn new<B>(place: &Arc<Place>, request: &Request<B>) -> Self {
        let mut line = Line {
            event: Kind::Failed,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            place: Arc::clone(place),
            why: None,
            pushed: None,
            live: None,
            route: None,
            scrubbed: 0,
            started: Instant::now(),
            status: None,
            time: Timestamp::now(),
        };
        if let Some(number) = place.audit.watched_request() {
            line.begin(number);
        }
        Self { line: Some(line) }
    }

    /// The user has let the request go, which that rule would have refused.
    pub(super) fn let_go(&mut self, rule: String, how: &str) {
        if let Some(line) = &mut self.line {
            let why = Why {
                rule: Some(rule),
                ..Why::in_words(how)
            };
            line.why = Some(Box::new(why));
        }
    }

    /// When the request came in.
    pub(super) fn started(&self) -> Instant {
        self.line
            .as_ref()
            .map_or_else(Instant::now, |line| line.started)
    }

    /// Records the route that the request belongs to.
    pub(in crate::proxy) fn belongs_to(&mut self, route: &Arc<Route>) {
        if let Some(line) = &mut self.line {
            line.route = Some(Arc::clone(route));
        }
    }

    /// Records the refs that the request pushes to.
    pub(super) fn pushes(&mut self, refs: RefsReader) {
        if let Some(line) = &mut self.line {
            line.pushed = refs.into_refs().map(Box::new);
        }
    }

    /// A request that was sent without a credential got a response with this status.
    pub(super) fn passed(&mut self, status: u16) {
        self.set(Kind::Passed, status, None);
    }

    /// Drops the line: nothing was injected, and nothing refused.
    pub(in crate::proxy) fn forget(&mut self) {
        if let Some(line) = self.line.take() {
            line.tell_gone();
        }
    }

    /// What watchers are told about the request, if there are any.
    pub(super) fn live(&mut self) -> Option<&mut LiveRequest> {
        self.line.as_mut()?.live.as_deref_mut()
    }

    /// The request is being sent with a credential: from now on it is logged, whatever happens to
    /// it.
    pub(in crate::proxy) fn sent(&mut self) {
        if let Some(line) = &mut self.line {
            line.event = Kind::Injected;
        }
    }

    /// A request that was sent with a credential got a response with this status.
    pub(in crate::proxy) fn injected(&mut self, status: u16) {
        self.set(Kind::Injected, status, None);
    }

    /// authsome itself responded, with this status and for this reason.
    pub(in crate::proxy) fn refused(&mut self, refusal: &Refusal, status: u16) {
        if matches!(refusal, Refusal::Moved(_)) {
            return self.forget(); // git asks again at once, and that request is logged
        }
        let why = Why {
            reason: refusal.to_string(),
            rule: refusal.rule(),
        };
        self.set(refusal.kind(), status, Some(Box::new(why)));
    }

    fn set(&mut self, kind: Kind, status: u16, why: Option<Box<Why>>) {
        if let Some(line) = &mut self.line {
            (line.event, line.status) = (kind, Some(status));
            line.why = why.or(line.why.take()); // what let it go is told, unless it failed
        }
    }

    /// So many secrets were replaced in the response.
    pub(super) fn scrubbed(&mut self, count: u64) {
        if let Some(line) = &mut self.line {
            line.scrubbed += count;
        }
    }

    /// A request that was sent with a fresh secret of the session's got a response.
    pub(super) fn with_minted(&mut self, status: u16) {
        let why = Why::in_words("with a secret that the session was given, not the connection's");
        self.set(Kind::Injected, status, Some(Box::new(why)));
    }

    /// The response broke off. The line says so, because its status does not.
    pub(in crate::proxy) fn broke_off(&mut self, error: &std::io::Error) {
        if let Some(line) = &mut self.line {
            let cause = error.get_ref();
            let words = match cause.and_then(|cause| cause.downcast_ref::<SearchError>()) {
                Some(why) => format!("the response was cut off: {why}"),
                None => "the response broke off before its end".to_owned(),
            };
            line.why = Some(Box::new(Why::in_words(&words)));
        }
    }

    /// The response has ended after `bytes` bytes of its body: writes the line.
    pub(in crate::proxy) fn finish(&mut self, bytes: u64) {
        let Some(line) = self.line.take() else {
            return;
        };
        line.place.audit.record_request(&RequestLine {
            time: line.time,
            event: line.event,
            connection: line.route.as_ref().map(|route| &route.quoted),
            method: line.method.as_str(),
            host: &line.place.quoted,
            path: line.path.as_ref().map_or("/", PathAndQuery::path),
            way: line.place.way,
            pushed: line.pushed.as_deref(),
            status: line.status,
            bytes,
            duration: line.started.elapsed(),
            scrubbed: (line.scrubbed > 0).then_some(line.scrubbed),
            reason: line.why.as_ref().map(|why| why.reason.as_str()),
            rule: line.why.as_ref().and_then(|why| why.rule.as_deref()),
            live: line.live.as_deref(),
        });
    }
}

impl Drop for Entry {
    /// An entry that is dropped early belongs to a client that left before the response, or to a
    /// session that ended. A request that was sent is logged even then.
    fn drop(&mut self) {
        if let Some(line) = &mut self.line
            && matches!(line.event, Kind::Injected | Kind::Passed)
        {
            if line.status.is_none() {
                line.why = Some(Box::new(Why::in_words(
                    "the client left, or the session ended",
                )));
            }
            self.finish(0);
        }
        self.forget();
    }
}

/// A request that somebody watches has come in.
#[derive(Serialize)]
struct Began<'a> {
    event: &'static str,
    request: u64,
    time: String,
    method: &'a str,
    host: String,
    path: &'a str,
}

/// A request that was told to have come in has no line in the log.
#[derive(Serialize)]
struct Gone {
    event: &'static str,
    request: u64,
}

impl Line {
    #[cold]
    fn begin(&mut self, number: u64) {
        self.place.audit.tell(&Began {
            event: "began",
            request: number,
            time: self.time.to_string(),
            method: self.method.as_str(),
            host: self.place.authority.to_string(),
            path: kept_path(self.path.as_ref().map_or("/", PathAndQuery::path)),
        });
        self.live = Some(Box::new(LiveRequest {
            request: number,
            ..LiveRequest::default()
        }));
    }

    fn tell_gone(&self) {
        if let Some(live) = &self.live {
            self.place.audit.tell(&Gone {
                event: "gone",
                request: live.request,
            });
        }
    }
}
