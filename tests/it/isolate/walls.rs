//! Rights and system calls: none that leads out.

use crate::kit::isolate::Inside;

#[test]
fn the_command_has_no_rights_and_gets_none() {
    let Some(inside) = Inside::new("the_command_has_no_rights_and_gets_none") else {
        return;
    };
    let outcome = inside.shell(
        &[],
        "grep -E '^(Cap|NoNewPrivs|Seccomp):?' /proc/self/status | tr -d '\\t'; grep -c . /proc/1/status; ls /proc/1/fd 2>&1 | tail -1",
    );
    let lines: Vec<_> = outcome.stdout.lines().collect();
    let zero = "0000000000000000";
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert!(lines.contains(&&*format!("{set}{zero}")), "{set} {lines:?}");
    }
    assert!(
        lines.contains(&"NoNewPrivs:1") && lines.contains(&"Seccomp:2"),
        "{lines:?}"
    );
    assert!(
        outcome.stdout.contains("Permission denied"),
        "{}",
        outcome.stdout
    );
}

/// Each call by its number on this machine, and what becomes of it. Python has no wrapper for most
/// of them, and they must fail whatever they are given.
const CALLS: &str = r"
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(number, *[ctypes.c_ulong(a) for a in arguments])
    return 'ok' if result >= 0 else errno.errorcode[ctypes.get_errno()]
";

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_that_lead_out_fail() {
    let Some(inside) = Inside::new("calls_that_lead_out_fail") else {
        return;
    };
    let program = "
NEW = dict(mount=0x20000, cgroup=0x2000000, uts=0x4000000, ipc=0x8000000, user=0x10000000, pid=0x20000000, net=0x40000000)
expected = []
for name, number, *arguments in [
    ('ptrace', 101, 0, 0, 0, 0), ('process_vm_readv', 310, 1), ('process_vm_writev', 311, 1), ('keyctl', 250, 0, -3),
    ('add_key', 248), ('request_key', 249), ('bpf', 321, 0), ('perf_event_open', 298), ('userfaultfd', 323, 0),
    ('io_uring_setup', 425, 8), ('io_uring_enter', 426), ('io_uring_register', 427), ('mount', 165), ('umount2', 166),
    ('pivot_root', 155), ('chroot', 161), ('open_tree', 428), ('move_mount', 429), ('fsopen', 430), ('fsmount', 432),
    ('mount_setattr', 442), ('setns', 308), ('kexec_load', 246), ('kexec_file_load', 320), ('init_module', 175),
    ('finit_module', 313), ('open_by_handle_at', 304), ('name_to_handle_at', 303), ('pidfd_getfd', 438), ('kcmp', 312),
    ('syslog', 103), ('reboot', 169), ('swapon', 167), ('acct', 163), ('sethostname', 170),
] + [('unshare ' + name, 272, flag) for name, flag in NEW.items()] + [('clone ' + name, 56, flag | 17) for name, flag in NEW.items()]:
    result = call(number, *arguments)
    if result != 'EPERM': print(name, result)
print('clone3', call(435, 0, 0), 'x32', call(0x40000000 | 39), 'typing', call(16, 0, 0x5412, 0), call(16, 0, 0xffffffff00005412, 0))
for family, kind, protocol in [(40, 1, 0), (17, 3, 768), (2, 3, 1), (10, 3, 58), (2, 10, 0), (38, 5, 0), (31, 1, 0), (16, 3, 0), (1, 1, 0), (2, 2, 1)]:
    print(family, kind, call(41, family, kind, protocol), end='; ')
";
    let said = inside.python(&[], &format!("{CALLS}{program}"));
    assert_eq!(
        said,
        "clone3 ENOSYS x32 ENOSYS typing EPERM EPERM\n40 1 EPERM; 17 3 EPERM; 2 3 EPERM; 10 3 EPERM; 2 10 EPERM; \
         38 5 EPERM; 31 1 EPERM; 16 3 ok; 1 1 ok; 2 2 EACCES;"
    );
}

#[test]
fn setuid_programs_and_nested_namespaces_give_nothing() {
    let Some(inside) = Inside::new("setuid_programs_and_nested_namespaces_give_nothing") else {
        return;
    };
    let script = "id -u; \
        for program in /usr/bin/su /bin/su /usr/bin/passwd /usr/bin/newuidmap; do \
            [ -u $program ] && env -i $program --help >/dev/null 2>&1; done; \
        unshare -Ur true 2>/dev/null && echo nested; nsenter -t 1 -n true 2>/dev/null && echo entered; \
        ls /proc/1/root/ >/dev/null 2>&1 && echo rooted; cat /proc/self/uid_map | wc -l";
    let outcome = inside.shell(&[], script);
    assert!(!outcome.stdout.contains("nested") && !outcome.stdout.contains("entered"));
    assert!(!outcome.stdout.contains("rooted"), "{}", outcome.stdout);
}
