//! What the flags of a login may say together.

use std::collections::BTreeSet;

use authsome_providers::{Auth, Provider};

use crate::cli::args::{Login, Pair};
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::{typed_command, typed_command_with};

/// Refuses flags that would have no effect: the user means something else than what would happen.
pub(super) fn check(arguments: &Login, provider: &Provider) -> Result<(), Failure> {
    once(&arguments.param, "--param")?;
    once(&arguments.field, "--field")?;
    let of_key = [
        ("--api-key-file", arguments.api_key_file.is_some()),
        ("--field", !arguments.field.is_empty()),
        ("--form", arguments.form),
    ];
    let of_oauth = [
        ("--scopes", arguments.scopes.is_some()),
        ("--client-id", arguments.client_id.is_some()),
    ];
    let given = |flags: &[(&'static str, bool)]| {
        let found = flags.iter().find(|(_, is_given)| *is_given);
        found.map(|(flag, _)| *flag)
    };
    let (misplaced, kind) = match &provider.auth {
        Auth::ApiKey(_) => (given(&of_oauth), "OAuth"),
        Auth::OAuth2(_) => (given(&of_key), "key"),
    };
    if let Some(flag) = misplaced {
        let message = format!(
            "{flag} is for a login by {kind}; {} logs in by {}",
            provider.display_name, provider.flow
        );
        let hint = format!("authsome login {}", provider.id);
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    }
    if let Auth::ApiKey(api_key) = &provider.auth
        && let Some(first) = api_key.fields.first()
        && arguments.api_key_file.is_some()
        && arguments.field.iter().any(|pair| pair.name == first.name)
    {
        return Err(twice(
            &format!("{} is given", first.label),
            "--api-key-file and --field",
        ));
    }
    match &arguments.client_id {
        Some(id) if id.trim().is_empty() || id.contains(char::is_control) => {
            let message = "the ID of --client-id is empty, or has control characters";
            let hint = "copy it again from the provider's page";
            Err(Failure::new(Exit::Usage, "usage", message, hint))
        }
        _ => Ok(()),
    }
}

/// Flags say how to log in; without a provider, and with nobody to ask, they say nothing.
pub(super) fn refuse_without_target(arguments: &Login) -> Result<(), Failure> {
    let has_flags = arguments.api_key_file.is_some()
        || arguments.client_id.is_some()
        || arguments.connection.is_some()
        || arguments.flow.is_some()
        || arguments.scopes.is_some()
        || arguments.force
        || arguments.form
        || arguments.no_browser
        || !arguments.field.is_empty()
        || !arguments.param.is_empty();
    if !has_flags {
        return Ok(());
    }
    let hint = format!(
        "{}; see what there is: authsome list",
        typed_command_with("PROVIDER")
    );
    Err(Failure::new(
        Exit::Usage,
        "usage",
        "no provider is named",
        hint,
    ))
}

fn once(pairs: &[Pair], flag: &str) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    match pairs.iter().find(|pair| !names.insert(&pair.name)) {
        Some(pair) => Err(twice(&format!("{} is given", pair.name), flag)),
        None => Ok(()),
    }
}

fn twice(what: &str, by: &str) -> Failure {
    let message = format!("{what} twice, by {by}");
    let hint = format!("leave one of them out of: {}", typed_command());
    Failure::new(Exit::Usage, "usage", message, hint)
}
