//! Refusals on the proxy's own port. hyper serves it, and closes a connection if a request's body
//! is not read.

use http::{Request, Response};
use hyper::body::Incoming;

use crate::proxy::body::client::ClientBody;
use crate::proxy::body::drain::drain_beside;
use crate::proxy::exchange::respond;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop::HeaderFlags;

/// The response to a request that is not served. What its client still sends is read meanwhile: a
/// reset of the connection would make the client lose the response.
pub(super) fn refuse(refusal: &Refusal, request: Request<Incoming>) -> Response<ResponseBody> {
    let expects = HeaderFlags::of(request.headers()).expect;
    drain_beside(ClientBody::Hyper(request.into_body()), expects);
    respond::from_refusal(refusal)
}
