//! The server's handle in a test.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::authorize::AuthorizeResponse;
use crate::fault::{Endpoint, Fault};
use crate::grants::{App, GrantState, Pair};
use crate::listener::{self, Command};
use crate::panics;
use crate::repository::{self, Visibility};
use crate::seen::Seen;
use crate::shared::{Settings, Shared};
use crate::tls::Identity;

/// How a [`FakeGitLab`] is set up.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    address: IpAddr,
    http1_only: bool,
    identity: Option<(String, String)>,
    /// The CA of clients' certificates, and whether each client must have one.
    client_ca: Option<(String, bool)>,
    /// More names of the leaf.
    pub(crate) names: Vec<String>,
    pub(crate) settings: Settings,
}

impl Builder {
    /// Serves everything below a relative root such as `/gitlab`.
    pub fn relative_root(mut self, root: &str) -> Self {
        root.trim_end_matches('/')
            .clone_into(&mut self.settings.root);
        self
    }

    /// Seconds an access token lives (7200); `None` leaves `expires_in` out, and it never expires.
    pub fn expires_in(mut self, seconds: Option<u64>) -> Self {
        self.settings.expires_in = seconds;
        self
    }

    /// Listens on this address (127.0.0.1).
    pub fn bind(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Sends RFC 9207's `iss` with every authorization response (GitLab sends none).
    pub fn issuer_in_callback(mut self, issuer: Option<String>) -> Self {
        self.settings.issuer = issuer;
        self
    }

    /// Offers only `http/1.1` by ALPN.
    pub fn http1_only(mut self) -> Self {
        self.http1_only = true;
        self
    }

    /// Has this certificate and key (PEM); the certificate is its own CA file then.
    pub fn identity(mut self, certificate: &str, key: &str) -> Self {
        self.identity = Some((certificate.to_owned(), key.to_owned()));
        self
    }

    /// Requires a certificate of that CA (PEM) of every client.
    pub fn requires_client_certificate(mut self, ca: &str) -> Self {
        self.client_ca = Some((ca.to_owned(), true));
        self
    }

    /// Asks every client for one, and serves those that have none as well.
    pub fn asks_for_client_certificate(mut self, ca: &str) -> Self {
        self.client_ca = Some((ca.to_owned(), false));
        self
    }

    /// Starts the server on a thread of its own.
    ///
    /// # Panics
    ///
    /// Panics where the machine gives no directory, key, port or thread.
    pub fn start(self) -> FakeGitLab {
        let dir = TempDir::with_prefix("authsome-test-").expect("a temporary directory");
        let repositories = dir.path().join("repositories");
        std::fs::create_dir(&repositories).expect("a directory in a fresh directory");
        let identity = match &self.identity {
            Some((certificate, key)) => Identity::of_pem(certificate, key, self.http1_only),
            None => Identity::named(&self.names, self.http1_only).expect("a P-256 certificate"),
        };
        let identity = match &self.client_ca {
            Some((ca, is_required)) => identity.asking(ca, *is_required, self.http1_only),
            None => identity,
        };
        let ca_file = dir.path().join("ca.pem");
        std::fs::File::create(&ca_file)
            .and_then(|mut file| file.write_all(identity.ca_pem.as_bytes()))
            .expect("a file in a fresh directory");
        let socket = listener::bind(SocketAddr::new(self.address, 0)).expect("a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::new(self.settings, repositories));
        let (commands, receiver) = channel(COMMANDS);
        let thread = spawn(Arc::clone(&shared), &identity, socket, receiver);
        let server = FakeGitLab {
            address,
            ca_file,
            ca_pem: identity.ca_pem,
            commands,
            dir,
            shared,
            thread: Some(thread),
        };
        server.refuse(false);
        server
    }
}

fn spawn(
    shared: Arc<Shared>,
    identity: &Identity,
    socket: TcpSocket,
    commands: Receiver<Command>,
) -> JoinHandle<()> {
    let tls = Arc::clone(&identity.config);
    std::thread::Builder::new()
        .name("fake-gitlab".to_owned())
        .spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime of one thread")
                .block_on(listener::run(shared, tls, socket, commands))
                .expect("the port stays ours");
        })
        .expect("a thread")
}

/// A running fake GitLab. Dropping it shuts it down, and panics where one of its tasks panicked.
#[derive(Debug)]
pub struct FakeGitLab {
    address: SocketAddr,
    ca_file: PathBuf,
    ca_pem: String,
    commands: Sender<Command>,
    dir: TempDir,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Where it is.
impl FakeGitLab {
    /// Starts one with GitLab's defaults.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Sets one up.
    pub fn builder() -> Builder {
        Builder {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            http1_only: false,
            identity: None,
            client_ca: None,
            names: Vec::new(),
            settings: Settings {
                root: String::new(),
                expires_in: Some(7200),
                issuer: None,
                forge: None,
            },
        }
    }

    /// `https://localhost:PORT` and the relative root.
    pub fn base_url(&self) -> String {
        self.base_url_at("localhost")
    }

    /// The base URL at another of the leaf's names: `gitlab.test`, `*.gitlab.test`, `grpc.test`,
    /// `127.0.0.1`.
    pub fn base_url_at(&self, host: &str) -> String {
        format!(
            "https://{host}:{}{}",
            self.port(),
            self.shared.settings.root
        )
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The CA's certificate as a file in [`Self::dir`].
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The CA's certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's temporary directory, gone with it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// The authorization server.
impl FakeGitLab {
    /// Registers an application with the redirect URI `http://127.0.0.1:7998/auth/callback/oauth`
    /// and every scope that authsome asks of GitLab.
    pub fn register_app(&self, confidential: bool) -> App {
        self.shared.grants().register(confidential)
    }

    /// Mints a pair as if the user had logged in.
    pub fn issue_tokens(&self, app: &App, scopes: &str) -> Pair {
        self.shared.grants().issue(&app.client_id, scopes).pair
    }

    /// Accepts a personal access token, with all scopes.
    pub fn accept_personal_token(&self, token: &str) {
        self.shared.personal_tokens().insert(token.to_owned());
    }

    /// What the user at the authorization page does from now on.
    pub fn authorize_responses(&self, response: AuthorizeResponse) {
        self.shared.set_authorize_response(response);
    }

    /// Creates or replaces a CI variable, named `group/project/NAME`.
    pub fn set_variable(&self, name: &str, value: &str) {
        let mut variables = self.shared.variables();
        variables.insert(name.to_owned(), value.to_owned());
    }

    /// The value of a CI variable.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.shared.variables().get(name).cloned()
    }

    /// Every pair that is not revoked, oldest first; its access token may have expired.
    pub fn live_pairs(&self) -> Vec<Pair> {
        self.shared.grants().live_pairs()
    }

    /// Every pair that was ever issued, oldest first.
    pub fn issued(&self) -> Vec<Pair> {
        self.shared.grants().issued()
    }

    /// Whether the server accepts this access token now.
    pub fn is_live(&self, access: &str) -> bool {
        matches!(self.shared.grants().standing(access), GrantState::Live(_))
    }

    /// Lets every access token expire now.
    pub fn expire_access_tokens(&self) {
        self.shared.grants().expire_all();
    }

    /// Revokes every pair, as the user can at the provider.
    pub fn revoke_all(&self) {
        self.shared.grants().revoke_all();
    }

    /// Successful refresh grants: rotations.
    pub fn refreshes(&self) -> u64 {
        self.shared.counters.refreshes.count()
    }

    /// Connections whose TLS handshake was done.
    pub fn connections(&self) -> u64 {
        self.shared.counters.connections.count()
    }

    /// Requests to the token endpoint, faults included.
    pub fn token_requests(&self) -> u64 {
        self.shared.counters.token_requests.count()
    }

    /// Pairs that a client revoked.
    pub fn revocations(&self) -> u64 {
        self.shared.counters.revocations.count()
    }

    /// Basic failures on git: what counts towards GitLab's ban.
    pub fn rejected_basic(&self) -> u64 {
        self.shared.counters.rejected_basic.count()
    }
}

/// What arrived, and what goes wrong.
impl FakeGitLab {
    /// Every request that arrived, up to 100 000.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.log.all()
    }

    /// Forgets what arrived.
    pub fn clear_seen(&self) {
        self.shared.log.clear();
    }

    /// Waits until `enough` holds of what arrived; false where it does not within `deadline`.
    pub fn wait_for(&self, deadline: Duration, enough: impl Fn(&[Seen]) -> bool) -> bool {
        self.shared.log.wait_for(deadline, enough)
    }

    /// Orders a fault for the next `times` requests to `endpoint`, after those ordered before.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault, times: u32) {
        self.shared.faults().order(endpoint, fault, times);
    }

    /// Forgets the faults that are still to come.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Closes every open connection, and refuses new ones until it is called with `false`. The
    /// port stays held meanwhile.
    pub fn refuse(&self, refuse: bool) {
        self.tell(|done| Command::Refuse(refuse, done));
    }

    /// Closes every open connection, idle or not, and goes on listening.
    pub fn disconnect(&self) {
        self.tell(Command::Disconnect);
    }

    fn tell(&self, command: impl FnOnce(mpsc::SyncSender<()>) -> Command) {
        let (done, wait) = mpsc::sync_channel(1);
        // Where the thread is dead, the drop of this value tells why.
        if self.commands.try_send(command(done)).is_ok() {
            let _ = wait.recv();
        }
    }
}

/// The git server.
impl FakeGitLab {
    /// Makes the project `group/name` with one commit of `files` on `main`.
    ///
    /// # Panics
    ///
    /// Panics where git is missing or refuses.
    pub fn add_repo(&self, project: &str, visibility: Visibility, files: &[(&str, &str)]) {
        let path = self.repo_path(project);
        std::fs::create_dir_all(&path).expect("a directory in the server's own");
        repository::create(&path, files);
        self.shared
            .visibility()
            .insert(project.to_owned(), visibility);
    }

    /// Has `bucket`, under one of its names, serve LFS objects: batch answers name it with a signed
    /// URL and no credential.
    pub fn keep_lfs_objects_in(&self, bucket: &FakeGitLab, name: &str) {
        self.shared.lfs().store = Some(bucket.base_url_at(name));
        bucket.shared.lfs().bucket = Some(self.shared.repositories.clone());
    }

    /// The bare repository of a project.
    pub fn repo_path(&self, project: &str) -> PathBuf {
        self.shared.repositories.join(format!("{project}.git"))
    }
}

impl Drop for FakeGitLab {
    fn drop(&mut self) {
        // A full queue cannot be: every other command is waited for.
        let _ = self.commands.try_send(Command::Stop);
        let ended = self.thread.take().map(JoinHandle::join);
        let mut panicked = self.shared.take_panics();
        if let Some(Err(payload)) = ended {
            panicked.push(panics::message(payload.as_ref()));
        }
        // A second panic would abort and hide the first.
        let silent = panicked.is_empty() || std::thread::panicking();
        assert!(silent, "the fake GitLab panicked: {}", panicked.join("; "));
    }
}

/// Commands are waited for one by one; several threads of a test may give them at once.
const COMMANDS: usize = 64;
