//! Squid and tinyproxy, where they are installed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use authsome_test_support::{FakeGitLab, kit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::kit::journey::{Journey, MANAGED, UNMANAGED};
use crate::kit::{Outcome, World};

/// Far beyond what anything here takes; it ends a test that would hang.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The message of the 502 for a request, and for a blind tunnel the same status; nothing arrives,
/// and no password is said.
pub(crate) fn refused(world: &World, gitlab: &FakeGitLab, environment: &[(&str, &str)]) -> String {
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let mut command = world.authsome(["run", "--", "curl", "-sS", &url]);
    let outcome = command.envs(environment.iter().copied()).output().unwrap();
    let outcome = Outcome::of(outcome).expect(0);
    let told: Value = outcome.json();
    assert_eq!(told["error"], "upstream_unreachable", "{told}");
    let blind = gitlab.base_url_at("127.0.0.1");
    let words = ["run", "--", "curl", "-sS", "--noproxy", "", &blind];
    let mut command = world.authsome(words);
    let tunnel = command.envs(environment.iter().copied()).output().unwrap();
    let tunnel = Outcome::of(tunnel);
    // Where the proxy says more than it should, only a tunnel to a host that speaks first could be
    // meant.
    let heard = told["message"]
        .as_str()
        .unwrap()
        .contains("more than its response");
    assert!(heard || tunnel.stderr.contains("502"), "{tunnel:?}");
    assert!(gitlab.seen().is_empty(), "{:?}", gitlab.seen());
    let all = format!("{outcome:?} {tunnel:?}");
    assert!(!all.contains("hunter2") && !all.contains("p%40ss"), "{all}");
    told["message"].as_str().unwrap().to_owned()
}

/// Whether the machine has what a test needs.
pub(crate) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(system)
        .any(|directory| directory.join(program).exists());
    if !found {
        kit::skip(&format!("{program} is not on this machine"));
    }
    found
}

/// A port that was free a moment ago: these programs cannot be handed a socket.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A proxy's process, and its files.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) directory: TempDir,
}

impl Daemon {
    /// Starts a program on a free port, and on another one if that was taken meanwhile. `configure`
    /// writes its files and gives the command; the proxy is there when it answers what is not a
    /// request for anybody, and `is_it` knows its response.
    pub(crate) fn start(
        configure: impl Fn(&Path, u16) -> Command,
        is_it: impl Fn(&Path, &str) -> bool,
    ) -> (Self, u16) {
        loop {
            let directory = TempDir::with_prefix("authsome-proxy-").unwrap();
            // squid gives up root for a user of its own, who must get in.
            open_to_all(directory.path());
            let port = free_port();
            let mut command = configure(directory.path(), port);
            let output = File::create(directory.path().join("output")).unwrap();
            command
                .stdin(Stdio::null())
                .stdout(output.try_clone().unwrap())
                .stderr(output);
            let child = command.spawn().unwrap();
            let mut daemon = Self { child, directory };
            if daemon.is_ready(port, &is_it) {
                return (daemon, port);
            }
        }
    }

    /// Whether it has come up; if not, it has ended.
    pub(crate) fn is_ready(&mut self, port: u16, is_it: impl Fn(&Path, &str) -> bool) -> bool {
        let end = Instant::now() + LONG;
        loop {
            let response =
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
                    stream.write_all(b"GET http://nobody.invalid/ HTTP/1.0\r\n\r\n")?;
                    let mut response = Vec::new();
                    stream.read_to_end(&mut response)?;
                    Ok(String::from_utf8_lossy(&response).into_owned())
                });
            if response.is_ok_and(|response| is_it(self.directory.path(), &response)) {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                let output = fs::read_to_string(self.directory.path().join("output")).unwrap();
                assert!(output.contains("ddress already in use"), "{output}");
                return false;
            }
            assert!(Instant::now() < end, "the proxy does not come up");
            thread::sleep(Duration::from_millis(20)); // nothing tells when a port is bound
        }
    }

    /// Ends it in order, so that its log is whole.
    pub(crate) fn stop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

pub(crate) fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

pub(crate) fn put(path: &Path, content: &str) {
    File::create(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .unwrap();
}

/// squid, with one port for HTTP and one for HTTP in TLS.
pub(crate) struct Squid {
    pub(crate) daemon: Daemon,
    pub(crate) ca_file: PathBuf,
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
}

impl Squid {
    pub(crate) fn start() -> Option<Self> {
        if !["squid", "openssl"].into_iter().all(installed) {
            return None;
        }
        let tls_port = std::cell::Cell::new(0);
        let configure = |directory: &Path, port: u16| {
            tls_port.set(free_port());
            let text = SQUID
                .replace("{dir}", directory.to_str().unwrap())
                .replace("{port}", &port.to_string())
                .replace("{tls_port}", &tls_port.get().to_string());
            put(&directory.join("squid.conf"), &text);
            let hosts = format!("127.0.0.1 {MANAGED} {UNMANAGED}\n");
            put(&directory.join("hosts"), &hosts);
            put(&directory.join("certificates.sh"), CERTIFICATES);
            let mut command = Command::new("sh");
            command
                .args(["-eu", "certificates.sh"])
                .current_dir(directory);
            command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command
        };
        let is_it = |directory: &Path, response: &str| {
            response.contains(directory.file_name().unwrap().to_str().unwrap())
        };
        let (daemon, port) = Daemon::start(configure, is_it);
        Some(Self {
            ca_file: daemon.directory.path().join("ca.pem"),
            daemon,
            port,
            tls_port: tls_port.get(),
        })
    }

    /// With the right login.
    pub(crate) fn url(&self, scheme: &str, host: &str) -> String {
        let port = if scheme == "https" {
            self.tls_port
        } else {
            self.port
        };
        format!("{scheme}://ada:p%40ss@{host}:{port}")
    }

    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What it was asked for with the right login, as `STATUS METHOD TARGET USER`.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.daemon.stop();
        let log = fs::read_to_string(self.daemon.directory.path().join("access.log")).unwrap();
        let lines = log.lines().filter(|line| !line.starts_with("407 "));
        lines.map(str::to_owned).collect()
    }

    /// Two tunnels to the provider, for the refresh and the request, and one beside, each with the
    /// right user.
    pub(crate) fn expect_journey(self, journey: &Journey) {
        let mut asked = self.stop();
        asked.sort();
        let mut expected = [journey.managed(), journey.managed(), journey.unmanaged()]
            .map(|place| format!("200 CONNECT {place} ada"));
        expected.sort();
        assert_eq!(asked, expected);
    }
}

pub(crate) const SQUID: &str = "
http_port 127.0.0.1:{port}
https_port 127.0.0.1:{tls_port} tls-cert={dir}/leaf.pem tls-key={dir}/leaf.key
auth_param basic program /usr/lib/squid/basic_ncsa_auth {dir}/passwd
auth_param basic children 2 startup=1
auth_param basic realm {dir}
acl users proxy_auth REQUIRED
http_access allow users
http_access deny all
cache deny all
strip_query_terms off
hosts_file {dir}/hosts
logformat short %>Hs %rm %ru %un
access_log stdio:{dir}/access.log short
cache_log {dir}/cache.log
coredump_dir {dir}
pid_filename none
netdb_filename none
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname proxy.test
cache_effective_user proxy
";

/// Makes squid's CA, its certificate and its list of users, and becomes squid.
pub(crate) const CERTIFICATES: &str = r#"
for name in ca leaf; do openssl ecparam -name prime256v1 -genkey -noout -out $name.key; done
openssl req -x509 -new -key ca.key -days 2 -subj '/CN=proxy CA' -out ca.pem
openssl req -new -key leaf.key -subj /CN=proxy -out leaf.csr
echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' > leaf.ext
openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 2 -extfile leaf.ext -out leaf.pem
echo "ada:$(openssl passwd -apr1 'p@ss')" > passwd
chmod 644 leaf.key
exec squid -N -f squid.conf
"#;

/// tinyproxy, which speaks HTTP in clear only.
pub(crate) struct Tinyproxy {
    pub(crate) daemon: Daemon,
    pub(crate) port: u16,
}

impl Tinyproxy {
    pub(crate) fn start() -> Option<Self> {
        if !installed("tinyproxy") {
            return None;
        }
        let configure = |directory: &Path, port: u16| {
            let log = directory.join("log");
            let text = format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\nBasicAuth ada pass\nLogLevel Connect\nLogFile \"{}\"\n",
                log.display()
            );
            let file = directory.join("tinyproxy.conf");
            put(&file, &text);
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(file);
            command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command
        };
        let is_it = |directory: &Path, _: &str| {
            let log = fs::read_to_string(directory.join("log"));
            log.is_ok_and(|log| log.contains("GET http://nobody.invalid/"))
        };
        let (daemon, port) = Daemon::start(configure, is_it);
        Some(Self { daemon, port })
    }

    /// With the right login; its configuration takes no more than letters, digits and dashes.
    pub(crate) fn url(&self) -> String {
        format!("http://ada:pass@127.0.0.1:{}", self.port)
    }

    pub(crate) fn stop(mut self) -> String {
        self.daemon.stop();
        fs::read_to_string(self.daemon.directory.path().join("log")).unwrap()
    }
}
