//! The form for an application, in the order of the provider's own page.

use std::collections::HashMap;

use super::template::{escape, fill};
use super::{ClientForm, FormField, FormProblem, Page, policy};
use crate::text;

/// What the application is called at the provider, unless the user has a better name.
const APPLICATION_NAME: &str = "authsome";

pub(in crate::loopback) fn form(form: &ClientForm, csrf: &str, nonce: &str) -> Page {
    let host = text::host_of(&form.authorization_endpoint);
    let applications = form.applications_url.as_ref();
    let applications = applications.unwrap_or(&form.authorization_endpoint);
    let words = &form.words;
    let at = form.problem.as_ref().map(|problem| problem.field);
    let marks = |field| if at == Some(field) { MARKED } else { "" }.to_owned();
    let title = format!("Connect {}", form.provider);
    let values = HashMap::from([
        ("add", escape(&words.add)),
        ("application_name", escape(APPLICATION_NAME)),
        ("applications", escape(applications.as_str())),
        ("client_id", escape(&form.client_id)),
        ("confidential", confidential(words.confidential.as_deref())),
        ("csrf", escape(csrf)),
        ("host", escape(&host)),
        ("id", escape(&words.id)),
        ("id_marks", marks(FormField::Id)),
        ("name", escape(&words.name)),
        ("nonce", nonce.to_owned()),
        ("open", secret_is_open(at)),
        (
            "problem",
            form.problem.as_ref().map(problem).unwrap_or_default(),
        ),
        ("provider", escape(&form.provider)),
        ("redirect", escape(form.redirect_uri.as_str())),
        ("redirect_uri", escape(&words.redirect_uri)),
        ("save", escape(&words.save)),
        ("scope_label", escape(&words.scopes)),
        ("scopes", scopes(&form.scopes)),
        ("secret", escape(&words.secret)),
        ("secret_marks", marks(FormField::Secret)),
        ("title", escape(&title)),
    ]);
    // Chromium applies `form-action` also to the redirect that follows the form.
    let origin = form.authorization_endpoint.origin().ascii_serialization();
    Page {
        html: fill("form", &values),
        content_security_policy: policy(nonce, &format!("'self' {origin}")),
        referrer_policy: "same-origin",
    }
}

/// The field that has to change gets the focus, and a screen reader is told why. A form without a
/// problem is read from its top.
const MARKED: &str = " aria-invalid=\"true\" aria-describedby=\"problem\" autofocus";

/// Whether the field for the secret is folded out.
fn secret_is_open(problem: Option<FormField>) -> String {
    let is_open = problem == Some(FormField::Secret);
    if is_open { " open" } else { "" }.to_owned()
}

fn problem(problem: &FormProblem) -> String {
    let text = escape(&problem.text);
    let detail = problem.detail.as_ref();
    let detail = detail.map(|detail| format!(" <span>{}</span>", escape(detail)));
    let detail = detail.unwrap_or_default();
    format!("<p class=\"problem\" id=\"problem\" role=\"alert\">{text}{detail}</p>")
}

fn scopes(scopes: &[String]) -> String {
    let item = |scope: &String| format!("<li><code>{}</code></li>", escape(scope));
    scopes.iter().map(item).collect()
}

fn confidential(word: Option<&str>) -> String {
    let step = |word| {
        format!(
            "<li><p><b>{}</b>: untick it. Then there is no secret to keep.</p></li>",
            escape(word)
        )
    };
    word.map(step).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::loopback::address::RedirectUri;
    use crate::loopback::pages::FormWords;

    fn example() -> ClientForm {
        let word = |text: &str| text.to_owned();
        ClientForm {
            provider: word("Git<Lab>"),
            applications_url: Some(
                Url::parse("https://gitlab.test/-/user_settings/applications").unwrap(),
            ),
            scopes: vec![word("api")],
            authorization_endpoint: Url::parse("https://gitlab.test/oauth/authorize").unwrap(),
            redirect_uri: RedirectUri::Address,
            words: FormWords {
                add: word("<i>Add</i>"),
                name: word("Name"),
                redirect_uri: word("Redirect URI"),
                confidential: Some(word("Confidential")),
                scopes: word("Scopes"),
                save: word("Save"),
                id: word("Application ID"),
                secret: word("Secret"),
            },
            client_id: word("\"typed\u{202e}"),
            problem: Some(FormProblem {
                field: FormField::Secret,
                text: word("<b>no</b>"),
                detail: Some(word("<b>said</b>")),
            }),
        }
    }

    #[test]
    fn the_form_has_its_inputs_and_no_foreign_asset() {
        let page = form(&example(), "TOKEN", "NONCE");
        for expected in [
            "name=\"client_id\"",
            "name=\"client_secret\"",
            "value=\"TOKEN\"",
            RedirectUri::Address.as_str(),
            "Git&lt;Lab&gt;",
            "&lt;i&gt;Add",
            "&lt;b&gt;no",
            "&lt;b&gt;said",
            "value=\"&quot;typed\u{fffd}\"",
        ] {
            assert!(page.html.contains(expected), "{expected}");
        }
        assert!(
            !page.html.contains("{{")
                && !page.html.contains("section:")
                && !page.html.contains("src=")
        );
        assert!(
            page.content_security_policy
                .contains("form-action 'self' https://gitlab.test;")
        );
    }

    #[test]
    fn one_field_has_the_focus_and_it_is_the_wrong_one() {
        let mut example = example();
        for (field, name) in [
            (FormField::Id, "client_id"),
            (FormField::Secret, "client_secret"),
        ] {
            example.problem = Some(FormProblem {
                field,
                text: "no".to_owned(),
                detail: None,
            });
            let page = form(&example, "TOKEN", "NONCE").html;
            let inputs = page.split('<').filter(|tag| tag.starts_with("input"));
            let focused: Vec<_> = inputs.filter(|tag| tag.contains("autofocus")).collect();
            assert_eq!(focused.len(), 1, "{name}");
            assert!(focused[0].contains(name) && focused[0].contains(MARKED));
        }
    }
}
