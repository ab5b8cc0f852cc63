//! A database, and machines with a home of their own that have their vault in it.

use std::process::Command;

use authsome::clock::Timestamp;
use authsome::connection::{ConnectionStore, GrantState, Tokens};
use authsome::net::tls::Trust;
use authsome::os::home::Home;
use authsome::vault::{self, Offline};
use authsome_test_support::{App, FakeGitLab, Pair, Postgres};

use crate::kit::{Outcome, SCOPES, World, connection, id};

/// The master key of the fleet.
pub(super) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Machines that share a vault.
pub(super) struct Fleet {
    pub(super) url: String,
}

impl Fleet {
    /// A new database of that server.
    pub(super) fn on(server: &Postgres) -> Self {
        Self {
            url: server.database(),
        }
    }

    /// With leases of that many seconds.
    pub(super) fn leased(mut self, seconds: u32) -> Self {
        self.url = self.url.replace("lease=30", &format!("lease={seconds}"));
        self
    }

    /// The same database for another role.
    pub(super) fn as_role(&self, role: &str) -> Self {
        Self {
            url: self.url.replace("postgres@", &format!("{role}@")),
        }
    }

    /// The same database by that port of this machine.
    pub(super) fn by_port(&self, port: u16) -> Self {
        let (_, rest) = self.url.rsplit_once('/').unwrap();
        Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/{rest}"),
        }
    }

    /// From now on, the address names that server too, and takes the one that can be written.
    pub(super) fn also_on(&mut self, server: &Postgres) {
        let other = server.url("");
        let host = other.split('@').nth(1).unwrap();
        let host = host.split('/').next().unwrap();
        let name = format!("/{}?", self.database());
        let both = format!(",{host}{name}target_session_attrs=read-write&");
        self.url = self.url.replace(&name, &both);
    }

    /// Lets the vault's token end in that many seconds, whatever the server thinks.
    pub(super) fn age(&self, seconds: u64) {
        let store = self.store();
        let stored = store.load(&id("default")).unwrap().unwrap();
        let now = Timestamp::now().seconds();
        let mut connection = stored.connection;
        connection.tokens = Tokens {
            obtained_at: Timestamp::from_seconds(now - 7200),
            expires_at: Some(Timestamp::from_seconds(now + seconds)),
            ..connection.tokens
        };
        connection.standing = GrantState::Good;
        store.replace(&connection, stored.generation).unwrap();
    }

    /// The name of the database.
    pub(super) fn database(&self) -> &str {
        let (_, name) = self.url.rsplit_once('/').unwrap();
        name.split('?').next().unwrap()
    }

    /// The vault, as the program itself reads it on some machine.
    pub(super) fn store(&self) -> ConnectionStore {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
        let trust = Trust::new(None, Vec::new());
        let vault = vault::open_shared(
            &self.url,
            &home,
            Some(KEY.as_ref()),
            &trust,
            Offline::Refuse,
        );
        ConnectionStore::new(vault.unwrap())
    }

    /// Puts a connection into the vault as a login leaves it there, with that lifetime.
    pub(super) fn connect(&self, gitlab: &FakeGitLab, lifetime: u64) -> (App, Pair) {
        self.put(gitlab, &gitlab.base_url(), lifetime)
    }

    /// The same at another of the server's names.
    pub(super) fn connect_at(&self, gitlab: &FakeGitLab, base: &str) -> Pair {
        self.put(gitlab, base, 7200).1
    }

    fn put(&self, gitlab: &FakeGitLab, base: &str, lifetime: u64) -> (App, Pair) {
        let app = gitlab.register_app(false);
        let pair = gitlab.issue_tokens(&app, SCOPES);
        let mut connection = connection("default", gitlab, base, &app, &pair, lifetime);
        connection.terms = Some(World::new().terms(&connection));
        self.store().create(&connection, true).unwrap();
        (app, pair)
    }

    /// The pair in the vault.
    pub(super) fn pair(&self) -> Pair {
        let stored = self.store().load(&id("default")).unwrap().unwrap();
        let tokens = stored.connection.tokens;
        Pair {
            access: tokens.access.expose().clone(),
            refresh: tokens.refresh.unwrap().expose().clone(),
        }
    }

    /// Makes a command one of a machine of the fleet.
    pub(super) fn join(&self, command: &mut Command) {
        command
            .env("AUTHSOME_VAULT", &self.url)
            .env("AUTHSOME_MASTER_KEY", KEY);
    }

    /// Runs the binary on a machine to its end.
    pub(super) fn call(&self, machine: &World, arguments: &[&str]) -> Outcome {
        let mut command = machine.authsome(arguments);
        self.join(&mut command);
        Outcome::of(command.output().unwrap())
    }
}
