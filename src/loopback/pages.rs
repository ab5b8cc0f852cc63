//! The pages that the loopback listener shows: plain HTML, with no resource from another site and
//! with no secret.

mod form;
mod key;
mod result;
mod template;

use url::Url;

use super::address::RedirectUri;

pub(super) use self::form::form;
pub(super) use self::key::key;
pub(super) use self::result::{connected, result};

/// A form that the listener shows.
#[derive(Clone, Debug)]
pub enum Form {
    /// For an application.
    Client(Box<ClientForm>),
    /// For a key.
    Key(KeyForm),
}

/// What is shown in the form for the parts of a key.
#[derive(Clone, Debug)]
pub struct KeyForm {
    /// The provider's display name.
    pub provider: String,
    /// Where the provider says how to get one.
    pub docs_url: Option<Url>,
    /// The parts that are asked for.
    pub inputs: Vec<KeyInput>,
    /// Why the form is shown again.
    pub problem: Option<KeyProblem>,
}

/// One part of a key.
#[derive(Clone, Debug)]
pub struct KeyInput {
    /// Its name in the definition.
    pub name: String,
    /// Its name for the user.
    pub label: String,
    /// Its form in words.
    pub hint: Option<String>,
    /// Whether it is secret: it is not shown while it is typed, and not filled in again.
    pub is_secret: bool,
    /// Whether it may be left empty.
    pub is_optional: bool,
    /// What was typed before, if the form is shown again.
    pub value: String,
}

/// Why the form for a key is shown again.
#[derive(Clone, Debug)]
pub struct KeyProblem {
    /// The name of the part that has to change; `None` if it is none in particular.
    pub input: Option<String>,
    /// What is wrong.
    pub text: String,
}

/// What is shown in the form for an application's `client_id` and `client_secret`.
#[derive(Clone, Debug)]
pub struct ClientForm {
    /// The provider's display name.
    pub provider: String,
    /// The page where the provider lists a user's applications.
    pub applications_url: Option<Url>,
    /// The scopes that the application needs.
    pub scopes: Vec<String>,
    /// Where the browser goes after the form. The page's policy lets it submit to no other site.
    pub authorization_endpoint: Url,
    /// What is registered there as the redirect URI.
    pub redirect_uri: RedirectUri,
    /// What the provider's page calls its fields.
    pub words: FormWords,
    /// The id that was typed before, if the form is shown again. The secret is not filled in again,
    /// because no page contains a secret.
    pub client_id: String,
    /// Why the form is shown again.
    pub problem: Option<FormProblem>,
}

/// What the provider's page for registering an application calls its fields and buttons.
#[derive(Clone, Debug, Default)]
pub struct FormWords {
    /// The button that begins a new application.
    pub add: String,
    /// The field for its name.
    pub name: String,
    /// The field for the redirect URI.
    pub redirect_uri: String,
    /// The box for an application that can keep a secret; `None` if there is none.
    pub confidential: Option<String>,
    /// The list of scopes.
    pub scopes: String,
    /// The button that registers it.
    pub save: String,
    /// What the client ID is called.
    pub id: String,
    /// What the client secret is called.
    pub secret: String,
}

/// Why the form is shown again.
#[derive(Clone, Debug)]
pub struct FormProblem {
    /// The field that has to change.
    pub field: FormField,
    /// What to do.
    pub text: String,
    /// What the server has said.
    pub detail: Option<String>,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormField {
    /// The application's ID.
    Id,
    /// The secret, which is shown only where there is one.
    Secret,
}

/// A login that succeeded, as the last page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The provider's display name.
    pub provider: String,
    /// The server's address, if the provider can be at several.
    pub server: Option<String>,
    /// The account, if the provider has named it.
    pub account: Option<String>,
    /// The connection's name.
    pub connection: String,
    /// A command that shows that it works.
    pub proof: Option<String>,
}

/// How a step ended, as the browser shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It failed, and the form is shown again and says why.
    Again,
    /// It failed: a headline and a sentence.
    Bad(String, String),
    /// It succeeded.
    Good(Connected),
}

impl Outcome {
    /// A failure with this headline and this sentence.
    pub fn bad(title: &str, message: String) -> Self {
        Self::Bad(title.to_owned(), message)
    }
}

/// A page, and the header fields that it needs.
pub(super) struct Page {
    pub(super) html: String,
    pub(super) content_security_policy: String,
    /// The form's page uses `same-origin`: a form posted under `no-referrer` would carry `Origin:
    /// null`.
    pub(super) referrer_policy: &'static str,
}

/// The policy of a page whose style and script have that nonce.
fn policy(nonce: &str, form_action: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
}
