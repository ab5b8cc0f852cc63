//! What the page lives through: the end of a run, one that is killed, a vault that cannot be
//! opened, and a home on a full disk.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpStream;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::Ui;
use crate::kit::run::{Running, TIMEOUT, behind, run};
use crate::kit::{Setup, World};

/// The page's stream of events.
struct Events {
    stream: TcpStream,
    seen: String,
}

impl Events {
    fn of(ui: &Ui, session: &str) -> Self {
        let mut stream = TcpStream::connect(ui.address()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let head = format!(
            "GET /events HTTP/1.1\r\nhost: {}\r\nauthorization: {session}\r\n\r\n",
            ui.address()
        );
        stream.write_all(head.as_bytes()).unwrap();
        Self {
            stream,
            seen: String::new(),
        }
    }

    /// Reads until that has come, and forgets what came before.
    #[track_caller]
    fn until(&mut self, what: &str) {
        let mut more = [0; 4096];
        while !self.seen.contains(what) {
            let read = self.stream.read(&mut more).unwrap();
            assert!(read > 0, "ended before {what}: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&more[..read]));
        }
        self.seen.clear();
    }
}

fn waiting_run(world: &World) -> Running {
    let words = ["sh", "-c", "echo here; read -r line; exit 0"];
    let running = Running::start(run(world, &["--quiet"], &words));
    assert_eq!(running.line().as_deref(), Some("here"));
    running
}

#[test]
fn a_run_that_ends_or_is_killed_and_a_vault_that_cannot_be_opened() {
    let Setup { world, .. } = Setup::connected();
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let ui = Ui::start(&world, &[], &[("AUTHSOME_MASTER_KEY", key)]);
    let session = format!("Bearer {}", ui.session());
    let known = [("authorization", session.as_str())];
    let locked = || {
        let answer = ui.ask("POST", "/do", &known, "{\"do\":\"connections\"}");
        assert!(
            answer.status == 422 && !answer.json()["hint"].is_null(),
            "{}",
            answer.body
        );
    };
    locked();
    let mut events = Events::of(&ui, &session);
    for is_killed in [false, true, false] {
        let mut running = waiting_run(&world);
        events.until("\"event\":\"live\"");
        if is_killed {
            running.signal(Signal::SIGKILL);
        }
        running.release();
        events.until("\"event\":\"unwatched\"");
        assert_eq!(running.child.wait().unwrap().success(), !is_killed);
        locked();
    }
    assert_eq!(ui.end(), Some(0));
}

/// Puts the home on a file system of its own, starts a run there, fills it, and becomes the page.
/// `ready` and `release` are named pipes.
const ON_A_FULL_DISK: &str = "set -e
mv \"$AUTHSOME_HOME\" \"$HOME/before\"
mkdir -m 700 \"$AUTHSOME_HOME\"
mount -t tmpfs -o size=1m,mode=700 none \"$AUTHSOME_HOME\"
cp -a \"$HOME/before/.\" \"$AUTHSOME_HOME\"
\"$1\" run --quiet -- sh -c 'echo here >\"$HOME/ready\"; read -r line <\"$HOME/release\"' &
read -r line <\"$HOME/ready\"
head -c 2000000 /dev/zero >\"$AUTHSOME_HOME/fill\" 2>&- || true
exec \"$@\"";

#[test]
fn a_home_on_a_full_disk() {
    let Setup { world, gitlab, .. } = Setup::connected();
    world.connect_as("second", &gitlab, &gitlab.base_url(), 7200);
    for name in ["ready", "release"] {
        mkfifo(&world.path(name), Mode::S_IRWXU).unwrap();
    }
    let words = ["unshare", "-rm", "sh", "-c", ON_A_FULL_DISK, "sh"];
    let ui = Ui::of(behind(&words, &world.authsome(["ui", "--no-browser"])));
    let session = format!("Bearer {}", ui.session());
    let known = [("authorization", session.as_str())];
    let ask = |body: &str| ui.ask("POST", "/do", &known, body);
    let mut events = Events::of(&ui, &session);
    events.until("\"event\":\"live\""); // the run, which goes on
    let listed = || {
        let listed = ask("{\"do\":\"connections\"}").json();
        assert_eq!(
            listed["connections"].as_array().map(Vec::len),
            Some(2),
            "{listed}"
        );
    };
    listed();
    // What writes says that it cannot, and nothing else is the matter.
    let rule = "\"rule\":\"gitlab/project-access-token\"";
    let preview = ask(&format!("{{\"do\":\"preview_allow\",{rule}}}"));
    assert_eq!(preview.status, 200, "{}", preview.body);
    for body in [
        "{\"do\":\"set_default\",\"provider\":\"gitlab\",\"connection\":\"default\"}",
        &format!("{{\"do\":\"allow\",{rule},\"before\":\"\"}}"),
    ] {
        let refused = ask(body);
        assert_eq!(refused.status, 422, "{body}: {}", refused.body);
        let message = refused.json()["message"].to_string();
        assert!(
            message.contains("space") || message.contains("full"),
            "{message}"
        );
        listed();
    }
    let mut release = OpenOptions::new().write(true).open(world.path("release"));
    release.as_mut().unwrap().write_all(b"\n").unwrap();
    events.until("\"event\":\"unwatched\"");
    listed();
    assert_eq!(ui.end(), Some(0));
}
