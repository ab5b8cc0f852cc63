//! `authsome proxy`: a session whose children are started by something else.

mod container;
mod env_file;
mod ready;
mod until;

use std::ffi::OsString;
use std::net::SocketAddr;

use self::container::Containers;
use self::ready::ReadyDescriptor;
use self::until::Until;
use super::run::{options, planned, require};
use crate::child;
use crate::cli::args::{EnvFormat, Proxy};
use crate::cli::context::{Context, interrupt};
use crate::cli::failure::{Exit, Failure};
use crate::cli::notices::{HeldNotices, words};
use crate::cli::printer::Printer;
use crate::cli::stop::Stop;
use crate::cli::waits::stop_telling;
use crate::os::given_path::FileAtGivenPath;
use crate::proxy::Listen;
use crate::session::{Options, Parent, Session};

pub(in crate::cli) fn run(mut arguments: Proxy, context: &Context<'_>) -> Result<u8, Failure> {
    let printer = context.printer;
    // Before this process opens a file that could get the same number.
    let ready = take_descriptor(arguments.ready_fd)?;
    // The children are not ours, so nothing has to be restored for them.
    let _ = context.ulimits.with_more_files();
    let parent = Parent::of_this_process();
    let roots = parent.trust().read_ahead(); // in parallel with opening the vault
    let data = Context::user_data_or_copy(&parent, arguments.session.offline_ok)?;
    let held = HeldNotices::new(printer);
    let notify = |notice| held.notify(notice);
    let required = std::mem::take(&mut arguments.session.require);
    let until = arguments.until_pid.map(Until::open).transpose();
    let until = until.map_err(|error| no_process(arguments.until_pid, &error))?;
    container::check(&arguments)?;
    let options = with_place(&mut arguments);
    let mut plan = planned(&options, &data, &parent, &notify, &held, context)?;
    require::check(&required, &plan)?;
    env_file::make_room(arguments.env_file.as_deref())?;
    let containers = Containers::of(&arguments, &plan.programs());
    let listen = containers
        .as_ref()
        .map_or(options.listen.address, Containers::listen);
    if let Some(containers) = &containers {
        plan.for_containers(listen, containers.seen_from());
    }
    warn_of_reach(listen, printer);
    stop_telling();
    let runtime = Context::runtime_beside(&roots)?;
    let served = runtime.block_on(async {
        // Before a refresh can be under way: a signal must not end this process in the middle.
        let mut stop = Stop::new()?;
        let session = plan.start(roots).await?;
        let typed: Vec<OsString> = std::env::args_os().collect();
        session.attend(&typed);
        let told = tokio::select! {
            told = tell(&arguments, containers.as_ref(), &session, ready, context) => told.map(Some),
            () = stop.next() => Ok(None),
        };
        let alert = |notice| printer.warn(&words(notice));
        if let Ok(Some(_)) = &told {
            tokio::select! {
                () = stop.next() => {}
                _ = session.stop_requested() => printer.detail("`authsome stop` has asked for the end"),
                () = ended(until) => printer.detail("the process of --until-pid has ended"),
                never = session.watch(&data, &alert) => match never {},
            }
        }
        let is_handed_back = session.close(&notify, interrupt()).await;
        drop(told?);
        // As a run: whoever goes on would start with a spent pair.
        let code = if is_handed_back {
            Exit::Ok as u8
        } else {
            child::EXIT_NOT_STARTED
        };
        Ok(code)
    });
    runtime.shutdown_background();
    if let Some(problem) = data.audit.finish() {
        printer.warn(&problem);
    }
    served
}

/// The session's options with the place at which it listens.
fn with_place(arguments: &mut Proxy) -> Options {
    let usual = Listen::default();
    Options {
        directory: arguments.dir.take(),
        listen: Listen {
            address: arguments.listen.unwrap_or(usual.address),
            socket: arguments.socket.clone(),
        },
        ..options(std::mem::take(&mut arguments.session))
    }
}

fn warn_of_reach(listen: SocketAddr, printer: &Printer) {
    if !listen.ip().is_loopback() {
        printer.warn(&format!(
            "{listen} can be reached from elsewhere: whoever has the proxy's password uses your connections, and it is sent in the clear",
        ));
    }
}

/// Says where the proxy is, to whoever has asked for it. The file is removed with what this
/// returns.
async fn tell(
    arguments: &Proxy,
    containers: Option<&Containers>,
    session: &Session,
    descriptor: Option<ReadyDescriptor>,
    context: &Context<'_>,
) -> Result<Option<FileAtGivenPath>, Failure> {
    let printer = context.printer;
    let (path, format) = match containers {
        None => (arguments.env_file.clone(), arguments.format),
        Some(_) => (
            Some(container::env_file(arguments, session)),
            EnvFormat::Docker,
        ),
    };
    let file = match path.as_deref() {
        None => None,
        Some(path) => env_file::give(path, format, session.environment(), printer)?,
    };
    let mut ready = ready::line(session, arguments.socket.as_deref(), path.as_deref());
    let made = containers.zip(path.as_deref());
    let made = made.map(|(containers, path)| containers.made_with(session, path));
    if let Some(made) = &made {
        ready["container"] = made.value();
    }
    if let Some(descriptor) = descriptor {
        let written = descriptor.write(&ready).await;
        written.map_err(|error| no_descriptor(arguments.ready_fd, &error))?;
    }
    ready::notify_service_manager();
    if printer.is_json() {
        printer.value(&ready);
    } else {
        printer.say(&format!("The proxy is at {}.", session.address()));
        if let Some(made) = &made {
            made.say(printer);
            printer.exact(&made.text());
        }
    }
    Ok(file)
}

async fn ended(until: Option<Until>) {
    match until {
        Some(until) => until.ended().await,
        None => std::future::pending().await,
    }
}

fn take_descriptor(number: Option<u16>) -> Result<Option<ReadyDescriptor>, Failure> {
    let taken = number.map(ReadyDescriptor::take).transpose();
    taken.map_err(|error| no_descriptor(number, &error))
}

fn no_descriptor(number: Option<u16>, error: &std::io::Error) -> Failure {
    let number = number.unwrap_or_default();
    let message = format!("cannot write to descriptor {number} of --ready-fd: {error}");
    let hint = "open it for the command, as in: authsome proxy --ready-fd 3 3>ready.json";
    Failure::new(Exit::Usage, "usage", message, hint)
}

fn no_process(pid: Option<i32>, error: &std::io::Error) -> Failure {
    let pid = pid.unwrap_or_default();
    let message = format!("process {pid} of --until-pid cannot be watched: {error}");
    let hint = "give the PID of a process that runs, as in: authsome proxy --until-pid $$";
    Failure::new(Exit::Usage, "usage", message, hint)
}
