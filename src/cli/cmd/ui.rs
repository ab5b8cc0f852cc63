//! `authsome ui`: the page, from its listener to its last event; with `--json` the events alone.

mod actions;
mod login;
mod reading;
mod told;
mod words;

use std::sync::Arc;

use self::actions::UiActions;
use crate::cli::args::Ui;
use crate::cli::browser::open_page;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::stop::Stop;
use crate::os::home::Home;
use crate::session::Scrub;
use crate::web::{Notices, Server, Stream};

pub(in crate::cli) fn run(arguments: &Ui, context: &Context<'_>) -> Result<(), Failure> {
    let home = Context::user_files()?.home;
    let runtime = Context::runtime()?;
    let shown = runtime.block_on(async {
        if context.printer.is_json() {
            stream(&home, context).await
        } else {
            serve(arguments, &home, context).await
        }
    });
    runtime.shutdown_background(); // an action may still be running
    shown
}

/// Prints the events of all runs until nobody reads them.
async fn stream(home: &Home, context: &Context<'_>) -> Result<(), Failure> {
    let mut stop = Stop::new()?;
    let mut events = Stream::of(home, None);
    while context.printer.has_reader() {
        let lines = tokio::select! {
            lines = events.next() => lines,
            () = stop.next() => return Ok(()),
        };
        let Some(lines) = lines else { break };
        context.printer.data(&String::from_utf8_lossy(&lines));
    }
    Ok(())
}

async fn serve(arguments: &Ui, home: &Home, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let mut stop = Stop::new()?;
    let notices = Notices::new();
    let actions = Arc::new(UiActions::new(context.ulimits, notices.clone()));
    let is_read_only = arguments.read_only;
    let bound = Server::bind(
        arguments.port,
        home,
        Arc::clone(&actions) as _,
        notices,
        is_read_only,
    );
    let server = bound
        .await
        .map_err(|error| not_bound(arguments.port, &error))?;
    let url = server.url();
    // A vault that cannot be opened is no reason to show nothing: the page says why.
    let opened = !arguments.no_browser && {
        let programs = Context::user_data().ok();
        let programs = programs.and_then(|data| Scrub::programs(&data.store).ok());
        programs.is_some_and(|programs| open_page(&url, printer, programs))
    };
    if opened {
        printer.say("The page is open in your browser; Ctrl-C closes it.");
        printer.detail_lines(&format!("\n  {url}\n"));
    } else {
        // The address is a secret: whoever has it first has the page.
        printer.say("Open this address in your browser, once; Ctrl-C closes the page:");
        printer.line(&url);
    }
    tokio::select! {
        () = stop.next() => Ok(()),
        never = told::tell(home, printer) => match never {},
        () = actions.stolen() => {
            let message = "the page's address was used twice, so somebody else may have read it; the page is closed";
            let hint = "end what you do not know (ps -u $USER), then: authsome ui";
            Err(Failure::new(Exit::Unexpected, "page_taken", message, hint))
        }
    }
}

fn not_bound(port: u16, error: &std::io::Error) -> Failure {
    let message = format!("port {port} of 127.0.0.1 cannot be used: {error}");
    let hint = "leave out --port, and a free one is used: authsome ui";
    Failure::new(Exit::Unreachable, "port_taken", message, hint)
}
