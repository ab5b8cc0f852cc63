//! What each rule permits, and which layer wins.

use std::fmt;
use std::sync::Arc;

use authsome_providers::Catalog;
use http::Request;

use super::*;
use crate::credential::ConnectionId;
use crate::proxy::policy::candidates::RouteMatch;
use crate::proxy::policy::route::Preference;
use crate::proxy::policy::routes::{Managed, RouteTable};
use crate::proxy::rewrite::hop_by_hop::HeaderFlags;

fn gitlab() -> Arc<Route> {
    let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    let base = "https://gitlab.test".parse().unwrap();
    let table = RouteTable::new([Managed {
        id: ConnectionId {
            provider: "gitlab".parse().unwrap(),
            name: "default".parse().unwrap(),
        },
        service: definition.provider.at(Some(&base)).unwrap(),
        ca_pem: None,
        client_certificate: None,
        preference: Preference::None,
    }]);
    let candidates = table.to(&Authority::new("gitlab.test", 443).unwrap());
    match candidates.resolve("/api/v4/user") {
        RouteMatch::Route(route) => Arc::clone(route),
        other => panic!("{other:?}"),
    }
}

fn all<T: std::str::FromStr<Err: fmt::Debug>>(texts: &[&str]) -> Vec<T> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn policy(layers: impl IntoIterator<Item = PolicyLayer>) -> SessionPolicy {
    SessionPolicy::new(layers, Instant::now())
}

/// What a policy says to a request: the rule that denies it, or what it needs.
fn said(policy: &SessionPolicy, method: &str, uri: &str, fields: &[(&str, &str)]) -> String {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let methods = Methods::of(&parts, HeaderFlags::of(&parts.headers).overrides_method);
    match policy.check(&gitlab(), &methods, ("gitlab.test", parts.uri.path())) {
        Ok(need) if need.is_nothing() => "served".to_owned(),
        Ok(need) if need.push => "if its refs are allowed".to_owned(),
        Ok(_) => "if it only reads".to_owned(),
        Err(Refusal::Policy(denial)) => denial.rule.to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_session_that_may_only_read() {
    let policy = policy([PolicyLayer {
        is_read_only: true,
        ..PolicyLayer::default()
    }]);
    let override_ = ("x-http-method-override", "DELETE");
    for (method, uri, field, expected) in [
        ("GET", "/api/v4/user", None, "served"),
        ("HEAD", "/api/v4/user", None, "served"),
        ("OPTIONS", "/api/v4/user", None, "served"),
        ("get", "/api/v4/user", None, "read-only"),
        ("DELETE", "/api/v4/projects/1", None, "read-only"),
        ("PUT", "/api/v4/projects/1", None, "read-only"),
        ("PROPFIND", "/api/v4/projects/1", None, "read-only"),
        ("POST", "/g/p.git/git-upload-pack", None, "served"),
        ("POST", "/api/graphql", None, "if it only reads"),
        (
            "POST",
            "/g/p.git/git-receive-pack",
            None,
            "if its refs are allowed",
        ),
        ("GET", "/api/v4/user", Some(override_), "read-only"),
        (
            "POST",
            "/g/p.git/git-upload-pack",
            Some(override_),
            "read-only",
        ),
        ("GET", "/api/v4/user?_method=delete", None, "read-only"),
    ] {
        let fields: Vec<_> = field.into_iter().collect();
        assert_eq!(
            said(&policy, method, uri, &fields),
            expected,
            "{method} {uri}"
        );
    }
}

#[test]
fn rules_for_paths() {
    let policy = policy([PolicyLayer {
        allow_paths: all(&[
            "gitlab=/api/v4/projects/42/**",
            "gitlab=GET /api/v4/user",
            "github=/**",
        ]),
        deny_paths: all(&["gitlab=/api/v4/projects/42/hooks/**", "gitlab=DELETE /**"]),
        ..PolicyLayer::default()
    }]);
    for (method, uri, expected) in [
        ("GET", "/api/v4/projects/42/issues", "served"),
        ("POST", "/api/v4/projects/42/issues", "served"),
        ("GET", "/api/v4/user", "served"),
        ("POST", "/api/v4/user", "allow-path"),
        ("GET", "/api/v4/projects/43/issues", "allow-path"),
        ("GET", "/api/v4/projects/42/hooks/1", "deny-path"),
        ("DELETE", "/api/v4/projects/42/issues/1", "deny-path"),
        (
            "POST",
            "/api/v4/projects/42/issues/1?_method=DELETE",
            "deny-path",
        ),
    ] {
        assert_eq!(said(&policy, method, uri, &[]), expected, "{method} {uri}");
    }
}

#[test]
fn hosts() {
    let strict = PolicyLayer {
        unmanaged: Policy::Deny,
        allow_hosts: all(&["*.example.com", "10.0.0.1"]),
        ..PolicyLayer::default()
    };
    let other = PolicyLayer {
        source: PolicySource::Settings,
        deny_hosts: all(&["www.example.com", "gitlab.test"]),
        ..PolicyLayer::default()
    };
    let policy = policy([strict, other]);
    let said = |host: &str, is_managed: bool| {
        let authority = Authority::new(host, 443).unwrap();
        let result = if is_managed {
            policy.admits_managed(&authority)
        } else {
            policy.admits_unmanaged(&authority)
        };
        match result {
            Ok(()) => "served",
            Err(Refusal::Unmanaged(_)) => "unmanaged",
            Err(Refusal::Policy(denial)) => denial.rule,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(said("api.example.com", false), "served");
    assert_eq!(said("10.0.0.1", false), "served");
    assert_eq!(said("www.example.com", false), "deny-host");
    assert_eq!(said("example.com", false), "unmanaged");
    assert_eq!(said("gitlab.com", true), "served");
    assert_eq!(said("gitlab.test", true), "deny-host");
    let rule = |host: &str| policy.address_rule(&Authority::new(host, 22).unwrap());
    assert_eq!(rule("10.0.0.1"), AddressRule::All);
    assert_eq!(rule("10.0.0.2"), AddressRule::PublicOnly);
    // Its owner may let it point to anywhere.
    assert_eq!(rule("api.example.com"), AddressRule::PublicOnly);
    let open = SessionPolicy::default();
    let rule = open.address_rule(&Authority::new("10.0.0.1", 22).unwrap());
    assert_eq!(rule, AddressRule::NotLocal);
}

#[test]
fn the_stricter_layer_wins_whatever_its_place() {
    let one = || PolicyLayer {
        allow_paths: all(&["gitlab=/api/v4/projects/42/**"]),
        ..PolicyLayer::default()
    };
    let other = || PolicyLayer {
        source: PolicySource::File("policy.toml".to_owned()),
        allow_paths: all(&["gitlab=GET /api/**"]),
        ..PolicyLayer::default()
    };
    for layers in [[one(), other()], [other(), one()]] {
        let policy = policy(layers);
        assert_eq!(
            said(&policy, "GET", "/api/v4/projects/42/issues", &[]),
            "served"
        );
        assert_eq!(
            said(&policy, "POST", "/api/v4/projects/42/issues", &[]),
            "allow-path"
        );
        assert_eq!(said(&policy, "GET", "/api/v4/user", &[]), "allow-path");
    }
}

#[test]
fn budgets_count_what_they_are_for() {
    let now = Instant::now();
    let layer = PolicyLayer {
        limits: all(&["gitlab=2/min", "requests=3", "bytes-up=1KiB"]),
        ..PolicyLayer::default()
    };
    let policy = SessionPolicy::new([layer], now);
    let gitlab: ProviderId = "gitlab".parse().unwrap();
    assert!(policy.take_request(Some(&gitlab), now).is_ok());
    assert!(policy.take_request(Some(&gitlab), now).is_ok());
    let refusal = policy.take_request(Some(&gitlab), now).unwrap_err();
    assert!(
        matches!(refusal, Refusal::Budget { ref limit, again: Some(_) } if limit == "gitlab=2/min")
    );
    assert!(policy.take_request(None, now).is_ok());
    let refusal = policy.take_request(None, now).unwrap_err();
    assert!(matches!(refusal, Refusal::Budget { ref limit, again: None } if limit == "requests=3"));
    assert!(policy.counts_bytes());
    assert!(policy.take_bytes(1024, now).is_ok());
    assert!(policy.take_bytes(1, now).is_err());
}

#[test]
fn rules_that_contradict_each_other_are_named() {
    let contradicting = [
        PolicyLayer {
            allow_hosts: all(&["a.test"]),
            deny_hosts: all(&["b.test", "a.test"]),
            ..PolicyLayer::default()
        },
        PolicyLayer {
            allow_paths: all(&["gitlab=/a"]),
            deny_paths: all(&["gitlab=/a"]),
            ..PolicyLayer::default()
        },
        PolicyLayer {
            limits: all(&["gitlab=5/min", "gitlab=6/min"]),
            ..PolicyLayer::default()
        },
    ];
    let said: Vec<_> = contradicting
        .map(|layer| layer.check().unwrap_err().to_string())
        .into();
    assert_eq!(
        said,
        [
            "allow-host a.test and deny-host a.test contradict each other",
            "allow-path gitlab=/a and deny-path gitlab=/a contradict each other",
            "limit gitlab=5/min and limit gitlab=6/min contradict each other",
        ]
    );
    let fine = PolicyLayer {
        limits: all(&["gitlab=5/min", "gitlab=100/h", "requests=5/min"]),
        ..PolicyLayer::default()
    };
    assert_eq!(fine.check(), Ok(()));
}
