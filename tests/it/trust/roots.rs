//! Which certificates are trusted, and what is said of the others.

use authsome_test_support::kit::port_7998;
use authsome_test_support::{App, FakeGitLab};

use crate::kit::admission::is_root;
use crate::kit::browser::{consent, visit};
use crate::kit::certificates::{Made, NAMES, refused, self_signed, serving};
use crate::kit::login::Login;
use crate::kit::run::{behind, finish, run};
use crate::kit::{Outcome, World};

#[test]
fn a_servers_own_certificate_as_ca_file_does_for_login_refresh_and_requests() {
    let world = World::new();
    for made in [
        self_signed(&world, &[NAMES]), // CA:TRUE, as OpenSSL has it
        self_signed(&world, &[NAMES, "basicConstraints=critical,CA:FALSE"]),
        leaf(&["localhost"], (2024, 2044), false),
    ] {
        let (world, gitlab) = (World::new(), serving(&made));
        let app = gitlab.register_app(false);
        world.login(&gitlab, &app, &[]).expect(0);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let asked = world
            .run(["curl", "-sS", "--fail-with-body", &url])
            .expect(0);
        assert_eq!(asked.json()["username"], "ada");
        world.connect_as("default", &gitlab, &gitlab.base_url(), 0);
        let asked = world
            .run(["curl", "-sS", "--fail-with-body", &url])
            .expect(0);
        assert_eq!(asked.json()["username"], "ada");
        assert_eq!(gitlab.refreshes(), 1);
        world.call(["revoke", "gitlab"]).expect(0);
        assert_eq!(gitlab.revocations(), 1);
    }
}

#[test]
fn another_certificate_of_the_same_name_is_not_it() {
    let world = World::new();
    let (here, there) = (self_signed(&world, &[NAMES]), self_signed(&world, &[NAMES]));
    let gitlab = serving(&here);
    let other = world.file("other.pem", &there.certificate);
    let outcome = refused(&world, &gitlab.base_url(), Some(&other));
    assert!(outcome.stderr.contains("--ca-file"), "{}", outcome.stderr);
    assert_eq!(gitlab.token_requests(), 0);
}

#[test]
fn a_servers_own_certificate_counts_for_its_names_and_dates_only() {
    let world = World::new();
    let cases = [
        (
            leaf(&["other.test"], (2024, 2044), true),
            "for other.test, not for localhost",
            "--base-url",
        ),
        (
            leaf(&["localhost"], (2020, 2021), true),
            "expired at 2021-01-01",
            "date",
        ),
        (
            leaf(&["localhost"], (2020, 2021), false),
            "expired at 2021-01-01",
            "date",
        ),
        (
            leaf(&["localhost"], (2043, 2044), true),
            "is not valid before 2043-01-01",
            "date",
        ),
        (
            self_signed(&world, &[]),
            "no subjectAltName",
            "subjectAltName",
        ),
    ];
    for (made, words, hint) in cases {
        let gitlab = serving(&made);
        let outcome = refused(&world, &gitlab.base_url(), Some(gitlab.ca_file()));
        let hinted = outcome
            .stderr
            .lines()
            .find(|line| line.starts_with("hint: "))
            .unwrap();
        assert!(
            outcome.stderr.contains(words),
            "{words}: {}",
            outcome.stderr
        );
        assert!(hinted.contains(hint), "{hint}: {hinted}");
        assert!(
            !hinted.contains("--ca-file"),
            "what cannot help is not hinted: {hinted}"
        );
        // The same of a request, whose response says it.
        let world = World::new();
        world.connect(&gitlab);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let told = world.run(["curl", "-sS", &url]).expect(0).json();
        assert_eq!(told["error"], "upstream_tls");
        assert!(told["message"].as_str().unwrap().contains(words), "{told}");
        assert!(
            !told["hint"].as_str().unwrap().contains("--ca-file"),
            "{told}"
        );
    }
}

#[test]
fn an_unknown_self_signed_certificate_is_called_what_it_is() {
    let world = World::new();
    let gitlab = serving(&self_signed(&world, &[NAMES]));
    let outcome = refused(&world, &gitlab.base_url(), None);
    assert!(outcome.stderr.contains("self-signed"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: ") && outcome.stderr.contains("--ca-file"));
}

#[test]
fn a_private_ca_is_enough_where_the_system_has_no_roots() {
    if !is_root("a_private_ca_is_enough_where_the_system_has_no_roots") {
        return;
    }
    let hidden = "for there in /etc/ssl /etc/pki /usr/share/ca-certificates; do \
        [ ! -d $there ] || mount -t tmpfs none $there; done; exec \"$@\"";
    let without_roots = ["unshare", "-m", "sh", "-c", hidden, "sh"];
    for made in [None, Some(leaf(&["localhost"], (2024, 2044), true))] {
        let world = World::new();
        let gitlab = made.as_ref().map_or_else(FakeGitLab::start, serving);
        let app = gitlab.register_app(false);
        let outcome = login_behind(&without_roots, &world, &gitlab, &app);
        outcome.expect(0);
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let command = run(&world, &[], &["curl", "-sS", "--fail-with-body", &url]);
        let asked = finish(behind(&without_roots, &command)).expect(0);
        assert_eq!(asked.json()["username"], "ada");
    }
}

/// A leaf of a CA that nobody has, with those dates.
fn leaf(names: &[&str], years: (i32, i32), is_ca: bool) -> Made {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&key).unwrap()
    } else {
        params.signed_by(&key, &authority).unwrap()
    };
    Made {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    }
}

fn login_behind(wrapper: &[&str], world: &World, gitlab: &FakeGitLab, app: &App) -> Outcome {
    let port = port_7998();
    let model = world.authsome([
        "login",
        "gitlab",
        "--no-browser",
        "--base-url",
        &gitlab.base_url(),
    ]);
    let mut command = behind(wrapper, &model);
    command
        .arg("--ca-file")
        .arg(gitlab.ca_file())
        .args(["--client-id", &app.client_id]);
    let mut login = Login::spawn(command, Some(port));
    let url = login.url();
    visit(&consent(gitlab, &url));
    login.end()
}
