//! `authsome credential git`: git's credential helper outside of a run
//! (`credential/git_protocol.rs`). It answers for the hosts that are connected; about any other it
//! says nothing, and git asks the next helper.

use std::ffi::OsStr;

use authsome_providers::{BaseUrl, Shape};

use crate::audit::{Event, Kind};
use crate::cli::args::Credential;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::shell_word;
use crate::credential::ConnectionId;
use crate::credential::git_protocol::{GitRequest, MAX_REQUEST, NotARequest, answer};
use crate::secret::Secret;
use crate::session::{GitChoice, GitLogin, Parent, UserData, git_login};

/// The port that is left out of a URL.
const HTTPS: u16 = 443;

pub(in crate::cli) fn run(arguments: &Credential, context: &Context<'_>) -> Result<(), Failure> {
    let Credential::Git(git) = arguments;
    // Whatever the action is: a git whose helper does not read is ended by SIGPIPE.
    let request = read_request()?;
    match git.action.as_str() {
        "erase" => erase(&request, context),
        "get" => get(&request, context),
        // What git would store is in the vault; an action of a later git is skipped, as it wants.
        _ => Ok(()),
    }
}

fn read_request() -> Result<GitRequest, Failure> {
    let request = Secret::read(std::io::stdin().lock(), MAX_REQUEST)
        .map_err(|error| malformed(&format!("the request cannot be read: {error}")))?;
    GitRequest::parse(request.expose()).map_err(|error: NotARequest| malformed(&error.to_string()))
}

fn malformed(message: &str) -> Failure {
    let hint = "git starts it by itself: git config --global credential.https://HOST.helper '!authsome credential git'";
    Failure::new(Exit::Usage, "usage", message, hint)
}

fn get(request: &GitRequest, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let data = Context::user_data()?;
    let login = match choose(request, &data)? {
        GitChoice::One(login) => login,
        other => {
            if let Some(advice) = advice(&other, request) {
                printer.warn(&advice);
            }
            return Ok(());
        }
    };
    let GitLogin { stored, shape, .. } = *login;
    if shape == Shape::Bearer && !request.takes_authtype {
        printer.warn(&format!(
            "{} takes a bearer token, which git sends from version 2.46 on; with this one: authsome run -- git",
            stored.connection.id
        ));
        return Ok(());
    }
    let connection = data.renewed(stored, printer)?;
    let id = &connection.id;
    let answer = answer(&shape, &connection.credential(0)).ok_or_else(|| unfit(id))?;
    let mut event = Event::new(Kind::Export).of(id).because("credential git");
    event.host = request.authority.as_ref().map(ToString::to_string);
    data.audit.record(&event);
    // Before the answer, so that the user is warned of an export that is not in the log.
    if let Some(problem) = data.audit.finish() {
        printer.warn(&problem);
    }
    answer.expose().lines().for_each(|line| printer.exact(line));
    Ok(())
}

/// git tells every helper what a server has refused. If that is the token in force, it is renewed,
/// so that the next git gets a new one; nothing is removed.
fn erase(request: &GitRequest, context: &Context<'_>) -> Result<(), Failure> {
    let data = Context::user_data()?;
    match choose(request, &data)? {
        GitChoice::One(login) if login.stored.connection.is_renewable() => data.renew_rejected(
            login.stored,
            |current| request.rejects(current),
            context.printer,
        ),
        _ => Ok(()),
    }
}

fn choose(request: &GitRequest, data: &UserData) -> Result<GitChoice, Failure> {
    // What is said of the connections at the start of a run would be said at each git command, and
    // mostly of another host.
    Ok(git_login(request, data, &Parent::of_this_process(), &drop)?)
}

/// Why git gets no answer although something is connected there, and the command that helps.
fn advice(choice: &GitChoice, request: &GitRequest) -> Option<String> {
    let authority = request.authority.as_ref()?;
    let host = authority.in_url(HTTPS);
    let set = |name: &str, value: &str| {
        let value = shell_word(OsStr::new(value));
        let key = shell_word(OsStr::new(&format!("credential.https://{host}.{name}")));
        format!("git config --global {key} {value}")
    };
    Some(match choice {
        GitChoice::AnotherAccount { ids, base_url } => format!(
            "no connection at {host} is that of {}; there is {}; leave the name out of the URL, or connect the account: {}",
            request.username.as_deref().unwrap_or_default(),
            list(ids),
            login_command(ids.first()?, base_url.as_ref())
        ),
        GitChoice::NeedsPath(id) => format!(
            "{id} is at a path of {host}, which git does not tell; let it: {}",
            set("useHttpPath", "true")
        ),
        GitChoice::NotHttps(id) => format!(
            "{id} is not used over http, which would send its token in the clear; use the https URL: git remote set-url origin https://{host}/…"
        ),
        GitChoice::Several(ids) => format!(
            "{} are all at {host}; choose one: {}",
            list(ids),
            set("username", &ids.first()?.to_string())
        ),
        GitChoice::Nothing | GitChoice::One(_) => return None,
    })
}

fn login_command(like: &ConnectionId, base_url: Option<&BaseUrl>) -> String {
    let place = base_url.map(|url| format!(" --base-url {url}"));
    let provider = &like.provider;
    let place = place.unwrap_or_default();
    format!("authsome login {provider}{place} --connection NAME")
}

fn list(ids: &[ConnectionId]) -> String {
    let names: Vec<_> = ids.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn unfit(id: &ConnectionId) -> Failure {
    let message = format!("the credential of {id} has characters that git cannot take");
    let hint = format!(
        "authsome login {} --connection {} --force",
        id.provider, id.name
    );
    Failure::new(Exit::Credential, "credential_unfit", message, hint)
}
