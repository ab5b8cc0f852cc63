//! The defences that `tests/attacks/` shows to be needed: each attack there succeeds as soon as its
//! defence is left out.
//!
//! Every defence stands in every build that anybody uses: [`Defence::stands`] is a constant there,
//! and the compiler removes it. Only a build with `--cfg undefended`, which is no feature, so that
//! no dependency can ask for it, leaves out those that the variable `AUTHSOME_UNDEFENDED` names.

/// A defence that an attack is made against. Each is asked for where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defence {
    /// Addresses where clouds give out credentials, and private ones, are refused.
    AddressRules,
    /// No response leads the client past the proxy.
    AltSvc,
    /// A request that broke off never looks whole.
    BrokenUploads,
    /// Budgets are kept.
    Budgets,
    /// A path is compared in one spelling, and an ambiguous one is refused.
    CanonicalPath,
    /// No credential of the client's goes along with the connection's.
    Carriers,
    /// No stored secret is in the environment of the command.
    CleanEnvironment,
    /// A connection keeps the hosts and the guard that it was made with.
    ConnectionTerms,
    /// A run's socket serves no process of a run.
    ControlOutsideRuns,
    /// A request that cannot be repeated takes no idle connection.
    FreshConnections,
    /// What a GraphQL document does is looked up in the definition's rules.
    GraphqlGuard,
    /// A GraphQL request that cannot be read is refused.
    GraphqlReadable,
    /// Requests that mint or reveal credentials are denied.
    Guard,
    /// No HTTP/2 in clear text is spoken past the proxy.
    H2cRefused,
    /// A head has a greatest size.
    HeadLimit,
    /// A home that other users can read or change is not used.
    HomeCheck,
    /// Fields for this proxy alone are not sent on.
    HopByHop,
    /// Hosts are reached as the policy says.
    HostRules,
    /// The descriptor with the master key does not reach the command.
    KeyDescriptor,
    /// The log keeps no secret of a command line.
    LogRedaction,
    /// The form of a login is taken from its own page only.
    LoginForm,
    /// The login's page answers to its own name only.
    LoginHost,
    /// A redirect belongs to the login that asked for it.
    LoginState,
    /// The login's port serves this user only.
    LoginUsers,
    /// A rule holds for each method that a server might take.
    MethodOverride,
    /// `TRACE` and `CONNECT` are not served within a tunnel.
    Methods,
    /// Another user is not served by the proxy.
    OtherUsers,
    /// `Host` is what was checked, not what the client wrote.
    OwnHost,
    /// No connection leads to the proxy itself, or to a login.
    OwnPorts,
    /// The master key's variables reach no other program.
    OwnVariables,
    /// The command dies with authsome.
    ParentDeath,
    /// Paths are reached as the policy says.
    PathRules,
    /// A pair that was issued is kept beside a vault that cannot be written.
    PendingPair,
    /// The placeholder is no value of a field that carries a credential.
    PlaceholderInBody,
    /// The placeholder is not sent in a head.
    PlaceholderInHead,
    /// What a response mints reaches the command as a placeholder.
    MintedSecrets,
    /// Nobody reads the memory of authsome.
    PrivateMemory,
    /// Files and directories are private from the moment on that they exist.
    PrivateFiles,
    /// No program is started out of the working directory.
    ProgramSearch,
    /// The proxy asks for a password.
    ProxyPassword,
    /// Refs are pushed to as the policy says.
    PushPolicy,
    /// A session that only reads changes nothing.
    ReadOnly,
    /// A body has one end.
    RequestFraming,
    /// The address that was looked at is the one that is dialled.
    ResolvedOnce,
    /// What a server sends back has no secret of the session in it.
    ResponseScrubbing,
    /// A rule holds for the spellings that a server takes for the same path.
    RuleSpellings,
    /// What the terminal shows has no control characters.
    SafeText,
    /// A page of another origin gets no credential.
    SameOrigin,
    /// A sealed record opens under its own name only.
    SealIdentity,
    /// Commands that show or change a secret are refused within a run.
    SecretCommands,
    /// A request that cannot be repeated is sent once.
    SentOnce,
    /// TLS was made for the tunnel's host.
    ServerName,
    /// The session's files are in a directory that nobody else can exchange.
    SessionPlace,
    /// A request names the tunnel's host.
    TargetAuthority,
    /// The page of `authsome ui` answers to its own name only.
    UiHost,
    /// The page takes nothing that another site has made the browser send.
    UiOrigin,
    /// The page serves this user only, and no process of a run.
    UiVisitors,
    /// One process at a time spends a refresh token.
    VaultLock,
}

impl Defence {
    /// Whether it stands: always, but in a test of what it is for.
    #[cfg(not(undefended))]
    #[expect(
        clippy::unused_self,
        reason = "which one it is counts in the other build"
    )]
    pub(crate) const fn stands(self) -> bool {
        true
    }

    /// Whether it stands: unless the variable names it.
    #[cfg(undefended)]
    pub(crate) fn stands(self) -> bool {
        static LEFT_OUT: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| std::env::var(SWITCH).unwrap_or_default());
        let name = format!("{self:?}");
        !LEFT_OUT.split(',').any(|left_out| left_out == name)
    }

    /// The variable that leaves some out, for a program that is given no other of ours. There is
    /// none in the builds that anybody uses.
    #[cfg(not(undefended))]
    pub(crate) const fn switch() -> Option<(&'static str, String)> {
        None
    }

    /// The same in the other build.
    #[cfg(undefended)]
    pub(crate) fn switch() -> Option<(&'static str, String)> {
        let left_out = std::env::var(SWITCH).ok()?;
        Some((SWITCH, left_out))
    }
}

/// What the variable is called.
#[cfg(undefended)]
const SWITCH: &str = "AUTHSOME_UNDEFENDED";
