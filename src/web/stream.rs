//! The events of all runs of a home, as one stream of lines, for as long as somebody reads it.
//!
//! Each run that is alive is watched on its socket; runs that begin are found by a look into the
//! directory of sessions. Lines are passed on as they are, unread. A reader that is too slow makes
//! the runs' sockets fill, and is told by them how much it has missed.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{AbortHandle, JoinSet};

use super::notices::Notices;
use crate::os::home::Home;
use crate::session::control::ControlClient;
use crate::session::living;

/// How often new runs are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// How many chunks wait for a slow reader.
const MAX_CHUNKS: usize = 32;

/// Lines of JSON. Dropping it ends every watch.
pub struct Stream {
    chunks: Receiver<Bytes>,
    task: AbortHandle,
}

impl Stream {
    /// The events of the home's runs from now on; their last ones first.
    pub fn of(home: &Home, notices: Option<&Notices>) -> Self {
        let (sender, chunks) = channel(MAX_CHUNKS);
        let notices = notices.map(Notices::subscribe);
        let home = home.clone();
        let task = tokio::spawn(async move {
            match notices {
                None => watch_all(&home, &sender).await,
                Some(notices) => tokio::select! {
                    () = watch_all(&home, &sender) => {}
                    () = pass_on(notices, &sender) => {}
                },
            }
        });
        Self {
            chunks,
            task: task.abort_handle(),
        }
    }

    /// The next lines, whole ones.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.chunks.recv().await
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.poll_recv(context);
        chunk.map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Passes on what the page's program tells.
async fn pass_on(mut notices: broadcast::Receiver<Bytes>, sender: &Sender<Bytes>) {
    loop {
        let line = match notices.recv().await {
            Ok(line) => line,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if sender.send(line).await.is_err() {
            return;
        }
    }
}

async fn watch_all(home: &Home, sender: &Sender<Bytes>) {
    let known = Arc::<Mutex<HashSet<String>>>::default();
    let mut watches = JoinSet::new();
    loop {
        for id in living(home) {
            if lock(&known).insert(id.clone()) {
                let one = One {
                    home: home.clone(),
                    id,
                    sender: sender.clone(),
                    known: Arc::clone(&known),
                };
                watches.spawn(one.follow());
            }
        }
        while watches.try_join_next().is_some() {}
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = sender.closed() => return,
        }
    }
}

/// The watch of one run.
struct One {
    home: Home,
    id: String,
    sender: Sender<Bytes>,
    known: Arc<Mutex<HashSet<String>>>,
}

impl One {
    async fn follow(self) {
        let why = watch(&self.home, &self.id, &self.sender).await;
        let ended = json!({ "event": "unwatched", "run": self.id, "reason": why });
        let _ = self.sender.send(line(&ended)).await;
        if why.is_some() {
            tokio::time::sleep(LOOK).await; // it may respond next time
            lock(&self.known).remove(&self.id);
        }
    }
}

/// Passes on what a run tells, to its end. Returns why it could not be watched.
async fn watch(home: &Home, id: &str, sender: &Sender<Bytes>) -> Option<String> {
    let request = json!({ "do": "watch" });
    let mut client = match ControlClient::ask(home, id, &request).await {
        Ok(client) => client,
        Err(error) => return Some(crate::text::with_causes(&error)),
    };
    // The first line is a state, or a refusal.
    match client.next().await {
        Ok(Some(state)) => drop(sender.send(line(&state)).await),
        Ok(None) => return None,
        Err(error) => return Some(crate::text::with_causes(&error)),
    }
    while let Ok(Some(lines)) = client.next_lines().await {
        if sender.send(lines).await.is_err() {
            return None;
        }
    }
    None
}

fn line(value: &Value) -> Bytes {
    let text = format!("{value}\n");
    crate::text::json(&text).into_owned().into()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
