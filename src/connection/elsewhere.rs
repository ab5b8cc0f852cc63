//! Where the pairs of a session are kept besides its vault, for other machines.

use std::future::Future;
use std::io;
use std::pin::Pin;

use super::record::Connection;
use super::store::Exported;
use crate::credential::ConnectionId;

/// The answer to whether there is a later pair.
pub type LaterPair<'a> = Pin<Box<dyn Future<Output = Option<Exported>> + Send + 'a>>;

/// A place outside of the vault that has the newest pair of a connection, or is about to.
pub trait Elsewhere: Send + Sync {
    /// A refresh is about to be requested: from now on, the newest pair may be nowhere else than
    /// with this process. If this fails, no refresh is requested. Blocks the thread.
    fn renewing(&self, id: &ConnectionId) -> io::Result<()>;

    /// That refresh has ended; if there is a new pair, [`Self::renewed`] has come before. This does
    /// not wait.
    fn refreshed(&self, id: &ConnectionId);

    /// A new pair has come. It is durable in the vault or beside it, or else about to be. This does
    /// not wait.
    fn renewed(&self, connection: &Connection);

    /// The connection as that place has it, if its pair is later than this one. It takes a bounded
    /// time.
    fn later<'a>(&'a self, connection: &'a Connection) -> LaterPair<'a>;

    /// That pair was taken into the vault.
    fn adopted(&self, id: &ConnectionId);
}
