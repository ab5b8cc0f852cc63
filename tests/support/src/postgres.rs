//! A PostgreSQL server of a test's own: Debian's, in a private directory, on a private socket.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::skip;

/// Where Debian installs servers, each version in a directory.
const INSTALLED: &str = "/usr/lib/postgresql";

/// Who runs the server where the tests run as root, whom it refuses: `nobody`.
const OTHER: u32 = 65534;

/// Far more than a start takes.
const DEADLINE: Duration = Duration::from_mins(1);

/// A server that ends when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    /// Removed with this.
    directory: tempfile::TempDir,
    name: &'static str,
    port: u16,
    child: Mutex<Option<Child>>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server; `None`, and the test is skipped by name, where none is installed.
    ///
    /// # Panics
    ///
    /// Panics where one is installed and does not start.
    #[track_caller]
    pub fn start() -> Option<Self> {
        if programs().is_none() {
            skip("no PostgreSQL server is installed");
            return None;
        }
        let directory = tempfile::Builder::new()
            .prefix("pg")
            .tempdir_in("/tmp")
            .expect("a directory can be made");
        own(directory.path());
        let server = Self::at(directory, "data");
        let data = server.data();
        let mut made = server.program("initdb");
        made.args(["-A", "trust", "-U", "postgres", "--no-sync"]);
        run(made.args(["-E", "UTF8", "--locale=C", "-D"]).arg(&data));
        server.configure(
            "wal_level = replica\nmax_wal_senders = 4\nfsync = off\nlog_statement = none\n",
        );
        server.launch();
        Some(server)
    }

    /// One server for all tests of the process, each of which makes its own database. It ends with
    /// the process.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            // The kernel ends the server with the thread that has started it, so that thread stays.
            let (sender, started) = std::sync::mpsc::channel();
            thread::spawn(move || {
                let _ = sender.send(Self::start());
                loop {
                    thread::park();
                }
            });
            started.recv().ok().flatten()
        });
        shared.as_ref()
    }

    /// A replica that streams from this server, and has all that this one has now.
    ///
    /// # Panics
    ///
    /// Panics where it cannot be made.
    #[must_use]
    pub fn replica(&self) -> Self {
        let directory = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp");
        let directory = directory.expect("a directory can be made");
        own(directory.path());
        let replica = Self::at(directory, "replica");
        let mut copy = self.program("pg_basebackup");
        copy.args(["-R", "-X", "stream", "-c", "fast", "-U", "postgres", "-h"])
            .arg(self.directory.path())
            .args(["-p", &self.port.to_string(), "-D"])
            .arg(replica.data());
        run(&mut copy);
        replica.configure("");
        replica.launch();
        replica
    }

    fn at(directory: tempfile::TempDir, name: &'static str) -> Self {
        // For those who come by TCP; the socket has its name from it.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self {
            directory,
            name,
            port: port.expect("a port is free").port(),
            child: Mutex::default(),
            databases: AtomicU32::new(0),
        }
    }

    fn configure(&self, more: &str) {
        let socket = self.directory.path().display();
        let port = self.port;
        let text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{socket}'\n\
             max_connections = 400\nshared_buffers = 32MB\n{more}"
        );
        let file = self.data().join("conf.d.conf");
        let mut main = fs::read_to_string(self.data().join("postgresql.conf")).unwrap_or_default();
        if !main.contains("conf.d.conf") {
            main.push_str("\ninclude 'conf.d.conf'\n");
            write(&self.data().join("postgresql.conf"), &main);
        }
        write(&file, &text);
    }

    /// From the next start on, the server listens at that address too, with TLS, for those who have
    /// the password. Returns the file of the CA that they have to trust.
    ///
    /// # Panics
    ///
    /// Panics where a file cannot be written.
    pub fn listen_with_tls(&self, address: &str, password: &str) -> PathBuf {
        let key = rcgen::KeyPair::generate().expect("there is randomness");
        let names = vec![address.to_owned()];
        let certificate = rcgen::CertificateParams::new(names)
            .and_then(|names| names.self_signed(&key))
            .expect("it is a name or an address");
        let ca = self.file("server.crt", &certificate.pem());
        let key = self.file("server.key", &key.serialize_pem());
        self.set(&format!(
            "listen_addresses = '127.0.0.1,{address}'\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'",
            ca.display(),
            key.display()
        ));
        let rules = self.data().join("pg_hba.conf");
        let before = fs::read_to_string(&rules).expect("it was written");
        write(
            &rules,
            &format!("hostssl all all 0.0.0.0/0 scram-sha-256\n{before}"),
        );
        self.sql(
            "postgres",
            &format!("CREATE ROLE ci SUPERUSER LOGIN PASSWORD '{password}'"),
        );
        ca
    }

    /// Adds settings, which count from the next start on.
    ///
    /// # Panics
    ///
    /// Panics where the file cannot be written.
    pub fn set(&self, settings: &str) {
        let file = self.data().join("conf.d.conf");
        let before = fs::read_to_string(&file).expect("it was written");
        write(&file, &format!("{before}\n{settings}\n"));
    }

    /// Writes a file into the server's own directory, which only the server can read.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        write(&path, content);
        path
    }

    /// The address of a new database.
    ///
    /// # Panics
    ///
    /// Panics where the server does not make one.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("grants{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The address of a database, on this machine's socket.
    pub fn url(&self, database: &str) -> String {
        let socket = self.directory.path().display().to_string();
        let socket = socket.replace('/', "%2F");
        let port = self.port;
        format!("postgres://postgres@{socket}:{port}/{database}?lease=30")
    }

    /// The port, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a statement gives, a line for each row.
    ///
    /// # Panics
    ///
    /// Panics where the server refuses it.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let mut psql = self.program("psql");
        psql.args(["-XqtA", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h"])
            .arg(self.directory.path())
            .args([
                "-p",
                &self.port.to_string(),
                "-d",
                database,
                "-c",
                statement,
            ]);
        run(&mut psql).trim().to_owned()
    }

    /// Kills the server and all that it has started, as a crash does.
    ///
    /// # Panics
    ///
    /// Panics where it cannot be killed.
    pub fn kill(&self) {
        self.control(&["stop", "-m", "immediate"]);
        self.wait();
    }

    /// Stops all of its processes, or lets them go on: it answers nobody and refuses nobody, as
    /// behind a link that is cut.
    ///
    /// # Panics
    ///
    /// Panics where it does not run.
    pub fn cut_off(&self, is_cut_off: bool) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let main = child.as_ref().expect("it runs").id().to_string();
        let children = fs::read_to_string(format!("/proc/{main}/task/{main}/children"));
        let children = children.expect("the kernel lists them");
        let signal = if is_cut_off { "-STOP" } else { "-CONT" };
        let mut kill = Command::new("kill");
        kill.arg(signal)
            .arg(&main)
            .args(children.split_whitespace());
        run(&mut kill);
    }

    /// Starts the server again.
    pub fn start_again(&self) {
        self.launch();
    }

    /// Makes a replica the server that takes writes.
    pub fn promote(&self) {
        self.control(&["promote", "-w"]);
    }

    fn wait(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut child) = child.take() {
            let _ = child.wait();
        }
    }

    fn control(&self, words: &[&str]) {
        let mut control = self.program("pg_ctl");
        control.args(words).arg("-D").arg(self.data());
        run(&mut control);
    }

    fn launch(&self) {
        let log = self.directory.path().join("log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log);
        let log = log.expect("the log can be written");
        let errors = log.try_clone().expect("a descriptor is free");
        let mut command = self.program("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .stdout(log)
            .stderr(errors);
        let child = command.spawn().expect("the server starts");
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let end = Instant::now() + DEADLINE;
        let mut ready = self.program("pg_isready");
        ready
            .args(["-q", "-h"])
            .arg(self.directory.path())
            .args(["-p", &self.port.to_string()]);
        while !ready.status().is_ok_and(|status| status.success()) {
            let log = self.directory.path().join("log");
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(Instant::now() < end, "the server does not start: {}", log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join(self.name)
    }

    /// A program of the server's, as a user whom it does not refuse. It ends with this process.
    fn program(&self, name: &str) -> Command {
        let program = programs().expect("it is installed").join(name);
        let mut command = Command::new("setpriv");
        if is_root() {
            let other = OTHER.to_string();
            command.args(["--reuid", &other, "--regid", &other, "--clear-groups"]);
        }
        if name == "postgres" {
            command.args(["--pdeathsig", "QUIT"]);
        }
        command.arg(program).stdin(Stdio::null());
        command.current_dir(self.directory.path());
        command
            .env_remove("PGHOST")
            .env("HOME", self.directory.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let is_running = self
            .child
            .lock()
            .is_ok_and(|child| child.as_ref().is_some());
        if is_running {
            let mut control = self.program("pg_ctl");
            control
                .args(["stop", "-m", "immediate", "-D"])
                .arg(self.data());
            let _ = control.output();
            self.wait();
        }
    }
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(INSTALLED).ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    let mut programs: Vec<_> = programs
        .filter(|path| path.join("postgres").exists())
        .collect();
    programs.sort();
    programs.pop()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

fn own(path: &Path) {
    if is_root() {
        chown(path, Some(OTHER), Some(OTHER)).expect("root may do that");
    }
}

fn write(path: &Path, content: &str) {
    let mut file = fs::File::create(path).expect("the directory is ours");
    std::io::Write::write_all(&mut file, content.as_bytes()).expect("there is room");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).expect("the file is ours");
    own(path);
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("setpriv is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
