//! The form in which the user names the application: its first time, and again.

use super::super::prompt::{LoginPrompt, LoginStep, PageAddress};
use super::super::request::{LoginRequest, OAuthRequest};
use super::{CodeFlow, PageReply};
use crate::loopback::{ClientForm, FORM_URL, Form, FormField, FormProblem, FormWords, Outcome};
use crate::oauth::OAuthClient;

impl<P: LoginPrompt> CodeFlow<'_, P> {
    /// Shows the form for the first time.
    pub(super) fn ask_for_client(&mut self) {
        let form = form(self.request, self.code);
        let register_at = form.applications_url.as_ref();
        let register_at = register_at.map(ToString::to_string).unwrap_or_default();
        self.listener.show_form(Form::Client(Box::new(form)));
        let page = PageAddress {
            shown: FORM_URL,
            opened: FORM_URL,
            about: &register_at,
            redirect_uri: self.code.style.redirect,
        };
        self.prompt.open(LoginStep::Client, page);
    }

    /// Whether the form can mend this error. An application that the command line has named is not
    /// for the form to change.
    pub(super) fn may_ask_again(&self, code: &str) -> bool {
        self.code.client.is_none() && is_about_the_application(code)
    }

    /// Shows the form again, with what was typed: the application's registration differs from it.
    pub(super) fn ask_again(
        &mut self,
        client: &OAuthClient,
        code: &str,
        refusal: &str,
        page: PageReply,
    ) {
        let words = &self.code.form_words;
        let (field, text) = if code == WRONG_CLIENT {
            let text = advice(words, client.client_secret.is_some());
            (FormField::Secret, text)
        } else {
            let (id, scopes) = (&words.id, &words.scopes);
            let text = format!("Check the {id}, and the {scopes} of the application.");
            (FormField::Id, text)
        };
        self.listener.show_form(Form::Client(Box::new(ClientForm {
            client_id: client.client_id.clone(),
            problem: Some(FormProblem {
                field,
                text,
                detail: Some(refusal.to_owned()),
            }),
            ..form(self.request, self.code)
        })));
        self.prompt
            .say(&format!("{refusal}; the form is open again: {FORM_URL}"));
        let _ = page.send(Outcome::Again);
    }
}

/// The error of a client that is unknown, or has not proved who it is (RFC 6749 §5.2).
const WRONG_CLIENT: &str = "invalid_client";

fn advice(words: &FormWords, has_secret: bool) -> String {
    let (id, secret) = (&words.id, &words.secret);
    match &words.confidential {
        _ if has_secret => format!(
            "Check the {id}, and paste the {secret} again; leave it empty if the application has none."
        ),
        Some(confidential) => format!(
            "Check the {id}. If {confidential} is ticked there, untick it, or paste the {secret} as well."
        ),
        None => format!("Check the {id}. If the application has a {secret}, paste it as well."),
    }
}

/// Errors that another client ID, another secret or another registration solves (RFC 6749
/// §4.1.2.1, §5.2).
fn is_about_the_application(code: &str) -> bool {
    [
        WRONG_CLIENT,
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    ]
    .contains(&code)
}

fn form(request: &LoginRequest, code: &OAuthRequest) -> ClientForm {
    let endpoint = code.authorization_endpoint.as_ref();
    ClientForm {
        provider: request.provider.clone(),
        applications_url: code.applications_url.clone(),
        scopes: code.scopes.clone(),
        authorization_endpoint: endpoint.unwrap_or(&code.token_endpoint).clone(),
        redirect_uri: code.style.redirect,
        words: code.form_words.clone(),
        client_id: String::new(),
        problem: None,
    }
}
