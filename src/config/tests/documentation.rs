//! The schema and the documentation say what the reader does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Overrides, load_text, problems_with};
use crate::config::schema::schema;

/// A path of keys; `*` stands for any name.
type Path = Vec<String>;

/// Follows `$ref`, if there is one.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolved(root, root.pointer(&reference[1..]).unwrap()),
        None => schema,
    }
}

/// Collects the paths of all keys of a schema.
fn keys(root: &Value, schema: &Value, path: &Path, found: &mut BTreeSet<Path>) {
    let schema = resolved(root, schema);
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        let path = [path.clone(), vec![key.clone()]].concat();
        assert!(!value["description"].is_null(), "{path:?} is not described");
        keys(root, value, &path, found);
        found.insert(path);
    }
    if schema["additionalProperties"].is_object() {
        keys(root, &schema["additionalProperties"], &[path.clone(), vec!["*".to_owned()]].concat(), found);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        keys(root, alternative, path, found);
    }
    if schema["items"].is_object() {
        keys(root, &schema["items"], &[path.clone(), vec!["[]".to_owned()]].concat(), found);
    }
}

fn all_keys() -> BTreeSet<Path> {
    let (schema, mut found) = (schema(), BTreeSet::new());
    keys(&schema, &schema, &Path::new(), &mut found);
    found
}

/// A file that has this path and nothing else; every key at the end of it is empty.
fn file_with(path: &[String]) -> String {
    match path {
        [] => "null".to_owned(),
        [key, rest @ ..] if key == "[]" => format!("[{}]", file_with(rest)),
        [key, rest @ ..] => format!("{{ {}: {} }}", key.replace('*', "prod"), file_with(rest)),
    }
}

#[test]
fn the_reader_knows_every_key_of_the_schema_and_no_other() {
    let keys = all_keys();
    assert!(keys.len() > 60, "{keys:?}");
    for path in keys {
        let known = problems_with(&file_with(&path), &Overrides::default());
        assert!(!known.contains("unknown key"), "{path:?}: {known}");
        let mut mistyped = path.clone();
        mistyped.last_mut().unwrap().push_str("_no");
        let unknown = problems_with(&file_with(&mistyped), &Overrides::default());
        assert!(unknown.contains("unknown key"), "{path:?}: {unknown}");
    }
}

#[test]
fn the_schema_refuses_unknown_keys_and_knows_no_null() {
    let schema = schema();
    let text = serde_json::to_string_pretty(&schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(!text.contains("\"null\""), "{text}");
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let closed = definition["properties"].is_null() || definition["additionalProperties"] == Value::Bool(false);
        assert!(closed, "{name} takes any key");
    }
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
    let kinds: Vec<_> =
        schema["$defs"]["Role"]["anyOf"].as_array().unwrap().iter().map(|kind| resolved(&schema, kind)).collect();
    assert_eq!(kinds[0]["anyOf"][0]["type"], "string");
    assert_eq!((&kinds[1]["type"], &kinds[2]["type"]), (&"object".into(), &"array".into()));
}

const DOCUMENTATION: &str = include_str!("../../../docs/configuration.md");

#[test]
fn every_key_is_documented() {
    for path in all_keys() {
        let key = path.last().unwrap();
        assert!(DOCUMENTATION.contains(&format!("`{key}`")), "docs/configuration.md does not speak of `{key}`");
    }
}

#[test]
fn every_example_of_the_documentation_loads() {
    let blocks: Vec<&str> =
        DOCUMENTATION.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        let overrides = Overrides { target: Some("prod".to_owned()), ..Overrides::default() };
        load_text(block, &overrides).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

#[test]
fn every_flag_is_documented_and_stands_for_a_key() {
    let (keys, overrides) = (all_keys(), Overrides::default());
    let of_target = overrides.of_target().map(|(flag, path, _)| (flag, [&["targets", "*"], path].concat()));
    let of_file = overrides.of_file().map(|(flag, path, _)| (flag, path.to_vec()));
    for (flag, path) in of_target.into_iter().chain(of_file) {
        assert!(DOCUMENTATION.contains(&format!("`{flag}`")), "docs/configuration.md does not speak of {flag}");
        let path: Path = path.iter().map(|key| (*key).to_owned()).collect();
        assert!(keys.contains(&path), "{flag} stands for no key: {path:?}");
    }
}
