//! A Unix socket at a path, for this user alone.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use tokio::net::{UnixListener, UnixStream};

/// A socket of mode 0600 that accepts connections. Dropping it removes its file.
#[derive(Debug)]
pub struct PrivateSocket {
    listener: UnixListener,
    path: PathBuf,
    /// The file's inode: what another process has put there in the meantime stays.
    inode: u64,
}

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
        if let Ok(found) = fs::symlink_metadata(path) {
            let is_alive = BlockingStream::connect(path).is_ok();
            let is_ours = found.uid() == Uid::effective().as_raw();
            if is_alive || !is_ours || !found.file_type().is_socket() {
                return Err(SocketError::Exists {
                    path: path.to_owned(),
                    is_alive,
                });
            }
            fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        // Until here others may connect; they are refused by their user.
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        let inode = fs::symlink_metadata(path).map_err(failed)?.ino();
        Ok(Self {
            listener,
            path: path.to_owned(),
            inode,
        })
    }

    /// The next connection, and whether it is one of this user. In a user namespace the kernel
    /// shows who the process is outside of it (unix(7), `SO_PEERCRED`).
    pub async fn accept(&self) -> io::Result<(UnixStream, bool)> {
        let (stream, _) = self.listener.accept().await?;
        let user = stream.peer_cred().map(|peer| Uid::from_raw(peer.uid()));
        Ok((stream, user.is_ok_and(|user| user == Uid::effective())))
    }
}

impl Drop for PrivateSocket {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
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
}
