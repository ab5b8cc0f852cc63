//! Commands that cannot be isolated.

use std::fs;
use std::io;

use super::{Exit, Failure};
use crate::isolate::{IsolateError, Step};
use crate::session::IsolatedSpawnError;

/// The code of a system on which commands cannot be isolated.
const UNAVAILABLE: &str = "isolation_unavailable";

/// What else can be done, whatever the cause is.
const OR_ELSE: &str =
    "or start the command all the same, with what is not covered said: --isolate=best-effort";

impl From<IsolatedSpawnError> for Failure {
    fn from(error: IsolatedSpawnError) -> Self {
        let hint = match &error {
            IsolatedSpawnError::Isolate(IsolateError::Forbidden { step, source }) => {
                format!("{}; {OR_ELSE}", how_to_permit(*step, source))
            }
            IsolatedSpawnError::Isolate(IsolateError::OtherSystem) => {
                format!("use a container or a virtual machine with Linux; {OR_ELSE}")
            }
            IsolatedSpawnError::Publish { .. } => {
                "use another port, or end what listens there".to_owned()
            }
            _ => format!("see docs/isolation.md; {OR_ELSE}"),
        };
        match error {
            IsolatedSpawnError::Child(error) => error.into(),
            IsolatedSpawnError::Files(error)
            | IsolatedSpawnError::Isolate(IsolateError::Files(error)) => error.into(),
            IsolatedSpawnError::Publish { .. } => {
                Self::of(Exit::Unreachable, "port_taken", &error, hint)
            }
            other => Self::of(Exit::Unexpected, UNAVAILABLE, &other, hint),
        }
    }
}

/// What forbids the step was found by trying it; what the system says of itself only names the
/// switch.
fn how_to_permit(step: Step, cause: &io::Error) -> String {
    let is =
        |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    let is_right = cause.kind() == io::ErrorKind::PermissionDenied;
    if step == Step::Users {
        if is("/proc/sys/user/max_user_namespaces", "0") {
            return "permit namespaces: sudo sysctl user.max_user_namespaces=15000".to_owned();
        }
        if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
            return "permit namespaces: sudo sysctl kernel.unprivileged_userns_clone=1".to_owned();
        }
        return "a container's filter of system calls forbids namespaces of users; start it with --security-opt seccomp=unconfined, or run authsome outside of it".to_owned();
    }
    if step == Step::Processes && is_right {
        return "a container hides parts of /proc; start it with --security-opt systempaths=unconfined (Docker) or --security-opt unmask=ALL (Podman)".to_owned();
    }
    if is_right && is("/sys/module/apparmor/parameters/enabled", "Y") {
        return "AppArmor takes the rights in a new namespace away; load the profile packaging/apparmor/authsome for this program (docs/isolation.md)".to_owned();
    }
    "see docs/isolation.md for what it takes".to_owned()
}
