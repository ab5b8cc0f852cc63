//! What takes more than one request: connections that end, streams that are refused, responses that
//! are odd. Each scene says by itself what is right, or compares with the same client directly.

use std::sync::Arc;

use crate::Bench;
use crate::server::{Script, ServerStream, Serving};

mod again;
mod ask;
mod frames;
mod odd;
mod pieces;
mod twice;
mod window;

/// Its name, and what does it.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Arc<Bench>) -> Playing,
}

/// What a scene comes to: words for the line, or what is wrong.
pub(crate) type Told = Result<String, String>;

/// A scene that runs.
pub(crate) type Playing = std::pin::Pin<Box<dyn Future<Output = Told> + Send>>;

macro_rules! scenes {
    ($($name:literal: $run:path,)*) => {
        &[$(Scene { name: $name, run: |bench| Box::pin($run(bench)) },)*]
    };
}

/// All of them.
pub(crate) const SCENES: &[Scene] = scenes! {
    "again: 60 streams, GOAWAY before any, get": again::goaway_at_once_get,
    "again: 60 streams, GOAWAY before any, post": again::goaway_at_once_post,
    "again: 200 streams, GOAWAY after every 20, get": again::goaway_often_get,
    "again: 200 streams, GOAWAY after every 20, post": again::goaway_often_post,
    "again: REFUSED_STREAM, get": again::refused_get,
    "again: REFUSED_STREAM, post": again::refused_post,
    "again: idle http/1.1 connections end, http/1.1 posts": again::idle_ends_h1_to_h1,
    "again: idle http/1.1 connections end, http/2 posts": again::idle_ends_h2_to_h1,
    "again: idle http/2 connections end, http/2 posts": again::idle_ends_h2_to_h2,
    "again: 200 first requests at once": again::first_requests,
    "window: an upload after refused ones, at http/1.1": window::behind_refused_h1,
    "window: an upload after refused ones, at http/2": window::behind_refused_h2,
    "pieces: curl is refused amid its upload by http/2": pieces::refused,
    "twice: a response that breaks off on a reused connection": twice::posts_once,
    "odd: responses": odd::responses,
    "odd: interim responses": odd::interim,
    "odd: responses that are wrong": odd::wrong_responses,
    "odd: requests": odd::requests,
    "odd: a client that half-closes": odd::half_closes,
};

/// A script of one function.
fn script<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(ServerStream) -> F + Send + Sync + 'static,
) -> Script {
    Arc::new(move |stream| -> Serving { Box::pin(serve(stream)) })
}
