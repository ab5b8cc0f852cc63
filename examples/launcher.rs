//! A launcher by the library: two children at once, each with a connection of its own.
//!
//! `cargo run --profile quickstart --example launcher` needs curl. It makes its own home, and a
//! GitLab of its own with two accounts; it ends by itself, and leaves nothing behind.
#![allow(clippy::print_stdout, reason = "it is there to be read")]

use std::error::Error;
use std::ffi::OsString;
use std::process::{ExitCode, Stdio};

use authsome::clock::Timestamp;
use authsome::connection::{Connection, GrantState, Terms, Tokens};
use authsome::credential::ConnectionId;
use authsome::oauth::{OAuthClient, RequestStyle};
use authsome::secret::Secret;
use authsome::session::{Notice, Options, Parent, Session, UserData};
use authsome_providers::Flow;
use authsome_test_support::{Arrived, FakeGitLab, Pair};
use tokio::process::Command;

/// What each child does. It knows no token.
const AGENT: &str = r#"
answer=$(curl -sS --fail "$GITLAB/api/v4/user?for=$TASK") || exit
echo "$TASK: GITLAB_ACCESS_TOKEN=$GITLAB_ACCESS_TOKEN, and the server says: $(echo "$answer" | grep -o '"username":"[^"]*"')"
"#;

// One thread is enough: what takes long runs on threads of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match launch_two().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("The launcher failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn launch_two() -> Result<(), Box<dyn Error>> {
    let gitlab = FakeGitLab::start();
    // The environment of this process, but with a home of its own. A launcher for one user takes
    // `Parent::of_this_process()`.
    let home = ("AUTHSOME_HOME".into(), gitlab.dir().join("home").into());
    let path = std::env::var_os("PATH").map(|path| ("PATH".into(), path));
    let variables: Vec<(OsString, OsString)> = [home].into_iter().chain(path).collect();
    let parent = Parent::new(variables, gitlab.dir());
    let work = connect("work", &gitlab, &parent)?;
    let play = connect("play", &gitlab, &parent)?;

    let base = gitlab.base_url();
    let (for_work, for_play) = tokio::join!(
        launch("gitlab/work", &base, &parent),
        launch("gitlab/play", &base, &parent),
    );
    print!("{}{}", for_work?, for_play?);

    println!("\nWhat the server received:");
    for (name, pair) in [("work", work), ("play", play)] {
        let query = format!("for=gitlab/{name}");
        let seen = gitlab.seen();
        let mut requests = seen.iter();
        let request = requests.find(|seen| seen.query.as_ref() == Some(&query));
        let own = Arrived::Bearer { token: pair.access };
        if request.is_none_or(|request| request.credential != own) {
            return Err(format!("the child of gitlab/{name} did not get its credential").into());
        }
        println!("  /api/v4/user?{query}: the token of gitlab/{name}");
    }
    Ok(())
}

/// Runs one child in a session with that connection. What it printed is returned.
async fn launch(name: &str, gitlab: &str, parent: &Parent) -> Result<String, Box<dyn Error>> {
    let notify = |notice: Notice| println!("{name}: {notice:?}");
    // Each session has a log of its own, so each opens the home for itself.
    let data = UserData::open(parent)?;
    let options = Options {
        chosen: vec![id(name)?],
        ..Options::default()
    };
    let roots = parent.trust().read_ahead();
    let session = Session::plan(options, &data, parent, &notify)?
        .start(roots)
        .await?;
    let words = ["sh", "-c", AGENT];
    session.attend(&words.map(OsString::from));
    println!(
        "session {} for {name} at {}",
        session.name(),
        session.address()
    );

    let mut child = Command::new(words[0]);
    child
        .args(&words[1..])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    child.env("GITLAB", gitlab).env("TASK", name);
    for (variable, value) in session.environment().changes() {
        match value {
            Some(value) => child.env(variable, value), // one value has the proxy's password
            None => child.env_remove(variable),
        };
    }
    let output = child.output().await;

    // Also where the child could not be started: a refresh that is under way must not be lost.
    session.close(&notify, std::future::pending()).await;
    if let Some(problem) = data.audit.finish() {
        println!("{problem}");
    }
    let output = output?;
    if !output.status.success() {
        return Err(format!("the child of {name} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A connection, by its name as a user types it.
fn id(name: &str) -> Result<ConnectionId, Box<dyn Error>> {
    let (provider, name) = name.split_once('/').ok_or("PROVIDER/NAME is needed")?;
    Ok(ConnectionId {
        provider: provider.parse()?,
        name: name.parse()?,
    })
}

/// What `authsome login` does in a browser: an account at the server, and its pair in the vault.
fn connect(name: &str, gitlab: &FakeGitLab, parent: &Parent) -> Result<Pair, Box<dyn Error>> {
    let data = UserData::open(parent)?;
    let app = gitlab.register_app(false);
    let pair = gitlab.issue_tokens(&app, "api read_user");
    let id = id(&format!("gitlab/{name}"))?;
    let base = gitlab.base_url().parse()?;
    let definition = data.catalog.get(&id.provider)?;
    let service = definition.provider.at(Some(&base))?;
    let endpoints = definition.provider.sign_in_at(Some(&base))?.oauth;
    let endpoints = endpoints.ok_or("the provider has no OAuth")?;
    let now = Timestamp::now();
    let connection = Connection {
        id,
        base_url: Some(base),
        ca_pem: Some(gitlab.ca_pem().to_owned()),
        client_certificate: None,
        client: Some(OAuthClient {
            client_id: app.client_id,
            client_secret: app.client_secret.map(Secret::new),
            token_endpoint: endpoints.token,
            revocation_endpoint: endpoints.revocation,
            style: RequestStyle::default(),
        }),
        flow: Some(Flow::Pkce),
        params: std::collections::BTreeMap::new(),
        fields: Vec::new(),
        tokens: Tokens {
            access: Secret::new(pair.access.clone()),
            refresh: Some(Secret::new(pair.refresh.clone())),
            obtained_at: now,
            expires_at: Some(Timestamp::from_seconds(now.seconds() + 7200)),
            scopes: vec!["api".to_owned(), "read_user".to_owned()],
            lineage: None,
        },
        account: None,
        standing: GrantState::Good,
        terms: Some(Terms::new(&definition, &service, Vec::new())),
    };
    data.store.create(&connection, true)?;
    Ok(pair)
}
