//! Compares this HTTP/1.1 with hyper's: both get the same thousands of messages, valid and invalid.
//!
//! If two recipients disagree on where a message ends, an attacker can make one of them see a
//! request that the other has not seen (request smuggling, RFC 9112 §11.2). So both must come to
//! the same verdict on each message, or the difference must be of a kind that [`known`] lists with
//! its reason. A kind that no message shows any more must be removed from the list.

mod client;
mod known;
mod message;
mod random;
mod requests;
mod responses;
mod script;
mod server;
mod words;

use std::fmt::Debug;

use self::known::Known;
use self::random::Random;

/// How many messages each comparison generates.
const MESSAGES: usize = 5000;

/// How many of the differences that are not listed are printed.
const SHOWN: usize = 8;

/// A message, and the two verdicts on it.
struct Case<V> {
    wire: Vec<u8>,
    ours: V,
    hypers: V,
}

/// Generates messages, compares the two verdicts on each, and looks up each difference in the list
/// of known ones.
fn compare<V: Debug + PartialEq>(
    generate: impl Fn(&mut Random) -> Vec<u8>,
    mut ours: impl FnMut(&[u8]) -> V,
    mut hypers: impl FnMut(&[u8]) -> V,
    accepts: impl Fn(&V) -> bool,
    known: &[Known<V>],
) {
    let mut random = Random::new();
    let mut seen = vec![0_usize; known.len()];
    let mut unknown = Vec::new();
    let mut accepted = 0;
    for _ in 0..MESSAGES {
        let wire = generate(&mut random);
        let case = Case {
            ours: ours(&wire),
            hypers: hypers(&wire),
            wire,
        };
        accepted += usize::from(accepts(&case.ours));
        if case.ours == case.hypers {
            continue;
        }
        match known.iter().position(|kind| (kind.is)(&case)) {
            Some(kind) => seen[kind] += 1,
            None => unknown.push(case),
        }
    }
    for case in unknown.iter().take(SHOWN) {
        eprintln!(
            "{}\n  ours:   {:?}\n  hyper's: {:?}\n",
            case.wire.escape_ascii(),
            case.ours,
            case.hypers
        );
    }
    for (kind, count) in known.iter().zip(&seen) {
        eprintln!("{count:5} {}: {}", kind.name, kind.reason);
    }
    assert!(
        unknown.is_empty(),
        "{} differences that are not listed",
        unknown.len()
    );
    let unseen = known.iter().zip(&seen).filter(|(_, count)| **count == 0);
    let unseen: Vec<_> = unseen.map(|(kind, _)| kind.name).collect();
    assert!(unseen.is_empty(), "listed, and in no message: {unseen:?}");
    // If all messages were valid, or none, the verdicts would agree and prove nothing.
    assert!(
        (MESSAGES / 4..MESSAGES * 9 / 10).contains(&accepted),
        "{accepted} were accepted"
    );
}

#[test]
fn requests_are_read_as_hyper_reads_them() {
    let runtime = runtime();
    compare(
        requests::generate,
        |wire| runtime.block_on(server::ours(wire)),
        |wire| runtime.block_on(server::hypers(wire)),
        server::Verdict::is_acceptance,
        known::REQUESTS,
    );
}

#[test]
fn responses_are_read_as_hyper_reads_them() {
    let runtime = runtime();
    compare(
        responses::generate,
        |wire| runtime.block_on(client::ours(wire)),
        client::hypers,
        client::Verdict::is_acceptance,
        known::RESPONSES,
    );
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}
