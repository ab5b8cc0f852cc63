//! One GraphQL document: what its operations do (GraphQL specification of September 2025).

use std::collections::{BTreeSet, HashMap};

use apollo_parser::cst::{
    CstNode, Definition, Field, FragmentSpread, OperationDefinition, Selection, SelectionSet,
};
use apollo_parser::{Error, Lexer, Parser, Token, TokenKind};

use super::verdict::{Kind, Unreadable};
use crate::proxy::limits::MAX_GRAPHQL_DEPTH;

/// What a document does, whichever of its operations is run.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Document {
    pub(super) kind: Kind,
    /// The fields at the root of mutations, without aliases, in order and once each.
    pub(super) mutations: Vec<String>,
    /// All fields, those of fragments included, likewise.
    pub(super) fields: Vec<String>,
}

impl Document {
    /// Parses a document. Its tokens are taken off `budget`.
    pub(super) fn parse(text: &str, budget: &mut usize) -> Result<Self, Unreadable> {
        refuse_odd_characters(text)?;
        *budget = budget.saturating_sub(count_tokens(text, *budget)?);
        // The tokens are counted already, but the parser counts the last one, too.
        let parser = Parser::new(text).recursion_limit(MAX_GRAPHQL_DEPTH);
        let tree = parser.token_limit(usize::MAX).parse();
        if let Some(error) = tree.errors().next() {
            return Err(because(error));
        }
        Reader::new(tree.document().definitions())?.read(tree.document().syntax())
    }
}

fn because(error: &Error) -> Unreadable {
    if error.is_limit() {
        Unreadable::TooComplex
    } else {
        Unreadable::Syntax(error.index())
    }
}

/// Control characters and byte order marks, which parsers treat differently, and carriage returns
/// without a line feed: they end a comment for the specification (§2.1.3), but not for every
/// parser.
fn refuse_odd_characters(text: &str) -> Result<(), Unreadable> {
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\t' | b'\n' => {}
            b'\r' if bytes.peek() == Some(&b'\n') => {}
            0..=0x1f | 0x7f => {
                return Err(Unreadable::Ambiguous("the document has control characters"));
            }
            _ => {}
        }
    }
    if text.contains('\u{feff}') {
        return Err(Unreadable::Ambiguous("the document has a byte order mark"));
    }
    Ok(())
}

/// Counts the tokens, and refuses those that well-known parsers end at different places. What one
/// takes for the inside of a string or a comment could be an operation for another one.
fn count_tokens(text: &str, budget: usize) -> Result<usize, Unreadable> {
    let (mut count, mut is_blank) = (0, true);
    for token in Lexer::new(text).with_limit(budget) {
        let token = token.map_err(|error| because(&error))?;
        count += 1;
        match token.kind() {
            TokenKind::Comment if token.data().contains('"') => {
                return Err(Unreadable::Ambiguous("a comment has a quote"));
            }
            TokenKind::StringValue => refuse_odd_string(text, &token)?,
            _ => {}
        }
        is_blank &= matches!(
            token.kind(),
            TokenKind::Comment | TokenKind::Whitespace | TokenKind::Comma | TokenKind::Eof
        );
    }
    if is_blank {
        return Err(Unreadable::NoDocument);
    }
    Ok(count)
}

/// GitLab's server changes documents before they are parsed (graphql-ruby's
/// `escape_single_quoted_newlines`), and takes a backslash before the last quote for one that
/// escapes it. In block strings, and with more quotes in a row, parsers differ, too (§2.9.4).
fn refuse_odd_string(text: &str, token: &Token<'_>) -> Result<(), Unreadable> {
    let written = token.data();
    let block = written.len() >= 6 && written.starts_with("\"\"\"");
    if block && written.contains('\\') {
        return Err(Unreadable::Ambiguous(
            "a block string has a backslash (use a variable)",
        ));
    }
    if !block && written.ends_with("\\\"") {
        return Err(Unreadable::Ambiguous(
            "a string ends with a backslash (use a variable)",
        ));
    }
    if !block && written.contains('\n') {
        return Err(Unreadable::Ambiguous("a string has a line break"));
    }
    let end = token.index() + written.len();
    let behind = text.as_bytes().get(end);
    if behind == Some(&b'"') || (written.len() > 6 && written.contains("\"\"\"\"\"")) {
        return Err(Unreadable::Ambiguous("several quotes stand in a row"));
    }
    Ok(())
}

/// What is known of a document before its operations are looked at.
struct Reader {
    operations: Vec<OperationDefinition>,
    fragments: HashMap<String, SelectionSet>,
}

impl Reader {
    fn new(definitions: impl Iterator<Item = Definition>) -> Result<Self, Unreadable> {
        let mut reader = Self {
            operations: Vec::new(),
            fragments: HashMap::new(),
        };
        for definition in definitions {
            match definition {
                Definition::OperationDefinition(operation) => reader.operations.push(operation),
                Definition::FragmentDefinition(fragment) => {
                    let name = fragment.fragment_name().and_then(|name| name.name());
                    let (Some(name), Some(set)) = (name, fragment.selection_set()) else {
                        return Err(Unreadable::Malformed("GraphQL"));
                    };
                    let name = name.text().to_string();
                    if reader.fragments.insert(name, set).is_some() {
                        return Err(Unreadable::Ambiguous("two fragments have one name"));
                    }
                }
                _ => return Err(Unreadable::Malformed("a GraphQL request: it defines types")),
            }
        }
        if reader.operations.is_empty() {
            return Err(Unreadable::NoDocument);
        }
        Ok(reader)
    }

    fn read(&self, whole: &apollo_parser::SyntaxNode) -> Result<Document, Unreadable> {
        let fields = whole.descendants().filter_map(Field::cast);
        let fields = fields.map(|field| name_of(&field));
        let mut document = Document {
            kind: Kind::Query,
            mutations: Vec::new(),
            fields: once_each(fields.collect::<Result<_, _>>()?),
        };
        let mut roots = Vec::new();
        for operation in &self.operations {
            let kind = kind_of(operation);
            document.kind = document.kind.max(kind);
            if kind == Kind::Mutation {
                let root = operation.selection_set();
                let root = root.ok_or(Unreadable::Malformed("GraphQL"))?;
                self.root_fields(root, &mut roots)?;
            }
        }
        document.mutations = once_each(roots);
        Ok(document)
    }

    /// The fields of a selection set, with those of its fragments. Each fragment is followed once.
    fn root_fields(&self, root: SelectionSet, into: &mut Vec<String>) -> Result<(), Unreadable> {
        let (mut open, mut followed) = (vec![root], BTreeSet::new());
        while let Some(set) = open.pop() {
            for selection in set.selections() {
                match selection {
                    Selection::Field(field) => into.push(name_of(&field)?),
                    Selection::InlineFragment(inline) => open.extend(inline.selection_set()),
                    Selection::FragmentSpread(spread) => {
                        let (name, set) = self.fragment(&spread)?;
                        open.extend(followed.insert(name).then_some(set));
                    }
                }
            }
        }
        Ok(())
    }

    /// The fragment that is used there, with its name.
    fn fragment(&self, spread: &FragmentSpread) -> Result<(String, SelectionSet), Unreadable> {
        let name = spread.fragment_name().and_then(|name| name.name());
        let name = name.ok_or(Unreadable::Malformed("GraphQL"))?;
        let name = name.text().to_string();
        let set = self.fragments.get(&name).cloned();
        let set = set.ok_or(Unreadable::Malformed(
            "a GraphQL request: it uses a fragment that is not there",
        ))?;
        Ok((name, set))
    }
}

fn kind_of(operation: &OperationDefinition) -> Kind {
    let Some(kind) = operation.operation_type() else {
        return Kind::Query; // the short form (§2.3)
    };
    match (kind.mutation_token(), kind.subscription_token()) {
        (Some(_), _) => Kind::Mutation,
        (None, Some(_)) => Kind::Subscription,
        (None, None) => Kind::Query,
    }
}

fn name_of(field: &Field) -> Result<String, Unreadable> {
    let name = field.name().ok_or(Unreadable::Malformed("GraphQL"))?;
    Ok(name.text().to_string())
}

fn once_each(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut names = names;
    names.retain(|name| seen.insert(name.clone()));
    names
}
