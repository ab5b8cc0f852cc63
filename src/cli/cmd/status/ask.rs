//! Asks the servers of the connections, all at once, for a short time only.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::kept::Kept;
use crate::cli::cmd::login::account_lookups;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::connection::{Connection, Stored};
use crate::credential::ConnectionId;
use crate::oauth::{AccountLookup, HttpClient, TokenCheck, check_token};
use crate::os::home::Home;
use crate::session::{UserData, is_on_route, provider_made_with};

/// How long all servers together may take. A server that hangs must not hold up the report on the
/// others.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many servers are asked at once.
const MAX_AT_ONCE: usize = 32;

/// What to ask about one connection.
pub(super) struct Question {
    connection: Connection,
    generation: u64,
    lookups: Vec<AccountLookup>,
}

impl Question {
    /// `None` if the definition that the connection was made with tells nothing to ask. Whoever can
    /// write a definition file could otherwise have the credential sent to a host of theirs.
    pub(super) fn new(data: &UserData, stored: Stored) -> Result<Option<Self>, Failure> {
        let connection = &stored.connection;
        let Some(provider) = provider_made_with(&data.store, connection)? else {
            return Ok(None);
        };
        let base = connection.base_url.as_ref();
        let (Ok(sign_in), Ok(service)) = (provider.sign_in_at(base), provider.at(base)) else {
            return Ok(None);
        };
        let terms = connection.terms.as_ref();
        let routes = terms.map_or(&service.routes, |terms| &terms.routes);
        let mut lookups = account_lookups(&sign_in, &service);
        lookups.retain(|lookup| is_on_route(&lookup.url, routes));
        Ok((!lookups.is_empty()).then_some(Self {
            generation: stored.generation,
            lookups,
            connection: stored.connection,
        }))
    }
}

/// What the servers say, by connection.
pub(super) fn all(
    home: &Home,
    questions: Vec<Question>,
) -> Result<Vec<(ConnectionId, TokenCheck)>, Failure> {
    let mut kept = Kept::load(home);
    let mut answers = Vec::new();
    let mut open = Vec::new();
    for question in questions {
        match kept.get(&question.connection.id, question.generation) {
            Some(check) => answers.push((question.connection.id, check)),
            None => open.push(question),
        }
    }
    if open.is_empty() {
        return Ok(answers);
    }
    let runtime = Context::runtime()?;
    let asked = runtime.block_on(ask(open));
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    for (id, generation, check) in asked {
        kept.add(&id, generation, &check);
        answers.push((id, check));
    }
    kept.store(home);
    Ok(answers)
}

async fn ask(questions: Vec<Question>) -> Vec<(ConnectionId, u64, TokenCheck)> {
    let clients = Context::clients(&[]);
    let deadline = Instant::now() + PATIENCE;
    let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
    let mut tasks = JoinSet::new();
    for question in questions {
        let Question {
            connection,
            generation,
            lookups,
        } = question;
        let client = clients.for_connection(
            connection.ca_pem.as_deref(),
            connection.client_certificate.as_ref(),
        );
        let places = Arc::clone(&places);
        tasks.spawn(async move {
            let check = match client {
                Ok(client) => {
                    let checked = timeout_at(deadline, async {
                        let _place = places.acquire().await;
                        check(&connection, &lookups, &client).await
                    });
                    checked.await.unwrap_or_else(|_| {
                        TokenCheck::Unknown(format!("no response within {} s", PATIENCE.as_secs()))
                    })
                }
                Err(error) => TokenCheck::Unknown(error.to_string()),
            };
            (connection.id, generation, check)
        });
    }
    tasks.join_all().await
}

async fn check(
    connection: &Connection,
    lookups: &[AccountLookup],
    client: &HttpClient,
) -> TokenCheck {
    let credential = connection.credential(0);
    check_token(lookups, credential.fields(), client).await
}
