use http::Request;
use http::header::CONTENT_TYPE;

use super::*;
use crate::proxy::rewrite::scrub::mints::NotReplaced;

fn id(name: &str) -> ConnectionId {
    ConnectionId {
        provider: "gitlab".parse().unwrap(),
        name: name.parse().unwrap(),
    }
}

const SECRET: &str = "glpat-0123456789/bcd+fghij";

fn one() -> (MintedSecrets, String) {
    let placeholder = placeholder("glpat-", 7, SECRET.len()).unwrap();
    let minted = MintedSecrets::default().with(SECRET, &placeholder, &id("default"));
    (minted, placeholder)
}

fn carriers() -> (Vec<HeaderName>, authsome_providers::Carriers) {
    let carriers = authsome_providers::Carriers {
        query: vec!["private_token".to_owned()],
        ..authsome_providers::Carriers::default()
    };
    let headers = ["authorization", "private-token"];
    let headers = headers.map(|name| name.parse().unwrap());
    (headers.to_vec(), carriers)
}

/// The target and the fields of a request once secrets were put into it.
fn sent(uri: &str, fields: &[(&str, &str)]) -> Result<(String, Vec<String>), Misplaced> {
    let (headers, others) = carriers();
    let carriers = HeadCarriers {
        headers: &headers,
        others: &others,
    };
    let mut request = Request::get(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut parts = request.body(()).unwrap().into_parts().0;
    let (minted, _) = one();
    assert!(minted.is_in_head(&parts));
    minted.check_head(&parts, carriers)?;
    assert!(minted.put_into_head(&mut parts, carriers));
    let fields = parts.headers.iter();
    let fields = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let mut fields: Vec<_> = fields.collect();
    fields.sort();
    Ok((parts.uri.to_string(), fields))
}

#[test]
fn placeholders_are_as_long_as_their_secret_and_none_begins_another() {
    assert_eq!(
        placeholder("glpat-", 1, 26).unwrap(),
        "glpat-authsome000100000000"
    );
    assert_eq!(placeholder("", 12, 12).unwrap(), "authsome0012");
    assert_eq!(placeholder("glpat-", 12, 14).unwrap(), "authsome001200");
    assert_eq!(placeholder("", 1, 11), None);
    let (one, ten) = (
        placeholder("", 1, 16).unwrap(),
        placeholder("", 10, 17).unwrap(),
    );
    assert!(!ten.starts_with(&one));
}

#[test]
fn a_secret_goes_where_its_placeholder_was_and_alone() {
    let (_, placeholder) = one();
    let basic = |password: &str| {
        let plain = format!("gitlab+deploy-token-1:{password}");
        format!("Basic {}", STANDARD.encode(plain))
    };
    for (name, value, expected) in [
        ("private-token", placeholder.clone(), SECRET.to_owned()),
        (
            "authorization",
            format!("Bearer {placeholder}"),
            format!("Bearer {SECRET}"),
        ),
        ("authorization", basic(&placeholder), basic(SECRET)),
    ] {
        let other = if name == "private-token" {
            "authorization"
        } else {
            "private-token"
        };
        let (target, fields) = sent(
            "/p?a=1&private_token=x",
            &[(name, &value), (other, "mine"), ("x-a", "b")],
        )
        .unwrap();
        assert_eq!(target, "/p?a=1");
        assert_eq!(fields, [format!("{name}: {expected}"), "x-a: b".to_owned()]);
    }
    let encoded = "glpat%2D0123456789%2Fbcd%2Bfghij";
    for written in [placeholder.clone(), placeholder.replace('-', "%2d")] {
        let (target, _) = sent(&format!("/p?private_token={written}&b=%2F"), &[]).unwrap();
        assert_eq!(target, format!("/p?private_token={encoded}&b=%2F"));
    }
}

#[test]
fn a_placeholder_elsewhere_is_refused() {
    let (_, placeholder) = one();
    let url = Err(Misplaced("the URL"));
    assert_eq!(sent(&format!("/{placeholder}"), &[]), url);
    assert_eq!(sent(&format!("/?q={placeholder}"), &[]), url);
    let header = Err(Misplaced("a header"));
    assert_eq!(sent("/", &[("x-token", &placeholder)]), header);
}

#[test]
fn a_secret_of_another_connection_is_not_put_in_beside_its_own() {
    let (minted, placeholder) = one();
    let other = super::placeholder("glpat-", 8, SECRET.len()).unwrap();
    let minted = minted.with("glpat-another-connections", &other, &id("other"));
    let value = format!("{placeholder}{other}");
    let parts = Request::get("/").header("private-token", value);
    let parts = parts.body(()).unwrap().into_parts().0;
    let (own, others) = minted.split(&id("default"));
    assert_eq!((own.len(), others.len()), (1, 1));
    assert!(own.is_in_head(&parts) && others.is_in_head(&parts));
}

fn typed(content_type: &'static str) -> http::HeaderMap {
    let value = HeaderValue::from_static(content_type);
    http::HeaderMap::from_iter([(CONTENT_TYPE, value)])
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn replaced(content_type: &'static str, body: &str) -> Option<String> {
    let kind = BodyKind::of(&typed(content_type), body.as_bytes());
    let mut replace = |value: &str| Ok::<_, NotReplaced>(Some(format!("<{}>", value.len())));
    let made = members_replaced(kind, body.as_bytes(), &mut replace).unwrap();
    made.map(|made| String::from_utf8(made).unwrap())
}

#[test]
fn the_tokens_of_an_answer_are_replaced_wherever_they_are() {
    let nested = r#"{"ok":true,"authed_user":{"access_token":"abc"},"list":[{"id_token":"ab"}],"expires_in":7}"#;
    let expected = r#"{"ok":true,"authed_user":{"access_token":"<3>"},"list":[{"id_token":"<2>"}],"expires_in":7}"#;
    assert_eq!(replaced(JSON, nested).unwrap(), expected);
    let form = "access_token=a%2Db&scope=api+x&refresh%5Ftoken=abcd";
    let expected = "access_token=%3C3%3E&scope=api+x&refresh%5Ftoken=%3C4%3E";
    assert_eq!(replaced(FORM, form).unwrap(), expected);
    assert_eq!(replaced("text/plain", form).unwrap(), expected);
    assert_eq!(replaced("text/plain", "OK").unwrap(), "OK");
    assert_eq!(replaced(JSON, "{\"access_token\":"), None);
    assert_eq!(replaced("application/jwt", "eyJ.eyJ.abc"), None);
    let page = BodyKind::of(&typed("text/html; charset=utf-8"), b"");
    assert_eq!(page, BodyKind::Page);
}

#[test]
fn a_secret_is_put_back_into_the_fields_of_oauth_only() {
    let (minted, placeholder) = one();
    let made = |content_type, body: String| {
        let made = put_back(&typed(content_type), body.as_bytes(), &minted);
        made.map(|made| String::from_utf8(made).unwrap())
    };
    let form = format!("grant_type=refresh_token&refresh_token={placeholder}&state={placeholder}");
    let expected = format!(
        "grant_type=refresh_token&refresh_token=glpat%2D0123456789%2Fbcd%2Bfghij&state={placeholder}"
    );
    assert_eq!(made(FORM, form).unwrap(), expected);
    let json = format!(r#"{{"token":"{placeholder}","client_name":"{placeholder}"}}"#);
    let expected = format!(r#"{{"token":"{SECRET}","client_name":"{placeholder}"}}"#);
    assert_eq!(made(JSON, json).unwrap(), expected);
    assert_eq!(made(FORM, "a=b".to_owned()), None);
}
