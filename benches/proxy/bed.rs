//! What all systems under test share: a directory, certificates, an origin, and homes with
//! connections.

use std::fs::File;
use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use authsome::clock::Timestamp;
use authsome::connection::{Connection, ConnectionStore, GrantState, StoredField, Tokens};
use authsome::credential::ConnectionId;
use authsome::oauth::OAuthClient;
use authsome::os::home::Home;
use authsome::secret::Secret;
use authsome::vault;
use authsome_providers::{Auth, Catalog, Definition, Flow};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use tempfile::TempDir;

use crate::failure::Failure;
use crate::process::reap;
use crate::wire::{self, MANAGED, OriginSetup};

/// The token in the vault, as long as GitLab's: the only one that the origin takes.
pub(crate) const BEARER: &str = "5e9a3c0d7b1f4826a0c9d3e7f15b8264c7d0a9e3f6b2815470dce9a8b3f16520";

/// The token's lifetime: long enough that no refresh comes between.
const LIFETIME: Duration = Duration::from_hours(12);

/// Names of the origin's certificate: the last one resolves on every machine.
const NAMES: [&str; 2] = ["*.bench.test", "localhost"];

/// The surroundings of one run of the bench. The origin ends with it.
pub(crate) struct Bed {
    directory: TempDir,
    /// In memory, as the runtime directory of a login session is; `None` where there is no such
    /// place.
    runtime: Option<TempDir>,
    origin: Child,
    address: SocketAddr,
}

impl Bed {
    /// Makes certificates and starts the origin.
    pub(crate) fn make() -> Result<Self, Failure> {
        let directory = TempDir::with_prefix("authsome-bench-")?;
        write_certificates(directory.path())?;
        let mut origin = Command::new(std::env::current_exe()?)
            .arg("origin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let setup = OriginSetup {
            bearer: BEARER.to_owned(),
            certificate: directory.path().join("origin.pem"),
            key: directory.path().join("origin.key"),
        };
        wire::send(origin.stdin.as_mut().ok_or("no stdin")?, &setup)?;
        let address = wire::receive(&mut BufReader::new(
            origin.stdout.take().ok_or("no stdout")?,
        ))?;
        Ok(Self {
            directory,
            runtime: TempDir::with_prefix_in("authsome-bench-", "/dev/shm").ok(),
            origin,
            address,
        })
    }

    /// The runtime directory of what is measured.
    pub(crate) fn runtime(&self) -> Option<&Path> {
        self.runtime.as_ref().map(TempDir::path)
    }

    /// Where the origin is.
    pub(crate) fn origin(&self) -> SocketAddr {
        self.address
    }

    /// A file of the bed: `ca.pem`, `ca.key`, `origin.pem`, `origin.key`, or a new one.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a new file.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        File::create(&path)?.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// A home whose vault has so many connections: the first one to the bench's host, the others to
    /// hosts of [`other_hosts`].
    pub(crate) fn home(&self, name: &str, connections: usize) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        let home = Home::open(Some(path.clone().into()), None)?;
        let store = ConnectionStore::new(vault::open(&home, None)?);
        store.create(&self.connection("default", MANAGED)?, true)?;
        for host in other_hosts(connections) {
            let name = host.replace('.', "-");
            store.create(&self.connection(&name, &host)?, false)?;
        }
        Ok(path)
    }

    /// A home whose vault has the connection to the bench's host, and so many others: one of each
    /// bundled provider that has a place of its own, and then hosts of [`other_hosts`].
    pub(crate) fn home_of_providers(&self, name: &str, others: usize) -> Result<PathBuf, Failure> {
        let path = self.path(name);
        let home = Home::open(Some(path.clone().into()), None)?;
        let store = ConnectionStore::new(vault::open(&home, None)?);
        store.create(&self.connection("default", MANAGED)?, true)?;
        let mut made = 0;
        for listed in Catalog::new(None).list() {
            let definition = listed.definition?;
            let is_here = definition.provider.id.as_str() == "gitlab";
            if made == others || is_here || definition.provider.at(None).is_err() {
                continue;
            }
            store.create(&placed(&definition)?, true)?;
            made += 1;
        }
        for host in other_hosts(others + 1 - made) {
            let name = host.replace('.', "-");
            store.create(&self.connection(&name, &host)?, false)?;
        }
        Ok(path)
    }

    fn connection(&self, name: &str, host: &str) -> Result<Connection, Failure> {
        let base = format!("https://{host}:{}", self.address.port()).parse()?;
        let definition = Catalog::new(None).get(&"gitlab".parse()?)?;
        let endpoints = definition
            .provider
            .sign_in_at(Some(&base))?
            .oauth
            .ok_or("GitLab speaks OAuth")?;
        let now = Timestamp::now();
        Ok(Connection {
            id: ConnectionId {
                provider: "gitlab".parse()?,
                name: name.parse()?,
            },
            base_url: Some(base),
            ca_pem: Some(std::fs::read_to_string(self.path("ca.pem"))?),
            client_certificate: None,
            client: Some(OAuthClient {
                client_id: "bench".to_owned(),
                client_secret: None,
                token_endpoint: endpoints.token,
                revocation_endpoint: endpoints.revocation,
                style: authsome::oauth::RequestStyle::default(),
            }),
            flow: Some(Flow::Pkce),
            params: std::collections::BTreeMap::new(),
            fields: Vec::new(),
            tokens: Tokens {
                access: Secret::new(BEARER.to_owned()),
                refresh: Some(Secret::new(BEARER.to_owned())),
                obtained_at: now,
                expires_at: Some(now.plus(LIFETIME)),
                scopes: vec!["api".to_owned()],
                lineage: None,
            },
            account: None,
            standing: GrantState::Good,
            terms: None,
        })
    }
}

/// A connection by a key, whose values are the placeholders of the definition, at its example of a
/// place.
fn placed(definition: &Definition) -> Result<Connection, Failure> {
    let provider = &definition.provider;
    let params = provider.params.iter();
    let params = params.map(|param| (param.name.clone(), param.example.clone()));
    let others = match &provider.auth {
        Auth::ApiKey(api_key) => api_key.fields.get(1..).unwrap_or_default(),
        Auth::OAuth2(_) => &[],
    };
    let fields = others.iter().map(|field| StoredField {
        name: field.name.clone(),
        value: Secret::new(field.placeholder.clone()),
        is_secret: field.is_secret,
    });
    Ok(Connection {
        id: ConnectionId {
            provider: provider.id.clone(),
            name: "default".parse()?,
        },
        base_url: None,
        ca_pem: None,
        client_certificate: None,
        client: None,
        flow: Some(Flow::ApiKey),
        params: params.collect(),
        fields: fields.collect(),
        tokens: Tokens {
            access: Secret::new(provider.placeholder.clone()),
            refresh: None,
            obtained_at: Timestamp::now(),
            expires_at: None,
            scopes: Vec::new(),
            lineage: None,
        },
        account: None,
        standing: GrantState::Good,
        terms: None,
    })
}

/// The hosts of all connections but the first.
pub(crate) fn other_hosts(connections: usize) -> impl Iterator<Item = String> {
    (1..connections).map(|index| format!("host{index}.bench.test"))
}

impl Drop for Bed {
    fn drop(&mut self) {
        drop(self.origin.stdin.take()); // the origin's sign to end
        let _ = reap(&mut self.origin);
    }
}

/// A CA, which the peers may sign with, and a leaf of the origin.
fn write_certificates(directory: &Path) -> Result<(), Failure> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "authsome bench CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;

    let mut params = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
    params.distinguished_name.push(DnType::CommonName, "origin");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let leaf = params.signed_by(&key, &ca)?;

    for (name, pem) in [
        ("ca.pem", ca.pem()),
        ("ca.key", ca.key().serialize_pem()),
        ("origin.pem", leaf.pem()),
        ("origin.key", key.serialize_pem()),
    ] {
        File::create(directory.join(name))?.write_all(pem.as_bytes())?;
    }
    Ok(())
}
