//! Ring 5: harm the user.

use std::sync::Arc;

use authsome_test_support::{Endpoint, Fault};

use crate::attempt::{Attempt, attempt};
use crate::defence::Defence::{
    HeadLimit, OwnVariables, ParentDeath, PendingPair, ProgramSearch, SafeText, VaultLock,
};
use crate::stage::{Stage, wait_until};

pub(super) fn all() -> Vec<Attempt> {
    let mut all = terminal();
    all.extend(programs());
    all.extend(session());
    all
}

/// What a later command shows has a control character in it.
fn shown(name: &'static str, words: &'static [&'static str]) -> Attempt {
    attempt(name, &[SafeText], move |stage| {
        stage.connect(7200);
        stage.run(&[])?;
        let said = stage.authsome(words)?;
        let all = format!("{}{}", said.stdout, said.stderr);
        Ok(all.contains(['\u{1b}', '\u{202e}']))
    })
}

fn terminal() -> Vec<Attempt> {
    vec![
        shown("escape in the log", &["log"]),
        shown("escape in the log as json", &["--json", "log"]),
        shown("escape in a definition", &["--json", "list"]),
        shown("escape in the name of a file", &["list"]),
    ]
}

/// A program that the command has planted is run by authsome, in the next run.
fn planted(name: &'static str, path: &'static str) -> Attempt {
    attempt(name, &[ProgramSearch], move |stage| {
        stage.connect(7200);
        stage.run(&[])?;
        stage.variable("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin"));
        stage.authsome(&["run", "--", "true"])?;
        Ok(stage.path("planted").exists())
    })
}

fn programs() -> Vec<Attempt> {
    vec![
        planted("git in the repository", "."),
        planted("git below the repository", "tools"),
        attempt("git that looks around", &[OwnVariables], |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            let path = format!(
                "{}:/usr/local/bin:/usr/bin:/bin",
                stage.path("bin").display()
            );
            stage.variable("PATH", path);
            stage.variable("AUTHSOME_MASTER_KEY", stage.key());
            let said = stage.authsome(&["run", "--", "true"])?;
            Ok(stage.leaks(&said))
        }),
    ]
}

fn session() -> Vec<Attempt> {
    vec![
        attempt("head without end", &[HeadLimit], |stage| {
            stage.connect(7200);
            let said = stage.run(&[])?;
            let peak = said
                .stdout
                .split_whitespace()
                .nth(1)
                .and_then(|peak| peak.parse::<u64>().ok());
            Ok(peak.ok_or("no peak")? > MUCH)
        }),
        attempt("outlive authsome", &[ParentDeath], |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            let pid = std::fs::read_to_string(stage.path("outliving"));
            let stat = format!("/proc/{}/stat", pid.map_err(|error| error.to_string())?);
            let survived = || stage.path("survived").exists();
            wait_until(|| {
                // Gone, or a zombie that nobody has waited for yet.
                let is_dead =
                    std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
                is_dead || survived()
            });
            Ok(survived())
        }),
        attempt("lock the vault", &[PendingPair], lock_the_vault),
        attempt("spend it twice", &[VaultLock], spend_it_twice),
    ]
}

/// The one good pair is lost, so that the user has to log in again.
fn lock_the_vault(stage: &mut Stage) -> Result<bool, String> {
    stage.connect(0);
    let slow = Fault::StallAfter(std::time::Duration::from_secs(2));
    stage.gitlab.fault(Endpoint::Token, slow, 1);
    let rotated = stage.path("rotated");
    std::thread::scope(|scope| {
        let gitlab = Arc::clone(&stage.gitlab);
        scope.spawn(move || {
            let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while gitlab.refreshes() == 0 && std::time::Instant::now() < end {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let _ = std::fs::File::create(rotated);
        });
        stage.run(&[]).map(drop)
    })?;
    let url = format!("{}/api/v4/user", stage.gitlab.base_url_at("gitlab.test"));
    let said = stage.authsome(&["run", "--", "curl", "-s", &url])?;
    Ok(!said.stdout.contains("ada"))
}

/// Two runs at one time, and a refresh that takes a while: the second one spends a token that is
/// spent, for which a provider ends the whole grant.
fn spend_it_twice(stage: &mut Stage) -> Result<bool, String> {
    stage.connect(0);
    let slow = Fault::StallAfter(std::time::Duration::from_secs(2));
    stage.gitlab.fault(Endpoint::Token, slow, 2);
    let other = stage.start_of("spend it twice");
    stage.run(&[])?;
    other.finish();
    Ok(stage.gitlab.token_requests() > 1)
}

/// A head of this many kB is none.
const MUCH: u64 = 60_000;
