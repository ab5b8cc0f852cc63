//! The walls around an isolated command, which `tests/it/isolate/escape.rs` shows to be needed:
//! each attempt there succeeds as soon as its wall is left out.
//!
//! Every wall stands in every build that anybody uses: [`Wall::stands`] is a constant there, and
//! the compiler removes it. Only a build with `--cfg undefended`, which is no feature, so that no
//! dependency can ask for it, leaves out those that the variable `AUTHSOME_UNDEFENDED` names.

/// A wall. Each is asked for where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wall {
    /// No descriptor of the caller's but the standard ones reaches the command.
    Descriptors,
    /// The first process inside cannot be read.
    Dumpable,
    /// System calls that lead out fail.
    Filter,
    /// The vault and the sockets of services are not there.
    Hidden,
    /// `Host` is the name that was asked for.
    HostAgrees,
    /// There is a namespace for shared memory and the like.
    Ipc,
    /// Writes and signals are limited once more.
    Landlock,
    /// A name that the policy forbids gets no address.
    NamePolicy,
    /// The name in the `ClientHello` is the one that was asked for.
    NamesAgree,
    /// There is a network of the command's own.
    Network,
    /// This machine's addresses are not reached.
    OwnAddresses,
    /// A captured connection is decided on as one through the proxy.
    Policy,
    /// There is a namespace of processes.
    Processes,
    /// What git and agents run is read-only.
    Protected,
    /// What is not named can only be read.
    ReadOnly,
    /// There are no capabilities.
    Rights,
}

impl Wall {
    /// Whether it stands: always, but in a test of what it is for.
    #[cfg(not(undefended))]
    #[allow(clippy::unused_self, reason = "a build for that test asks which one")]
    pub(crate) const fn stands(self) -> bool {
        true
    }

    /// Whether it stands: unless the variable names it.
    #[cfg(undefended)]
    pub(crate) fn stands(self) -> bool {
        static LEFT_OUT: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| std::env::var("AUTHSOME_UNDEFENDED").unwrap_or_default());
        let name = format!("{self:?}");
        !LEFT_OUT.split(',').any(|left_out| left_out == name)
    }
}
