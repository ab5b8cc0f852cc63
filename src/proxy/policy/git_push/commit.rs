//! What is read of a commit: its id and its parents.

use super::object_id::{ObjectFormat, ObjectId};

/// A commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) id: ObjectId,
    pub(super) parents: Vec<ObjectId>,
}

impl Commit {
    /// The commit with that content; `None` if it is not a commit's.
    pub(super) fn parse(content: &[u8], format: ObjectFormat) -> Option<Self> {
        let (_, mut rest) = header(content, b"tree ", format)?;
        let mut parents = Vec::new();
        // Only these are parents to git: those that follow the tree, without a gap.
        while let Some((parent, behind)) = header(rest, b"parent ", format) {
            parents.push(parent);
            rest = behind;
        }
        Some(Self {
            id: format.id_of_commit(content),
            parents,
        })
    }
}

/// The id of a header with that name, and what is behind it.
fn header<'a>(
    content: &'a [u8],
    name: &[u8],
    format: ObjectFormat,
) -> Option<(ObjectId, &'a [u8])> {
    let value = content.strip_prefix(name)?;
    let (hex, rest) = value.split_at_checked(format.size() * 2)?;
    let (id, _) = ObjectId::from_hex(hex)?;
    Some((id, rest.strip_prefix(b"\n")?))
}
