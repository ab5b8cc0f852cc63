//! One request's line in the log, written when its response has ended.

use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{Method, Request};

use super::place::Place;
use crate::audit::{Kind, RequestLine};
use crate::clock::Timestamp;
use crate::proxy::policy::route::Route;

/// A line in the making; empty once it is written, or not worth one.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Entry {
    line: Option<Line>,
}

/// All of it is shared or borrowed with the request: nothing is copied that may never be written.
#[derive(Debug)]
struct Line {
    event: Kind,
    method: Method,
    path: Option<PathAndQuery>,
    place: Arc<Place>,
    reason: Option<String>,
    route: Option<Arc<Route>>,
    started: Instant,
    status: Option<u16>,
    time: Timestamp,
}

impl Entry {
    /// A line for a request that has just come in.
    pub(in crate::proxy) fn new<B>(place: &Arc<Place>, request: &Request<B>) -> Self {
        let line = Line {
            event: Kind::Failed,
            method: request.method().clone(),
            path: request.uri().path_and_query().cloned(),
            place: Arc::clone(place),
            reason: None,
            route: None,
            started: Instant::now(),
            status: None,
            time: Timestamp::now(),
        };
        Self { line: Some(line) }
    }

    /// The connection it turned out to belong to.
    pub(in crate::proxy) fn belongs_to(&mut self, route: &Arc<Route>) {
        if let Some(line) = &mut self.line {
            line.route = Some(Arc::clone(route));
        }
    }

    /// It is not worth a line: nothing was injected, nothing refused.
    pub(in crate::proxy) fn forget(&mut self) {
        self.line = None;
    }

    /// It goes out with a credential: from now on it has a line, whatever becomes of it.
    pub(in crate::proxy) fn sent(&mut self) {
        if let Some(line) = &mut self.line {
            line.event = Kind::Injected;
        }
    }

    /// It went out with a credential, and this came back.
    pub(in crate::proxy) fn injected(&mut self, status: u16) {
        self.set(Kind::Injected, status, None);
    }

    /// It was answered by authsome itself.
    pub(in crate::proxy) fn refused(&mut self, kind: Kind, status: u16, reason: String) {
        self.set(kind, status, Some(reason));
    }

    fn set(&mut self, kind: Kind, status: u16, reason: Option<String>) {
        if let Some(line) = &mut self.line {
            (line.event, line.status, line.reason) = (kind, Some(status), reason);
        }
    }

    /// The response has broken off: its line says so, as its status does not.
    pub(in crate::proxy) fn broke_off(&mut self) {
        if let Some(line) = &mut self.line {
            line.reason = Some("the response broke off before its end".to_owned());
        }
    }

    /// The response has ended, after that many bytes of body.
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
            status: line.status,
            bytes,
            duration: line.started.elapsed(),
            reason: line.reason.as_deref(),
        });
    }
}

impl Drop for Entry {
    /// A client that leaves before the response takes its request down with it, and so does the end
    /// of the session; but what went out went out.
    fn drop(&mut self) {
        if let Some(line) = &mut self.line
            && line.event == Kind::Injected
        {
            if line.status.is_none() {
                line.reason = Some("the client left, or the session ended".to_owned());
            }
            self.finish(0);
        }
    }
}
