//! A Unix socket at a path, for this user alone.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::Uid;
use tokio::net::{UnixListener, UnixStream};

use crate::defence::Defence;
use crate::os::home::mode;

/// A socket of mode 0600 that accepts connections. Dropping it removes its file.
#[derive(Debug)]
pub struct PrivateSocket {
    listener: UnixListener,
    path: PathBuf,
    /// The file's device and inode: what another process has put there in the meantime stays.
    identity: (u64, u64),
}

/// How long another process may take to bind a socket at the same path, and how often it is looked.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why there is no socket at a path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Something is there.
    #[error("{} is there already{}", .path.display(), if *.is_alive { ", and something listens on it" } else { "" })]
    Exists {
        /// The path.
        path: PathBuf,
        /// A process accepts connections there.
        is_alive: bool,
    },
    /// It cannot be made.
    #[error("cannot listen on the socket {}", .path.display())]
    Unusable {
        /// The path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl PrivateSocket {
    /// Listens at that path. What a process of this user that was killed has left there is
    /// replaced.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Unusable {
            path: path.to_owned(),
            source,
        };
        // Two that find the same dead socket would each remove what the other has bound.
        let _turn = Turn::wait(path).map_err(failed)?;
        if let Ok(found) = fs::symlink_metadata(path) {
            let is_ours = found.uid() == Uid::effective().as_raw();
            let probed = probe(path);
            let is_alive = matches!(probed, Ok(()) | Err(Errno::EAGAIN));
            let is_dead = probed == Err(Errno::ECONNREFUSED);
            if !is_dead || !is_ours || !found.file_type().is_socket() {
                return Err(SocketError::Exists {
                    path: path.to_owned(),
                    is_alive,
                });
            }
            fs::remove_file(path).map_err(failed)?;
        }
        Self::bind_new(path)
    }

    /// Listens at a path that no other process takes, as its name is random: nothing is replaced,
    /// and no turn is waited for.
    pub fn bind_new(path: &Path) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Unusable {
            path: path.to_owned(),
            source,
        };
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Until here others may connect; they are refused by their user.
        fs::set_permissions(path, Permissions::from_mode(mode(0o600))).map_err(failed)?;
        let found = fs::symlink_metadata(path).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            identity: identity(&found),
        })
    }

    /// The next connection, and whether it is one of this user. In a user namespace the kernel
    /// shows who the process is outside of it (unix(7), `SO_PEERCRED`).
    pub async fn accept(&self) -> io::Result<(UnixStream, bool)> {
        let (stream, _) = self.listener.accept().await?;
        let user = stream.peer_cred().map(|peer| Uid::from_raw(peer.uid()));
        let is_this_user = user.is_ok_and(|user| user == Uid::effective());
        Ok((stream, is_this_user || !Defence::OtherUsers.stands()))
    }
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Whether somebody listens there, without waiting: `EAGAIN` says that so many wait to be accepted
/// that there is no room for another one (unix(7)). Only `ECONNREFUSED` says that nobody does.
fn probe(path: &Path) -> Result<(), Errno> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let stream = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(stream.as_raw_fd(), &UnixAddr::new(path)?)
}

/// The turn to look at a path and to bind there, as the lock of a file beside it. Dropping it ends
/// the turn and removes the file.
struct Turn {
    path: PathBuf,
    _file: File,
}

impl Turn {
    /// Waits for the turn, a moment at most.
    fn wait(socket: &Path) -> io::Result<Self> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let began = Instant::now();
        loop {
            let mut options = OpenOptions::new();
            let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
            let options = options.write(true).create(true).mode(0o600);
            let file = options.custom_flags(flags.bits()).open(&path)?;
            match file.try_lock() {
                // Whoever had the turn before removes the file: then this lock is that of none.
                Ok(()) if file.metadata()?.nlink() > 0 => return Ok(Self { path, _file: file }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if began.elapsed() > LOCK_PATIENCE {
                let reason = format!("another process holds {}", path.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // While the lock is held, so that it is never another one's file.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::home::create_private_file;

    #[tokio::test]
    async fn it_is_this_users_alone_and_goes_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("proxy.sock");
        let socket = PrivateSocket::bind(&path).unwrap();
        let mode = fs::symlink_metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = PrivateSocket::bind(&path).unwrap_err();
        assert!(matches!(again, SocketError::Exists { is_alive: true, .. }));
        let _client = UnixStream::connect(&path).await.unwrap();
        // The first one is the connection by which it was found to be alive.
        assert!(socket.accept().await.unwrap().1 && socket.accept().await.unwrap().1);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_dead_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("proxy.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(PrivateSocket::bind(&path).unwrap());
        drop(create_private_file(&path).unwrap());
        let file = PrivateSocket::bind(&path).unwrap_err();
        assert!(matches!(
            file,
            SocketError::Exists {
                is_alive: false,
                ..
            }
        ));
        assert!(path.exists());
        let long = directory.path().join("x".repeat(120));
        let long = PrivateSocket::bind(&long).unwrap_err();
        assert!(matches!(long, SocketError::Unusable { .. }));
    }

    #[tokio::test]
    async fn whoever_is_too_busy_to_accept_listens_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("proxy.sock");
        let listener = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        let listener = listener.unwrap();
        nix::sys::socket::bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert_eq!(probe(&path), Err(Errno::EAGAIN));
        let busy = PrivateSocket::bind(&path).unwrap_err();
        assert!(matches!(busy, SocketError::Exists { is_alive: true, .. }));
        drop(waiting);
    }

    #[test]
    fn of_many_that_find_a_dead_socket_one_gets_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("proxy.sock");
        for _ in 0..20 {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let bound = std::thread::scope(|scope| {
                let bind = || {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.enable_io().build().unwrap();
                    let _entered = runtime.enter();
                    // Kept, so that the others find it alive.
                    PrivateSocket::bind(&path)
                        .ok()
                        .map(|socket| (socket.identity, socket))
                };
                let crowd: Vec<_> = (0..8).map(|_| scope.spawn(bind)).collect();
                let bound = crowd.into_iter().filter_map(|one| one.join().unwrap());
                bound.collect::<Vec<_>>()
            });
            assert_eq!(bound.len(), 1);
            let found = fs::symlink_metadata(&path).unwrap();
            assert_eq!(identity(&found), bound[0].0);
            drop(bound);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }
}
