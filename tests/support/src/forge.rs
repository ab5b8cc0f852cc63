//! A forge other than GitLab: one repository at the path that it has there, its LFS, and an API
//! that says whose a credential is. Each takes exactly one credential, in one form.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::call::Call;
use crate::credential::Arrived;
use crate::response::{self, Body};
use crate::server::Builder;
use crate::{git, lfs};

/// The name by which its repository is added: `FakeGitLab::add_repo(FORGE_PROJECT, …)`.
pub const FORGE_PROJECT: &str = "forge";

/// What a server plays in place of GitLab.
#[derive(Clone, Debug)]
pub struct Forge {
    /// The host that serves the repository.
    pub host: &'static str,
    /// The repository's path there, with or without `.git` behind it.
    pub repository: &'static str,
    /// What git and LFS have to arrive with.
    pub git: Arrived,
    /// What every other request has to arrive with.
    pub api: Arrived,
    /// The JSON that a `GET` of the API is answered with.
    pub account: &'static str,
    /// Where objects of LFS are.
    pub objects: Objects,
}

/// Where a forge keeps objects of LFS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objects {
    /// At that host, which takes a ticket of the batch response and no other credential.
    At(&'static str),
    /// Below that path of the forge.
    Below(&'static str),
    /// The same, and the batch response repeats the credential for the transfer.
    BelowRepeating(&'static str),
    /// It has no LFS.
    None,
}

impl Builder {
    /// Plays that forge, under these names.
    pub fn forge(mut self, forge: Forge, names: &[&str]) -> Self {
        self.names = names.iter().map(|&name| name.to_owned()).collect();
        self.settings.forge = Some(forge);
        self
    }
}

/// Serves every request of that forge.
pub(crate) async fn serve(forge: &Forge, call: &Call, body: Incoming) -> Response<Body> {
    let host = host_of(call);
    if let Objects::At(store) = forge.objects
        && host == store
    {
        return elsewhere(call, body).await;
    }
    let rest = forge.below(&call.path).filter(|_| host == forge.host);
    let object = forge.object(&call.path).filter(|_| host == forge.host);
    if rest.is_none() && object.is_none() {
        call.shared.discard(body);
        return api(forge, call);
    }
    if call.credential != forge.git {
        call.shared.discard(body);
        call.shared.counters.rejected_basic.add();
        let mut denied = response::text(StatusCode::UNAUTHORIZED, "Authentication failed\n");
        response::set(&mut denied, WWW_AUTHENTICATE, r#"Basic realm="forge""#);
        return denied;
    }
    match (rest, object) {
        (_, Some(oid)) => transfer(call, &oid, body).await,
        (Some(rest), None) if rest.starts_with("info/lfs/") => {
            batch(forge, call, &rest, body).await
        }
        (rest, None) => git::run(call, FORGE_PROJECT, &rest.unwrap_or_default(), body).await,
    }
}

impl Forge {
    /// What is behind the repository's path.
    fn below(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.repository)?;
        let rest = rest.strip_prefix(".git").unwrap_or(rest);
        Some(rest.strip_prefix('/')?.to_owned())
    }

    /// The object at that path.
    fn object(&self, path: &str) -> Option<String> {
        let (Objects::Below(place) | Objects::BelowRepeating(place)) = self.objects else {
            return None;
        };
        let oid = path.strip_prefix(place)?.strip_prefix('/')?;
        lfs::is_oid(oid).then(|| oid.to_owned())
    }
}

fn api(forge: &Forge, call: &Call) -> Response<Body> {
    if call.credential != forge.api {
        return response::bare_unauthorized();
    }
    if call.method() == Method::GET {
        let account = Body::full(forge.account);
        return response::with_body(StatusCode::OK, "application/json", account);
    }
    // A new credential, so that a guard that is missing shows in a test.
    response::json(StatusCode::CREATED, &json!({"token": "minted"}))
}

/// `POST …/info/lfs/objects/batch`, and locks that nobody holds.
async fn batch(forge: &Forge, call: &Call, rest: &str, body: Incoming) -> Response<Body> {
    let request: Value = serde_json::from_slice(&read(body).await).unwrap_or_default();
    match (call.method(), rest) {
        (Method::POST, "info/lfs/objects/batch") if forge.objects != Objects::None => {}
        (Method::POST, "info/lfs/locks/verify") => {
            return lfs::lfs_json(StatusCode::OK, &json!({"ours": [], "theirs": []}));
        }
        _ => return lfs::missing(),
    }
    let (place, header) = match forge.objects {
        Objects::At(host) => (format!("https://{host}"), json!({"Authorization": TICKET})),
        Objects::BelowRepeating(path) => {
            let credential = call.header(AUTHORIZATION).unwrap_or_default();
            let header = json!({"Authorization": credential});
            (format!("https://{}{path}", forge.host), header)
        }
        Objects::Below(path) => {
            let header = json!({"Accept": "application/vnd.git-lfs"});
            (format!("https://{}{path}", forge.host), header)
        }
        Objects::None => return lfs::missing(),
    };
    let direction = match request["operation"].as_str() {
        Some("upload") => "upload",
        _ => "download",
    };
    let mut objects = request["objects"].as_array().cloned().unwrap_or_default();
    for object in &mut objects {
        let oid = object["oid"].as_str().unwrap_or_default();
        let action = json!({"href": format!("{place}/{oid}"), "header": header});
        object["actions"] = json!({ direction: action });
    }
    lfs::lfs_json(
        StatusCode::OK,
        &json!({"transfer": "basic", "objects": objects}),
    )
}

/// An object at the host of another service: whoever brings more than the ticket is turned away.
async fn elsewhere(call: &Call, body: Incoming) -> Response<Body> {
    let ticket = Arrived::Header {
        name: "authorization".to_owned(),
        token: TICKET.to_owned(),
    };
    if call.credential != ticket {
        call.shared.discard(body);
        return response::text(StatusCode::FORBIDDEN, "only the ticket is taken here\n");
    }
    let oid = call.path.trim_start_matches('/').to_owned();
    transfer(call, &oid, body).await
}

async fn transfer(call: &Call, oid: &str, body: Incoming) -> Response<Body> {
    let content = read(body).await;
    if call.method() == Method::PUT {
        return lfs::keep(call, FORGE_PROJECT, oid, &content);
    }
    lfs::send(&lfs::object_path(
        &call.shared.repositories,
        FORGE_PROJECT,
        oid,
    ))
}

async fn read(body: Incoming) -> Bytes {
    let body = Limited::new(body, BODY_LIMIT).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .unwrap_or_default()
}

/// The name by which the client called the server, without the port.
fn host_of(call: &Call) -> String {
    let authority = call.parts.uri.authority().map(http::uri::Authority::as_str);
    let named = authority.or_else(|| call.header(HOST)).unwrap_or_default();
    named.split(':').next().unwrap_or_default().to_owned()
}

/// What the store of objects takes.
const TICKET: &str = "RemoteAuth ticket";
/// Beyond any object of a test.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
