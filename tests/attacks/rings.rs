//! The attempts, by what they are after.

mod another;
mod harm;
mod mint;
mod read;
mod scrubbed;
mod wire;

use crate::attempt::Ring;

/// All of them.
pub(crate) fn all() -> Vec<Ring> {
    vec![
        Ring {
            title: "Read a secret where it lies",
            attempts: read::all(),
        },
        Ring {
            title: "Take it on the wire, or reach what is not to be reached",
            attempts: wire::all(),
        },
        Ring {
            title: "Have it sent back",
            attempts: scrubbed::all(),
        },
        Ring {
            title: "Mint another one, or do what the policy denies",
            attempts: mint::all(),
        },
        Ring {
            title: "Use what is another's",
            attempts: another::all(),
        },
        Ring {
            title: "Harm the user",
            attempts: harm::all(),
        },
    ]
}
