//! Refusals on the proxy's own port, by hyper, which closes a connection with a body that nobody
//! reads.

use http::{Request, Response};
use hyper::body::Incoming;

use crate::proxy::body::client::ClientBody;
use crate::proxy::body::drain::drain_beside;
use crate::proxy::exchange::respond;
use crate::proxy::exchange::response_body::ResponseBody;
use crate::proxy::refusal::Refusal;
use crate::proxy::rewrite::hop_by_hop::HeaderFlags;

/// The response to a request that is not served. What its client still sends is read beside it: a
/// reset would take the response with it.
pub(super) fn refuse(refusal: &Refusal, request: Request<Incoming>) -> Response<ResponseBody> {
    let expects = HeaderFlags::of(request.headers()).expect;
    drain_beside(ClientBody::Hyper(request.into_body()), expects);
    respond::from_refusal(refusal)
}
