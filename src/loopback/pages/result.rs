//! The last page of a login.

use std::collections::HashMap;

use super::template::{escape, fill};
use super::{Connected, Page, policy};

/// How the page of a result looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageStyle {
    Good,
    Bad,
}

/// The page of a login that succeeded: who, where, and what next.
pub(in crate::loopback) fn connected(connected: &Connected, nonce: &str) -> Page {
    let rows = [
        ("Account", connected.account.as_ref()),
        ("Server", connected.server.as_ref()),
        ("Connection", Some(&connected.connection)),
    ];
    let row = |(head, text): (&str, Option<&String>)| {
        let text = escape(text?);
        Some(format!("<div><dt>{head}</dt><dd>{text}</dd></div>"))
    };
    let rows: String = rows.into_iter().filter_map(row).collect();
    let proof = connected.proof.as_ref().map(|command| {
        let command = escape(command);
        format!("<p>See it work, in the terminal:</p><pre><code>{command}</code></pre>")
    });
    let body = format!("<dl>{rows}</dl>{}", proof.unwrap_or_default());
    let title = format!("{} is connected", connected.provider);
    let next = "You can close this page and go back to the terminal.";
    page(PageStyle::Good, &title, &body, next, nonce)
}

/// The page of any other result.
pub(in crate::loopback) fn result(title: &str, message: &str, nonce: &str) -> Page {
    let body = format!("<p role=\"alert\">{}</p>", escape(message));
    let next = "Go back to the terminal, which says what to do next.";
    page(PageStyle::Bad, title, &body, next, nonce)
}

fn page(style: PageStyle, title: &str, body: &str, next: &str, nonce: &str) -> Page {
    let style = match style {
        PageStyle::Good => "good",
        PageStyle::Bad => "bad",
    };
    let values = HashMap::from([
        ("body", body.to_owned()),
        ("mood", style.to_owned()),
        ("next", next.to_owned()),
        ("nonce", nonce.to_owned()),
        ("title", escape(title)),
    ]);
    Page {
        html: fill("result", &values),
        content_security_policy: policy(nonce, "'none'"),
        referrer_policy: "no-referrer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_escapes_what_a_server_said() {
        let words = "<script>{{nonce}}</script>";
        let page = result("Refused", words, "NONCE");
        assert!(page.html.contains("&lt;script&gt;{{nonce}}&lt;/script&gt;"));
        assert!(!page.html.contains("client_id"));
        let connected = connected(
            &Connected {
                provider: words.to_owned(),
                server: Some(words.to_owned()),
                account: Some(words.to_owned()),
                connection: "gitlab/default".to_owned(),
                proof: Some(words.to_owned()),
            },
            "NONCE",
        );
        assert_eq!(connected.html.matches("<script").count(), 1);
    }
}
