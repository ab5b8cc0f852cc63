//! What is looked for, and what is kept of a body to compare it.

/// Names longer than this are not compared, in bytes. No rule has one.
pub(super) const MAX_NAME: usize = 64;

/// What of a value is kept to be compared, in bytes. No method is as long.
pub(super) const MAX_VALUE: usize = 32;

/// A field that is looked for.
pub(in crate::proxy) trait Wanted {
    /// Its name, which is compared without regard to case.
    fn name(&self) -> &str;
    /// The value that it has to have, likewise; `None` for any.
    fn value(&self) -> Option<&str>;
}

/// Which of the fields has that name, and a value only if it may be any.
pub(super) fn by_name<W: Wanted>(name: &[u8], wanted: &[W]) -> Option<usize> {
    let mut wanted = wanted.iter();
    wanted.position(|field| field.value().is_none() && is_name(field, name))
}

/// Which of the fields has that name and value.
pub(super) fn by_value<W: Wanted>(name: &[u8], value: &[u8], wanted: &[W]) -> Option<usize> {
    let value = value.trim_ascii();
    let mut wanted = wanted.iter();
    wanted.position(|field| {
        let is_value = |known: &str| known.as_bytes().eq_ignore_ascii_case(value);
        field.value().is_some_and(is_value) && is_name(field, name)
    })
}

/// Whether one of the fields has that name, and counts with one value alone.
pub(super) fn has_value<W: Wanted>(name: &[u8], wanted: &[W]) -> bool {
    let mut wanted = wanted.iter();
    wanted.any(|field| field.value().is_some() && is_name(field, name))
}

fn is_name(field: &impl Wanted, name: &[u8]) -> bool {
    field.name().as_bytes().eq_ignore_ascii_case(name)
}

/// Bytes of which no more than a limit are kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) bytes: Vec<u8>,
    is_cut: bool,
}

impl Kept {
    pub(super) fn push(&mut self, byte: u8, most: usize) {
        if self.bytes.len() < most {
            self.bytes.push(byte);
        } else {
            self.is_cut = true;
        }
    }

    /// Whatever comes, and whatever was kept: it is nothing that is compared.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.is_cut = false;
    }

    /// All of them, if they are within the limit.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (!self.is_cut).then_some(self.bytes.as_slice())
    }
}
