//! Reads a push as it streams, up to its verdict.
//!
//! ```text
//! Commands ── flush ──▶ no command: Nothing ── the end of the body ──▶ allowed
//!    │                  a ref may not be pushed to so ────────────────▶ refused
//!    │                  each command makes a ref, or needs no proof ──▶ allowed
//!    ├─ push options ──▶ Options ── flush ──┐
//!    └──────────────────────────────────────▶ Pack ── each old commit is an ancestor ──▶ allowed
//!                                              └── the pack, or a limit, has ended ────▶ refused
//! ```

use std::sync::Arc;

use bytes::Bytes;
use gix_packetline::PacketLineRef;

use super::ancestry::{Ancestry, NotShown, Update};
use super::commands::{CommandList, CommandReader};
use super::gunzip::Gunzip;
use super::held::Held;
use super::object_id::ObjectFormat;
use super::pack::{Found, PackReader};
use super::pkt_lines::PktLines;
use super::problem::Problem;
use super::refused::Refused;
use super::request::Coding;
use super::rules::{Need, PushPolicy, Reason};
use crate::proxy::limits::{MAX_PUSH_DECODED, MAX_PUSH_HELD};

/// What is known of a push.
#[derive(Debug)]
pub(in crate::proxy) enum Progress {
    /// Not enough; nothing is sent yet.
    More,
    /// It is allowed. What is held is sent, and then the rest of the body as it comes.
    Allowed,
    /// It is refused, and none of it is sent.
    Refused(Box<Refused>),
}

/// Reads the body of a push and keeps what it has read until there is a verdict.
#[derive(Debug)]
pub(in crate::proxy) struct PushReader {
    policy: Arc<PushPolicy>,
    default_branch: Option<String>,
    gunzip: Option<Gunzip>,
    /// Bytes that gzip gave.
    decoded: usize,
    held: Held,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Commands(CommandReader),
    /// There were no commands: git asks in this way whether it may push at all.
    Nothing,
    Options(PktLines, Box<Proof>),
    Pack(Box<Proof>),
    Decided,
}

/// What is needed while the proof is looked for.
#[derive(Debug)]
struct Proof {
    list: CommandList,
    pack: PackReader,
    ancestry: Ancestry,
    /// Objects that are no commits have begun.
    has_others: bool,
}

const BROKE_OFF: Problem = Problem::Malformed("it broke off");

impl PushReader {
    /// A reader of a body that is coded so. `default_branch` is the full name of the repository's
    /// default branch, `None` if it is not known: then no branch is pushed to that is not named.
    pub(in crate::proxy) fn new(
        policy: Arc<PushPolicy>,
        default_branch: Option<String>,
        coding: Coding,
    ) -> Self {
        Self {
            policy,
            default_branch,
            gunzip: (coding == Coding::Gzip).then(Gunzip::new),
            decoded: 0,
            held: Held::default(),
            stage: Stage::Commands(CommandReader::default()),
        }
    }

    /// Reads the next bytes of the body as the client has sent them, and holds them. A verdict is
    /// given once; what is fed after it is only held.
    pub(in crate::proxy) fn feed(&mut self, bytes: &[u8]) -> Progress {
        // A verdict depends on at most so many bytes, however they are split.
        let room = MAX_PUSH_HELD.saturating_sub(self.held.len());
        self.held.push(bytes);
        if matches!(self.stage, Stage::Decided) {
            return Progress::More;
        }
        let read = match self.decode(&bytes[..room.min(bytes.len())]) {
            Ok(Progress::More) if bytes.len() > room => Err(Problem::TooLarge(
                "what it adds is too much to find the old commits in",
            )),
            read => read,
        };
        self.conclude(read)
    }

    /// The body has ended.
    pub(in crate::proxy) fn end(&mut self) -> Progress {
        let read = match self.stage {
            Stage::Decided => return Progress::More,
            Stage::Nothing => Ok(Progress::Allowed),
            Stage::Commands(_) | Stage::Options(..) | Stage::Pack(_) => Err(BROKE_OFF),
        };
        self.conclude(read)
    }

    /// All that was fed, as it came: for an allowed push, to be sent before the rest.
    pub(in crate::proxy) fn take_held(&mut self) -> Vec<Bytes> {
        self.held.take()
    }

    /// Makes a refusal of a problem, and notes the verdict.
    fn conclude(&mut self, read: Result<Progress, Problem>) -> Progress {
        let progress = match read {
            Ok(Progress::More) => return Progress::More,
            Ok(progress) => progress,
            Err(problem) => self.give_up(problem),
        };
        self.stage = Stage::Decided;
        if matches!(progress, Progress::Refused(_)) {
            self.held = Held::default();
        }
        progress
    }

    /// The verdict where a problem has ended the reading. A limit within the pack is no fault of
    /// the client: what was found until then decides.
    fn give_up(&mut self, problem: Problem) -> Progress {
        let is_limit = matches!(problem, Problem::TooLarge(_));
        let list = match std::mem::replace(&mut self.stage, Stage::Decided) {
            Stage::Pack(proof) if is_limit => return proof.verdict(&self.policy),
            Stage::Commands(reader) => reader.into_parts().0,
            Stage::Options(_, proof) | Stage::Pack(proof) => proof.list,
            Stage::Nothing | Stage::Decided => CommandList::default(),
        };
        Progress::Refused(Box::new(Refused::whole(list, problem)))
    }

    /// Takes the coding off, and reads on.
    fn decode(&mut self, mut coded: &[u8]) -> Result<Progress, Problem> {
        let Some(mut gunzip) = self.gunzip.take() else {
            return self.read(coded);
        };
        let mut plain = [0; 8 * 1024];
        let progress = loop {
            let length = gunzip.decode(&mut coded, &mut plain)?;
            if length == 0 {
                break Progress::More;
            }
            let room = MAX_PUSH_DECODED - self.decoded;
            let now = length.min(room);
            self.decoded += now;
            match self.read(&plain[..now])? {
                Progress::More if length > room => {
                    return Err(Problem::TooLarge("it is compressed too well"));
                }
                Progress::More => {}
                verdict => break verdict,
            }
        };
        self.gunzip = Some(gunzip);
        Ok(progress)
    }

    /// Reads plain bytes.
    fn read(&mut self, mut bytes: &[u8]) -> Result<Progress, Problem> {
        loop {
            match &mut self.stage {
                Stage::Commands(reader) => {
                    if !reader.read(&mut bytes)? {
                        return Ok(Progress::More);
                    }
                    let reader = std::mem::take(reader);
                    if let Some(verdict) = self.judge(reader) {
                        return Ok(verdict);
                    }
                }
                Stage::Nothing if bytes.is_empty() => return Ok(Progress::More),
                Stage::Nothing => {
                    return Err(Problem::Malformed("there is more behind its empty list"));
                }
                Stage::Options(lines, _) => {
                    match lines.next(&mut bytes)? {
                        None => return Ok(Progress::More),
                        Some(PacketLineRef::Data(_)) => continue,
                        Some(PacketLineRef::Flush) => {}
                        Some(_) => {
                            return Err(Problem::Malformed("a delimiter is among its options"));
                        }
                    }
                    if let Stage::Options(_, proof) =
                        std::mem::replace(&mut self.stage, Stage::Decided)
                    {
                        self.stage = Stage::Pack(proof);
                    }
                }
                Stage::Pack(proof) => {
                    if !proof.has_ended(&mut bytes)? {
                        return Ok(Progress::More);
                    }
                    if let Stage::Pack(proof) = std::mem::replace(&mut self.stage, Stage::Decided) {
                        return Ok(proof.verdict(&self.policy));
                    }
                }
                Stage::Decided => return Ok(Progress::More),
            }
        }
    }

    /// Judges the whole list of commands. Without a verdict, the next stage is entered.
    fn judge(&mut self, reader: CommandReader) -> Option<Progress> {
        let (mut list, lines) = reader.into_parts();
        if list.commands.is_empty() {
            self.stage = Stage::Nothing;
            return None;
        }
        let judged = self.policy.judge(&list, self.default_branch.as_deref());
        let (mut reasons, mut updates) = (Vec::new(), Vec::new());
        for (index, (judged, command)) in judged.into_iter().zip(&list.commands).enumerate() {
            match judged {
                Ok(Need::Nothing) => {}
                Ok(Need::FastForward) => updates.push(Update {
                    command: index,
                    old: command.old,
                    new: command.new,
                }),
                Err(reason) => reasons.push((index, reason)),
            }
        }
        if !reasons.is_empty() {
            let refused = Refused::refs(&self.policy, list, reasons);
            return Some(Progress::Refused(Box::new(refused)));
        }
        if updates.is_empty() {
            return Some(Progress::Allowed);
        }
        let format = list.format.unwrap_or(ObjectFormat::Sha1);
        let has_options = list.capabilities.push_options;
        let shallow = std::mem::take(&mut list.shallow);
        let proof = Box::new(Proof {
            list,
            pack: PackReader::new(format),
            ancestry: Ancestry::new(updates, shallow),
            has_others: false,
        });
        self.stage = if has_options {
            Stage::Options(lines, proof)
        } else {
            Stage::Pack(proof)
        };
        None
    }
}

impl Proof {
    /// Reads on, until all is shown or the pack has ended.
    fn has_ended(&mut self, bytes: &mut &[u8]) -> Result<bool, Problem> {
        while !self.ancestry.all_shown() {
            match self.pack.read(bytes)? {
                Found::Nothing => return Ok(false),
                Found::Commit(commit) => self.ancestry.add(commit),
                // git's packs have no commit behind these, but others' may: so they are read on.
                Found::Other if self.has_others => {}
                Found::Other => {
                    self.has_others = true;
                    self.ancestry.follow();
                }
                Found::End => break,
            }
        }
        Ok(true)
    }

    /// The verdict by what was found.
    fn verdict(mut self, policy: &PushPolicy) -> Progress {
        let reasons: Vec<_> = self
            .ancestry
            .not_shown()
            .into_iter()
            .map(|(command, why)| match why {
                NotShown::Undecided => (command, Reason::Undecided),
                NotShown::NotFastForward => (command, Reason::NotFastForward),
            })
            .collect();
        if reasons.is_empty() {
            return Progress::Allowed;
        }
        Progress::Refused(Box::new(Refused::refs(policy, self.list, reasons)))
    }
}
