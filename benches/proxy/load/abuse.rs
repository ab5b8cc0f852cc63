//! An abuser: clients that no proxy would wish for, in a process of their own.

mod bombs;
mod churn;
mod frames;
mod resets;
mod slow;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::dial::Dialer;
use crate::Failure;
use crate::process::Place;
use crate::wire::{self, AbuseKind, AbuseSetup, Attempts};

/// It ends after that, whatever it is told.
const LONGEST: Duration = Duration::from_mins(5);

/// The head of an answer that an abuser reads, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// An abuser's work.
type Abusing = Pin<Box<dyn Future<Output = ()>>>;

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Broken,
    Refused,
    Served,
}

/// Counts, and says when all stands that is to stand.
#[derive(Default)]
struct Tally {
    attempts: Cell<Attempts>,
    stands: Cell<bool>,
}

/// The hidden subcommand: works until its stdin ends, or all is done, and tells what came of it.
pub(crate) fn run() -> Result<(), Failure> {
    Place::Ends.enter()?;
    let setup: AbuseSetup = wire::receive(&mut io::stdin().lock())?;
    let dialer = Rc::new(Dialer::new(setup.load)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (closed, parent_gone) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = closed.send(());
    });
    let tally = Rc::new(Tally::default());
    let connections = setup.abuse.connections;
    let (counts, told) = (Rc::clone(&tally), Rc::clone(&tally));
    let work: Abusing = match setup.abuse.kind {
        AbuseKind::Bombs => Box::pin(bombs::throw(dialer, counts, connections)),
        AbuseKind::Busy => Box::pin(churn::busy(dialer, counts, connections)),
        AbuseKind::Churn => Box::pin(churn::come_and_go(dialer, counts, connections)),
        AbuseKind::Resets => Box::pin(resets::reset(dialer, counts, connections)),
        AbuseKind::SlowReaders => Box::pin(slow::readers(dialer, counts, connections)),
        AbuseKind::SlowSenders => Box::pin(slow::senders(dialer, counts, connections)),
        AbuseKind::SlowStreams => Box::pin(slow::streams(dialer, counts, connections)),
    };
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async move {
        tokio::select! {
            () = work => {}
            _ = parent_gone => {}
            () = sleep(LONGEST) => {}
        }
    });
    wire::send(&mut io::stdout(), &told.attempts.get())?;
    Ok(())
}

impl Tally {
    fn attempt(&self) {
        let mut attempts = self.attempts.get();
        attempts.made += 1;
        self.attempts.set(attempts);
    }

    fn count(&self, outcome: Outcome) {
        let mut attempts = self.attempts.get();
        match outcome {
            Outcome::Broken => attempts.broken += 1,
            Outcome::Refused => attempts.refused += 1,
            Outcome::Served => attempts.served += 1,
        }
        self.attempts.set(attempts);
    }

    /// Tells the generator that the abuse has begun.
    fn stands(&self) {
        if !self.stands.replace(true) {
            // One that nobody listens to any more ends soon.
            let _ = wire::send(&mut io::stdout(), &std::process::id());
        }
    }
}

/// Reads up to the end of an answer's head.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> Outcome {
    let mut head = Vec::with_capacity(1024);
    while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        match stream.read_buf(&mut head).await {
            Ok(count) if count > 0 && head.len() < LONGEST_HEAD => {}
            _ => return Outcome::Broken,
        }
    }
    if head.get(9..12) == Some(b"200") {
        Outcome::Served
    } else {
        Outcome::Refused
    }
}
