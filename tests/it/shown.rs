//! Text that somebody else wrote, on its way to the terminal, to a page and into the log: it shows
//! what it says, and does nothing.

use crate::kit::browser::{consent, csrf, form, get, parameter, visit};
use crate::kit::login::{Login, LoginRun};
use crate::kit::{Outcome, Setup, World};
use authsome::clock::Timestamp;
use authsome::connection::GrantState;
use authsome::oauth::Account;
use authsome_test_support::FakeGitLab;

/// Clears the screen (C0 and C1), writes from right to left, hides a character, forges a line.
const ODD: &str =
    "ada\u{1b}[2J\u{9b}2J\u{202e}nimda\u{2066}\u{200b}\u{feff}\u{e0041}\u{ad}\nerror: forged";

/// By a table of the test's own: Unicode's controls, bidi controls (UAX #9), zero width and tags.
fn is_deceptive(character: char) -> bool {
    matches!(u32::from(character),
        0..=0x1f | 0x7f..=0x9f | 0xad | 0x61c | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x2069 | 0xfeff | 0xe0000..=0xe007f)
}

#[track_caller]
fn assert_safe(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let found = text
            .chars()
            .find(|&found| found != '\n' && is_deceptive(found));
        assert_eq!(found, None, "{text:?}");
        assert!(!text.contains("\nerror: forged"), "{text:?}");
    }
}

/// A connection whose every text is the provider's own.
fn world_of_odd_texts() -> (World, FakeGitLab) {
    let Setup { world, gitlab, .. } = Setup::connected();
    let mut connection = world.stored("default");
    connection.account = Some(Account {
        id: ODD.to_owned(),
        label: Some(ODD.to_owned()),
    });
    connection.tokens.scopes = vec!["api".to_owned(), ODD.to_owned()];
    ODD.clone_into(&mut connection.client.as_mut().unwrap().client_id);
    connection.standing = GrantState::NeedsLogin {
        reason: ODD.to_owned(),
        since: Timestamp::now(),
        access_ended: true,
    };
    world.store().create(&connection, true).unwrap();
    name_oddly(&world);
    (world, gitlab)
}

/// A definition of the user's own, whose every text is somebody's.
fn name_oddly(world: &World) {
    let definition = world.call(["inspect", "gitlab"]).expect(0).json();
    let mut definition = definition.as_object().unwrap().clone();
    definition.insert("display_name".to_owned(), ODD.into());
    definition.insert(ODD.to_owned(), ODD.into());
    std::fs::create_dir_all(world.home().join("providers")).unwrap();
    let text = serde_json::Value::Object(definition).to_string();
    world.file("home/providers/gitlab.json", &text);
}

#[test]
fn what_a_server_or_a_definition_says_does_nothing_to_the_terminal() {
    let (world, gitlab) = world_of_odd_texts();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["whoami"],
        &["whoami", "--json"],
        &["get", "gitlab"],
        &["get", "gitlab", "--json"],
        &["get", "gitlab", "--field", "account"],
        &["get", "gitlab", "--field", "client_id"],
        &["get", "gitlab", "--field", "scopes"],
        &["inspect", "gitlab"],
        &["export", "gitlab"],
        &["run", "--", "curl", "-sS", &url],
        &["login", "gitlab", "--no-browser"],
        &["log"],
        &["log", "--json"],
    ] {
        assert_safe(&world.call(words));
    }
}

#[test]
fn json_still_says_exactly_what_it_said() {
    let (world, _gitlab) = world_of_odd_texts();
    let got = world.call(["get", "gitlab", "--json"]).expect(0).json();
    assert_eq!(got["account"]["label"], ODD);
    let inspected = world.call(["inspect", "gitlab"]).expect(0).json();
    assert_eq!(inspected["display_name"], ODD);
}

#[test]
fn what_a_request_says_does_nothing_to_the_log() {
    let Setup { world, gitlab, .. } = Setup::connected();
    // As raw bytes of a path, which curl sends as they are; whatever the proxy makes of them.
    let path = "api/v4/\u{9b}2J\u{202e}\u{200b}x";
    let url = format!("{}/{path}", gitlab.base_url());
    world.run(["curl", "-sS", "-o", "/dev/null", &url]);
    let host = format!("https://\u{202e}\u{200b}.test:1/{path}");
    world.run(["curl", "-sS", "-o", "/dev/null", &host]);
    let log = std::fs::read_to_string(world.home().join("audit.log")).unwrap();
    assert!(!log.replace('\n', "").contains(is_deceptive), "{log:?}");
    assert_safe(&world.call(["log"]).expect(0));
    assert_safe(&world.call(["log", "--json"]).expect(0));
}

#[test]
fn what_a_redirect_says_does_nothing_to_the_page_and_the_terminal() {
    let mut walk = LoginRun::to_consent(&[]);
    let state = parameter(&walk.login.url(), "state");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("error", "access_denied\u{202e}")
        .append_pair("error_description", ODD)
        .append_pair("state", &state)
        .finish();
    let page = visit(&format!(
        "http://127.0.0.1:7998/auth/callback/oauth?{query}"
    ));
    assert_eq!(
        page.body
            .replace('\n', "")
            .chars()
            .find(|&found| is_deceptive(found)),
        None
    );
    assert_safe(&walk.login.end().expect(2));
}

#[test]
fn what_a_definition_says_does_nothing_to_the_form() {
    let (world, gitlab) = Setup::unconnected();
    name_oddly(&world);
    let mut login = Login::start(&world, &gitlab, &[], None, &[]);
    login.url();
    let page = get("/").send();
    assert!(page.body.contains("name=\"client_id\""));
    assert!(
        !page.body.replace('\n', "").contains(is_deceptive),
        "{}",
        page.body
    );
    let app = gitlab.register_app(false);
    let location = form(&csrf(), &app.client_id, "").send();
    visit(&consent(&gitlab, location.header("location").unwrap()));
    assert_safe(&login.end().expect(0));
}
