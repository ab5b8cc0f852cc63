//! What a login says, in sentences.

use crate::connection::{Finished, FinishedBy};
use crate::loopback::RedirectUri;

/// How to do without the form. `page` is where an application is registered, if that is known.
pub(super) fn register(page: &str, redirect_uri: RedirectUri) -> String {
    let place = if page.is_empty() {
        String::new()
    } else {
        format!(" at {page}")
    };
    let redirect_uri = redirect_uri.as_str();
    format!(
        "Or register the application{place} with the redirect URI {redirect_uri}, and paste its ID here."
    )
}

/// Whose login it is, and by whom.
pub(super) fn finished(finished: &Finished<'_>) -> String {
    let account = finished.account.map_or_else(
        || "an account that it does not name".to_owned(),
        |account| match &account.label {
            Some(label) => format!("account {label} ({})", account.id),
            None => format!("account {}", account.id),
        },
    );
    let how = match finished.by {
        FinishedBy::Paste => "from the address that was pasted",
        FinishedBy::ThisUser => "from your browser",
        FinishedBy::Unknown => "from a browser whose user the system does not tell",
    };
    format!(
        "{}: {account}, application {}, {how}.",
        finished.provider, finished.client_id
    )
}
