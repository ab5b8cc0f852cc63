//! A login with a key that the user has.
//!
//! ```text
//! all parts given ───────────────→ asked whose it is ──→ stored
//!                                     ↑          │
//! form ──→ filled in ──→ its form is right       └ refused ──→ an error, or the form again
//!   ↑                       │
//!   └──── again, with why ──┘
//! ```

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use authsome_providers::CredentialField;
use tokio::time::{Instant, sleep, sleep_until};

use super::browser::connected;
use super::code::{LAST_PAGE, PageReply};
use super::error::{DEADLINE, LoginError};
use super::kept_key::{Key, kept};
use super::means::Means;
use super::prompt::{LoginPrompt, LoginStep, PageAddress};
use super::request::{KeyPart, KeyRequest};
use crate::connection::record::{Connection, StoredField};
use crate::loopback::{
    Arrival, FORM_URL, Form, KeyForm, KeyInput, KeyProblem, Listener, Outcome, RedirectUri, Visitor,
};
use crate::secret::Secret;

/// How often the user is told how much time is left.
const TICK: Duration = Duration::from_secs(1);

/// Stores a key, after the service has not refused it. A service that cannot be reached, or says
/// nothing of the key, is no reason to refuse it: the user may be offline.
pub(super) async fn by_key(
    means: Means<'_>,
    request: &KeyRequest,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    if request.has_form {
        return by_form(means, request, prompt, cancelled).await;
    }
    let key = whole(&request.parts, HashMap::new()).map_err(Wrong::error)?;
    kept(means, request, key, prompt, cancelled.as_mut()).await
}

/// Asks for the parts in a form, until they are such that the service does not refuse them.
async fn by_form(
    means: Means<'_>,
    request: &KeyRequest,
    prompt: &mut impl LoginPrompt,
    mut cancelled: Pin<&mut impl Future<Output = ()>>,
) -> Result<Connection, LoginError> {
    let mut listener = Listener::bind(RedirectUri::default()).await?;
    let provider = &means.request.provider;
    listener.show_form(form(provider, request, None, HashMap::new()));
    let place = PageAddress {
        shown: FORM_URL,
        opened: FORM_URL,
        about: provider,
        redirect_uri: RedirectUri::default(),
    };
    prompt.open(LoginStep::Key, place);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let (parts, page) = tokio::select! {
            filled_in = filled_in(&mut listener, deadline, prompt) => filled_in?,
            () = cancelled.as_mut() => return Err(LoginError::Cancelled { revoked: None }),
        };
        let shown = shown_again(request, &parts);
        let problem = match whole(&request.parts, parts) {
            Err(wrong) => wrong.shown(),
            Ok(key) => match kept(means, request, key, prompt, cancelled.as_mut()).await {
                Ok(connection) => {
                    let _ = page.send(Outcome::Good(connected(means.request, &connection)));
                    sleep(LAST_PAGE).await;
                    return Ok(connection);
                }
                Err(error @ LoginError::KeyRefused { .. }) => {
                    prompt.say(&format!("{error}; the form is open again: {FORM_URL}"));
                    let text = format!("{error}. Copy it again, whole.");
                    KeyProblem { input: None, text }
                }
                Err(error) => {
                    let _ = page.send(Outcome::bad("Not stored", error.to_string()));
                    sleep(LAST_PAGE).await;
                    return Err(error);
                }
            },
        };
        listener.show_form(form(provider, request, Some(problem), shown));
        let _ = page.send(Outcome::Again);
    }
}

/// What is filled in, and where its browser waits for a page.
type FilledIn = (HashMap<String, Secret<String>>, PageReply);

/// Waits for a form that the user has filled in.
async fn filled_in(
    listener: &mut Listener,
    deadline: Instant,
    prompt: &mut impl LoginPrompt,
) -> Result<FilledIn, LoginError> {
    loop {
        let arrival = tokio::select! {
            arrival = listener.next() => arrival,
            // Nothing is pasted here; it ends only if nobody can see the form.
            None = prompt.pasted() => return Err(LoginError::Unattended),
            () = sleep(TICK) => {
                let left = deadline.saturating_duration_since(Instant::now());
                prompt.waiting(Some(left));
                continue;
            }
            () = sleep_until(deadline) => return Err(LoginError::Deadline { revoked: None }),
        };
        prompt.waiting(None);
        match arrival {
            // Whoever fills in the form chooses the account that the agent will work in.
            Arrival::Key {
                visitor: Visitor::Unknown,
                reply,
                ..
            } => {
                let words = "The system does not tell whose browser this is, so the key is not taken. Give it in the terminal: --api-key-file -";
                let _ = reply.send(Outcome::bad("Not stored", words.to_owned()));
            }
            Arrival::Key { parts, reply, .. } => return Ok((parts, reply)),
            Arrival::Stranger { of_another_user } => prompt.stranger(of_another_user),
            Arrival::Redirect { reply, .. } => {
                let words = "This login waits for a key, and for no redirect.".to_owned();
                let _ = reply.send(Outcome::bad("Not for this login", words));
            }
            Arrival::Client { reply, .. } => {
                let _ = reply.send(Err("This login waits for a key.".to_owned()));
            }
        }
    }
}

/// A part that is not there, or cannot be right.
struct Wrong<'a> {
    field: &'a CredentialField,
    fault: String,
}

impl Wrong<'_> {
    fn error(self) -> LoginError {
        LoginError::KeyUnusable {
            label: self.field.label.clone(),
            fault: self.fault,
        }
    }

    fn shown(&self) -> KeyProblem {
        let label = &self.field.label;
        KeyProblem {
            input: Some(self.field.name.clone()),
            text: match self.fault.as_str() {
                "" => format!("{label} does not have the form of one."),
                fault => format!("{label} does not have the form of one: {fault}"),
            },
        }
    }
}

/// The key with what was given and what was filled in.
fn whole(
    parts: &[KeyPart],
    mut filled_in: HashMap<String, Secret<String>>,
) -> Result<Key, Wrong<'_>> {
    let mut values = Vec::new();
    for KeyPart { field, value } in parts {
        let value = value
            .as_ref()
            .map(|value| Secret::new(value.expose().clone()));
        let typed = || {
            let typed = filled_in.remove(&field.name)?;
            Some(Secret::new(typed.expose().trim().to_owned()))
        };
        let value = value
            .or_else(typed)
            .filter(|value| !value.expose().is_empty());
        let Some(value) = value else {
            if field.is_optional {
                continue;
            }
            let fault = "it is missing".to_owned();
            return Err(Wrong { field, fault });
        };
        if let Some(fault) = field.fault_of(value.expose()) {
            return Err(Wrong { field, fault });
        }
        values.push(StoredField {
            name: field.name.clone(),
            value,
            is_secret: field.is_secret,
        });
    }
    // A definition has a first part, which is not optional.
    let mut values = values.into_iter();
    let Some(first) = values.next() else {
        let (field, fault) = (&parts[0].field, "it is missing".to_owned());
        return Err(Wrong { field, fault });
    };
    Ok(Key {
        key: first.value,
        fields: values.collect(),
    })
}

/// What was typed and may be shown.
fn shown_again(
    request: &KeyRequest,
    parts: &HashMap<String, Secret<String>>,
) -> HashMap<String, String> {
    let open = request.parts.iter().filter(|part| !part.field.is_secret);
    let typed = open.filter_map(|part| {
        let value = parts.get(&part.field.name)?;
        Some((part.field.name.clone(), value.expose().clone()))
    });
    typed.collect()
}

fn form(
    provider: &str,
    request: &KeyRequest,
    problem: Option<KeyProblem>,
    mut typed: HashMap<String, String>,
) -> Form {
    let asked = request.parts.iter().filter(|part| part.value.is_none());
    let inputs = asked.map(|KeyPart { field, .. }| KeyInput {
        name: field.name.clone(),
        label: field.label.clone(),
        hint: field.hint.clone(),
        is_secret: field.is_secret,
        is_optional: field.is_optional,
        value: typed.remove(&field.name).unwrap_or_default(),
    });
    Form::Key(KeyForm {
        provider: provider.to_owned(),
        docs_url: request.docs_url.clone(),
        inputs: inputs.collect(),
        problem,
    })
}
