//! The JSON Schema of a mapping file, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(u8)
}
