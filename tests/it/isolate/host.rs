//! Loopback: the command's own, and ports of the other side's.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use authsome_test_support::kit::skip;

use crate::kit::isolate::Inside;
use crate::kit::run::{Running, finish};

/// A server of this machine's that says one word to each that connects.
fn greeter() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"host");
        }
    });
    port
}

#[test]
fn the_commands_own_servers_work() {
    let Some(inside) = Inside::new("the_commands_own_servers_work") else {
        return;
    };
    let said = inside.python(
        &[],
        "
import threading
for family, address in [(socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'), (socket.AF_INET, '0.0.0.0'), (socket.AF_INET, '127.8.8.8')]:
    server = socket.create_server((address, 0), family=family)
    threading.Thread(target=lambda: server.accept()[0].sendall(b'own'), daemon=True).start()
    to = '127.0.0.1' if address == '0.0.0.0' else address
    print(socket.create_connection((to, server.getsockname()[1])).recv(3).decode())
",
    );
    assert_eq!(said, ["own"; 4].join("\n"));
}

#[test]
fn a_port_of_the_hosts_is_reached_where_the_user_names_it() {
    let Some(inside) = Inside::new("a_port_of_the_hosts_is_reached_where_the_user_names_it") else {
        return;
    };
    let (named, other) = (greeter().to_string(), greeter());
    let said = inside.python(
        &["--host-port", &named],
        &format!(
            "
for port in ({named}, {other}):
    for address in ('127.0.0.1', '::1'):
        try: print(socket.create_connection((address, port), timeout=5).recv(4).decode())
        except OSError as e: print(e.strerror)
"
        ),
    );
    assert_eq!(said, "host\nhost\nConnection refused\nConnection refused");
}

#[test]
fn nothing_else_of_the_host_is_reached_by_the_proxy() {
    let Some(inside) = Inside::new("nothing_else_of_the_host_is_reached_by_the_proxy") else {
        return;
    };
    let port = greeter();
    let script = format!(
        "for host in 127.0.0.1 localhost 0.0.0.0 127.1 '[::1]' '[::ffff:127.0.0.1]'; do
            curl -s -m 5 -o /dev/null -w '%{{http_connect}} ' --noproxy '' -p -x \"$HTTPS_PROXY\" \"http://$host:{port}/\"
         done"
    );
    let outcome = inside.shell(&[], &script);
    assert_eq!(outcome.stdout.trim(), ["403"; 6].join(" "));
}

#[test]
fn the_host_reaches_what_the_command_publishes() {
    let Some(inside) = Inside::new("the_host_reaches_what_the_command_publishes") else {
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let program = inside.told(&format!(
        "
server = socket.create_server(('127.0.0.1', {port})); print('listens', flush=True)
for _ in range(3): server.accept()[0].sendall(b'inside')
"
    ));
    let flags = ["--publish", &port.to_string()];
    let mut running = Running::start(inside.run(&flags, &["python3", "-c", &program]));
    assert_eq!(running.line().unwrap(), "listens");
    for _ in 0..3 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said, "inside");
    }
    assert_eq!(running.end().code(), Some(0));
}

#[test]
fn a_taken_port_is_said_before_anything_starts() {
    let Some(inside) = Inside::new("a_taken_port_is_said_before_anything_starts") else {
        return;
    };
    let port = greeter().to_string();
    let outcome = finish(inside.run(&["--publish", &port], &["echo", "started"])).expect(125);
    assert_eq!(outcome.stdout, "");
    assert!(
        outcome.stderr.contains(&format!("port {port}")),
        "{}",
        outcome.stderr
    );
}

/// Debian's PostgreSQL, whose server is in none of `PATH`'s directories.
fn postgresql() -> Option<std::path::PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin"));
    programs
        .filter(|programs| programs.join("initdb").exists())
        .max()
}

#[test]
fn a_database_that_the_command_starts_is_used() {
    const TEST: &str = "a_database_that_the_command_starts_is_used";
    let Some(inside) = Inside::new(TEST) else {
        return;
    };
    let Some(programs) = postgresql() else {
        return skip(&format!("{TEST} needs postgresql"));
    };
    let script = format!(
        r#"set -e
PATH={}:$PATH; cd "$HOME"; data=$PWD/data
initdb --no-sync -A trust -U ada -D "$data" >/dev/null
echo "fsync=off" >>"$data/postgresql.conf"
pg_ctl -s -w -D "$data" -o "-p 5432 -k $data" -l "$data/log" start
psql -h 127.0.0.1 -U ada -d postgres -Atc "create table t (n int); insert into t values (41); select n + 1 from t"
psql -h "$data" -U ada -d postgres -Atc "select 'by its socket'"
curl -sS --fail-with-body {} | grep -o '"username":"ada"'
pg_ctl -s -w -m fast -D "$data" stop"#,
        programs.display(),
        inside.managed("/api/v4/user"),
    );
    let outcome = inside.shell(&[], &script).expect(0);
    let lines: Vec<_> = outcome.stdout.lines().collect();
    let expected = [
        "CREATE TABLE",
        "INSERT 0 1",
        "42",
        "by its socket",
        r#""username":"ada""#,
    ];
    assert_eq!(lines, expected, "{}", outcome.stderr);
}
