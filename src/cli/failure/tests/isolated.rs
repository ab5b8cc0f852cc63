//! How the terminal shows why a command is not isolated.

use super::*;
use crate::isolate::{IsolateError, Step};
use crate::session::IsolatedSpawnError;

#[test]
fn of_an_isolated_command() {
    let forbidden = |step, errno| {
        IsolatedSpawnError::Isolate(IsolateError::Forbidden {
            step,
            source: io::Error::from_raw_os_error(errno),
        })
    };
    let errors = [
        ("a forbidden step", forbidden(Step::Filter, 38)),
        (
            "IsolateError::NoWord",
            IsolatedSpawnError::Isolate(IsolateError::NoWord),
        ),
        (
            "IsolateError::OtherSystem",
            IsolatedSpawnError::Isolate(IsolateError::OtherSystem),
        ),
        (
            "IsolateError::Unheard",
            IsolatedSpawnError::Isolate(IsolateError::Unheard(os(io::ErrorKind::InvalidData))),
        ),
        (
            "IsolatedSpawnError::Publish",
            IsolatedSpawnError::Publish {
                port: 3000,
                source: os(io::ErrorKind::AddrInUse),
            },
        ),
        (
            "IsolatedSpawnError::Serve",
            IsolatedSpawnError::Serve(os(io::ErrorKind::Other)),
        ),
    ];
    assert_words!("errors", "isolated", shown(errors));
}
