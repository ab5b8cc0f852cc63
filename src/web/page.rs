//! The page: one document with its style and its script in it, which its policy allows by their
//! hashes.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const DOCUMENT: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &[&str] = &[
    include_str!("page/dom.js"),
    include_str!("page/live.js"),
    include_str!("page/views.js"),
    include_str!("page/main.js"),
];

/// The document, and the policy that goes with it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) html: String,
    pub(super) content_security_policy: String,
}

impl Page {
    pub(super) fn new(is_read_only: bool) -> Self {
        let script = format!("'use strict';\n(() => {{\n{}}})();\n", SCRIPT.concat());
        let html = DOCUMENT
            .replace("/*style*/", STYLE)
            .replace("/*script*/", &script)
            .replace(
                "data-mode=\"\"",
                if is_read_only {
                    "data-mode=\"read\""
                } else {
                    "data-mode=\"all\""
                },
            );
        Self {
            html,
            content_security_policy: format!(
                "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
                hash(&script),
                hash(STYLE),
            ),
        }
    }
}

/// The source expression that allows just this text (CSP 3 §2.3.1).
fn hash(text: &str) -> String {
    format!(
        "'sha256-{}'",
        STANDARD.encode(digest(&SHA256, text.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
        let page = Page::new(true);
        for forbidden in [
            "https://",
            "//cdn",
            "src=",
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "localStorage",
            "document.cookie",
            "onclick=",
            "style=",
        ] {
            assert!(!page.html.contains(forbidden), "{forbidden}");
        }
        assert!(page.html.contains("data-mode=\"read\""));
        assert!(!page.html.contains("/*script*/") && !page.html.contains("/*style*/"));
        assert!(!page.content_security_policy.contains("unsafe"));
    }
}
