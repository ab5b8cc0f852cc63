//! An abuser: clients that no proxy wants, in a process of their own.

mod bombs;
mod churn;
mod frames;
mod resets;
mod slow;
mod tally;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::sleep;

use self::tally::Tally;
use super::dial::Dialer;
use crate::failure::Failure;
use crate::process::Place;
use crate::wire::{self, AbuseKind, AbuseSetup};

/// It ends after that, whatever it is told.
const LONGEST: Duration = Duration::from_mins(5);

/// An abuser's work.
type Abusing = Pin<Box<dyn Future<Output = ()>>>;

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
