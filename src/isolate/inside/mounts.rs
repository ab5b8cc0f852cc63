//! The files inside: the user's own, less what is hidden, with the session's certificates in the
//! place of the system's.
//!
//! A mount is the whole wall: who has no capability in these namespaces can neither move it nor
//! look behind it, and a path through another process's root (`/proc/PID/root`) leads to processes
//! of the same namespace only.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::unistd::geteuid;

use super::read_only;
use super::telling::{At, Failed};
use crate::isolate::Wall;
use crate::isolate::plan::Files;
use crate::isolate::report::Step;

/// No program of a user's needs these on what is mounted here.
const PLAIN: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

/// Makes all of it. The order matters: what is kept is opened before it is hidden, and what is
/// there to be read only is so at the end.
pub(super) fn make(files: &Files) -> Result<(), Failed> {
    // Nothing that is mounted here is seen outside.
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(NOTHING, "/", NOTHING, flags, NOTHING).at(Step::Mounts)?;
    let kept: Vec<_> = files
        .kept
        .iter()
        .filter_map(|path| Kept::open(path))
        .collect();
    let (overlaid, replaced) = (opened(&files.overlaid), opened(&files.replaced));
    let pinned = files.pinned.iter().filter(|_| Wall::Protected.stands());
    for path in pinned {
        present(bind(path, path)).at(Step::Mounts)?;
    }
    let hidden = files.hidden.iter().filter(|_| Wall::Hidden.stands());
    for path in hidden {
        hide(path, "size=1m,mode=0700").at(Step::Mounts)?;
    }
    let temporary = files.temporary.iter().filter(|_| Wall::ReadOnly.stands());
    for path in temporary.clone() {
        hide(path, "mode=1777").at(Step::Mounts)?;
    }
    for kept in &kept {
        // Where nothing has been mounted over it, it is there already.
        let is_behind = |path: &PathBuf| kept.path.starts_with(path);
        if files.hidden.iter().chain(temporary.clone()).any(is_behind) {
            kept.reveal_at(&kept.path).at(Step::Mounts)?;
        }
    }
    for (source, target) in &overlaid {
        lay_over(source, target);
    }
    for (source, target) in &replaced {
        source.reveal_at(target).at(Step::Mounts)?;
    }
    let protected = files.protected.iter().filter(|_| Wall::Protected.stands());
    for path in protected {
        present(bind(path, path)).at(Step::Mounts)?;
        present(read_only::make(path)).at(Step::Mounts)?;
    }
    if let Some(writable) = &files.writable
        && Wall::ReadOnly.stands()
    {
        read_only::all_but(writable, &files.temporary).at(Step::ReadOnly)?;
    }
    if Wall::Processes.stands() {
        mount_proc().at(Step::Processes)?;
    }
    // Root's files are the kernel's settings, which hold for the whole machine.
    for path in SETTINGS.iter().filter(|_| geteuid().is_root()) {
        let path = Path::new(path);
        present(bind(path, path)).at(Step::Processes)?;
        present(read_only::make(path)).at(Step::Processes)?;
    }
    // The old one may be a directory that is behind a mount now.
    present(nix::unistd::chdir(&files.directory).or_else(|_| nix::unistd::chdir("/")))
        .at(Step::Mounts)
}

/// What is mounted, opened, and where.
fn opened(mounts: &[(PathBuf, PathBuf)]) -> Vec<(Kept, PathBuf)> {
    let opened =
        |(source, target): &(PathBuf, PathBuf)| Some((Kept::open(source)?, resolved(target)));
    mounts.iter().filter_map(opened).collect()
}

/// Where root sets what the kernel does: among others, which program it starts when one crashes.
const SETTINGS: [&str; 5] = [
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/irq",
    "/proc/bus",
    "/sys",
];

/// For arguments of mount(2) that a call has no use for.
const NOTHING: Option<&str> = None;

/// The processes of this namespace, and no others. The kernel permits it only where the old one is
/// there as a whole.
fn mount_proc() -> Result<(), Errno> {
    let flags = PLAIN | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NOTHING)
}

fn hide(path: &Path, options: &str) -> Result<(), Errno> {
    let Ok(found) = fs::metadata(path) else {
        return Ok(()); // not there, or not to be reached
    };
    if found.is_dir() {
        return mount(Some("none"), path, Some("tmpfs"), PLAIN, Some(options));
    }
    present(mount(
        Some("/dev/null"),
        path,
        NOTHING,
        MsFlags::MS_BIND,
        NOTHING,
    ))
}

fn bind(source: &Path, target: &Path) -> Result<(), Errno> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, NOTHING, flags, NOTHING)
}

/// Lays a directory over another one, neither of which can be written there. Kernels before 5.11
/// permit that to root alone, and a file system may not take part in it: the directory then stays
/// as it is, as on a machine that has none.
fn lay_over(source: &Kept, target: &Path) {
    let place = target
        .to_str()
        .filter(|place| !place.contains([',', ':', '\\']));
    let Some(place) = place.filter(|_| target.is_dir()) else {
        return;
    };
    let layers = format!(
        "lowerdir=/proc/self/fd/{}:{place}",
        source.descriptor.as_raw_fd()
    );
    let _ = mount(
        Some("overlay"),
        target,
        Some("overlay"),
        PLAIN | MsFlags::MS_RDONLY,
        Some(&*layers),
    );
}

/// What is not there needs no mount.
fn present(made: Result<(), Errno>) -> Result<(), Errno> {
    match made {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => Ok(()),
        other => other,
    }
}

/// Where a link leads, as far as it leads anywhere: a mount on a link is one on its target, which
/// may be hidden by then.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A file or a directory that is opened before something is mounted over it.
struct Kept {
    path: PathBuf,
    descriptor: OwnedFd,
    is_directory: bool,
}

impl Kept {
    fn open(path: &Path) -> Option<Self> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let descriptor = open(path, flags, Mode::empty()).ok()?;
        Some(Self {
            is_directory: fs::metadata(path).ok()?.is_dir(),
            path: path.to_owned(),
            descriptor,
        })
    }

    /// Mounts it at `target`, which is made where that is within something hidden.
    fn reveal_at(&self, target: &Path) -> io::Result<()> {
        if fs::symlink_metadata(target).is_err() && self.make_place(target).is_err() {
            return Ok(()); // where nothing can be made, nothing was
        }
        let source = format!("/proc/self/fd/{}", self.descriptor.as_raw_fd());
        present(bind(Path::new(&source), target)).map_err(io::Error::from)
    }

    fn make_place(&self, target: &Path) -> io::Result<()> {
        if self.is_directory {
            return fs::create_dir_all(target);
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        File::create(target).map(drop)
    }
}
