//! What a test needs beside the server: the fixed port, and a browser.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set to 1, it makes a test fail for which the machine has not what it needs: what runs everywhere
/// must not come to check nothing.
const REQUIRE_ALL: &str = "TESTS_REQUIRE_ALL";

/// Says that a test, or a part of one, does not run here, and why; written past libtest, which
/// keeps what a test that passes prints.
///
/// # Panics
///
/// Panics where nothing may be skipped, as in CI.
#[track_caller]
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    assert!(
        std::env::var_os(REQUIRE_ALL).is_none_or(|value| value != "1"),
        "{test} may not be skipped: {reason}"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}

/// Holds port 7998 for one test at a time, across processes. Dropping it lets the next one in.
#[derive(Debug)]
pub struct PortGuard {
    // The lock ends with the file, and so with the process that dies holding it.
    _lock: File,
}

/// Waits until no other test uses port 7998, the fixed port of the redirect URI.
///
/// # Panics
///
/// Panics where the lock file cannot be opened or locked.
pub fn port_7998() -> PortGuard {
    let lock = lock_file().expect("the lock file can be opened");
    lock.lock().expect("the lock file can be locked");
    PortGuard { _lock: lock }
}

/// The one file of this machine, whoever made it: the port is one for all users, and for all that
/// `TMPDIR` may be.
///
/// To lock it, reading is enough. In a directory like this one Linux refuses to open another user's
/// file for creation (`fs.protected_regular`), so it is made only where there is none.
fn lock_file() -> std::io::Result<File> {
    let path = Path::new("/tmp/authsome-test-port-7998.lock");
    loop {
        match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(file) => file.set_permissions(Permissions::from_mode(0o644))?, // whatever the umask
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// Writes a script for `$BROWSER` that follows the URL it is given with curl, trusting `ca`. The
/// last page lands in `DIR/page.html`, the URL in `DIR/url.txt`.
///
/// # Panics
///
/// Panics where `sh` is missing or the directory cannot be written.
pub fn browser_script(dir: &Path, ca: &Path) -> PathBuf {
    let path = dir.join("browser.sh");
    let (dir, ca) = (quote(dir), quote(ca));
    let script = format!(
        "#!/bin/sh\n\
         unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY\n\
         printf '%s\\n' \"$1\" > {dir}/url.txt\n\
         exec curl -sS -L --cacert {ca} --max-time 30 -o {dir}/page.html \"$1\"\n"
    );
    write_executable(&path, &script);
    path
}

/// Writes by a child: were the file open for writing in this process, a child that another
/// test's thread forks at that moment would inherit it, and running the script would fail with
/// ETXTBSY.
fn write_executable(path: &Path, script: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh is installed");
    let mut stdin = writer.stdin.take().expect("stdin was piped");
    stdin
        .write_all(script.as_bytes())
        .expect("sh reads the script");
    drop(stdin);
    let status = writer.wait().expect("sh can be waited for");
    assert!(status.success(), "{} cannot be written", path.display());
}

/// Quotes a path for `sh`.
fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}
