//! What the kernel tells of this process in `/proc/self/status` (`proc_pid_status(5)`). To put it
//! together takes the kernel longer than most of what a start asks of it.

use std::sync::OnceLock;

use super::proc::read;

/// As it was when it could first be read.
static FIRST: OnceLock<String> = OnceLock::new();

/// As it is now. `None` where it cannot be read: there is no `/proc`, or no descriptor is left.
pub(in crate::os) fn now() -> Option<String> {
    // Its first line has the process's name, which need not be UTF-8.
    let status = String::from_utf8_lossy(&read("self", "status")?).into_owned();
    FIRST.get_or_init(|| status.clone());
    Some(status)
}

/// The value of a line as it was when it was first read: of one that does not change, or that has
/// to be known as it was before this process changed it itself.
pub fn at_first(name: &str) -> Option<&'static str> {
    if FIRST.get().is_none() {
        now(); // and again the next time, if it cannot be read now
    }
    value_in(FIRST.get()?, name)
}

/// The value of a line.
pub(in crate::os) fn value_in<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let value_of = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    status.lines().find_map(value_of).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::value_in;

    #[test]
    fn a_value_is_found_by_its_whole_name() {
        let status = "NSpid:\t7\nPid:\t8\nSigIgn:\t0000000000001000\nEnd";
        assert_eq!(value_in(status, "Pid"), Some("8"));
        assert_eq!(value_in(status, "NSpid"), Some("7"));
        assert_eq!(value_in(status, "Sig"), None);
        assert_eq!(value_in(status, "End"), None);
    }
}
