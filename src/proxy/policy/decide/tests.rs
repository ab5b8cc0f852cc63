//! Whom a certificate is shown to, and which spellings of a path are denied.

mod spellings;

use std::fs::File;
use std::io::Write;

use authsome_providers::Catalog;
use http::Request;

use super::*;
use crate::net::tls::ClientCertificate;
use crate::proxy::policy::route::Preference;
use crate::proxy::policy::routes::{Managed, RouteTable};
use crate::secret::Secret;

/// GitLab with a guard rule outside of its API, with a client certificate or without.
fn candidates(has_certificate: bool) -> Candidates {
    let home = tempfile::tempdir().unwrap();
    let bundled = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    let mut definition = bundled.json();
    definition["name"] = "acme".into();
    definition["guard"] = serde_json::json!([
        { "name": "web", "methods": ["POST"], "path": "/-/tokens", "reason": "it makes one" }
    ]);
    let mut file = File::create(home.path().join("acme.json")).unwrap();
    file.write_all(definition.to_string().as_bytes()).unwrap();
    let catalog = Catalog::new(Some(home.path().to_owned()));
    let definition = catalog.get(&"acme".parse().unwrap()).unwrap();
    let certificate = || ClientCertificate::stored(String::new(), Secret::new(String::new()));
    let base = "https://gitlab.test".parse().unwrap();
    let table = RouteTable::new([Managed {
        id: crate::credential::ConnectionId {
            provider: "acme".parse().unwrap(),
            name: "default".parse().unwrap(),
        },
        service: definition.provider.at(Some(&base)).unwrap(),
        ca_pem: None,
        client_certificate: has_certificate.then(certificate),
        preference: Preference::None,
    }]);
    table.to(&crate::authority::Authority::new("gitlab.test", 443).unwrap())
}

/// What is decided, and whether the request has an owner, whose certificate is presented.
fn decided(candidates: &Candidates, method: &str, path: &str, origin: &str) -> String {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("origin", origin).body(()).unwrap();
    let rules = Rules {
        authority: &"gitlab.test".parse().unwrap(),
        host: "gitlab.test",
        candidates,
        asked_guards: &HashSet::new(),
        lifted: None,
        allowed_guards: &HashSet::new(),
        policy: &SessionPolicy::default(),
        has_body: true,
        carries_minted: false,
    };
    let (parts, ()) = request.into_parts();
    let flags = HeaderFlags::of(&parts.headers);
    let Decision { owner, plan, .. } = decide(rules, &parts, path, flags);
    let plan = match plan {
        Ok(Plan::Inject(..)) => "inject",
        Ok(Plan::Minted(_)) => "minted",
        Ok(Plan::Pass(_)) => "pass",
        Err(Refusal::AnotherOrigin) => "another origin",
        Err(Refusal::Guarded { .. }) => "guarded",
        Err(_) => "refused",
    };
    format!(
        "{plan}, {}",
        if owner.is_some() { "owned" } else { "nobody's" }
    )
}

#[test]
fn a_certificate_is_shown_to_whom_a_token_would_be() {
    let (own, other) = ("https://gitlab.test", "https://evil.test");
    let with = candidates(true);
    assert_eq!(decided(&with, "GET", "/api/v4/user", own), "inject, owned");
    assert_eq!(
        decided(&with, "GET", "/api/v4/user", other),
        "another origin, owned"
    );
    assert_eq!(decided(&with, "GET", "/dashboard", own), "pass, owned");
    assert_eq!(decided(&with, "GET", "/dashboard", other), "pass, nobody's");
    assert_eq!(decided(&with, "POST", "/-/tokens", own), "guarded, owned");
    let without = candidates(false);
    assert_eq!(decided(&without, "GET", "/dashboard", other), "pass, owned");
    assert_eq!(decided(&without, "POST", "/-/tokens", own), "pass, owned");
}
