//! The flags of `authsome login`.

use std::path::PathBuf;

use authsome_providers::BaseUrl;
use clap::Args;

use super::login_target::LoginTarget;
use crate::credential::ConnectionName;

pub(super) const EXAMPLES: &str = "\
Examples:
  authsome login                        show what can be connected
  authsome login gitlab
  authsome login gitlab.acme.com        a server of your own
  authsome login gitlab/work            a second account
  authsome login gitlab.acme.com --ca-file ca.pem --client-cert me.pem
  authsome login gitlab --client-id ID --client-secret-file - < secret.txt
  authsome login gitlab --no-browser    open the URL on another machine";

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
    /// ID of the OAuth application, instead of the form
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) client_id: Option<String>,
    /// File with the application's secret, or - for standard input
    #[arg(long, value_name = "PATH", requires = "client_id")]
    pub(in crate::cli) client_secret_file: Option<PathBuf>,
    /// Do not open a browser; paste the final URL instead
    #[arg(long)]
    pub(in crate::cli) no_browser: bool,
    /// Replace an existing connection
    #[arg(long)]
    pub(in crate::cli) force: bool,
}
