//! Errors of sealed files.

use super::{Exit, Failure};
use crate::age_file::AgeError;

impl From<AgeError> for Failure {
    fn from(error: AgeError) -> Self {
        let (code, hint) = match &error {
            AgeError::NoIdentity => (
                "identity_invalid",
                "name the file that age-keygen has written: --identity-file PATH",
            ),
            AgeError::NotARecipient(_) => (
                "recipient_invalid",
                "age-keygen prints it as the public key: --recipient age1...",
            ),
            AgeError::WrongKey => (
                "wrong_key",
                "use what it was sealed with: --passphrase-file PATH, --identity-file PATH, or neither and the AUTHSOME_MASTER_KEY of the vault that it comes from",
            ),
            AgeError::Damaged(_) | AgeError::NotAge | AgeError::TooMuchWork(_) => (
                "export_invalid",
                "export it again: authsome vault export --to FILE",
            ),
            AgeError::TooLarge => (
                "export_too_large",
                "export fewer connections to a file: authsome vault export --only PROVIDER --to FILE",
            ),
            AgeError::Unsealable(_) => ("unexpected", "try again"),
        };
        let exit = match &error {
            AgeError::Unsealable(_) => Exit::Unexpected,
            _ => Exit::Usage,
        };
        let message = match &error {
            AgeError::NoIdentity => format!("the file of --identity-file cannot be used: {error}"),
            AgeError::NotARecipient(_) => format!("the recipient cannot be used: {error}"),
            AgeError::TooLarge => format!("the export is not sealed: {error}"),
            _ => format!("the sealed file cannot be used: {error}"),
        };
        Self::new(exit, code, message, hint)
    }
}
