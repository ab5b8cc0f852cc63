//! Bodies of any size, both ways at one time.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::mpsc;

use serde_json::Value;

use crate::kit::client::{authority, fetch, python, spawn};
use crate::kit::servers::{Scripted, connect_elsewhere, read_head};
use crate::kit::{Setup, World};

/// What goes each way, in bytes.
const LARGE: u64 = 1 << 30;

/// The most that the proxy may have had in memory, in kB, without the pages of its program: in a
/// build for tests those are most of it, and more with every crate.
const MAX_MEMORY: u64 = 10 * 1024;

/// The head of an event stream of unknown length.
const EVENT_STREAM: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn uploads_arrive_whole_with_and_without_a_length() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let file = world.file("upload.bin", &"0123456789abcdef".repeat(200_000));
    let sum = Command::new("sha256sum")
        .arg(&file)
        .output()
        .unwrap()
        .stdout;
    let sum = String::from_utf8(sum[..64].to_vec()).unwrap();
    let url = format!("{}/api/v4/echo", gitlab.base_url());
    let data = format!("@{}", file.display());
    let calls: [&[&str]; 4] = [
        &["--http1.1", "--data-binary", &data, &url],
        &[
            "--http1.1",
            "-H",
            "Transfer-Encoding: chunked",
            "--data-binary",
            &data,
            &url,
        ],
        &["--http2", "--data-binary", &data, &url],
        &[
            "--http2",
            "-X",
            "POST",
            "-H",
            "Content-Length:",
            "--data-binary",
            &data,
            &url,
        ],
    ];
    for call in calls {
        let told: Value = serde_json::from_slice(&fetch(&world, &[], call).body).unwrap();
        assert_eq!(
            (&told["bytes"], &told["sha256"]),
            (&3_200_000.into(), &sum.as_str().into()),
            "{call:?}"
        );
    }
}

#[test]
fn server_sent_events_arrive_as_they_are_sent() {
    for version in ["--http1.1", "--http2"] {
        let world = World::new();
        let (send, may_send) = mpsc::channel::<u32>();
        let upstream = Scripted::start(move |stream| {
            read_head(stream);
            stream.write_all(EVENT_STREAM).unwrap();
            while let Ok(number) = may_send.recv() {
                let event = format!("data: {number}\n\n");
                write!(stream, "{:x}\r\n{event}\r\n", event.len()).unwrap();
                stream.flush().unwrap();
            }
            stream.write_all(b"0\r\n\r\n").unwrap();
        });
        connect_elsewhere(&world, &upstream.base_url(), Some(&upstream.ca_pem));
        let url = format!("{}/api/v4/events", upstream.base_url());
        let (mut child, mut lines) =
            spawn(&world, &["curl", "-sSN", version, "--max-time", "60", &url]);
        // An event is sent only after the one before has been read: a proxy that held one back
        // would never get here.
        for number in 0..5 {
            send.send(number).unwrap();
            assert_eq!(lines.next_line(), format!("data: {number}"));
            assert_eq!(lines.next_line(), "");
        }
        drop(send);
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_request_and_its_response_stream_at_the_same_time() {
    let Setup { world, gitlab, .. } = Setup::connected();
    let program = r#"
target = sys.argv[1]
peer = managed(target)
peer.send(f"POST /api/v4/bidi HTTP/1.1\r\nHost: {target}\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
status = None
for number in range(5):
    piece = f"piece {number}"
    peer.send(f"{len(piece):x}\r\n{piece}\r\n")
    status = status or peer.head()[0]
    size = int(peer.line(), 16)
    say({"echo": peer.exactly(size).decode(), "status": status})
    peer.line()
peer.send("0\r\n\r\n")
say({"end": peer.line(), "trailers": peer.fields()})
"#;
    let told = python(&world, &[], program, &[authority(&gitlab)]);
    for (number, line) in told[..5].iter().enumerate() {
        assert_eq!(line["echo"], format!("piece {number}"));
        assert_eq!(line["status"], 200);
    }
    assert_eq!(
        (&told[5]["end"], &told[5]["trailers"]["grpc-status"]),
        (&"0".into(), &"0".into())
    );
}

#[test]
fn large_bodies_stream_in_bounded_memory() {
    let Setup { world, gitlab, .. } = Setup::connected();
    // A hole in a file: it takes no room.
    let file = world.path("hole.bin");
    File::create(&file).unwrap().set_len(LARGE).unwrap();
    let script = r#"
set -e
for version in --http1.1 --http2; do
    curl -sSf "$version" -o /dev/null -w '%{size_download}\n' "$1/api/v4/download?bytes=$2"
    curl -sSf "$version" -T "$3" "$1/api/v4/upload"
    echo
done
grep -E 'VmHWM|RssFile' "/proc/$PPID/status"
"#;
    let (size, file) = (LARGE.to_string(), file.display().to_string());
    let outcome = world
        .run([
            "bash",
            "-c",
            script,
            "bash",
            &gitlab.base_url(),
            &size,
            &file,
        ])
        .expect(0);
    let said: Vec<_> = outcome.stdout.lines().collect();
    let bytes = format!("{{\"bytes\":{LARGE}}}");
    assert_eq!(said[..4], [size.as_str(), &bytes, &size, &bytes]);
    let [peak, program] = [4, 5].map(|line: usize| {
        let number = said[line].split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap()
    });
    assert!(peak - program < MAX_MEMORY, "{} kB", peak - program);
}
