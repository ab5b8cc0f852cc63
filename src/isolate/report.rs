//! What is said from inside to authsome: what failed, or which listeners there are, and then how
//! the command does. Each message is a line of JSON on a stream.

use std::fmt;
use std::net::{TcpListener, UdpSocket};

use serde::{Deserialize, Serialize};

use super::Connector;

/// The helper's exit code where it has failed: authsome has been told why.
pub(super) const EXIT_FAILED: u8 = 125;

/// A step on the way to the command, each of which the system can forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// A user namespace.
    Users,
    /// The user's own ID in it.
    Identity,
    /// The network, mount, process and IPC namespaces.
    Namespaces,
    /// What the first process may do in them.
    Capabilities,
    /// The first process in them.
    Start,
    /// The description of what is to be made.
    Plan,
    /// The loopback interface.
    Interface,
    /// The routes that make every address local.
    Routes,
    /// The listeners.
    Listeners,
    /// The files.
    Mounts,
    /// The files that can only be read.
    ReadOnly,
    /// `/proc` of the new namespace.
    Processes,
    /// The end of all rights.
    Rights,
    /// The filter of system calls.
    Filter,
    /// Landlock.
    Landlock,
    /// The limits of the command.
    Limits,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Users => "a namespace of users",
            Self::Identity => "this user's own ID in a namespace of users",
            Self::Namespaces => "namespaces for the network, files and processes",
            Self::Capabilities => "the rights in a new namespace",
            Self::Start => "a first process in a new namespace",
            Self::Plan => "the helper to read what is to be made",
            Self::Interface => "a loopback interface in a new namespace",
            Self::Routes => "routes in a new namespace",
            Self::Listeners => "listeners in a new namespace",
            Self::Mounts => "mounts in a new namespace",
            Self::ReadOnly => "mounts that can only be read",
            Self::Processes => "a /proc of a new namespace's own",
            Self::Rights => "rights to be given up",
            Self::Filter => "a filter of system calls",
            Self::Landlock => "a Landlock domain",
            Self::Limits => "the command's own limits",
        })
    }
}

/// What a handed listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    /// Connections to anywhere.
    Capture,
    /// Questions to a resolver, as datagrams.
    Names,
    /// Questions to a resolver, on connections.
    NamesOverTcp,
    /// Connections to this port of the host's loopback interface.
    HostPort(u16),
    /// No listener: who connects to the command's servers.
    Connector,
}

/// A message from inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    /// It cannot be done.
    Failed {
        /// What was tried.
        step: Step,
        /// The system's number for why.
        errno: i32,
    },
    /// All stands; a descriptor for each of the roles is with the message.
    Ready {
        /// What the descriptors are for, in their order.
        roles: Vec<Role>,
        /// Whether all ports are captured.
        captures_all: bool,
    },
    /// The command was started.
    Started,
    /// How the command does.
    Changed(Progress),
}

/// How the command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// It has stopped.
    Stopped,
    /// It has ended by this signal.
    EndedBy(i32),
}

/// The listeners from inside.
#[derive(Debug, Default)]
pub struct Handed {
    /// Connections to anywhere.
    pub capture: Vec<TcpListener>,
    /// Questions to a resolver.
    pub names: Vec<UdpSocket>,
    /// The same on connections.
    pub names_over_tcp: Vec<TcpListener>,
    /// Connections to a port of this machine's loopback interface.
    pub host_ports: Vec<(u16, TcpListener)>,
    /// Listeners of this machine's for ports of the command's loopback interface.
    pub published: Vec<(u16, TcpListener)>,
    /// Who connects to those.
    pub connector: Option<Connector>,
    /// Whether connections to all ports arrive at `capture`; otherwise those to some.
    pub captures_all: bool,
}
