//! A variable of a CI project, which is read and written with the connection's own token.
//!
//! The API has no compare-and-swap. What makes it safe all the same is that the server accepts each
//! refresh token once: of two jobs with the same pair only one gets the next, so only that one has
//! something to write. The comparison before that keeps a job that was held up from writing an
//! older pair.
//!
//! Jobs with *different* connections in one variable can overwrite each other's pairs. So what was
//! written is read again after a moment, and written again if it is not there, and once more at the
//! end of the session. What nobody sees is a job that reads before another one's end and writes
//! after it: for such jobs, the documentation recommends a variable each.

use std::time::Duration;

use serde_json::json;
use url::Url;

use super::decide::{Decision, Done, decide};
use super::error::HandBackError;
use super::sealed::Sealing;
use super::thread::on_a_thread;
use crate::clock::Timestamp;
use crate::connection::{Connection, ConnectionStore, Exported};
use crate::oauth::{HttpClients, ResourceRequest, ResourceResponse};

/// The longest value that is taken.
const MAX_VALUE: usize = 10_000;

/// How often a pair is written that others overwrite, and when it is looked for.
const MAX_WRITES: u32 = 5;
const SETTLING: Duration = Duration::from_millis(300);

/// A token is not refused for good while it is this young: a replica may not know it yet.
const YOUNG: Duration = Duration::from_secs(10);
const PAUSES: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// A variable, and what is needed to use it.
pub(super) struct Variable<'a> {
    pub(super) url: Url,
    /// The project and the name, for messages.
    pub(super) place: String,
    pub(super) sealing: &'a Sealing,
    pub(super) http: &'a HttpClients,
}

impl Variable<'_> {
    /// The connections in the variable.
    pub(super) async fn read(
        &self,
        connection: &Connection,
    ) -> Result<Vec<Exported>, HandBackError> {
        let response = self
            .ask(connection, &ResourceRequest::get(self.url.clone()))
            .await?;
        let Some(value) = response.body["value"].as_str() else {
            return Err(self.refused(response.status, ", and hides the value"));
        };
        self.sealing.open(value.as_bytes(), &self.place)
    }

    /// Writes the pair of `here` to the variable, or takes in what is there.
    pub(super) async fn reconcile(
        &self,
        here: &Exported,
        store: &ConnectionStore,
    ) -> Result<Done, HandBackError> {
        let mut done = Done::WasThere;
        for _ in 0..=MAX_WRITES {
            match decide(self.read(&here.connection).await?, here) {
                Decision::Nothing => return Ok(done),
                Decision::Forked => return Err(HandBackError::Forked(self.place.clone())),
                Decision::Other => return Err(HandBackError::OtherLogin(self.place.clone())),
                Decision::Write(all) => {
                    self.write(&here.connection, &all).await?;
                    done = Done::Written;
                    tokio::time::sleep(SETTLING).await;
                }
                Decision::TakeIn(found) => {
                    let store = store.clone();
                    on_a_thread(move || Ok(store.import(&found, false)?)).await?;
                    return Ok(Done::TakenIn);
                }
            }
        }
        Err(HandBackError::Contended(self.place.clone()))
    }

    async fn write(&self, connection: &Connection, all: &[Exported]) -> Result<(), HandBackError> {
        let value = String::from_utf8_lossy(&self.sealing.seal(all)?).into_owned();
        if value.len() > MAX_VALUE {
            return Err(HandBackError::TooLong {
                length: value.len(),
                limit: MAX_VALUE,
            });
        }
        let request = ResourceRequest::put(self.url.clone(), &json!({ "value": value }));
        self.ask(connection, &request).await.map(drop)
    }

    async fn ask(
        &self,
        connection: &Connection,
        request: &ResourceRequest,
    ) -> Result<ResourceResponse, HandBackError> {
        let certificate = connection.client_certificate.as_ref();
        let http = self
            .http
            .for_connection(connection.ca_pem.as_deref(), certificate)?;
        let mut pauses = PAUSES.iter();
        loop {
            let response = http.resource(request, &connection.tokens.access).await?;
            let age = connection.tokens.obtained_at.until(Timestamp::now());
            match (response.status, pauses.next()) {
                (200, _) => return Ok(response),
                (401, Some(pause)) if age < YOUNG => tokio::time::sleep(*pause).await,
                (status, _) => return Err(self.refusal(status)),
            }
        }
    }

    fn refusal(&self, status: u16) -> HandBackError {
        match status {
            401 => self.refused(
                status,
                ": the token does not work there; if another job has renewed it, start this one again, so that it gets the variable's present value",
            ),
            403 => self.refused(
                status,
                ": it takes the scope api, and an account that may change the project's variables",
            ),
            404 => HandBackError::NoVariable(self.place.clone()),
            _ => self.refused(status, ""),
        }
    }

    fn refused(&self, status: u16, reason: &'static str) -> HandBackError {
        HandBackError::Refused {
            place: self.place.clone(),
            status,
            reason,
        }
    }
}
