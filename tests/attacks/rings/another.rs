//! Ring 4: use what is another's.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use authsome_test_support::kit;

use crate::attempt::{Attempt, attempt};
use crate::defence::Defence::{
    self, ControlOutsideRuns, LoginForm, LoginHost, LoginState, LoginUsers, OtherUsers,
    PrivateFiles, ProxyPassword, UiHost, UiOrigin, UiVisitors,
};
use crate::machine::{Need, STRANGER, USER};
use crate::stage::{Stage, Under, directory, wait_until};

pub(super) fn all() -> Vec<Attempt> {
    let mut all = proxies();
    all.extend(logins());
    all.extend(pages());
    all
}

/// The user's page of all runs is open, and its address is known.
fn beside_page(name: &'static str, against: &'static [Defence], user: u32) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect(7200);
        let mut page = stage.start(&["ui", "--no-browser"]);
        let address = page.line();
        stage.fact("page", address.as_str());
        let said = stage.outside(user)?;
        drop(page);
        Ok(said.stdout.contains("\"session\""))
    })
}

fn pages() -> Vec<Attempt> {
    vec![
        attempt("state of the own run", &[ControlOutsideRuns], |stage| {
            stage.connect(7200);
            let said = stage.run(&[])?;
            Ok(said.stdout.contains("\"connections\""))
        }),
        beside_page("page of the runs by another name", &[UiHost], USER),
        beside_page("page of the runs from another site", &[UiOrigin], USER),
        beside_page("page of the runs as another user", &[UiVisitors], STRANGER).needs(Need::Users),
    ]
}

/// A process outside of a run that is under way gets the use of its connection.
fn outside(name: &'static str, against: &'static [Defence], user: u32) -> Attempt {
    attempt(name, against, move |stage| {
        stage.connect(7200);
        let waiting = stage.waiting();
        stage.outside(user)?;
        waiting.finish();
        Ok(!stage.authorized().is_empty())
    })
}

/// A session without a command, whose file another user finds.
fn file_of_proxy(
    name: &'static str,
    against: &'static [Defence],
    flag: &'static str,
    won: fn(&Stage, &str) -> bool,
) -> Attempt {
    let made = attempt(name, against, move |stage| {
        stage.connect(7200);
        let file = stage.path("file");
        let shown = file.display().to_string();
        stage.fact("file", shown.as_str());
        let proxy = stage.start(&["proxy", flag, &shown]);
        directory(&stage.path("."), 0o755);
        wait_until(|| file.exists());
        let said = stage.outside(STRANGER)?;
        drop(proxy);
        Ok(won(stage, &said.stdout))
    });
    made.needs(Need::Users)
}

fn proxies() -> Vec<Attempt> {
    let inside = |name| {
        attempt(name, &[ProxyPassword], |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            Ok(!stage.authorized().is_empty())
        })
    };
    vec![
        inside("wrong password"),
        inside("empty password"),
        outside("outside without the password", &[ProxyPassword], USER),
        outside("outside with a wrong password", &[ProxyPassword], USER),
        outside("as another user", &[OtherUsers], STRANGER).needs(Need::Users),
        outside("as root", &[OtherUsers], 0).needs(Need::Users),
        file_of_proxy(
            "environment file of another user",
            &[PrivateFiles],
            "--env-file",
            |_, said| said.contains("HTTPS_PROXY"),
        ),
        file_of_proxy(
            "socket of another user",
            &[PrivateFiles, OtherUsers],
            "--socket",
            |stage, _| !stage.authorized().is_empty(),
        ),
        attempt("daemon of an earlier run", &[ProxyPassword], |stage| {
            stage.connect(7200);
            stage.run(&[])?;
            let waiting = stage.waiting_unnamed()?;
            let told = stage.path("told");
            wait_until(|| told.exists());
            waiting.finish();
            Ok(!stage.authorized().is_empty())
        }),
    ]
}

/// A login of the user's is under way, and the attempt is made beside it.
fn beside_login(
    name: &'static str,
    against: &'static [Defence],
    user: u32,
    is_named: bool,
    won: fn(&Stage, &str) -> bool,
) -> Attempt {
    attempt(name, against, move |stage| {
        let _port = kit::port_7998();
        let app = stage.gitlab.register_app(false);
        let (base, ca) = (
            stage.gitlab.base_url_at("gitlab.test"),
            stage.world.file("ca.pem", stage.gitlab.ca_pem()),
        );
        let ca = ca.display().to_string();
        let mut words = vec![
            "login",
            "gitlab",
            "--no-browser",
            "--base-url",
            &base,
            "--ca-file",
            &ca,
        ];
        if is_named {
            words.extend(["--client-id", &app.client_id]);
        }
        let login: Under = stage.start(&words);
        wait_until(|| TcpStream::connect("127.0.0.1:7998").is_ok());
        let said = stage.outside(user)?;
        drop(login);
        Ok(won(stage, &said.stdout))
    })
}

fn logins() -> Vec<Attempt> {
    let shows_form = |_: &Stage, said: &str| said.contains("name=\"csrf\"");
    let takes_form = |_: &Stage, said: &str| said.starts_with("303") && said.contains("mallory");
    vec![
        beside_login(
            "page of a login as another user",
            &[LoginUsers],
            STRANGER,
            false,
            shows_form,
        )
        .needs(Need::Users),
        beside_login(
            "page of a login by another name",
            &[LoginHost],
            USER,
            false,
            shows_form,
        ),
        beside_login(
            "form without its page",
            &[LoginForm],
            USER,
            false,
            takes_form,
        ),
        beside_login(
            "form of another site",
            &[LoginForm],
            USER,
            false,
            takes_form,
        ),
        beside_login(
            "redirect of another login",
            &[LoginState],
            USER,
            true,
            |stage, _| {
                let seen = stage.gitlab.seen();
                seen.iter()
                    .any(|seen| seen.form.iter().any(|(_, value)| value == "mallorys"))
            },
        ),
    ]
}

impl Stage<'_> {
    /// The next run, of whose proxy the daemon of an earlier one is told by a file.
    fn waiting_unnamed(&mut self) -> Result<Under, String> {
        let under = self.waiting();
        let proxy = self.told_fact("proxy");
        let staging = self.path("next.new");
        let written = File::create(&staging).and_then(|mut file| file.write_all(proxy.as_bytes()));
        written.map_err(|error| error.to_string())?;
        std::fs::rename(staging, self.path("next")).map_err(|error| error.to_string())?;
        Ok(under)
    }
}
