//! Addresses that the user gives to names, as with `curl --resolve`.

use std::net::IpAddr;

/// A name that stands for an address, as in `curl --resolve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// The name, in lower case.
    pub host: String,
    /// The only port that this applies to.
    pub port: u16,
    /// The address to connect to.
    pub address: IpAddr,
}
