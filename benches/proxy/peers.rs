//! Other proxies, set up to do what authsome does for the bench's host: end TLS, put the credential
//! on, go on to the origin by TLS.
//!
//! `HAProxy` and nginx know no CONNECT: they are reverse proxies, which spares them that part of a
//! new connection.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bed::{BEARER, Bed};
use crate::binaries::target_directory;
use crate::failure::Failure;
use crate::options::Peer;
use crate::wire::{MANAGED, Way};

/// A peer that is ready to be started.
pub(crate) struct Launch {
    pub(crate) command: Command,
    pub(crate) way: Way,
    /// Where it will listen; [`Peer::Tunnel`] chooses by itself, and says so.
    pub(crate) address: Option<SocketAddr>,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Haproxy => "haproxy",
            Self::HttpMitmProxy => "http-mitm-proxy",
            Self::Hudsucker => "hudsucker",
            Self::Mitmproxy => "mitmproxy",
            Self::Nginx => "nginx",
            Self::Tunnel => "tunnel",
        }
    }

    /// hudsucker speaks HTTP/2 only when built so, and then stalls in HTTP/1.1 too.
    pub(crate) fn speaks_http2(self) -> bool {
        self != Self::Hudsucker
    }

    /// Makes the configuration, and the program itself where it is one of ours.
    pub(crate) fn prepare(self, bed: &Bed) -> Result<Launch, Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        match self {
            Self::Haproxy => haproxy(bed, address),
            Self::HttpMitmProxy | Self::Hudsucker => library(self.name(), bed, address),
            Self::Mitmproxy => mitmproxy(bed, address),
            Self::Nginx => nginx(bed, address),
            Self::Tunnel => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("tunnel");
                Ok(Launch {
                    command,
                    way: Way::PeerTunnel(address),
                    address: None,
                })
            }
        }
    }
}

/// A port that was free a moment ago: the peers cannot tell which one they took.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

fn haproxy(bed: &Bed, address: SocketAddr) -> Result<Launch, Failure> {
    let program = installed("haproxy", "apt-get install haproxy")?;
    // It wants certificate and key in one file.
    bed.write(
        "haproxy.pem",
        &(read(bed, "origin.pem")? + &read(bed, "origin.key")?),
    )?;
    let configuration = fill(include_str!("peers/haproxy.cfg"), bed, address);
    let mut command = Command::new(program);
    command
        .arg("-db")
        .arg("-f")
        .arg(bed.write("haproxy.cfg", &configuration)?);
    Ok(Launch {
        command,
        way: Way::PeerReverse(address),
        address: Some(address),
    })
}

fn nginx(bed: &Bed, address: SocketAddr) -> Result<Launch, Failure> {
    let program = installed("nginx", "apt-get install nginx-light")?;
    let configuration = fill(include_str!("peers/nginx.conf"), bed, address);
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(bed.write("nginx.conf", &configuration)?);
    Ok(Launch {
        command,
        way: Way::PeerReverse(address),
        address: Some(address),
    })
}

fn mitmproxy(bed: &Bed, address: SocketAddr) -> Result<Launch, Failure> {
    let program = installed(
        "mitmdump",
        "pip install mitmproxy, and have its bin directory in PATH",
    )?;
    bed.write(
        "mitmproxy-ca.pem",
        &(read(bed, "ca.key")? + &read(bed, "ca.pem")?),
    )?;
    let addon = fill(include_str!("peers/mitmproxy.py"), bed, address);
    let mut command = Command::new(program);
    command
        .args(["--quiet", "--listen-host", "127.0.0.1", "--listen-port"])
        .arg(address.port().to_string())
        .args(["--set", "connection_strategy=lazy"])
        .args(["--set", &format!("confdir={}", bed.path("").display())])
        .arg("--set")
        .arg(format!(
            "ssl_verify_upstream_trusted_ca={}",
            bed.path("ca.pem").display()
        ))
        .arg("--scripts")
        .arg(bed.write("addon.py", &addon)?);
    Ok(Launch {
        command,
        way: Way::PeerInjected(address),
        address: Some(address),
    })
}

/// A configuration with the values of this run.
fn fill(template: &str, bed: &Bed, address: SocketAddr) -> String {
    template
        .replace("@BEARER@", BEARER)
        .replace("@DIRECTORY@", &bed.path("").display().to_string())
        .replace("@HOST@", MANAGED)
        .replace("@LISTEN@", &address.to_string())
        .replace("@ORIGIN@", &bed.origin().to_string())
}

/// One of the programs in `benches/peers`, built as their users build them: with aws-lc's jitter
/// entropy, which our own build leaves out.
fn library(name: &str, bed: &Bed, address: SocketAddr) -> Result<Launch, Failure> {
    let target = target_directory()?.join("peers");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--quiet",
            "--bin",
            name,
            "--manifest-path",
        ])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "0")
        .status()?;
    if !built.success() {
        return Err(format!("{name} cannot be built in benches/peers").into());
    }
    let mut command = Command::new(target.join("release").join(name));
    command
        .arg(address.to_string())
        .arg(format!("localhost:{}", bed.origin().port()))
        .args([bed.path("ca.pem"), bed.path("ca.key")])
        .env("BENCH_BEARER", BEARER)
        // For OpenSSL, which http-mitm-proxy's client is built on.
        .env("SSL_CERT_FILE", bed.path("ca.pem"));
    Ok(Launch {
        command,
        way: Way::PeerInjected(address),
        address: Some(address),
    })
}

fn read(bed: &Bed, name: &str) -> Result<String, Failure> {
    Ok(std::fs::read_to_string(bed.path(name))?)
}

/// Where a program is; daemons are outside of many users' PATH.
fn installed(name: &str, how: &str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut directories = std::env::split_paths(&path).chain(usual);
    let found =
        directories.find_map(|directory| Some(directory.join(name)).filter(|path| path.is_file()));
    found.ok_or_else(|| format!("{} is not installed: {how}", OsStr::new(name).display()).into())
}
