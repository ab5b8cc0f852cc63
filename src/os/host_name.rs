//! The machine's own name.

/// The name that the machine has in its network, if it has one.
pub fn host_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    Some(name).filter(|name| !name.is_empty() && name != "localhost")
}
