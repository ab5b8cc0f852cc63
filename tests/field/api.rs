//! Requests of the API, by curl.

use authsome_test_support::Arrived;

use crate::Field;
use crate::kit::Outcome;

/// A request is answered, has the user's credential once, and an upload arrives whole.
pub(crate) fn works(field: &Field, version: &str) -> Result<(), String> {
    field.gitlab.clear_seen();
    let response = curl(field, version, &[&field.url("/api/v4/user")])?;
    response.expect(version, "200")?;
    if !response.body.contains("\"ada\"") {
        return Err(format!("another response: {}", response.body));
    }
    let seen = field.gitlab.seen();
    let bearer = Arrived::Bearer {
        token: field.token.clone(),
    };
    if seen.len() != 1 || seen[0].credential != bearer {
        return Err(format!(
            "not the one request with the user's token: {seen:?}"
        ));
    }
    for length in ["expect:", "transfer-encoding: chunked"] {
        let body = field.world.file("body", &"x".repeat(UPLOAD));
        let body = format!("@{}", body.display());
        let words = [
            "-H",
            length,
            "--data-binary",
            &body,
            &field.url("/api/v4/upload"),
        ];
        let response = curl(field, version, &words)?;
        response.expect(version, "200")?;
        if !response.body.contains(&format!("{UPLOAD}")) {
            return Err(format!("not the whole upload arrived: {}", response.body));
        }
    }
    let words = [
        &*field.url("/api/v4/download?bytes=3000000"),
        "-o",
        "/dev/null",
    ];
    curl(field, version, &words)?.expect(version, "200")
}

/// An upload that the server refuses before it has read it is answered with that, and soon.
pub(crate) fn refuses(field: &Field, version: &str) -> Result<(), String> {
    let body = field.world.file("body", &"x".repeat(REFUSED));
    let body = body.display().to_string();
    for (path, status) in [("/api/v4/limited", "413"), ("/api/v4/denied", "403")] {
        for length in ["expect:", "transfer-encoding: chunked"] {
            let url = field.url(path);
            let words = [
                "-H",
                length,
                "-X",
                "POST",
                "-T",
                &body,
                &url,
                "-o",
                "/dev/null",
            ];
            let response = curl(field, version, &words)?;
            let Err(problem) = response.expect(version, status) else {
                continue;
            };
            // Some servers call such an upload off so that curl has nothing to show for it; then
            // the end has to be enough.
            let directly = curl_alone(field, version, &words)?.expect(version, status);
            if response.is_stuck() || directly.is_ok() {
                return Err(format!("{path}, {length}: {problem}"));
            }
        }
    }
    Ok(())
}

/// What curl got.
#[derive(Debug)]
struct Response {
    body: String,
    /// Status, version of HTTP, and curl's own exit code.
    told: String,
    said: String,
}

impl Response {
    /// curl's time was over.
    fn is_stuck(&self) -> bool {
        self.told.ends_with(" 28")
    }

    fn expect(&self, version: &str, status: &str) -> Result<(), String> {
        let version = version.trim_start_matches("--http");
        let told = format!("{status} {version} 0");
        if self.told == told {
            return Ok(());
        }
        Err(format!(
            "expected {told}, got {}: {}{}",
            self.told, self.body, self.said
        ))
    }
}

fn curl(field: &Field, version: &str, words: &[&str]) -> Result<Response, String> {
    told(field, version, words, |command| {
        field.client(&field.world.path(""), command)
    })
}

/// The same without authsome.
fn curl_alone(field: &Field, version: &str, words: &[&str]) -> Result<Response, String> {
    told(field, version, words, |command| {
        Outcome::of(field.alone(command).output().expect("curl can be started"))
    })
}

fn told(
    field: &Field,
    version: &str,
    words: &[&str],
    run: impl FnOnce(&[&str]) -> Outcome,
) -> Result<Response, String> {
    let mut command = vec!["curl", "-q", "-sS", "--max-time", "30", version];
    command.extend(["-w", "\n%{http_code} %{http_version} %{exitcode}"]);
    command.extend(words);
    let outcome = run(&command);
    let Some((body, told)) = outcome.stdout.rsplit_once('\n') else {
        return Err(format!("curl said nothing: {}", outcome.stderr));
    };
    Ok(Response {
        body: body.to_owned(),
        told: told.to_owned(),
        said: format!("{}{}", outcome.stderr, field.front.said()),
    })
}

/// Bytes of an upload.
const UPLOAD: usize = 5_000_000;

/// Bytes of one that is refused: more than lies in the buffers on the way.
const REFUSED: usize = 30_000_000;
