//! A push that is refused, in the words of git (gitprotocol-pack, "Report Status").

use std::fmt::{self, Write};

use super::commands::CommandList;
use super::pattern::RefPattern;
use super::problem::Problem;
use super::rules::{PushPolicy, Reason};
use crate::text;

/// A push of which nothing is sent.
#[derive(Debug)]
pub(in crate::proxy) struct Refused {
    list: CommandList,
    /// Of each command of the list that is refused for itself, by its index.
    reasons: Vec<(usize, Reason)>,
    problem: Option<Problem>,
    /// What the user may do, line by line.
    advice: Vec<String>,
}

/// The most that one frame of a multiplexed response carries (gitprotocol-capabilities,
/// "side-band-64k").
const MAX_FRAME: usize = 65_515;

/// Bands of a multiplexed response: the report, lines for the user, and a failure.
const REPORT: u8 = 1;
const PROGRESS: u8 = 2;
const FAILURE: u8 = 3;

impl Refused {
    /// Refused for these refs. `reasons` has at least one, each with the index of its command.
    pub(super) fn refs(
        policy: &PushPolicy,
        list: CommandList,
        reasons: Vec<(usize, Reason)>,
    ) -> Self {
        let mut told = Vec::new();
        let mut advice = Vec::new();
        for (index, reason) in &reasons {
            if !told.contains(reason) {
                told.push(*reason);
                advice.extend(advice_on(
                    policy.patterns(),
                    &list.commands[*index].name,
                    *reason,
                ));
            }
        }
        Self {
            list,
            reasons,
            problem: None,
            advice,
        }
    }

    /// Refused as a whole, with as much of the list as was read.
    pub(super) fn whole(list: CommandList, problem: Problem) -> Self {
        let advice = match problem {
            Problem::Malformed(_) => None,
            Problem::Signed => Some("  git push --no-signed"),
            Problem::TooLarge(_) => Some("Push fewer refs, or fewer commits, at a time."),
        };
        Self {
            list,
            reasons: Vec::new(),
            problem: Some(problem),
            advice: advice.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The refs that are refused for themselves, for the log.
    pub(in crate::proxy) fn reasons(&self) -> impl Iterator<Item = (&str, Reason)> {
        let named =
            |(index, reason): &(usize, Reason)| (&*self.list.commands[*index].name, *reason);
        self.reasons.iter().map(named)
    }

    /// What the user may do: the next command, line by line, safe to show.
    pub(in crate::proxy) fn advice(&self) -> &[String] {
        &self.advice
    }

    /// The body of the response with which git prints the refusal as it prints a hook's: status
    /// 200, content type [`RESULT_TYPE`](super::request::RESULT_TYPE). `None` if the client reads
    /// no such body, or what it sent is not git's: it gets an error of HTTP.
    pub(in crate::proxy) fn report(&self) -> Option<Vec<u8>> {
        let can = self.list.capabilities;
        if !can.report_status && !can.side_band {
            return None;
        }
        let report = if can.report_status {
            self.status()
        } else {
            Vec::new()
        };
        if !can.side_band {
            return Some(report);
        }
        let mut body = Vec::new();
        let mut words = String::from("authsome has sent nothing of this push.\n");
        for line in &self.advice {
            words.push_str(line);
            words.push('\n');
        }
        frames(&mut body, PROGRESS, words.as_bytes());
        if can.report_status {
            frames(&mut body, REPORT, &report);
        } else {
            frames(&mut body, FAILURE, self.to_string().as_bytes());
        }
        flush(&mut body);
        Some(body)
    }

    /// The report: a line on the pack, one on each command, and a flush.
    fn status(&self) -> Vec<u8> {
        let mut report = Vec::new();
        let unpack = match &self.problem {
            None => "unpack ok\n".to_owned(),
            Some(problem) => format!("unpack refused by authsome: {problem}\n"),
        };
        packet(&mut report, &[unpack.as_bytes()]);
        let culprit = self.reasons().next().map(|(name, _)| name);
        let mut reasons = self.reasons.iter().peekable();
        for (index, command) in self.list.commands.iter().enumerate() {
            let own = reasons.next_if(|(of, _)| *of == index);
            let why = match (own, culprit) {
                (Some((_, reason)), _) => reason.to_string(),
                (None, Some(culprit)) => {
                    format!("not pushed, as {} was refused", text::line(culprit))
                }
                (None, None) => "not pushed".to_owned(),
            };
            packet(
                &mut report,
                &[b"ng ", command.name.as_bytes(), b" ", why.as_bytes(), b"\n"],
            );
        }
        flush(&mut report);
        report
    }
}

/// One line, safe to show: for the log, and for the error where git reads no report.
impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(problem) = &self.problem {
            return write!(formatter, "the push was refused: {problem}");
        }
        formatter.write_str("the push was refused: ")?;
        for (at, (name, reason)) in self.reasons().take(MOST_NAMED).enumerate() {
            if at > 0 {
                formatter.write_str("; ")?;
            }
            write!(formatter, "{}: {reason}", text::line(name))?;
        }
        match self.reasons.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more"),
        }
    }
}

/// How many refs, or patterns, a line names.
const MOST_NAMED: usize = 5;

/// What to do about a ref, line by line.
fn advice_on(patterns: &[RefPattern], name: &str, reason: Reason) -> Vec<String> {
    let short = name.strip_prefix("refs/heads/").unwrap_or(name);
    let quoted = quoted(short);
    let elsewhere = patterns
        .iter()
        .filter_map(RefPattern::example)
        .find(|branch| branch != short)
        .map(|branch| format!("  git push origin HEAD:{}", self::quoted(&branch)));
    let allowing = |prefix: &str| {
        let allowed = self::quoted(&format!("{prefix}{short}"));
        format!("Or let it be allowed by name: authsome run --git-push {allowed}")
    };
    let mut lines = Vec::new();
    match reason {
        Reason::NotMatched => {
            let mut may = String::from("This run may push to");
            for pattern in patterns.iter().take(MOST_NAMED) {
                // A string takes whatever is written to it.
                let _ = write!(may, " {}", text::line(&pattern.to_string()));
            }
            lines.push(if patterns.is_empty() {
                "This run may push nothing.".to_owned()
            } else {
                may + ":"
            });
            lines.extend(elsewhere);
            lines.push(allowing(""));
        }
        Reason::DefaultBranch | Reason::DefaultUnknown => {
            lines.push("Push to a branch of your own, for a merge request:".to_owned());
            lines.extend(elsewhere);
            lines.push(allowing(""));
        }
        Reason::Deletion => {
            lines.push("Outside of this run it can be deleted:".to_owned());
            lines.push(format!("  git push origin --delete {quoted}"));
        }
        Reason::NotFastForward | Reason::Undecided => {
            lines.push(format!(
                "Put your commits on top of what {quoted} has, and push again:"
            ));
            lines.push(format!("  git pull --rebase origin {quoted}"));
            if let Some(elsewhere) = elsewhere {
                lines.push("Or push them to a new branch:".to_owned());
                lines.push(elsewhere);
            }
            lines.push(allowing("+"));
        }
        Reason::TagMoved => {
            lines.push("Make a tag of another name.".to_owned());
            lines.push(allowing("+"));
        }
    }
    lines
}

/// A name as one word of a command, safe to show.
fn quoted(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@+=,-".contains(&byte);
    if !name.starts_with('-') && name.bytes().all(is_plain) {
        return name.to_owned();
    }
    format!("'{}'", text::line(&name.replace('\'', r"'\''")))
}

/// Adds bytes to a multiplexed response.
fn frames(body: &mut Vec<u8>, band: u8, bytes: &[u8]) {
    for part in bytes.chunks(MAX_FRAME) {
        packet(body, &[&[band], part]);
    }
}

/// Adds a pkt-line of these parts.
fn packet(body: &mut Vec<u8>, parts: &[&[u8]]) {
    let length = 4 + parts.iter().map(|part| part.len()).sum::<usize>();
    body.extend_from_slice(format!("{length:04x}").as_bytes());
    for part in parts {
        body.extend_from_slice(part);
    }
}

fn flush(body: &mut Vec<u8>) {
    body.extend_from_slice(b"0000");
}
