//! `authsome run`: turns flags into a session and its command, and the result into text and an exit
//! code.

mod end;
mod require;

use std::io::{IsTerminal, stderr};

use crate::cli::alerts::{Alerts, Programs};
use crate::cli::args::{PolicyArgument, Run};
use crate::cli::context::{Context, interrupt};
use crate::cli::failure::Failure;
use crate::cli::notices::tell;
use crate::credential::ConnectionId;
use crate::proxy::Policy;
use crate::session::{Options, Parent, Session};

pub(in crate::cli) fn run(mut arguments: Run, context: &Context<'_>) -> Result<u8, Failure> {
    let printer = context.printer;
    let ulimits = context.ulimits.with_more_files();
    let parent = Parent::of_this_process();
    let roots = parent.trust().read_ahead(); // in parallel with opening the vault
    let data = Context::user_data_of(&parent)?;
    let notify = |notice| tell(notice, printer);
    let mut command = std::mem::take(&mut arguments.command).into_iter();
    let required = std::mem::take(&mut arguments.require);
    let plan = Session::plan(options(arguments), &data, &parent, &notify)?;
    require::check(&required, &plan)?;
    let runtime = Context::runtime()?;
    let at_terminal = stderr().is_terminal() && !printer.is_quiet();
    let code = runtime.block_on(async {
        let session = plan.start(roots).await?;
        printer.detail(&format!(
            "proxy at {}, files in {}",
            session.address(),
            session.directory().display()
        ));
        let program = command.next().unwrap_or_default();
        let mut child = session.spawn(&program, command.collect(), ulimits)?;
        let hook = data.settings.notify_command();
        let programs = Programs::new(session.programs(), hook, child.apart());
        let alerts = Alerts::new(session.name(), programs, at_terminal);
        let alert = |notice| alerts.tell(notice);
        let code = tokio::select! {
            code = session.wait(&mut child) => code,
            never = session.watch(&alert) => match never {},
        };
        alerts.finish();
        let run = session.name().to_owned();
        session.close(&notify, interrupt()).await;
        if at_terminal {
            end::tell(&run, &data.audit.tally(), child.tree(), printer);
        }
        Ok(code?)
    });
    runtime.shutdown_background();
    if let Some(problem) = data.audit.finish() {
        printer.warn(&problem);
    }
    code
}

fn options(arguments: Run) -> Options {
    let chosen = arguments.connection.into_iter().map(|choice| ConnectionId {
        provider: choice.provider,
        name: choice.name,
    });
    Options {
        allows_export: arguments.allow_export,
        chosen: chosen.collect(),
        left_alone: arguments.no_env,
        only: arguments.only,
        policy: match arguments.policy {
            PolicyArgument::Allow => Policy::Allow,
            PolicyArgument::Deny => Policy::Deny,
        },
        resolve: arguments.resolve.into_iter().map(|entry| entry.0).collect(),
        rewrites_ssh: !arguments.no_ssh_rewrite,
    }
}
