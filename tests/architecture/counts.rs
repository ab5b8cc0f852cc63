//! How large things are: files, functions, comments. `cargo test --test architecture -- files_and
//! --nocapture` prints it.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::reader::is_for_tests;
use crate::rooms::ROOMS;
use crate::rules::room_of;

/// What was counted in the source of all crates.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    files: Vec<File>,
}

/// One file. Lines of tests count for its length, and for nothing else.
#[derive(Debug, Default)]
struct File {
    path: PathBuf,
    lines: usize,
    /// Lines of code that is no test.
    code: usize,
    /// Words of `//` comments in it.
    words: usize,
    /// Lines of a comment beyond [`WIDTH`] columns.
    wide: usize,
    functions: Vec<Function>,
}

#[derive(Clone, Debug)]
struct Function {
    name: String,
    /// From its signature to its end.
    span: RangeInclusive<usize>,
    /// Of code, comments not counted.
    lines: usize,
    parameters: usize,
    nesting: usize,
}

impl Counts {
    /// Of the repository at that path.
    pub(crate) fn of(root: &Path) -> Self {
        let folders = ["src", "ca/src", "providers/src"];
        let mut files: Vec<_> = folders
            .iter()
            .flat_map(|folder| collect(&root.join(folder)))
            .map(|path| File::of(root, &path))
            .collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.lines));
        Self { files }
    }

    /// Each thing that is larger than it may be.
    pub(crate) fn over_the_bounds(&self) -> Vec<String> {
        let mut over = Vec::new();
        for file in &self.files {
            let path = file.path.display();
            if file.lines > FILE {
                over.push(format!("{path}: {} lines, of {FILE}", file.lines));
            }
            if file.code > CODE {
                over.push(format!(
                    "{path}: {} without its tests, of {CODE}",
                    file.code
                ));
            }
            if file.wide > 0 {
                over.push(format!(
                    "{path}: {} comments beyond {WIDTH} columns",
                    file.wide
                ));
            }
            for function in &file.functions {
                let Function {
                    name,
                    lines,
                    parameters,
                    nesting,
                    ..
                } = function;
                let is_over = *lines > LINES || *parameters > PARAMETERS || *nesting > NESTING;
                let is_table = TABLES
                    .iter()
                    .any(|(of, table)| file.path.ends_with(of) && name == table);
                if is_over && !is_table {
                    over.push(format!(
                        "{path}: {name}: {lines} lines, {parameters} parameters, {nesting} deep"
                    ));
                }
            }
        }
        over
    }

    /// The lines of each room, from the top down.
    fn show_rooms(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for room in ROOMS {
            let files = self.files.iter().filter(|file| {
                let path = file.path.strip_prefix("src").ok();
                path.and_then(room_of)
                    .is_some_and(|of| of.path == room.path)
            });
            let lines: usize = files.map(|file| file.lines).sum();
            writeln!(formatter, "  {lines:6} {}", room.path)?;
        }
        Ok(())
    }

    fn functions(&self) -> impl Iterator<Item = &Function> {
        self.files.iter().flat_map(|file| &file.functions)
    }

    /// Words of comments for each hundred lines of code below a folder.
    fn words_below(&self, folder: &str) -> usize {
        let files = self
            .files
            .iter()
            .filter(|file| file.path.starts_with(folder));
        let (words, code) = files.fold((0, 0), |(words, code), file| {
            (words + file.words, code + file.code)
        });
        words * 100 / code.max(1)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: usize = self.files.iter().map(|file| file.lines).sum();
        let median = self
            .files
            .get(self.files.len() / 2)
            .map_or(0, |file| file.lines);
        let wide: usize = self.files.iter().map(|file| file.wide).sum();
        let over = |is_over: &dyn Fn(&Function) -> bool| {
            self.functions().filter(|one| is_over(one)).count()
        };
        writeln!(
            formatter,
            "files {}, lines {lines}, median {median}",
            self.files.len()
        )?;
        for file in self.files.iter().take(5) {
            writeln!(formatter, "  {} {}", file.lines, file.path.display())?;
        }
        self.show_rooms(formatter)?;
        writeln!(
            formatter,
            "functions over {LINES} lines: {}",
            over(&|one| one.lines > LINES)
        )?;
        writeln!(
            formatter,
            "over {PARAMETERS} parameters: {}",
            over(&|one| one.parameters > PARAMETERS)
        )?;
        writeln!(
            formatter,
            "over {NESTING} deep: {}",
            over(&|one| one.nesting > NESTING)
        )?;
        writeln!(formatter, "comments beyond {WIDTH} columns: {wide}")?;
        for folder in [
            "src/proxy/http1",
            "src/proxy/http2",
            "src/proxy",
            "src/connection",
            "src",
        ] {
            writeln!(
                formatter,
                "words of comments for 100 lines in {folder}: {}",
                self.words_below(folder)
            )?;
        }
        Ok(())
    }
}

impl File {
    fn of(root: &Path, path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a file of the source");
        let parsed = syn::parse_file(&text).expect("a file that parses");
        let mut finder = Finder::default();
        // A file of tests is counted for its length alone.
        let is_of_tests = path
            .components()
            .any(|part| TESTS.iter().any(|name| part.as_os_str() == *name));
        if !is_of_tests {
            finder.visit_file(&parsed);
        }
        let mut file = Self {
            path: path.strip_prefix(root).expect("below it").to_owned(),
            lines: text.lines().count(),
            functions: finder.functions,
            ..Self::default()
        };
        let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.trim().is_empty();
        for function in &mut file.functions {
            let (start, end) = (*function.span.start(), *function.span.end());
            let lines = text.lines().skip(start - 1).take(end - start + 1);
            function.lines = lines.filter(is_code).count();
        }
        for (index, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            // A picture and a table are as wide as they are.
            let is_text = comment.starts_with("//") && !comment.contains(['|', '─', '│']);
            let is_wide = is_text && line.chars().count() > WIDTH;
            file.wide += usize::from(is_wide);
            if finder
                .tests
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&(index + 1)))
            {
                continue;
            }
            file.code += usize::from(!comment.is_empty() && !is_of_tests);
            let is_doc = comment.starts_with("///") || comment.starts_with("//!");
            let inline = line.split_once("// ").filter(|_| !is_doc);
            file.words += inline.map_or(0, |(_, words)| words.split_whitespace().count());
        }
        file
    }
}

/// Finds functions, and the lines of tests.
#[derive(Default)]
struct Finder {
    functions: Vec<Function>,
    tests: Vec<(usize, usize)>,
}

impl Finder {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let mut depth = Depth::default();
        depth.visit_block(block);
        self.functions.push(Function {
            name: signature.ident.to_string(),
            span: signature.span().start().line..=block.span().end().line,
            lines: 0,
            parameters: signature.inputs.len(),
            nesting: depth.most,
        });
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if is_for_tests(&item.attrs) {
            let span = item.span();
            self.tests.push((span.start().line, span.end().line));
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

/// How deep branches and loops stand in each other.
#[derive(Default)]
struct Depth {
    now: usize,
    most: usize,
}

impl Depth {
    fn within(&mut self, go_on: impl FnOnce(&mut Self)) {
        self.now += 1;
        self.most = self.most.max(self.now);
        go_on(self);
        self.now -= 1;
    }
}

impl<'ast> Visit<'ast> for Depth {
    fn visit_expr_if(&mut self, found: &'ast syn::ExprIf) {
        self.within(|this| {
            this.visit_expr(&found.cond);
            this.visit_block(&found.then_branch);
        });
        // `else if` is no deeper than its `if`.
        if let Some((_, other)) = &found.else_branch {
            match &**other {
                syn::Expr::Block(block) => self.within(|this| this.visit_block(&block.block)),
                other => self.visit_expr(other),
            }
        }
    }

    fn visit_expr_match(&mut self, found: &'ast syn::ExprMatch) {
        self.within(|this| visit::visit_expr_match(this, found));
    }

    fn visit_expr_loop(&mut self, found: &'ast syn::ExprLoop) {
        self.within(|this| visit::visit_expr_loop(this, found));
    }

    fn visit_expr_while(&mut self, found: &'ast syn::ExprWhile) {
        self.within(|this| visit::visit_expr_while(this, found));
    }

    fn visit_expr_for_loop(&mut self, found: &'ast syn::ExprForLoop) {
        self.within(|this| visit::visit_expr_for_loop(this, found));
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

fn collect(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry of it").path();
        if path.is_dir() {
            files.extend(collect(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Lines of a file with its tests, and without them and what is blank.
const FILE: usize = 400;
const CODE: usize = 300;

/// Lines of a function, its parameters, and how deep its branches stand in each other.
const LINES: usize = 60;
const PARAMETERS: usize = 6;
const NESTING: usize = 3;

/// Columns of a comment.
const WIDTH: usize = 100;

/// Files and folders of unit tests.
const TESTS: &[&str] = &["tests.rs", "tests", "differential", "properties.rs"];

/// Functions that are one long table.
const TABLES: &[(&str, &str)] = &[("exchange/respond.rs", "error_response")]; // from a cause to a response
