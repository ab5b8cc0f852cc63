//! Ways to a host, and what is refused on them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(2);

fn dialer(proxy: Option<SocketAddr>, own: SocketAddr) -> Dialer {
    dialer_with(&[], proxy, own)
}

fn dialer_with(resolve: &[Resolve], proxy: Option<SocketAddr>, own: SocketAddr) -> Dialer {
    let proxies = UserProxies::new(|name| {
        let proxy = proxy.filter(|_| name == "HTTPS_PROXY");
        proxy.map(|address| format!("http://ada:secret@{address}").into())
    });
    Dialer::new(
        resolve,
        Arc::new(proxies),
        Arc::new(Trust::new(None, Vec::new())),
        TIMEOUT,
        Arc::default(),
        Some(OwnListeners {
            proxy: own,
            login_port: 7998,
        }),
    )
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Dials `ssh.test:22` through a proxy that responds to CONNECT with `response`. Then it sends
/// `more` again and again, with a pause after each.
async fn dial_by(
    response: &'static [u8],
    more: Vec<u8>,
    pause: Duration,
) -> Result<Dialed, ConnectError> {
    let (listener, address) = listener().await;
    let (_, elsewhere) = self::listener().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(response).await.unwrap();
        tokio::spawn(async move {
            while stream.write_all(&more).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        });
        String::from_utf8(asked).unwrap()
    });
    let target = Authority::parse("ssh.test:22", None).unwrap();
    let dialed = dialer(Some(address), elsewhere).dial(&target).await;
    let asked = serving.await.unwrap();
    assert!(
        asked.starts_with("CONNECT ssh.test:22 HTTP/1.1\r\n"),
        "{asked}"
    );
    let asked = asked.to_ascii_lowercase();
    assert!(asked.contains("\r\nhost: ssh.test:22\r\n"), "{asked}");
    assert!(
        asked.contains("\r\nproxy-authorization: basic ywrhonnly3jlda==\r\n"),
        "{asked}"
    );
    dialed
}

#[tokio::test]
async fn what_the_host_says_right_behind_the_proxys_response_is_kept() {
    for response in [
        &b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nSSH-2.0-x\r\n"[..],
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nSSH-2.0-x\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 Yes\r\n\r\nSSH-2.0-x\r\n",
    ] {
        let dialed = dial_by(response, Vec::new(), TIMEOUT).await.unwrap();
        assert_eq!(dialed.early, "SSH-2.0-x\r\n");
        // Where the client sends first, these bytes are not the host's.
        assert!(dialed.silent().is_err());
    }
}

#[tokio::test]
async fn a_refusal_names_the_proxy_and_what_to_check() {
    for (response, expected) in [
        (&b"HTTP/1.1 407 No\r\ncontent-length: 2\r\n\r\nno"[..], "407: check the user name and the password in HTTPS_PROXY"),
        (b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic realm=\"x\"\r\nproxy-authenticate: NTLM\r\n\r\n", "407: check"),
        (b"HTTP/1.1 407 No\r\nproxy-authenticate: Negotiate\r\nproxy-authenticate: NTLM\r\n\r\n", "407: it asks for Negotiate, NTLM"),
        (b"HTTP/1.1 403 No\r\n\r\n", "403: it does not allow"),
        (b"HTTP/1.0 502 No\r\n\r\n", "502: it cannot reach"),
        (b"HTTP/1.1 405 No\r\n\r\n", "405: check that HTTPS_PROXY"),
        (b"HTTP/1.1 302 No\r\nlocation: /login\r\n\r\n", "302: check that HTTPS_PROXY"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "gave no response"),
    ] {
        let error = dial_by(response, Vec::new(), TIMEOUT).await.unwrap_err().to_string();
        assert!(error.starts_with("the proxy http://127.0.0.1:"), "{error}");
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_response_without_end_is_bounded() {
    let head = b"HTTP/1.1 200 OK\r\nx: ";
    for more in [b"y".repeat(1000), b"y\r\nx: ".repeat(1000)] {
        let error = dial_by(head, more, Duration::ZERO).await.unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_response_that_drips_is_waited_for_no_longer_than_any_other() {
    let head = b"HTTP/1.1 200 OK\r\nx: ";
    let error = dial_by(head, b"y".to_vec(), Duration::from_millis(100)).await;
    let ConnectError::Timeout { through, .. } = error.unwrap_err() else {
        panic!("the response has no end");
    };
    let through = through.unwrap();
    assert!(
        through.starts_with("the proxy http://127.0.0.1:"),
        "{through}"
    );
}

#[tokio::test]
async fn a_way_that_leads_back_here_is_not_taken() {
    let (_listener, own) = listener().await;
    let target = Authority::parse(&format!("localhost:{}", own.port()), None).unwrap();
    let direct = dialer(None, own).dial(&target).await.unwrap_err();
    assert!(direct.to_string().contains("come back"), "{direct}");
    let target = Authority::parse("gitlab.test:443", None).unwrap();
    let by_proxy = dialer(Some(own), own).dial(&target).await.unwrap_err();
    assert!(by_proxy.to_string().contains("come back"), "{by_proxy}");
    for (name, address) in [("mapped.test", "::ffff:127.0.0.1"), ("any.test", "0.0.0.0")] {
        let given = Resolve {
            host: name.to_owned(),
            port: own.port(),
            address: address.parse().unwrap(),
        };
        let target = Authority::new(name, own.port()).unwrap();
        let error = dialer_with(&[given], None, own).dial(&target).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("come back"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_proxy_that_listens_on_all_addresses_is_known_at_each() {
    for all in ["0.0.0.0:0", "[::]:0"] {
        let listener = TcpListener::bind(all).await.unwrap();
        let own = listener.local_addr().unwrap();
        for address in ["127.0.0.1", "127.0.0.2", "0.0.0.0"] {
            let given = Resolve {
                host: "name.test".to_owned(),
                port: own.port(),
                address: address.parse().unwrap(),
            };
            let target = Authority::new("name.test", own.port()).unwrap();
            let error = dialer_with(&[given], None, own).dial(&target).await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("come back"), "{all} {address}: {error}");
        }
    }
}

#[tokio::test]
async fn no_way_leads_to_a_login() {
    let (_, elsewhere) = listener().await;
    for (name, address) in [
        ("name.test", "127.0.0.1"),
        ("other.test", "127.0.0.2"),
        ("mapped.test", "::ffff:127.0.0.1"),
        ("any.test", "0.0.0.0"),
    ] {
        let given = Resolve {
            host: name.to_owned(),
            port: 7998,
            address: address.parse().unwrap(),
        };
        let target = Authority::new(name, 7998).unwrap();
        let error = dialer_with(&[given], None, elsewhere).dial(&target).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("a login of authsome's"), "{name}: {error}");
    }
}
