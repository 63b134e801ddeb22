//! Every setting as it holds, with its origin; secrets stay hidden.

use super::{Merged, Origin, keys::KEYS};

const HIDDEN: &str = "[hidden]";

/// One setting as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Section and name.
    pub key: &'static str,
    /// The value, `[hidden]` for a secret; absent where there is none.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

pub(super) fn effective(merged: &Merged) -> Vec<Effective> {
    KEYS.iter()
        .map(|key| match merged.get(key.path) {
            Some(given) => Effective {
                key: key.path,
                value: Some(if key.is_secret { HIDDEN.to_owned() } else { given.text.clone() }),
                origin: given.origin.clone(),
            },
            None => Effective { key: key.path, value: None, origin: Origin::Default },
        })
        .collect()
}
