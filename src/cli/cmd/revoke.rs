//! `authsome revoke`: revokes the grant at the provider, then removes it here in any case.

mod all;
mod one;

use self::one::revoke;
use crate::cli::args::{Named, Revoke};
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};

pub(in crate::cli) fn run(arguments: Revoke, context: &Context<'_>) -> Result<u8, Failure> {
    let Revoke {
        target: Some(target),
        connection,
        all: false,
    } = arguments
    else {
        return all::run(context);
    };
    let data = Context::user_data()?;
    let id = data
        .connection(&Named { target, connection })?
        .connection
        .id;
    let revoked = revoke(&data, &id)?;
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&revoked.value());
        return Ok(Exit::Ok as u8);
    }
    match revoked.failed {
        None => printer.say(&format!("Revoked {id} at the provider and forgot it here.")),
        // A key is not of a grant: no request ends it.
        Some(_) if revoked.is_key => printer.say(&format!(
            "Forgot {id} here. The key is still good: delete it on the service's page."
        )),
        Some(reason) => {
            printer.warn(&format!(
                "the provider did not confirm the revocation: {reason}"
            ));
            printer.say(&format!(
                "Forgot {id} here. Revoke the grant on the provider's applications page."
            ));
        }
    }
    Ok(Exit::Ok as u8)
}
