//! Which refs a push names, for the log: whether or not there is a policy for them.

use super::commands::{Command, CommandReader};
use super::gunzip::Gunzip;
use super::problem::Problem;
use super::request::Coding;
use crate::audit::PushedRefs;
use crate::proxy::limits::{MAX_LOGGED_REF, MAX_LOGGED_REFS};

/// Reads the list of a push up to its end, and no further.
#[derive(Debug)]
pub(in crate::proxy) struct RefsReader {
    gunzip: Option<Gunzip>,
    commands: CommandReader,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There may be more of the list.
    Reading,
    /// It has ended.
    Whole,
    /// It cannot be read on.
    Broken,
}

impl RefsReader {
    /// A reader of a body that is coded so.
    pub(in crate::proxy) fn new(coding: Coding) -> Self {
        Self {
            gunzip: (coding == Coding::Gzip).then(Gunzip::new),
            commands: CommandReader::default(),
            state: State::Reading,
        }
    }

    /// Reads the next bytes of the body. Returns whether more of it has to be read.
    pub(in crate::proxy) fn feed(&mut self, coded: &[u8]) -> bool {
        if self.state == State::Reading {
            self.state = match self.decode(coded) {
                Ok(false) => State::Reading,
                Ok(true) => State::Whole,
                Err(_) => State::Broken,
            };
        }
        self.state == State::Reading
    }

    /// Takes the coding off, and reads on. `true` if the list has ended.
    fn decode(&mut self, mut coded: &[u8]) -> Result<bool, Problem> {
        let Some(gunzip) = &mut self.gunzip else {
            return self.commands.read(&mut coded);
        };
        let mut plain = [0; 8 * 1024];
        loop {
            let length = gunzip.decode(&mut coded, &mut plain)?;
            if length == 0 {
                return Ok(false);
            }
            if self
                .commands
                .read(&mut plain.get(..length).unwrap_or_default())?
            {
                return Ok(true);
            }
        }
    }

    /// What was read. `None` if it names no ref: git asks so whether it may push at all.
    pub(in crate::proxy) fn into_refs(self) -> Option<PushedRefs> {
        let is_whole = self.state == State::Whole;
        let (list, _) = self.commands.into_parts();
        let commands = list.commands.iter();
        let short = commands.filter(|command| command.name.len() <= MAX_LOGGED_REF);
        let names: Vec<_> = short.take(MAX_LOGGED_REFS).map(name_of).collect();
        let more = !is_whole || names.len() < list.commands.len();
        let names_none = is_whole && list.commands.is_empty();
        (!names_none).then_some(PushedRefs { names, more })
    }
}

/// The ref as in a refspec of git: with `:` before one that is deleted.
fn name_of(command: &Command) -> String {
    let deletes = if command.new.is_zero() { ":" } else { "" };
    format!("{deletes}{}", command.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: &str = "0000000000000000000000000000000000000000";
    const ONE: &str = "1111111111111111111111111111111111111111";

    fn line(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    fn refs(body: &[u8], coding: Coding, piece: usize) -> Option<PushedRefs> {
        let mut reader = RefsReader::new(coding);
        let _ = body.chunks(piece).all(|piece| reader.feed(piece));
        reader.into_refs()
    }

    #[test]
    fn the_refs_of_a_push_are_read_whatever_the_pieces() {
        let body = [
            line(&format!("{ZERO} {ONE} refs/heads/a\0report-status")),
            line(&format!("{ONE} {ZERO} refs/heads/b\n")),
            "0000PACKrest".to_owned(),
        ]
        .concat();
        for piece in [1, 7, 10_000] {
            let found = refs(body.as_bytes(), Coding::Identity, piece).unwrap();
            assert_eq!(found.names, ["refs/heads/a", ":refs/heads/b"]);
            assert!(!found.more);
        }
        assert_eq!(refs(b"0000", Coding::Identity, 4), None);
        let broken = refs(&body.as_bytes()[..130], Coding::Identity, 9).unwrap();
        assert_eq!((broken.names.len(), broken.more), (1, true));
        let none = refs(b"no push at all", Coding::Identity, 9).unwrap();
        assert_eq!((none.names.len(), none.more), (0, true));
    }

    #[test]
    fn only_so_many_refs_are_kept() {
        let lines = (0..=MAX_LOGGED_REFS).map(|at| line(&format!("{ZERO} {ONE} refs/heads/{at}")));
        let body = lines.collect::<String>() + "0000";
        let found = refs(body.as_bytes(), Coding::Identity, 1000).unwrap();
        assert_eq!((found.names.len(), found.more), (MAX_LOGGED_REFS, true));
        let long = "x".repeat(MAX_LOGGED_REF);
        let body = line(&format!("{ZERO} {ONE} refs/heads/{long}")) + "0000";
        let found = refs(body.as_bytes(), Coding::Identity, 1000).unwrap();
        assert_eq!((found.names.len(), found.more), (0, true));
    }
}
