//! The pages that the loopback listener shows: plain HTML, with no resource from another site and
//! with no secret.

use std::collections::HashMap;

use url::Url;

use super::address::REDIRECT_URI;
use crate::text;

/// The file contains the frame and both bodies.
const PAGE: &str = include_str!("page.html");

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
    /// The id that was typed before, if the form is shown again. The secret is not filled in again,
    /// because no page contains a secret.
    pub client_id: String,
    /// Why the form is shown again.
    pub problem: Option<String>,
}

/// How a step ended, as the browser shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded: a headline and a sentence.
    Good(String, String),
    /// It failed: a headline and a sentence.
    Bad(String, String),
    /// It failed, and the form is shown again and says why.
    Again,
}

/// How the page of a result looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageStyle {
    Good,
    Bad,
}

/// A page, and the header fields that it needs.
pub(super) struct Page {
    pub(super) html: String,
    pub(super) content_security_policy: String,
    /// The form's page uses `same-origin`: a form posted under `no-referrer` would carry `Origin:
    /// null`.
    pub(super) referrer_policy: &'static str,
}

pub(super) fn form(form: &ClientForm, csrf: &str, nonce: &str) -> Page {
    let host = text::host_of(&form.authorization_endpoint);
    let applications = form
        .applications_url
        .as_ref()
        .unwrap_or(&form.authorization_endpoint)
        .to_string();
    let problem = form
        .problem
        .as_ref()
        .map(|text| format!("<p class=\"bad\" role=\"alert\">{}</p>", escape(text)))
        .unwrap_or_default();
    let scopes = form.scopes.join(" ");
    let title = format!("Connect {}", form.provider);
    let values = HashMap::from([
        ("applications", escape(&applications)),
        ("client_id", escape(&form.client_id)),
        ("csrf", escape(csrf)),
        ("host", escape(&host)),
        ("nonce", nonce.to_owned()),
        ("problem", problem),
        ("provider", escape(&form.provider)),
        ("redirect", escape(REDIRECT_URI)),
        ("scopes", escape(&scopes)),
        ("title", escape(&title)),
    ]);
    // Chromium applies `form-action` also to the redirect that follows the form.
    let origin = form.authorization_endpoint.origin().ascii_serialization();
    Page {
        html: fill("form", &values),
        content_security_policy: policy(nonce, &format!("'self' {origin}"), true),
        referrer_policy: "same-origin",
    }
}

pub(super) fn result(mood: PageStyle, title: &str, message: &str, nonce: &str) -> Page {
    let (mood, next) = match mood {
        PageStyle::Good => (
            "good",
            "You can close this window and go back to the terminal.",
        ),
        PageStyle::Bad => ("bad", "The terminal says what to do next."),
    };
    let values = HashMap::from([
        ("message", escape(message)),
        ("mood", mood.to_owned()),
        ("next", next.to_owned()),
        ("nonce", nonce.to_owned()),
        ("title", escape(title)),
    ]);
    Page {
        html: fill("result", &values),
        content_security_policy: policy(nonce, "'none'", false),
        referrer_policy: "no-referrer",
    }
}

fn policy(nonce: &str, form_action: &str, script: bool) -> String {
    let script = if script {
        format!("; script-src 'nonce-{nonce}'")
    } else {
        String::new()
    };
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'{script}; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The frame with the body `section`, in which each `{{name}}` is replaced. Replacements are not
/// searched again, so a value that contains `{{…}}` has no effect.
fn fill(section: &str, values: &HashMap<&str, String>) -> String {
    let mut parts = PAGE.split("<!-- section: ");
    let head = parts.next().unwrap_or_default();
    let mut template = head.to_owned();
    for part in parts {
        let (name, body) = part.split_once(" -->\n").unwrap_or((part, ""));
        if name == section || name == "end" {
            template.push_str(body);
        }
    }
    let mut html = String::with_capacity(template.len());
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, following) = after.split_once("}}").unwrap_or((after, ""));
        html.push_str(before);
        html.push_str(values.get(name).map_or("", String::as_str));
        rest = following;
    }
    html.push_str(rest);
    html
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text::line(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ClientForm {
        ClientForm {
            provider: "Git<Lab>".to_owned(),
            applications_url: Some(
                Url::parse("https://gitlab.test/-/user_settings/applications").unwrap(),
            ),
            scopes: vec!["api".to_owned()],
            authorization_endpoint: Url::parse("https://gitlab.test/oauth/authorize").unwrap(),
            client_id: "\"typed\u{202e}".to_owned(),
            problem: Some("<b>no</b>".to_owned()),
        }
    }

    #[test]
    fn the_form_has_its_inputs_and_no_foreign_asset() {
        let page = form(&example(), "TOKEN", "NONCE");
        for expected in [
            "name=\"client_id\"",
            "name=\"client_secret\"",
            "value=\"TOKEN\"",
            REDIRECT_URI,
            "Git&lt;Lab&gt;",
            "&lt;b&gt;no",
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
    fn a_result_escapes_what_a_server_said() {
        let words = "<script>{{nonce}}</script>";
        let page = result(PageStyle::Bad, "Refused", words, "NONCE");
        assert!(page.html.contains("&lt;script&gt;{{nonce}}&lt;/script&gt;"));
        assert!(!page.html.contains("client_id"));
        assert!(!page.content_security_policy.contains("script-src"));
    }
}
