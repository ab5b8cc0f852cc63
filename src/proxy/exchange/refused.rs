//! A refusal as the agent's API tells it.

use http::Method;

use super::respond;
use crate::clock::Timestamp;
use crate::credential::ConnectionId;
use crate::proxy::pending::RefusedRequest;
use crate::proxy::refusal::Refusal;

/// What is told of a refused request, or of a refused connection, which has no path. The query is
/// left out, as in the log.
pub(in crate::proxy) fn refused_request(
    refusal: &Refusal,
    connection: Option<&ConnectionId>,
    method: &Method,
    host: &str,
    path: &str,
) -> RefusedRequest {
    let (status, error, hint) = respond::told(refusal);
    RefusedRequest {
        time: Timestamp::now().to_string(),
        connection: connection.map(ToString::to_string),
        method: method.to_string(),
        host: host.to_owned(),
        path: path.to_owned(),
        status: status.as_u16(),
        error: error.to_owned(),
        rule: refusal.rule(),
        reason: refusal.to_string(),
        hint,
        is_liftable: false,
    }
}
