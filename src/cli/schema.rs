//! `lockstep schema`: the JSON Schema of mapping files.

use crate::mapping::schema;

/// Prints the JSON Schema of mapping files, for editors and reviewers.
///
/// Example: `lockstep schema > mappings/mapping.schema.json`
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {}

/// The schema as text, ending in a line break.
///
/// # Errors
/// When it cannot be written as JSON, which no input can cause.
pub fn run(_args: Args) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&schema()).map(|text| text + "\n")
}
