//! Makes this process one whose memory no other process of the same user can read, from its first
//! instruction on.
//!
//! `prctl(PR_SET_DUMPABLE, 0)` alone comes too late. A process that opened `/proc/PID/mem` before
//! that call can continue to read: the open file refers to the address space, and the kernel does
//! not check permissions again. exec(2) makes a new address space, which nobody can open if the
//! user cannot read the executed file (`would_dump` in the kernel's `fs/exec.c`). So this program
//! executes itself once more, before it knows any secret, from such a file: a sealed memory file
//! without a name, of mode 0111.
//!
//! That file holds the program's loader (`ld.so`), which has 200 kB where the program has about 10
//! MB. The loader then loads the program from its usual path, so all runs still share its pages. A
//! program without a loader (statically linked), or whose own file is gone, is copied whole. Where
//! an administrator has made the program unreadable for its users (mode 0711), the kernel protects
//! it already.
//!
//! ```text
//! first image ── exec of an unreadable memfd ──> second image (`image::running()` is `Some`)
//!      │                                             │
//!      │ exec fails, or not dumpable already         │
//!      └────────────────────┬────────────────────────┘
//!                           └──> prctl(PR_SET_DUMPABLE, 0), then the program proper
//! ```
//!
//! Limits: a process that can *write* to the first image's memory, or that traces it, controls what
//! it becomes. A tracer is refused ([`tracer`]). Against a writer, use another user or a sandbox.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::defence::Defence;
use crate::os::process_tree::own_status;
use crate::os::program_path;

/// This program's own file.
static OWN: OnceLock<Own> = OnceLock::new();

#[derive(Debug)]
struct Own {
    path: PathBuf,
    /// Kept open from the start on, because a later version may replace the file.
    file: Option<File>,
}

/// A process that traces this one.
#[derive(Debug)]
pub struct Tracer {
    /// Its process ID.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

/// The path from which this program can be started again.
pub fn own_program() -> Option<PathBuf> {
    let own = OWN.get()?;
    if fs::exists(&own.path).unwrap_or(false) {
        return Some(own.path.clone());
    }
    let descriptor = own.file.as_ref().map(AsRawFd::as_raw_fd);
    Some(descriptor.map_or_else(
        // This link leads to the running image even if its file was replaced. Under valgrind that
        // image is valgrind.
        || "/proc/self/exe".into(),
        |descriptor| format!("/proc/self/fd/{descriptor}").into(),
    ))
}

/// The process that traces this one as its debugger, if any.
pub fn tracer() -> Option<Tracer> {
    let pid = own_status::value_in(&own_status::now()?, "TracerPid")?
        .parse()
        .ok()?;
    let name = || fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    (pid != 0).then(|| Tracer {
        pid,
        name: name().trim().to_owned(),
    })
}

/// Replaces this process by a protected one, which starts again with the same arguments. Returns in
/// the protected process, or in this one where the system does not allow it. With `readable`, the
/// memory stays readable, for debuggers and profilers.
pub fn enter(program: &OsStr, arguments: &[OsString], readable: bool) {
    if !readable && Defence::PrivateMemory.stands() {
        protect(program, arguments);
    }
    OWN.get_or_init(|| Own::from_start(program));
}

#[cfg(not(target_os = "linux"))]
fn protect(_: &OsStr, _: &[OsString]) {}

#[cfg(target_os = "linux")]
fn protect(program: &OsStr, arguments: &[OsString]) {
    use nix::sys::prctl;
    if let Some(image) = image::running() {
        let _ = prctl::set_name(c"authsome"); // the kernel named it after its descriptor
        OWN.get_or_init(|| match image {
            image::Image::Loader => Own {
                path: program.into(),
                file: File::open(program).ok(),
            },
            image::Image::Whole => Own {
                path: "/proc/self/exe".into(),
                file: None,
            },
        });
    } else if prctl::get_dumpable() != Ok(false) {
        // Returns only on failure: `vm.memfd_noexec` forbids an executable memfd, or there is no
        // `/proc`.
        let _ = image::start(program, arguments);
    }
    locked::lock();
    let _ = prctl::set_dumpable(false); // also where fs.suid_dumpable lets root take core files
}

impl Own {
    fn from_start(program: &OsStr) -> Self {
        let path = std::env::current_exe().ok();
        Self {
            // Without `/proc`, use the name by which this program was called.
            path: path
                .or_else(|| program_path::find_on_path(program))
                .unwrap_or_default(),
            file: None,
        }
    }
}

#[cfg(target_os = "linux")]
mod locked;

#[cfg(target_os = "linux")]
mod image {
    use std::ffi::{OsStr, OsString};
    use std::fs::{self, File, Permissions};
    use std::io;
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::{FileExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    use nix::sys::prctl;
    use nix::unistd::{Uid, setfsuid};

    /// The content of the file from which this process was executed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Image {
        /// The program's loader.
        Loader,
        /// The whole program.
        Whole,
    }

    impl Image {
        const fn name(self) -> &'static str {
            match self {
                Self::Loader => "authsome-loader",
                Self::Whole => "authsome",
            }
        }
    }

    /// The image of this process, if [`start`] has started it.
    pub(super) fn running() -> Option<Image> {
        let path = fs::read_link("/proc/self/exe").ok()?;
        let name = path.to_str()?.strip_prefix("/memfd:")?;
        let name = name.strip_suffix(" (deleted)").unwrap_or(name);
        [Image::Loader, Image::Whole]
            .into_iter()
            .find(|image| image.name() == name)
    }

    /// Executes a new process image. It returns only on failure, with the reason.
    pub(super) fn start(program: &OsStr, arguments: &[OsString]) -> io::Error {
        try_start(program, arguments).unwrap_or_else(|error| error)
    }

    fn try_start(program: &OsStr, arguments: &[OsString]) -> io::Result<io::Error> {
        // This must come before the file is made. Otherwise another process of the user could open
        // the file for writing through this process's descriptors.
        prctl::set_dumpable(false)?;
        let own = File::open("/proc/self/exe")?;
        let path = std::env::current_exe()?;
        let loader = loader_of(&own).filter(|_| fs::exists(&path).unwrap_or(false));
        let image = match &loader {
            Some(loader) => unreadable_copy(Image::Loader, &File::open(loader)?)?,
            None => unreadable_copy(Image::Whole, &own)?,
        };
        let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
        match loader {
            Some(_) => command.arg0("authsome").arg(path),
            None => command.arg0(program),
        };
        let was_root = see_as_nobody()?;
        let error = command.args(arguments).exec();
        if was_root {
            setfsuid(Uid::from_raw(0));
        }
        Ok(error)
    }

    fn unreadable_copy(image: Image, mut from: &File) -> io::Result<File> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        // `MFD_EXEC` (Linux 6.3): without it, `vm.memfd_noexec=1` makes the file non-executable.
        // Older kernels reject the flag.
        let executable = MFdFlags::from_bits_retain(flags.bits() | 0x10);
        let file = memfd_create(image.name(), executable)
            .or_else(|_| memfd_create(image.name(), flags))?;
        let mut file = File::from(file);
        io::copy(&mut from, &mut file)?;
        let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals | SealFlag::F_SEAL_SEAL))?;
        file.set_permissions(Permissions::from_mode(0o111))?;
        Ok(file)
    }

    /// Gives up root's right to read every file: root can read the image, so exec(2) would leave
    /// the process readable. A file-system user ID of another user prevents this (setfsuid(2)), and
    /// exec(2) resets it to root's. Returns whether the ID was changed.
    fn see_as_nobody() -> io::Result<bool> {
        const NOBODY: u32 = 65534;
        let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
        if !Uid::effective().is_root() {
            return Ok(false);
        }
        // `setfsuid` clears the parent-death signal. A process that has one must keep it: to die
        // with its parent is more important.
        if prctl::get_pdeathsig()?.is_some() {
            return Err(unsupported());
        }
        setfsuid(Uid::from_raw(NOBODY));
        // `setfsuid` returns the previous ID, even on error. So a second call shows whether the
        // first has taken effect; it has not where this user namespace does not map that user.
        if setfsuid(Uid::from_raw(NOBODY)).as_raw() == NOBODY {
            Ok(true)
        } else {
            Err(unsupported())
        }
    }

    /// The loader named in the program's ELF header, read as the kernel reads it (elf(5),
    /// `PT_INTERP`).
    fn loader_of(program: &File) -> Option<PathBuf> {
        const HEADER: usize = 64;
        const ENTRY: usize = 56;
        const INTERPRETER: u32 = 3;
        const MAX_PATH: u64 = 4096;
        let mut header = [0; HEADER];
        program.read_exact_at(&mut header, 0).ok()?;
        let data = if cfg!(target_endian = "little") { 1 } else { 2 };
        if header.get(..6)? != [0x7f, b'E', b'L', b'F', 2, data] {
            return None; // 32-bit, the other byte order, or not ELF
        }
        let table = u64::from_ne_bytes(bytes_at(&header, 32)?);
        let size = u64::from(u16::from_ne_bytes(bytes_at(&header, 54)?));
        let count = u64::from(u16::from_ne_bytes(bytes_at(&header, 56)?));
        for index in 0..count {
            let mut entry = [0; ENTRY];
            let place = table.checked_add(index.checked_mul(size)?)?;
            program.read_exact_at(&mut entry, place).ok()?;
            if u32::from_ne_bytes(bytes_at(&entry, 0)?) != INTERPRETER {
                continue;
            }
            let place = u64::from_ne_bytes(bytes_at(&entry, 8)?);
            let length = u64::from_ne_bytes(bytes_at(&entry, 32)?).min(MAX_PATH);
            let mut path = vec![0; usize::try_from(length).ok()?];
            program.read_exact_at(&mut path, place).ok()?;
            path.truncate(path.iter().position(|byte| *byte == 0)?);
            let path = PathBuf::from(OsString::from_vec(path));
            return Some(path).filter(|path: &PathBuf| Path::new(path).is_absolute());
        }
        None
    }

    fn bytes_at<const LENGTH: usize>(bytes: &[u8], place: usize) -> Option<[u8; LENGTH]> {
        bytes.get(place..)?.first_chunk().copied()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_loader_is_what_the_header_names() {
            let own = File::open("/proc/self/exe").unwrap();
            let loader = loader_of(&own).unwrap();
            assert!(loader.exists(), "{}", loader.display());
            assert_eq!(loader_of(&File::open("/etc/passwd").unwrap()), None);
            assert_eq!(running(), None);
        }
    }
}
