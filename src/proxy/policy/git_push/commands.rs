//! What a push asks for: the list of commands (gitprotocol-pack, "Reference Update Request").

use std::collections::HashSet;

use gix_packetline::PacketLineRef;

use super::object_id::{ObjectFormat, ObjectId};
use super::pkt_lines::PktLines;
use super::problem::Problem;
use super::ref_name;
use crate::proxy::limits::MAX_PUSH_COMMANDS;

/// One command: the ref `name` is to go from `old` to `new`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Zero if the ref is to be made. The server refuses the command if this is not its own state.
    pub(super) old: ObjectId,
    /// Zero if the ref is to be deleted.
    pub(super) new: ObjectId,
    /// The full name.
    pub(super) name: String,
}

/// What the client can do and asks for, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// A report is expected, in the first or the second version. Refusals look the same in both.
    pub(super) report_status: bool,
    /// The response is multiplexed.
    pub(super) side_band: bool,
    /// Push options follow the commands.
    pub(super) push_options: bool,
}

/// The whole list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CommandList {
    /// In the client's order, each ref at most once.
    pub(super) commands: Vec<Command>,
    /// Commits whose parents the client does not have. The server may take them as commits without
    /// parents, so they are no link in a proof of ancestry.
    pub(super) shallow: HashSet<ObjectId>,
    /// Of the first command.
    pub(super) capabilities: Capabilities,
    /// The repository's hash, once a line has told it.
    pub(super) format: Option<ObjectFormat>,
}

/// Reads the list, up to and with its flush.
#[derive(Debug, Default)]
pub(super) struct CommandReader {
    lines: PktLines,
    list: CommandList,
    names: HashSet<String>,
}

impl CommandReader {
    /// Reads on. `true` if the list has ended; what follows it is left in `bytes`.
    pub(super) fn read(&mut self, bytes: &mut &[u8]) -> Result<bool, Problem> {
        while let Some(line) = self.lines.next(bytes)? {
            match line {
                PacketLineRef::Flush => return Ok(true),
                PacketLineRef::Data(line) => self.list.add(line, &mut self.names)?,
                _ => return Err(Problem::Malformed("a delimiter is among its commands")),
            }
        }
        Ok(false)
    }

    /// What was read so far, and the lines for what follows it.
    pub(super) fn into_parts(self) -> (CommandList, PktLines) {
        (self.list, self.lines)
    }
}

impl CommandList {
    /// Adds a line: `shallow ID`, or `OLD NEW NAME` with capabilities behind the first one.
    fn add(&mut self, line: &[u8], names: &mut HashSet<String>) -> Result<(), Problem> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut parts = line.splitn(2, |byte| *byte == 0);
        let (command, capabilities) = (parts.next().unwrap_or_default(), parts.next());
        if let Some(capabilities) = capabilities {
            if !self.commands.is_empty() {
                return Err(Problem::Malformed(
                    "capabilities are behind a later command",
                ));
            }
            self.set_capabilities(capabilities)?;
        }
        if command == b"push-cert" {
            return Err(Problem::Signed);
        }
        if let Some(id) = command.strip_prefix(b"shallow ") {
            let id = self.id(id)?;
            self.shallow.insert(id);
            return Ok(());
        }
        let mut words = command.splitn(3, |byte| *byte == b' ');
        let (Some(old), Some(new), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(Problem::Malformed("a line is no command"));
        };
        let (old, new) = (self.id(old)?, self.id(new)?);
        let name =
            ref_name::checked(name).ok_or(Problem::Malformed("a ref's name is not valid"))?;
        if self.commands.len() == MAX_PUSH_COMMANDS {
            return Err(Problem::TooLarge("it has too many refs"));
        }
        if !names.insert(name.to_owned()) {
            return Err(Problem::Malformed("a ref is named twice"));
        }
        self.commands.push(Command {
            old,
            new,
            name: name.to_owned(),
        });
        Ok(())
    }

    /// All ids of a push are of one format: the one of its first line, which the capability must
    /// name if it is not SHA-1.
    fn id(&mut self, hex: &[u8]) -> Result<ObjectId, Problem> {
        let (id, format) =
            ObjectId::from_hex(hex).ok_or(Problem::Malformed("an object's id is not valid"))?;
        if *self.format.get_or_insert(format) != format {
            return Err(Problem::Malformed("its ids are of two formats"));
        }
        Ok(id)
    }

    fn set_capabilities(&mut self, words: &[u8]) -> Result<(), Problem> {
        let mut named = ObjectFormat::Sha1;
        for word in words.split(|byte| *byte == b' ') {
            let can = &mut self.capabilities;
            match word {
                b"report-status" | b"report-status-v2" => can.report_status = true,
                b"side-band-64k" => can.side_band = true,
                b"push-options" => can.push_options = true,
                _ => {
                    if let Some(name) = word.strip_prefix(b"object-format=") {
                        named = std::str::from_utf8(name)
                            .ok()
                            .and_then(ObjectFormat::named)
                            .ok_or(Problem::Malformed("its object format is not known"))?;
                    }
                }
            }
        }
        // Lines before this one have set the format by the length of their ids.
        if *self.format.get_or_insert(named) != named {
            return Err(Problem::Malformed(
                "its ids are of another format than it says",
            ));
        }
        Ok(())
    }
}
