//! Ring 3: have a server send the credential back, in whichever dress.

use crate::attempt::{Attempt, attempt};
use crate::defence::Defence::ResponseScrubbing;

/// Whether responses are searched for secrets: as long as they are not, none of this is tried.
pub(super) const IS_IN_FORCE: bool = true;

pub(super) fn all() -> Vec<Attempt> {
    let names = [
        "echo in a field",
        "echo in a cookie",
        "echo in a redirect",
        "echo in the response to head",
        "echo in an interim response",
        "echo in a trailer",
        "echo in json",
        "echo in base64",
        "echo in base64 behind one byte",
        "echo in base64 behind two bytes",
        "echo in hexadecimal",
        "echo in html",
        "echo in gzip",
        "echo in deflate",
        "echo in brotli",
        "echo in zstd",
        "echo across chunks",
        "echo in events",
        "echo in a websocket message",
        "echo in an error",
    ];
    let made = names.into_iter().map(|name| Attempt {
        is_awaited: !IS_IN_FORCE,
        ..attempt(name, &[ResponseScrubbing], |stage| {
            stage.connect_origin();
            let said = stage.run(&[])?;
            Ok(stage.leaks(&said))
        })
    });
    made.collect()
}
