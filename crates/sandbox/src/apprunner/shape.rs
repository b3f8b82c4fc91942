//! What a member of the API's model may be, and the check of a value against it, worded as AWS's front end words
//! it. The shapes themselves are in `model`; this file knows only what kinds of shape there are.

use serde_json::{Map, Value};

use super::refusal;
use crate::answer::ApiError;

/// One shape of the model.
pub(super) enum Shape {
    Text(Text),
    Integer {
        min: i64,
        max: i64,
    },
    Flag,
    Structure(&'static [Member]),
    /// Text to text.
    Map {
        key: Text,
        value: Text,
    },
    List(&'static Shape),
}

/// A string shape.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) pattern: Option<Pattern>,
    /// The words of an enumeration; empty for free text.
    pub(super) words: &'static [&'static str],
    /// Never shown again in an error.
    pub(super) sensitive: bool,
}

/// A regular expression: as it is written, and as code.
pub(super) type Pattern = (&'static str, fn(&str) -> bool);

/// A member of a structure.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    pub(super) required: bool,
}

/// Checks an input and gives it back without nulls and without members the model does not know (which AWS
/// ignores).
///
/// # Errors
/// `SerializationException` for a value of the wrong JSON type, `ValidationException` with every violated
/// constraint at once.
pub(super) fn check(shape: &Shape, input: Value) -> Result<Value, ApiError> {
    let mut problems = Vec::new();
    let checked = walk(shape, input, "", &mut problems)?;
    if problems.is_empty() { Ok(checked) } else { Err(refusal::validation(&problems)) }
}

fn walk(shape: &Shape, value: Value, at: &str, problems: &mut Vec<String>) -> Result<Value, ApiError> {
    match (shape, value) {
        (Shape::Text(rule), Value::String(text)) => {
            check_text(rule, &text, at, problems);
            Ok(Value::String(text))
        }
        (Shape::Integer { min, max }, Value::Number(number)) => {
            let whole = number.as_i64().ok_or_else(|| wrong_type(&Value::Number(number), "Integer"))?;
            check_range(whole, *min, *max, at, problems);
            Ok(Value::from(whole))
        }
        (Shape::Flag, Value::Bool(flag)) => Ok(Value::Bool(flag)),
        (Shape::Structure(members), Value::Object(fields)) => walk_structure(members, fields, at, problems),
        (Shape::Map { key, value }, Value::Object(fields)) => {
            for (name, entry) in &fields {
                let Value::String(text) = entry else { return Err(wrong_type(entry, "String")) };
                check_text(key, name, &format!("{at}.key"), problems);
                check_text(value, text, &format!("{at}.{name}.member"), problems);
            }
            Ok(Value::Object(fields))
        }
        (Shape::List(element), Value::Array(items)) => {
            let mut checked = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                checked.push(walk(element, item, &format!("{at}.{}.member", index + 1), problems)?);
            }
            Ok(Value::Array(checked))
        }
        (Shape::Text(_), other) => Err(wrong_type(&other, "String")),
        (Shape::Integer { .. }, other) => Err(wrong_type(&other, "Integer")),
        (Shape::Flag, other) => Err(wrong_type(&other, "Boolean")),
        (Shape::Structure(_) | Shape::Map { .. }, _) => Err(refusal::serialization("Expected a structure or map.")),
        (Shape::List(_), _) => Err(refusal::serialization("Expected list or null")),
    }
}

fn walk_structure(
    members: &[Member],
    mut fields: Map<String, Value>,
    at: &str,
    problems: &mut Vec<String>,
) -> Result<Value, ApiError> {
    let mut checked = Map::new();
    for member in members {
        let path = join(at, member.name);
        match fields.remove(member.name) {
            None | Some(Value::Null) if member.required => {
                problems.push(format!("Value null at '{path}' failed to satisfy constraint: Member must not be null"));
            }
            None | Some(Value::Null) => {}
            Some(value) => {
                let value = walk(member.shape, value, &path, problems)?;
                checked.insert(member.name.to_owned(), value);
            }
        }
    }
    Ok(Value::Object(checked))
}

/// AWS names members by their path in lower camel case.
fn join(at: &str, name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase()).into_iter();
    let name: String = first.chain(letters).collect();
    if at.is_empty() { name } else { format!("{at}.{name}") }
}

fn check_text(rule: &Text, text: &str, at: &str, problems: &mut Vec<String>) {
    let mut violated = |constraint: String| {
        let shown = if rule.sensitive { String::new() } else { format!(" '{text}'") };
        problems.push(format!("Value{shown} at '{at}' failed to satisfy constraint: {constraint}"));
    };
    let length = text.chars().count();
    if length < rule.min {
        violated(format!("Member must have length greater than or equal to {}", rule.min));
    }
    if length > rule.max {
        violated(format!("Member must have length less than or equal to {}", rule.max));
    }
    if let Some((expression, matches)) = rule.pattern
        && !matches(text)
    {
        violated(format!("Member must satisfy regular expression pattern: {expression}"));
    }
    if !rule.words.is_empty() && !rule.words.contains(&text) {
        violated(format!("Member must satisfy enum value set: [{}]", rule.words.join(", ")));
    }
}

fn check_range(number: i64, min: i64, max: i64, at: &str, problems: &mut Vec<String>) {
    let constraint = if number < min {
        format!("Member must have value greater than or equal to {min}")
    } else if number > max {
        format!("Member must have value less than or equal to {max}")
    } else {
        return;
    };
    problems.push(format!("Value '{number}' at '{at}' failed to satisfy constraint: {constraint}"));
}

fn wrong_type(value: &Value, wanted: &str) -> ApiError {
    let given = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    refusal::serialization(format!("{given} cannot be converted to {wanted}"))
}

/// UpdateService's manner: members of structures are laid over the old ones one by one; lists, maps and plain
/// values replace what was there. What the new value does not name stays.
pub(super) fn merge(shape: &Shape, old: &mut Value, new: Value) {
    match (shape, old, new) {
        (Shape::Structure(members), Value::Object(old), Value::Object(mut new)) => {
            for member in *members {
                if let Some(value) = new.remove(member.name) {
                    match old.get_mut(member.name) {
                        Some(slot) => merge(member.shape, slot, value),
                        None => {
                            old.insert(member.name.to_owned(), value);
                        }
                    }
                }
            }
        }
        (_, slot, value) => *slot = value,
    }
}
