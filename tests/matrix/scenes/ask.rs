//! Clients of scenes.

use std::io;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use crate::client::curl;
use crate::server::Place;
use crate::way::Way;

/// A response, as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// authsome's own code, where it answers itself.
    pub(super) ours: Option<String>,
    pub(super) body: Vec<u8>,
}

/// An HTTP/2 client's connection; it ends with this value.
pub(super) struct Http2 {
    pub(super) client: SendRequest<Bytes>,
    connection: JoinHandle<()>,
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Http2 {
    pub(super) async fn open(place: &Place, way: &Way) -> Result<Self, String> {
        let stream = way
            .connect(&place.host, place.port, b"h2")
            .await
            .map_err(|error| error.to_string())?;
        let (client, connection) = h2::client::handshake(stream)
            .await
            .map_err(|error| error.to_string())?;
        let connection = tokio::spawn(async move {
            let _ = connection.await; // its streams tell how it ended
        });
        Ok(Self { client, connection })
    }

    /// Makes a request and reads its response.
    pub(super) async fn ask(
        &self,
        place: &Place,
        method: Method,
        body: Bytes,
    ) -> Result<Response, String> {
        let asking = ask(self.client.clone(), place, method, body);
        match tokio::time::timeout(LIMIT, asking).await {
            Ok(response) => response.map_err(|error| error.to_string()),
            Err(_) => Err("no response in time".to_owned()),
        }
    }
}

async fn ask(
    client: SendRequest<Bytes>,
    place: &Place,
    method: Method,
    body: Bytes,
) -> Result<Response, h2::Error> {
    let mut client = client.ready().await?;
    let uri = format!("https://{}/api/scene", place.authority());
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .body(())
        .expect("valid parts");
    let (response, mut sender) = client.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        sender.send_data(body, true)?;
    }
    let response = response.await?;
    let ours = response.headers().get("authsome-error");
    let mut told = Response {
        status: response.status().as_u16(),
        ours: ours.map(|code| String::from_utf8_lossy(code.as_bytes()).into_owned()),
        body: Vec::new(),
    };
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        told.body.extend_from_slice(&data);
    }
    Ok(told)
}

/// Sends those bytes on an HTTP/1.1 connection of its own, and reads what comes until it ends.
pub(super) async fn http1(
    place: &Place,
    way: &Way,
    request: &[u8],
    half_closes: bool,
) -> Result<Vec<u8>, String> {
    let exchange = async {
        let mut stream = way.connect(&place.host, place.port, b"http/1.1").await?;
        stream.write_all(request).await?;
        stream.flush().await?;
        if half_closes {
            stream.shutdown().await?;
        }
        let mut response = Vec::new();
        match stream.read_to_end(&mut response).await {
            // Not every server says goodbye.
            Err(_) if !response.is_empty() => {}
            read => drop(read?),
        }
        Ok::<_, io::Error>(response)
    };
    match tokio::time::timeout(LIMIT, exchange).await {
        Ok(response) => response.map_err(|error| error.to_string()),
        Err(_) => Err("no end in time".to_owned()),
    }
}

/// Runs curl to that place.
pub(super) async fn curl(place: &Place, way: &Way, words: &[&str]) -> Result<Output, String> {
    let mut command = curl::to(place, way);
    command.args(["--max-time", "20"]).args(words);
    command.output().await.map_err(|error| error.to_string())
}

/// Makes so many requests at one time, on one connection.
pub(super) async fn together(
    place: &Arc<Place>,
    way: &Way,
    count: usize,
    method: &Method,
    body: &Bytes,
) -> Result<Vec<Result<Response, String>>, String> {
    let connection = Arc::new(Http2::open(place, way).await?);
    let asking = (0..count).map(|_| {
        let (connection, place) = (Arc::clone(&connection), Arc::clone(place));
        let (method, body) = (method.clone(), body.clone());
        tokio::spawn(async move { connection.ask(&place, method, body).await })
    });
    let mut responses = Vec::new();
    for task in asking.collect::<Vec<_>>() {
        responses.push(task.await.unwrap_or_else(|error| Err(error.to_string())));
    }
    Ok(responses)
}

/// What went wrong of those, each kind with its number.
pub(super) fn failures(responses: &[Result<Response, String>]) -> String {
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for response in responses {
        let kind = match response {
            Ok(response) if response.status == 200 => continue,
            Ok(response) => format!(
                "{} {}",
                response.status,
                response.ours.as_deref().unwrap_or("of the server")
            ),
            Err(error) => error.clone(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds = kinds
        .iter()
        .map(|(kind, count)| format!("{count} times {kind}"));
    kinds.collect::<Vec<_>>().join(", ")
}

/// For one request.
const LIMIT: Duration = Duration::from_secs(20);
