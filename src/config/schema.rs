//! The JSON Schemas of `shipgate.yaml` and of the file of `shipgate mirror`, from the types that read them.

use schemars::generate::SchemaSettings;

use super::{mirror::shape::MirrorFile, shape::File};

/// The schema (draft 2020-12), for editors and for checks that do without shipgate. It is a little stricter than the
/// reader: the reader takes `1.0` for a text, the schema wants it quoted.
#[must_use]
pub fn schema() -> serde_json::Value {
    titled::<File>("shipgate configuration")
}

/// The same for the file of `shipgate mirror`.
#[must_use]
pub fn mirror_schema() -> serde_json::Value {
    titled::<MirrorFile>("shipgate mirror")
}

fn titled<T: schemars::JsonSchema>(title: &str) -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}
