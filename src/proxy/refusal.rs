//! Why authsome itself responds in place of the provider: one variant for each cause.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::audit::{Kind, POLICY};
use crate::connection::CredentialError;
use crate::credential::ConnectionId;
use crate::credential::signature::NotSignable;
use crate::net::address_kind::AddressKind;
use crate::net::dial::Shortage;
use crate::net::tls::TlsTrouble;

/// A request, or a connection, that is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The client broke its own request off.
    #[error("the request's body broke off before its end")]
    Abandoned,
    /// The host is at an address that no program has business with, or that the policy denies.
    #[error("{host} is at {address}, {kind}")]
    Address {
        /// The host and port.
        host: String,
        /// The address.
        address: IpAddr,
        /// Its kind.
        kind: AddressKind,
    },
    /// A web page sent a request to another origin than its own.
    #[error("a web page of another origin sent this request, which would act as the user")]
    AnotherOrigin,
    /// The client's end of the connection belongs to another user.
    #[error("the session belongs to another user of this machine")]
    AnotherUser,
    /// Two or more connections match the request equally well.
    #[error("more than one connection fits this host: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// A budget of the session is used up.
    #[error("the budget {limit} of this session is used up")]
    Budget {
        /// The budget, as the user wrote it.
        limit: String,
        /// When there will be some again; `None` if never in this session.
        again: Option<Duration>,
    },
    /// No connection to the provider was established in time.
    #[error("no connection to {host} within {seconds} s")]
    ConnectTimeout {
        /// The provider, and the user's proxy if the connection goes through one.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// There is no credential to send.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A rule of the definition denies the request.
    #[error("the rule {rule} of {provider} denies this request: {reason}")]
    Guarded {
        /// The provider.
        provider: String,
        /// The rule.
        rule: String,
        /// Its reason.
        reason: String,
    },
    /// The head of the request exceeds a limit.
    #[error("the head of the request is too large")]
    HeadTooLarge,
    /// The request is not valid HTTP.
    #[error("{0}")]
    Malformed(&'static str),
    /// The method is not served on managed hosts.
    #[error("{0} is not served")]
    Method(&'static str),
    /// The request is for another host than its tunnel (RFC 9110 §15.5.20).
    #[error("the request is for {found}, but its connection is to {expected}")]
    Misdirected {
        /// The tunnel's host.
        expected: String,
        /// The request's host.
        found: String,
    },
    /// git asks for a repository by its path of an SSH address, and is told the other one.
    #[error("over HTTPS the repository is at {0}")]
    Moved(String),
    /// The proxy was asked to connect to itself, or to where a login of authsome's waits.
    #[error("the request would come back to authsome itself")]
    Loop,
    /// The request cannot be signed with the connection's key.
    #[error(transparent)]
    NotSignable(#[from] NotSignable),
    /// The placeholder would have left the machine.
    #[error("the placeholder is in {0}, where authsome does not put a credential")]
    Placeholder(&'static str),
    /// The placeholder was sent over plain HTTP.
    #[error("the placeholder was sent over plain HTTP, where no credential is ever put")]
    PlaceholderInClear,
    /// A push with git is refused for its refs.
    #[error("{reason}")]
    Push {
        /// Why.
        reason: String,
        /// What to type.
        advice: String,
        /// What git prints, as of a server's hook; `None` if the client reads no such thing.
        report: Option<Bytes>,
    },
    /// A rule of the session's policy denies the request.
    #[error("{}", .0.reason)]
    Policy(Box<Denial>),
    /// The session serves only its own clients: by password, or by process if no password is sent.
    #[error("the session's password is missing or wrong")]
    ProxyAuthentication,
    /// SSH to a host of a connection, for which the session has no key.
    #[error("{0} is asked for by SSH, for which the session has no key; over HTTPS it has a login")]
    SshWithoutCredential(String),
    /// This machine lacks a resource that another connection needs.
    #[error("no connection to {host} can be opened: {shortage}")]
    Starved {
        /// The provider.
        host: String,
        /// The resource that is used up.
        shortage: Shortage,
    },
    /// The policy allows managed hosts only.
    #[error("{0} belongs to no connection, and the policy of this session is to deny such hosts")]
    Unmanaged(String),
    /// The provider sent something that is not a valid response.
    #[error("{host} did not send a valid HTTP response: {reason}")]
    UpstreamMalformed {
        /// The provider.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The provider's certificate is not trusted, or TLS failed otherwise.
    #[error("no trusted TLS connection to {host}: {trouble}")]
    UpstreamTls {
        /// The provider.
        host: String,
        /// Why.
        trouble: TlsTrouble,
        /// The connection that the request belongs to.
        connection: Option<ConnectionId>,
    },
    /// The provider did not respond in time.
    #[error("{host} did not respond within {seconds} s")]
    UpstreamTimeout {
        /// The provider.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// There is no connection to the provider, or it broke.
    #[error("cannot reach {host}: {reason}")]
    UpstreamUnreachable {
        /// The provider.
        host: String,
        /// The cause of the failure.
        reason: String,
    },
}

/// What a rule of the session's policy says to a request that it denies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Denial {
    /// The name of the rule's flag, without its dashes.
    pub(super) rule: &'static str,
    /// What is denied, and by which rule of which layer.
    pub(super) reason: String,
    /// What the user can do.
    pub(super) hint: String,
}

impl Refusal {
    /// Adds the connection that the request belongs to.
    pub(super) fn of(mut self, owner: Option<&ConnectionId>) -> Self {
        if let Self::UpstreamTls { connection, .. } = &mut self {
            *connection = owner.cloned();
        }
        self
    }

    /// What denied the request, as the log names it.
    pub(super) fn rule(&self) -> Option<String> {
        match self {
            Self::Guarded { provider, rule, .. } => Some(format!("{provider}/{rule}")),
            Self::Address { .. } => Some(format!("{POLICY}/address")),
            Self::Budget { .. } => Some(format!("{POLICY}/limit")),
            Self::Policy(denial) => Some(format!("{POLICY}/{}", denial.rule)),
            Self::Push { .. } => Some(format!("{POLICY}/git-push")),
            Self::Unmanaged(_) => Some(POLICY.to_owned()),
            _ => None,
        }
    }

    /// Whether authsome would not serve the request, or could not.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::ConnectTimeout { .. }
            | Self::Starved { .. }
            | Self::Credential(_)
            | Self::UpstreamMalformed { .. }
            | Self::UpstreamTls { .. }
            | Self::UpstreamTimeout { .. }
            | Self::UpstreamUnreachable { .. } => Kind::Failed,
            _ => Kind::Denied,
        }
    }
}
