//! The table of the house: the test's data, and the page in ARCHITECTURE.md.

/// A folder of `src/`, or a file that is a room by itself.
pub(crate) struct Room {
    /// Below `src/`, without `.rs`; the longest that fits is a file's room.
    pub(crate) path: &'static str,
    /// What is on one floor does not know the other; imports go down.
    pub(crate) floor: u32,
    pub(crate) does: &'static str,
    pub(crate) may_not_know: &'static str,
    /// The same for the test: rooms, and crates with `::`.
    pub(crate) strangers: &'static [&'static str],
}

const fn room(
    path: &'static str,
    floor: u32,
    does: &'static str,
    may_not_know: &'static str,
    strangers: &'static [&'static str],
) -> Room {
    Room {
        path,
        floor,
        does,
        may_not_know,
        strangers,
    }
}

/// From the top down.
pub(crate) const ROOMS: &[Room] = &[
    room("lib", 80, "", "", &[]),
    room("main", 80, "", "", &[]),
    room(
        "cli",
        70,
        "flags to a call, errors to words (`failure.rs`) and exit codes",
        "protocols",
        &[],
    ),
    room(
        "proxy",
        60,
        "one request's journey",
        "vault, OAuth, the child: it sees the trait `CredentialSource`",
        &["child", "oauth", "vault"],
    ),
    room(
        "connection",
        50,
        "a stored login and its life",
        "that a proxy exists",
        &["child"],
    ),
    room("audit", 40, "", "", &[]),
    room(
        "child",
        40,
        "start, signals, orphans, exit code",
        "the proxy",
        &[],
    ),
    room(
        "oauth",
        40,
        "the RFCs, the loopback listener and its pages",
        "the vault, the terminal, a provider by name",
        &["vault"],
    ),
    room("credential", 30, "", "", &[]),
    room(
        "dial",
        30,
        "a connection to a host: whichever address is there first (RFC 8305), through the user's own proxy, TLS",
        "what is said on it",
        &["child", "vault"],
    ),
    room(
        "git_config",
        30,
        "what git is told: its proxy, who answers for a password, SSH remotes over HTTPS",
        "a token",
        &[],
    ),
    room(
        "helpers",
        30,
        "the files that lead clients to the proxy which no variable leads there",
        "what a connection is",
        &[],
    ),
    room(
        "private_memory",
        30,
        "a process that nobody of the same user can read",
        "what is in it",
        &[],
    ),
    room(
        "vault",
        30,
        "sealed records by key, compare and swap",
        "OAuth, providers, the JSON inside",
        &[],
    ),
    room(
        "programs",
        20,
        "how any other program is started: where it is found, what it does not get",
        "why",
        &[],
    ),
    room(
        "run_dir",
        20,
        "private files and locks; the directory of one run",
        "what is inside",
        &[],
    ),
    room(
        "sessions",
        20,
        "which runs of this home live",
        "what they do",
        &[],
    ),
    room("tls", 20, "", "", &[]),
    room(
        "user_proxy",
        20,
        "which of the user's own proxies a host is reached through",
        "how one is spoken to",
        &[],
    ),
    room(
        "authority",
        10,
        "a host and a port in the one spelling that is compared and sent",
        "what is there",
        &[],
    ),
    room("clock", 10, "", "", &[]),
    room(
        "content_coding",
        10,
        "gzip, br, zstd and deflate off small bodies, to a bound",
        "what is in them",
        &[],
    ),
    room(
        "env_vars",
        10,
        "the child's environment: name, value, reason",
        "where the values come from",
        &[],
    ),
    room(
        "home",
        10,
        "private files and locks; the directory of one run",
        "what is inside",
        &[],
    ),
    room("port_owner", 10, "", "", &[]),
    room(
        "process_tree",
        10,
        "whose a connection is: the kernel's word on its user, the run's processes",
        "the proxy, the password",
        &[],
    ),
    room("resolve", 10, "", "", &[]),
    room(
        "secret",
        10,
        "bytes that wipe themselves and do not print; `expose` reads one",
        "what it is for",
        &[],
    ),
    room(
        "socket_owner",
        10,
        "whose a connection is: the kernel's word on its user, the run's processes",
        "the proxy, the password",
        &[],
    ),
    room(
        "text",
        10,
        "what others wrote, made safe to show: in the printer, pages and the log",
        "where it is shown",
        &[],
    ),
    room(
        "ulimits",
        10,
        "what the shell allowed, raised for us and given back to the command",
        "the command",
        &[],
    ),
    room("waiting", 10, "", "", &[]),
];
