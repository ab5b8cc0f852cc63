//! Bytes that are written here: the default branch, reports, and what git does not send.

use std::sync::Arc;

use crate::proxy::limits::{MAX_PUSH_COMMANDS, MAX_PUSH_HELD};
use crate::proxy::policy::git_push::properties::{git_push, verdict};
use crate::proxy::policy::git_push::{
    Coding, Problem, Progress, PushPolicy, PushReader, RESULT_TYPE, Reason, Refused,
    default_branch_of,
};

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";
const ZERO: &str = "0000000000000000000000000000000000000000";

fn packet(line: &str) -> String {
    format!("{:04x}{line}", line.len() + 4)
}

fn refusal(body: &[u8]) -> Refused {
    let policy = PushPolicy::new(vec!["agent/*".parse().unwrap()]);
    let branch = Some("refs/heads/main".to_owned());
    let mut reader = PushReader::new(Arc::new(policy), branch, Coding::Identity);
    let progress = match reader.feed(body) {
        Progress::More => reader.end(),
        progress => progress,
    };
    match progress {
        Progress::Refused(refused) => *refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_default_branch_is_read() {
    let head = |first: &str| {
        let service = packet("# service=git-upload-pack\n");
        format!("{service}0000{}", packet(first))
    };
    let symref = format!("{ONE} HEAD\0multi_ack symref=HEAD:refs/heads/trunk agent=git/2.47.3\n");
    let ls_refs = packet(&format!("{ONE} HEAD symref-target:refs/heads/trunk\n"));
    let unborn = packet("unborn HEAD symref-target:refs/heads/trunk\n");
    let later = packet(&format!("{ONE} refs/heads/a\n")) + &ls_refs;
    let version_1 = packet("version 1\n") + &packet(&symref);
    for text in [head(&symref), ls_refs, unborn, later, version_1] {
        let branch = default_branch_of(text.as_bytes());
        assert_eq!(branch.as_deref(), Some("refs/heads/trunk"), "{text:?}");
        // From its beginning, or not at all.
        for end in 0..text.len() {
            let branch = default_branch_of(&text.as_bytes()[..end]);
            assert!(branch.is_none(), "{:?}", &text[..end]);
        }
    }
    let service = "# service=git-upload-pack\n";
    for text in [
        head(&format!("{ONE} HEAD\0multi_ack agent=git/2.47.3\n")),
        head(&format!("{ZERO} capabilities^{{}}\0multi_ack\n")),
        head(&format!("{ONE} HEAD\0symref=HEAD:refs/remotes/a/b\n")),
        packet(service) + "0000" + &packet("version 2\n") + &packet("agent=git/2.47.3\n") + "0000",
        "<html>".to_owned(),
        String::new(),
        "0000".to_owned(),
        "00000000".to_owned(),
    ] {
        assert_eq!(default_branch_of(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn git_asks_whether_it_may_push() {
    assert_eq!(verdict(&[b"0000"], Coding::Identity), Ok(()));
    let words = verdict(&[b"0000PACK"], Coding::Identity).unwrap_err();
    assert!(words.contains("more behind its empty list"), "{words}");
    git_push(b"0000");
    git_push(b"0000PACK");
}

#[test]
fn what_git_does_not_send_is_refused() {
    let create = format!("{ZERO} {ONE} refs/heads/agent/a");
    let command = |line: &str| packet(line) + "0000";
    let long = format!("{} ", "1".repeat(64));
    for (body, words) in [
        (String::new(), "it broke off"),
        ("000".to_owned(), "it broke off"),
        ("GET / HTTP/1.1".to_owned(), "a line's length"),
        ("0003".to_owned(), "a line's length"),
        ("fff1".to_owned(), "a line's length"),
        ("0001".to_owned(), "a delimiter"),
        (command("hello"), "a line is no command"),
        (command(&format!("{ZERO} {ONE} agent/a")), "a ref's name"),
        (
            command(&format!("{ZERO} {ONE}x refs/heads/agent/a")),
            "an object's id",
        ),
        (
            command(&format!("{ZERO} {long} refs/heads/agent/a")),
            "two formats",
        ),
        (
            command(&format!("{create}\0object-format=sha256")),
            "ids are of two formats",
        ),
        (
            command(&format!("{create}\0object-format=md5")),
            "format is not known",
        ),
        (
            packet(&format!("shallow {ONE}"))
                + &command(&format!("{create}\0object-format=sha256")),
            "another format",
        ),
        (packet(&create) + &command(&create), "named twice"),
        (
            packet(&create) + &command(&format!("{ZERO} {ONE} refs/heads/agent/b\0quiet")),
            "behind a later command",
        ),
        (
            command(&format!("{ONE} {TWO} refs/heads/agent/a")) + "PACK00000002",
            "no pack follows",
        ),
    ] {
        git_push(body.as_bytes());
        let verdict = verdict(&[body.as_bytes()], Coding::Identity).expect_err(&body);
        assert!(verdict.contains(words), "{body:?}: {verdict}");
        assert!(refusal(body.as_bytes()).report().is_none(), "it is not git");
    }
}

#[test]
fn limits_are_kept() {
    let mut many = String::new();
    for number in 0..=MAX_PUSH_COMMANDS {
        many += &packet(&format!("{ZERO} {ONE} refs/tags/v{number}"));
    }
    let verdict = verdict(&[many.as_bytes()], Coding::Identity).unwrap_err();
    assert!(verdict.contains("too many refs"), "{verdict}");

    let long = packet(&format!("shallow {ONE}")).repeat(21_000);
    assert!(
        refusal(long.as_bytes())
            .to_string()
            .contains("list of refs is too long")
    );

    // A pack of one blob that never ends, of random bytes.
    let update = packet(&format!("{ONE} {TWO} refs/heads/agent/a\0report-status")) + "0000";
    let mut body = update.into_bytes();
    body.extend(b"PACK\0\0\0\x02\0\0\0\x01\xbf\xff\xff\xff\x7f\x78\x01");
    while body.len() < MAX_PUSH_HELD + 100 {
        let stored = [0, 0xff, 0xff, 0, 0]; // a stored block of 64 KiB, and one more follows
        body.extend(stored);
        body.resize(body.len() + 0xffff, 7);
    }
    let refused = refusal(&body);
    let reasons: Vec<_> = refused.reasons().collect();
    assert_eq!(reasons, [("refs/heads/agent/a", Reason::Undecided)]);
}

#[test]
fn gzip_is_one_member_and_no_bomb() {
    use std::io::Write;
    let gzip = |bytes: &[u8]| {
        let level = flate2::Compression::best();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let judge = |body: &[u8]| verdict(&[body], Coding::Gzip);
    assert_eq!(judge(&gzip(b"0000")), Ok(()));
    let two = [gzip(b"0000"), gzip(b"0000")].concat();
    assert!(judge(&two).unwrap_err().contains("more behind its gzip"));
    assert!(judge(b"0000").unwrap_err().contains("gzip is not valid"));
    let options = packet(&format!("{ONE} {TWO} refs/heads/agent/a\0push-options")) + "0000";
    let mut bomb = options.into_bytes();
    for _ in 0..3 {
        bomb.extend(packet("a").repeat(100_000).bytes());
    }
    let words = judge(&gzip(&bomb)).unwrap_err();
    assert!(words.contains("list of refs is too long"), "{words}");
}

#[test]
fn reports_are_what_git_reads() {
    assert_eq!(RESULT_TYPE, "application/x-git-receive-pack-result");
    let list = |capabilities: &str| {
        packet(&format!("{ONE} {TWO} refs/heads/main\0{capabilities}"))
            + &packet(&format!("{ZERO} {ONE} refs/heads/agent/a"))
            + "0000"
    };
    let refused = refusal(list("report-status").as_bytes());
    let reasons: Vec<_> = refused.reasons().collect();
    assert_eq!(reasons, [("refs/heads/main", Reason::NotMatched)]);
    let status = packet("unpack ok\n")
        + &packet("ng refs/heads/main this run may not push to it\n")
        + &packet("ng refs/heads/agent/a not pushed, as refs/heads/main was refused\n")
        + "0000";
    assert_eq!(
        String::from_utf8(refused.report().unwrap()).unwrap(),
        status
    );

    let advice = [
        "This run may push to agent/*:",
        "  git push origin HEAD:agent/NAME",
        "Or let it be allowed by name: authsome run --git-push main",
    ];
    assert_eq!(refused.advice(), advice);
    let words = format!(
        "\x02authsome has sent nothing of this push.\n{}\n",
        advice.join("\n")
    );
    let banded = refusal(list("report-status-v2 side-band-64k").as_bytes());
    let body = String::from_utf8(banded.report().unwrap()).unwrap();
    assert_eq!(
        body,
        packet(&words) + &packet(&format!("\x01{status}")) + "0000"
    );

    let mute = refusal(list("side-band-64k").as_bytes()).report().unwrap();
    let failure = "\x03the push was refused: refs/heads/main: this run may not push to it";
    assert!(
        String::from_utf8(mute)
            .unwrap()
            .ends_with(&(packet(failure) + "0000"))
    );
    assert_eq!(refusal(list("quiet").as_bytes()).report(), None);

    let signed = packet("push-cert\0report-status side-band-64k") + "0000";
    let signed = refusal(signed.as_bytes());
    assert!(signed.to_string().ends_with(&Problem::Signed.to_string()));
    assert!(
        String::from_utf8(signed.report().unwrap())
            .unwrap()
            .contains("--no-signed")
    );
}

#[test]
fn advice_is_safe_to_show_and_to_type() {
    let body = packet(&format!(
        "{ZERO} {ONE} refs/heads/a;'b$\u{202e}\0report-status"
    )) + "0000";
    let refused = refusal(body.as_bytes());
    let last = refused.advice().last().unwrap();
    assert!(last.ends_with(" --git-push 'a;'\\''b$\u{fffd}'"), "{last}");
}
