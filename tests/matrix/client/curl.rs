//! curl, as users call it.

use std::process::Stdio;

use tokio::process::Command;

use crate::cell::{ClientKind, Upload};
use crate::outcome::Got;
use crate::server::Place;
use crate::way::Way;

/// Makes one request.
pub(super) async fn request(place: &Place, way: &Way) -> Got {
    let output = match command(place, way).output().await {
        Ok(output) => output,
        Err(error) => return Got::failed(format!("curl cannot be started: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let mut words = said.split(' ');
    let mut number = || {
        words
            .next()
            .and_then(|word| word.parse::<u64>().ok())
            .unwrap_or_default()
    };
    let (status, bytes, sent) = (number(), number(), number());
    let ours = words.next().filter(|code| !code.is_empty());
    let code = output.status.code();
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Got {
        status: u16::try_from(status).ok().filter(|status| *status > 0),
        interim: Vec::new(),
        ours: ours.map(str::to_owned),
        bytes,
        is_whole: code == Some(0),
        has_ended: code == Some(0),
        is_stuck: code == Some(TIMED_OUT),
        sent,
        error: Some(error).filter(|error| !error.is_empty()),
    }
}

fn command(place: &Place, way: &Way) -> Command {
    let cell = place.scene.cell;
    let mut command = to(place, way);
    command.args(["-o", "/dev/null"]);
    command.args([
        "--speed-limit",
        "1",
        "--speed-time",
        "5",
        "--max-time",
        "50",
    ]);
    command.args([
        "-w",
        "%{http_code} %{size_download} %{size_upload} %header{authsome-error}",
    ]);
    command.arg(if cell.client == ClientKind::Curl2 {
        "--http2"
    } else {
        "--http1.1"
    });
    if cell.upload != Upload::None {
        let expect = if cell.upload == Upload::Expect {
            "expect: 100-continue"
        } else {
            "expect:"
        };
        command
            .args(["-X", "POST", "-H", expect, "-T"])
            .arg(place.bodies.of(cell.size()));
    }
    command.arg(format!("https://{}/api/cell/0", place.authority()));
    command
}

/// curl on its way to that place, with nothing that it shall ask for.
pub(crate) fn to(place: &Place, way: &Way) -> Command {
    let mut command = Command::new("curl");
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.args(["-q", "-sS", "--noproxy", ""]);
    command.arg("--cacert").arg(&way.trust);
    match &way.proxy {
        Some(proxy) => command.args(["-x", proxy.as_str()]),
        None => command.args(["--resolve", &format!("{}:127.0.0.1", place.authority())]),
    };
    command
}

/// curl's exit code where a time is over, or the speed was too low for too long.
const TIMED_OUT: i32 = 28;
