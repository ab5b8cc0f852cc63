//! What a login reads of the files that its flags name.

use std::io::{self, IsTerminal};
use std::path::Path;

use authsome_ca::parse_ca_pem;
use authsome_providers::OAuthEndpoints;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::args::Login;
use crate::cli::client_certificate::{self, MAX_FILE};
use crate::cli::failure::{Exit, Failure};
use crate::net::tls::ClientCertificate;
use crate::secret::Secret;

/// What the flags for TLS name.
pub(super) struct Files {
    pub(super) ca_pem: Option<String>,
    pub(super) client_certificate: Option<ClientCertificate>,
}

impl Files {
    pub(super) fn read(arguments: &Login) -> Result<Self, Failure> {
        let ca_pem = arguments.ca_file.as_deref().map(read_ca).transpose()?;
        let key = arguments.client_key.as_deref();
        let certificate = arguments.client_cert.as_deref();
        let certificate = certificate.map(|file| client_certificate::read(file, key));
        Ok(Self {
            ca_pem,
            client_certificate: certificate.transpose()?,
        })
    }
}

/// A client certificate is of no use without TLS.
pub(super) fn refuse_without_tls(endpoints: &OAuthEndpoints) -> Result<(), Failure> {
    if endpoints.token.scheme() == "https" {
        return Ok(());
    }
    let message = format!(
        "--client-cert is shown in TLS, and {} is plain HTTP",
        endpoints.token.origin().ascii_serialization()
    );
    let hint = "name the service's https:// URL with --base-url, or leave --client-cert out";
    Err(Failure::new(Exit::Usage, "usage", message, hint))
}

fn read_ca(path: &Path) -> Result<String, Failure> {
    let bytes = client_certificate::read_file(path, "--ca-file")?;
    let bytes = bytes.expose();
    let named = |error: authsome_ca::CaError| {
        let mut failure = Failure::from(error);
        failure.message = format!("{}: {}", path.display(), failure.message);
        failure
    };
    parse_ca_pem(bytes).map_err(named)?;
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| {
        Failure::new(
            Exit::Usage,
            "ca_file_invalid",
            format!("{} is not text", path.display()),
            "use a PEM file",
        )
    })
}

/// Reads the client secret. `-` is standard input: typed without echo at a terminal, otherwise read
/// to its end. An empty secret counts as none.
pub(super) fn read_secret(
    path: &Path,
    runtime: &Runtime,
) -> Result<Option<Secret<String>>, Failure> {
    let prompt = "Client secret (not shown): ";
    read_secret_of(path, "--client-secret-file", prompt, runtime)
}

/// The same for what another flag names.
pub(in crate::cli::cmd) fn read_secret_of(
    path: &Path,
    flag: &'static str,
    prompt: &str,
    runtime: &Runtime,
) -> Result<Option<Secret<String>>, Failure> {
    let bytes = if path.as_os_str() != "-" {
        client_certificate::read_file(path, flag)?
    } else if io::stdin().is_terminal() {
        // Ctrl-C must be returned as an error: by default it would end the process while the
        // terminal's echo is still off.
        let _entered = runtime.enter();
        let _held = signal(SignalKind::interrupt())?;
        let typed = rpassword::prompt_password(prompt);
        Secret::new(
            typed
                .map_err(|error| no_secret("cancelled", flag, &error))?
                .into_bytes(),
        )
    } else {
        let read = Secret::read(io::stdin().lock(), MAX_FILE);
        read.map_err(|error| no_secret("usage", flag, &error))?
    };
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| {
        let message = format!("the secret in {} is not text", path.display());
        Failure::new(
            Exit::Usage,
            "usage",
            message,
            "copy it again from the provider's page",
        )
    })?;
    let trimmed = text.trim();
    Ok((!trimmed.is_empty()).then(|| Secret::new(trimmed.to_owned())))
}

fn no_secret(code: &'static str, flag: &str, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        code,
        format!("no secret was read: {error}"),
        format!("use {flag} PATH"),
    )
}
