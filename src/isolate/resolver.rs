//! Answers to questions about names, as a resolver inside gives them (RFC 1035).
//!
//! Nobody is asked: a name gets an address of its own, and is looked up outside when something
//! connects to that address. So a question carries nothing out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{A, AAAA, PTR, RData};
use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, TYPE,
};

use super::Names;
use crate::authority::Authority;

/// How long an answer may be kept, in seconds. An address is never given to a second name, so it is
/// never wrong.
const LIFETIME: u32 = 60;

/// The longest question that is read, in bytes.
pub(crate) const MAX_QUESTION: usize = 1500;

/// Any port: a question has none.
const NO_PORT: u16 = 1;

/// The answer to a question; `None` to what is no question at all. `permits` tells whether a name
/// in its canonical spelling may be connected to.
pub(crate) fn answer(
    question: &[u8],
    names: &Names,
    permits: impl Fn(&Authority) -> bool,
) -> Option<Vec<u8>> {
    let Ok(asked) = Packet::parse(question) else {
        return malformed(question);
    };
    if asked.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let mut reply = Packet::new_reply(asked.id());
    *reply.opcode_mut() = asked.opcode();
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if asked.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    match (asked.opcode(), &*asked.questions) {
        (OPCODE::StandardQuery, [one]) => {
            reply.questions.push(one.clone());
            let is_internet = matches!(one.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY);
            let found = if is_internet {
                records(&one.qname, one.qtype, names, permits)
            } else {
                Err(RCODE::Refused)
            };
            match found {
                Ok(Some(data)) => {
                    let name = one.qname.clone();
                    let record = ResourceRecord::new(name, CLASS::IN, LIFETIME, data);
                    reply.answers.push(record);
                }
                Ok(None) => {}
                Err(code) => *reply.rcode_mut() = code,
            }
        }
        _ => *reply.rcode_mut() = RCODE::NotImplemented,
    }
    reply.build_bytes_vec_compressed().ok()
}

/// The record that answers; `None` where the name has none of that type. Services by `HTTPS` and
/// `SVCB` have none either, so that no client gets keys to hide the name from the proxy (ECH).
fn records(
    name: &Name<'_>,
    kind: QTYPE,
    names: &Names,
    permits: impl Fn(&Authority) -> bool,
) -> Result<Option<RData<'static>>, RCODE> {
    let text = name.to_string();
    if kind == QTYPE::TYPE(TYPE::PTR) {
        let name = reversed(&text).and_then(|address| names.name_of(address));
        let name = name.ok_or(RCODE::NameError)?;
        let name = Name::new(&name).map_err(|_| RCODE::ServerFailure)?;
        return Ok(Some(RData::PTR(PTR(name.into_owned()))));
    }
    // Not a name of a host: nothing is there, and nothing is remembered.
    let asked = Authority::new(&text, NO_PORT).ok_or(RCODE::NameError)?;
    if asked.host().parse::<IpAddr>().is_ok() {
        return Err(RCODE::NameError);
    }
    if is_loopback(asked.host()) {
        return Ok(match kind {
            QTYPE::TYPE(TYPE::A) => Some(RData::A(Ipv4Addr::LOCALHOST.into())),
            QTYPE::TYPE(TYPE::AAAA) => Some(RData::AAAA(Ipv6Addr::LOCALHOST.into())),
            _ => None,
        });
    }
    if !permits(&asked) {
        return Err(RCODE::Refused);
    }
    let (v4, v6) = names
        .addresses_of(asked.host())
        .ok_or(RCODE::ServerFailure)?;
    Ok(match kind {
        QTYPE::TYPE(TYPE::A) | QTYPE::ANY => Some(RData::A(A::from(v4))),
        QTYPE::TYPE(TYPE::AAAA) => Some(RData::AAAA(AAAA::from(v6))),
        _ => None,
    })
}

/// These names stay on the machine (RFC 6761 §6.3).
fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// The address in a name of the reverse tree (RFC 1035 §3.5, RFC 3596 §2.5).
fn reversed(name: &str) -> Option<IpAddr> {
    let name = name.to_ascii_lowercase();
    if let Some(v4) = name.strip_suffix(".in-addr.arpa") {
        let turned: Vec<_> = v4.rsplit('.').collect();
        return turned.join(".").parse::<Ipv4Addr>().ok().map(IpAddr::from);
    }
    let v6 = name.strip_suffix(".ip6.arpa")?;
    let digits: String = v6.rsplit('.').collect();
    let is_whole = digits.len() == 32 && v6.len() == 63;
    let address = is_whole.then(|| u128::from_str_radix(&digits, 16).ok())??;
    Some(Ipv6Addr::from(address).into())
}

/// The answer to what has a header and cannot be read beyond it: a type that nobody knows, among
/// others.
fn malformed(question: &[u8]) -> Option<Vec<u8>> {
    const RESPONSE: u8 = 0x80;
    let header = question.get(..12)?;
    if header.get(2)? & RESPONSE != 0 {
        return None;
    }
    let id = u16::from_be_bytes(*header.first_chunk()?);
    let mut reply = Packet::new_reply(id);
    *reply.rcode_mut() = RCODE::NotImplemented;
    reply.build_bytes_vec().ok()
}

#[cfg(test)]
mod tests {
    use simple_dns::Question;

    use super::*;

    fn ask(names: &Names, name: &str, kind: TYPE) -> Option<(RCODE, Vec<RData<'static>>)> {
        let mut question = Packet::new_query(7);
        question.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(name).unwrap();
        let (kind, class) = (kind.into(), CLASS::IN.into());
        question
            .questions
            .push(Question::new(name, kind, class, false));
        let question = question.build_bytes_vec().unwrap();
        let answer = answer(&question, names, |name| !name.host().ends_with("evil.test"))?;
        let answer = Packet::parse(&answer).unwrap();
        assert_eq!(answer.id(), 7);
        assert!(answer.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_AVAILABLE));
        let code = answer.rcode();
        let records = answer.answers.into_iter();
        Some((
            code,
            records.map(|record| record.rdata.into_owned()).collect(),
        ))
    }

    #[test]
    fn a_name_gets_addresses_and_they_lead_back_to_it() {
        let names = Names::default();
        let (code, records) = ask(&names, "GitLab.test", TYPE::A).unwrap();
        assert_eq!(code, RCODE::NoError);
        assert_eq!(records, [RData::A(Ipv4Addr::new(198, 18, 0, 1).into())]);
        let (_, records) = ask(&names, "gitlab.TEST", TYPE::AAAA).unwrap();
        let v6: Ipv6Addr = "fd61:7574:6873::1".parse().unwrap();
        assert_eq!(records, [RData::AAAA(v6.into())]);
        assert_eq!(names.name_of(v6.into()).as_deref(), Some("gitlab.test"));
        let name = Name::new("gitlab.test").unwrap().into_owned();
        for reverse in [
            "1.0.18.198.in-addr.arpa".to_owned(),
            format!("1.{}3.7.8.6.4.7.5.7.1.6.d.f.ip6.arpa", "0.".repeat(19)),
        ] {
            let (code, records) = ask(&names, &reverse, TYPE::PTR).unwrap();
            assert_eq!(code, RCODE::NoError, "{reverse}");
            assert_eq!(records, [RData::PTR(PTR(name.clone()))]);
        }
    }

    #[test]
    fn nothing_else_is_told() {
        let names = Names::default();
        for kind in [
            TYPE::TXT,
            TYPE::MX,
            TYPE::SRV,
            TYPE::HTTPS,
            TYPE::SVCB,
            TYPE::NS,
        ] {
            let found = ask(&names, "gitlab.test", kind).unwrap();
            assert_eq!(found, (RCODE::NoError, Vec::new()), "{kind:?}");
        }
        let table = [
            ("secret.evil.test", TYPE::A, RCODE::Refused),
            ("secret.evil.test", TYPE::TXT, RCODE::Refused),
            ("8.8.8.8.in-addr.arpa", TYPE::PTR, RCODE::NameError),
            ("no_host!.test", TYPE::A, RCODE::NameError),
            ("1.2.3.4", TYPE::A, RCODE::NameError),
        ];
        for (name, kind, code) in table {
            assert_eq!(ask(&names, name, kind), Some((code, Vec::new())), "{name}");
        }
        let (_, records) = ask(&names, "db.localhost", TYPE::A).unwrap();
        assert_eq!(records, [RData::A(Ipv4Addr::LOCALHOST.into())]);
        assert_eq!(names.name_of(IpAddr::from([198, 18, 0, 2])), None);
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        let names = Names::default();
        let reply = Packet::new_reply(1).build_bytes_vec().unwrap();
        for bytes in [&b""[..], b"short", &reply] {
            assert_eq!(answer(bytes, &names, |_| true), None, "{bytes:?}");
        }
        // Type 65280, which nobody has assigned.
        let unknown = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\xff\0\0\x01";
        let answer = answer(unknown, &names, |_| true).unwrap();
        let answer = Packet::parse(&answer).unwrap();
        assert_eq!((answer.id(), answer.rcode()), (7, RCODE::NotImplemented));
    }
}
