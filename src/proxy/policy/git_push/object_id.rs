//! Names of git's objects: what they hash to, by SHA-1 or SHA-256.

use std::fmt::{self, Write};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// The hash of a repository (`extensions.objectFormat`). One repository has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectFormat {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl ObjectFormat {
    /// The length of an id in bytes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// By its name in the capability `object-format`.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The id of a commit with that content.
    pub(super) fn id_of_commit(self, content: &[u8]) -> ObjectId {
        let mut hash = Context::new(match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
        });
        hash.update(format!("commit {}\0", content.len()).as_bytes());
        hash.update(content);
        ObjectId::of(hash.finish().as_ref())
    }
}

/// The id of an object. Shorter ones have zeros behind them: ids of two formats are never compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ObjectId([u8; 32]);

impl ObjectId {
    /// As it is in a pack: bytes, of which the first 32 count.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut id = [0; 32];
        for (to, from) in id.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(id)
    }

    /// As it is in a command or in a commit: hexadecimal digits, whose number tells the format.
    pub(super) fn from_hex(hex: &[u8]) -> Option<(Self, ObjectFormat)> {
        let format = [ObjectFormat::Sha1, ObjectFormat::Sha256]
            .into_iter()
            .find(|format| format.size() * 2 == hex.len())?;
        let mut id = [0; 32];
        for (to, pair) in id.iter_mut().zip(hex.chunks_exact(2)) {
            *to = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some((Self(id), format))
    }

    /// Whether it stands for no object: the old id of a ref that is made, the new id of one that is
    /// deleted.
    pub(super) fn is_zero(self) -> bool {
        self.0 == [0; 32]
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
        formatter.write_char(' ')
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
