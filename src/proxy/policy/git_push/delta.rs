//! Objects that a pack has as changes of another one (gitformat-pack, "Deltified representation").

/// The object that `delta` makes of `base`, or `None` if it is not valid or is larger than `limit`
/// bytes.
pub(super) fn apply(base: &[u8], mut delta: &[u8], limit: usize) -> Option<Vec<u8>> {
    if size(&mut delta)? != base.len() {
        return None;
    }
    let length = size(&mut delta).filter(|length| *length <= limit)?;
    let mut object = Vec::with_capacity(length);
    while let Some((instruction, rest)) = delta.split_first() {
        delta = rest;
        if *instruction & 0x80 != 0 {
            let from = number(&mut delta, instruction & 0x0f)?;
            let count = match number(&mut delta, instruction >> 4 & 0x07)? {
                0 => 0x1_0000,
                count => count,
            };
            object.extend_from_slice(base.get(from..)?.get(..count)?);
        } else {
            // 0 is reserved.
            let count = Some(usize::from(*instruction)).filter(|count| *count > 0)?;
            object.extend_from_slice(delta.get(..count)?);
            delta = &delta[count..];
        }
        if object.len() > length {
            return None;
        }
    }
    (object.len() == length).then_some(object)
}

/// A size: seven bits in each byte, the lowest first.
fn size(bytes: &mut &[u8]) -> Option<usize> {
    let mut size = 0;
    for shift in (0..28).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        size |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

/// A little-endian number of which only the bytes are there whose bits are set in `present`.
fn number(bytes: &mut &[u8], present: u8) -> Option<usize> {
    let mut number = 0;
    for place in 0..4 {
        if present >> place & 1 == 1 {
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            number |= usize::from(*byte) << (8 * place);
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::apply;

    #[test]
    fn copies_and_insertions() {
        let base = b"0123456789";
        let delta = [10, 7, 0x91, 2, 3, 2, b'a', b'b', 0x90, 2];
        assert_eq!(apply(base, &delta, 7).unwrap(), b"234ab01");
        assert_eq!(apply(base, &delta, 6), None, "larger than its limit");
        for end in 0..delta.len() {
            assert_eq!(apply(base, &delta[..end], 7), None, "{end}");
        }
        let wrong: [&[u8]; 5] = [
            &[9, 1, 0x90, 1],      // of another base
            &[10, 1, 0],           // a reserved instruction
            &[10, 1, 0x91, 10, 1], // a copy from behind the base
            &[10, 1, 0x90, 2],     // more than it says
            &[10, 1, 0x80],        // a copy of 64 KiB
        ];
        for delta in wrong {
            assert_eq!(apply(base, delta, 100), None, "{delta:?}");
        }
    }
}
