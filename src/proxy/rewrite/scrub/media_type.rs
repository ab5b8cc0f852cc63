//! Which bodies can hold a secret as text, by their `Content-Type`.
//!
//! A type that is not known counts as text: to search a binary body changes nothing in it unless a
//! secret is there, while one that is not searched lets a secret through. So what is listed here is
//! what is *not* searched, each because its bytes are compressed, encrypted or coded, so that a
//! secret could not be found in it, or because it is a file that somebody has stored, which must
//! arrive as it is, and is large.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};

/// Whether a body with these header fields can hold a secret as text.
pub(in crate::proxy) fn is_text(headers: &HeaderMap) -> bool {
    // Of several fields, a client may take any: one that is text decides.
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    // Clients guess the type of a body that names none (RFC 9110 §8.3).
    types.next().is_none_or(is_text_type) || types.any(is_text_type)
}

/// Each response is asked for its type, so it is read by bytes: a search of `str` costs more to
/// prepare than it spares.
fn is_text_type(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    if let Some((_, is_text)) = USUAL.iter().find(|(name, _)| *name == value) {
        return *is_text;
    }
    if !value.is_ascii() {
        return true;
    }
    let mut parts = value.split(|byte| *byte == b';');
    let essence = parts.next().unwrap_or_default().trim_ascii();
    let mut parts = essence.splitn(2, |byte| *byte == b'/');
    let (Some(main), Some(sub)) = (parts.next(), parts.next()) else {
        return true;
    };
    let is_one_of = |names: &[&str], name: &[u8]| {
        let mut names = names.iter();
        names.any(|of| of.as_bytes().eq_ignore_ascii_case(name))
    };
    // Messages of gRPC are answered one by one: one whose end is held back would never be.
    if sub
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"grpc"))
    {
        return false;
    }
    // What is behind the plus sign says how it is written (RFC 6838 §4.2.8): `image/svg+xml` is
    // text.
    if let Some(plus) = sub.iter().rposition(|byte| *byte == b'+') {
        return !is_one_of(BINARY_SUFFIXES, sub.get(plus + 1..).unwrap_or_default());
    }
    if main.eq_ignore_ascii_case(b"application") {
        return !is_one_of(BINARY, sub);
    }
    // `text`, `message`, `multipart`, `model`, and what is not a type.
    !is_one_of(COMPRESSED, main)
}

/// The fields of most responses, and whether each is text, so that they need not be read.
const USUAL: &[(&[u8], bool)] = &[
    (b"application/json", true),
    (b"application/octet-stream", false),
    (b"text/html; charset=utf-8", true),
];

/// Types that are compressed, each of their subtypes in its own way.
const COMPRESSED: &[&str] = &["audio", "font", "image", "video"];

/// Suffixes of what is compressed.
const BINARY_SUFFIXES: &[&str] = &["gzip", "zip", "zstd"];

/// Subtypes of `application` that are not searched.
const BINARY: &[&str] = &[
    // Stored files of any kind: release assets, LFS objects, artifacts, blobs of a registry.
    "octet-stream",
    "x-binary",
    // Archives and packages: compressed, or so large that their search would cost what they gain.
    "gzip",
    "java-archive",
    "vnd.android.package-archive",
    "vnd.debian.binary-package",
    "vnd.rar",
    "x-7z-compressed",
    "x-apple-diskimage",
    "x-bzip",
    "x-bzip2",
    "x-compress",
    "x-compressed",
    "x-debian-package",
    "x-gtar",
    "x-gzip",
    "x-iso9660-image",
    "x-lzma",
    "x-rar-compressed",
    "x-redhat-package-manager",
    "x-rpm",
    "x-tar",
    "x-xz",
    "x-zip-compressed",
    "x-zstd",
    "zip",
    "zstd",
    // Layers of container images, by names without a suffix.
    "vnd.docker.image.rootfs.diff.tar.gzip",
    "vnd.oci.image.layer.v1.tar",
    // Packs of git: deflated objects. A ref's name is in the advertisement, which is searched.
    "x-git-packed-objects",
    "x-git-receive-pack-result",
    "x-git-upload-pack-result",
    // Programs and fonts.
    "font-woff",
    "vnd.ms-fontobject",
    "wasm",
    "x-executable",
    "x-mach-binary",
    "x-sharedlib",
    // Deflated inside.
    "epub",
    "pdf",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_text_of(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        is_text(&headers)
    }

    #[test]
    fn text_is_whatever_is_not_known_to_be_none() {
        for value in [
            "text/plain",
            "text/event-stream; charset=utf-8",
            "Application/JSON",
            "application/vnd.git-lfs+json",
            "application/problem+xml",
            "application/javascript",
            "application/x-www-form-urlencoded",
            "application/x-ndjson",
            "application/graphql-response+json",
            "application/x-git-upload-pack-advertisement",
            "application/x-protobuf",
            "image/svg+xml",
            "multipart/mixed; boundary=x",
            "",
            "nonsense",
        ] {
            assert!(is_text_of(value), "{value}");
        }
        assert!(is_text(&HeaderMap::new()));
    }

    #[test]
    fn what_is_compressed_or_stored_is_none() {
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "application/octet-stream",
            "application/zip",
            "application/x-tar",
            "APPLICATION/GZIP; x=y",
            "application/x-git-upload-pack-result",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "image/png",
            "video/mp4",
            "audio/ogg",
            "font/woff2",
        ] {
            assert!(!is_text_of(value), "{value}");
        }
    }

    #[test]
    fn what_is_usual_is_what_would_be_read() {
        for (name, is_text) in USUAL {
            let mut spelled = name.to_vec();
            spelled.push(b' '); // so that it is read
            let value = HeaderValue::from_bytes(&spelled).unwrap();
            assert_eq!(is_text_type(&value), *is_text, "{value:?}");
        }
    }

    #[test]
    fn a_second_type_does_not_hide_the_first() {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, HeaderValue::from_static("image/png"));
        headers.append(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        assert!(is_text(&headers));
    }
}
