//! Mounts that can only be read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

/// Where programs have to write, whatever else is read-only: devices, and the kernel's own.
const KERNELS: [&str; 3] = ["/dev", "/proc", "/sys"];

const NOTHING: Option<&str> = None;

/// A mount, and its flags, which must be kept: in a user namespace they are locked.
struct Mounted {
    place: PathBuf,
    flags: MsFlags,
}

/// Makes one mount read-only.
pub(super) fn make(place: &Path) -> Result<(), Errno> {
    let flags = mounts()
        .map_err(|_| Errno::EIO)?
        .into_iter()
        .rev() // the last one is on top
        .find(|mounted| mounted.place == place)
        .map_or(MsFlags::empty(), |mounted| mounted.flags);
    remount(place, flags)
}

/// Makes all mounts read-only, except these directories. Of the temporary ones, only the mount
/// itself is excepted: what is there of the user's is read-only as elsewhere.
pub(super) fn all_but(writable: &[PathBuf], temporary: &[PathBuf]) -> io::Result<()> {
    for path in writable {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(path), path, NOTHING, flags, NOTHING)?;
    }
    let is_writable = |place: &Path| {
        let mut all = writable.iter().map(PathBuf::as_path);
        all.any(|path| place.starts_with(path))
            || temporary.iter().any(|path| place == path)
            || KERNELS.iter().any(|path| place.starts_with(path))
    };
    for mounted in mounts()? {
        if is_writable(&mounted.place) {
            continue;
        }
        match remount(&mounted.place, mounted.flags) {
            // Behind another mount, or not to be reached: nobody writes there.
            Ok(()) | Err(Errno::ENOENT | Errno::EACCES | Errno::EINVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn remount(place: &Path, flags: MsFlags) -> Result<(), Errno> {
    let flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(NOTHING, place, NOTHING, flags, NOTHING)
}

/// All mounts in the order in which they were made (proc(5), `mountinfo`).
fn mounts() -> io::Result<Vec<Mounted>> {
    let text = fs::read("/proc/self/mountinfo")?;
    let lines = text.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(parse).collect())
}

fn parse(line: &[u8]) -> Option<Mounted> {
    let mut fields = line.split(|byte| *byte == b' ');
    let place = unescaped(fields.nth(4)?);
    let options = std::str::from_utf8(fields.next()?).ok()?;
    let flags = options.split(',').filter_map(|option| {
        Some(match option {
            "nosuid" => MsFlags::MS_NOSUID,
            "nodev" => MsFlags::MS_NODEV,
            "noexec" => MsFlags::MS_NOEXEC,
            "noatime" => MsFlags::MS_NOATIME,
            "nodiratime" => MsFlags::MS_NODIRATIME,
            "relatime" => MsFlags::MS_RELATIME,
            "nosymfollow" => MsFlags::from_bits_retain(0x100),
            _ => return None,
        })
    });
    Some(Mounted {
        place,
        flags: flags.collect(),
    })
}

/// Blanks and the like are there as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;

    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            bytes.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read() {
        let line =
            br"36 35 98:0 /mnt1 /mnt\040a\134b rw,nosuid,relatime master:1 - ext3 /dev/root rw";
        let mounted = parse(line).unwrap();
        assert_eq!(mounted.place, Path::new(r"/mnt a\b"));
        assert_eq!(mounted.flags, MsFlags::MS_NOSUID | MsFlags::MS_RELATIME);
        assert!(parse(b"").is_none());
        assert!(!mounts().unwrap().is_empty());
    }
}
