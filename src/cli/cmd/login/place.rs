//! What names the place of a service: a subdomain, a region.

use std::collections::BTreeMap;

use authsome_providers::{Definition, DefinitionError};

use crate::cli::args::{Login, Pair};
use crate::cli::ask::{ask, can_ask};
use crate::cli::failure::{Exit, Failure};
use crate::cli::printer::Printer;
use crate::cli::words::{typed_command_replacing, typed_command_with};

/// What names the place: from the flags, from the connection that is renewed, or asked for.
pub(super) fn params(
    arguments: &Login,
    definition: &Definition,
    stored: BTreeMap<String, String>,
    printer: &Printer,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut params = stored;
    for pair in &arguments.param {
        params.insert(pair.name.clone(), pair.value.clone());
    }
    for param in &definition.provider.params {
        if params.contains_key(&param.name) || !can_ask(printer) {
            continue;
        }
        let default = param.default.as_ref();
        let shown = default.map_or_else(
            || format!("for example {}", param.example),
            |default| format!("Enter for {default}"),
        );
        let typed = ask(printer, &format!("{} ({shown}): ", param.label)).unwrap_or_default();
        if !typed.trim().is_empty() {
            params.insert(param.name.clone(), typed.trim().to_owned());
        }
    }
    match definition.placed(&params) {
        Ok(_) => Ok(params),
        Err(error) => Err(wrong_param(&error, &arguments.param)),
    }
}

fn wrong_param(error: &DefinitionError, typed: &[Pair]) -> Failure {
    let hint = match error {
        DefinitionError::ParamInvalid { name, example, .. }
        | DefinitionError::ParamMissing { name, example, .. } => {
            let example = format!("{name}={example}");
            match typed.iter().find(|pair| pair.name == *name) {
                Some(pair) => typed_command_replacing(&format!("{name}={}", pair.value), &example),
                None => typed_command_with(&format!("--param {example}")),
            }
        }
        DefinitionError::ParamUnknown { provider, .. } => format!("authsome inspect {provider}"),
        _ => "authsome list".to_owned(),
    };
    Failure::new(Exit::Usage, "param_invalid", error.to_string(), hint)
}
