//! `authsome login` alone: what can be connected, and the commands to type.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use authsome_providers::{BaseUrl, Provider};
use serde_json::json;

use super::goal::is_named_after;
use crate::cli::args::{LoginTarget, address};
use crate::cli::ask::{ask, can_ask};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::env::asked::Asked;
use crate::env::programs::Programs;
use crate::session::UserData;

/// How long git may take to tell the remotes of this directory, and how much of it is read.
const GIT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_GIT_OUTPUT: u64 = 64 * 1024;

/// A command that connects something.
struct Offer {
    /// It is suggested by the directory that the user is in.
    is_near: bool,
    command: String,
    what: String,
}

/// Prints what can be connected. At a terminal the user is asked which it shall be; `None` if
/// nobody can be asked, or the answer is empty.
pub(super) fn offer(
    user_data: &UserData,
    programs: &Programs,
    printer: &Printer,
) -> Result<Option<LoginTarget>, Failure> {
    let definitions = user_data.catalog.list().into_iter();
    let definitions = definitions.filter_map(|listed| listed.definition.ok());
    let providers: Vec<_> = definitions.map(|definition| definition.provider).collect();
    let offers = offers(&providers, &remotes(programs));
    if printer.is_json() {
        let offers = offers.iter();
        let offers = offers.map(|one| json!({ "command": one.command, "connects": one.what }));
        printer.value(&json!({ "offers": offers.collect::<Vec<_>>() }));
        return Ok(None);
    }
    show(&offers, &providers, printer);
    if !can_ask(printer) {
        return Ok(None);
    }
    let question = "Connect what? A provider, or a server's host or URL (Enter for nothing): ";
    let answer = ask(printer, question).unwrap_or_default();
    let answer = answer.trim();
    let answer = answer.strip_prefix("authsome login ").unwrap_or(answer);
    if answer.is_empty() {
        return Ok(None);
    }
    let target = answer
        .parse()
        .map_err(|reason: String| Failure::new(Exit::Usage, "usage", reason, "authsome login"))?;
    Ok(Some(target))
}

/// The most offers that are shown one by one; the names of more stand side by side.
const MAX_ROWS: usize = 12;

/// The widest line of names.
const MAX_LINE: usize = 76;

fn show(offers: &[Offer], providers: &[Arc<Provider>], printer: &Printer) {
    let is_short = offers.len() <= MAX_ROWS;
    let shown = offers.iter().filter(|one| is_short || one.is_near);
    let rows: Vec<_> = shown
        .map(|one| vec![one.command.clone(), one.what.clone()])
        .collect();
    if !rows.is_empty() {
        let heads = ["COMMAND", "CONNECTS"].map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(heads).chain(rows).collect();
        printer.table(&rows);
    }
    if is_short {
        return;
    }
    printer.line("  authsome login PROVIDER");
    let mut line = String::from("   ");
    for (position, provider) in providers.iter().enumerate() {
        let is_last = position + 1 == providers.len();
        let word = format!(" {}{}", provider.id, if is_last { "" } else { "," });
        if line.len() + word.len() > MAX_LINE {
            printer.line(&line);
            line = String::from("   ");
        }
        line += &word;
    }
    printer.line(&line);
    printer.line("  authsome login HOST or URL, for a server of your own");
}

fn offers(providers: &[Arc<Provider>], remotes: &BTreeMap<String, BaseUrl>) -> Vec<Offer> {
    let mut offers = Vec::new();
    for (remote, address) in remotes {
        let is_own = |provider: &Provider| {
            let own = provider.base_url.as_ref();
            own.is_some_and(|own| own.covers(address))
        };
        let found = providers.iter().find(|provider| {
            let moves = provider.can_move() && !provider.needs_address();
            is_own(provider) || (moves && is_named_after(address, provider))
        });
        let Some(provider) = found else { continue };
        let host = address.cut_to(0).to_string();
        let host = host.strip_prefix("https://").unwrap_or(&host);
        offers.push(Offer {
            is_near: true,
            command: format!("authsome login {host}"),
            what: format!(
                "{}, where this directory's remote {remote} is",
                provider.display_name
            ),
        });
    }
    for provider in providers {
        let name = &provider.display_name;
        if provider.needs_address() {
            let command = format!("authsome login {} --base-url URL", provider.id);
            let what = format!("{name} at any address");
            offers.push(Offer {
                is_near: false,
                command,
                what,
            });
            continue;
        }
        let place = provider.base_url.as_ref();
        let place = place
            .map(|base| format!(" at {}", base.host()))
            .unwrap_or_default();
        offers.push(Offer {
            is_near: false,
            command: format!("authsome login {}", provider.id),
            what: format!("{name}{place}"),
        });
        if provider.can_move() {
            let command = match providers.iter().filter(|one| one.can_move()).count() {
                1 => "authsome login HOST".to_owned(),
                _ => format!("authsome login {} --hostname HOST", provider.id),
            };
            let what = format!("{name} on a server of your own");
            offers.push(Offer {
                is_near: false,
                command,
                what,
            });
        }
    }
    offers.dedup_by(|later, earlier| later.command == earlier.command);
    offers
}

/// The servers of this directory's remotes, each under the name of one of its remotes.
fn remotes(programs: &Programs) -> BTreeMap<String, BaseUrl> {
    let mut found: BTreeMap<String, BaseUrl> = BTreeMap::new();
    for line in ask_git(programs).unwrap_or_default().lines() {
        let Some((key, url)) = line.split_once(' ') else {
            continue;
        };
        let name = key
            .strip_prefix("remote.")
            .and_then(|key| key.strip_suffix(".url"));
        let (Some(name), Ok(address)) = (name, address(url)) else {
            continue;
        };
        let address = address.cut_to(0);
        if !found.values().any(|known| *known == address) {
            found.insert(name.to_owned(), address);
        }
    }
    found
}

/// What git's configuration says of remotes. Nothing is fetched, and no hook runs.
fn ask_git(programs: &Programs) -> Option<String> {
    let mut git = programs.command("git".as_ref())?;
    git.args(["config", "--get-regexp", r"^remote\..*\.url$"]);
    let text = Asked::start(&mut git)?.answer(MAX_GIT_OUTPUT, Instant::now() + GIT_TIMEOUT)?;
    String::from_utf8(text).ok()
}
