//! `authsome status`: who is connected, whether it works, what mends it, and which runs are alive.
//! Inside a run, also what that run does.

mod ask;
mod here;
mod kept;
mod live;

use serde_json::{Value, json};

use self::ask::Question;
use crate::cli::args::Status as Arguments;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::inside::current_run;
use crate::clock::Timestamp;
use crate::connection::{Connection, Status, StoreError};
use crate::credential::ConnectionId;
use crate::oauth::TokenCheck;
use crate::session::{UserData, living};

/// What is known of one connection.
pub(super) struct Report {
    pub(super) id: ConnectionId,
    account: Option<String>,
    place: Option<String>,
    is_default: bool,
    renews: bool,
    expires_at: Option<Timestamp>,
    pub(super) state: State,
}

/// Whether a connection works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The stored record cannot be read.
    Damaged(String),
    /// The token has expired, and is renewed when it is next used.
    Expired,
    /// Only a new login helps.
    NeedsLogin,
    /// The server was not asked.
    NotAsked,
    /// The server refuses the token.
    Refused,
    /// The server did not tell.
    Unreachable(String),
    /// The server accepts the token.
    Works,
}

impl State {
    /// Its name in JSON.
    const fn name(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "error",
            Self::Expired => "expired",
            Self::NeedsLogin => "needs_login",
            Self::NotAsked => "not_asked",
            Self::Refused => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Works => "works",
        }
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Damaged(reason) => reason.clone(),
            Self::Expired => "the token has expired".to_owned(),
            Self::NeedsLogin => "needs a new login".to_owned(),
            Self::NotAsked => "connected".to_owned(),
            Self::Refused => "the server refuses the token".to_owned(),
            Self::Unreachable(reason) => format!("the server could not be asked: {reason}"),
            Self::Works => "works".to_owned(),
        }
    }
}

impl From<TokenCheck> for State {
    fn from(check: TokenCheck) -> Self {
        match check {
            TokenCheck::Accepted => Self::Works,
            TokenCheck::Refused => Self::Refused,
            TokenCheck::Unknown(reason) => Self::Unreachable(reason),
        }
    }
}

impl Report {
    fn new(connection: &Connection, is_default: bool) -> Self {
        let account = connection.account.as_ref();
        let account = account.map(|known| known.label.as_ref().unwrap_or(&known.id).clone());
        let place = connection.base_url.as_ref().map(ToString::to_string);
        Self {
            id: connection.id.clone(),
            account,
            place: place.or_else(|| Some(connection.server()?.origin().ascii_serialization())),
            is_default,
            renews: connection.is_renewable(),
            expires_at: connection.tokens.expires_at,
            state: match connection.status(Timestamp::now()) {
                Status::NeedsLogin => State::NeedsLogin,
                Status::Expired => State::Expired,
                Status::Connected => State::NotAsked,
            },
        }
    }

    fn damaged(id: ConnectionId, is_default: bool, reason: String) -> Self {
        Self {
            id,
            account: None,
            place: None,
            is_default,
            renews: false,
            expires_at: None,
            state: State::Damaged(reason),
        }
    }

    /// The command that mends it.
    pub(super) fn remedy(&self) -> Option<String> {
        let ConnectionId { provider, name } = &self.id;
        match self.state {
            State::Damaged(_) | State::NeedsLogin | State::Refused => Some(format!(
                "authsome login {provider} --connection {name} --force"
            )),
            State::Unreachable(_) => Some("authsome doctor".to_owned()),
            State::Expired | State::NotAsked | State::Works => None,
        }
    }

    /// How long it lasts, in words.
    fn life(&self) -> Option<String> {
        let is_alive = matches!(
            self.state,
            State::Expired | State::NotAsked | State::Works | State::Unreachable(_)
        );
        match (is_alive, self.renews, self.expires_at) {
            (false, ..) => None,
            (true, true, _) => Some("renews itself".to_owned()),
            (true, false, None) => Some("does not expire".to_owned()),
            (true, false, Some(end)) => Some(format!("ends at {end}")),
        }
    }

    fn json(&self) -> Value {
        let reason = match &self.state {
            State::Damaged(reason) | State::Unreachable(reason) => Some(reason),
            _ => None,
        };
        json!({
            "provider": self.id.provider.to_string(),
            "connection": self.id.name.to_string(),
            "state": self.state.name(),
            "reason": reason,
            "account": self.account,
            "base_url": self.place,
            "is_default": self.is_default,
            "renews": self.renews,
            "expires_at": self.expires_at.map(|end| end.to_string()),
            "remedy": self.remedy(),
        })
    }
}

/// The state of each connection.
pub(super) fn reports(data: &UserData, asks_servers: bool) -> Result<Vec<Report>, Failure> {
    let (mut reports, questions) = read(data)?;
    if asks_servers {
        for (id, check) in ask::all(&data.home, questions)? {
            let asked = reports.iter_mut().find(|report| report.id == id);
            if let Some(report) = asked {
                report.state = check.into();
            }
        }
    }
    Ok(reports)
}

pub(in crate::cli) fn run(arguments: &Arguments, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let home = Context::user_files()?.home;
    let here = current_run(&home);
    let read = Context::user_data().and_then(|data| reports(&data, !arguments.offline));
    let reports = match (read, &here) {
        (Ok(reports), _) => Some(reports),
        // Inside a run, the vault's key may be out of reach. The run's part is known all the same.
        (Err(failure), Some(_)) => {
            printer.warn(&format!("no connection is shown: {}", failure.message));
            None
        }
        (Err(failure), None) => return Err(failure),
    };
    let runs = living(&home);
    let live = here.as_ref().and_then(|(id, _)| live::ask(id));
    if printer.is_json() {
        let connections = reports.as_ref().map(|reports| {
            let values = reports.iter().map(Report::json);
            values.collect::<Vec<_>>()
        });
        let here = here.as_ref().map(|(id, facts)| {
            let mut value = here::value(id, facts);
            let told = live.as_ref().and_then(Value::as_object);
            if let (Some(value), Some(told)) = (value.as_object_mut(), told) {
                for name in ["refused", "waiting", "requests"] {
                    let listed = told.get(name).cloned().unwrap_or_default();
                    value.insert(name.to_owned(), listed);
                }
            }
            value
        });
        printer.value(&json!({ "run": here, "connections": connections, "runs": runs }));
        return Ok(());
    }
    if let Some((id, facts)) = &here {
        here::show(id, facts, printer);
        if let Some(live) = &live {
            live::show(live, printer);
        }
    }
    if let Some(reports) = reports {
        show(&reports, &runs, context);
    }
    Ok(())
}

/// What the vault says of each connection, and what to ask the servers.
fn read(data: &UserData) -> Result<(Vec<Report>, Vec<Question>), Failure> {
    let (mut reports, mut questions) = (Vec::new(), Vec::new());
    for id in data.store.list()? {
        let is_default = data.store.default_of(&id.provider)?.as_ref() == Some(&id.name);
        match data.store.load(&id) {
            Ok(Some(stored)) => {
                let report = Report::new(&stored.connection, is_default);
                if report.state == State::NotAsked {
                    questions.extend(Question::new(data, stored)?);
                }
                reports.push(report);
            }
            Ok(None) => {}
            // A damaged record must not hide the others.
            Err(error) => reports.push(damaged(id, is_default, error)),
        }
    }
    Ok((reports, questions))
}

fn damaged(id: ConnectionId, is_default: bool, error: StoreError) -> Report {
    Report::damaged(id, is_default, Failure::from(error).message)
}

fn show(reports: &[Report], runs: &[String], context: &Context<'_>) {
    let printer = context.printer;
    let mut rows = Vec::new();
    for report in reports {
        let who = report.account.as_deref().unwrap_or("-");
        let place = report.place.as_deref().unwrap_or("-");
        let words = [Some(report.state.words()), report.life()];
        let words: Vec<_> = words.into_iter().flatten().collect();
        let marker = if report.is_default { "*" } else { " " };
        rows.push(vec![
            format!("{marker} {}", report.id),
            who.to_owned(),
            place.to_owned(),
            words.join(", "),
        ]);
        rows.extend(report.remedy().map(|remedy| vec![format!("    {remedy}")]));
    }
    printer.table(&rows);
    if reports.is_empty() {
        printer.line("Nothing is connected yet. Next: authsome login gitlab");
    }
    match runs {
        [] => printer.line("No run is alive."),
        [one] => printer.line(&format!("Run {one} is alive.")),
        several => printer.line(&format!("Runs {} are alive.", several.join(", "))),
    }
}
