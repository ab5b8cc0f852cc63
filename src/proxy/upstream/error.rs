//! The refusals for exchanges that failed upstream.

use std::time::Duration;

use crate::authority::Authority;
use crate::net::dial::{ConnectError, innermost};
use crate::net::tls::TlsTrouble;
use crate::proxy::body::replay::{Broken, UploadProgress};
use crate::proxy::http1;
use crate::proxy::http2;
use crate::proxy::refusal::Refusal;

/// For a connection that could not be established.
pub(super) fn unconnected(authority: &Authority, error: &ConnectError) -> Refusal {
    let host = authority.to_string();
    match error {
        ConnectError::Timeout { after, through } => Refusal::ConnectTimeout {
            host: match through {
                Some(proxy) => format!("{host} through {proxy}"),
                None => host,
            },
            seconds: after.as_secs(),
        },
        ConnectError::Refused { address, kind } => Refusal::Address {
            host,
            address: *address,
            kind: *kind,
        },
        ConnectError::Starved(shortage) => Refusal::Starved {
            host,
            shortage: *shortage,
        },
        ConnectError::Tls(trouble) => of_tls(authority, trouble.clone()),
        ConnectError::Unreachable(reason) => Refusal::UpstreamUnreachable {
            host,
            reason: reason.clone(),
        },
    }
}

/// For TLS that failed. Only the sender of the request knows its owner, so [`Refusal::of`] sets
/// `connection` later.
pub(super) fn of_tls(authority: &Authority, trouble: TlsTrouble) -> Refusal {
    Refusal::UpstreamTls {
        host: authority.to_string(),
        trouble,
        connection: None,
    }
}

/// For an exchange over HTTP/1.1 that failed; `wait` is how long the response was waited for.
pub(super) fn by_http1(
    authority: &Authority,
    progress: &UploadProgress,
    fault: &http1::Fault,
    wait: Duration,
) -> Refusal {
    if let http1::Fault::Closed(Some(error)) = fault
        && let Some(trouble) = TlsTrouble::of_client_certificate(error)
    {
        return of_tls(authority, trouble);
    }
    if let Some(refusal) = of_upload(progress) {
        return refusal;
    }
    match fault {
        http1::Fault::Body(error) => of_body(error),
        http1::Fault::Closed(_) => Refusal::UpstreamUnreachable {
            host: authority.to_string(),
            reason: innermost(fault),
        },
        http1::Fault::Malformed(reason) => Refusal::UpstreamMalformed {
            host: authority.to_string(),
            reason: (*reason).to_owned(),
        },
        http1::Fault::Timeout => late(authority, wait),
    }
}

/// For an exchange over HTTP/2 that failed; `wait` is how long the response was waited for.
pub(super) fn by_http2(
    authority: &Authority,
    progress: &UploadProgress,
    fault: &http2::Fault,
    wait: Duration,
) -> Refusal {
    if let Some(refusal) = of_upload(progress) {
        return refusal;
    }
    let host = authority.to_string();
    match fault {
        http2::Fault::Body(error) => of_body(error),
        http2::Fault::Closed(_) | http2::Fault::Unprocessed(_) => Refusal::UpstreamUnreachable {
            host,
            reason: innermost(fault),
        },
        http2::Fault::Endless | http2::Fault::Reset(_) => Refusal::UpstreamMalformed {
            host,
            reason: innermost(fault),
        },
        http2::Fault::Timeout => late(authority, wait),
    }
}

/// For a request that was broken off for what its body holds, or for its size.
pub(in crate::proxy) fn of_upload(progress: &UploadProgress) -> Option<Refusal> {
    Some(match progress.broken()? {
        Broken::Field(why) => why.clone().into(),
        Broken::Placeholder => Refusal::Placeholder("the body"),
        Broken::Spent(over) => over.clone().into(),
    })
}

fn late(authority: &Authority, wait: Duration) -> Refusal {
    Refusal::UpstreamTimeout {
        host: authority.to_string(),
        seconds: wait.as_secs(),
    }
}

/// For a request's body that did not come to its end: its framing is wrong, or its client has left.
fn of_body(error: &std::io::Error) -> Refusal {
    if error.kind() == std::io::ErrorKind::InvalidData {
        Refusal::Malformed("the request's body is not framed as HTTP/1.1 requires")
    } else {
        Refusal::Abandoned
    }
}
