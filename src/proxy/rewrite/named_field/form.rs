//! Fields of a form or a query string (WHATWG URL, `application/x-www-form-urlencoded`).
//!
//! Names are read as Rack reads them, which is more than others do: blanks before a name and
//! brackets around it are left out (`[sudo]`), and what follows a bracket is the name of something
//! within (`sudo[]`). A semicolon separates fields, too.

use super::wanted::{Kept, MAX_NAME, MAX_VALUE, Wanted, by_name, by_value, has_value};

/// Where in a field the scanner is.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Name,
    /// Behind a bracket in a name.
    Within,
    Value,
}

/// Searches a form.
#[derive(Debug, Default)]
pub(super) struct FormScanner {
    place: Place,
    name: Kept,
    value: Kept,
    escape: Escape,
}

/// A byte that is written as a percent sign and two digits.
#[derive(Debug, Default)]
enum Escape {
    #[default]
    None,
    /// The percent sign was there.
    Percent,
    /// And the first digit, with this value.
    Digit(u8),
}

impl FormScanner {
    /// Which of the fields is there once this piece is.
    pub(super) fn find<W: Wanted>(&mut self, piece: &[u8], wanted: &[W]) -> Option<usize> {
        let mut rest = piece;
        while let Some((byte, behind)) = rest.split_first() {
            if let Some(found) = self.take(*byte, wanted) {
                return Some(found);
            }
            let end = self.next_that_counts(behind);
            rest = behind.get(end..).unwrap_or_default();
        }
        self.settle(wanted) // its last byte may be the body's
    }

    /// Where the next byte is that the search does not pass over: a separator, of what can be no
    /// field that is looked for.
    fn next_that_counts(&self, behind: &[u8]) -> usize {
        let next = match self.place {
            Place::Value if self.name.is_cut() || self.value.is_cut() => {
                memchr::memchr2(b'&', b';', behind)
            }
            Place::Within => memchr::memchr3(b'&', b';', b'=', behind),
            Place::Name if self.name.is_cut() => memchr::memchr3(b'&', b';', b'=', behind),
            Place::Name | Place::Value => return 0,
        };
        next.unwrap_or(behind.len())
    }

    fn take<W: Wanted>(&mut self, byte: u8, wanted: &[W]) -> Option<usize> {
        match byte {
            b'&' | b';' => {
                let found = self.settle(wanted);
                *self = Self::default();
                found
            }
            b'=' if !matches!(self.place, Place::Value) => {
                self.place = Place::Value;
                self.escape = Escape::None;
                let name = self.name.whole()?;
                let found = by_name(name, wanted);
                if found.is_none() && !has_value(name, wanted) {
                    self.name.cut();
                }
                found
            }
            _ => {
                if let Some(byte) = self.decoded(byte) {
                    self.push(byte);
                }
                None
            }
        }
    }

    /// The value as far as it is known. Of a name alone, nothing is.
    fn settle<W: Wanted>(&self, wanted: &[W]) -> Option<usize> {
        match self.place {
            Place::Value => by_value(self.name.whole()?, self.value.whole()?, wanted),
            Place::Name | Place::Within => None,
        }
    }

    fn push(&mut self, byte: u8) {
        let is_bracket = matches!(byte, b'[' | b']');
        match self.place {
            Place::Value => self.value.push(byte, MAX_VALUE),
            Place::Within => {}
            Place::Name if self.name.bytes.is_empty() => {
                if !is_bracket && !byte.is_ascii_whitespace() {
                    self.name.push(byte, MAX_NAME);
                }
            }
            Place::Name if is_bracket => self.place = Place::Within,
            // In no name that is looked for: the rest of a file without a type is passed over.
            Place::Name if !byte.is_ascii() => self.name.cut(),
            Place::Name => self.name.push(byte, MAX_NAME),
        }
    }

    /// The byte that one stands for. An escape that is none is left out: no name that is looked for
    /// has one.
    fn decoded(&mut self, byte: u8) -> Option<u8> {
        let digit = char::from(byte).to_digit(16);
        let digit = digit.and_then(|digit| u8::try_from(digit).ok());
        match (std::mem::take(&mut self.escape), digit) {
            (Escape::None, _) if byte == b'%' => {
                self.escape = Escape::Percent;
                None
            }
            (Escape::None, _) if byte == b'+' => Some(b' '),
            (Escape::None, _) => Some(byte),
            (Escape::Percent, Some(high)) => {
                self.escape = Escape::Digit(high);
                None
            }
            (Escape::Digit(high), Some(low)) => Some(high << 4 | low),
            // `%%73` is a percent sign and an `s`.
            (Escape::Percent | Escape::Digit(_), None) => {
                self.push(b'%');
                self.decoded(byte)
            }
        }
    }
}
