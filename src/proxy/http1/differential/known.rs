//! The known differences from hyper, each with its reason.

use super::Case;
use super::client::Verdict as Response;
use super::server::{Fields, Seen, Verdict as Requests};

/// A kind of difference.
pub(super) struct Known<V> {
    pub(super) name: &'static str,
    pub(super) reason: &'static str,
    pub(super) is: fn(&Case<V>) -> bool,
}

pub(super) const REQUESTS: &[Known<Requests>] = &[
    Known {
        name: "a length beside a transfer coding",
        reason: "RFC 9112 §6.3 lets a server refuse it, as an attack or an error; hyper drops the length",
        is: |case| {
            let names_length = b"content-length";
            let mut words = case.wire.windows(names_length.len());
            refused_by_us(case).is_some_and(|seen| has(&seen.fields, "transfer-encoding"))
                && words.any(|word| word.eq_ignore_ascii_case(names_length))
        },
    },
    Known {
        name: "a transfer coding other than chunked, or chunked twice",
        reason: "the origin may decode what this proxy does not, or another number of times; hyper looks at the last coding alone",
        is: |case| refused_by_us(case).is_some_and(|seen| has_other_coding(&seen.fields)),
    },
    Known {
        name: "more than 100 fields",
        reason: "hyper's own bound; this proxy has a higher one, as clients are not to notice it",
        is: |case| refused_by_hyper(case).is_some_and(|seen| seen.fields.len() > 100),
    },
    Known {
        name: "characters in the target that a browser encodes",
        reason: "curl and others send them as the user wrote them; they go out encoded",
        is: |case| {
            let is_encoded = |seen: &Seen| {
                ["%22", "%3C", "%3E", "%60"]
                    .iter()
                    .any(|code| seen.target.contains(code))
            };
            case.wire.iter().any(|byte| b"\"<>`".contains(byte))
                && refused_by_hyper(case).is_some_and(is_encoded)
        },
    },
    Known {
        name: "a length that no body has",
        reason: "hyper keeps the two highest numbers for itself; here the connection ends before the body does",
        is: |case| {
            refused_by_hyper(case)
                .is_some_and(|seen| seen.body.is_none() && says_end_of_numbers(&seen.fields))
        },
    },
    Known {
        name: "close beside what is not ASCII",
        reason: "an option is heard whatever stands beside it; hyper does not look into such a value",
        is: |case| {
            let same = equal(case);
            let last = same
                .checked_sub(1)
                .and_then(|last| case.ours.requests.get(last));
            let goes_on = case.hypers.requests.len() > same || case.hypers.refuses;
            case.ours.requests.len() == same
                && !case.ours.refuses
                && goes_on
                && last.is_some_and(|seen| closes_oddly(&seen.fields))
        },
    },
    Known {
        name: "a bare line feed in a chunked body",
        reason: "RFC 9112 §2.2 lets a recipient take it for a line's end in the head, and §7.1 does not; hyper takes it in trailers",
        is: |case| is_cut_by_us(case) && has_bare_feed(&case.wire),
    },
    Known {
        name: "a chunk's size of more than 16 digits",
        reason: "httparse's bound, which holds for leading zeros as well",
        is: |case| is_cut_by_us(case) && has_long_size(&case.wire),
    },
];

pub(super) const RESPONSES: &[Known<Response>] = &[
    Known {
        name: "a transfer coding other than chunked, or chunked twice",
        reason: "no other was asked for (RFC 9112 §7.4); hyper reads on until the connection's end, or looks at the last coding alone",
        is: |case| taken_by_hyper(case).is_some_and(has_other_coding),
    },
    Known {
        name: "a length that is none, where none counts",
        reason: "a server that writes such heads is not to be trusted with the next one; hyper does not look at it where the status, the method or the chunks say where the body ends",
        is: |case| taken_by_hyper(case).is_some_and(|fields| !has_one_length(fields)),
    },
    Known {
        name: "more than 100 fields",
        reason: "hyper's own bound",
        is: |case| taken_by_us(case).is_some_and(|fields| fields.len() > 100),
    },
    Known {
        name: "a length that no body has",
        reason: "as in requests",
        is: |case| taken_by_us(case).is_some_and(says_end_of_numbers),
    },
    Known {
        name: "a blank before a colon",
        reason: "RFC 9112 §5.1: a proxy must remove it from a response; hyper refuses it unless told otherwise",
        is: |case| {
            let has_blank = case
                .wire
                .windows(2)
                .any(|pair| [b" :", b"\t:"].contains(&<&[u8; 2]>::try_from(pair).unwrap()));
            taken_by_us(case).is_some() && has_blank
        },
    },
    Known {
        name: "close beside what is not ASCII",
        reason: "as in requests",
        is: |case| {
            same_without_length(case, |ours, hypers| hypers && !ours)
                && fields_of(&case.ours).is_some_and(closes_oddly)
        },
    },
    Known {
        name: "a length beside chunks",
        reason: "RFC 9112 §6.3: it is removed, and the connection serves no other request, as either may be an attack; hyper keeps both",
        is: |case| {
            same_without_length(case, |ours, hypers| hypers || !ours)
                && fields_of(&case.hypers).is_some_and(|fields| {
                    has(fields, "transfer-encoding") && has(fields, "content-length")
                })
                && fields_of(&case.ours).is_some_and(|fields| !has(fields, "content-length"))
        },
    },
    Known {
        name: "a length where none may be, or several times",
        reason: "RFC 9110 §8.6: none with 1xx and 204, and the same number once; an HTTP/2 client takes it at its word",
        is: |case| {
            same_without_length(case, |ours, hypers| ours == hypers)
                && fields_of(&case.hypers)
                    .is_some_and(|fields| has(fields, "content-length") && has_one_length(fields))
        },
    },
    Known {
        name: "a bare line feed in a chunked body",
        reason: "as in requests",
        is: |case| is_broken_to_us(case) && has_bare_feed(&case.wire),
    },
    Known {
        name: "a chunk's size of more than 16 digits",
        reason: "as in requests",
        is: |case| is_broken_to_us(case) && has_long_size(&case.wire),
    },
];

/// How many requests, from the first on, both have read the same.
fn equal(case: &Case<Requests>) -> usize {
    let pairs = case.ours.requests.iter().zip(&case.hypers.requests);
    pairs.take_while(|(ours, hypers)| ours == hypers).count()
}

/// The request that hyper has accepted and this proxy has refused.
fn refused_by_us(case: &Case<Requests>) -> Option<&Seen> {
    let same = equal(case);
    let refuses = case.ours.refuses && case.ours.requests.len() == same;
    case.hypers.requests.get(same).filter(|_| refuses)
}

fn refused_by_hyper(case: &Case<Requests>) -> Option<&Seen> {
    let same = equal(case);
    let refuses = case.hypers.refuses && case.hypers.requests.len() == same;
    case.ours.requests.get(same).filter(|_| refuses)
}

/// Whether a body is complete for hyper and incomplete for this proxy.
fn is_cut_by_us(case: &Case<Requests>) -> bool {
    let same = equal(case);
    let pair = case
        .ours
        .requests
        .get(same)
        .zip(case.hypers.requests.get(same));
    pair.is_some_and(|(ours, hypers)| {
        ours.body.is_none()
            && hypers.body.is_some()
            && ours.fields == hypers.fields
            && ours.target == hypers.target
    })
}

fn fields_of(response: &Response) -> Option<&Fields> {
    match response {
        Response::Refused => None,
        Response::Response { fields, .. } => Some(fields),
    }
}

fn taken_by_us(case: &Case<Response>) -> Option<&Fields> {
    fields_of(&case.ours).filter(|_| case.hypers == Response::Refused)
}

fn taken_by_hyper(case: &Case<Response>) -> Option<&Fields> {
    fields_of(&case.hypers).filter(|_| case.ours == Response::Refused)
}

fn is_broken_to_us(case: &Case<Response>) -> bool {
    match (&case.ours, &case.hypers) {
        (
            Response::Response {
                status,
                fields,
                body: None,
                is_reusable: false,
            },
            Response::Response {
                status: its_status,
                fields: its_fields,
                body: Some(_),
                ..
            },
        ) => status == its_status && without_length(fields) == without_length(its_fields),
        _ => false,
    }
}

/// Whether both agree on everything but `Content-Length`, and `fits` accepts what they say about
/// reuse of the connection.
fn same_without_length(case: &Case<Response>, fits: impl Fn(bool, bool) -> bool) -> bool {
    match (&case.ours, &case.hypers) {
        (
            Response::Response {
                status,
                fields,
                body,
                is_reusable,
            },
            Response::Response {
                status: its_status,
                fields: its_fields,
                body: its_body,
                is_reusable: its_reusable,
            },
        ) => {
            status == its_status
                && body == its_body
                && without_length(fields) == without_length(its_fields)
                && fits(*is_reusable, *its_reusable)
        }
        _ => false,
    }
}

fn without_length(fields: &Fields) -> Fields {
    let others = fields.iter().filter(|(name, _)| name != "content-length");
    others.cloned().collect()
}

fn values<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let named = fields.iter().filter(move |(other, _)| other == name);
    named.map(|(_, value)| &value[..])
}

fn has(fields: &Fields, name: &str) -> bool {
    values(fields, name).next().is_some()
}

fn has_other_coding(fields: &Fields) -> bool {
    let codings: Vec<_> = values(fields, "transfer-encoding").collect();
    match codings[..] {
        [] => false,
        [coding] => !coding.trim_ascii().eq_ignore_ascii_case(b"chunked"),
        _ => true,
    }
}

/// Whether there is no length, or one number, however often it is repeated.
fn has_one_length(fields: &Fields) -> bool {
    let said = values(fields, "content-length").flat_map(|value| value.split(|byte| *byte == b','));
    let numbers: Vec<Option<u64>> = said
        .map(|number| {
            let number = std::str::from_utf8(number.trim_ascii()).ok()?;
            number
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| number.parse().ok())?
        })
        .collect();
    numbers
        .iter()
        .all(|number| number.is_some() && *number == numbers[0])
}

fn says_end_of_numbers(fields: &Fields) -> bool {
    let end = u64::MAX.to_string();
    values(fields, "content-length").any(|value| value == end.as_bytes())
}

fn closes_oddly(fields: &Fields) -> bool {
    values(fields, "connection").any(|value| {
        let mut options = value.split(|byte| *byte == b',');
        !value.is_ascii()
            && options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}

fn has_bare_feed(wire: &[u8]) -> bool {
    wire.windows(2)
        .any(|pair| pair[0] != b'\r' && pair[1] == b'\n')
}

fn has_long_size(wire: &[u8]) -> bool {
    wire.split(|byte| !byte.is_ascii_hexdigit())
        .any(|digits| digits.len() > 16)
}
