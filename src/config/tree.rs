//! A YAML file as a tree whose every node knows where it was written. It knows YAML and nothing of configurations.

use std::{collections::HashMap, path::Path};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::problem::{Location, Problem};

/// Enough for hundreds of targets; stops aliases of aliases of aliases from filling the memory.
const MAX_NODES: usize = 50_000;

/// A value and its place. There is no `Debug`: the text may be a secret.
#[derive(Clone)]
pub(super) struct Node {
    /// Where it begins; for a mapping under a key, where that key is.
    pub(super) location: Location,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Clone)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// One value, always as text: what it means is for its reader to say.
    Scalar {
        /// The text as written.
        text: String,
        /// Whether the text is final: `${…}` in it means nothing.
        literal: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file, no key twice.
    Mapping(Vec<Entry>),
}

impl Kind {
    /// The kind in words.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar { .. } => "a single value",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// A key and its value.
#[derive(Clone)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key is.
    pub(super) location: Location,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// The entries of a mapping; nothing counts as a mapping without entries, another kind gives `None`.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Null => Some(&[]),
            Kind::Mapping(entries) => Some(entries),
            Kind::Scalar { .. } | Kind::Sequence(_) => None,
        }
    }

    /// Takes keys out of a mapping.
    pub(super) fn forget(&mut self, keys: &[&str]) {
        if let Kind::Mapping(entries) = &mut self.kind {
            entries.retain(|entry| !keys.contains(&entry.key.as_str()));
        }
    }

    /// Puts another text in the place of the one at a key.
    pub(super) fn rewrite(&mut self, key: &str, text_for: impl FnOnce(&str) -> String) {
        let Kind::Mapping(entries) = &mut self.kind else { return };
        let found = entries.iter_mut().find(|entry| entry.key == key);
        if let Some(Kind::Scalar { text, .. }) = found.map(|entry| &mut entry.value.kind) {
            *text = text_for(text);
        }
    }

    /// The value at a key, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    fn count(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Scalar { .. } => 0,
            Kind::Sequence(nodes) => nodes.iter().map(Self::count).sum(),
            Kind::Mapping(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
        }
    }
}

/// Reads a text as one YAML document; an empty text is an empty mapping. A text that is not YAML gives one problem and no
/// tree; a duplicate key and the like give problems and a tree without them.
pub(super) fn parse(path: &Path, text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut builder = Builder { path, open: Vec::new(), root: None, anchors: HashMap::new(), nodes: 0, problems };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.take(event, &span)?,
            Err(error) => {
                builder.syntax(&error);
                return None;
            }
        }
    }
    let empty = Node { location: builder.at(1, 1), kind: Kind::Null };
    Some(builder.root.unwrap_or(empty))
}

/// A collection whose end has not been seen.
struct Open {
    location: Location,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    /// The key is the one whose value comes next; its text is missing when it cannot be a key.
    Mapping {
        entries: Vec<Entry>,
        key: Option<(Option<String>, Location)>,
    },
}

struct Builder<'a> {
    path: &'a Path,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: &'a mut Vec<Problem>,
}

impl Builder<'_> {
    fn at(&self, line: usize, column: usize) -> Location {
        Location::File { path: self.path.to_owned(), line, column }
    }

    fn syntax(&mut self, error: &ScanError) {
        let location = self.at(error.marker().line(), error.marker().col() + 1);
        self.problems.push(Problem::new(&location, format!("not YAML: {}", error.info())));
    }

    /// Takes the next event; `None` means that reading on is pointless.
    fn take(&mut self, event: Event<'_>, span: &Span) -> Option<()> {
        let location = self.at(span.start.line(), span.start.col() + 1);
        if event.tag().is_some() {
            self.problems.push(Problem::new(&location, "a YAML tag (`!…`) means nothing here"));
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let kind = if null { Kind::Null } else { Kind::Scalar { text: text.into_owned(), literal: false } };
                self.complete(Node { location, kind }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(location, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.begin(location, anchor, Content::Mapping { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(&location, anchor),
            Event::DocumentStart(..) if self.root.is_some() => {
                self.problems.push(Problem::new(&location, "a second YAML document; a configuration is one"));
                None
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::UnresolvedAlias(_)
            | _ => Some(()),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "reads as the other ways of taking an event")]
    fn begin(&mut self, location: Location, anchor: usize, content: Content) -> Option<()> {
        self.open.push(Open { location, anchor, content });
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let Open { location, anchor, content } = self.open.pop()?;
        let kind = match content {
            Content::Sequence(nodes) => Kind::Sequence(nodes),
            Content::Mapping { entries, key: _ } => Kind::Mapping(entries),
        };
        self.complete(Node { location, kind }, anchor)
    }

    fn alias(&mut self, location: &Location, anchor: usize) -> Option<()> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.problems.push(Problem::new(location, "an alias inside the value that it stands for"));
            return None;
        };
        self.nodes += node.count();
        self.complete(node, 0)
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) -> Option<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.problems.push(Problem::new(&node.location, format!("more than {MAX_NODES} values")));
            return None;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(nodes)) => nodes.push(node),
            Some(Content::Mapping { entries, key }) => match key.take() {
                None => *key = Some(as_key(node, self.problems)),
                Some((Some(key), location)) => insert(entries, Entry { key, location, value: node }, self.problems),
                Some((None, _)) => {}
            },
        }
        Some(())
    }
}

/// The node as a key; its text is missing, and a problem recorded, if it cannot be one.
fn as_key(node: Node, problems: &mut Vec<Problem>) -> (Option<String>, Location) {
    let text = match node.kind {
        Kind::Scalar { text, .. } => Some(text),
        Kind::Null | Kind::Sequence(_) | Kind::Mapping(_) => {
            problems.push(Problem::new(&node.location, format!("{} cannot be a key", node.kind.name())));
            None
        }
    };
    (text, node.location)
}

fn insert(entries: &mut Vec<Entry>, mut entry: Entry, problems: &mut Vec<Problem>) {
    if let Some(first) = entries.iter().find(|other| other.key == entry.key) {
        let message = format!("the key `{}` is there already, at {}", entry.key, first.location);
        problems.push(Problem::new(&entry.location, message));
        return;
    }
    if let Kind::Mapping(_) | Kind::Null = entry.value.kind {
        entry.value.location = entry.location.clone();
    }
    entries.push(entry);
}
