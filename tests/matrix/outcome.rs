//! What came of a cell, seen from both ends, and when one outcome is worse than another.

use std::fmt;

mod check;

pub(crate) use check::check;

/// How a request's body ended for the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// It has not, or nobody looked.
    #[default]
    Open,
    /// With its last byte, as it said.
    Whole,
    /// Before.
    Broken,
}

/// One request, as the server saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// How often it came.
    pub(crate) requests: u32,
    /// Bytes of its body, the last time.
    pub(crate) bytes: u64,
    pub(crate) end: End,
    /// Its body was not the one that was sent.
    pub(crate) is_garbled: bool,
    /// The server saw that nobody waits any more, in time.
    pub(crate) noticed: bool,
}

/// One request, as its client saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Got {
    pub(crate) status: Option<u16>,
    /// Interim responses.
    pub(crate) interim: Vec<u16>,
    /// The response is authsome's own, with that code.
    pub(crate) ours: Option<String>,
    /// Bytes of the response's body.
    pub(crate) bytes: u64,
    /// The response ended as it said.
    pub(crate) is_whole: bool,
    /// The client knew that it was done, without having to give up: the response is whole, and the
    /// upload is out or called off.
    pub(crate) has_ended: bool,
    /// Nothing moved any more, and the client gave up.
    pub(crate) is_stuck: bool,
    /// Bytes of the request's body that were taken.
    pub(crate) sent: u64,
    pub(crate) error: Option<String>,
}

impl Got {
    /// A request that came to nothing.
    pub(crate) fn failed(error: String) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }
}

/// Both ends of each of a cell's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) requests: Vec<(Got, Received)>,
    /// The server read something that is no request.
    pub(crate) garbage: Option<String>,
    /// Bytes of each request's body, were it sent to its end.
    pub(crate) size: u64,
    /// The server breaks its response off.
    pub(crate) response_breaks: bool,
    /// The client ends its upload by itself once it is refused, as curl does ("HTTP error before
    /// end of send, stop sending"): how much of it is out by then is chance, with a proxy and
    /// without.
    pub(crate) stops_when_refused: bool,
}

impl Outcome {
    /// In what this outcome of a client behind the proxy is worse than the same client's directly
    /// at the server.
    pub(crate) fn is_worse_than(&self, direct: &Self) -> Vec<Reason> {
        let mut reasons: Vec<_> = self
            .requests
            .iter()
            .zip(&direct.requests)
            .flat_map(|(ours, theirs)| self.worse_request(ours, theirs))
            .collect();
        if self.garbage.is_some() && direct.garbage.is_none() {
            reasons.push(Reason::Garbage);
        }
        reasons.dedup();
        reasons
    }
}

/// In what something is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// The response has not come.
    Status,
    /// It hangs.
    Stuck,
    /// The response has come, but the client has to give up the upload by itself.
    NotReleased,
    /// The response ends too early.
    CutResponse,
    /// The response broke off at the server, and looks whole.
    LooksWhole,
    /// Fewer bytes of the response.
    LostBytes,
    /// The upload that the server reads does not reach it.
    CutUpload,
    /// The client broke off its upload, or bytes of it are lost, and the server sees a whole one.
    UploadLooksWhole,
    /// Other bytes than were sent.
    Garbled,
    /// The server sees it more often.
    Twice,
    /// The server is not told that the client has left.
    Unnoticed,
    /// The server reads what is no request.
    Garbage,
}

impl Reason {
    /// Whether a busy machine can be the cause, so that it is tried once more by itself.
    pub(crate) fn is_of_time(self) -> bool {
        matches!(
            self,
            Self::Stuck | Self::NotReleased | Self::Unnoticed | Self::CutUpload | Self::CutResponse
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::Status => "another status or none",
            Self::Stuck => "hangs",
            Self::NotReleased => "the upload is not called off",
            Self::CutResponse => "the response is cut",
            Self::LooksWhole => "a broken response looks whole",
            Self::LostBytes => "bytes of the response are lost",
            Self::CutUpload => "the upload is cut",
            Self::UploadLooksWhole => "a broken upload looks whole",
            Self::Garbled => "the upload is garbled",
            Self::Twice => "sent more than once",
            Self::Unnoticed => "the client's end is not noticed",
            Self::Garbage => "garbage on a connection",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.words())
    }
}

impl Outcome {
    fn worse_request(
        &self,
        (our_got, our_received): &(Got, Received),
        (got, received): &(Got, Received),
    ) -> Vec<Reason> {
        let has_response = got.status.is_some() && got.status == our_got.status;
        // To say that a response has broken off, the connection or the stream is, and with it what
        // is still sent.
        let has_stopped = has_response
            && self.stops_when_refused
            && our_got.is_whole
            && our_got.status.is_some_and(|status| status >= 400)
            && our_got.sent < self.size;
        let is_cut = !self.response_breaks
            && !has_stopped
            && received.end == End::Whole
            && our_received.end != End::Whole;
        let looks_whole = our_received.end == End::Whole && our_got.sent < self.size;
        // Its tail is lost, and it ends cleanly.
        let is_short = |of: &Received| of.end == End::Whole && of.bytes < self.size;
        let checks = [
            (Reason::Status, got.status.is_some() && !has_response),
            (Reason::Stuck, our_got.is_stuck && !got.is_stuck),
            (
                Reason::NotReleased,
                has_response && got.has_ended && !our_got.has_ended && our_got.is_whole,
            ),
            (
                Reason::CutResponse,
                has_response && got.is_whole && !our_got.is_whole,
            ),
            // What authsome answers in place of nothing is a response of its own.
            (
                Reason::LooksWhole,
                has_response && self.response_breaks && !got.is_whole && our_got.is_whole,
            ),
            (Reason::LostBytes, has_response && our_got.bytes < got.bytes),
            (Reason::CutUpload, is_cut),
            (
                Reason::UploadLooksWhole,
                (received.end == End::Broken && looks_whole)
                    || (is_short(our_received) && !is_short(received)),
            ),
            (
                Reason::Garbled,
                our_received.is_garbled && !received.is_garbled,
            ),
            (
                Reason::Twice,
                our_received.requests > received.requests.max(1),
            ),
            (Reason::Unnoticed, received.noticed && !our_received.noticed),
        ];
        let failed = checks.into_iter().filter(|(_, is_worse)| *is_worse);
        failed.map(|(reason, _)| reason).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<String> = None;
        for (got, received) in &self.requests {
            let line = format!("{got}; server: {received}");
            if before.as_ref() != Some(&line) {
                let gap = if before.is_some() { " / " } else { "" };
                write!(formatter, "{gap}{line}")?;
            }
            before = Some(line);
        }
        match &self.garbage {
            Some(garbage) => write!(formatter, " / garbage {garbage:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Got {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(formatter, "{status}")?,
            None => formatter.write_str("no response")?,
        }
        if let Some(code) = &self.ours {
            write!(formatter, " ({code})")?;
        }
        let whole = if self.is_whole { "" } else { " broken off" };
        write!(formatter, " {}B{whole}, sent {}B", self.bytes, self.sent)?;
        if self.is_stuck {
            formatter.write_str(", stuck")?;
        } else if !self.has_ended {
            formatter.write_str(", gave up")?;
        }
        match &self.error {
            Some(error) => write!(formatter, " [{error}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = format!("{:?}", self.end).to_lowercase();
        write!(formatter, "{}x {}B {end}", self.requests, self.bytes)?;
        if self.noticed {
            formatter.write_str(" noticed")?;
        }
        if self.is_garbled {
            formatter.write_str(" garbled")?;
        }
        Ok(())
    }
}
