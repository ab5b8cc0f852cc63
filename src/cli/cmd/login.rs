//! `authsome login`.

mod files;
mod flags;
mod goal;
mod key;
mod name;
mod offer;
mod place;
mod report;
mod request;
mod server;
mod suspended;

use std::pin::pin;
use std::time::Duration;

use authsome_providers::{BaseUrl, Definition};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use self::files::Files;
pub(super) use self::files::read_secret_of;
use self::goal::{Goal, Search, typed_name};
use self::report::failure;
pub(super) use self::request::account_lookups;
use super::describe;
use crate::audit::{Event, Kind};
use crate::cli::args::Login;
use crate::cli::ask::can_ask;
use crate::cli::browser::Prompt;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::stop::Stop;
use crate::cli::words::typed_command;
use crate::connection::{LoggedIn, LoginError, LoginRequest, Resumed, login};
use crate::credential::ConnectionId;
use crate::oauth::HttpClients;
use crate::session::{Scrub, UserData};
use crate::vault::KeyOrigin;

/// After Ctrl-C: how long to wait for the login before the user is told, and how long after that.
const QUIET_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(10);

pub(in crate::cli) fn run(mut arguments: Login, context: &Context<'_>) -> Result<(), Failure> {
    let user_data = Context::user_data()?;
    let printer = context.printer;
    if user_data.key_made == Some(KeyOrigin::Keyring) {
        printer.say("The vault's key is in your keyring; another place: authsome vault rekey");
    }
    if let Some(code) = arguments.resume.take() {
        let (arguments, resumed) = suspended::resume(&code, &user_data, printer)?;
        return finish(arguments, Some(resumed), &user_data, context);
    }
    let is_named = arguments.target.is_some() || arguments.base_url.is_some();
    if !is_named && arguments.hostname.is_none() {
        if !can_ask(printer) {
            flags::refuse_without_target(&arguments)?;
        }
        let programs = Scrub::programs(&user_data.store)?;
        match offer::offer(&user_data, &programs, printer)? {
            Some(chosen) => arguments.target = Some(chosen),
            None => return Ok(()),
        }
    }
    with(arguments, &user_data, context)
}

/// The same, where the vault is open and something is named.
pub(super) fn with(
    arguments: Login,
    user_data: &UserData,
    context: &Context<'_>,
) -> Result<(), Failure> {
    finish(arguments, None, user_data, context)
}

/// The same; `resumed` is the second step of a login that was suspended.
fn finish(
    mut arguments: Login,
    resumed: Option<Resumed>,
    user_data: &UserData,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let printer = context.printer;
    let programs = Scrub::programs(&user_data.store)?;
    let flag = arguments.base_url.take().or(arguments.hostname.take());
    let runtime = Context::runtime()?;
    let clients = Context::clients(&[]);
    let files = Files::read(&arguments)?;
    let goal = find_goal(&mut arguments, flag, &files, user_data, &clients, &runtime)?;
    let definition = user_data.definition(&goal.provider, printer)?;
    let (id, goal) = named(goal, &definition, &arguments, user_data, printer)?;
    let typed_certificate = arguments.client_cert.clone();
    let provider = definition.provider.clone();
    let browser = !arguments.no_browser;
    let first = resumed.as_ref();
    let first = first.map(|resumed| resumed.login.arguments.clone());
    let asked = request::Asked {
        id,
        base_url: goal.base_url,
        is_by_address: goal.is_by_address,
        files,
        resumed,
    };
    let request = request::request(&arguments, asked, &definition, user_data, &runtime, printer)?;
    let proof = request.proof.clone();
    let prompt = Prompt::new(printer, programs, browser);
    let outcome = logged_in(request, user_data, &clients, prompt, printer, &runtime);
    runtime.shutdown_background(); // a read of the terminal may still be running
    let LoggedIn {
        connection,
        requested_scopes,
    } = match outcome? {
        Ok(logged_in) => logged_in,
        Err(LoginError::Left(left)) => return suspended::suspend(*left, user_data, printer),
        Err(error) => {
            let again = first.map_or_else(typed_command, |first| suspended::again(&error, &first));
            return Err(failure(error, typed_certificate.as_deref(), &again));
        }
    };
    user_data
        .audit
        .record(&Event::new(Kind::Login).of(&connection.id));
    if printer.is_json() {
        let default = user_data.store.default_of(&connection.id.provider)?;
        let is_default = default.as_ref() == Some(&connection.id.name);
        printer.value(&describe(&connection, &definition, is_default)?);
        return Ok(());
    }
    report::say_connected(&connection, &provider, printer);
    if !connection.is_of_key() {
        report::say_scopes(&connection.tokens.scopes, &requested_scopes, printer);
    }
    report::say_lifetime(&connection, printer);
    report::say_next(proof.as_deref(), printer);
    Ok(())
}

/// Asks what is meant, where the words alone do not say it.
fn find_goal(
    arguments: &mut Login,
    flag: Option<BaseUrl>,
    files: &Files,
    user_data: &UserData,
    clients: &HttpClients,
    runtime: &Runtime,
) -> Result<Goal, Failure> {
    let target = arguments.target.take();
    let certificate = files.client_certificate.as_ref();
    let http = clients.for_connection(files.ca_pem.as_deref(), certificate)?;
    let search = Search {
        user_data,
        http: &http,
        certificate: arguments.client_cert.as_deref(),
    };
    runtime.block_on(async {
        tokio::select! {
            found = search.goal(target, flag) => found,
            stopped = interrupted() => Err(stopped),
        }
    })
}

/// The connection that the login is for. What the words do not say is said here.
fn named(
    mut goal: Goal,
    definition: &Definition,
    arguments: &Login,
    user_data: &UserData,
    printer: &Printer,
) -> Result<(ConnectionId, Goal), Failure> {
    let provider = &definition.provider;
    if let Some(typed) = &goal.base_url
        && let Some(instance) = provider.instance_of(typed)
    {
        printer.say(&format!(
            "{typed} is a page of {instance}, which is used instead."
        ));
        goal.base_url = Some(instance);
    }
    let name = if let Some(name) = typed_name(&goal, arguments)? {
        name
    } else {
        let named = name::name(&goal, provider, arguments.force, user_data)?;
        if let Some(because) = &named.because {
            printer.say(because);
        }
        named.name
    };
    let id = ConnectionId {
        provider: provider.id.clone(),
        name,
    };
    Ok((id, goal))
}

fn logged_in(
    request: LoginRequest,
    user_data: &UserData,
    clients: &HttpClients,
    mut prompt: Prompt<'_>,
    printer: &Printer,
    runtime: &Runtime,
) -> Result<Result<LoggedIn, LoginError>, Failure> {
    runtime.block_on(async {
        // Before anything is shown, because the user may press Ctrl-C from then on. Whatever stops
        // the login must let it revoke what it has been granted.
        let stop = Stop::new()?;
        let (cancel, cancelled) = oneshot::channel();
        let cancelled = async { drop(cancelled.await) };
        let store = &user_data.store;
        let login = Box::pin(login(request, store, clients, &mut prompt, cancelled));
        watched(login, cancel, stop, printer).await
    })
}

/// The failure of a login that is stopped before it has begun.
async fn interrupted() -> Failure {
    match Stop::new() {
        Ok(mut stop) => stop.next().await,
        Err(failure) => return failure,
    }
    let hint = format!("try again: {}", typed_command());
    Failure::new(Exit::Usage, "cancelled", "the login was cancelled", hint)
}

/// Runs a login until it ends or Ctrl-C cancels it. A cancelled login may already have a grant, or
/// be about to get one; it then revokes that grant. Only a second Ctrl-C, or [`MAX_WAIT`], prevents
/// this.
async fn watched<T>(
    login: impl Future<Output = T>,
    cancel: oneshot::Sender<()>,
    mut stop: Stop,
    printer: &Printer,
) -> Result<T, Failure> {
    let mut login = pin!(login);
    tokio::select! {
        outcome = &mut login => return Ok(outcome),
        () = stop.next() => drop(cancel.send(())),
        () = printer.cancelled() => drop(cancel.send(())),
    }
    tokio::select! {
        outcome = &mut login => return Ok(outcome),
        () = tokio::time::sleep(QUIET_WAIT) => printer.say(
            "authsome: waiting for the provider, so that no grant is left there (Ctrl-C gives it up)",
        ),
    }
    tokio::select! {
        outcome = login => Ok(outcome),
        () = tokio::time::sleep(MAX_WAIT) => Err(given_up()),
        () = stop.next() => Err(given_up()),
    }
}

/// The error for a login that did not end in time after Ctrl-C.
fn given_up() -> Failure {
    let hint = format!(
        "see the provider's applications page, then try again: {}",
        typed_command()
    );
    Failure::new(
        Exit::Usage,
        "cancelled",
        "the login was cancelled; nothing was stored, and if the provider has made a grant, it was not revoked",
        hint,
    )
}
