//! Which mappings belong together: those that refer to each other, directly or not.

use super::validated::{Mapping, MappingGroup};
use std::collections::BTreeSet;

/// Splits the mappings into groups. The outcome depends on the mappings alone, not on their order.
///
/// A lookup binds two mappings when its field is mapped and the object it points to is mapped too. Within a group
/// parents come before children; where lookups form a circle, the table that sorts first breaks it.
#[must_use]
pub fn groups(mappings: &[Mapping]) -> Vec<MappingGroup> {
    let mut open: Vec<&Mapping> = mappings.iter().collect();
    open.sort_by(|a, b| a.table.cmp(&b.table));
    let mut groups = Vec::new();
    while !open.is_empty() {
        let first = open.remove(0);
        let name = first.table.clone();
        let mut members = vec![first];
        while let Some(position) =
            open.iter().position(|next| members.iter().any(|member| are_bound(member, next)))
        {
            members.push(open.remove(position));
        }
        members.sort_by(|a, b| a.table.cmp(&b.table));
        groups.push(MappingGroup { name, mappings: parents_first(members) });
    }
    groups
}

fn parents_first(mut waiting: Vec<&Mapping>) -> Vec<Mapping> {
    let mut placed: Vec<Mapping> = Vec::new();
    while !waiting.is_empty() {
        let names: BTreeSet<_> = waiting.iter().map(|mapping| mapping.object.as_str()).collect();
        let is_free = |mapping: &&Mapping| {
            !parents(mapping).any(|parent| parent != mapping.object && names.contains(parent))
        };
        let next = waiting.iter().position(is_free).unwrap_or(0);
        placed.push(waiting.remove(next).clone());
    }
    placed
}

fn are_bound(a: &Mapping, b: &Mapping) -> bool {
    parents(a).any(|parent| parent == b.object) || parents(b).any(|parent| parent == a.object)
}

fn parents(mapping: &Mapping) -> impl Iterator<Item = &str> {
    mapping.fields.iter().flat_map(|field| &field.reference_to).map(String::as_str)
}
