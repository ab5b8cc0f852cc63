//! A scripted server for each reply, and for each way of breaking off.

use tokio::io::DuplexStream;

use super::*;
use crate::net::dial::Queue;
use crate::net::user_proxy::UserProxies;

/// Opens a tunnel to `target` through a scripted server. It sends each reply after it has read the
/// request before it, and `SSH-` at the end.
async fn open_by(proxy: &str, target: &str, script: &[(&[u8], &[u8])]) -> Result<(), String> {
    let proxies = UserProxies::new(|name| (name == "ALL_PROXY").then(|| proxy.into()));
    let target = Authority::parse(target, None).unwrap();
    let proxy = proxies.for_https(target.host(), target.port());
    let proxy = proxy.unwrap().unwrap();
    let (mut near, far) = tokio::io::duplex(4096);
    let client = async {
        let queue = Queue::default();
        let wait = Wait::new(&queue);
        let outcome = match destinations(&target, proxy.kind(), &wait).await {
            Ok(found) => open(&mut near, &found[0], target.port(), proxy).await,
            Err(error) => Err(error),
        };
        if outcome.is_ok() {
            let mut rest = [0; 4];
            near.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b"SSH-", "what the host says is left to be read");
        }
        drop(near);
        outcome
    };
    let (outcome, ()) = tokio::join!(client, play(far, script));
    outcome.map_err(|error| error.to_string())
}

async fn play(mut far: DuplexStream, script: &[(&[u8], &[u8])]) {
    for (number, (question, response)) in script.iter().enumerate() {
        let mut asked = vec![0; question.len()];
        far.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, *question);
        let last = number + 1 == script.len();
        let greeting: &[u8] = if last { b"SSH-" } else { b"" };
        far.write_all(&[response, greeting].concat()).await.unwrap();
    }
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "unasked: {rest:?}");
}

#[tokio::test]
async fn version_5_takes_names_addresses_and_logins() {
    let bound = b"\x05\0\0\x01\x7f\0\0\x01\0\x50";
    let bound_name = b"\x05\0\0\x03\x04here\0\x50";
    open_by(
        "socks5h://proxy",
        "gitlab.test:443",
        &[
            (b"\x05\x01\0", b"\x05\0"),
            (b"\x05\x01\0\x03\x0bgitlab.test\x01\xbb", bound),
        ],
    )
    .await
    .unwrap();
    open_by(
        "socks5h://ada:p%40ss@proxy",
        "[2001:db8::1]:22",
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x03ada\x04p@ss", b"\x01\0"),
            (
                b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x16",
                bound_name,
            ),
        ],
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_version_5_server_that_wants_no_login_gets_none() {
    open_by(
        "socks5://ada:pass@proxy",
        "127.0.0.1:443",
        &[
            (b"\x05\x02\0\x02", b"\x05\0"),
            (
                b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb",
                b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ),
        ],
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn names_are_resolved_here_unless_the_scheme_says_otherwise() {
    // The system's resolver knows localhost, at least as IPv4; SOCKS 4 has no other addresses.
    open_by(
        "socks4://ada@proxy",
        "localhost:443",
        &[(b"\x04\x01\x01\xbb\x7f\0\0\x01ada\0", b"\0\x5a\0\0\0\0\0\0")],
    )
    .await
    .unwrap();
    open_by(
        "socks4a://proxy",
        "gitlab.test:443",
        &[(
            b"\x04\x01\x01\xbb\0\0\0\x01\0gitlab.test\0",
            b"\0\x5a\0\0\0\0\0\0",
        )],
    )
    .await
    .unwrap();
    let error = open_by("socks5://proxy", "name.invalid:443", &[]).await;
    assert!(error.unwrap_err().contains("socks5h"));
}

#[tokio::test]
async fn a_refusal_says_why() {
    type Script<'a> = &'a [(&'a [u8], &'a [u8])];
    let table: [(&str, Script, &str); 9] = [
        ("socks5://p", &[(b"\x05\x01\0", b"\x05\xff")], "ALL_PROXY"),
        (
            "socks5://ada:secret@p",
            &[
                (b"\x05\x02\0\x02", b"\x05\x02"),
                (b"\x01\x03ada\x06secret", b"\x01\x01"),
            ],
            "ALL_PROXY",
        ),
        (
            "socks5://p",
            &[
                (b"\x05\x01\0", b"\x05\0"),
                (
                    b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb",
                    b"\x05\x02\0\x01\0\0\0\0\0\0",
                ),
            ],
            "does not allow",
        ),
        (
            "socks5://p",
            &[
                (b"\x05\x01\0", b"\x05\0"),
                (
                    b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb",
                    b"\x05\x09\0\x01\0\0\0\0\0\0",
                ),
            ],
            "has no name for",
        ),
        ("socks5://p", &[(b"\x05\x01\0", b"HTTP")], "SOCKS 5"),
        (
            "socks5://p",
            &[
                (b"\x05\x01\0", b"\x05\0"),
                (b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb", b"\x05\0\0\x09"),
            ],
            "SOCKS 5",
        ),
        (
            "socks4://p",
            &[(b"\x04\x01\x01\xbb\x7f\0\0\x01\0", b"\0\x5b\0\0\0\0\0\0")],
            "refused",
        ),
        (
            "socks4://p",
            &[(b"\x04\x01\x01\xbb\x7f\0\0\x01\0", b"HTTP/1.1")],
            "SOCKS 4",
        ),
        ("socks4://a%00b@p", &[], "NUL"),
    ];
    for (proxy, script, expected) in table {
        let error = open_by(proxy, "127.0.0.1:443", script).await.unwrap_err();
        assert!(
            error.contains(expected) && !error.contains("secret"),
            "{error}"
        );
    }
    let error = open_by("socks4://p", "[::1]:443", &[]).await.unwrap_err();
    assert!(error.contains("IPv6"), "{error}");
}

#[tokio::test]
async fn a_login_is_sent_as_the_user_wrote_it() {
    let request = b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb";
    let bound = b"\x05\0\0\x01\x7f\0\0\x01\0\x50";
    // RFC 1929 does not allow an empty password, but servers that know a user only by name accept
    // it.
    open_by(
        "socks5://ada@proxy",
        "127.0.0.1:443",
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x03ada\0", b"\x01\0"),
            (request, bound),
        ],
    )
    .await
    .unwrap();
    // Some servers send their own version, 5, where the version of the login, 1, belongs.
    open_by(
        "socks5://ada:pass@proxy",
        "127.0.0.1:443",
        &[
            (b"\x05\x02\0\x02", b"\x05\x02"),
            (b"\x01\x03ada\x04pass", b"\x05\0"),
            (request, bound),
        ],
    )
    .await
    .unwrap();
    let (user, name) = ("u".repeat(255), format!("{}test", "n.".repeat(120)));
    let question = format!("\x04\x01@@\0\0\0\x01{user}\0{name}\0").into_bytes();
    let question: Vec<_> = [&question[..2], b"\x01\xbb", &question[4..]].concat();
    open_by(
        &format!("socks4a://{user}@proxy"),
        &format!("{name}:443"),
        &[(&question, b"\0\x5a\0\0\0\0\0\0")],
    )
    .await
    .unwrap();
}
