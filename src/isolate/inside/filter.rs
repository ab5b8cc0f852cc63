//! What the command and its descendants may not ask of the kernel (seccomp(2)).
//!
//! The list has three kinds: ways out of the namespaces (mounts, namespaces, handles of files),
//! ways into other processes (tracing, their memory), and parts of the kernel in which a fault is a
//! way to both (`bpf`, `io_uring`, `userfaultfd`, rare families of sockets). A call on the list
//! fails with EPERM, as it would for want of a right.
//!
//! A filter sees numbers of calls, and each of a machine's calling conventions has its own: on
//! x86-64 those of 32-bit programs and of x32 (bit 30) fail with ENOSYS altogether.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is,
    SeccompCondition as Condition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
    sock_filter,
};

/// Calls that fail whatever their arguments are.
const DENIED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// All flags of new namespaces (namespaces(7)).
const NAMESPACES: u64 = (libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS) as u64
    | 0x80; // `CLONE_NEWTIME`

/// The families of sockets that programs use. Others are not of this namespace (`AF_VSOCK` leads to
/// the hypervisor), or rare.
const FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

/// The bits of a socket's type without its flags.
const TYPE: u64 = 0xf;

/// Puts characters into the terminal's input, as if the user had typed them, and the like on the
/// console.
const TERMINAL: [u64; 2] = [libc::TIOCSTI, 0x541C];

/// Where the number of a call and its convention are (`struct seccomp_data`).
const NUMBER: u32 = 0;
const CONVENTION: u32 = 4;

/// The machine's own convention (`linux/audit.h`); none, where it has no name here.
fn native() -> u32 {
    match ARCH {
        "x86_64" => 0xC000_003E,
        "aarch64" => 0xC000_00B7,
        "riscv64" => 0xC000_00F3,
        _ => 0,
    }
}

/// The first number of x32; of no other machine's calls.
const X32: u32 = 0x4000_0000;

/// Applies it to this process and all that it starts. It cannot be taken off.
pub(super) fn apply() -> io::Result<()> {
    let error = |error: &dyn std::error::Error| io::Error::other(error.to_string());
    // `clone3` has its flags where no filter can see them. Where it is unknown, programs use
    // `clone`.
    let unknown = filter(libc::ENOSYS, [(libc::SYS_clone3, Vec::new())].into());
    let denied = filter(libc::EPERM, denied().map_err(|found| error(&found))?);
    for program in [unknown, denied] {
        let program = program.map_err(|found| error(&found))?;
        apply_filter(&program).map_err(|found| error(&found))?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn denied() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = DENIED.iter().map(|call| (*call, Vec::new())).collect();
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        let flags = NAMESPACES_ONE_BY_ONE
            .into_iter()
            .filter(|flag| NAMESPACES & flag != 0)
            .map(|flag| when([(0, Is::MaskedEq(flag), flag)]));
        rules.insert(call, flags.collect::<Result<_, _>>()?);
    }
    let other = FAMILIES.map(|family| (0, Is::Ne, u64::from(family.unsigned_abs())));
    let packets = |kind: libc::c_int| {
        let netlink = u64::from(libc::AF_NETLINK.unsigned_abs());
        let kind = u64::from(kind.unsigned_abs());
        when([(1, Is::MaskedEq(TYPE), kind), (0, Is::Ne, netlink)])
    };
    rules.insert(
        libc::SYS_socket,
        vec![
            when(other)?,
            packets(libc::SOCK_RAW)?,
            packets(SOCK_PACKET)?,
        ],
    );
    let typing = TERMINAL.map(|request| when([(1, Is::Eq, request)]));
    rules.insert(
        libc::SYS_ioctl,
        typing.into_iter().collect::<Result<_, _>>()?,
    );
    Ok(rules)
}

/// The bits that a flag of a namespace may be.
const NAMESPACES_ONE_BY_ONE: [u64; 32] = {
    let mut bits = [0; 32];
    let mut at = 0;
    while at < bits.len() {
        bits[at] = 1 << at;
        at += 1;
    }
    bits
};

/// `linux/net.h`; libc has it for some machines only.
const SOCK_PACKET: libc::c_int = 10;

fn when<const COUNT: usize>(
    arguments: [(u8, Is, u64); COUNT],
) -> Result<SeccompRule, seccompiler::BackendError> {
    let conditions = arguments
        .into_iter()
        .map(|(number, is, value)| Condition::new(number, Length::Dword, is, value));
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

fn filter(errno: libc::c_int, rules: Rules) -> Result<BpfProgram, seccompiler::BackendError> {
    let machine = TargetArch::try_from(ARCH)?;
    let fails = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, fails, machine)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(other_conventions().into_iter().chain(program).collect())
}

/// The code of an instruction: none has more than 16 bits.
fn code(parts: u32) -> u16 {
    u16::try_from(parts).unwrap_or(u16::MAX)
}

/// Calls by another convention than the machine's own fail; what follows looks at the others.
fn other_conventions() -> [sock_filter; 6] {
    let load = |k| sock_filter {
        code: code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS),
        jt: 0,
        jf: 0,
        k,
    };
    let jump = |kind: u32, k, jt, jf| sock_filter {
        code: code(libc::BPF_JMP | kind | libc::BPF_K),
        jt,
        jf,
        k,
    };
    let fail = sock_filter {
        code: code(libc::BPF_RET | libc::BPF_K),
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs(),
    };
    [
        load(CONVENTION),
        jump(libc::BPF_JEQ, native(), 0, 2),
        load(NUMBER),
        jump(libc::BPF_JGE, X32, 0, 1),
        fail,
        load(CONVENTION), // what follows expects nothing; it loads it again
    ]
}
