//! A home with a connection, as a login leaves it there.

use authsome::clock::Timestamp;
use authsome::connection::{Connection, GrantState, Tokens};
use authsome::credential::ConnectionId;
use authsome::oauth::OAuthClient;
use authsome::secret::Secret;
use authsome_providers::Catalog;
use authsome_test_support::{App, FakeGitLab, Pair};

use crate::kit::world::World;

/// The scopes of the bundled definition.
pub(crate) const SCOPES: &str = "api read_user profile email read_repository write_repository";

/// A home with one connection that is fresh, at a fake GitLab of its own.
pub(crate) struct Setup {
    /// The home.
    pub(crate) world: World,
    /// The server.
    pub(crate) gitlab: FakeGitLab,
    /// The application of the connection.
    pub(crate) app: App,
    /// Its pair.
    pub(crate) pair: Pair,
}

impl Setup {
    /// The connection is `gitlab/default`, put into the vault as a login leaves it there.
    pub(crate) fn connected() -> Self {
        let (world, gitlab) = Self::unconnected();
        let (app, pair) = world.connect(&gitlab);
        Self {
            world,
            gitlab,
            app,
            pair,
        }
    }

    /// The home and the server alone.
    pub(crate) fn unconnected() -> (World, FakeGitLab) {
        (World::new(), FakeGitLab::start())
    }
}

/// The id of a connection at GitLab.
pub(crate) fn id(name: &str) -> ConnectionId {
    ConnectionId {
        provider: "gitlab".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

pub(crate) fn connection(
    name: &str,
    gitlab: &FakeGitLab,
    base: &str,
    app: &App,
    pair: &Pair,
    lifetime: u64,
) -> Connection {
    let base = base.parse().unwrap();
    let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    let endpoints = definition
        .provider
        .sign_in_at(Some(&base))
        .unwrap()
        .oauth
        .unwrap();
    let now = Timestamp::now().seconds();
    Connection {
        id: id(name),
        base_url: Some(base),
        ca_pem: Some(gitlab.ca_pem().to_owned()),
        client_certificate: None,
        client: Some(OAuthClient {
            client_id: app.client_id.clone(),
            client_secret: app.client_secret.clone().map(Secret::new),
            token_endpoint: endpoints.token,
            revocation_endpoint: endpoints.revocation,
            style: authsome::oauth::RequestStyle::default(),
        }),
        flow: Some(authsome_providers::Flow::Pkce),
        params: std::collections::BTreeMap::new(),
        fields: Vec::new(),
        tokens: Tokens {
            access: Secret::new(pair.access.clone()),
            refresh: Some(Secret::new(pair.refresh.clone())),
            // Some time ago, so that a 401 is not taken for a replica that lags behind a new token.
            obtained_at: Timestamp::from_seconds(now - 7200 + lifetime),
            expires_at: Some(Timestamp::from_seconds(now + lifetime)),
            scopes: SCOPES.split(' ').map(str::to_owned).collect(),
            lineage: None,
        },
        account: None,
        standing: GrantState::Good,
        terms: None,
    }
}
