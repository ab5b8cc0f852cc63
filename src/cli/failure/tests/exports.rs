//! Errors of sealed exports.

use super::*;
use crate::age_file::AgeError;

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
        ("AgeError::TooMuchWork", AgeError::TooMuchWork(30)),
        (
            "AgeError::Unsealable",
            AgeError::Unsealable(os(io::ErrorKind::OutOfMemory)),
        ),
        ("AgeError::WrongKey", AgeError::WrongKey),
    ];
    assert_words!("errors", "age_file", shown(errors));
}
