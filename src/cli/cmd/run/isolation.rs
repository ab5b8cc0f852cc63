//! How the command is isolated, from its flags.

use std::ffi::OsString;

use crate::child::{Child, Starter};
use crate::cli::args::{IsolateArgument, IsolationFlags};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::isolate::User;
use crate::os::second_thread::SecondThread;
use crate::os::ulimits::Ulimits;
use crate::os::user_name::{ids_of, is_root};
use crate::session::{IsolatedSpawnError, Isolation, Options, Session};
use crate::text::with_causes;

/// How the command is isolated, if it is.
pub(super) struct How(Option<Isolation>);

impl How {
    /// As the flags say.
    pub(super) fn of(flags: IsolationFlags) -> Result<Self, Failure> {
        let Some(how) = flags.isolate else {
            return Ok(Self(None));
        };
        Ok(Self(Some(Isolation {
            keeps_agents: flags.keep_agent,
            host_ports: flags.host_port,
            published: flags.publish,
            writable: flags.read_only_root.then_some(flags.writable),
            protects_repository: flags.protect_repo,
            user: flags.user.map(user).transpose()?,
            is_best_effort: how == IsolateArgument::BestEffort,
        })))
    }

    /// What the command is started with. An isolated one has another helper, which is not started
    /// before the session is.
    pub(super) fn starter(&self, ulimits: Ulimits, thread: &SecondThread) -> Starter {
        match self.0 {
            None => Starter::ahead(ulimits, thread),
            Some(_) => ulimits.into(),
        }
    }

    /// The options with it.
    pub(super) fn added_to(&self, options: Options) -> Options {
        Options {
            isolation: self.0.clone(),
            ..options
        }
    }

    /// Starts the command. If it is to be isolated as far as that can be had, it is started all the
    /// same where it cannot, and what is not covered is said.
    pub(super) async fn spawn(
        &self,
        session: &mut Session,
        command: Vec<OsString>,
        starter: Starter,
        printer: &Printer,
    ) -> Result<Child, Failure> {
        let mut words = command.into_iter();
        let program = words.next().unwrap_or_default();
        let words: Vec<_> = words.collect();
        let Some(isolation) = &self.0 else {
            return Ok(session.spawn(&program, words, starter)?);
        };
        let command = (&program, words.clone());
        match session.spawn_isolated(command, starter.ulimits()).await {
            Ok(child) => {
                if let Some(ports) = session.captured_ports() {
                    printer.warn(&only_ports(&ports));
                }
                Ok(child)
            }
            Err(IsolatedSpawnError::Isolate(error)) if isolation.is_best_effort => {
                printer.warn(&with_causes(&error));
                printer.warn(NOT_COVERED);
                Ok(session.spawn(&program, words, starter)?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn only_ports(ports: &[u16]) -> String {
    let ports: Vec<_> = ports.iter().map(ToString::to_string).collect();
    format!(
        "connections cannot be redirected here (nftables): those to the ports {} are captured, and those to other ports are refused",
        ports.join(", ")
    )
}

/// What a command that is not isolated can do.
const NOT_COVERED: &str = "not covered: the command can connect past the proxy and its policy; it can read the vault and its key, and other files of yours; it can use the sockets and read the memory of your other programs; and only clients that follow the variables are served";

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
