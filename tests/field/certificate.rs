//! A server that wants a certificate of its clients, from the login to a request.

use std::path::Path;

use authsome_test_support::kit;

use crate::Field;
use crate::kit::Outcome;

/// Without it, the login says what is wanted; with it, login, requests, refresh and revocation
/// work.
pub(crate) fn is_shown(field: &Field) -> Result<(), String> {
    let client = field.client_ca.issue("ada");
    let both = format!("{}{}", client.key_pem, client.certificate_pem);
    let file = field.world.file("client.pem", &both).display().to_string();
    let place = field.world.file(".curlrc", &format!("cert = {file}\n"));
    let refused = log_in(field, &place, &[]);
    expect(&refused, 8, "a login without a certificate")?;
    if !refused.stderr.contains("--client-cert") || !refused.stderr.contains("answers 400") {
        return Err(format!(
            "it does not say what is wanted: {}",
            refused.stderr
        ));
    }
    expect(
        &log_in(field, &place, &["--client-cert", &file]),
        0,
        "a login",
    )?;
    remove(&place)?; // from now on it is authsome's to show
    remove(Path::new(&file))?;
    let url = format!("https://localhost:{}/api/v4/user", field.front.mutual);
    for (version, due) in [("--http1.1", false), ("--http2", true)] {
        if due {
            let mut connection = field.world.stored("mutual");
            connection.tokens.expires_at = Some(connection.tokens.obtained_at);
            let stored = field.world.store().create(&connection, true);
            stored.map_err(|error| error.to_string())?;
        }
        let words = ["curl", "-sS", "--fail-with-body", version, &url];
        let asked = field.client(&field.world.path(""), &words);
        expect(&asked, 0, version)?;
    }
    if field.gitlab.refreshes() != 1 {
        return Err(format!("{} refreshes", field.gitlab.refreshes()));
    }
    let revoked = field
        .world
        .call(["revoke", "gitlab", "--connection", "mutual", "--json"]);
    expect(&revoked, 0, "a revocation")?;
    if revoked.json()["revoked_at_provider"] != true {
        return Err(format!("not revoked: {}", revoked.stdout));
    }
    Ok(())
}

fn log_in(field: &Field, curlrc: &Path, more: &[&str]) -> Outcome {
    let _port = kit::port_7998();
    let world = &field.world;
    let app = field.gitlab.register_app(false);
    let base = format!("https://localhost:{}", field.front.mutual);
    let ca = field.ca_file.display().to_string();
    let mut words = vec!["login", "gitlab", "--connection", "mutual"];
    words.extend(["--base-url", &base, "--ca-file", &ca]);
    words.extend(["--client-id", &app.client_id]);
    words.extend(more);
    let browser = kit::browser_script(&world.path(""), &field.ca_file);
    let mut command = world.authsome(words);
    command.env("BROWSER", browser);
    command.env("CURL_HOME", curlrc.parent().unwrap_or(curlrc));
    Outcome::of(command.output().expect("authsome can be started"))
}

fn remove(path: &Path) -> Result<(), String> {
    std::fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn expect(outcome: &Outcome, code: i32, what: &str) -> Result<(), String> {
    if outcome.code == Some(code) {
        return Ok(());
    }
    Err(format!(
        "{what}: exit {:?}: {}{}",
        outcome.code, outcome.stdout, outcome.stderr
    ))
}
