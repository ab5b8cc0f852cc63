//! `authsome token`: prints a token in the form in which a script or another tool asks for one.

use authsome_providers::{Auth, Definition, Provider, Shape};
use serde_json::{Map, Value, json};

use crate::audit::{Event, Kind};
use crate::cli::args::{Token, TokenFormat};
use crate::cli::context::{Context, service_of};
use crate::cli::failure::{Exit, Failure};
use crate::connection::Connection;
use crate::credential::Credential;
use crate::credential::signature::SigningKey;
use crate::secret::Secret;

pub(in crate::cli) fn run(arguments: &Token, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let data = Context::user_data()?;
    let definition = data.definition(arguments.named.provider(), printer)?;
    let connection = data.fresh(&arguments.named, printer)?;
    let credential = connection.credential(0);
    let format = match arguments.format {
        TokenFormat::Text if printer.is_json() => TokenFormat::Json,
        format => format,
    };
    let object = match format {
        TokenFormat::Text => None,
        TokenFormat::Json => Some(plain(&connection, &credential, &definition.provider)),
        TokenFormat::Exec => Some(exec_credential(&credential)),
        TokenFormat::AwsProcess => Some(aws_process(&connection, &credential, &definition)?),
    };
    data.audit
        .record(&Event::new(Kind::Export).of(&connection.id).because("token"));
    // Before the token is shown, so that the user is warned of an export that is not in the log.
    if let Some(problem) = data.audit.finish() {
        printer.warn(&problem);
    }
    match object {
        Some(object) => printer.value(&object),
        None => printer.exact(credential.token.expose()),
    }
    Ok(())
}

/// The token with what a program wants to know of it.
fn plain(connection: &Connection, credential: &Credential, provider: &Provider) -> Value {
    let mut object = json!({
        "token": credential.token.expose(),
        "provider": connection.id.provider.to_string(),
        "connection": connection.id.name.to_string(),
    });
    if let Some(end) = credential.expires_at {
        object["expires_at"] = end.to_string().into();
    }
    let declared = match &provider.auth {
        Auth::ApiKey(key) => &key.fields[..],
        Auth::OAuth2(_) => &[],
    };
    if declared.len() > 1 {
        let fields = credential.fields();
        let values = declared.iter().enumerate().filter_map(|(index, field)| {
            let value = match index {
                0 => fields.credential, // the key itself comes first
                _ => fields.named(&field.name)?,
            };
            Some((field.name.clone(), Value::from(value.expose().as_str())))
        });
        object["fields"] = Value::Object(values.collect::<Map<_, _>>());
    }
    object
}

/// What kubectl reads of a plugin (client.authentication.k8s.io/v1).
fn exec_credential(credential: &Credential) -> Value {
    let mut status = json!({ "token": credential.token.expose() });
    if let Some(end) = credential.expires_at {
        status["expirationTimestamp"] = end.to_string().into();
    }
    json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": status,
    })
}

/// What the AWS SDKs read of `credential_process`, for any service whose requests are signed.
fn aws_process(
    connection: &Connection,
    credential: &Credential,
    definition: &Definition,
) -> Result<Value, Failure> {
    let provider = definition.placed(&connection.params)?;
    let service = service_of(&provider, connection)?;
    let is_signed = service.rules.shapes().contains(&Shape::SigV4);
    let key = SigningKey::of(credential.fields()).filter(|_| is_signed);
    let key = key.ok_or_else(|| not_signed(connection))?;
    let (id, secret, session) = key.parts();
    let text = |secret: &Secret<String>| secret.expose().clone();
    let mut object = json!({
        "Version": 1,
        "AccessKeyId": text(id),
        "SecretAccessKey": text(secret),
    });
    if let Some(session) = session {
        object["SessionToken"] = text(session).into();
    }
    if let Some(end) = credential.expires_at {
        object["Expiration"] = end.to_string().into();
    }
    Ok(object)
}

fn not_signed(connection: &Connection) -> Failure {
    let id = &connection.id;
    let message = format!(
        "{id} has no AWS key: its requests are not signed (Signature Version 4), so there is nothing for credential_process"
    );
    let hint = format!("authsome token {id} --format json");
    Failure::new(Exit::Usage, "usage", message, hint)
}
