use std::fmt::Write;
use std::sync::Arc;

use authsome_test_support::assert_words;

use super::*;
use crate::connection::StoreError;
use crate::os::home::HomeError;
use crate::os::private_socket::SocketError;
use crate::os::run_dir::Unfit;
use crate::proxy::{HostInUse, PendingKind, Tie};
use crate::session::{DirectoryTrouble, SessionError, UnusedDirectory};

fn id(name: &str) -> ConnectionId {
    ConnectionId {
        provider: "gitlab".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

fn asking() -> PendingRequest {
    PendingRequest {
        id: "3-9f86d081".to_owned(),
        kind: PendingKind::Decision,
        since: String::new(),
        until: String::new(),
        connection: Some("gitlab/work".to_owned()),
        method: "POST".to_owned(),
        host: "gitlab.com:443".to_owned(),
        path: "/api/v4/projects".to_owned(),
        query: None,
        rule: Some("policy/ask-path".to_owned()),
        exception: None,
        reason: "ask-path gitlab=POST /**, by config.toml".to_owned(),
        sha256: None,
        body: None,
        programs: Vec::new(),
    }
}

fn wanted(scopes: &[&str]) -> Wanted {
    Wanted {
        id: 1,
        time: String::new(),
        provider: "github".to_owned(),
        connection: Some("work".to_owned()),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        reason: "to open a pull request".to_owned(),
    }
}

#[test]
fn words_of_each_change() {
    let places = || vec!["https://files.acme.com".to_owned()];
    let rules: Vec<_> = (1..=6).map(|number| format!("rule-{number}")).collect();
    let changes = [
        (
            "Allowed",
            Change::Allowed(vec!["gitlab/deploy-key".to_owned()]),
        ),
        ("Elsewhere", Change::Elsewhere(places())),
        ("LeftOut", Change::LeftOut(places())),
        ("Replaced", Change::Replaced { denied: Vec::new() }),
        ("Replaced, less denied", Change::Replaced { denied: rules }),
    ];
    let mut text = String::new();
    for (name, change) in changes {
        let connections = vec![id("default"), id("work")];
        let said = words(Notice::Changed {
            change,
            connections,
        });
        writeln!(text, "Notice::Changed, Change::{name}\n{said}\n").unwrap();
    }
    assert_words!("session", "changes", text);
}

#[test]
fn words_of_each_notice() {
    let (work, reason) = (|| id("work"), "the grant was revoked".to_owned());
    let unused = |trouble| {
        Notice::DirectoryUnused(UnusedDirectory {
            variable: "XDG_RUNTIME_DIR",
            path: "/run/user/1000".into(),
            trouble,
        })
    };
    let damaged = SessionError::Store(StoreError::Unreadable {
        record: "gitlab/work".to_owned(),
        reason: "missing field `tokens`".to_owned(),
    });
    let no_socket = SocketError::Exists {
        path: "/home/ada/.authsome/sessions/1.sock".into(),
        is_alive: false,
    };
    let tie = Tie {
        place: "https://gitlab.com".to_owned(),
        connections: vec![id("home"), id("work")],
    };
    let notices = [
        ("Asks", Notice::Asks(Box::new(asking()))),
        ("Adopted", Notice::Adopted(work())),
        ("ConnectedAgain", Notice::ConnectedAgain(work())),
        (
            "Definition",
            Notice::Definition {
                provider: "gitlab".parse().unwrap(),
                warning: "`frobnicate` has no effect".to_owned(),
            },
        ),
        (
            "DirectoryUnused, unfit",
            unused(DirectoryTrouble::Unfit(Unfit::Missing)),
        ),
        (
            "DirectoryUnused, not written",
            unused(DirectoryTrouble::Files(HomeError::Unset)),
        ),
        (
            "LacksScopes",
            Notice::LacksScopes {
                id: work(),
                scopes: ["api", "$(reboot)"].map(str::to_owned).to_vec(),
            },
        ),
        ("LeftAlone", Notice::LeftAlone("EDITOR".into())),
        (
            "LeftOut",
            Notice::LeftOut {
                id: work(),
                error: damaged,
            },
        ),
        ("MoreChanges", Notice::MoreChanges(3)),
        ("NeedsLogin", Notice::NeedsLogin { id: work(), reason }),
        ("NoConnection", Notice::NoConnection),
        ("NoControl", Notice::NoControl(no_socket)),
        ("NoRoots", Notice::NoRoots),
        ("NoVariables", Notice::NoVariables(work())),
        ("NotEntered", Notice::NotEntered(HomeError::Unset)),
        (
            "NotHandedBack",
            Notice::NotHandedBack {
                id: work(),
                error: Arc::new(HandBackError::OtherLogin("/cache/authsome.age".to_owned())),
            },
        ),
        (
            "NotHttps",
            Notice::NotHttps {
                id: work(),
                route: "http://127.0.0.1:8080".to_owned(),
            },
        ),
        ("RefreshGivenUp", Notice::RefreshGivenUp),
        (
            "RequestsWait",
            Notice::RequestsWait {
                id: work(),
                reason: "the grant was revoked".to_owned(),
                seconds: 240,
            },
        ),
        ("SecretFound", Notice::SecretFound("MY_TOKEN".into())),
        ("SetAside", Notice::SetAside(work())),
        ("Tie", Notice::Tie(tie)),
        ("Wanted", Notice::Wanted(wanted(&["api", "$(reboot)"]))),
        ("Wanted, no scopes", Notice::Wanted(wanted(&[]))),
        ("WaitingForHandBack", Notice::WaitingForHandBack),
        ("WaitingForRefresh", Notice::WaitingForRefresh),
    ];
    let mut text = String::new();
    for (name, notice) in notices {
        writeln!(text, "Notice::{name}\n{}\n", words(notice)).unwrap();
    }
    assert_words!("session", "notices", text);
}

#[test]
fn words_of_a_connection_that_is_made_during_a_run() {
    let notices = [
        (
            "Joined",
            Notice::Joined {
                id: id("work"),
                places: vec!["https://gitlab.com".to_owned()],
            },
        ),
        (
            "LeftOut, its host is another's",
            Notice::LeftOut {
                id: id("work"),
                error: SessionError::HostInUse(HostInUse {
                    place: "https://gitlab.com".to_owned(),
                    by: id("home"),
                }),
            },
        ),
    ];
    let mut text = String::new();
    for (name, notice) in notices {
        writeln!(text, "Notice::{name}\n{}\n", words(notice)).unwrap();
    }
    assert_words!("session", "joining", text);
}

#[test]
fn a_line_does_not_grow_without_end() {
    let names: Vec<_> = (0..9).collect();
    assert_eq!(list(&names[..2]), "0, 1");
    assert_eq!(list(&names), "0, 1, 2, 3 and 5 more");
}
