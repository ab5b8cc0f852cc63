//! Parses `flow`, and checks that each flow has the endpoint that it needs.

use crate::error::DefinitionError;
use crate::provider::{Auth, OAuth};
use crate::reader::Fields;
use crate::words::Flow;

/// How to log in, unless the user says otherwise. What `auth` declares without the endpoint for it
/// is taken back, with a warning: the definition is good for its own flow.
pub(super) fn flow(
    fields: &mut Fields<'_>,
    auth: &mut Auth,
    warnings: &mut Vec<String>,
) -> Result<Flow, DefinitionError> {
    let usual = match auth {
        Auth::ApiKey(_) => Flow::ApiKey,
        Auth::OAuth2(_) => Flow::Pkce,
    };
    let flow = fields.parsed("flow")?.unwrap_or(usual);
    if (flow == Flow::ApiKey) != (usual == Flow::ApiKey) {
        return Err(DefinitionError::field(
            "flow",
            "it does not go with `auth_type`",
        ));
    }
    if let Auth::OAuth2(oauth) = auth
        && !oauth.discover
    {
        check_endpoints(oauth, flow)?;
        warn_of_others(oauth, warnings);
    }
    Ok(flow)
}

/// The definition's own flow has to have its endpoint.
fn check_endpoints(oauth: &OAuth, flow: Flow) -> Result<(), DefinitionError> {
    let refuse = |path, reason| Err(DefinitionError::field(path, reason));
    match flow {
        Flow::Pkce | Flow::DcrPkce if oauth.authorization.is_none() => {
            refuse("oauth.authorization_url", "it is missing")
        }
        Flow::DcrPkce if !can_register(oauth) => refuse(
            REGISTRATION,
            "it is missing, and `flow` is `dcr_pkce`: add it, or `\"discover\": true` in `oauth` where the server names its endpoints itself",
        ),
        Flow::DeviceCode if oauth.device_authorization.is_none() => {
            refuse(DEVICE, "it is missing, and `flow` is `device_code`")
        }
        _ => Ok(()),
    }
}

/// An application of the user's own takes the place of one that is registered.
fn can_register(oauth: &OAuth) -> bool {
    let has_application = !oauth.supports_dcr && oauth.client_variables.0.is_some();
    oauth.registration.is_some() || has_application
}

/// Takes back each flow that cannot be used.
fn warn_of_others(oauth: &mut OAuth, warnings: &mut Vec<String>) {
    let others = [
        (
            &mut oauth.supports_dcr,
            oauth.registration.is_some(),
            Flow::DcrPkce,
            REGISTRATION,
        ),
        (
            &mut oauth.supports_device_code,
            oauth.device_authorization.is_some(),
            Flow::DeviceCode,
            DEVICE,
        ),
    ];
    for (is_declared, has_endpoint, flow, name) in others {
        if *is_declared && !has_endpoint {
            *is_declared = false;
            warnings.push(format!(
                "`--flow {flow}` cannot be used: add `{name}`, which that flow needs"
            ));
        }
    }
}

const DEVICE: &str = "oauth.device_authorization_url";
const REGISTRATION: &str = "registration.registration_endpoint";
