//! Whether the servers of the connections can be reached, accept the tokens, and agree about the
//! time.

use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;

use super::finding::Finding;
use crate::cli::cmd::status::{State, reports};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::clock::Timestamp;
use crate::connection::Connection;
use crate::oauth::HttpClients;
use crate::session::UserData;
use crate::waiting::at_most;

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A clock that is further off makes tokens look fresh that are not, and the other way round.
const MAX_SKEW: Duration = Duration::from_mins(1);

pub(super) fn findings(data: &UserData) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let mut connections = Vec::new();
    for id in data.store.list()? {
        if let Ok(Some(stored)) = data.store.load(&id) {
            connections.push(stored.connection);
        }
    }
    let runtime = Context::runtime()?;
    let clients = Context::clients(&[]);
    findings.extend(runtime.block_on(reach_all(connections, clients)));
    runtime.shutdown_background();
    for report in reports(data, true)? {
        let subject = report.id.to_string();
        let words = report.state.words();
        let remedy = report.remedy().unwrap_or_default();
        findings.push(match report.state {
            State::Works | State::Expired | State::NotAsked => Finding::good(subject, words),
            State::Unreachable(_) => Finding::warning(subject, words, remedy),
            State::Damaged(_) | State::NeedsLogin | State::Refused => {
                Finding::bad(subject, words, remedy)
            }
        });
    }
    if findings.is_empty() {
        let remedy = "authsome login gitlab";
        findings.push(Finding::warning("connections", "there are none", remedy));
    }
    Ok(findings)
}

async fn reach_all(connections: Vec<Connection>, clients: HttpClients) -> Vec<Finding> {
    let mut tasks = JoinSet::new();
    let mut asked = Vec::new();
    for connection in connections {
        let Some(server) = connection.server().map(|server| server.origin()) else {
            continue; // any host of a pattern
        };
        if !asked.contains(&server) {
            asked.push(server);
            let clients = clients.clone();
            tasks.spawn(async move { reach(&connection, &clients).await });
        }
    }
    let mut findings = tasks.join_all().await;
    findings.sort_by(|one, other| one.subject.cmp(&other.subject));
    findings
}

async fn reach(connection: &Connection, clients: &HttpClients) -> Finding {
    let server = connection.server();
    let origin = |server: &url::Url| server.origin().ascii_serialization();
    let subject = server.as_ref().map(origin).unwrap_or_default();
    let client = clients.for_connection(
        connection.ca_pem.as_deref(),
        connection.client_certificate.as_ref(),
    );
    let date = match client {
        Ok(client) => match &server {
            Some(server) => at_most(PATIENCE, client.date_of(server)).await,
            None => Some(Ok(None)),
        },
        Err(error) => Some(Err(error)),
    };
    match date {
        None => {
            let words = format!("does not respond within {} s", PATIENCE.as_secs());
            Finding::bad(subject, words, "check the network, and HTTPS_PROXY")
        }
        Some(Err(error)) => Finding::of_failure(&subject, Failure::from(error)),
        Some(Ok(date)) => match date.and_then(|date| skew(date, Timestamp::now().to_system_time()))
        {
            Some((direction, by)) => {
                let words = format!("this machine's clock is {} s {direction}", by.as_secs());
                let remedy = "set the clock, for example: sudo timedatectl set-ntp true";
                Finding::warning(subject, words, remedy)
            }
            None => Finding::good(subject, "can be reached, and the clocks agree"),
        },
    }
}

/// In which direction the own clock is wrong, and by how much, if that matters.
fn skew(theirs: SystemTime, ours: SystemTime) -> Option<(&'static str, Duration)> {
    let (direction, by) = match ours.duration_since(theirs) {
        Ok(by) => ("fast", by),
        Err(error) => ("slow", error.duration()),
    };
    (by > MAX_SKEW).then_some((direction, by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_by_more_than_a_minute() {
        let now = Timestamp::now().to_system_time();
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(skew(now, after(60)), None);
        assert_eq!(skew(after(60), now), None);
        assert_eq!(
            skew(now, after(61)),
            Some(("fast", Duration::from_secs(61)))
        );
        assert_eq!(
            skew(after(61), now),
            Some(("slow", Duration::from_secs(61)))
        );
    }
}
