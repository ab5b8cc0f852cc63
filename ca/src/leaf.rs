//! The certificates that the proxy shows, one for each host.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcgen::KeyPair;
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

use crate::session::generate_key_with;
use crate::{CaError, SessionCa};

/// How many hosts' certificates are kept. Beyond it an arbitrary one makes room: a child that walks
/// through names below a permitted domain costs signatures, not memory.
const CAPACITY: usize = 1024;

/// The leaf certificates of a session, minted at first use.
///
/// All leaves share one P-256 key, made for this session and never the CA's. Each carries one SAN
/// (a dNSName or an iPAddress, as the host is), EKU serverAuth, critical keyUsage digitalSignature,
/// critical basicConstraints CA:FALSE, and both key identifiers; it ends when the CA ends. The
/// chain is the leaf and the CA, unless that is large.
pub struct LeafCache {
    ca: SessionCa,
    /// The subject of all leaves, for the encoder.
    key: KeyPair,
    /// The same key, for handshakes.
    signer: Arc<dyn SigningKey>,
    minted: Mutex<HashMap<ServerName<'static>, Arc<CertifiedKey>>>,
}

/// A larger root is not sent with its leaves, in bytes of DER: it names each host that it may sign
/// for, each handshake would carry all of them, and beyond 64 KiB none would succeed. Clients trust
/// it by itself; only Chrome, which is told its key, needs to be sent it.
const MAX_ROOT: usize = 8 * 1024;

impl LeafCache {
    /// Takes over the CA and makes the session's leaf key.
    pub fn new(ca: SessionCa) -> Result<Self, CaError> {
        let (key, signer) = generate_key_with(|key| {
            let pkcs8 = PrivatePkcs8KeyDer::from(key.serialized_der());
            any_ecdsa_type(&PrivateKeyDer::Pkcs8(pkcs8))
        })?;
        Ok(Self {
            ca,
            key,
            signer: signer.map_err(|source| CaError::LeafKey { source })?,
            minted: Mutex::default(),
        })
    }

    /// The certified key for one host; minted at first use, then kept. Case and a trailing dot do
    /// not matter.
    ///
    /// [`CaError::NotPermitted`] where the CA's name constraints do not cover the host. No lock is
    /// held while a certificate is signed; of two callers that mint for one host at once, both get
    /// the one that came first.
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

    /// See [`SessionCa::public_key_digest`].
    pub fn ca_public_key_digest(&self) -> [u8; 32] {
        self.ca.public_key_digest()
    }

    /// The root goes along if it is small, although clients have it: one that lacks it then says
    /// "self-signed certificate in the chain", which points at the trust settings, and not "unable
    /// to get the issuer".
    fn mint(&self, host: &ServerName<'_>) -> Result<CertifiedKey, CaError> {
        let leaf = self.ca.sign_leaf(host, &self.key)?;
        let mut chain = vec![leaf];
        chain.extend(Some(self.ca.certificate_der().clone()).filter(|root| root.len() <= MAX_ROOT));
        Ok(CertifiedKey::new(chain, Arc::clone(&self.signer)))
    }

    /// Each entry is whole before it is inserted, so a panic elsewhere leaves nothing half done
    /// behind.
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
