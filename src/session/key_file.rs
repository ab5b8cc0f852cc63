//! The master key out of a file or an open descriptor, for jobs whose environment others can read.

use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::path::Path;

use crate::os::ulimits;
use crate::secret::Secret;

/// A key is 44 characters; more than this is another file.
const MAX_LENGTH: u64 = 1024;

/// The names by which a process's own descriptors can be opened.
const DESCRIPTORS: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

/// Reads the key. A descriptor is taken: the command that is started later does not get it, or it
/// could read the file from its beginning.
pub(super) fn read(path: &Path) -> io::Result<Secret<Vec<u8>>> {
    let descriptor = descriptor_of(path);
    let opened = File::open(path);
    if let Some(descriptor) = descriptor
        && opened.is_ok()
    {
        ulimits::close_inherited(descriptor)?;
    }
    let text = Secret::read(opened?, MAX_LENGTH)?;
    Ok(Secret::new(text.expose().trim_ascii().to_vec()))
}

/// Takes the descriptor alone, where the key is not read from it.
pub(super) fn close(path: &Path) {
    if let Some(descriptor) = descriptor_of(path)
        && !ulimits::is_our_own(descriptor)
    {
        // One that is not open is nobody's.
        let _ = ulimits::close_inherited(descriptor);
    }
}

/// The number in `/dev/fd/N`; the standard streams stay the command's.
fn descriptor_of(path: &Path) -> Option<RawFd> {
    let parent = path.parent()?;
    let number: RawFd = path.file_name()?.to_str()?.parse().ok()?;
    let is_descriptor = DESCRIPTORS.iter().any(|name| parent == Path::new(name));
    (is_descriptor && number > 2).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_told_from_files() {
        for (path, descriptor) in [
            ("/dev/fd/3", Some(3)),
            ("/proc/self/fd/12", Some(12)),
            ("/dev/fd/0", None),
            ("/dev/fd/-1", None),
            ("/tmp/3", None),
            ("3", None),
        ] {
            assert_eq!(descriptor_of(Path::new(path)), descriptor, "{path}");
        }
    }
}
