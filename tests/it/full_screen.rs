//! Full-screen programs that others wrote, while the login dies and comes back. Each runs twice at
//! the same time: with what a run shows its user, and, by `--quiet`, without. Who looks at both
//! screens sees no difference.

use std::fs;
use std::path::Path;

use authsome_test_support::kit::skip;
use authsome_test_support::{App, Endpoint, FakeGitLab, Fault};

use crate::kit::client::configure;
use crate::kit::emulator::Emulator;
use crate::kit::run::run;
use crate::kit::{Setup, World, until};

const TITLE: &str = "authsome: gitlab/default needs a new login";

/// vim as it comes, in a file of the user's; the request is made from inside.
const VIM: &str = r#"
cd "$HOME"
echo 'some notes' > notes.txt
cat > ask.vim <<'END'
function Ask()
  let body = json_decode(system('curl -sS ' . $ASKED))
  call append('$', 'answer ' . line('$') . ': ' . get(body, 'username', get(body, 'error', '')))
endfunction
nnoremap <silent> c :call Ask()<CR>
nnoremap <silent> q :qall!<CR>
END
ASKED=$1 exec vim --clean -S ask.vim notes.txt
"#;

/// A program in a run of its own, with a login of its own.
struct Desk {
    terminal: Emulator,
    world: World,
    gitlab: FakeGitLab,
    app: App,
}

impl Desk {
    /// `program` ends with the URL that it is to ask for.
    fn new(flags: &[&str], program: &[&str]) -> Self {
        let (world, gitlab) = Setup::unconnected();
        let (app, _) = world.connect(&gitlab);
        let hook = format!("cat >> '{}'", world.path("told").display());
        configure(
            &world,
            &format!("[notify]\ncommand = ['sh', '-c', \"{hook}\"]\n"),
        );
        let url = format!("{}/api/v4/user", gitlab.base_url());
        let mut command = run(&world, flags, &[program, &[&url]].concat());
        command.env("LANG", "C.UTF-8");
        Self {
            terminal: Emulator::start(&command),
            world,
            gitlab,
            app,
        }
    }

    /// The next request needs a refresh, whose response is lost, and with it the login.
    fn let_die(&self) {
        self.gitlab.expire_access_tokens();
        self.gitlab.fault(Endpoint::Token, Fault::LostResponse, 1);
    }

    #[track_caller]
    fn until_told(&self, event: &str) {
        until(event, || {
            fs::read_to_string(self.world.path("told")).is_ok_and(|text| text.contains(event))
        });
    }

    #[track_caller]
    fn log_in(&self) {
        self.until_told("needs_login");
        self.world
            .login(&self.gitlab, &self.app, &["--force"])
            .expect(0);
        self.until_told("connected_again");
    }
}

/// Both desks, whose user does the same at each.
struct Desks {
    told: Desk,
    quiet: Desk,
}

impl Desks {
    #[track_caller]
    fn press(&mut self, keys: &str, shown: &str) {
        for desk in [&mut self.told, &mut self.quiet] {
            desk.terminal.press(keys);
            desk.terminal.until_shown(shown);
        }
        self.are_same();
    }

    #[track_caller]
    fn are_same(&mut self) {
        self.told.terminal.until_same(&mut self.quiet.terminal);
        assert!(self.told.terminal.screen().alternate_screen());
    }
}

/// What becomes of the first request, which needs a login.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    IsRefused,
    Waits,
}

/// The program shows `ready`, asks at each `c`, shows `answer N: ` and the user's name or the
/// error, and ends at `q`.
#[track_caller]
fn stays_whole(program: &[&str], ready: &str, first: First) {
    let (told, quiet): (&[&str], &[&str]) = match first {
        First::IsRefused => (&["--no-park"], &["--quiet", "--no-park"]),
        First::Waits => (&[], &["--quiet"]),
    };
    let mut desks = Desks {
        told: Desk::new(told, program),
        quiet: Desk::new(quiet, program),
    };
    desks.press("", ready);
    desks.told.terminal.until_raw();
    desks.quiet.terminal.until_raw();
    desks.told.let_die();
    desks.quiet.let_die();
    match first {
        First::IsRefused => desks.press("c", "answer 1: needs_login"),
        First::Waits => desks.press("c", ready),
    }
    desks.told.until_told("needs_login");
    let terminal = &mut desks.told.terminal;
    terminal.until("title", |_, told| told.titles.iter().any(|it| it == TITLE));
    terminal.until("bell", |_, told| told.bells == 1);
    desks.are_same();
    desks.told.log_in();
    desks.quiet.log_in();
    let terminal = &mut desks.told.terminal;
    terminal.until("title of before", |_, told| told.restored == 1);
    if first == First::Waits {
        desks.press("", "answer 1: ada");
    }
    desks.are_same();
    desks.press("c", "answer 2: ada");

    let Desks { told, quiet } = &mut desks;
    for desk in [&mut *told, &mut *quiet] {
        desk.terminal.press("q");
        assert!(desk.terminal.end().success());
    }
    if first == First::IsRefused {
        let summary = "authsome: 1 request injected, 1 failed; see: authsome log --run ";
        told.terminal.until_shown(summary);
    }
    told.terminal.until("screen of before", |screen, _| {
        !screen.alternate_screen() && !screen.contents().contains("answer")
    });
    let titles = |desk: &Desk| {
        let titles = desk.terminal.told().titles.iter();
        titles.filter(|title| title.starts_with("authsome")).count()
    };
    assert_eq!((titles(told), titles(quiet)), (1, 0));
}

#[test]
fn vim_stays_whole() {
    // Its own defaults, and no file beside the one that it edits.
    let program = ["sh", "-c", VIM, "sh"];
    // Its `system()` leaves the screen to the command for as long as that takes, so nothing waits.
    stays_whole(&program, "some notes", First::IsRefused);
}

#[test]
fn an_agent_drawn_by_ink_stays_whole() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let node = tests.join("clients/node/node_modules/node24/bin/node");
    if !node.is_file() || !tests.join("screen/node_modules/ink").is_dir() {
        skip("the agent's screen needs what tests/clients/install.sh installs");
        return;
    }
    let agent = tests.join("screen/agent.mjs");
    let program = [node.to_str().unwrap(), agent.to_str().unwrap()];
    stays_whole(&program, "c asks, q quits", First::Waits);
}
