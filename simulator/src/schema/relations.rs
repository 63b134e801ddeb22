//! The references between objects: what a deletion does along them, and the child relationships
//! of the parents' describes.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::{Field, Object, Schema};

/// What happens to a row when the row it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// It is deleted too.
    Cascade,
    /// The delete is refused.
    Restrict,
    /// The reference becomes null.
    Clear,
}

/// A reference between two objects of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Relation {
    /// Number of the object that refers.
    pub child: usize,
    /// Number of its field.
    pub field: usize,
    /// Number of the object referred to.
    pub parent: usize,
    /// What the parent's deletion does.
    pub on_delete: OnDelete,
}

/// One element of `childRelationships`.
#[derive(Debug, Clone)]
pub struct ChildRelationship {
    /// The reference behind it; `None` where the child is not part of the schema.
    pub relation: Option<Relation>,
    /// The name by which a sub-select asks for the children; `None` where there is none.
    pub name: Option<String>,
    /// The element itself.
    pub described: Json,
}

impl Schema {
    /// The references to an object, by its number.
    pub fn references_to(&self, parent: usize) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(move |relation| relation.parent == parent)
    }

    /// The child relationships of an object, by its number.
    #[must_use]
    pub fn children_of(&self, parent: usize) -> &[ChildRelationship] {
        self.children.get(parent).map(Vec::as_slice).unwrap_or_default()
    }

    /// The child relationship of this name, in any case.
    #[must_use]
    pub fn child_relationship(&self, parent: usize, name: &str) -> Option<&ChildRelationship> {
        let mut children = self.children_of(parent).iter();
        children
            .find(|child| child.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The child object and its reference behind a child relationship, by names in any case.
    #[must_use]
    pub fn child_of(&self, parent: &str, name: &str) -> Option<(&Object, &Field)> {
        let relation = self.child_relationship(self.number(parent)?, name)?.relation?;
        let child = self.objects.get(relation.child)?;
        Some((child, child.field(relation.field)?))
    }

    /// Finds the references between objects. To be called after every change of fields.
    pub(super) fn relate(&mut self) {
        self.relations.clear();
        let mut relations = Vec::new();
        for (child, object) in self.objects.iter().enumerate() {
            for (number, _) in object.fields().iter().enumerate() {
                let Some(field) = object.field(number) else { continue };
                for parent in field.reference_to.iter().filter_map(|name| self.number(name)) {
                    let on_delete = self.on_delete(parent, object, field);
                    relations.push(Relation { child, field: number, parent, on_delete });
                }
            }
        }
        self.relations = relations;
        self.children = (0..self.objects.len()).map(|parent| self.find_children(parent)).collect();
    }

    fn listed(&self, parent: usize, child: &Object, field: &Field) -> Option<&Json> {
        let list = self.objects.get(parent)?.listed_children();
        list.iter().find(|entry| {
            entry.get("childSObject").and_then(Json::as_str) == Some(child.name())
                && entry.get("field").and_then(Json::as_str) == Some(&field.name)
        })
    }

    fn on_delete(&self, parent: usize, child: &Object, field: &Field) -> OnDelete {
        let listed = self.listed(parent, child, field);
        let is_listed = |key: &str| {
            listed.and_then(|entry| entry.get(key)).and_then(Json::as_bool).unwrap_or_default()
        };
        if field.master_detail || field.cascade_delete || is_listed("cascadeDelete") {
            OnDelete::Cascade
        } else if field.restricted_delete || is_listed("restrictedDelete") {
            OnDelete::Restrict
        } else {
            OnDelete::Clear
        }
    }

    /// The references of the schema, then what the file lists of objects that it lacks.
    fn find_children(&self, parent: usize) -> Vec<ChildRelationship> {
        let mut taken = HashSet::new();
        let mut children: Vec<ChildRelationship> = self
            .references_to(parent)
            .filter_map(|relation| self.describe_child(*relation, &mut taken))
            .collect();
        let listed = self.objects.get(parent).map(Object::listed_children).unwrap_or_default();
        let is_unknown = |entry: &&Json| {
            let child = entry.get("childSObject").and_then(Json::as_str);
            child.is_none_or(|child| self.number(child).is_none())
        };
        children.extend(listed.iter().filter(is_unknown).map(|entry| ChildRelationship {
            relation: None,
            name: None,
            described: entry.clone(),
        }));
        children
    }

    fn describe_child(
        &self,
        relation: Relation,
        taken: &mut HashSet<String>,
    ) -> Option<ChildRelationship> {
        let child = self.objects.get(relation.child)?;
        let field = child.field(relation.field)?;
        let parent = self.objects.get(relation.parent)?;
        if let Some(listed) = self.listed(relation.parent, child, field) {
            let name = listed.get("relationshipName").and_then(Json::as_str).map(str::to_owned);
            taken.extend(name.clone());
            let described = listed.clone();
            return Some(ChildRelationship { relation: Some(relation), name, described });
        }
        let name = relationship_name(parent, child, field).map(|name| {
            // Two references from one object to the same parent need two names.
            let stem = field.name.trim_end_matches("__c").trim_end_matches("Id");
            let other = match name.strip_suffix("__r") {
                Some(plural) => format!("{plural}_{stem}__r"),
                None => format!("{stem}{name}"),
            };
            if taken.insert(name.clone()) { name } else { other }
        });
        let described = json!({
            "cascadeDelete": relation.on_delete == OnDelete::Cascade,
            "childSObject": child.name(),
            "deprecatedAndHidden": false,
            "field": field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": name,
            "restrictedDelete": relation.on_delete == OnDelete::Restrict,
        });
        Some(ChildRelationship { relation: Some(relation), name, described })
    }
}

fn relationship_name(parent: &Object, child: &Object, field: &Field) -> Option<String> {
    if let Some(name) = &field.child_relationship {
        return Some(name.clone());
    }
    let plural = match child.name().strip_suffix("__c") {
        Some(stem) => format!("{}__r", plural(stem)),
        None => plural(child.name()),
    };
    match field.name.as_str() {
        _ if parent.name() == "User" && !field.custom => None,
        "ReportsToId" | "MasterRecordId" => None,
        "ParentId" => Some(format!("Child{plural}")),
        _ => Some(plural),
    }
}

/// The plural of an object's name, as in `Opportunities`.
fn plural(name: &str) -> String {
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{name}s"),
    }
}
