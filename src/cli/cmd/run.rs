//! `authsome run`: turns flags into a session and its command, and the result into text and an exit
//! code.

mod end;
mod isolation;
mod mend;
pub(super) mod require;

use std::convert::Infallible;
use std::io::{IsTerminal, stderr};
use std::sync::Arc;

use self::isolation::How;
use crate::child::{self, Apart, Ender};
use crate::cli::alerts::{Alerts, AskCommand, Programs};
use crate::cli::args::{
    ChoiceFlags, JoinArgument, PolicyArgument, PolicyFlags, Run, ScrubArgument, SessionFlags,
};
use crate::cli::ask::can_ask;
use crate::cli::context::{Context, interrupt};
use crate::cli::failure::Failure;
use crate::cli::notices::HeldNotices;
use crate::cli::printer::Printer;
use crate::cli::waits::stop_telling;
use crate::credential::ConnectionId;
use crate::env::env_vars::MASTER_KEY_FILE;
use crate::hand_back::OnRotate;
use crate::os::second_thread::SecondThread;
use crate::proxy::{Policy, PolicyLayer, ScrubExtent};
use crate::session::{
    Join, Notice, Options, Parent, Park, PolicyOptions, Session, SessionPlan, Settings, UserData,
};

pub(in crate::cli) fn run(mut arguments: Run, context: &Context<'_>) -> Result<u8, Failure> {
    let printer = context.printer;
    let isolation = How::of(std::mem::take(&mut arguments.isolation))?;
    let ulimits = context.ulimits.with_more_files();
    let parent = Parent::of_this_process();
    // It starts beside what follows, but not while a descriptor is open that the key is read from,
    // which it would hand to the command.
    let is_early = parent.variable(MASTER_KEY_FILE).is_none();
    let mut second = SecondThread::start();
    let early = is_early.then(|| isolation.starter(ulimits, &second));
    let roots = parent.trust().read_ahead_on(&second); // in parallel with opening the vault
    let data = Context::user_data_or_copy(&parent, arguments.session.offline_ok)?;
    let starter = early.unwrap_or_else(|| isolation.starter(ulimits, &second));
    parent.read_tools_on(&second); // in parallel with putting the session together
    let held = HeldNotices::new(printer);
    let notify = |notice| held.notify(notice);
    let command = std::mem::take(&mut arguments.command);
    let required = std::mem::take(&mut arguments.session.require);
    let at_terminal = stderr().is_terminal() && !printer.is_quiet();
    let has_hook = !data.settings.notify_command().is_empty();
    let mut options = isolation.added_to(options(arguments.session));
    if options.park == Park::Set && (at_terminal || has_hook) {
        options.park = Park::Attended;
    }
    let plan = planned(&options, &data, &parent, &notify, &held, context)?;
    require::check(&required, &plan)?;
    stop_telling();
    let runtime = Context::runtime_beside(&roots)?;
    let ended = runtime.block_on(async {
        let mut session = plan.helped_by(&second).start(roots).await?;
        say_where(&session, printer);
        let mut child = isolation
            .spawn(&mut session, command, starter, printer)
            .await?;
        let ender = child.ender();
        let alerts = alerts(&session, &data.settings, child.apart(), at_terminal);
        let alert = |notice| alerts.tell(notice);
        let code = tokio::select! {
            code = session.wait(&mut child) => code,
            never = session.watch(&data, &alert) => match never {},
            never = stopped(&session, ender) => match never {},
        };
        alerts.finish();
        let run = session.name().to_owned();
        // The files are removed while the rest is closed.
        let remove = |files| second.drop_there(files);
        let (is_handed_back, files) = session.close_with(remove, &notify, interrupt()).await;
        if at_terminal {
            end::tell(&run, &data.audit.tally(), child.tree(), printer);
        }
        let code = match code? {
            // The next job would start with a spent pair, so this one must not look well.
            0 if !is_handed_back => child::EXIT_NOT_STARTED,
            code => code,
        };
        Ok::<_, Failure>((code, files))
    });
    runtime.shutdown_background();
    second.begin_end(); // the command has ended
    close(data, printer);
    let (code, files) = ended?;
    files.wait();
    Ok(code)
}

fn say_where(session: &Session, printer: &Printer) {
    let (address, files) = (session.address(), session.directory().display());
    printer.detail(&format!("proxy at {address}, files in {files}"));
}

/// Closes the vault and the log.
fn close(data: Arc<UserData>, printer: &Printer) {
    let audit = Arc::clone(&data.audit);
    audit.begin_finish(); // its last lines are written while the vault is closed
    drop(data);
    if let Some(problem) = audit.finish() {
        printer.warn(&problem);
    }
}

/// What tells the user of what waits.
fn alerts(session: &Session, settings: &Settings, apart: Apart, at_terminal: bool) -> Alerts {
    let starter = session.programs();
    let asking = settings.ask_command();
    let ask = AskCommand::new(starter, asking, apart.clone(), session.pending());
    let programs = Programs::new(starter, settings.notify_command(), apart);
    Alerts::new(session.name(), programs, ask, at_terminal)
}

/// Ends the command when that is asked for from outside.
async fn stopped(session: &Session, ender: Ender) -> Infallible {
    ender.end(session.stop_requested().await).await
}

/// The plan of the run. At a terminal, a new login is offered first for each connection that needs
/// one; what the first plan had to say is then said by the second.
pub(super) fn planned<'a>(
    options: &Options,
    data: &'a UserData,
    parent: &'a Parent,
    notify: &'a dyn Fn(Notice),
    held: &HeldNotices<'_>,
    context: &Context<'_>,
) -> Result<SessionPlan<'a>, Failure> {
    let plan = |options: Options| Session::plan(options, data, parent, notify);
    let mut planned = plan(options.clone());
    if let Ok(first) = &planned
        && can_ask(context.printer)
    {
        let offered = mend::offer(first, data, context)?;
        if offered.is_mended || offered.is_declined {
            let mut options = options.clone();
            // Who wants no login now does not want requests to wait for one.
            if offered.is_declined {
                options.park = Park::Never;
            }
            held.forget();
            planned = plan(options);
        }
    }
    held.release();
    Ok(planned?)
}

/// The options of a session, from its flags.
pub(in crate::cli) fn options(flags: SessionFlags) -> Options {
    Options {
        agent_api: !flags.no_agent_api,
        allows_export: flags.allow_export,
        left_alone: flags.no_env,
        on_rotate: flags.on_rotate.map(|target| OnRotate {
            target,
            recipients: flags.on_rotate_recipient,
        }),
        park: if flags.no_park {
            Park::Never
        } else {
            Park::Set
        },
        resolve: flags.resolve.into_iter().map(|entry| entry.0).collect(),
        rewrites_ssh: !flags.no_ssh_rewrite,
        ..permitting(flags.choice, flags.permits)
    }
}

/// Options that say which connections take part, and what they permit.
pub(super) fn permitting(choice: ChoiceFlags, mut permits: PolicyFlags) -> Options {
    let chosen = choice.connection.into_iter().map(|choice| ConnectionId {
        provider: choice.provider,
        name: choice.name,
    });
    Options {
        chosen: chosen.collect(),
        only: choice.only,
        join: match choice.join {
            JoinArgument::Default => Join::Default,
            JoinArgument::Named => Join::Named,
            JoinArgument::New => Join::New,
        },
        asked: std::mem::take(&mut permits.ask),
        lifted: std::mem::take(&mut permits.allow),
        scrub: match permits.scrub {
            ScrubArgument::On => ScrubExtent::On,
            ScrubArgument::Headers => ScrubExtent::Headers,
            ScrubArgument::Off => ScrubExtent::Off,
        },
        policy: policy(permits),
        ..Options::default()
    }
}

/// What is permitted, from its flags.
fn policy(flags: PolicyFlags) -> PolicyOptions {
    PolicyOptions {
        unmanaged: flags.policy.map(|policy| match policy {
            PolicyArgument::Allow => Policy::Allow,
            PolicyArgument::Deny => Policy::Deny,
        }),
        rules: PolicyLayer {
            allow_hosts: flags.allow_host,
            deny_hosts: flags.deny_host,
            allow_paths: flags.allow_path,
            deny_paths: flags.deny_path,
            ask_paths: flags.ask_path,
            git_push: (!flags.git_push.is_empty()).then_some(flags.git_push),
            is_read_only: flags.read_only,
            limits: flags.limit,
            ..PolicyLayer::default()
        },
        file: flags.policy_file,
        read: Vec::new(),
    }
}
