//! Lines of git's protocol ("pkt-line"), as they stream.

use gix_packetline::PacketLineRef;
use gix_packetline::decode::{Stream, streaming};

use super::problem::Problem;
use crate::proxy::limits::MAX_PUSH_LIST;

const NO_LINE: Problem = Problem::Malformed("a line's length is not valid");

/// Takes lines off a stream. A line is at most 65,520 bytes, and all lines are at most
/// [`MAX_PUSH_LIST`].
#[derive(Debug, Default)]
pub(super) struct PktLines {
    /// The line that is being read, or the one that was returned last.
    line: Vec<u8>,
    is_whole: bool,
    /// Bytes of all lines.
    read: usize,
}

impl PktLines {
    /// The next line, whose bytes are taken off `bytes`; `None` if that is all used up before the
    /// line has ended.
    pub(super) fn next<'a>(
        &'a mut self,
        bytes: &mut &[u8],
    ) -> Result<Option<PacketLineRef<'a>>, Problem> {
        if self.is_whole {
            self.is_whole = false;
            self.line.clear();
        }
        while let Stream::Incomplete { bytes_needed } =
            streaming(&self.line).map_err(|_| NO_LINE)?
        {
            if bytes.is_empty() {
                return Ok(None);
            }
            let (now, rest) = bytes.split_at(bytes_needed.min(bytes.len()));
            self.line.extend_from_slice(now);
            *bytes = rest;
            self.read += now.len();
            if self.read > MAX_PUSH_LIST {
                return Err(Problem::TooLarge("its list of refs is too long"));
            }
        }
        self.is_whole = true;
        match streaming(&self.line) {
            Ok(Stream::Complete { line, .. }) => Ok(Some(line)),
            _ => Err(NO_LINE),
        }
    }
}
