//! Smart HTTP through `git http-backend`, behind GitLab's Basic-only authentication.

use std::process::Stdio;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::call::Call;
use crate::grants::GrantState;
use crate::lfs;
use crate::repository::{Visibility, isolated_environment};
use crate::response::{self, Body};

/// The project and the rest of a git path: `group/project` and `info/refs`.
pub(crate) fn split(path: &str) -> Option<(String, String)> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let (project, rest) = decoded.trim_start_matches('/').split_once(".git/")?;
    let clean = !decoded.contains("..") && !project.is_empty();
    clean.then(|| (project.to_owned(), rest.to_owned()))
}

/// Serves `/group/project.git/…`.
pub(crate) async fn serve(
    call: &Call,
    project: &str,
    rest: &str,
    body: Incoming,
) -> Response<Body> {
    if lfs::owns(rest) {
        return lfs::serve(call, project, rest, body).await;
    }
    let push = rest == "git-receive-pack"
        || call.parameter("service").as_deref() == Some("git-receive-pack");
    if let Err(refusal) = authorise(call, project, push) {
        call.shared.discard(body);
        return *refusal;
    }
    run(call, project, rest, body).await
}

/// Serves a request that may be made.
pub(crate) async fn run(call: &Call, project: &str, rest: &str, body: Incoming) -> Response<Body> {
    match run_backend(call, project, rest, body).await {
        Ok(response) => response,
        Err(error) => {
            let words = format!("git http-backend: {error}\n");
            response::with_body(StatusCode::BAD_GATEWAY, "text/plain", Body::full(words))
        }
    }
}

/// `/group/project/info/refs` is redirected to its `.git` form.
pub(crate) fn missing_suffix(call: &Call) -> Option<Response<Body>> {
    let project = call.path.strip_suffix("/info/refs")?;
    if project.contains("/-/") || call.method() != Method::GET {
        return None;
    }
    let root = &call.shared.settings.root;
    let location = format!("{root}{project}.git/info/refs?{}", call.query());
    Some(response::redirect(StatusCode::MOVED_PERMANENTLY, &location))
}

/// Only Basic is read. A bad password is refused before the project is looked at, public or not.
pub(crate) fn authorise(call: &Call, project: &str, push: bool) -> Result<(), Box<Response<Body>>> {
    let visibility = call.shared.visibility().get(project).copied();
    let Some((_, password)) = call.credential.basic() else {
        let readable = visibility == Some(Visibility::Public) && !push;
        return if readable {
            Ok(())
        } else {
            Err(Box::new(denied()))
        };
    };
    let may_push = match call.shared.grants().standing(password) {
        GrantState::Live(row) if row.has_any_scope(PUSH_SCOPES) => Some(true),
        GrantState::Live(row) if row.has_any_scope(FETCH_SCOPES) => Some(false),
        GrantState::Live(_) => None,
        _ if call.shared.personal_tokens().contains(password) => Some(true),
        _ => {
            call.shared.counters.rejected_basic.add();
            return Err(Box::new(denied()));
        }
    };
    match (visibility, may_push) {
        (None, _) => Err(Box::new(response::text(StatusCode::NOT_FOUND, NOT_FOUND))),
        (Some(Visibility::Public), _) if !push => Ok(()),
        (Some(_), Some(may_push)) if may_push || !push => Ok(()),
        (Some(_), _) => Err(Box::new(response::text(StatusCode::FORBIDDEN, NO_ACCESS))),
    }
}

fn denied() -> Response<Body> {
    let mut response = response::text(StatusCode::UNAUTHORIZED, DENIED);
    response::set(&mut response, WWW_AUTHENTICATE, r#"Basic realm="GitLab""#);
    response
}

/// Runs the CGI: the request streams in and the response streams out, each at the peer's pace.
async fn run_backend(
    call: &Call,
    project: &str,
    rest: &str,
    body: Incoming,
) -> std::io::Result<Response<Body>> {
    let mut child = command(call, project, rest).spawn()?;
    let stdin = child.stdin.take().expect("stdin was piped");
    let stdout = child.stdout.take().expect("stdout was piped");
    if rest == "git-receive-pack" {
        // git writes its head before it reads. GitLab answers when it has read all, and nginx sends
        // no more to who has answered.
        feed(stdin, body).await;
    } else {
        call.shared.spawn(feed(stdin, body));
    }
    let mut stdout = BufReader::with_capacity(BLOCK, stdout);
    let mut response = read_head(&mut stdout).await?;
    let (sender, body) = Body::channel();
    call.shared.spawn(drain(child, stdout, sender));
    *response.body_mut() = body;
    Ok(response)
}

fn command(call: &Call, project: &str, rest: &str) -> Command {
    let root = &call.shared.repositories;
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_clear()
        .envs(isolated_environment(root))
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{project}.git/{rest}"))
        .env("QUERY_STRING", call.query())
        .env("REQUEST_METHOD", call.parts.method.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if !call.credential.each().is_empty() {
        command.env("REMOTE_USER", "ada");
    }
    let passed_on = [
        (CONTENT_TYPE, "CONTENT_TYPE"),
        (CONTENT_LENGTH, "CONTENT_LENGTH"),
        (CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
        (HeaderName::from_static("git-protocol"), "GIT_PROTOCOL"),
    ];
    for (name, variable) in passed_on {
        let value = call.parts.headers.get(name);
        if let Some(value) = value.and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
    command
}

/// Writes the request's body into the CGI; its end, or the peer's, closes the pipe.
async fn feed(mut stdin: ChildStdin, mut body: Incoming) {
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if stdin.write_all(&data).await.is_err() {
            return;
        }
    }
}

/// Sends what the CGI writes; where the peer has gone, dropping the child kills it.
async fn drain(
    mut child: Child,
    mut stdout: BufReader<ChildStdout>,
    mut sender: http_body_util::channel::Sender<Bytes, Box<dyn std::error::Error + Send + Sync>>,
) {
    loop {
        let mut block = bytes::BytesMut::with_capacity(BLOCK);
        match stdout.read_buf(&mut block).await {
            Ok(0) => break,
            Ok(_) if sender.send_data(block.freeze()).await.is_ok() => {}
            Ok(_) | Err(_) => return,
        }
    }
    // Reaps the child; a pack was sent whole whatever the status says.
    let _ = child.wait().await;
}

/// Reads the CGI's header block (RFC 3875 §6).
async fn read_head(stdout: &mut BufReader<ChildStdout>) -> std::io::Result<Response<Body>> {
    let mut response = Response::new(Body::full(Bytes::new()));
    let mut line = String::new();
    loop {
        line.clear();
        if stdout.read_line(&mut line).await? == 0 {
            return Err(std::io::Error::other("no header block"));
        }
        let header = line.trim_end();
        if header.is_empty() {
            return Ok(response);
        }
        let Some((name, value)) = header.split_once(':') else {
            continue;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *response.status_mut() = code.unwrap_or(StatusCode::BAD_GATEWAY);
        } else if let (Ok(name), Ok(value)) =
            (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
        {
            response.headers_mut().append(name, value);
        }
    }
}

/// What GitLab answers where authentication failed.
const DENIED: &str = "HTTP Basic: Access denied. If a password was provided for Git \
    authentication, the password was incorrect or you're required to use a token instead of a \
    password.\n";
const NO_ACCESS: &str = "You are not allowed to access this project with this token.\n";
const NOT_FOUND: &str = "The project you were looking for could not be found or you don't have \
    permission to view it.\n";
/// The scopes that may push, and so fetch.
const PUSH_SCOPES: &[&str] = &["api", "write_repository"];
/// The scopes that may only fetch.
const FETCH_SCOPES: &[&str] = &["read_api", "read_repository"];
/// What is read of the CGI at a time.
const BLOCK: usize = 64 * 1024;
