//! What comes of abusers' attempts.

use std::cell::Cell;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::{self, Attempts};

/// The head of a response that an abuser reads, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Broken,
    Refused,
    Served,
}

/// Counts, and says when all stands that is to stand.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) attempts: Cell<Attempts>,
    stands: Cell<bool>,
}

impl Tally {
    pub(super) fn attempt(&self) {
        let mut attempts = self.attempts.get();
        attempts.made += 1;
        self.attempts.set(attempts);
    }

    pub(super) fn count(&self, outcome: Outcome) {
        let mut attempts = self.attempts.get();
        match outcome {
            Outcome::Broken => attempts.broken += 1,
            Outcome::Refused => attempts.refused += 1,
            Outcome::Served => attempts.served += 1,
        }
        self.attempts.set(attempts);
    }

    /// Tells the generator that the abuse has begun.
    pub(super) fn stands(&self) {
        if !self.stands.replace(true) {
            // One that nobody listens to any more ends soon.
            let _ = wire::send(&mut io::stdout(), &std::process::id());
        }
    }
}

/// Reads up to the end of a response's head.
pub(super) async fn response(stream: &mut (impl AsyncRead + Unpin)) -> Outcome {
    let mut head = Vec::with_capacity(1024);
    while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        match stream.read_buf(&mut head).await {
            Ok(count) if count > 0 && head.len() < MAX_HEAD => {}
            _ => return Outcome::Broken,
        }
    }
    if head.get(9..12) == Some(b"200") {
        Outcome::Served
    } else {
        Outcome::Refused
    }
}
