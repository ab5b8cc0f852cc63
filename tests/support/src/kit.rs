//! What a test needs beside the server: the fixed port, and a browser.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
/// Panics where the lock file in the system's temporary directory cannot be opened or locked.
pub fn port_7998() -> PortGuard {
    let path = std::env::temp_dir().join("authsome-test-port-7998.lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .expect("the lock file can be opened");
    lock.lock().expect("the lock file can be locked");
    PortGuard { _lock: lock }
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
