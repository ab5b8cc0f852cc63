//! Which names can be in a query, told by their lengths. Each request is searched for names by
//! several rules, and most requests have none of them: a pass over what is there is cheaper than a
//! search for each.

/// A set of names, of which only the lengths are known.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::proxy) struct NameLengths(u64);

impl NameLengths {
    pub(in crate::proxy) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let bits = names.into_iter().map(|name| bit(name.len()));
        Self(bits.fold(0, |all, bit| all | bit))
    }

    /// Whether a query may have a parameter of such a name, in whatever spelling.
    pub(in crate::proxy) fn may_be_in_query(self, query: &str) -> bool {
        let mut pairs = query.as_bytes().split(|byte| matches!(byte, b'&' | b';'));
        let is_near = |pair: &[u8]| {
            let end = pair.iter().position(|byte| !is_plain(*byte));
            match end.map(|end| (end, pair.get(end))) {
                None => self.0 & bit(pair.len()) != 0,
                Some((end, Some(b'='))) => self.0 & bit(end) != 0,
                Some(_) => true, // what it stands for is seen once it is decoded
            }
        };
        self.0 != 0 && pairs.any(is_near)
    }
}

/// Names of 63 bytes or more share one.
fn bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// What a name has in it that needs no decoding.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_ruled_out_if_its_names_need_no_decoding() {
        let lengths = NameLengths::of(["sudo"]);
        for query in [
            "sudo=root",
            "sudo",
            "a=b&SUDO=root",
            "a=b;sudo=",
            "s%75do=root",
            "[sudo]=root",
            "sudo[]=root",
            "+sudo=root",
            "a=b&&sudo==",
            "%",
        ] {
            assert!(lengths.may_be_in_query(query), "{query}");
        }
        for query in [
            "",
            "a",
            "bytes=1024",
            "a=sudo&per_page=100",
            "a=%73",
            "&&=;",
        ] {
            assert!(!lengths.may_be_in_query(query), "{query}");
        }
        assert!(!NameLengths::default().may_be_in_query("%=1"));
    }
}
