//! How a tree becomes typed values: each type of the shape says how it is read from a node, and what is wrong with a node
//! is recorded, never thrown, so that the next key is read all the same.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    environment::Environment,
    interpolate::{self, Fault},
    problem::{Location, Problem},
    suggest::did_you_mean,
    tree::{Entry, Kind, Node},
};

/// What readers share: the variables, and the problems found so far.
pub(super) struct Reader<'a> {
    /// Where `${…}` is looked up.
    pub(super) variables: &'a Environment,
    /// The target that this run is about, if it is known.
    pub(super) target: Option<String>,
    /// Whether an unset variable is a problem. It is not in targets that this run is not about.
    pub(super) demands_variables: bool,
    /// The problems.
    pub(super) problems: Vec<Problem>,
}

/// A type of the configuration's shape.
pub(super) trait Shape: Sized {
    /// Reads it. `None` means that the node is not one, and that the problem is recorded.
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self>;

    /// Lays this over a fallback. A single value hides the fallback; mappings combine key by key.
    fn over(self, _fallback: Self) -> Self {
        self
    }
}

/// What stands at a key.
#[derive(Default)]
pub(super) enum Given<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key is there and its value is wrong, which is recorded already.
    Faulty,
    /// A value.
    Is {
        /// The value.
        value: T,
        /// Where it is.
        location: Location,
    },
}

impl<T: Shape> Given<T> {
    /// Reads the value of one of these entries.
    pub(super) fn at(key: &str, entries: &[Entry], reader: &mut Reader<'_>) -> Self {
        entries.iter().find(|entry| entry.key == key).map_or(Self::Absent, |entry| Self::read(&entry.value, reader))
    }

    /// Reads a node.
    pub(super) fn read(node: &Node, reader: &mut Reader<'_>) -> Self {
        T::read(node, reader).map_or(Self::Faulty, |value| Self::Is { value, location: node.location.clone() })
    }

    /// Lays this over a fallback.
    pub(super) fn over(self, fallback: Self) -> Self {
        match (self, fallback) {
            (Self::Absent, fallback) => fallback,
            (Self::Is { value, location }, Self::Is { value: fallback, .. }) => {
                Self::Is { value: value.over(fallback), location }
            }
            (given, _) => given,
        }
    }
}

impl<T> Given<T> {
    /// The value.
    pub(super) fn value(self) -> Option<T> {
        self.located().map(|(value, _)| value)
    }

    /// The value and its place.
    pub(super) fn located(self) -> Option<(T, Location)> {
        match self {
            Self::Is { value, location } => Some((value, location)),
            Self::Absent | Self::Faulty => None,
        }
    }

    /// Where the key's value is.
    pub(super) fn place(&self) -> Option<&Location> {
        match self {
            Self::Is { location, .. } => Some(location),
            Self::Absent | Self::Faulty => None,
        }
    }

    /// The value; if the key is not there, that is a problem.
    pub(super) fn required(self, problems: &mut Vec<Problem>, missing: impl FnOnce() -> Problem) -> Option<T> {
        self.required_located(problems, missing).map(|(value, _)| value)
    }

    /// The value and its place; if the key is not there, that is a problem.
    pub(super) fn required_located(
        self,
        problems: &mut Vec<Problem>,
        missing: impl FnOnce() -> Problem,
    ) -> Option<(T, Location)> {
        if let Self::Absent = self {
            problems.push(missing());
        }
        self.located()
    }
}

/// What a key's value is in the schema. A trait of its own, because many values are types of other crates.
pub(super) trait InSchema {
    /// The name of its definition; `None` where it is written in place.
    const DEFINITION: Option<&'static str>;

    /// Its schema.
    fn in_schema(generator: &mut SchemaGenerator) -> Schema;
}

/// In the schema a key's value is the value itself.
impl<T: InSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        T::DEFINITION.is_none()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::DEFINITION.unwrap_or("Value").into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::in_schema(generator)
    }
}

impl<T: InSchema> InSchema for BTreeMap<String, Given<T>> {
    const DEFINITION: Option<&'static str> = None;

    fn in_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, Given<T>>::json_schema(generator)
    }
}

impl<T: InSchema> InSchema for Vec<Given<T>> {
    const DEFINITION: Option<&'static str> = None;

    fn in_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Given<T>>::json_schema(generator)
    }
}

impl Reader<'_> {
    /// Records a problem.
    pub(super) fn problem(&mut self, location: &Location, message: impl AsRef<str>) {
        self.problems.push(Problem::new(location, message));
    }

    /// Records that a node is of the wrong kind.
    pub(super) fn wrong_kind(&mut self, node: &Node, expected: &str) {
        self.problem(&node.location, format!("expected {expected}, found {}", node.kind.name()));
    }

    /// The node's entries, each key of which must be one of the known ones.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, known: &[&'static str]) -> Option<&'n [Entry]> {
        let entries = self.any_entries(node)?;
        for Entry { key, location, .. } in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("unknown key `{key}`{}", did_you_mean(key, known.iter().copied()));
            self.problems.push(Problem::new(location, message).with_hint(format!("keys here: {}", known.join(", "))));
        }
        Some(entries)
    }

    /// The node's entries, whatever their keys.
    pub(super) fn any_entries<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        let entries = node.entries();
        if entries.is_none() {
            self.wrong_kind(node, "a mapping");
        }
        entries
    }

    /// The node's text with its variables put in.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            Kind::Scalar { text, literal: true } => Some(text.clone()),
            Kind::Scalar { text, literal: false } => self.expand(text, &node.location),
            Kind::Null | Kind::Sequence(_) | Kind::Mapping(_) => {
                self.wrong_kind(node, "a single value");
                None
            }
        }
    }

    fn expand(&mut self, text: &str, location: &Location) -> Option<String> {
        let faults = match interpolate::expand(text, |name| self.variables.get(name)) {
            Ok(expanded) => return Some(expanded),
            Err(faults) => faults,
        };
        for fault in faults {
            match fault {
                Fault::Unset(name) if self.demands_variables => self.problems.push(
                    Problem::new(location, format!("the variable `{name}` is not set"))
                        .with_hint(format!("set `{name}`, or write a default: ${{{name}:-…}}")),
                ),
                Fault::Unset(_) => {}
                Fault::Malformed => self.problem(
                    location,
                    "a `${` that begins no variable: write ${NAME}, ${NAME:-default}, or $${ for the characters",
                ),
            }
        }
        None
    }
}

/// A single value that is more than any text.
pub(super) trait Scalar: Sized {
    /// What it is, for `… is not …`.
    const EXPECTED: &'static str;
    /// Whether a message may show the value with its variables put in. Otherwise it shows the text as written.
    const SHOWN: bool = false;

    /// Reads it.
    fn parse(text: &str) -> Option<Self>;

    /// Its schema, variables aside.
    fn schema() -> Schema;

    /// Says what is wrong with a text.
    fn complaint(text: &str) -> String {
        format!("`{text}` is not {}", Self::EXPECTED)
    }
}

impl<T: Scalar> Shape for T {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.text(node)?;
        let value = Self::parse(&text);
        if value.is_none() {
            let shown = match &node.kind {
                Kind::Scalar { text: written, .. } if !Self::SHOWN => written,
                Kind::Scalar { .. } | Kind::Null | Kind::Sequence(_) | Kind::Mapping(_) => &text,
            };
            reader.problem(&node.location, Self::complaint(shown));
        }
        value
    }
}

/// The schema of a scalar: what it is, or a text with a variable in it.
pub(super) fn scalar_schema<T: Scalar>() -> Schema {
    let schema = T::schema();
    if schema == json_schema!({ "type": "string" }) {
        return schema;
    }
    json_schema!({ "anyOf": [schema, { "type": "string", "pattern": r"\$\{" }] })
}

/// A mapping from names of the user's choice; a fallback adds the names that are not in it.
impl<T: Shape> Shape for BTreeMap<String, Given<T>> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let entries = reader.any_entries(node)?;
        Some(entries.iter().map(|entry| (entry.key.clone(), Given::read(&entry.value, reader))).collect())
    }

    fn over(mut self, fallback: Self) -> Self {
        for (name, value) in fallback {
            self.entry(name).or_insert(value);
        }
        self
    }
}

/// A list.
impl<T: Shape> Shape for Vec<Given<T>> {
    fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        if let Kind::Sequence(nodes) = &node.kind {
            return Some(nodes.iter().map(|node| Given::read(node, reader)).collect());
        }
        reader.wrong_kind(node, "a list");
        None
    }
}

/// Writes mappings once: the struct is the list of its keys, its doc comments are the schema's descriptions, and its
/// reader reads those keys and reports every other.
macro_rules! mappings {
    ($($(#[$about:meta])* $name:ident { $($(#[$about_key:meta])* $key:ident: $type:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Default, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields, default)]
        pub(in crate::config) struct $name {
            $($(#[$about_key])* pub(in crate::config) $key: $crate::config::read::Given<$type>,)*
        }

        impl $crate::config::read::InSchema for $name {
            const DEFINITION: Option<&'static str> = Some(stringify!($name));

            fn in_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as schemars::JsonSchema>::json_schema(generator)
            }
        }

        impl $crate::config::read::Shape for $name {
            fn read(
                node: &$crate::config::tree::Node,
                reader: &mut $crate::config::read::Reader<'_>,
            ) -> Option<Self> {
                let entries = reader.entries(node, &[$(stringify!($key)),*])?;
                Some(Self {
                    $($key: $crate::config::read::Given::at(stringify!($key), entries, reader),)*
                })
            }

            fn over(self, fallback: Self) -> Self {
                Self { $($key: self.$key.over(fallback.$key),)* }
            }
        }
    )*};
}
pub(super) use mappings;
