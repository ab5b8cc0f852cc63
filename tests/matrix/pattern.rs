//! The bytes of a request's body: what stands where is known, so that a lost or doubled piece is
//! seen.

/// Part of a body, from that place on.
pub(crate) fn piece(from: u64, length: usize) -> &'static [u8] {
    let start = usize::try_from(from % PERIOD as u64).unwrap_or_default();
    BYTES
        .get(start..start + length.min(LONGEST))
        .unwrap_or_default()
}

/// Whether that is what stands there.
pub(crate) fn fits(from: u64, bytes: &[u8]) -> bool {
    let mut from = from;
    bytes.chunks(LONGEST).all(|bytes| {
        let fits = piece(from, bytes.len()) == bytes;
        from += bytes.len() as u64;
        fits
    })
}

/// The longest piece that is given at once.
pub(crate) const LONGEST: usize = 8 * 1024;

/// A prime, so that no buffer's size divides it.
const PERIOD: usize = 8191;

static BYTES: [u8; LONGEST + PERIOD] = bytes();

const fn bytes() -> [u8; LONGEST + PERIOD] {
    let mut bytes = [0; LONGEST + PERIOD];
    let mut at = 0;
    while at < bytes.len() {
        let place = at % PERIOD;
        #[expect(clippy::cast_possible_truncation, reason = "the last bits are meant")]
        {
            bytes[at] = (place ^ (place >> 5)) as u8;
        }
        at += 1;
    }
    bytes
}
