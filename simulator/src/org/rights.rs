//! What each user may see and do.
//!
//! By default everyone may everything: what the describe forbids to all is not asked here but of
//! the schema. Rights are taken away, either from one user or from everybody, and given back. A
//! field or object without the right to read it does not exist for its user: reading entry points
//! answer as they do for a name that nobody knows.
//!
//! | asked | of |
//! |---|---|
//! | [`Org::can_see_object`], [`Org::can_do`] | the object permissions |
//! | [`Org::can_read_field`], [`Org::can_write_field`] | field-level security |
//! | [`Org::may`] | the permissions of the user, such as "API Enabled" |
//! | [`Org::can_see_row`], [`Org::can_change_row`] | sharing, see [`Org::set_private`] |

use std::collections::{HashMap, HashSet};

use super::{Org, body::Purpose};
use crate::{ApiError, Id, schema::Object};

/// What is done to rows of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Action {
    Create,
    Read,
    Update,
    Delete,
}

/// A permission of a user that is about no object in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// "API Enabled": without it every data request is refused.
    ApiEnabled,
    /// "Bulk API Hard Delete".
    BulkApiHardDelete,
    /// "View All Data": sees private rows of others.
    ViewAllData,
    /// "Modify All Data": changes private rows of others.
    ModifyAllData,
    /// "Set Audit Fields upon Record Creation". The one that nobody has unless it is given.
    SetAuditFields,
}

impl Permission {
    /// Whether users have it unless something else is said.
    fn is_usual(self) -> bool {
        self != Self::SetAuditFields
    }
}

/// Field-level security of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldRight {
    /// Read and write, as far as the field allows it to anyone.
    Full,
    /// Seen, not written.
    ReadOnly,
    /// Neither; it does not exist for the user.
    Hidden,
}

/// What was said about one user, or about everybody.
#[derive(Debug, Clone, Default)]
struct Said {
    fields: HashMap<(usize, usize), FieldRight>,
    /// Actions taken away.
    denied: HashSet<(usize, Action)>,
    permissions: HashMap<Permission, bool>,
}

/// Everything that was said about rights.
#[derive(Debug, Clone, Default)]
pub(super) struct Rights {
    everybody: Said,
    users: HashMap<Id, Said>,
    /// Objects whose rows only their owner sees.
    private: HashSet<usize>,
}

impl Rights {
    fn said(&mut self, user: Option<Id>) -> &mut Said {
        match user {
            Some(user) => self.users.entry(user).or_default(),
            None => &mut self.everybody,
        }
    }

    fn about(&self, user: Id) -> impl Iterator<Item = &Said> {
        self.users.get(&user).into_iter().chain([&self.everybody])
    }
}

impl Org {
    /// Whether the object exists for the user.
    #[must_use]
    pub fn can_see_object(&self, user: Id, object: usize) -> bool {
        self.object(object).is_some() && self.can_do(user, object, Action::Read)
    }

    /// Whether the user's object permissions allow an action; what the object itself allows to
    /// anyone (`createable` and so on) is not looked at. Without Read nothing is allowed.
    #[must_use]
    pub fn can_do(&self, user: Id, object: usize, action: Action) -> bool {
        let denied = |said: &Said| {
            said.denied.contains(&(object, action)) || said.denied.contains(&(object, Action::Read))
        };
        !self.rights.about(user).any(denied)
    }

    /// Whether the field exists for the user. A field that was dropped exists for nobody.
    #[must_use]
    pub fn can_read_field(&self, user: Id, object: usize, field: usize) -> bool {
        let exists = self.object(object).and_then(|object| object.field(field)).is_some();
        exists && self.field_right(user, object, field) != FieldRight::Hidden
    }

    /// Whether field-level security lets the user write the field; whether the field can be written
    /// by anyone (`createable`, `updateable`) is not looked at.
    #[must_use]
    pub fn can_write_field(&self, user: Id, object: usize, field: usize) -> bool {
        self.can_read_field(user, object, field)
            && self.field_right(user, object, field) == FieldRight::Full
    }

    fn field_right(&self, user: Id, object: usize, field: usize) -> FieldRight {
        let rights = self.rights.about(user).filter_map(|said| said.fields.get(&(object, field)));
        rights.copied().fold(FieldRight::Full, |narrow, right| match (narrow, right) {
            (FieldRight::Hidden, _) | (_, FieldRight::Hidden) => FieldRight::Hidden,
            (FieldRight::Full, FieldRight::Full) => FieldRight::Full,
            _ => FieldRight::ReadOnly,
        })
    }

    /// Whether the user has a permission.
    #[must_use]
    pub fn may(&self, user: Id, permission: Permission) -> bool {
        let mut said =
            self.rights.about(user).filter_map(|said| said.permissions.get(&permission).copied());
        said.next().unwrap_or(permission.is_usual())
    }

    /// The number of an object that exists for the user, by its name in any case.
    #[must_use]
    pub fn visible_object(&self, user: Id, name: &str) -> Option<usize> {
        self.schema().number(name).filter(|number| self.can_see_object(user, *number))
    }

    /// The number of a field that exists for the user, by its name in any case.
    #[must_use]
    pub fn visible_field(&self, user: Id, object: usize, name: &str) -> Option<usize> {
        let field = self.object(object)?.number(name)?;
        self.can_read_field(user, object, field).then_some(field)
    }

    /// The numbers of all fields that exist for the user.
    #[must_use]
    pub fn visible_fields(&self, user: Id, object: usize) -> Vec<usize> {
        let count = self.object(object).map_or(0, |object| object.fields().len());
        (0..count).filter(|field| self.can_read_field(user, object, *field)).collect()
    }

    /// An object that exists for the user, and its number.
    pub(super) fn object_for(&self, user: Id, name: &str) -> Result<(usize, &Object), ApiError> {
        let (number, object) = self.object_named(name)?;
        if self.can_see_object(user, number) {
            return Ok((number, object));
        }
        Err(ApiError::unknown_object())
    }

    /// Whether sharing hides no row of the object from the user.
    #[must_use]
    pub fn sees_all_rows(&self, user: Id, object: usize) -> bool {
        !self.rights.private.contains(&object)
            || self.may(user, Permission::ViewAllData)
            || self.may(user, Permission::ModifyAllData)
    }

    /// Whether sharing shows the row to the user. Only rows of private objects can be hidden.
    #[must_use]
    pub fn can_see_row(&self, user: Id, object: usize, id: Id) -> bool {
        self.sees_all_rows(user, object) || self.owns(user, object, id)
    }

    /// Whether sharing lets the user change the row.
    #[must_use]
    pub fn can_change_row(&self, user: Id, object: usize, id: Id) -> bool {
        !self.rights.private.contains(&object)
            || self.may(user, Permission::ModifyAllData)
            || self.owns(user, object, id)
    }

    /// A row without an owner is nobody's in particular and so everyone's.
    fn owns(&self, user: Id, object: usize, id: Id) -> bool {
        let owner = self.object(object).and_then(|object| object.system().owner_id);
        let owner =
            owner.zip(self.row(object, id)).and_then(|(owner, row)| row.value(owner).as_id());
        owner.is_none_or(|owner| owner == user)
    }

    /// Sets the field-level security of a field for one user, or for everybody when `None`.
    pub fn set_field_right(
        &mut self,
        user: Option<Id>,
        object: usize,
        field: usize,
        right: FieldRight,
    ) {
        self.rights.said(user).fields.insert((object, field), right);
        self.redescribe(object);
    }

    /// Gives one user, or everybody, an action on the rows of an object, or takes it away.
    pub fn allow(&mut self, user: Option<Id>, object: usize, action: Action, is_allowed: bool) {
        let denied = &mut self.rights.said(user).denied;
        if is_allowed {
            denied.remove(&(object, action));
        } else {
            denied.insert((object, action));
        }
        self.redescribe(object);
    }

    /// Gives one user, or everybody, a permission, or takes it away.
    pub fn permit(&mut self, user: Option<Id>, permission: Permission, is_given: bool) {
        self.rights.said(user).permissions.insert(permission, is_given);
    }

    /// Makes the rows of an object visible to their owners alone (and to those with "View All
    /// Data", which all have until it is taken away), or to everybody again.
    pub fn set_private(&mut self, object: usize, is_private: bool) {
        if is_private {
            self.rights.private.insert(object);
        } else {
            self.rights.private.remove(&object);
        }
    }

    /// Whether the user may give a field (of an object, both by number) in a write.
    pub(super) fn is_writable(
        &self,
        user: Id,
        (object, field): (usize, usize),
        purpose: Purpose,
    ) -> bool {
        let Some(described) = self.object(object) else { return false };
        let system = described.system();
        let is_audit = [
            system.created_date,
            system.created_by_id,
            system.last_modified_date,
            system.last_modified_by_id,
        ]
        .contains(&Some(field));
        let is_open = described.field(field).is_some_and(|field| match purpose {
            Purpose::Create => field.createable,
            Purpose::Update => field.updateable,
        });
        let is_granted =
            is_audit && purpose == Purpose::Create && self.may(user, Permission::SetAuditFields);
        (is_open && self.can_write_field(user, object, field)) || is_granted
    }

    /// Refuses to change a row that the user has no right to.
    pub(super) fn check_change(
        &self,
        user: Id,
        number: usize,
        id: Id,
        action: Action,
    ) -> Result<(), ApiError> {
        if !self.can_do(user, number, action) {
            return Err(no_access(None));
        }
        if self.can_change_row(user, number, id) { Ok(()) } else { Err(no_access(Some(id))) }
    }
}

/// The error for a row of an object that the user may not create.
pub(super) fn cannot_insert(object: &Object) -> ApiError {
    let message = format!("entity type cannot be inserted: {}", object.name());
    ApiError::row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, &[])
}

/// The error for what the user has no right to, on a row if there is one.
fn no_access(id: Option<Id>) -> ApiError {
    let message = match id {
        Some(id) => format!("insufficient access rights on object id: {}", id.short()),
        None => "insufficient access rights on object id".to_owned(),
    };
    ApiError::row("INSUFFICIENT_ACCESS_OR_READONLY", message, &[]).with_status(403)
}
