//! The certificates that the proxy presents, one for each host.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::sign::CertifiedKey;
use rustls_pki_types::ServerName;

use crate::key::Key;
use crate::{CaError, SessionCa};

/// How many certificates are kept. Above this, an arbitrary one is evicted. So a child that
/// connects to very many names below a permitted domain causes more signatures, not more memory
/// use.
const CAPACITY: usize = 1024;

/// The leaf certificates of a session, made at first use.
///
/// All leaves share one P-256 key, made for this session and different from the CA's. Each leaf has
/// one SAN (a dNSName or an iPAddress, depending on the host), EKU serverAuth, critical keyUsage
/// digitalSignature, critical basicConstraints CA:FALSE, and both key identifiers. It expires with
/// the CA. The chain is the leaf and the CA, unless the CA's certificate is large.
pub struct LeafCache {
    ca: SessionCa,
    /// The key of all leaves, for signing their certificates.
    key: Arc<Key>,
    minted: Mutex<HashMap<ServerName<'static>, Arc<CertifiedKey>>>,
}

/// A root larger than this, in bytes of DER, is not sent with the leaves. It lists each host that
/// it may sign for, so it makes every handshake larger, and above 64 KiB handshakes fail. Clients
/// trust the root without receiving it. Only Chrome, which is given its key, needs to receive it.
const MAX_ROOT: usize = 8 * 1024;

impl LeafCache {
    /// Takes the CA and generates the session's leaf key.
    pub fn new(ca: SessionCa) -> Result<Self, CaError> {
        Ok(Self {
            ca,
            key: Arc::new(Key::generate()?),
            minted: Mutex::default(),
        })
    }

    /// The certified key for one host, made at first use and then kept. Case and a trailing dot do
    /// not matter.
    ///
    /// Fails with [`CaError::NotPermitted`] where the CA's name constraints do not cover the host.
    /// No lock is held while a certificate is signed. If two callers make one for the same host at
    /// the same time, both get the one that was inserted first.
    pub fn get(&self, host: &ServerName<'_>) -> Result<Arc<CertifiedKey>, CaError> {
        if let Some(known) = self.minted().get(host) {
            return Ok(Arc::clone(known));
        }
        if !self.ca.permits(host) {
            return Err(CaError::NotPermitted {
                host: host.to_str().into_owned(),
            });
        }
        let certified = Arc::new(self.mint(host)?);

        let mut minted = self.minted();
        if minted.len() >= CAPACITY
            && !minted.contains_key(host)
            && let Some(evicted) = minted.keys().next().cloned()
        {
            minted.remove(&evicted);
        }
        let kept = minted.entry(host.to_owned()).or_insert(certified);
        Ok(Arc::clone(kept))
    }

    /// The session's root as one PEM block that ends with a line feed.
    pub fn ca_pem(&self) -> &str {
        self.ca.certificate_pem()
    }

    /// [`SessionCa::hashed_name`].
    pub fn ca_hashed_name(&self) -> &str {
        self.ca.hashed_name()
    }

    /// See [`SessionCa::public_key_digest`].
    pub fn ca_public_key_digest(&self) -> [u8; 32] {
        self.ca.public_key_digest()
    }

    /// Sends a small root along, although clients have it. A client that does not trust it then
    /// reports "self-signed certificate in the chain", which points to the trust settings, instead
    /// of "unable to get the issuer".
    fn mint(&self, host: &ServerName<'_>) -> Result<CertifiedKey, CaError> {
        let leaf = self.ca.sign_leaf(host, &self.key)?;
        let mut chain = vec![leaf];
        chain.extend(Some(self.ca.certificate_der().clone()).filter(|root| root.len() <= MAX_ROOT));
        let key = Arc::clone(&self.key);
        Ok(CertifiedKey::new(chain, key))
    }

    /// Ignores poisoning: an entry is complete before it is inserted, so a panic cannot leave a
    /// partial one.
    fn minted(&self) -> MutexGuard<'_, HashMap<ServerName<'static>, Arc<CertifiedKey>>> {
        self.minted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LeafCache {
    /// Leaves the keys out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafCache")
            .field("ca", &self.ca)
            .field("minted", &self.minted().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
