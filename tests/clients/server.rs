//! The other side of a row: a fake GitLab, and the connections to it.

use std::fs::{self, File};
use std::io::Write;

use authsome::secret::Secret;
use authsome_test_support::{App, FakeGitLab, Visibility};
use serde_json::json;

use crate::kit::{SCOPES, World};
use crate::rows::Check;

/// GitLab's name. Like every name below `.test` (RFC 6761) it resolves nowhere, so a program that
/// goes around the proxy gets nowhere. It is a longer one than usual, as a machine may know
/// `gitlab.test` for purposes of its own.
pub(crate) const HOST: &str = "clients.gitlab.test";

/// The gRPC service's name.
pub(crate) const GRPC_HOST: &str = "grpc.test";

/// A name of the same server to which nobody is connected.
const TUNNEL_HOST: &str = "tunnel.gitlab.test";

/// A fake GitLab to which a world is connected.
pub(crate) struct Server {
    pub(crate) gitlab: FakeGitLab,
    /// The access token for GitLab.
    pub(crate) token: String,
    /// Another one, for the gRPC service.
    pub(crate) grpc_token: Option<String>,
}

impl Server {
    /// Starts what the check needs.
    pub(crate) fn start(world: &World, check: Check) -> Self {
        let gitlab = FakeGitLab::start();
        let (app, pair) = world.connect_as("default", &gitlab, &gitlab.base_url_at(HOST), LIFETIME);
        if check == Check::Git {
            gitlab.add_repo(
                "group/private",
                Visibility::Private,
                &[("README.md", "hello\n")],
            );
        }
        let grpc_token = (check == Check::Grpc).then(|| connect_grpc(world, &gitlab, &app));
        Self {
            gitlab,
            token: pair.access,
            grpc_token,
        }
    }

    /// What the placeholders of a row stand for.
    pub(crate) fn values(&self) -> Vec<(&'static str, String)> {
        let (base, port) = (self.gitlab.base_url_at(HOST), self.gitlab.port());
        vec![
            ("{authority}", format!("{HOST}:{port}")),
            ("{ca}", self.gitlab.ca_file().display().to_string()),
            ("{grpc}", format!("{GRPC_HOST}:{port}")),
            ("{host}", HOST.to_owned()),
            ("{port}", port.to_string()),
            ("{tunnel}", format!("{TUNNEL_HOST}:{port}")),
            ("{url}", format!("{base}/api/v4/user")),
            ("{base}", base),
        ]
    }

    /// Where the names are, for `--resolve`.
    pub(crate) fn resolves(&self) -> impl Iterator<Item = String> {
        let port = self.gitlab.port();
        [HOST, GRPC_HOST, TUNNEL_HOST]
            .into_iter()
            .map(move |host| format!("{host}:{port}:127.0.0.1"))
    }
}

/// A provider of the user's own, whose every path takes the token, and a connection to it.
fn connect_grpc(world: &World, gitlab: &FakeGitLab, app: &App) -> String {
    let base = gitlab.base_url_at(GRPC_HOST);
    let definition = json!({
        "schema_version": 1,
        "name": "grpc",
        "auth_type": "oauth2",
        "flow": "pkce",
        "api_url": base,
        "oauth": {"base_url": base, "authorization_url": "/oauth/authorize", "token_url": "/oauth/token"},
    });
    let providers = world.home().join("providers");
    fs::create_dir(&providers).expect("a directory in a fresh home");
    File::create(providers.join("grpc.json"))
        .and_then(|mut file| file.write_all(definition.to_string().as_bytes()))
        .expect("a file in a fresh directory");
    let token = gitlab.issue_tokens(app, SCOPES).access;
    let mut connection = world.stored("default");
    connection.id.provider = "grpc".parse().expect("a provider's name");
    connection.terms = None; // what it was made for is told by this definition
    connection.base_url = None;
    connection.tokens.access = Secret::new(token.clone());
    world
        .store()
        .create(&connection, true)
        .expect("a vault that takes a second connection");
    token
}

/// Seconds for which the tokens are good: far from a refresh.
const LIFETIME: u64 = 7200;
