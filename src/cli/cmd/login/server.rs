//! What is asked of an authorization server, from the flags and the definition.

use authsome_providers::{
    ApplicationForm, Auth, ClientAuthentication, Flow, OAuth, OAuthEndpoints, Provider,
    RedirectHost, SignIn, TokenRequestForm,
};
use tokio::runtime::Runtime;

use super::files::{read_secret, refuse_without_tls};
use crate::cli::args::Login;
use crate::cli::failure::{Exit, Failure};
use crate::cli::words::{typed_command_replacing, typed_command_with};
use crate::connection::{ClientCredentials, DiscoverRequest, FlowRequest, OAuthRequest};
use crate::loopback::{FormWords, RedirectUri};
use crate::oauth::RequestStyle;
use crate::secret::Secret;

/// The request of a login by OAuth.
pub(super) fn request(
    arguments: &Login,
    provider: &Provider,
    oauth: &OAuth,
    sign_in: &SignIn,
    has_certificate: bool,
    runtime: &Runtime,
) -> Result<FlowRequest, Failure> {
    let flow = flow(arguments, provider)?;
    let client = application(arguments, oauth, runtime)?;
    if oauth.discover {
        let wanted = discovered(arguments, provider, sign_in, client)?;
        return Ok(FlowRequest::Discovered(wanted));
    }
    let endpoints = endpoints(sign_in, provider)?;
    if has_certificate {
        refuse_without_tls(endpoints)?;
    }
    let request = oauth_request(
        arguments,
        provider,
        (oauth, flow),
        (sign_in, endpoints),
        client,
    );
    let request = Box::new(request);
    Ok(match flow {
        Flow::ClientCredentials => FlowRequest::ClientCredentials(request),
        Flow::DeviceCode => FlowRequest::Device(request),
        _ => FlowRequest::Code(request),
    })
}

/// A resource whose server is to be discovered: the address that the user has named, or the
/// service's own.
fn discovered(
    arguments: &Login,
    provider: &Provider,
    sign_in: &SignIn,
    client: Option<ClientCredentials>,
) -> Result<DiscoverRequest, Failure> {
    let own = || provider.api_address();
    let base = sign_in.base_url.clone().or_else(own);
    let Some(base) = base else {
        let message = format!("{} needs the address of a server", provider.display_name);
        let hint = typed_command_with("--base-url https://HOST/PATH");
        return Err(Failure::new(Exit::Usage, "usage", message, hint));
    };
    Ok(DiscoverRequest {
        client,
        resource: base.join(""),
        scopes: arguments.scopes.as_deref().map(split_scopes),
    })
}

fn oauth_request(
    arguments: &Login,
    provider: &Provider,
    (oauth, flow): (&OAuth, Flow),
    (sign_in, endpoints): (&SignIn, &OAuthEndpoints),
    client: Option<ClientCredentials>,
) -> OAuthRequest {
    let scopes = arguments.scopes.as_deref().map(split_scopes);
    let instance = provider.instance_url.as_ref();
    OAuthRequest {
        client,
        authorization_endpoint: endpoints.authorization.clone(),
        device_endpoint: endpoints.device_authorization.clone(),
        device_json: oauth.device_token_request == TokenRequestForm::Json,
        token_endpoint: endpoints.token.clone(),
        style: RequestStyle {
            basic: oauth.client_authentication == Some(ClientAuthentication::Basic),
            redirect: match oauth.redirect_host {
                RedirectHost::Localhost => RedirectUri::Localhost,
                _ => RedirectUri::Address,
            },
            json: oauth.token_request == TokenRequestForm::Json,
            exchange: None,
            resource: None,
        },
        revocation_endpoint: endpoints.revocation.clone(),
        metadata: endpoints.metadata.clone(),
        issuer: sign_in.issuer.clone(),
        extra_parameters: endpoints.authorization_params.clone(),
        applications_url: sign_in.applications_url.clone(),
        form_words: form_words(&provider.application_form),
        scopes: scopes.unwrap_or_else(|| endpoints.scopes.clone()),
        scope_separator: oauth.scope_separator.clone(),
        instance: instance.map(|found| (found.pointer.as_str().to_owned(), found.suffix.clone())),
        registration_endpoint: endpoints
            .registration
            .clone()
            .filter(|_| flow == Flow::DcrPkce),
    }
}

/// The flow that the user has chosen, if the provider has it, or else the definition's.
pub(super) fn flow(arguments: &Login, provider: &Provider) -> Result<Flow, Failure> {
    let Some(flow) = arguments.flow else {
        return Ok(provider.flow);
    };
    if has(provider, flow) {
        return Ok(flow);
    }
    let offered = Flow::ALL.into_iter().filter(|flow| has(provider, *flow));
    let offered: Vec<_> = offered.map(|flow| flow.to_string()).collect();
    let message = format!(
        "{} has no login by {flow}; it logs in by {}",
        provider.display_name,
        offered.join(" or ")
    );
    let hint = typed_command_replacing(&flow.to_string(), &provider.flow.to_string());
    Err(Failure::new(
        Exit::NoProvider,
        "flow_not_offered",
        message,
        hint,
    ))
}

fn has(provider: &Provider, flow: Flow) -> bool {
    match &provider.auth {
        Auth::ApiKey(_) => flow == Flow::ApiKey,
        // What is discovered is a server of the code flow.
        Auth::OAuth2(oauth) if oauth.discover => matches!(flow, Flow::DcrPkce | Flow::Pkce),
        Auth::OAuth2(oauth) => match flow {
            Flow::ApiKey => false,
            Flow::DcrPkce => oauth.supports_dcr,
            Flow::DeviceCode => oauth.supports_device_code,
            Flow::Pkce => oauth.authorization.is_some(),
            _ => oauth.supports_client_credentials || provider.flow == flow,
        },
    }
}

fn form_words(form: &ApplicationForm) -> FormWords {
    FormWords {
        add: form.add.clone(),
        name: form.name.clone(),
        redirect_uri: form.redirect_uri.clone(),
        confidential: form.confidential.clone(),
        scopes: form.scopes.clone(),
        save: form.save.clone(),
        id: form.id.clone(),
        secret: form.secret.clone(),
    }
}

/// The application that the user names, with its secret if it has one.
fn application(
    arguments: &Login,
    oauth: &OAuth,
    runtime: &Runtime,
) -> Result<Option<ClientCredentials>, Failure> {
    let (id_variable, secret_variable) = &oauth.client_variables;
    let named = |variable: &Option<String>| {
        let value = std::env::var(variable.as_ref()?).ok()?;
        (!value.is_empty()).then_some(value)
    };
    let Some(client_id) = arguments.client_id.clone().or_else(|| named(id_variable)) else {
        return Ok(None);
    };
    let file = arguments.client_secret_file.as_deref();
    let client_secret = match file {
        Some(path) => read_secret(path, runtime)?,
        None if arguments.client_id.is_some() => None,
        None => named(secret_variable).map(Secret::new),
    };
    Ok(Some(ClientCredentials {
        client_id,
        client_secret,
    }))
}

fn endpoints<'a>(sign_in: &'a SignIn, provider: &Provider) -> Result<&'a OAuthEndpoints, Failure> {
    sign_in.oauth.as_ref().ok_or_else(|| {
        let message = format!("{} is not connected by OAuth", provider.display_name);
        Failure::new(
            Exit::Usage,
            "usage",
            message,
            format!("authsome inspect {}", provider.id),
        )
    })
}

fn split_scopes(text: &str) -> Vec<String> {
    text.split([',', ' ', '\t'])
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect()
}
