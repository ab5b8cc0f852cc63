//! How the command is isolated, from its flags.

use std::ffi::OsString;

use crate::child::Child;
use crate::cli::args::{IsolateArgument, IsolationFlags};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::isolate::User;
use crate::os::ulimits::Ulimits;
use crate::os::user_name::{ids_of, is_root};
use crate::session::{IsolatedSpawnError, Isolation, Session};
use crate::text::with_causes;

/// How the command is isolated; `None` if it is not.
pub(super) fn of(flags: IsolationFlags) -> Result<Option<Isolation>, Failure> {
    let Some(how) = flags.isolate else {
        return Ok(None);
    };
    Ok(Some(Isolation {
        keeps_agents: flags.keep_agent,
        host_ports: flags.host_port,
        published: flags.publish,
        writable: flags.read_only_root.then_some(flags.writable),
        protects_repository: flags.protect_repo,
        user: flags.user.map(user).transpose()?,
        is_best_effort: how == IsolateArgument::BestEffort,
    }))
}

/// Starts the command isolated. With `is_best_effort`, it is started all the same where that cannot
/// be had, and what is not covered is said.
pub(super) async fn spawn(
    session: &mut Session,
    (program, words): (&OsString, Vec<OsString>),
    ulimits: Ulimits,
    is_best_effort: bool,
    printer: &Printer,
) -> Result<Child, Failure> {
    let command = (program, words.clone());
    match session.spawn_isolated(command, ulimits).await {
        Ok(child) => {
            if let Some(ports) = session.captured_ports() {
                let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
                printer.warn(&format!(
                    "connections cannot be redirected here (nftables): those to the ports {} are captured, and those to other ports are refused",
                    ports.join(", ")
                ));
            }
            Ok(child)
        }
        Err(IsolatedSpawnError::Isolate(error)) if is_best_effort => {
            printer.warn(&format!("{}{NOT_COVERED}", with_causes(&error)));
            Ok(session.spawn(program, words, ulimits)?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a command that is not isolated can do.
const NOT_COVERED: &str = "\nNot covered: the command can connect past the proxy and its policy; it can read the vault and its key, and other files of yours; \
it can use the sockets and read the memory of your other programs; and only clients that follow the variables are served.";

fn user(name: String) -> Result<User, Failure> {
    if !is_root() {
        return Err(Failure::new(
            Exit::Usage,
            "usage",
            "--user is for root, who can become another user",
            "leave it out: the command is started as you are",
        ));
    }
    match ids_of(&name)? {
        Some((id, group)) => Ok(User { name, id, group }),
        None => Err(Failure::new(
            Exit::Usage,
            "usage",
            format!("there is no user {name}"),
            "see all users: getent passwd",
        )),
    }
}
