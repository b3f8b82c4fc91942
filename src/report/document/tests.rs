//! The document's fields are the ones that docs/reports.md tells of.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Document;
use crate::report::samples;

const PAGE: &str = include_str!("../../../docs/reports.md");
/// Shapes that are told of elsewhere, and keys that are names of things.
const NOT_LOOKED_INTO: &[&str] =
    &["reason", "finding", "health_check", "plan", "status", "orphans", "printed", "mirror"];

/// The names of the fields of a value and of what is in it.
fn names(value: &Value, are_fields: bool, found: &mut Vec<String>) {
    if let Value::Array(items) = value {
        for item in items {
            names(item, true, found);
        }
    } else if let Value::Object(fields) = value {
        for (name, inner) in fields {
            if are_fields {
                found.push(name.clone());
            }
            if !NOT_LOOKED_INTO.contains(&name.as_str()) {
                names(inner, name != "copies", found);
            }
        }
    }
}

/// The words that the page shows as code.
fn told() -> BTreeSet<&'static str> {
    let code = PAGE.split('`').skip(1).step_by(2);
    code.flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')).collect()
}

#[test]
fn every_field_is_on_the_page() {
    let mut document = Document::new();
    for (event, at) in samples::one_of_each().iter().zip(0..) {
        document.add(samples::moment(at), event);
    }
    let mut found = Vec::new();
    names(&serde_json::to_value(&document).unwrap(), true, &mut found);
    assert!(found.len() > 100, "{found:?}");
    let told = told();
    let missing: Vec<&String> = found.iter().filter(|name| !told.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
