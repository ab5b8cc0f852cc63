//! The flags of `authsome login`.

use std::path::PathBuf;
use std::str::FromStr;

use authsome_providers::{BaseUrl, Flow};
use clap::Args;

use super::login_target::LoginTarget;
use crate::credential::ConnectionName;

/// `NAME=VALUE`.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Pair {
    pub(in crate::cli) name: String,
    pub(in crate::cli) value: String,
}

impl FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err("expected NAME=VALUE"),
        }
    }
}

const FLOW_HELP: &str =
    "Another way to log in: pkce, device_code, dcr_pkce, client_credentials, api_key";

fn flow(text: &str) -> Result<Flow, String> {
    text.parse::<Flow>().map_err(|error| error.to_string())
}

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome login                        show what can be connected
  authsome login gitlab
  authsome login gitlab.acme.com        a server of your own
  authsome login gitlab/work            a second account
  authsome login gitlab.acme.com --ca-file ca.pem --client-cert me.pem
  authsome login gitlab --client-id ID --client-secret-file - < secret.txt
  authsome login gitlab --no-browser    open the URL on another machine
  authsome login openai                 type the key, which is not shown
  authsome login openai --form          paste it in the browser
  authsome login openai --api-key-file - < key.txt
  authsome login zendesk --param subdomain=acme --field user=ada@acme.com
  authsome login github --flow device_code
  authsome login mcp --base-url https://mcp.example.com/mcp";

#[derive(Debug, Default, Args)]
pub(in crate::cli) struct Login {
    /// A provider (gitlab), a connection (gitlab/work), or a server (gitlab.acme.com or a URL)
    #[arg(value_name = "PROVIDER|HOST|URL")]
    pub(in crate::cli) target: Option<LoginTarget>,
    /// Name for the new connection
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) connection: Option<ConnectionName>,
    /// Scopes to request, separated by commas or spaces
    #[arg(long, value_name = "A,B")]
    pub(in crate::cli) scopes: Option<String>,
    /// URL of a self-hosted instance
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) base_url: Option<BaseUrl>,
    /// Host of a self-hosted instance
    #[arg(long, value_name = "HOST", conflicts_with = "base_url")]
    pub(in crate::cli) hostname: Option<BaseUrl>,
    /// File with a private CA to trust for this connection
    #[arg(long, value_name = "PEM")]
    pub(in crate::cli) ca_file: Option<PathBuf>,
    /// File with a client certificate (mutual TLS) and its chain, with its key unless --client-key
    /// names that
    #[arg(long, value_name = "PEM")]
    pub(in crate::cli) client_cert: Option<PathBuf>,
    /// File with the key of --client-cert
    #[arg(long, value_name = "PEM", requires = "client_cert")]
    pub(in crate::cli) client_key: Option<PathBuf>,
    /// Another way to log in
    #[arg(long, value_name = "FLOW", value_parser = flow, help = FLOW_HELP)]
    pub(in crate::cli) flow: Option<Flow>,
    /// A part of the service's address, such as subdomain=acme; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(in crate::cli) param: Vec<Pair>,
    /// File with the API key, or - for standard input
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) api_key_file: Option<PathBuf>,
    /// Ask for the key in a form in the browser, even at a terminal
    #[arg(long, conflicts_with_all = ["api_key_file", "no_browser"])]
    pub(in crate::cli) form: bool,
    /// A part of the credential: its value, if others may see it, or a file with it, or - for
    /// standard input; may be repeated
    #[arg(long, value_name = "NAME=VALUE|@PATH|-")]
    pub(in crate::cli) field: Vec<Pair>,
    /// ID of the OAuth application, instead of the form
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) client_id: Option<String>,
    /// File with the application's secret, or - for standard input
    #[arg(long, value_name = "PATH", requires = "client_id")]
    pub(in crate::cli) client_secret_file: Option<PathBuf>,
    /// Do not open a browser; paste the final URL instead, or finish with --resume
    #[arg(long)]
    pub(in crate::cli) no_browser: bool,
    /// Finish a login that was begun with --no-browser; the address is read from standard input
    #[arg(long, value_name = "CODE", conflicts_with_all = [
        "target", "no_browser", "connection", "scopes", "base_url", "hostname", "ca_file",
        "client_cert", "flow", "param", "api_key_file", "form", "field", "client_id", "force",
    ])]
    pub(in crate::cli) resume: Option<String>,
    /// Replace an existing connection
    #[arg(long)]
    pub(in crate::cli) force: bool,
}
