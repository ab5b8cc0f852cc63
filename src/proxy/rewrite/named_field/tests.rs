//! Spellings of fields, whole and in pieces.

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::proxy::rewrite::name_lengths::NameLengths;

#[derive(Debug)]
struct Field(&'static str, Option<&'static str>);

impl Wanted for Field {
    fn name(&self) -> &str {
        self.0
    }

    fn value(&self) -> Option<&str> {
        self.1
    }
}

const WANTED: [Field; 2] = [Field("sudo", None), Field("_method", Some("DELETE"))];

fn fields(content_type: &'static str) -> Option<NamedFields> {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    NamedFields::of(&headers)
}

/// What is found, in whatever pieces the body comes: the name of the field.
#[track_caller]
fn found(content_type: &'static str, body: &str) -> Option<&'static str> {
    let whole = fields(content_type).unwrap().find(body.as_bytes(), &WANTED);
    for middle in 0..=body.len() {
        let mut streamed = fields(content_type).unwrap();
        let (one, other) = body.as_bytes().split_at(middle);
        let first = streamed.find(one, &WANTED);
        let found = first.or_else(|| streamed.find(other, &WANTED));
        assert_eq!(found, whole, "{body} in two pieces, at {middle}");
        // What is found in the first piece is not that piece's end alone.
        assert!(middle > 0 || first.is_none(), "{body}");
    }
    let mut bytewise = fields(content_type).unwrap();
    let found = body
        .bytes()
        .find_map(|byte| bytewise.find(&[byte], &WANTED));
    assert_eq!(found, whole, "{body} byte by byte");
    whole.map(|at| WANTED[at].0)
}

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const PARTS: &str = "multipart/form-data; boundary=b";

#[test]
fn a_field_of_a_form_has_many_spellings() {
    for body in [
        "sudo=root",
        "sudo=",
        "a=b&sudo=root&c",
        "a=b;sudo=root",
        "a&sudo=1",
        "s%75do=1",
        "%73%75%64%6F=1",
        "%73%75%64%6f=1",
        "SUDO=1",
        "& sudo=1",
        "+sudo=1",
        "%20sudo=1",
        "[sudo]=1",
        "[[sudo=1",
        "%5Bsudo%5D=1",
        "sudo[]=1",
        "sudo%5B%5D=1",
        "sudo[a][b]=1",
        "%%=1&sudo=1",
        "%zz=1&sudo=1",
    ] {
        assert_eq!(found(FORM, body), Some("sudo"), "{body}");
    }
    for body in [
        "",
        "sudo",
        "a=sudo",
        "a=b&sudo",
        "pseudo=1",
        "sudoers=1",
        "a[sudo]=1",
        "a=%26sudo=1",
        "sudo%3D=1",
        "s%2575do=1",
        "title=sudo=root",
        "%sudo=1",
    ] {
        assert_eq!(found(FORM, body), None, "{body}");
    }
    assert_eq!(find_in_query("a=b&s%75do=root", &WANTED), Some(0));
    assert_eq!(find_in_query("pseudo=1", &WANTED), None);
}

#[test]
fn a_field_is_found_behind_whatever_is_passed_over() {
    let long = "x".repeat(300);
    for before in [
        format!("a={long}&"),
        format!("{long}={long};"),
        format!("a[{long}]=1&"),
        format!("_method={long}&"),
        format!("\u{e4}{long}&"),
        format!("a=%&\u{e4}\u{e4}{long}%;"),
    ] {
        assert_eq!(
            found(FORM, &format!("{before}sudo=1")),
            Some("sudo"),
            "{before}"
        );
        assert_eq!(found(FORM, &format!("{before}a=sudo=1")), None, "{before}");
    }
    assert_eq!(found(FORM, "_method[%=DELETE"), Some("_method"));
    for before in [
        format!("{long}{{"),
        format!(r#"{{"a":"{long}","#),
        format!(r#"{{"_method":"{long}\"","#),
        format!(r#"{{"{long}":"{long}","#),
        format!(r#"{{"a":[{long}],"#),
        format!(r#"{{"_method" "{long}" "DELETE","#),
    ] {
        let named = found("application/json", &format!(r#"{before}"sudo":1}}"#));
        assert_eq!(named, Some("sudo"), "{before}");
        let of_another = format!(r#"{before}"a":"DELETE"}}"#);
        assert_eq!(found("application/json", &of_another), None, "{before}");
    }
}

#[test]
fn the_lengths_of_names_rule_out_no_query_that_has_one() {
    let lengths = NameLengths::of(WANTED.iter().map(Wanted::name));
    for query in [
        "sudo=root",
        "a=b&SUDO=root",
        "a=b;sudo=",
        "s%75do=root",
        "[sudo]=root",
        "sudo[]=root",
        "+sudo=root",
        "a=b&&sudo==",
    ] {
        assert!(find_in_query(query, &WANTED).is_some(), "{query}");
        assert!(lengths.may_be_in_query(query), "{query}");
    }
}

#[test]
fn a_value_counts_where_one_is_asked_for() {
    for body in [
        "_method=DELETE",
        "a=b&_method=delete&c=d",
        "_method=%44elete",
        "_method=+DELETE",
    ] {
        assert_eq!(found(FORM, body), Some("_method"), "{body}");
    }
    for body in [
        "_method=PUT",
        "_method=",
        "_method=DELETED",
        "method=DELETE",
        "a=DELETE",
    ] {
        let mut whole = fields(FORM).unwrap();
        assert_eq!(whole.find(body.as_bytes(), &WANTED), None, "{body}");
    }
    assert_eq!(
        found("application/json", r#"{"_method":"delete"}"#),
        Some("_method")
    );
    assert_eq!(
        found("application/json", r#"{"_method": "\u0044ELETE"}"#),
        Some("_method")
    );
    for body in [
        r#"{"_method":"PUT"}"#,
        r#"{"_method":1,"a":"DELETE"}"#,
        r#"{"_method":{"a":"DELETE"}}"#,
        r#"{"_method":["DELETE"]}"#,
        r#"{"a":{"_method":"DELETE"}}"#,
        r#"["_method","DELETE"]"#,
    ] {
        assert_eq!(found("application/json", body), None, "{body}");
    }
}

#[test]
fn a_member_of_a_json_object_counts_at_its_top() {
    for body in [
        r#"{"sudo":"root"}"#,
        r#"{"sudo":7}"#,
        r#"{"a":1,"sudo":null}"#,
        r#" { "a" : [1, {"b": "}"}], "sudo" : "root" }"#,
        r#"{"s\u0075do":"root"}"#,
        r#"{"\u0073\u0075\u0064\u006F":"root"}"#,
        r#"{"Sudo":"root"}"#,
        r#"{"a":"\\","sudo":"root"}"#,
        r#"{"a":"\"","sudo":"root"}"#,
        r#"{/*"*/"sudo":"root"}"#,
        r#"{/***/"sudo":"root"}"#,
        "{//\"\n\"sudo\":\"root\"}",
        r#"{} {"sudo":"root"}"#,
        "\u{feff}{\"sudo\":\"root\"}",
        r#"{"a":"sudo","sudo":"root"}"#,
    ] {
        for kind in [
            "application/json",
            "application/vnd.x+json; charset=utf-8",
            "text/json",
        ] {
            assert_eq!(found(kind, body), Some("sudo"), "{body}");
        }
    }
    for body in [
        r#"{"a":"sudo"}"#,
        r#"{"a":{"sudo":"root"}}"#,
        r#"{"a":"\"sudo\":\"root\""}"#,
        r#"{"a":"{\"sudo\":\"root\"}"}"#,
        r#"[{"sudo":"root"}]"#,
        r#"["a","sudo"]"#,
        r#"{"title":"use sudo","description":"sudo: \\u0073"}"#,
        r#"{"sudo ":"root"}"#,
        r#"{"pseudo":"root"}"#,
        r#"{"a":1/*,"sudo":"root"*/}"#,
        r#"{"sudo"#,
    ] {
        assert_eq!(found("application/json", body), None, "{body}");
    }
}

#[test]
fn a_part_of_a_form_has_many_spellings() {
    let part = |head: &str| format!("--b\r\n{head}\r\n\r\nroot\r\n--b--\r\n");
    for head in [
        r#"Content-Disposition: form-data; name="sudo""#,
        "content-disposition: form-data; name=sudo",
        "content-disposition:form-data;name=sudo; x=y",
        r#"Content-Disposition: form-data; NAME="sudo""#,
        r#"Content-Disposition: form-data; x="y"; name="sudo""#,
        r#"Content-Disposition: form-data; name = "sudo""#,
        r#"Content-Disposition: form-data; name="su\do""#,
        r#"Content-Disposition: form-data; name="[sudo]""#,
        r#"Content-Disposition: form-data; name="sudo[]""#,
        "Content-Disposition: form-data;\r\n name=\"sudo\"",
        r"Content-Disposition: form-data; name*=UTF-8''sudo",
        r"Content-Disposition: form-data; name*0=su; name*1=do",
        "Content-ID: sudo",
    ] {
        assert_eq!(found(PARTS, &part(head)), Some("sudo"), "{head}");
    }
    let padded = format!(
        "Content-Disposition: form-data;{}name=\"sudo\"",
        " ".repeat(400)
    );
    assert_eq!(found(PARTS, &part(&padded)), Some("sudo"));
    let padded = format!(
        "Content-Disposition: form-data; name={}\"sudo\"",
        " ".repeat(400)
    );
    assert_eq!(found(PARTS, &part(&padded)), Some("sudo"));
    let method = part(r#"Content-Disposition: form-data; name="_method""#);
    assert_eq!(found(PARTS, &method), Some("_method"), "whatever its value");
    for head in [
        r#"Content-Disposition: form-data; name="file"; filename="sudo""#,
        r#"Content-Disposition: form-data; name="file"; filename*=UTF-8''sudo"#,
        r#"Content-Disposition: form-data; name="sudoers""#,
        r#"Content-Disposition: form-data; name="a[sudo]""#,
        r#"Content-Disposition: form-data; name="note""#,
        "- name: sudo",
        "[package]\r\nname = \"sudo\"",
    ] {
        assert_eq!(found(PARTS, &part(head)), None, "{head}");
    }
    let file = format!("{}name=\"sudo\";", "x;".repeat(10_000));
    assert_eq!(
        found("multipart/mixed; boundary=b", &part(&file[..4000])),
        None
    );
}

#[test]
fn only_bodies_with_fields_are_looked_at() {
    for kind in [
        "text/plain",
        "application/octet-stream",
        "application/x-git-receive-pack-request",
    ] {
        assert!(fields(kind).is_none(), "{kind}");
    }
    assert_eq!(found("", "sudo=root"), Some("sudo"));
    assert_eq!(found("", r#"{"sudo":"root"}"#), Some("sudo"));
    assert_eq!(found("", "{&sudo=root"), Some("sudo"));
}
