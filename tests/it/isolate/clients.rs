//! Clients that know nothing of a proxy or of a CA: their connections are captured.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use authsome_test_support::Arrived;
use authsome_test_support::kit::skip;

use crate::kit::commands::custom;
use crate::kit::isolate::{Inside, PATH, as_user};
use crate::kit::run::finish;

/// A client with an environment that has nothing of the session's.
#[track_caller]
fn bare(inside: &Inside, flags: &[&str], words: &[&str]) -> crate::kit::Outcome {
    finish(inside.run(
        flags,
        &[&["env", "-i", PATH, "HOME=/nonexistent"], words].concat(),
    ))
}

#[test]
fn curl_without_a_variable_is_served_with_the_credential() {
    let Some(inside) = Inside::new("curl_without_a_variable_is_served_with_the_credential") else {
        return;
    };
    let url = inside.managed("/api/v4/user");
    for version in ["--http1.1", "--http2"] {
        for family in ["-4", "-6"] {
            let outcome = bare(&inside, &[], &["curl", "-sSf", version, family, &url]);
            let user = outcome.expect(0).json();
            assert_eq!(user["username"], "ada", "{version} {family}");
        }
    }
    assert_eq!(inside.injected(), 4);
}

#[test]
fn python_and_git_without_a_variable_are_served() {
    let Some(inside) = Inside::new("python_and_git_without_a_variable_are_served") else {
        return;
    };
    let said = inside.python(
        &[],
        "import urllib.request as u
print(u.urlopen('https://%s:%d/api/v4/user' % MANAGED).status)",
    );
    assert_eq!(said, "200");
    let private = authsome_test_support::Visibility::Private;
    inside
        .gitlab
        .add_repo("group/app", private, &[("README", "x")]);
    let url = inside.managed("/group/app.git");
    bare(&inside, &[], &["git", "clone", "-q", &url, "clone"]).expect(0);
    assert!(inside.world.path("clone/README").exists());
    assert!(inside.injected() > 2);
}

/// An index of packages with one wheel, over TLS; says its port.
const INDEX: &str = r#"
import http.server, os, ssl, subprocess, sys, zipfile
os.chdir(sys.argv[1])
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", "/CN=index.test", "-addext", "subjectAltName=DNS:index.test", "-keyout", "index.key", "-out", "index.pem"],
    check=True, stderr=subprocess.DEVNULL)
os.makedirs("simple/demo")
wheel = "demo-1.0-py3-none-any.whl"
with zipfile.ZipFile("simple/demo/" + wheel, "w") as file:
    file.writestr("demo.py", "x = 1\n")
    file.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    file.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    file.writestr("demo-1.0.dist-info/RECORD", "")
with open("simple/demo/index.html", "w") as page:
    page.write(f'<a href="{wheel}">{wheel}</a>')
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("index.pem", "index.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

#[test]
fn pip_downloads_through_a_tunnel() {
    let Some(inside) = Inside::new("pip_downloads_through_a_tunnel") else {
        return;
    };
    let site = inside.world.path("site");
    std::fs::create_dir(&site).unwrap();
    let mut index = Command::new("python3");
    index.args(["-c", INDEX]).arg(&site).stderr(Stdio::null());
    let mut index = index.stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    let mut said = BufReader::new(index.stdout.take().unwrap());
    said.read_line(&mut port).unwrap();
    let port = port.trim();
    let (url, trust) = (
        format!("https://index.test:{port}/simple"),
        site.join("index.pem"),
    );
    let resolve = ["--resolve", &format!("index.test:{port}:127.0.0.1")];
    let download = [
        "python3",
        "-m",
        "pip",
        "download",
        "--quiet",
        "--isolated",
        "--no-cache-dir",
        "--disable-pip-version-check",
        "--cert",
        trust.to_str().unwrap(),
        "--index-url",
        &url,
        "demo",
    ];
    for words in [&[][..], &["env", "-i", PATH, "HOME=/nonexistent"]] {
        let mut command = inside.run(&resolve, &[words, &download].concat());
        // For requests, this variable stands above `--cert`: the session's has all that it has.
        command.env("REQUESTS_CA_BUNDLE", &trust);
        let outcome = finish(command).expect(0);
        let wheel = inside.world.path("demo-1.0-py3-none-any.whl");
        assert!(wheel.exists(), "{}", outcome.stderr);
        std::fs::remove_file(wheel).unwrap();
    }
    index.kill().unwrap();
    index.wait().unwrap();
}

#[test]
fn node_and_java_are_served() {
    let Some(inside) = Inside::new("node_and_java_are_served") else {
        return;
    };
    let url = inside.managed("/api/v4/user");
    // Node brings its own roots, and is told of others by a variable.
    let script = format!("fetch('{url}').then(a => a.json()).then(a => console.log(a.username))");
    let outcome = finish(inside.run(&[], &["node", "-e", &script])).expect(0);
    assert_eq!(outcome.stdout.trim(), "ada");
    let program = format!(
        "import java.net.*; import java.net.http.*;
class Get {{
    public static void main(String[] words) throws Exception {{
        var request = HttpRequest.newBuilder(URI.create(\"{url}\")).build();
        var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        System.out.println(answer.statusCode());
    }}
}}
"
    );
    let program = inside.world.file("Get.java", &program);
    let outcome = bare(&inside, &[], &["java", program.to_str().unwrap()]).expect(0);
    assert_eq!(outcome.stdout.trim(), "200");
    assert_eq!(inside.injected(), 2);
}

#[test]
fn the_explicit_proxy_works_inside_as_well() {
    let Some(inside) = Inside::new("the_explicit_proxy_works_inside_as_well") else {
        return;
    };
    let url = inside.managed("/api/v4/user");
    let script = format!(
        "curl -sSf '{url}' -w '%{{http_connect}} ' -o /dev/null &&
         curl -sSf -x http://127.0.0.1:${{HTTPS_PROXY##*:}} '{url}' -o /dev/null && echo without a password"
    );
    let outcome = inside.shell(&[], &script).expect(0);
    assert_eq!(outcome.stdout.trim(), "200 without a password");
    assert_eq!(inside.injected(), 2);
}

#[test]
fn another_host_is_relayed_untouched() {
    let Some(inside) = Inside::new("another_host_is_relayed_untouched") else {
        return;
    };
    let (url, trust) = (inside.other("/api/v4/user"), inside.world.path("other.pem"));
    let trust = trust.to_str().unwrap();
    let words = [
        "curl",
        "-sS",
        "--cacert",
        trust,
        "-w",
        "%{http_code}",
        "-o",
        "/dev/null",
        &url,
    ];
    let outcome = bare(&inside, &[], &words).expect(0);
    assert_eq!(outcome.stdout, "401");
    let seen = inside.other.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].credential, authsome_test_support::Arrived::None);
    // Its certificate is its own: the session's CA signs for the connection's hosts alone.
    let outcome = bare(&inside, &[], &["curl", "-sS", &url]);
    assert_eq!(outcome.code, Some(60), "{}", outcome.stderr);
}

#[test]
fn an_address_is_served_by_the_name_in_its_hello() {
    let Some(inside) = Inside::new("an_address_is_served_by_the_name_in_its_hello") else {
        return;
    };
    let url = inside.managed("/api/v4/user");
    let entry = format!(
        "{}:{}:93.184.216.34",
        crate::kit::isolate::MANAGED,
        inside.gitlab.port()
    );
    let outcome = bare(&inside, &[], &["curl", "-sSf", "--resolve", &entry, &url]).expect(0);
    assert_eq!(outcome.json()["username"], "ada");
    assert_eq!(inside.injected(), 1);
}

#[test]
fn what_the_policy_denies_is_denied_by_name_and_by_address() {
    let Some(inside) = Inside::new("what_the_policy_denies_is_denied_by_name_and_by_address")
    else {
        return;
    };
    let said = inside.python(
        &["--policy", "deny"],
        "
def attempt(name, work):
    try: print(name, work())
    except Exception as e: print(name, type(e).__name__)
def hello(place, name):
    context = ssl.create_default_context(cafile=TRUST)
    with socket.create_connection(place, timeout=10) as s, context.wrap_socket(s, server_hostname=name): return 'in'
attempt('managed', lambda: socket.create_connection(MANAGED, timeout=10) and 'in')
attempt('name', lambda: socket.getaddrinfo(*OTHER))
attempt('address', lambda: hello(('93.184.216.34', OTHER[1]), OTHER[0]))
attempt('silent', lambda: socket.create_connection(('93.184.216.34', 5432), timeout=10).recv(1))
",
    );
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "managed in",
            "name gaierror",
            "address SSLError",
            "silent b''"
        ]
    );
    assert_eq!(inside.other.connections(), 0);
}

#[test]
fn a_name_that_fronts_for_another_is_refused() {
    let Some(inside) = Inside::new("a_name_that_fronts_for_another_is_refused") else {
        return;
    };
    let said = inside.python(
        &[],
        "
def attempt(place, name):
    context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(place, timeout=10) as s, context.wrap_socket(s, server_hostname=name) as t:
            t.sendall(b'GET / HTTP/1.1\\r\\nHost: %s:%d\\r\\n\\r\\n' % (name.encode(), place[1]))
            return t.recv(12).decode()
    except ssl.SSLError as e: return e.reason
print(attempt(OTHER, 'elsewhere.test'))
print(attempt(MANAGED, 'elsewhere.test'))
s = socket.create_connection(('plain.test', 80)); s.sendall(b'GET / HTTP/1.1\\r\\nHost: elsewhere.test\\r\\n\\r\\n'); print(s.recv(12).decode())
",
    );
    let expected = ["TLSV1_ALERT_ACCESS_DENIED", "HTTP/1.1 421", "HTTP/1.1 421"];
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    assert_eq!(inside.other.connections() + inside.gitlab.connections(), 0);
}

#[test]
fn ssh_to_the_connections_host_is_told_why_not() {
    let Some(inside) = Inside::new("ssh_to_the_connections_host_is_told_why_not") else {
        return;
    };
    let words = ["ssh", "-T", "-o", "BatchMode=yes", "git@gitlab.test"];
    let outcome = bare(&inside, &[], &words);
    assert_eq!(outcome.code, Some(255));
    let expected = "inside an isolated run gitlab.test is reached over HTTPS only";
    assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
}

#[test]
fn openssl_finds_the_certificate_by_its_name() {
    let Some(inside) = Inside::new("openssl_finds_the_certificate_by_its_name") else {
        return;
    };
    if !std::path::Path::new("/etc/ssl/certs").is_dir() {
        return skip("this machine has no directory of certificates");
    }
    let said = inside.python(
        &[],
        "
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(capath='/etc/ssl/certs')
with context.wrap_socket(socket.create_connection(MANAGED), server_hostname=MANAGED[0]) as stream:
    stream.sendall(b'GET /api/v4/user HTTP/1.1\\r\\nHost: %s:%d\\r\\nConnection: close\\r\\n\\r\\n' % (MANAGED[0].encode(), MANAGED[1]))
    print(stream.recv(12).decode())
    print(len(os.listdir('/etc/ssl/certs')) > 100)
",
    );
    assert_eq!(said, "HTTP/1.1 200\nTrue");
    assert_eq!(inside.injected(), 1);
}

#[test]
fn a_virtual_environment_that_only_the_command_names_trusts_it() {
    let Some(inside) = Inside::new("a_virtual_environment_that_only_the_command_names_trusts_it")
    else {
        return;
    };
    // As `python3 -m venv` and pip lay it out.
    let script = r#"mkdir -p "$HOME/e/bin" "$HOME/e/lib/python3.99/site-packages/certifi"
echo none >"$HOME/e/lib/python3.99/site-packages/certifi/cacert.pem"
ln -sf "$(command -v python3)" "$HOME/e/bin/python""#;
    let made = finish(inside.run_with(&[], &["sh", "-c", script]));
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let read = "import sys; print('BEGIN CERTIFICATE' in open(sys.argv[1]).read())";
    let home = inside.world.path("");
    let python = home.join("e/bin/python").display().to_string();
    let bundle = home.join("e/lib/python3.99/site-packages/certifi/cacert.pem");
    let bundle = bundle.display().to_string();
    let outcome = finish(inside.run(&[], &[&python, "-c", read, &bundle])).expect(0);
    assert_eq!(outcome.stdout, "True\n");
}

#[test]
fn a_client_that_asks_which_addresses_there_are_looks_names_up() {
    let Some(inside) = Inside::new("a_client_that_asks_which_addresses_there_are_looks_names_up")
    else {
        return;
    };
    let said = inside.python(
        &[],
        "
found = socket.getaddrinfo(*MANAGED, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
print(sorted({family.name for family, *_ in found}))
",
    );
    assert_eq!(said, "['AF_INET', 'AF_INET6']");
}

#[test]
fn the_agents_api_needs_no_variable_and_no_permission() {
    let Some(inside) = Inside::new("the_agents_api_needs_no_variable_and_no_permission") else {
        return;
    };
    for url in ["https://authsome.internal/", "http://authsome.internal/"] {
        let words = ["curl", "-sS", "--fail-with-body", url];
        let outcome = bare(&inside, &["--policy", "deny"], &words).expect(0);
        assert!(
            outcome.stdout.contains("gitlab/default"),
            "{}",
            outcome.stdout
        );
    }
    let words = ["curl", "-sS", "https://authsome.internal/"];
    let outcome = bare(&inside, &["--no-agent-api"], &words);
    assert_ne!(outcome.code, Some(0), "{}", outcome.stdout);
}

#[test]
fn a_connection_that_is_made_during_the_run_joins_it() {
    let Some(inside) = Inside::new("a_connection_that_is_made_during_the_run_joins_it") else {
        return;
    };
    let base = inside.other("");
    let place = base.trim_start_matches("https://");
    let definition = format!(
        r#"{{ "name": "acme", "display_name": "Acme", "auth_type": "api_key", "api_url": "{place}" }}"#
    );
    custom(&inside.world, "acme", &definition);
    let key = inside.world.file("key", "k-real").display().to_string();
    let program = "
import time, urllib.error, urllib.request
def get(url, trust=None):
    context = ssl.create_default_context(cafile=trust)
    try: return urllib.request.urlopen(url, context=context).read().decode()
    except urllib.error.HTTPError as error: return error.read().decode()
other = f'https://{OTHER[0]}:{OTHER[1]}'
print(get(other + '/public', TRUST).strip(), flush=True)
end = time.time() + 60
while 'acme/default' not in get('https://authsome.internal/'): assert time.time() < end
get(other + '/api/v4/user')
";
    let words = ["env", "-i", PATH, "python3", "-c", &inside.told(program)];
    let mut run = inside.run(&["--join", "new"], &words);
    let mut run = run.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "public");
    let ca = inside.world.path("other.pem").display().to_string();
    let words = ["login", "acme", "--ca-file", &ca, "--api-key-file", &key];
    finish(as_user(&inside.world, &inside.world.authsome(words))).expect(0);
    assert!(run.wait().unwrap().success());
    let token = "k-real".to_owned();
    let sent = inside.other.seen().pop().unwrap().credential;
    assert_eq!(sent, Arrived::Bearer { token });
}
