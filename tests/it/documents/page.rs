//! A page, and its fenced blocks.

use std::path::{Path, PathBuf};

/// What a block is, by the first word after its fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Lines of a crontab.
    Cron,
    /// Commands behind `$ `, and what they print.
    Console,
    /// A systemd unit.
    Ini,
    Json,
    /// Commands.
    Sh,
    /// Nothing to check.
    Text,
    Toml,
    Unknown,
    Yaml,
}

/// A fenced block.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) language: Language,
    pub(super) text: String,
    /// Where its fence is.
    pub(super) line: usize,
    /// Why it cannot be run here, if it says so; empty where no reason is given.
    pub(super) no_run: Option<String>,
}

impl Block {
    pub(super) fn new(language: Language, text: &str) -> Self {
        Self {
            language,
            text: text.to_owned(),
            line: 0,
            no_run: None,
        }
    }
}

/// A document.
#[derive(Debug)]
pub(super) struct Page {
    /// Its path from the root of the repository.
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
    /// Its lines that are in no block, with their numbers.
    pub(super) prose: Vec<(usize, String)>,
}

impl Page {
    pub(super) fn parse(name: &str, text: &str) -> Self {
        let (mut blocks, mut prose) = (Vec::new(), Vec::new());
        let mut open: Option<(Block, usize)> = None;
        let mut above = "";
        for (index, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(_), Some((block, _))) => blocks.push(block),
                (Some(info), None) => {
                    let mut block = Block::new(language(info), "");
                    block.line = index + 1;
                    block.no_run = info.contains("no-run").then(|| reason(above));
                    open = Some((block, indent));
                }
                (None, Some((mut block, indent))) => {
                    block.text.push_str(line.get(indent..).unwrap_or_default());
                    block.text.push('\n');
                    open = Some((block, indent));
                }
                (None, None) => prose.push((index + 1, line.to_owned())),
            }
            above = line;
        }
        assert!(open.is_none(), "{name}: a block has no end");
        Self {
            name: name.to_owned(),
            blocks,
            prose,
        }
    }

    /// Its blocks, each with the page.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (&Self, &Block)> {
        self.blocks.iter().map(move |block| (self, block))
    }
}

fn language(info: &str) -> Language {
    match info.split_whitespace().next() {
        Some("console") => Language::Console,
        Some("cron") => Language::Cron,
        Some("ini") => Language::Ini,
        Some("json") => Language::Json,
        Some("sh") => Language::Sh,
        Some("text") => Language::Text,
        Some("toml") => Language::Toml,
        Some("yaml") => Language::Yaml,
        _ => Language::Unknown,
    }
}

/// The reason in a comment `<!-- no-run: REASON -->`.
fn reason(above: &str) -> String {
    let reason = above.trim().strip_prefix("<!-- no-run:");
    let reason = reason.and_then(|rest| rest.strip_suffix("-->"));
    reason.unwrap_or_default().trim().to_owned()
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and the pages of docs/, but for the table of clients, which a test writes, and the
/// page on installing, whose commands a test of the packages runs.
pub(super) fn pages() -> Vec<Page> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    let mut paths: Vec<PathBuf> = docs.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.retain(|path| !path.ends_with("clients.md") && !path.ends_with("install.md"));
    paths.sort();
    paths.insert(0, root().join("README.md"));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        Page::parse(&name, &text)
    };
    paths.into_iter().map(read).collect()
}
