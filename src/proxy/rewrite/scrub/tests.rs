//! The search and the codings through their own doors.

mod codings;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderValue;

use super::patterns::{Fit, Hidden, Patterns};
use super::properties::{self, Cutter};
use super::scrub_fields;
use super::stream::Scrubber;

const TOKEN: &str = "glpat-AbCdEfGhIjKlMnOpQrSt";
const PLACEHOLDER: &str = "authsome-proxy-managed";

fn patterns(secrets: &[&str]) -> Arc<Patterns> {
    let hidden = secrets.iter().map(|secret| Hidden {
        secret: secret.as_bytes(),
        placeholder: PLACEHOLDER,
    });
    Arc::new(Patterns::new(hidden))
}

fn scrub(secret: &str, text: &str, fit: Fit) -> Option<String> {
    let scrubbed = patterns(&[secret]).scrub(text.as_bytes(), fit);
    scrubbed.map(|text| String::from_utf8(text).unwrap())
}

#[test]
fn a_secret_is_found_in_every_encoding() {
    let secret = "a+b/c=d&e<f>g\"h'i j~";
    for text in [
        secret,
        "a%2Bb%2Fc%3Dd%26e%3Cf%3Eg%22h%27i%20j~",
        "a%2bb%2fc%3dd%26e%3cf%3eg%22h%27i%20j~",
        "a%2Bb%2Fc%3Dd%26e%3Cf%3Eg%22h%27i+j%7E",
        "a%2Bb%2Fc%3Dd%26e%3Cf%3Eg%22h'i%20j~",
        r#"a+b/c=d&e<f>g\"h'i j~"#,
        r#"a+b\/c=d&e<f>g\"h'i j~"#,
        r#"a+b/c=d\u0026e\u003cf\u003eg\"h'i j~"#,
        r"a\u002Bb/c=d\u0026e\u003Cf\u003Eg\u0022h\u0027i j~",
        r"a\u002bb\u002fc\u003dd\u0026e\u003cf\u003eg\u0022h\u0027i\u0020j\u007e",
        "a+b/c=d&amp;e&lt;f&gt;g&quot;h&#39;i j~",
        "a&#43;b/c=d&amp;e&lt;f&gt;g&#34;h&#39;i j~",
        "a+b&#x2F;c&#x3D;d&amp;e&lt;f&gt;g&quot;h&#39;i j~",
        "a&#43;b&#47;c&#61;d&#38;e&#60;f&#62;g&#34;h&#39;i&#32;j&#126;",
        "612b622f633d6426653c663e6722682769206a7e",
        "612B622F633D6426653C663E6722682769206A7E",
    ] {
        for fit in [Fit::Exact, Fit::SameLength] {
            let scrubbed = scrub(secret, &format!("x\"{text}\"y"), fit).expect(text);
            assert!(
                !scrubbed.contains("%2") && !scrubbed.contains("d&"),
                "{scrubbed}"
            );
            if fit == Fit::SameLength {
                assert_eq!(scrubbed.len(), text.len() + 4, "{scrubbed}");
            }
        }
    }
    assert_eq!(scrub(secret, "a+b/c=d&e<f>g\"h'i j", Fit::Exact), None);
}

#[test]
fn basic_credentials_stay_decodable_whatever_the_user_is_called() {
    for secret in [TOKEN, "8-bytes!", "nine-byte", "ten-bytes!"] {
        for before in 0..7 {
            for after in ["", ":", "::", ":x-y"] {
                let user = "u".repeat(before);
                let text = STANDARD.encode(format!("{user}{secret}{after}"));
                let longer = format!("Basic {text}");
                let scrubbed = scrub(secret, &longer, Fit::Exact).expect(&longer);
                let plain = STANDARD
                    .decode(&scrubbed["Basic ".len()..])
                    .expect(&scrubbed);
                let plain = String::from_utf8(plain).unwrap();
                // At each end, a few bits of one byte may be the secret's.
                let (inner, own) = (
                    &PLACEHOLDER[1..PLACEHOLDER.len() - 1],
                    &secret[1..secret.len() - 1],
                );
                assert!(plain.contains(inner) && !plain.contains(own), "{plain}");
                assert!(
                    plain.starts_with(&user) && plain.ends_with(after),
                    "{plain}"
                );
                let same = scrub(secret, &longer, Fit::SameLength).unwrap();
                let plain = STANDARD.decode(&same["Basic ".len()..]).expect(&same);
                assert_eq!(
                    (same.len(), plain.len()),
                    (longer.len(), before + secret.len() + after.len())
                );
            }
        }
    }
}

#[test]
fn what_would_be_found_everywhere_is_not_searched_for() {
    let long = "x".repeat(20_000);
    let patterns = patterns(&["short", TOKEN, &long, "proxy-managed", TOKEN]);
    let is_found = |text: &str| patterns.scrub(text.as_bytes(), Fit::Exact).is_some();
    assert!(is_found(TOKEN));
    assert!(!is_found("short") && !is_found(&long) && !is_found("proxy-managed"));
    assert!(!format!("{patterns:?}").contains("AbCd"));
    let secrets: Vec<_> = (0..1000).map(|number| format!("{number:040}")).collect();
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    let patterns = self::patterns(&secrets);
    let is_found = |text: &str| patterns.scrub(text.as_bytes(), Fit::Exact).is_some();
    assert!(
        is_found(secrets[0]) && !is_found(secrets[999]),
        "the bounds are used up"
    );
}

#[test]
fn every_cut_of_a_text_gives_the_same() {
    let patterns = patterns(&[TOKEN, "glpat-AbCdEf", "aaaaaaaab"]);
    let text = format!("{TOKEN}glpat-AbCdEfGh aaaaaaaaaab glpat-AbCdE{TOKEN}");
    let whole = patterns.scrub(text.as_bytes(), Fit::Exact).unwrap();
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let mut scrubber = Scrubber::new(Arc::clone(&patterns), Fit::Exact);
            let mut streamed = Vec::new();
            for part in [&text[..first], &text[first..second], &text[second..]] {
                let piece = Bytes::copy_from_slice(part.as_bytes());
                streamed.extend(scrubber.push(piece).unwrap_or_default());
            }
            streamed.extend(scrubber.finish().unwrap_or_default());
            assert_eq!(streamed, whole, "{first} {second}");
            assert_eq!(scrubber.matches(), 4);
        }
    }
}

#[test]
fn any_bytes_hold_the_properties() {
    let mut random = Cutter(1);
    for round in 0..400 {
        let length = random.next() % 300;
        let bytes: Vec<u8> = (0..length)
            .map(|_| random.next().to_le_bytes()[0])
            .collect();
        properties::scrubber(&bytes);
        if round % 8 == 0 {
            properties::codings(&bytes);
        }
    }
}

#[test]
fn a_clean_piece_is_passed_on_itself_and_an_event_at_once() {
    let mut scrubber = Scrubber::new(patterns(&[TOKEN]), Fit::SameLength);
    let event = Bytes::from_static(b"data: {\"delta\": \"glpat\"}\n\n");
    let passed = scrubber.push(event.clone()).unwrap();
    assert_eq!(
        (passed.as_ptr(), passed.len()),
        (event.as_ptr(), event.len())
    );
    assert_eq!(scrubber.push(Bytes::from_static(b"gl")), None);
    assert_eq!(scrubber.push(Bytes::from_static(b"ad ")).unwrap(), "glad ");
    let begun = Bytes::from_static(b"data: glpat-AbC");
    assert_eq!(scrubber.push(begun).unwrap(), "data: ");
    assert_eq!(scrubber.finish().unwrap(), "glpat-AbC");
    assert_eq!(scrubber.finish(), None);
}

#[test]
fn fields_lose_their_secrets() {
    let mut headers = HeaderMap::new();
    let location = format!("https://gitlab.test/?access_token={TOKEN}&state=x");
    headers.insert("location", location.parse().unwrap());
    headers.append("set-cookie", HeaderValue::from_static("a=b"));
    headers.append("set-cookie", format!("session={TOKEN}").parse().unwrap());
    assert_eq!(
        scrub_fields(&mut headers, &patterns(&[TOKEN]), Fit::Exact),
        2
    );
    let scrubbed = format!("https://gitlab.test/?access_token={PLACEHOLDER}&state=x");
    assert_eq!(headers["location"], scrubbed);
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=b", &format!("session={PLACEHOLDER}")]);
    assert_eq!(scrub_fields(&mut headers, &patterns(&[]), Fit::Exact), 0);
}
