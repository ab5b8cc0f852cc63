//! The form for the parts of a key.

use std::collections::HashMap;

use super::template::{escape, fill};
use super::{KeyForm, KeyInput, KeyProblem, Page, policy};

/// What starts the ids of inputs, so that none is that of another element.
const ID: &str = "key-";

pub(in crate::loopback) fn key(form: &KeyForm, csrf: &str, nonce: &str) -> Page {
    let problem = form.problem.as_ref();
    let focused = focused(form);
    let inputs = form.inputs.iter();
    let inputs: String = inputs
        .map(|input| {
            let is_wrong =
                problem.is_some_and(|problem| problem.input.as_ref() == Some(&input.name));
            shown(input, is_wrong, focused == Some(&input.name))
        })
        .collect();
    let values = HashMap::from([
        ("csrf", escape(csrf)),
        ("docs", form.docs_url.as_ref().map(docs).unwrap_or_default()),
        ("inputs", inputs),
        ("nonce", nonce.to_owned()),
        ("problem", problem.map(told).unwrap_or_default()),
        ("provider", escape(&form.provider)),
        ("title", escape(&format!("Connect {}", form.provider))),
    ]);
    Page {
        html: fill("key", &values),
        content_security_policy: policy(nonce, "'self'"),
        referrer_policy: "same-origin",
    }
}

/// The part that has to change, or else the first one.
fn focused(form: &KeyForm) -> Option<&String> {
    let wrong = form
        .problem
        .as_ref()
        .and_then(|problem| problem.input.as_ref());
    wrong.or_else(|| form.inputs.first().map(|input| &input.name))
}

fn shown(input: &KeyInput, is_wrong: bool, has_focus: bool) -> String {
    let id = format!("{ID}{}", escape(&input.name));
    let (name, label) = (escape(&input.name), escape(&input.label));
    let hint = input.hint.as_ref();
    let hint = hint.map(|hint| format!("<p class=\"hint\" id=\"{id}-hint\">{}</p>", escape(hint)));
    let described = match (is_wrong, hint.is_some()) {
        (true, true) => format!(" aria-describedby=\"problem {id}-hint\""),
        (true, false) => " aria-describedby=\"problem\"".to_owned(),
        (false, true) => format!(" aria-describedby=\"{id}-hint\""),
        (false, false) => String::new(),
    };
    let when = |is_so, text| if is_so { text } else { "" };
    let kind = when(input.is_secret, " type=\"password\"");
    let need = when(!input.is_optional, " required");
    let left_empty = when(input.is_optional, " (may be left empty)");
    let invalid = when(is_wrong, " aria-invalid=\"true\"");
    let focus = when(has_focus, " autofocus");
    let value = if input.is_secret {
        String::new()
    } else {
        escape(&input.value)
    };
    let hint = hint.unwrap_or_default();
    format!(
        "<div class=\"part\"><label for=\"{id}\">{label}{left_empty}</label>\n<input id=\"{id}\" name=\"{name}\"{kind} value=\"{value}\"{need} autocomplete=\"off\" spellcheck=\"false\" autocapitalize=\"none\"{invalid}{described}{focus}>{hint}</div>\n"
    )
}

fn docs(url: &url::Url) -> String {
    let url = escape(url.as_str());
    format!(
        "<p>How to get one: <a href=\"{url}\" target=\"_blank\" rel=\"noopener noreferrer\">{url}</a></p>"
    )
}

fn told(problem: &KeyProblem) -> String {
    let text = escape(&problem.text);
    format!("<p class=\"problem\" id=\"problem\" role=\"alert\">{text}</p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_contains_a_secret_and_the_wrong_part_has_the_focus() {
        let input = |name: &str, is_secret| KeyInput {
            name: name.to_owned(),
            label: format!("<i>{name}</i>"),
            hint: Some("<b>hint</b>".to_owned()),
            is_secret,
            is_optional: !is_secret,
            value: "\"typed".to_owned(),
        };
        let form = KeyForm {
            provider: "Ac<me>".to_owned(),
            docs_url: Some("https://acme.test/keys".parse().unwrap()),
            inputs: vec![input("api_key", true), input("user", false)],
            problem: Some(KeyProblem {
                input: Some("user".to_owned()),
                text: "<b>no</b>".to_owned(),
            }),
        };
        let page = key(&form, "TOKEN", "NONCE");
        let html = &page.html;
        assert_eq!(html.matches("typed").count(), 1, "{html}");
        assert_eq!(html.matches("<i>").count() + html.matches("<b>").count(), 0);
        let inputs: Vec<_> = html
            .split('<')
            .filter(|tag| tag.contains("autofocus"))
            .collect();
        assert!(
            inputs.len() == 1 && inputs[0].contains("name=\"user\""),
            "{inputs:?}"
        );
        assert!(html.contains("type=\"password\"") && html.contains("value=\"TOKEN\""));
        assert!(!html.contains("{{") && !html.contains("section:"));
        assert!(page.content_security_policy.contains("form-action 'self';"));
    }
}
