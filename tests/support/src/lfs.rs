//! Git LFS as GitLab serves it: the batch API, locks that nobody holds, objects beside the
//! repository or in a bucket on another host.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HOST;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::call::Call;
use crate::credential::Arrived;
use crate::git::authorise;
use crate::grants::{hex, random_hex};
use crate::response::{self, Body};

/// What the server knows of LFS.
#[derive(Debug, Default)]
pub(crate) struct Lfs {
    /// The repositories of another server, whose objects this one serves as a bucket.
    pub(crate) bucket: Option<PathBuf>,
    /// The base URL of the server that serves this one's objects; itself without one.
    pub(crate) store: Option<String>,
    /// What batch answers have handed out: good for objects alone.
    tokens: HashSet<String>,
}

/// Whether a path below a repository belongs to LFS.
pub(crate) fn owns(rest: &str) -> bool {
    rest.starts_with("info/lfs/") || rest.starts_with("gitlab-lfs/")
}

/// Serves `/group/project.git/info/lfs/…` and `/group/project.git/gitlab-lfs/…`.
pub(crate) async fn serve(
    call: &Call,
    project: &str,
    rest: &str,
    body: Incoming,
) -> Response<Body> {
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return response::text(StatusCode::PAYLOAD_TOO_LARGE, "too large for a fake\n");
    };
    let body = body.to_bytes();
    let served = match (call.method(), rest) {
        (Method::POST, "info/lfs/objects/batch") => batch(call, project, &body),
        (Method::POST, "info/lfs/locks/verify") => authorise(call, project, true)
            .map(|()| lfs_json(StatusCode::OK, &json!({"ours": [], "theirs": []}))),
        (Method::GET, "info/lfs/locks") => authorise(call, project, false)
            .map(|()| lfs_json(StatusCode::OK, &json!({"locks": []}))),
        (Method::GET, _) => download(call, project, rest),
        (Method::PUT, _) => upload(call, project, rest, &body),
        _ => Ok(missing()),
    };
    served.unwrap_or_else(|refusal| *refusal)
}

/// Which objects may be transferred, and where, as GitLab's `lfs_api_controller.rb` answers it.
fn batch(call: &Call, project: &str, body: &[u8]) -> Result<Response<Body>, Box<Response<Body>>> {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let uploads = request["operation"] == "upload";
    authorise(call, project, uploads)?;
    let authorization = call.credential.basic().map(|_| issue_token(call));
    let mut objects = request["objects"].as_array().cloned().unwrap_or_default();
    for object in &mut objects {
        let oid = object["oid"].as_str().unwrap_or_default().to_owned();
        let is_here = object_path(&call.shared.repositories, project, &oid).exists();
        match (uploads, is_here) {
            (true, true) => {}
            (true, false) => {
                let place = format!("{oid}/{}", object["size"]);
                object["actions"] = upload_action(call, project, &place, authorization.as_deref());
            }
            (false, true) => {
                object["actions"] = download_action(call, project, &oid, authorization.as_deref());
            }
            (false, false) => object["error"] = json!({"code": 404, "message": NO_OBJECT}),
        }
    }
    Ok(lfs_json(StatusCode::OK, &json!({"objects": objects})))
}

/// A credential for objects alone, as the header of an action.
fn issue_token(call: &Call) -> String {
    let token = random_hex();
    let basic = format!("Basic {}", STANDARD.encode(format!("ada:{token}")));
    call.shared.lfs().tokens.insert(token);
    basic
}

fn upload_action(call: &Call, project: &str, place: &str, authorization: Option<&str>) -> Value {
    let href = format!("{}/{project}.git/{OBJECTS}{place}", own_url(call));
    let header = json!({
        "Authorization": authorization,
        "Content-Type": "application/octet-stream",
        "Transfer-Encoding": "chunked",
    });
    json!({"upload": {"href": href, "header": header}})
}

fn download_action(call: &Call, project: &str, oid: &str, authorization: Option<&str>) -> Value {
    if let Some(store) = &call.shared.lfs().store {
        let href = format!("{store}{BUCKET}{project}/{oid}?{SIGNATURE}");
        return json!({"download": {"href": href}});
    }
    let href = format!("{}/{project}.git/{OBJECTS}{oid}", own_url(call));
    let header: Value = authorization
        .into_iter()
        .map(|basic| ("Authorization", basic))
        .collect();
    json!({"download": {"href": href, "header": header}})
}

fn download(call: &Call, project: &str, rest: &str) -> Result<Response<Body>, Box<Response<Body>>> {
    authorise_object(call, project, false)?;
    let object = rest.strip_prefix(OBJECTS).filter(|oid| is_oid(oid));
    let path = object.map(|oid| object_path(&call.shared.repositories, project, oid));
    Ok(path.map_or_else(missing, |path| send(&path)))
}

fn upload(
    call: &Call,
    project: &str,
    rest: &str,
    body: &[u8],
) -> Result<Response<Body>, Box<Response<Body>>> {
    authorise_object(call, project, true)?;
    let named = rest
        .strip_prefix(OBJECTS)
        .and_then(|name| name.split_once('/'));
    let Some((oid, size)) = named.filter(|(oid, _)| is_oid(oid)) else {
        return Ok(missing());
    };
    if size.parse() != Ok(body.len()) {
        return Ok(unlike());
    }
    Ok(keep(call, project, oid, body))
}

/// Stores an object that has the name of its content.
pub(crate) fn keep(call: &Call, project: &str, oid: &str, body: &[u8]) -> Response<Body> {
    if hex(digest(&SHA256, body).as_ref()) != oid {
        return unlike();
    }
    let path = object_path(&call.shared.repositories, project, oid);
    store(&path, body).expect("the server's own directory takes files");
    response::text(StatusCode::OK, "")
}

fn unlike() -> Response<Body> {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    response::text(status, "not the object of that name\n")
}

/// Serves what another server keeps here: as S3 does it, for a signature in the query and nothing
/// beside it.
pub(crate) fn serve_bucket(call: &Call) -> Option<Response<Body>> {
    let (project, oid) = call.path.strip_prefix(BUCKET)?.rsplit_once('/')?;
    let repositories = call.shared.lfs().bucket.clone()?;
    if call.credential != Arrived::None {
        let words = "Only one auth mechanism allowed\n";
        return Some(response::text(StatusCode::BAD_REQUEST, words));
    }
    if call.query() != SIGNATURE {
        let words = "SignatureDoesNotMatch\n";
        return Some(response::text(StatusCode::FORBIDDEN, words));
    }
    Some(send(&object_path(&repositories, project, oid)))
}

/// On the paths of objects a batch response's token will do.
fn authorise_object(call: &Call, project: &str, push: bool) -> Result<(), Box<Response<Body>>> {
    let password = call.credential.basic().map(|(_, password)| password);
    if password.is_some_and(|password| call.shared.lfs().tokens.contains(password)) {
        return Ok(());
    }
    authorise(call, project, push)
}

/// The server as the client names it.
fn own_url(call: &Call) -> String {
    let host = call
        .parts
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let authority = call.parts.uri.authority().map(http::uri::Authority::as_str);
    let authority = authority.or(host).unwrap_or("localhost");
    format!("https://{authority}{}", call.shared.settings.root)
}

pub(crate) fn object_path(repositories: &Path, project: &str, oid: &str) -> PathBuf {
    repositories
        .join(format!("{project}.git"))
        .join("lfs")
        .join(oid)
}

pub(crate) fn is_oid(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn store(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    File::create(path)?.write_all(content)
}

pub(crate) fn send(path: &Path) -> Response<Body> {
    let Ok(content) = fs::read(path) else {
        return missing();
    };
    let body = Body::full(Bytes::from(content));
    response::with_body(StatusCode::OK, "application/octet-stream", body)
}

pub(crate) fn missing() -> Response<Body> {
    lfs_json(StatusCode::NOT_FOUND, &json!({"message": "Not found."}))
}

pub(crate) fn lfs_json(status: StatusCode, value: &Value) -> Response<Body> {
    let body = Body::full(value.to_string());
    response::with_body(status, "application/vnd.git-lfs+json", body)
}

/// What GitLab says of an object that it does not have.
const NO_OBJECT: &str =
    "Object does not exist on the server or you don't have permissions to access it";
/// Where objects lie below a repository.
const OBJECTS: &str = "gitlab-lfs/objects/";
/// Where a server has the objects of another.
const BUCKET: &str = "/bucket/";
/// What a bucket takes for a signature: kept letter by letter, encoding included, or it is none.
const SIGNATURE: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20260101%2Feu%2Fs3%2Faws4_request\
    &X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=5ca1ab1e";
/// Beyond any object of a test.
const BODY_LIMIT: usize = 64 * 1024 * 1024;
