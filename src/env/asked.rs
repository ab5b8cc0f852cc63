//! A program that is asked something, such as git about its configuration.

use std::io::{ErrorKind, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The program, which runs on its own until its answer is wanted. Dropping it ends it.
#[derive(Debug)]
pub struct Asked {
    /// Its output is closed before the program is waited for, which may stand at a full pipe.
    output: Option<ChildStdout>,
    process: Child,
}

impl Asked {
    /// Starts it, without input; what it has to say of errors is not kept. `None` where it cannot
    /// be started.
    pub fn start(command: &mut Command) -> Option<Self> {
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).spawn().ok()?;
        let output = process.stdout.take();
        Some(Self { output, process })
    }

    /// What it prints until its end, and at most `limit` bytes. `None` if there is neither the end
    /// nor more to read at `deadline`.
    ///
    /// No thread reads meanwhile: the pipe keeps what is printed, and who fills it waits.
    pub fn answer(mut self, limit: u64, deadline: Instant) -> Option<Vec<u8>> {
        let mut output = self.output.take()?.take(limit);
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            if output.limit() > 0 && !is_readable(output.get_ref(), deadline) {
                return None;
            }
            match output.read(&mut piece) {
                Ok(0) => return Some(answer),
                Ok(read) => answer.extend_from_slice(piece.get(..read)?),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.output = None;
        let _ = self.process.kill(); // it may hang or have more to say; usually it has ended
        let _ = self.process.wait();
    }
}

/// Whether there is more, or the end, before the deadline.
fn is_readable(output: &ChildStdout, deadline: Instant) -> bool {
    loop {
        let rest = deadline.saturating_duration_since(Instant::now());
        let Ok(rest) = Timespec::try_from(rest) else {
            return false;
        };
        match poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&rest)) {
            Err(Errno::INTR) => {}
            ready => return ready.is_ok_and(|ready| ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ask(script: &str) -> Asked {
        Asked::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    #[test]
    fn an_answer_is_what_was_printed_until_the_end() {
        let answer = ask("echo a; cat; echo b >&2; echo c").answer(100, late());
        assert_eq!(answer.as_deref(), Some(&b"a\nc\n"[..]));
        assert_eq!(ask("exit 3").answer(100, late()), Some(Vec::new()));
        let long = ask("head -c 200000 /dev/zero").answer(1 << 20, late());
        assert_eq!(long.map(|long| long.len()), Some(200_000));
    }

    #[test]
    fn a_long_answer_is_cut_off_and_its_program_ended() {
        for limit in [0, 1, 4096, 5000] {
            let answer = ask("cat /dev/zero").answer(limit, late());
            assert_eq!(answer.map(|answer| answer.len() as u64), Some(limit));
        }
    }

    #[test]
    fn one_that_does_not_end_has_not_answered() {
        assert_eq!(ask("echo a; exec sleep 600").answer(100, soon()), None);
        // Another program holds its output open.
        assert_eq!(ask("sleep 10 & exec echo a").answer(100, soon()), None);
    }
}
