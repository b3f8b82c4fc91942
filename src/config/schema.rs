//! The JSON Schema of `shipgate.yaml`, from the types that read it.

use schemars::generate::SchemaSettings;

use super::shape::File;

/// The schema (draft 2020-12), for editors and for checks that do without shipgate. It is a little stricter than the
/// reader: the reader takes `1.0` for a text, the schema wants it quoted.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>();
    schema.insert("title".to_owned(), "shipgate configuration".into());
    schema.to_value()
}
