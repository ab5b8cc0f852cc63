//! Limits inherited from the shell (`ulimit`, `umask`). Where they are too strict for authsome they
//! are changed, and restored for the command.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::stat::{Mode, umask};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The limits that this process was started with.
#[derive(Clone, Copy, Debug)]
pub struct Ulimits {
    umask: Mode,
    /// The soft limit of open files, if this process has changed it.
    open_files: Option<rlim_t>,
}

impl Ulimits {
    /// Clears the umask's bits for the owner, so that this process can access the files that it
    /// creates: `umask 777` would make them unreadable. They stay private by their modes.
    pub fn adapt() -> Self {
        let given = umask(Mode::S_IRWXU | Mode::S_IRWXG | Mode::S_IRWXO);
        umask(given - Mode::S_IRWXU);
        Self {
            umask: given,
            open_files: None,
        }
    }

    /// Raises the soft limit of open files to the hard limit, because each connection of the
    /// command takes two descriptors. The soft limit exists for programs that use select(2), which
    /// cannot handle descriptors from 1,024 on.
    #[must_use]
    pub fn with_more_files(mut self) -> Self {
        if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
            && soft < hard
            && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok()
        {
            self.open_files = Some(soft);
        }
        self
    }

    /// The limits as one argument for [`Self::restore`].
    pub fn to_argument(self) -> OsString {
        let files = self.open_files.map(|files| files.to_string());
        format!("{:o},{}", self.umask.bits(), files.unwrap_or_default()).into()
    }

    /// Restores the limits in the process that becomes the command.
    pub fn restore(argument: &OsStr) -> io::Result<()> {
        let parse = || {
            let (mask, files) = argument.to_str()?.split_once(',')?;
            let mask = Mode::from_bits(nix::libc::mode_t::from_str_radix(mask, 8).ok()?)?;
            let files = Some(files).filter(|files| !files.is_empty());
            Some((mask, files.map(str::parse).transpose().ok()?))
        };
        let (mask, files) = parse().ok_or(io::ErrorKind::InvalidInput)?;
        umask(mask);
        if let Some(files) = files {
            let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
            setrlimit(Resource::RLIMIT_NOFILE, files, hard)?;
        }
        Ok(())
    }
}

/// How many files this process may have open at the same time.
pub fn most_open_files() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE)
        .ok()
        .and_then(|(soft, _)| usize::try_from(soft).ok())
        .unwrap_or(usize::MAX)
}

/// Whether this process has opened the descriptor itself. Only such descriptors have `O_CLOEXEC`,
/// which keeps them from every command; inherited ones do not.
pub fn is_our_own(descriptor: RawFd) -> bool {
    let about = std::fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}"));
    let about = about.unwrap_or_default();
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & nix::libc::O_CLOEXEC != 0)
}

/// Takes over a descriptor that was handed over by its number. The standard streams stay open.
pub fn take_inherited(descriptor: RawFd) -> io::Result<File> {
    if is_our_own(descriptor) {
        return Err(io::Error::other("no such descriptor was handed over"));
    }
    let file = duplicate(descriptor)?;
    // A program that authsome starts must not inherit it, and whoever reads to the end must come to
    // it.
    if descriptor > 2 {
        close_inherited(descriptor)?;
    }
    Ok(file)
}

/// Another descriptor of the same open file, with its position (`pidfd_getfd(2)`). What is opened
/// by the name `/dev/fd/N` is another one, and a socket cannot be opened so.
fn duplicate(descriptor: RawFd) -> io::Result<File> {
    let this_process = pidfd_open(getpid(), PidfdFlags::empty());
    let got =
        this_process.and_then(|pidfd| pidfd_getfd(pidfd, descriptor, PidfdGetfdFlags::empty()));
    match got {
        Ok(duplicate) => Ok(File::from(duplicate)),
        Err(error @ Errno::BADF) => Err(error.into()),
        // Before Linux 5.6, or where a container's filter does not let it pass. A pipe that nobody
        // reads is then an error, and not waited for.
        Err(_) => OpenOptions::new()
            .append(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(format!("/dev/fd/{descriptor}")),
    }
}

/// Closes an inherited descriptor that the user has named by its number.
pub fn close_inherited(descriptor: RawFd) -> io::Result<()> {
    Ok(nix::unistd::close(descriptor)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_of_ours_is_told_from_one_that_is_none() {
        use std::os::fd::AsRawFd;

        let file = tempfile::tempfile().unwrap();
        assert!(is_our_own(file.as_raw_fd()));
        assert!(!is_our_own(0), "it is inherited");
        assert!(!is_our_own(RawFd::MAX), "it is not open");
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        for argument in ["", "22", "x,", "22,x", "9,1", "7777777,"] {
            assert!(Ulimits::restore(argument.as_ref()).is_err(), "{argument}");
        }
    }
}
