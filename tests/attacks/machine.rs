//! The machine that the attempts are made on: a network of its own with the addresses that are
//! tried, names that lead there, and programs that an ordinary user can run.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

/// The user that authsome and the hostile command are, where the tests are root's.
pub(crate) const USER: u32 = 12345;

/// Another ordinary user.
pub(crate) const STRANGER: u32 = 65534;

/// Why an attempt with a core file is left out.
pub(crate) const NO_CORES: &str = "core files go elsewhere here";

/// Set in the namespace.
const INSIDE: &str = "ATTACKS_INSIDE";

/// What an attempt takes of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// Core files are written where the program was started.
    CoreFiles,
    /// There can be processes of other users.
    Users,
}

/// Both binaries and the hostile program, readable for everybody.
pub(crate) struct Machine {
    directory: TempDir,
    /// Whether the tests can become other users.
    pub(crate) has_users: bool,
}

impl Machine {
    pub(crate) fn new(undefended: &Path) -> Result<Self, String> {
        let directory =
            TempDir::with_prefix("authsome-attacks-").map_err(|error| error.to_string())?;
        let machine = Self {
            has_users: nix::unistd::Uid::effective().is_root() && maps_all_users(),
            directory,
        };
        machine.fill(undefended).map_err(|error| {
            format!(
                "{} and what belongs to it: {error}; build it by `.ci/run attacks`",
                undefended.display()
            )
        })?;
        answer_names().map_err(|error| format!("no name server: {error}"))?;
        Ok(machine)
    }

    fn fill(&self, undefended: &Path) -> io::Result<()> {
        let place = self.directory.path();
        fs::set_permissions(place, Permissions::from_mode(0o755))?;
        fs::copy(env!("CARGO_BIN_EXE_authsome"), self.binary(true))?;
        fs::copy(undefended, self.binary(false))?;
        let hostile = place.join("hostile");
        fs::create_dir(&hostile)?;
        fs::set_permissions(&hostile, Permissions::from_mode(0o755))?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/hostile");
        for file in fs::read_dir(source)?.flatten() {
            if file.path().is_file() {
                let copy = hostile.join(file.file_name());
                fs::copy(file.path(), &copy)?;
                fs::set_permissions(copy, Permissions::from_mode(0o644))?;
            }
        }
        Ok(())
    }

    /// authsome as it is, or with defences that can be left out.
    pub(crate) fn binary(&self, is_defended: bool) -> PathBuf {
        let name = if is_defended {
            "authsome"
        } else {
            "authsome-undefended"
        };
        self.directory.path().join(name)
    }

    /// The hostile program.
    pub(crate) fn hostile(&self) -> PathBuf {
        self.directory.path().join("hostile")
    }

    pub(crate) fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::Users if !self.has_users => Some("it needs root, to become other users"),
            Need::CoreFiles if !has_core_files() => Some(NO_CORES),
            _ => None,
        }
    }

    /// The ordinary binary has no switch, so it has not the switch's name either.
    pub(crate) fn names_nothing_to_leave_out(&self) -> Option<String> {
        let name = b"AUTHSOME_UNDEFENDED";
        let has = |is_defended| {
            let program = fs::read(self.binary(is_defended)).unwrap_or_default();
            memchr::memmem::find(&program, name).is_some()
        };
        match (has(true), has(false)) {
            (false, true) => None,
            (true, _) => Some("the ordinary binary has the switch in it".to_owned()),
            (_, false) => Some("the other binary has no switch in it".to_owned()),
        }
    }
}

fn maps_all_users() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace()
        .nth(2)
        .is_some_and(|count| count.len() > 5)
}

fn has_core_files() -> bool {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    !pattern.starts_with(['|', '/'])
}

/// Starts this program again in namespaces of its own, unless that is where it is.
pub(crate) fn enter_namespace() {
    if std::env::var_os(INSIDE).is_some() {
        return;
    }
    let own = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new("unshare");
    let mut after = "exec \"$@\"".to_owned();
    if !nix::unistd::Uid::effective().is_root() {
        command.arg("--map-root-user");
        // The addresses take root of the namespace, from whom no memory there is kept.
        after = format!("exec unshare --user --map-user={USER} --map-group={USER} \"$@\"");
    }
    let prepare = format!("{PREPARE}{after}");
    command.args([
        "--net",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-ec",
        &prepare,
        "sh",
    ]);
    command
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1");
    panic!("unshare: {}", command.exec());
}

/// Addresses of the kinds that are refused, on the loopback interface, and names for them.
const PREPARE: &str = r#"
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start # for a name server
for address in 169.254.169.254/32 64:ff9b::a9fe:a9fe/128 2002:a9fe:a9fe::1/128 fd00:ec2::254/128; do
  ip address add "$address" dev lo nodad 2>/dev/null || ip address add "$address" dev lo
done
mount -t tmpfs none /mnt
cat >/mnt/hosts <<END
127.0.0.1 localhost gitlab.test evil.gitlab.test evil.test innocent.test allowed.test.evil.test
169.254.169.254 metadata.test
END
echo 'nameserver 127.0.0.1' >/mnt/resolv.conf
mount --bind /mnt/hosts /etc/hosts
mount --bind /mnt/resolv.conf /etc/resolv.conf
"#;

/// A name server, for the one name that changes: an address that is public the first time that it
/// is asked for, and the metadata service's from then on, until it is asked of a new attempt.
fn answer_names() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53))?;
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            if let Some(response) = response_to(&query[..length]) {
                let _ = socket.send_to(&response, peer);
            }
        }
    });
    Ok(())
}

static ASKED: AtomicU32 = AtomicU32::new(0);

/// The next question is a first one again.
pub(crate) fn forget_names() {
    ASKED.store(0, Ordering::SeqCst);
}

fn response_to(query: &[u8]) -> Option<Vec<u8>> {
    const HEAD: usize = 12;
    let end = HEAD + query.get(HEAD..)?.iter().position(|byte| *byte == 0)? + 5;
    let question = query.get(HEAD..end)?;
    let is_address = question.get(question.len() - 4..)? == [0, 1, 0, 1];
    let count = u8::from(is_address);
    let mut response = query.get(..2)?.to_vec();
    response.extend([0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]);
    response.extend(question);
    if is_address {
        let address = match ASKED.fetch_add(1, Ordering::SeqCst) {
            0 => Ipv4Addr::new(203, 0, 113, 7),
            _ => Ipv4Addr::new(169, 254, 169, 254),
        };
        response.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        response.extend(address.octets());
    }
    Some(response)
}
