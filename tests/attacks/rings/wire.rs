//! Ring 2: take it on the wire, or reach what is not to be reached.

use authsome_test_support::Arrived;

use super::scrubbed::IS_IN_FORCE;
use crate::attempt::{Attempt, attempt};
use crate::defence::Defence::{
    self, AddressRules, AltSvc, BrokenUploads, Carriers, FreshConnections, H2cRefused, HopByHop,
    Methods, OwnHost, OwnPorts, PlaceholderInBody, PlaceholderInHead, RequestFraming, ResolvedOnce,
    ResponseScrubbing, SameOrigin, SentOnce, ServerName, TargetAuthority,
};
use crate::machine::forget_names;
use crate::origin::METADATA;
use crate::stage::{ATTACKERS, Stage};

pub(super) fn all() -> Vec<Attempt> {
    let mut all = authorities();
    all.extend(framing());
    all.extend(addresses());
    all.extend(carriers());
    all.extend(others());
    all
}

/// A request with the user's credential arrived for which the function stands.
fn arrives(
    name: &'static str,
    against: &'static [Defence],
    is_it: fn(&authsome_test_support::Seen) -> bool,
) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect(7200);
        stage.run(&[])?;
        Ok(stage.authorized().iter().any(is_it))
    })
}

fn is_for_evil(seen: &authsome_test_support::Seen) -> bool {
    let hosts = seen
        .headers
        .iter()
        .filter(|(name, _)| name == "host" || name == ":authority");
    hosts
        .map(|(_, value)| value)
        .any(|value| value.starts_with("evil.test"))
}

fn authorities() -> Vec<Attempt> {
    vec![
        arrives("host of another", &[TargetAuthority, OwnHost], is_for_evil),
        arrives("host of another over http2", &[TargetAuthority], |_| true),
        arrives("absolute form of another", &[TargetAuthority], |_| true),
        arrives("two hosts", &[TargetAuthority, OwnHost], is_for_evil),
        arrives("server name of another", &[ServerName], |_| true),
        attempt(
            "trace",
            if IS_IN_FORCE {
                &[Methods, ResponseScrubbing]
            } else {
                &[Methods]
            },
            |stage| {
                stage.connect(7200);
                let said = stage.run(&[])?;
                Ok(stage.leaks(&said))
            },
        ),
    ]
}

/// What arrived at the server that notes each byte.
fn noted(name: &'static str, against: &'static [Defence], is_it: fn(&[String]) -> bool) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect_origin();
        stage.run(&[])?;
        let origin = stage.origin.as_ref().map(crate::origin::Origin::arrived);
        Ok(is_it(&origin.unwrap_or_default()))
    })
}

/// Whether a server that goes by the length finds another request behind it than one that goes by
/// the chunks.
fn is_ambiguous(arrived: &[String]) -> bool {
    arrived.iter().any(|bytes| {
        let head = bytes
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let lengths = head.matches("\ncontent-length:").count();
        let has_chunks = head.contains("\ntransfer-encoding:");
        bytes.contains("/api/v4/second") && lengths + usize::from(has_chunks) > 1
    })
}

fn framing() -> Vec<Attempt> {
    let looks_whole = |arrived: &[String]| {
        let mut uploads = arrived
            .iter()
            .filter(|bytes| bytes.contains("POST /api/v4/upload"));
        uploads.any(|bytes| bytes.contains("\r\n0\r\n\r\n"))
    };
    vec![
        noted("length and chunks", &[RequestFraming], is_ambiguous),
        noted("chunks and length", &[RequestFraming], is_ambiguous),
        noted("two lengths", &[RequestFraming], is_ambiguous),
        noted("h2c upgrade", &[H2cRefused], |arrived| {
            arrived
                .iter()
                .any(|bytes| bytes.contains("a request that nobody looks at"))
        }),
        noted("upload without its end", &[BrokenUploads], looks_whole),
        noted("reset upload of http2", &[BrokenUploads], looks_whole),
        noted(
            "post sent twice",
            &[FreshConnections, SentOnce],
            |arrived| {
                let posts = arrived
                    .iter()
                    .filter(|bytes| bytes.contains("POST /api/v4/close"));
                posts.count() > 1
            },
        ),
        noted(
            "post on a used connection",
            &[FreshConnections],
            |arrived| {
                let mut arrived = arrived.iter();
                arrived.any(|bytes| bytes.contains("GET /api") && bytes.contains("POST /api"))
            },
        ),
    ]
}

/// What only the machine's own cloud tells it.
fn reaches(
    name: &'static str,
    against: &'static [Defence],
    flags: &'static [&'static str],
) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect(7200);
        Ok(stage.run(flags)?.stdout.contains(METADATA))
    })
}

fn addresses() -> Vec<Attempt> {
    let by_address = [
        "metadata by its address",
        "metadata as a mapped address",
        "metadata behind nat64",
        "metadata by 6to4",
        "metadata as one number",
        "metadata in octal",
        "metadata by a name",
        "metadata of ipv6",
        "metadata in absolute form",
    ];
    let mut all: Vec<_> = by_address
        .into_iter()
        .map(|name| reaches(name, &[AddressRules], &[]))
        .collect();
    let closed = &["--policy", "deny", "--allow-host", "*.test"];
    all.push(reaches(
        "this machine by a public name",
        &[AddressRules],
        closed,
    ));
    all.push(attempt("a name that changes", &[ResolvedOnce], |stage| {
        forget_names();
        stage.connect(7200);
        Ok(stage.run(&[])?.stdout.contains(METADATA))
    }));
    let passes = |stage: &mut Stage| {
        stage.connect(7200);
        Ok(stage.run(&[])?.stdout.contains("through"))
    };
    all.push(attempt("the proxy through itself", &[OwnPorts], passes));
    all.push(attempt("the proxy by another name", &[OwnPorts], passes));
    all.push(attempt(
        "the login through the proxy",
        &[OwnPorts],
        |stage| {
            let _port = authsome_test_support::kit::port_7998();
            let login =
                std::net::TcpListener::bind("127.0.0.1:7998").map_err(|error| error.to_string())?;
            login
                .set_nonblocking(true)
                .map_err(|error| error.to_string())?;
            stage.connect(7200);
            let seen = std::thread::scope(|scope| {
                let run = scope.spawn(|| stage.run(&[]).map(|_| ()));
                let mut reached = false;
                while !run.is_finished() {
                    reached |= login.accept().is_ok();
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                run.join().unwrap_or(Ok(())).map(|()| reached)
            });
            seen
        },
    ));
    all
}

fn carriers() -> Vec<Attempt> {
    let names = [
        "second private token",
        "second job token",
        "second token in the query",
        "second token behind an escape",
        "second token in brackets",
        "second token behind a semicolon",
    ];
    let mut all: Vec<_> = names
        .into_iter()
        .map(|name| {
            attempt(name, &[Carriers], |stage| {
                stage.connect(7200);
                stage.run(&[])?;
                let seen = stage.authorized();
                Ok(seen.iter().any(|seen| {
                    let in_query = seen
                        .query
                        .as_ref()
                        .is_some_and(|query| query.contains(ATTACKERS));
                    in_query || matches!(seen.credential, Arrived::Several(_))
                }))
            })
        })
        .collect();
    let placeholder = |seen: &[authsome_test_support::Seen]| {
        seen.iter().any(|seen| {
            let query = seen.query.clone().unwrap_or_default();
            let all = seen.headers.iter().map(|(_, value)| value.clone());
            let form = seen.form.iter().map(|(_, value)| value.clone());
            let basic = match &seen.credential {
                Arrived::Basic { password, .. } => password.clone(),
                _ => String::new(),
            };
            let query = percent_encoding::percent_decode_str(&query)
                .decode_utf8_lossy()
                .into_owned();
            let mut texts = all.chain(form).chain([query, basic]);
            texts.any(|text| text.contains("authsome-proxy-managed"))
        })
    };
    for (name, against) in [
        (
            "placeholder in the query",
            &[PlaceholderInHead] as &'static [Defence],
        ),
        ("placeholder escaped", &[PlaceholderInHead]),
        ("placeholder in a field", &[PlaceholderInHead]),
        ("placeholder in basic", &[PlaceholderInHead]),
        ("placeholder in a form", &[PlaceholderInBody]),
    ] {
        all.push(attempt(name, against, move |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            Ok(placeholder(&stage.gitlab.seen()))
        }));
    }
    let has_placeholder = |arrived: &[String]| {
        arrived
            .iter()
            .any(|bytes| bytes.contains("authsome-proxy-managed"))
    };
    all.push(noted(
        "placeholder in json",
        &[PlaceholderInBody],
        has_placeholder,
    ));
    all.push(attempt(
        "placeholder in clear",
        &[PlaceholderInHead],
        move |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            Ok(has_placeholder(&stage.plain.arrived()))
        },
    ));
    all
}

fn others() -> Vec<Attempt> {
    vec![
        attempt("password to a server", &[HopByHop], |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            let arrived = stage.plain.arrived();
            Ok(arrived
                .iter()
                .any(|bytes| bytes.to_ascii_lowercase().contains("proxy-authorization")))
        }),
        attempt("way past the proxy", &[AltSvc], |stage| {
            stage.connect(7200);
            Ok(stage
                .run(&[])?
                .stdout
                .to_ascii_lowercase()
                .contains("alt-svc"))
        }),
        arrives("page of another origin", &[SameOrigin], |seen| {
            seen.method == "POST"
        }),
        arrives("page of no origin", &[SameOrigin], |seen| {
            seen.method == "POST"
        }),
        arrives("page of another site", &[SameOrigin], |_| true),
        arrives("page of the same site", &[SameOrigin], |_| true),
    ]
}
