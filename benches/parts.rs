//! The parts by themselves: `cargo bench --bench parts`. What a start, a connection or a refresh is
//! made of.
#![allow(
    clippy::unwrap_used,
    reason = "a bench that cannot be set up has failed"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use authsome::clock::Timestamp;
use authsome::connection::{Connection, ConnectionStore, GrantState, Tokens};
use authsome::credential::{ConnectionId, Credential};
use authsome::net::tls::Trust;
use authsome::oauth::OAuthClient;
use authsome::os::home::Home;
use authsome::proxy::bench::{self, Scrubbing, Tunnel};
use authsome::proxy::{Managed, Preference, RouteTable};
use authsome::secret::Secret;
use authsome::vault::{self, Change, Expect, RecordKey};
use authsome_ca::{BACKDATE, LeafCache, PermittedHost, SessionCa, TrustBundle};
use authsome_providers::{BaseUrl, Catalog, Service};
use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request};
use rustls_pki_types::ServerName;
use tempfile::TempDir;

/// As long as a record of a connection is.
const RECORD: usize = 1024;

criterion_group!(
    parts,
    certificates,
    trust,
    vault,
    providers,
    routes,
    requests,
    responses
);
criterion_main!(parts);

fn session_ca() -> SessionCa {
    let permitted = [PermittedHost::Domain("bench.test".to_owned())];
    SessionCa::new(&permitted, UNIX_EPOCH + BACKDATE).unwrap()
}

fn certificates(criterion: &mut Criterion) {
    criterion.bench_function("ca/session", |bencher| bencher.iter(session_ca));
    let leaves = LeafCache::new(session_ca()).unwrap();
    let count = Cell::new(0_u64);
    let new_name = || {
        count.set(count.get() + 1);
        ServerName::try_from(format!("host{}.bench.test", count.get())).unwrap()
    };
    criterion.bench_function("ca/leaf of a new host", |bencher| {
        bencher.iter_batched(
            new_name,
            |name| leaves.get(&name).unwrap(),
            BatchSize::SmallInput,
        );
    });
    let known = ServerName::try_from("known.bench.test").unwrap();
    criterion.bench_function("ca/leaf of a known host", |bencher| {
        bencher.iter(|| leaves.get(black_box(&known)).unwrap());
    });
}

fn trust(criterion: &mut Criterion) {
    let ca = session_ca();
    let platform = || TrustBundle::platform(None, UNIX_EPOCH).unwrap();
    criterion.bench_function("trust/bundle for a child", |bencher| {
        bencher.iter(|| platform().with_pem(ca.certificate_pem()));
    });
    // Parsed once and kept, so each time anew.
    criterion.bench_function("trust/certificates of a bundle", |bencher| {
        let certificates = |bundle: TrustBundle| bundle.certificates().len();
        bencher.iter_batched(platform, certificates, BatchSize::SmallInput);
    });
    criterion.bench_function("trust/Java key store", |bencher| {
        let pem = ca.certificate_pem();
        let store = |bundle: TrustBundle| bundle.java_key_store_rest(pem);
        bencher.iter_batched(platform, store, BatchSize::SmallInput);
    });
    criterion.bench_function("trust/first client configuration", |bencher| {
        bencher.iter(|| {
            Trust::new(None, Vec::new())
                .client_config(&[], None)
                .unwrap()
        });
    });
}

fn vault(criterion: &mut Criterion) {
    let directory = TempDir::new().unwrap();
    let home = Home::open(Some(directory.path().join("home").into()), None).unwrap();
    let vault = vault::open(&home, None).unwrap();
    let key = RecordKey::new("bench", "record");
    let put = || Change::Put {
        key: key.clone(),
        value: Secret::new(vec![b'x'; RECORD]),
        expect: Expect::Any,
    };
    vault.apply(&[put()]).unwrap();
    criterion.bench_function("vault/open", |bencher| {
        bencher.iter(|| vault::open(&home, None).unwrap());
    });
    criterion.bench_function("vault/sealed record, read", |bencher| {
        bencher.iter(|| vault.get(&key).unwrap().unwrap());
    });
    criterion.bench_function("vault/sealed record, written", |bencher| {
        bencher.iter(|| vault.apply(&[put()]).unwrap());
    });
    let store = ConnectionStore::new(Arc::clone(&vault));
    let connection = connection();
    store.create(&connection, true).unwrap();
    criterion.bench_function("vault/connection, loaded", |bencher| {
        bencher.iter(|| store.load(&connection.id).unwrap().unwrap());
    });
}

fn providers(criterion: &mut Criterion) {
    criterion.bench_function("providers/definition of gitlab", |bencher| {
        bencher.iter(|| Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap());
    });
    let service = service("https://gitlab.bench.test");
    for (name, path) in [
        ("API", "/api/v4/projects/1"),
        ("git", "/group/project.git/info/refs"),
        ("web", "/group/project/-/blob/main/README.md"),
    ] {
        criterion.bench_function(&format!("providers/rules, {name}"), |bencher| {
            bencher.iter(|| {
                let path = service.relative_path(black_box(path)).unwrap();
                (
                    service.rules.guard("gitlab.test", "POST", path).is_some(),
                    service.rules.injection("gitlab.test", "POST", path, None),
                )
            });
        });
    }
}

fn routes(criterion: &mut Criterion) {
    for count in [1, 1000] {
        let services: Vec<_> = (0..count)
            .map(|index| service(&format!("https://host{index}.bench.test")))
            .collect();
        let managed = || {
            let managed = services.iter().enumerate().map(|(index, service)| Managed {
                id: id(&format!("c{index}")),
                service: service.clone(),
                ca_pem: None,
                client_certificate: None,
                preference: Preference::None,
            });
            managed.collect::<Vec<_>>()
        };
        criterion.bench_function(&format!("routes/table of {count}"), |bencher| {
            bencher.iter_batched(managed, RouteTable::new, BatchSize::SmallInput);
        });
        let table = RouteTable::new(managed());
        criterion.bench_function(
            &format!("routes/of a tunnel's host, of {count}"),
            |bencher| {
                bencher.iter(|| Tunnel::to(&table, black_box("host0.bench.test:443")).unwrap());
            },
        );
        let tunnel = Tunnel::to(&table, "host0.bench.test:443").unwrap();
        criterion.bench_function(&format!("routes/of a request, of {count}"), |bencher| {
            bencher.iter(|| tunnel.owner(black_box("/api/v4/projects/1")).unwrap());
        });
    }
}

fn requests(criterion: &mut Criterion) {
    let managed = Managed {
        id: id("default"),
        service: service("https://gitlab.bench.test"),
        ca_pem: None,
        client_certificate: None,
        preference: Preference::None,
    };
    let table = RouteTable::new([managed]);
    let tunnel = Tunnel::to(&table, "gitlab.bench.test:443").unwrap();
    let owner = tunnel.owner("/api/v4/projects/1").unwrap();
    let credential = Credential {
        token: Secret::new("a".repeat(64)),
        others: Vec::new(),
        secrets: Vec::new(),
        generation: 1,
        obtained_at: Timestamp::from_seconds(1_700_000_000),
        refresh_at: None,
        expires_at: None,
        routes: Vec::new(),
    };
    for (name, more) in [
        ("as most clients send", None),
        ("with much to clean", Some(HOP_BY_HOP)),
    ] {
        criterion.bench_function(&format!("headers/{name}"), |bencher| {
            bencher.iter_batched_ref(
                || head("/api/v4/projects/1", more),
                |parts| bench::clean(&mut parts.headers),
                BatchSize::SmallInput,
            );
        });
    }
    for (name, path) in [
        ("header", "/api/v4/projects/1?per_page=100"),
        (
            "token in the query",
            "/api/v4/projects/1?private_token=authsome-proxy-managed",
        ),
    ] {
        criterion.bench_function(&format!("inject/{name}"), |bencher| {
            bencher.iter_batched_ref(
                || head(path, None),
                |parts| assert!(owner.inject(parts, &credential)),
                BatchSize::SmallInput,
            );
        });
    }
}

fn responses(criterion: &mut Criterion) {
    let scrubbing = || Scrubbing::of(&SECRETS);
    criterion.bench_function("scrub/patterns of three secrets", |bencher| {
        bencher.iter(scrubbing);
    });
    let scrubbing = scrubbing();
    let text = br#"{"id":12,"name":"project","web_url":"https://gitlab.bench.test/a/b"},"#;
    for (name, length) in [("1 KiB", 1024), ("64 KiB", 64 * 1024)] {
        let body: Vec<u8> = text.iter().copied().cycle().take(length).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&body).unwrap();
        for (coding, body) in [("identity", body), ("gzip", gzip.finish().unwrap())] {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            headers.insert("content-encoding", HeaderValue::from_static(coding));
            let body = Bytes::from(body);
            criterion.bench_function(&format!("scrub/{name} of JSON, {coding}"), |bencher| {
                bencher.iter(|| scrubbing.body(&headers, black_box(body.clone())).unwrap());
            });
        }
    }
    let mut parts = head("/", Some(HOP_BY_HOP));
    criterion.bench_function("scrub/twelve fields", |bencher| {
        bencher.iter(|| scrubbing.fields(black_box(&mut parts.headers)));
    });
}

/// As long as the tokens of one connection, and a client's secret.
const SECRETS: [&str; 3] = [
    "glpat-0123456789abcdefghij",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "gloas-fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
];

/// What is between two neighbours only, and what HTTP/2 splits.
const HOP_BY_HOP: [(&str, &str); 6] = [
    ("connection", "keep-alive, x-hop"),
    ("x-hop", "1"),
    ("te", "trailers"),
    ("proxy-connection", "keep-alive"),
    ("cookie", "a=1"),
    ("cookie", "b=2"),
];

/// The head of a client's request with the placeholder.
fn head(target: &str, more: Option<[(&'static str, &'static str); 6]>) -> Parts {
    let mut request = Request::get(target)
        .header("host", "gitlab.bench.test")
        .header("user-agent", "python-requests/2.32.3")
        .header("accept-encoding", "gzip, deflate")
        .header("accept", "application/json")
        .header("authorization", "Bearer authsome-proxy-managed")
        .header("connection", "keep-alive");
    for (name, value) in more.into_iter().flatten() {
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}

fn service(base: &str) -> Service {
    let base: BaseUrl = base.parse().unwrap();
    let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    definition.provider.at(Some(&base)).unwrap()
}

fn id(name: &str) -> ConnectionId {
    ConnectionId {
        provider: "gitlab".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn connection() -> Connection {
    let base: BaseUrl = "https://gitlab.bench.test".parse().unwrap();
    let definition = Catalog::new(None).get(&"gitlab".parse().unwrap()).unwrap();
    let endpoints = definition.provider.sign_in_at(Some(&base)).unwrap();
    let endpoints = endpoints.oauth.unwrap();
    let now = Timestamp::from_seconds(1_700_000_000);
    Connection {
        id: id("default"),
        base_url: Some(base),
        ca_pem: None,
        client_certificate: None,
        client: Some(OAuthClient {
            client_id: "bench".to_owned(),
            client_secret: None,
            token_endpoint: endpoints.token,
            revocation_endpoint: endpoints.revocation,
            style: authsome::oauth::RequestStyle::default(),
        }),
        flow: Some(authsome_providers::Flow::Pkce),
        params: std::collections::BTreeMap::new(),
        fields: Vec::new(),
        tokens: Tokens {
            access: Secret::new("a".repeat(64)),
            refresh: Some(Secret::new("r".repeat(64))),
            obtained_at: now,
            expires_at: Some(now.plus(Duration::from_hours(2))),
            scopes: vec!["api".to_owned()],
            lineage: None,
        },
        account: None,
        standing: GrantState::Good,
        terms: None,
    }
}
