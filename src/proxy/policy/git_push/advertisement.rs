//! What a server says of its refs (gitprotocol-pack, "Reference Discovery"; gitprotocol-v2).

use gix_packetline::PacketLineRef;

use super::pkt_lines::PktLines;

/// The default branch, in full, by the first bytes of a response to
/// `GET …/info/refs?service=git-upload-pack`, or to the command `ls-refs` of protocol 2 with
/// `symrefs` (and `unborn`). `None` if the response does not say it: where the repository is empty,
/// or its `HEAD` is no branch, or protocol 2 only lists what the server can do.
pub(in crate::proxy) fn default_branch_of(advertisement: &[u8]) -> Option<String> {
    let mut lines = PktLines::default();
    let mut rest = advertisement;
    let mut is_first = true;
    loop {
        let line = match lines.next(&mut rest).ok()?? {
            PacketLineRef::Data(line) => line.strip_suffix(b"\n").unwrap_or(line),
            PacketLineRef::Flush if is_first => continue, // behind the name of the service
            _ => return None,
        };
        if line.starts_with(b"# service=") || line == b"version 1" {
            continue;
        }
        is_first = false;
        let words = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        // `ID HEAD`, then capabilities, or attributes in protocol 2.
        if let Some(nul) = line.iter().position(|byte| *byte == 0) {
            return branch(&words(&line[nul + 1..])?, "symref=HEAD:");
        }
        let line = words(line)?;
        let (_, named) = line.split_once(' ')?;
        if let Some(attributes) = named.strip_prefix("HEAD ") {
            return branch(attributes, "symref-target:");
        }
    }
}

/// The branch behind a prefix, among words.
fn branch(words: &str, prefix: &str) -> Option<String> {
    let mut targets = words
        .split(' ')
        .filter_map(|word| word.strip_prefix(prefix));
    let target = targets.next()?;
    target.starts_with("refs/heads/").then(|| target.to_owned())
}
