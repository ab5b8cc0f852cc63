//! README.md and docs/: each command in them is run, each transcript compared, each file parsed,
//! each link followed.

mod data;
mod links;
mod page;
mod playground;
mod spans;
mod transcript;

use std::collections::BTreeSet;

use self::page::{Block, Language, Page, pages};
use self::playground::Playground;

/// What cannot be run here stays the exception.
const MAX_NOT_RUN: usize = 10;

/// One page after the other would take long, and a failure of one would hide the others.
#[test]
fn each_command_works() {
    let faults: Vec<String> = std::thread::scope(|scope| {
        let halves: Vec<_> = (0..2)
            .map(|half| scope.spawn(move || faults_of_half(half)))
            .collect();
        let faults = halves.into_iter().map(|half| half.join().unwrap());
        faults.flatten().collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

fn faults_of_half(half: usize) -> Vec<String> {
    let playground = Playground::new();
    let all = pages();
    let own = all.iter().skip(half).step_by(2);
    own.flat_map(|page| page.blocks.iter().map(move |block| (page, block)))
        .filter(|(_, block)| block.no_run.is_none())
        .flat_map(|(page, block)| {
            let faults = playground.faults(block);
            let place = format!("{}:{}", page.name, block.line);
            faults
                .into_iter()
                .map(move |fault| format!("{place}: {fault}"))
        })
        .collect()
}

#[test]
fn what_is_not_run_is_little_and_says_why() {
    let all = pages();
    let mut not_run = Vec::new();
    for (page, block) in all.iter().flat_map(Page::numbered) {
        if let Some(reason) = &block.no_run {
            assert!(
                !reason.is_empty(),
                "{}:{}: `no-run` wants `<!-- no-run: REASON -->` above",
                page.name,
                block.line
            );
            not_run.push(format!("{}:{}: {reason}", page.name, block.line));
        }
    }
    println!("not run:\n{}", not_run.join("\n"));
    assert!(not_run.len() <= MAX_NOT_RUN, "{not_run:#?}");
}

/// A block whose language says nothing would not be looked at by any of the tests above.
#[test]
fn each_block_says_what_it_is() {
    for (page, block) in pages().iter().flat_map(Page::numbered) {
        assert_ne!(
            block.language,
            Language::Unknown,
            "{}:{}: mark it as sh, console, json, yaml, toml, ini, cron or text",
            page.name,
            block.line
        );
    }
}

#[test]
fn each_command_within_a_line_exists() {
    let faults = spans::faults(&pages());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_link_leads_somewhere() {
    let faults = links::faults(&pages());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The snapshots have each of authsome's own responses (`tests/it/words/complete.rs` sees to it).
#[test]
fn each_refusal_has_its_line_on_the_page_of_symptoms() {
    let codes = |text: &str, mark: &str, end: &[char]| -> BTreeSet<String> {
        let after = text.lines().filter_map(|line| line.strip_prefix(mark));
        let codes = after.filter_map(|rest| rest.split(end).next());
        codes.map(str::to_owned).collect()
    };
    let mut given = BTreeSet::new();
    for entry in std::fs::read_dir(page::root().join("tests/snapshots/refusals")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        given.extend(codes(&text, "authsome-error: ", &[' ', '\r']));
    }
    let page = std::fs::read_to_string(page::root().join("docs/troubleshooting.md")).unwrap();
    let (_, table) = page.split_once("## By code").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    assert_eq!(codes(table, "| `", &['`']), given);
}

/// The tests of these tests: what is wrong has to be seen.
#[test]
fn a_wrong_command_is_seen() {
    let playground = Playground::new();
    for (language, text) in [
        (Language::Sh, "authsome status --no-such-flag"),
        (Language::Sh, "authsome run -- sh -c 'exit 3'"),
        (Language::Sh, "echo authsome run -- claude"), // which nothing starts
        (Language::Console, "$ authsome version\nauthsome 9.9"),
        (Language::Console, "$ authsome version\nerror: no"),
        (Language::Json, "{"),
        (Language::Toml, "a = "),
        (Language::Toml, "[guard]\nallowed = []\n"),
        (Language::Yaml, "a: [b"),
        (
            Language::Yaml,
            "job:\n  script:\n    - authsome run --no-such-flag -- ./job.sh",
        ),
        (
            Language::Ini,
            "ExecStart=%h/.cargo/bin/authsome run --no-such-flag -- %h/bin/agent",
        ),
        (
            Language::Cron,
            "0 6 * * * authsome run --no-such-flag -- nightly",
        ),
    ] {
        let block = Block::new(language, text);
        assert_ne!(playground.faults(&block), Vec::<String>::new(), "{text}");
    }
    for (language, text) in [
        (
            Language::Toml,
            "[registries.a]\ncredential-provider = [\"cargo:token-from-stdout\", \"authsome\", \"tokn\"]",
        ),
        (
            Language::Yaml,
            "users: [{user: {exec: {command: authsome, args: [token, gitlb]}}}]",
        ),
    ] {
        let block = Block::new(language, text);
        assert_ne!(playground.faults(&block), Vec::<String>::new(), "{text}");
    }
    let entry =
        r#"{"mcpServers": {"a": {"command": "authsome", "args": ["run", "--no", "--", "npx"]}}}"#;
    let block = Block::new(Language::Json, entry);
    assert_ne!(playground.faults(&block), Vec::<String>::new());
    let page = Page::parse(
        "docs/x.md",
        "see `authsome run --no-such-flag` and [x](nowhere.md)",
    );
    assert_eq!(spans::faults(std::slice::from_ref(&page)).len(), 1);
    assert_eq!(links::faults(&[page]).len(), 1);
}
