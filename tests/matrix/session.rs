//! One `authsome run` for all cells.

use std::fs::{self, File};
use std::io::Write;
use std::sync::Arc;

use authsome_test_support::FakeGitLab;
use serde_json::json;

use crate::kit::World;
use crate::server::Server;
use crate::way::{Run, Way};

/// A session, as long as it lives.
pub(crate) struct Session {
    pub(crate) direct: Arc<Way>,
    pub(crate) proxied: Arc<Way>,
    _run: Run,
    _world: World,
}

impl Session {
    /// Starts `authsome run` with a connection whose hosts are all the server's names.
    pub(crate) fn start(server: &Server) -> Self {
        let world = World::new();
        connect(&world, server);
        let ca = world.file("ca.pem", &server.ca_pem);
        let mut arguments: Vec<String> = vec!["run".to_owned()];
        for (host, port) in server.authorities() {
            arguments.extend(["--resolve".to_owned(), format!("{host}:{port}:127.0.0.1")]);
        }
        let (run, way) = Run::start(world.authsome(arguments));
        Self {
            direct: Arc::new(Way::new(None, &ca)),
            proxied: Arc::new(way),
            _run: run,
            _world: world,
        }
    }
}

/// A provider of the user's own with all those hosts, and a connection to it.
fn connect(world: &World, server: &Server) {
    let gitlab = FakeGitLab::start(); // it only issues the tokens
    world.connect(&gitlab);
    let hosts: Vec<_> = server
        .authorities()
        .map(|(host, port)| format!("{host}:{port}"))
        .collect();
    let definition = json!({
        "schema_version": 1,
        "name": "matrix",
        "auth_type": "oauth2",
        "flow": "pkce",
        "api_url": hosts,
        "oauth": {
            "base_url": "https://oauth.gitlab.test",
            "authorization_url": "/oauth/authorize",
            "token_url": "/oauth/token",
        },
    });
    let providers = world.home().join("providers");
    fs::create_dir_all(&providers)
        .and_then(|()| File::create(providers.join("matrix.json")))
        .and_then(|mut file| file.write_all(definition.to_string().as_bytes()))
        .expect("a file in a fresh home");
    let mut connection = world.stored("default");
    connection.id.provider = "matrix".parse().expect("a provider's name");
    connection.base_url = None;
    connection.terms = None; // what it was made for is told by this definition
    connection.ca_pem = Some(server.ca_pem.clone());
    let stored = world.store().create(&connection, true);
    stored.expect("a vault that takes a second connection");
}
