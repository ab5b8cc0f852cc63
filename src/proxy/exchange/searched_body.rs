//! The body of a response that is searched for secrets on its way.
//!
//! ```text
//! Streaming ── the body's end, or its trailers ──→ Ended ── what was held back ──→ Taken ── trailers
//!     ├── the server breaks off ──→ Ended ── a few bytes of that ──→ Taken ── the error
//!     └── text that cannot be decoded ──→ an error: the response is cut
//! ```

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Frame;

use super::mint::Mint;
use super::scrubbing::Scrubbing;
use crate::proxy::policy::route::Route;
use crate::proxy::rewrite::scrub::patterns::Fit;
use crate::proxy::rewrite::scrub::{Plan, ScrubbedBody, SearchError, scrub_fields};

/// What is searched of a response's body.
#[derive(Debug)]
pub(in crate::proxy) enum Search {
    /// Nothing.
    Nothing,
    /// Its trailers, as its text cannot be searched.
    Trailers(Arc<Scrubbing>),
    /// Its text and its trailers.
    Whole(Box<SearchedBody>),
}

/// A body that can hold text, in a coding that nobody here can decode.
#[derive(Debug)]
pub(super) struct UnknownCoding;

impl Search {
    /// Replaces secrets in a response's fields, and begins the search of its body. Says how many
    /// were found.
    ///
    /// Fresh secrets are looked for by the shapes of `route`, and belong to its connection.
    pub(super) fn begin(
        scrubbing: &Arc<Scrubbing>,
        route: Option<&Arc<Route>>,
        headers: &mut HeaderMap,
        has_body: bool,
    ) -> Result<(Self, u64), UnknownCoding> {
        let (patterns, searches_bodies) = scrubbing.in_force();
        let route = route.filter(|_| searches_bodies);
        let shapes = route.and_then(|route| route.mints());
        if patterns.is_empty() && shapes.is_none() {
            return Ok((Self::Nothing, 0));
        }
        let found = scrub_fields(headers, &patterns, Fit::Exact);
        if !has_body {
            return Ok((Self::Nothing, found));
        }
        let plan = if searches_bodies {
            Plan::of(headers, &patterns, shapes, Fit::SameLength)
        } else {
            Plan::Pass
        };
        let search = match plan {
            Plan::Pass => Self::Trailers(Arc::clone(scrubbing)),
            Plan::UnknownCoding => return Err(UnknownCoding),
            Plan::Scrub(body) => {
                if !body.keeps_length() {
                    headers.remove(CONTENT_LENGTH);
                }
                let route = route.filter(|_| shapes.is_some()).cloned();
                let body = SearchedBody::new(body, Arc::clone(scrubbing), route);
                Self::Whole(Box::new(body))
            }
        };
        Ok((search, found))
    }
}

/// The search of one body. What has come out of it is taken before the next frame goes in.
#[derive(Debug)]
pub(in crate::proxy) struct SearchedBody {
    body: ScrubbedBody,
    scrubbing: Arc<Scrubbing>,
    /// Whose fresh secrets are looked for.
    route: Option<Arc<Route>>,
    trailers: Option<HeaderMap>,
    stage: Stage,
    /// What has broken the body off, told after what had come of it.
    fault: Option<io::Error>,
    /// Secrets that [`Self::take_matches`] has told of.
    told: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Frames go in.
    Streaming,
    /// The body has ended; what was held back is to be taken.
    Ended,
    /// All but the trailers was taken.
    Taken,
}

impl SearchedBody {
    fn new(body: ScrubbedBody, scrubbing: Arc<Scrubbing>, route: Option<Arc<Route>>) -> Self {
        Self {
            body,
            scrubbing,
            route,
            trailers: None,
            stage: Stage::Streaming,
            fault: None,
            told: 0,
        }
    }

    /// How many secrets were replaced since the last call.
    pub(super) fn take_matches(&mut self) -> u64 {
        let matches = self.body.matches();
        matches - std::mem::replace(&mut self.told, matches)
    }

    /// Whether another frame may go in.
    pub(super) fn is_streaming(&self) -> bool {
        self.stage == Stage::Streaming
    }

    /// Whether everything was taken.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Taken && self.trailers.is_none() && self.fault.is_none()
    }

    /// How many bytes are still to be taken, if nothing else goes in. `None` if that is not known.
    pub(super) fn held(&self) -> Option<u64> {
        self.body.keeps_length().then(|| self.body.held() as u64)
    }

    /// Takes the next frame of the body.
    pub(super) fn push(&mut self, frame: Frame<Bytes>, is_last: bool) {
        // A token that was renewed since the response began is looked for, too.
        self.body.renew(&self.scrubbing.in_force().0);
        match frame.into_data() {
            Ok(data) if is_last => {
                self.body.push_last(data);
                self.stage = Stage::Ended;
            }
            Ok(data) => self.body.push(data),
            Err(frame) => {
                let frame = self.scrubbing.trailers_of(frame);
                self.trailers = frame.into_trailers().ok();
                self.stage = Stage::Ended;
            }
        }
    }

    /// The body has broken off.
    pub(super) fn break_off(&mut self, fault: io::Error) {
        self.stage = Stage::Ended;
        self.fault = Some(fault);
    }

    /// The body has ended.
    pub(super) fn end(&mut self) {
        self.stage = Stage::Ended;
    }

    /// What goes out next. `None` if another frame is wanted, or all was taken.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame<Bytes>>> {
        let mint = Mint {
            scrubbing: &self.scrubbing,
            route: self.route.as_deref(),
        };
        if self.stage != Stage::Taken
            && let Some(data) = self.body.next(&mint).map_err(cut)?
        {
            self.settle();
            return Ok(Some(Frame::data(data)));
        }
        if self.stage == Stage::Ended && self.fault.is_some() {
            self.stage = Stage::Taken;
            if let Some(data) = self.body.abandon() {
                return Ok(Some(Frame::data(data)));
            }
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.stage == Stage::Ended {
            self.stage = Stage::Taken;
            if let Some(data) = self.body.finish(&mint).map_err(cut)? {
                return Ok(Some(Frame::data(data)));
            }
        }
        let trailers = self.trailers.take_if(|_| self.stage == Stage::Taken);
        Ok(trailers.map(Frame::trailers))
    }

    /// Nothing is held back of most bodies at their end, and their last piece is known to be one.
    fn settle(&mut self) {
        if self.stage == Stage::Ended && self.body.is_spent() {
            self.stage = Stage::Taken;
        }
    }
}

/// What is left of the body cannot be searched.
fn cut(cause: SearchError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::rewrite::scrub::extent::ScrubExtent;
    use crate::secret::Secret;

    fn search(scrubbing: &Arc<Scrubbing>, headers: &mut HeaderMap) -> Box<SearchedBody> {
        match Search::begin(scrubbing, None, headers, true).unwrap() {
            (Search::Whole(search), 0) => search,
            other => panic!("{other:?}"),
        }
    }

    fn data(text: &'static str) -> Frame<Bytes> {
        Frame::data(Bytes::from_static(text.as_bytes()))
    }

    fn taken(search: &mut SearchedBody) -> String {
        let mut text = String::new();
        while let Some(frame) = search.next().unwrap() {
            if let Ok(data) = frame.into_data() {
                text.push_str(std::str::from_utf8(&data).unwrap());
            }
        }
        text
    }

    #[test]
    fn a_token_that_is_renewed_meanwhile_is_looked_for() {
        let scrubbing = Arc::new(Scrubbing::new(ScrubExtent::On));
        scrubbing.look_for(&[Secret::new("first-token-0123456789ab".to_owned())]);
        let mut search = search(&scrubbing, &mut HeaderMap::new());
        search.push(data("first-token-0123456789ab. "), false);
        assert_eq!(taken(&mut search), "authsome-proxy-managed--. ");
        scrubbing.look_for(&[Secret::new("second-token-0123456789a".to_owned())]);
        search.push(data("second-token-01234567"), false);
        assert_eq!(taken(&mut search), "");
        search.push(data("89a."), true);
        assert_eq!(taken(&mut search), "authsome-proxy-managed--.");
        assert!(search.is_done());
        assert_eq!((search.take_matches(), search.take_matches()), (2, 0));
    }

    #[test]
    fn what_was_held_back_comes_before_the_trailers() {
        let scrubbing = Arc::new(Scrubbing::new(ScrubExtent::On));
        scrubbing.look_for(&[Secret::new("first-token-0123456789ab".to_owned())]);
        let mut search = search(&scrubbing, &mut HeaderMap::new());
        search.push(data("a first-tok"), false);
        assert_eq!(taken(&mut search), "a ");
        assert_eq!(search.held(), Some(9));
        let trailers = [(
            http::header::ETAG,
            "first-token-0123456789ab".parse().unwrap(),
        )];
        search.push(Frame::trailers(HeaderMap::from_iter(trailers)), true);
        let held = search.next().unwrap().unwrap();
        assert_eq!(held.into_data().unwrap(), "first-tok");
        assert!(!search.is_done());
        let trailers = search.next().unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers[http::header::ETAG], "authsome-proxy-managed");
        assert!(search.is_done() && search.next().unwrap().is_none());
    }

    #[test]
    fn a_body_that_breaks_off_ends_with_what_had_come_of_it_but_a_secret() {
        let scrubbing = Arc::new(Scrubbing::new(ScrubExtent::On));
        scrubbing.look_for(&[Secret::new("first-token-0123456789ab".to_owned())]);
        for (sent, expected) in [("a fi", "a fi"), ("a first-token-01234", "a first-t")] {
            let mut search = search(&scrubbing, &mut HeaderMap::new());
            search.push(data(sent), false);
            let before = taken(&mut search);
            search.break_off(io::ErrorKind::UnexpectedEof.into());
            let last = search.next().unwrap().unwrap().into_data().unwrap();
            let last = std::str::from_utf8(&last).unwrap().to_owned();
            assert_eq!(before + &last, expected);
            assert!(!search.is_done());
            let error = search.next().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_whole_body_is_one_frame_that_is_the_last() {
        let scrubbing = Arc::new(Scrubbing::new(ScrubExtent::On));
        scrubbing.look_for(&[Secret::new("first-token-0123456789ab".to_owned())]);
        let mut search = search(&scrubbing, &mut HeaderMap::new());
        search.push(data("all of it, first"), true);
        assert_eq!(search.held(), Some(16));
        let whole = search.next().unwrap().unwrap().into_data().unwrap();
        assert_eq!(whole, "all of it, first");
        assert!(search.is_done());
    }
}
