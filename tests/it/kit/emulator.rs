//! A terminal of a command's own, and its screen as the user sees it.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{LocalFlags, tcgetattr};
use vt100::{Callbacks, Parser, Screen};

use crate::kit::run::{TIMEOUT, behind};
use crate::kit::until;

const ROWS: NonZeroU16 = NonZeroU16::new(24).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(80).unwrap();

/// What leaves the cells of the screen as they are.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) titles: Vec<String>,
    pub(crate) bells: usize,
    /// How often the title before the last one came back.
    pub(crate) restored: usize,
}

impl Callbacks for Told {
    fn audible_bell(&mut self, _: &mut Screen) {
        self.bells += 1;
    }

    fn set_window_title(&mut self, _: &mut Screen, title: &[u8]) {
        self.titles
            .push(String::from_utf8_lossy(title).into_owned());
    }

    fn unhandled_csi(
        &mut self,
        _: &mut Screen,
        _: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        end: char,
    ) {
        self.restored += usize::from(end == 't' && parameters == [&[23][..], &[2]]);
    }
}

/// Ends its command when it is dropped.
pub(crate) struct Emulator {
    child: Child,
    keyboard: Arc<PtyMaster>,
    output: Receiver<Vec<u8>>,
    parser: Parser<Told>,
}

impl Emulator {
    /// Starts a command, whose terminal is an xterm with 24 lines of 80 columns.
    pub(crate) fn start(command: &Command) -> Self {
        // Nothing that another test starts may hold it open.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let keyboard = Arc::new(posix_openpt(flags).unwrap());
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let path = ptsname_r(&keyboard).unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let terminal = options.custom_flags(OFlag::O_NOCTTY.bits()).open(path);
        let terminal = terminal.unwrap();
        let size = format!("stty rows {ROWS} cols {COLUMNS} && exec \"$@\"");
        let mut command = behind(&["setsid", "--ctty", "sh", "-c", &size, "sh"], command);
        command.env("TERM", "xterm-256color");
        command.stdin(terminal.try_clone().unwrap());
        command.stdout(terminal.try_clone().unwrap());
        let child = command.stderr(terminal).spawn().unwrap();
        let output = output_of(Arc::clone(&keyboard));
        let parser = Parser::new_with_callbacks(ROWS, COLUMNS, 0, Told::default());
        Self {
            child,
            keyboard,
            output,
            parser,
        }
    }

    pub(crate) fn press(&self, keys: &str) {
        (&*self.keyboard).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn told(&self) -> &Told {
        self.parser.callbacks()
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.parser.screen()
    }

    /// Draws what the command writes, until its user sees this.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, sees: impl Fn(&Screen, &Told) -> bool) {
        let end = Instant::now() + TIMEOUT;
        while !sees(self.screen(), self.told()) {
            let left = end.saturating_duration_since(Instant::now());
            let drawn = self.draw(left);
            let (told, shown) = (self.told(), self.screen().contents());
            assert!(drawn, "no {what}, but {told:?} and:\n{shown}");
        }
    }

    /// Waits until the command reads single keys, which the terminal does not show by itself any
    /// more: a program draws its screen before that.
    #[track_caller]
    pub(crate) fn until_raw(&self) {
        until("raw mode", || {
            let found = tcgetattr(&*self.keyboard);
            found.is_ok_and(|found| !found.local_flags.contains(LocalFlags::ICANON))
        });
    }

    #[track_caller]
    pub(crate) fn until_shown(&mut self, text: &str) {
        self.until(text, |screen, _| screen.contents().contains(text));
    }

    /// Draws until both screens are the same: text, colors and cursor.
    #[track_caller]
    pub(crate) fn until_same(&mut self, other: &mut Self) {
        const LOOK: Duration = Duration::from_millis(50);
        let end = Instant::now() + TIMEOUT / 4;
        while self.screen().contents_formatted() != other.screen().contents_formatted() {
            let (one, two) = (self.screen().contents(), other.screen().contents());
            assert!(
                Instant::now() < end,
                "one screen:\n{one}\n\nthe other:\n{two}"
            );
            self.draw(LOOK);
            other.draw(LOOK);
        }
    }

    /// Its end, which comes by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Draws the next output; `false` if none came.
    fn draw(&mut self, timeout: Duration) -> bool {
        let output = self.output.recv_timeout(timeout);
        output.is_ok_and(|output| {
            self.parser.process(&output);
            true
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output_of(terminal: Arc<PtyMaster>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // An error is the end: nobody has the other side open any more.
        while let Ok(length @ 1..) = (&*terminal).read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}
