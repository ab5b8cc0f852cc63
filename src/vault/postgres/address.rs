//! Where the database is: `postgres://USER@HOST:PORT/DATABASE?…`, as libpq writes it, and what is
//! added to it.
//!
//! | parameter | meaning |
//! | --- | --- |
//! | `sslmode` | `verify-full`, which is the default; `disable`, the default on this machine only |
//! | `sslrootcert` | a CA (PEM) that is trusted beside the system's |
//! | `sslcert`, `sslkey` | the client's certificate and key (PEM) |
//! | `passwordfile` | a file with the password, and nothing else |
//! | `lease` | for how many seconds a machine may renew a pair, 5 to 300 |

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::net::tls::{ClientCertificate, Trust};
use crate::secret::Secret;
use crate::vault::VaultError;

/// How long a machine may renew a pair before another one may try, and its bounds. It is longer
/// than a provider takes to respond, and short enough that a machine that died is soon replaced.
const LEASE: Duration = Duration::from_secs(30);
const MIN_LEASE: u64 = 5;
const MAX_LEASE: u64 = 300;

/// How long to wait for a connection to one host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest file that is read: a CA bundle, a key, a password.
const MAX_FILE: u64 = 1024 * 1024;

/// A parsed address, with all that is needed to connect.
pub(in crate::vault) struct Address {
    pub(super) config: Config,
    /// `None` on this machine, without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The address without user, password and parameters.
    pub(in crate::vault) shown: String,
    pub(super) lease: Duration,
}

/// The parameters that the driver does not know.
#[derive(Default)]
struct Parameters {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    sslcert: Option<String>,
    sslkey: Option<String>,
    passwordfile: Option<String>,
    lease: Option<String>,
}

impl Address {
    /// Whether that text is the address of a database at all.
    pub(in crate::vault) fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Parses an address, and reads the files that it names.
    pub(in crate::vault) fn parse(text: &str, trust: &Trust) -> Result<Self, VaultError> {
        let malformed = |reason: String| VaultError::Address(reason);
        if !Self::is_one(text) {
            let reason = "it does not start with postgres://".to_owned();
            return Err(malformed(reason));
        }
        let (rest, parameters) = Parameters::split_off(text)?;
        // The driver's words may quote the address, with a password in it.
        let mut config: Config = rest
            .parse()
            .map_err(|_| malformed("it is not postgres://USER@HOST:PORT/DATABASE".to_owned()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(malformed("it names no host".to_owned()));
        }
        let is_local = config.get_hosts().iter().all(is_loopback);
        let tls = match parameters.sslmode.as_deref() {
            Some("disable") if !is_local => {
                let reason = "sslmode=disable would send the login in the clear; it is allowed on this machine only";
                return Err(malformed(reason.to_owned()));
            }
            Some("disable") => None,
            None if is_local && parameters.sslrootcert.is_none() => None,
            None | Some("verify-full") => Some(Arc::new(parameters.tls(trust)?)),
            Some(other) => {
                let reason = format!(
                    "sslmode={other} does not say whom to trust; there are verify-full and disable"
                );
                return Err(malformed(reason));
            }
        };
        let mode = if tls.is_some() {
            SslMode::Require
        } else {
            SslMode::Disable
        };
        config.ssl_mode(mode).application_name("authsome");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if let Some(path) = &parameters.passwordfile {
            let password = read(path)?;
            config.password(password.expose().trim_ascii_end());
        }
        Ok(Self {
            shown: shown(&config),
            lease: parameters.lease()?,
            config,
            tls,
        })
    }

    /// Whether the address holds a password.
    pub(in crate::vault) fn has_password(text: &str) -> bool {
        Parameters::split_off(text)
            .ok()
            .and_then(|(rest, _)| rest.parse::<Config>().ok())
            .is_some_and(|config| config.get_password().is_some())
    }
}

impl Parameters {
    /// The address without the parameters that are ours, and those.
    fn split_off(text: &str) -> Result<(String, Self), VaultError> {
        let mut found = Self::default();
        let Some((place, query)) = text.split_once('?') else {
            return Ok((text.to_owned(), found));
        };
        let mut others = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = match name {
                "sslmode" => &mut found.sslmode,
                "sslrootcert" => &mut found.sslrootcert,
                "sslcert" => &mut found.sslcert,
                "sslkey" => &mut found.sslkey,
                "passwordfile" => &mut found.passwordfile,
                "lease" => &mut found.lease,
                _ => {
                    others.push(pair);
                    continue;
                }
            };
            let value = percent_decode_str(value).decode_utf8();
            let value = value
                .map_err(|_| VaultError::Address(format!("the parameter {name} is no text")))?;
            *field = Some(value.into_owned());
        }
        let rest = if others.is_empty() {
            place.to_owned()
        } else {
            format!("{place}?{}", others.join("&"))
        };
        Ok((rest, found))
    }

    fn tls(&self, trust: &Trust) -> Result<ClientConfig, VaultError> {
        let ca = self.sslrootcert.as_deref().map(text_of).transpose()?;
        let certificate = match (&self.sslcert, &self.sslkey) {
            (None, None) => None,
            (Some(chain), Some(key)) => {
                let chain = ClientCertificate::chain_of(read(chain)?.expose());
                let key = ClientCertificate::key_of(&read(key)?);
                let made = chain.and_then(|chain| ClientCertificate::new(chain, key?));
                Some(made.map_err(|error| VaultError::Address(error.to_string()))?)
            }
            _ => {
                let reason = "sslcert and sslkey belong together";
                return Err(VaultError::Address(reason.to_owned()));
            }
        };
        let ca: Vec<_> = ca.iter().map(String::as_str).collect();
        let config = trust.client_config(&ca, certificate.as_ref());
        config.map_err(|error| VaultError::Address(error.to_string()))
    }

    fn lease(&self) -> Result<Duration, VaultError> {
        let Some(text) = &self.lease else {
            return Ok(LEASE);
        };
        let seconds = text.parse().ok();
        let seconds = seconds.filter(|seconds| (MIN_LEASE..=MAX_LEASE).contains(seconds));
        let reason =
            || format!("lease={text} is not a number of seconds from {MIN_LEASE} to {MAX_LEASE}");
        let seconds = seconds.ok_or_else(|| VaultError::Address(reason()))?;
        Ok(Duration::from_secs(seconds))
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

fn read(path: &str) -> Result<Secret<Vec<u8>>, VaultError> {
    let opened = File::open(path).and_then(|file| Secret::read(file, MAX_FILE));
    opened.map_err(|error| VaultError::Address(format!("{path} cannot be read: {error}")))
}

fn text_of(path: &str) -> Result<String, VaultError> {
    let text = fs::read_to_string(Path::new(path));
    text.map_err(|error| VaultError::Address(format!("{path} cannot be read: {error}")))
}

/// The hosts and the database: what may be shown.
fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or(ports.first());
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]{port}"),
            Host::Tcp(name) => format!("{name}{port}"),
            Host::Unix(path) => format!("{}{port}", path.display()),
        }
    });
    let hosts: Vec<_> = hosts.collect();
    let database = config.get_dbname().or(config.get_user());
    format!(
        "postgres://{}/{}",
        hosts.join(","),
        database.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, VaultError> {
        Address::parse(text, &Trust::new(None, Vec::new()))
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let address = parse("postgres://me:secret@127.0.0.1:5433/grants?lease=60").unwrap();
        assert_eq!(address.shown, "postgres://127.0.0.1:5433/grants");
        assert_eq!(address.lease, Duration::from_mins(1));
        assert!(address.tls.is_none());
        assert!(Address::has_password("postgres://me:secret@host/grants"));
        assert!(!Address::has_password("postgres://me@host/grants?lease=60"));
    }

    #[test]
    fn tls_is_for_every_host_that_is_not_here() {
        for local in [
            "postgres://me@localhost/d",
            "postgres://me@[::1]/d",
            "postgres:///d?host=/run/postgresql&user=me",
        ] {
            assert!(parse(local).unwrap().tls.is_none(), "{local}");
        }
        for refused in [
            "postgres://me@db.test/d?sslmode=disable",
            "postgres://me@127.0.0.1,db.test/d?sslmode=disable",
            "postgres://me@db.test/d?sslmode=require",
            "postgres://me@127.0.0.1/d?sslmode=prefer",
            "postgres://me@127.0.0.1/d?lease=4",
            "postgres://me@127.0.0.1/d?lease=soon",
            "postgres://me@127.0.0.1/d?passwordfile=/nowhere",
            "postgres://me@127.0.0.1/d?sslcert=/nowhere&sslmode=verify-full",
            "postgres://me@127.0.0.1/d?colour=red",
            "postgres://me@127.0.0.1:port/d",
            "postgres:///d",
            "mysql://me@127.0.0.1/d",
            "",
        ] {
            let error = parse(refused).err().unwrap_or_else(|| panic!("{refused}"));
            assert!(
                matches!(error, VaultError::Address(_)),
                "{refused}: {error}"
            );
        }
    }
}
