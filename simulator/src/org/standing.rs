//! The rows of setup objects that every org has: itself, profiles, roles, groups, permission sets.

use super::{Org, Row};
use crate::{Id, schema::FieldType, value::Value};

/// The profile of the org's first two users.
pub(super) fn administrator() -> Id {
    Id::generate("00e", 1)
}

/// The profile of users who are given none.
fn standard() -> Id {
    Id::generate("00e", 2)
}

/// The fields of a row and their values, as text.
type Fields = &'static [(&'static str, &'static str)];

/// Rows by object. Their ids count from 1.
#[rustfmt::skip]
const ROWS: [(&str, &[Fields]); 5] = [
    ("Organization", &[
        &[("Name", "Simulated Org"), ("Country", "US"), ("DefaultLocaleSidKey", "en_US"),
          ("TimeZoneSidKey", "GMT"), ("LanguageLocaleKey", "en_US"), ("FiscalYearStartMonth", "1"),
          ("OrganizationType", "Developer Edition"), ("InstanceName", "SIM1")],
    ]),
    ("Profile", &[
        &[("Name", "System Administrator"), ("UserType", "Standard"), ("PermissionsApiEnabled", "true"),
          ("PermissionsModifyAllData", "true"), ("PermissionsViewAllData", "true")],
        &[("Name", "Standard User"), ("UserType", "Standard"), ("PermissionsApiEnabled", "true")],
    ]),
    ("UserRole", &[
        &[("Name", "CEO"), ("DeveloperName", "CEO")],
        &[("Name", "VP, Sales"), ("DeveloperName", "VPSales"), ("ParentRoleId", "00E000000000001AAA")],
    ]),
    ("Group", &[
        &[("Name", "All Internal Users"), ("DeveloperName", "AllInternalUsers"), ("Type", "Organization")],
        &[("Name", "Support"), ("DeveloperName", "Support"), ("Type", "Queue")],
    ]),
    ("PermissionSet", &[
        &[("Name", "X00e000000000001AAA"), ("Label", "System Administrator"), ("IsOwnedByProfile", "true"),
          ("ProfileId", "00e000000000001AAA"), ("PermissionsApiEnabled", "true"),
          ("PermissionsModifyAllData", "true"), ("PermissionsViewAllData", "true")],
        &[("Name", "Integration"), ("Label", "Integration"), ("IsCustom", "true"),
          ("PermissionsApiEnabled", "true")],
    ]),
];

impl Org {
    /// Stores the rows, of those objects that there are.
    pub(super) fn add_standing(&mut self) {
        for (object, rows) in ROWS {
            for (sequence, fields) in (1..).zip(rows) {
                self.add_standing_row(object, sequence, fields);
            }
        }
    }

    fn add_standing_row(&mut self, object: &str, sequence: u64, fields: &[(&str, &str)]) {
        let (user, now) = (self.integration_user(), self.now());
        let Ok((number, object)) = self.object_named(object) else { return };
        let mut row = Row::new(object.fields().len());
        for (at, field) in object.fields().iter().enumerate() {
            if field.kind == FieldType::Boolean {
                row.set(Some(at), Value::Bool(false));
            }
        }
        for (name, text) in fields {
            let found = object.number(name).and_then(|at| Some((at, object.field(at)?)));
            let Some((at, field)) = found else { continue };
            if let Ok(value) = super::convert::from_text(field, text) {
                row.set(Some(at), value);
            }
        }
        let id = Id::generate(object.prefix(), sequence);
        let system = object.system();
        for (field, value) in [
            (system.id, Value::Id(id)),
            (system.created_date, Value::Moment(now)),
            (system.created_by_id, Value::Id(user)),
            (system.last_modified_date, Value::Moment(now)),
            (system.last_modified_by_id, Value::Id(user)),
            (system.system_modstamp, Value::Moment(now)),
        ] {
            row.set(field, value);
        }
        if let Some(table) = self.tables.get_mut(number) {
            table.put(id, Some(row));
            table.sequence = sequence;
        }
    }

    /// Gives a new user a profile, unless there is one.
    pub(super) fn default_profile(&self, number: usize, row: &mut Row) {
        let user = self.object(number).filter(|object| object.name() == "User");
        let Some(field) = user.and_then(|user| user.number("ProfileId")) else { return };
        if row.value(field).is_null() {
            row.set(Some(field), Value::Id(standard()));
        }
    }
}
