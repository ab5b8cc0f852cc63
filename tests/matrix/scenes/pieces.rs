//! A refusal whose body comes in pieces, while the upload is under way.
//!
//! Told of it, curl 7.88 marks the end of its upload before the length that it has said, for which
//! a server may reset the stream (RFC 9113 §8.1.1): directly at this one, which does, the second
//! piece is lost.

use std::sync::Arc;

use super::Told;
use crate::Bench;
use crate::cell::{Cell, ClientKind, Framing, ServerKind, Story, Then, Upload, When};
use crate::server::RESPONSE;

pub(super) async fn refused(bench: Arc<Bench>) -> Told {
    for when in [When::Before, When::Amid] {
        for framing in [Framing::Length, Framing::Chunked] {
            for upload in [Upload::Expect, Upload::Large] {
                let cell = Cell {
                    client: ClientKind::Curl2,
                    server: ServerKind::H2,
                    upload,
                    story: Story::Answers(when, framing, Then::Unread),
                    in_pieces: true,
                };
                let outcome = bench.once(cell, &bench.session.proxied).await;
                let is_whole = outcome.requests.iter().all(|(got, _)| {
                    got.is_whole && got.status == Some(413) && got.bytes == RESPONSE.len() as u64
                });
                if !is_whole {
                    return Err(format!("{cell}: {outcome}"));
                }
            }
        }
    }
    Ok("whole each time".to_owned())
}
