//! Reads the master key from a file or from an open descriptor, for jobs whose environment other
//! processes can read.

use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::path::Path;

use crate::defence::Defence;
use crate::os::ulimits;
use crate::secret::Secret;

/// A key has 44 characters. A file longer than this is no key file.
const MAX_LENGTH: u64 = 1024;

/// The directories through which a process can open its own descriptors.
const DESCRIPTORS: [&str; 2] = ["/dev/fd", "/proc/self/fd"];

/// Reads the key. A descriptor that the path names is closed afterwards. Otherwise the command that
/// is started later would inherit it, and could read the key from the file's beginning.
pub(super) fn read(path: &Path) -> io::Result<Secret<Vec<u8>>> {
    let descriptor = descriptor_of(path);
    if descriptor.is_some_and(ulimits::is_our_own) {
        return Err(io::Error::other("no such descriptor was handed over"));
    }
    let opened = File::open(path);
    if let Some(descriptor) = descriptor
        && opened.is_ok()
        && Defence::KeyDescriptor.stands()
    {
        ulimits::close_inherited(descriptor)?;
    }
    let text = Secret::read(opened?, MAX_LENGTH)?;
    Ok(Secret::new(text.expose().trim_ascii().to_vec()))
}

/// Only closes the descriptor, for the case that the key is not read from it.
pub(super) fn close(path: &Path) {
    if let Some(descriptor) = descriptor_of(path)
        && !ulimits::is_our_own(descriptor)
    {
        // If the descriptor is not open, the command cannot inherit it.
        let _ = ulimits::close_inherited(descriptor);
    }
}

/// The number in `/dev/fd/N`. The standard streams, 0 to 2, are left to the command.
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
