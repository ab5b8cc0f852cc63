//! `authsome vault move`.

use serde_json::json;

use crate::cli::args::VaultMove;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::session::{Parent, living};
use crate::vault::has_password;

/// What stands for the vault in the home directory.
const HOME: &str = "home";

pub(super) fn run(arguments: &VaultMove, context: &Context<'_>) -> Result<(), Failure> {
    let to = arguments.to.as_str();
    let usage = |message: &str, hint: &str| Failure::new(Exit::Usage, "usage", message, hint);
    if has_password(to) {
        let message = "a password in the address is seen by all who list processes";
        return Err(usage(message, "name a file with it: ...?passwordfile=PATH"));
    }
    let parent = Parent::of_this_process();
    let data = Context::user_data_of(&parent)?;
    let place = (to != HOME).then_some(to);
    if data.is_shared(&parent)? == place.is_some() {
        let message = "the vault moves between this home and a database, and is there already";
        return Err(usage(message, "see where it is: authsome vault status"));
    }
    if let Some(live) = living(&data.home).first() {
        let message = format!("a run is alive ({live}), and would lose its connections");
        let hint = "end it first, see: authsome status";
        return Err(Failure::new(Exit::Usage, "run_alive", message, hint));
    }
    let moved = data.move_to(&parent, place)?;
    let printer = context.printer;
    if printer.is_json() {
        printer.value(&json!({ "moved": moved }));
        return Ok(());
    }
    let things = if moved == 1 {
        "connection"
    } else {
        "connections"
    };
    printer.say(&format!("Moved {moved} {things}."));
    if place.is_some() {
        printer.say("From now on, set AUTHSOME_VAULT to that address, and give each machine this vault's key in AUTHSOME_MASTER_KEY_FILE.");
    } else {
        printer.say("From now on, leave AUTHSOME_VAULT unset.");
    }
    Ok(())
}
