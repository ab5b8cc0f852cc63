//! Whether the comparison notices anything: one that does not would pass everything.

use super::{End, Got, Outcome, Reason, Received};

/// What the comparison must notice, each beside the outcome that it is compared with.
pub(crate) fn check() -> Result<(), String> {
    let good = good();
    let broken = changed(|got, received| {
        got.is_whole = false;
        received.end = End::Broken;
    });
    let breaks = Outcome {
        response_breaks: true,
        ..good.clone()
    };
    let garbage = Outcome {
        garbage: Some(String::new()),
        ..good.clone()
    };
    let cases = [
        (
            &good,
            changed(|got, _| got.status = Some(502)),
            Reason::Status,
        ),
        (&good, changed(|got, _| got.is_stuck = true), Reason::Stuck),
        (
            &good,
            changed(|got, _| got.has_ended = false),
            Reason::NotReleased,
        ),
        (
            &good,
            changed(|got, _| got.is_whole = false),
            Reason::CutResponse,
        ),
        (&broken, breaks, Reason::LooksWhole),
        (&good, changed(|got, _| got.bytes = 8), Reason::LostBytes),
        (
            &good,
            changed(|_, received| received.end = End::Open),
            Reason::CutUpload,
        ),
        (
            &broken,
            changed(|got, _| got.sent = 8),
            Reason::UploadLooksWhole,
        ),
        (
            &good,
            changed(|_, received| received.bytes = 8),
            Reason::UploadLooksWhole,
        ),
        (
            &good,
            changed(|_, received| received.is_garbled = true),
            Reason::Garbled,
        ),
        (
            &good,
            changed(|_, received| received.requests = 2),
            Reason::Twice,
        ),
        (
            &good,
            changed(|_, received| received.noticed = false),
            Reason::Unnoticed,
        ),
        (&good, garbage, Reason::Garbage),
    ];
    for (direct, ours, reason) in cases {
        if !ours.is_worse_than(direct).contains(&reason) {
            return Err(format!("the comparison does not notice: {reason}"));
        }
    }
    if good.is_worse_than(&good).is_empty() {
        Ok(())
    } else {
        Err("the comparison finds an outcome worse than itself".to_owned())
    }
}

fn changed(change: fn(&mut Got, &mut Received)) -> Outcome {
    let mut other = good();
    for (got, received) in &mut other.requests {
        change(got, received);
    }
    other
}

/// A request that went well.
fn good() -> Outcome {
    let got = Got {
        status: Some(200),
        sent: 9,
        bytes: 9,
        is_whole: true,
        has_ended: true,
        ..Got::default()
    };
    let received = Received {
        requests: 1,
        bytes: 9,
        end: End::Whole,
        noticed: true,
        ..Received::default()
    };
    Outcome {
        requests: vec![(got, received)],
        size: 9,
        ..Outcome::default()
    }
}
