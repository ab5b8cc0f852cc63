//! The way to a server that is not on this machine: TLS that is verified, and a password from a file.

use authsome_test_support::Postgres;

use super::kit::{Fleet, KEY};
use crate::kit::{Outcome, World};

#[test]
fn a_server_is_trusted_by_its_ca_and_name_alone() {
    let Some(server) = Postgres::start() else {
        return;
    };
    let ca = server.listen_with_tls("127.0.0.2", "hunter2");
    server.kill();
    server.start_again();
    let fleet = Fleet::on(&server);
    let machine = World::new();
    let ca = machine.file("ca.pem", &std::fs::read_to_string(ca).unwrap());
    let password = machine.file("password", "hunter2\n");
    let (port, database) = (server.port(), fleet.database());
    let list = |host: &str, more: &str| {
        let url = format!("postgres://ci@{host}:{port}/{database}?sslmode=verify-full{more}");
        let mut command = machine.authsome(["list"]);
        command.env("AUTHSOME_VAULT", url);
        Outcome::of(command.env("AUTHSOME_MASTER_KEY", KEY).output().unwrap())
    };
    let trusted = format!("&sslrootcert={}", ca.display());
    let with_password = format!("{trusted}&passwordfile={}", password.display());
    let refused = |outcome: Outcome, words: &str| {
        let outcome = outcome.expect(9);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    };
    refused(list("127.0.0.2", ""), "is not trusted");
    refused(list("127.0.0.1", &with_password), "is not trusted");
    refused(list("127.0.0.2", &trusted), "password");
    let wrong = machine.file("wrong", "hunter3");
    let with_wrong = format!("{trusted}&passwordfile={}", wrong.display());
    refused(list("127.0.0.2", &with_wrong), "refuses the login");
    let made = "SELECT count(*) FROM pg_namespace WHERE nspname = 'authsome'";
    assert_eq!(server.sql(database, made), "0", "nothing was changed");
    list("127.0.0.2", &with_password).expect(0);
}
