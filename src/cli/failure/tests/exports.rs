//! Errors of sealed exports, and of handing a pair back.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::*;
use crate::age_file::AgeError;
use crate::hand_back::HandBackError;

#[test]
fn of_a_sealed_export() {
    let errors = [
        (
            "AgeError::Damaged",
            AgeError::Damaged("unexpected end of file".to_owned()),
        ),
        ("AgeError::NoIdentity", AgeError::NoIdentity),
        ("AgeError::NotAge", AgeError::NotAge),
        (
            "AgeError::NotARecipient",
            AgeError::NotARecipient("invalid Bech32 encoding"),
        ),
        ("AgeError::TooLarge", AgeError::TooLarge),
        ("AgeError::TooMuchWork", AgeError::TooMuchWork(30)),
        (
            "AgeError::Unsealable",
            AgeError::Unsealable(os(io::ErrorKind::OutOfMemory)),
        ),
        ("AgeError::WrongKey", AgeError::WrongKey),
    ];
    assert_words!("errors", "age_file", shown(errors));
}

#[test]
fn of_a_pair_that_is_not_handed_back() {
    let file = || "/cache/authsome.age".to_owned();
    let variable = || "the variable AUTHSOME_EXPORT of group/app".to_owned();
    let errors = [
        ("Contended", HandBackError::Contended(variable())),
        (
            "Command",
            HandBackError::Command(ExitStatus::from_raw(3 << 8)),
        ),
        (
            "CommandTimeout",
            HandBackError::CommandTimeout(Duration::from_secs(30)),
        ),
        (
            "File",
            HandBackError::File(HomeError::NotADirectory("/cache".into())),
        ),
        ("Forked", HandBackError::Forked(file())),
        ("GivenUp", HandBackError::GivenUp),
        (
            "Http",
            HandBackError::Http(OAuthError::Timeout {
                host: host(),
                sent: true,
            }),
        ),
        (
            "Locked",
            HandBackError::Locked {
                path: "/cache/authsome.age.lock".into(),
                waited: Duration::from_secs(30),
            },
        ),
        ("NoVariable", HandBackError::NoVariable(variable())),
        ("NoVariables", HandBackError::NoVariables(id())),
        (
            "NotOurs",
            HandBackError::NotOurs {
                place: file(),
                reason: AgeError::WrongKey.to_string(),
            },
        ),
        (
            "NoResponse",
            HandBackError::NoResponse {
                place: file(),
                waited: Duration::from_secs(30),
            },
        ),
        ("NotYetStored", HandBackError::NotYetStored),
        ("OtherLogin", HandBackError::OtherLogin(file())),
        (
            "Refused",
            HandBackError::Refused {
                place: variable(),
                status: 409,
                reason: "",
            },
        ),
        ("Sealing", HandBackError::Sealing(AgeError::NotAge)),
        ("Start", HandBackError::Start(os(io::ErrorKind::WouldBlock))),
        ("Store", HandBackError::Store(StoreError::Conflict)),
        (
            "TooLong",
            HandBackError::TooLong {
                length: 12_000,
                limit: 10_000,
            },
        ),
    ];
    let words = errors.iter();
    let words = words.map(|(name, error)| format!("HandBackError::{name}\n{error}\n\n"));
    assert_words!("errors", "hand_back", words.collect::<String>());
}
