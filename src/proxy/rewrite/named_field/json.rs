//! Members of a JSON object, at its top (RFC 8259). What other parsers take beside that is taken,
//! too: comments, and text before or behind the object.

use super::wanted::{Kept, MAX_NAME, MAX_VALUE, Wanted, by_name, by_value, has_value};

/// Searches JSON.
#[derive(Debug, Default)]
pub(super) struct JsonScanner {
    /// How many objects and lists are open.
    depth: usize,
    /// Whether the outermost one is an object.
    is_object: bool,
    /// Whether a string in it would be a name.
    expects_name: bool,
    state: State,
    name: Kept,
    value: Kept,
}

#[derive(Debug, Default)]
enum State {
    /// Between strings.
    #[default]
    Between,
    /// Behind a slash, which may begin a comment.
    Slash,
    /// In a comment that ends with the line.
    Line,
    /// In a comment that ends with a star and a slash; whether the star was the byte before.
    Block(bool),
    /// In a string that is not compared.
    Skipped {
        /// The byte before was a backslash.
        is_escaped: bool,
    },
    /// In a member's name or its value.
    Compared(Part, Escape),
}

/// What a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Name,
    Value,
}

/// An escape in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Backslash,
    /// Behind `\u`: the digits so far, and their value.
    Unicode(u8, u32),
}

impl JsonScanner {
    /// Which of the fields is there once this piece is.
    pub(super) fn find<W: Wanted>(&mut self, piece: &[u8], wanted: &[W]) -> Option<usize> {
        let mut rest = piece;
        while let Some((byte, behind)) = rest.split_first() {
            rest = behind;
            if let Some(found) = self.take(*byte, wanted) {
                return Some(found);
            }
            let end = self.next_that_counts(rest);
            rest = rest.get(end..).unwrap_or_default();
        }
        self.settle(wanted) // its last byte may be the last but the quote
    }

    /// Where the next byte is that changes the state.
    fn next_that_counts(&self, rest: &[u8]) -> usize {
        match self.state {
            State::Between => next_structure(rest),
            State::Skipped { is_escaped: false } => {
                memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len())
            }
            _ => 0,
        }
    }

    fn take<W: Wanted>(&mut self, byte: u8, wanted: &[W]) -> Option<usize> {
        let state = std::mem::take(&mut self.state);
        self.state = match (state, byte) {
            (State::Between, b'"') => self.string(),
            (State::Between, b'/') => State::Slash,
            (State::Slash, b'*') => State::Block(false),
            (State::Line, b'\n' | b'\r')
            | (State::Block(true), b'/')
            | (State::Skipped { is_escaped: false }, b'"') => State::Between,
            (State::Slash, b'/') | (State::Line, _) => State::Line,
            (State::Block(_), byte) => State::Block(byte == b'*'),
            (State::Between | State::Slash, byte) => {
                self.structure(byte);
                State::Between
            }
            (State::Skipped { is_escaped }, byte) => State::Skipped {
                is_escaped: !is_escaped && byte == b'\\',
            },
            (State::Compared(part, Escape::None), b'"') => return self.end(part, wanted),
            (State::Compared(part, escape), byte) => {
                let escape = self.push(part, escape, byte);
                self.compared(part, escape)
            }
        };
        None
    }

    /// The string that begins here.
    fn string(&mut self) -> State {
        let part = match (self.depth, self.expects_name) {
            (1, true) => Part::Name,
            (1, false) if self.is_object && !self.name.bytes.is_empty() => Part::Value,
            _ => return State::Skipped { is_escaped: false },
        };
        match part {
            Part::Name => self.name.clear(),
            Part::Value => self.value.clear(),
        }
        State::Compared(part, Escape::None)
    }

    /// The rest of a value that is too long is not compared.
    fn compared(&mut self, part: Part, escape: Escape) -> State {
        if part == Part::Value && escape == Escape::None && self.value.is_cut() {
            self.name.clear();
            return State::Skipped { is_escaped: false };
        }
        State::Compared(part, escape)
    }

    /// The string that ends here.
    fn end<W: Wanted>(&mut self, part: Part, wanted: &[W]) -> Option<usize> {
        match part {
            Part::Name => {
                self.expects_name = false;
                let name = self.name.whole();
                let found = name.and_then(|name| by_name(name, wanted));
                if !name.is_some_and(|name| has_value(name, wanted)) {
                    self.name.clear(); // so its value is not compared
                }
                found
            }
            Part::Value => {
                let found = self.value_of(wanted);
                self.name.clear();
                found
            }
        }
    }

    fn settle<W: Wanted>(&self, wanted: &[W]) -> Option<usize> {
        let is_value = matches!(self.state, State::Compared(Part::Value, Escape::None));
        is_value.then(|| self.value_of(wanted)).flatten()
    }

    fn value_of<W: Wanted>(&self, wanted: &[W]) -> Option<usize> {
        by_value(self.name.whole()?, self.value.whole()?, wanted)
    }

    /// What stands between strings.
    fn structure(&mut self, byte: u8) {
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth == 1 {
                    self.is_object = byte == b'{';
                    self.expects_name = self.is_object;
                }
                self.name.clear();
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' if self.depth == 1 => self.expects_name = self.is_object,
            _ => {}
        }
    }

    fn push(&mut self, part: Part, escape: Escape, byte: u8) -> Escape {
        match (escape, byte) {
            (Escape::None, b'\\') => return Escape::Backslash,
            (Escape::Backslash, b'u') => return Escape::Unicode(0, 0),
            // No name has one of the characters that are written so.
            (Escape::None | Escape::Backslash, byte) => self.kept(part, byte),
            (Escape::Unicode(count, value), byte) => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                let value = value << 4 | digit;
                if count < 3 {
                    return Escape::Unicode(count + 1, value);
                }
                // One that is not ASCII is in no name that is looked for.
                self.kept(part, u8::try_from(value).unwrap_or(u8::MAX));
            }
        }
        Escape::None
    }

    fn kept(&mut self, part: Part, byte: u8) {
        match part {
            Part::Name => self.name.push(byte, MAX_NAME),
            Part::Value => self.value.push(byte, MAX_VALUE),
        }
    }
}

/// How many bytes are looked at in one step, which the compiler makes a few instructions of.
const STEP: usize = 32;

/// Where the next byte is that means something between strings: most bytes of a file without a type
/// mean nothing.
fn next_structure(text: &[u8]) -> usize {
    if text.first().is_some_and(|byte| is_structure(*byte)) {
        return 0;
    }
    let mut steps = text.chunks_exact(STEP);
    let full = steps
        .by_ref()
        .take_while(|step| step.iter().fold(0, |any, byte| any | structure(*byte)) == 0);
    let passed = full.count() * STEP;
    let rest = text.get(passed..).unwrap_or_default();
    let within = rest.iter().position(|byte| is_structure(*byte));
    passed + within.unwrap_or(rest.len())
}

fn is_structure(byte: u8) -> bool {
    structure(byte) != 0
}

/// 1 for brackets and braces (which differ in one bit), commas, quotes, and the beginning of a
/// comment; else 0. Numbers, so that nothing branches.
fn structure(byte: u8) -> u8 {
    let either = byte | 0x20;
    u8::from(either == b'{')
        | u8::from(either == b'}')
        | u8::from(byte == b',')
        | u8::from(byte == b'"')
        | u8::from(byte == b'/')
}
