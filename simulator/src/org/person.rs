//! Person accounts: an account that is a person has a contact as its shadow.
//!
//! An account that is created with a `LastName` is one. What is written to its person fields is
//! written to the shadow too; the two are deleted and come back together.

use super::{Org, Row, RowRef, Writer, save::default_value};
use crate::{
    ApiError, Id,
    schema::{Relation, Schema, contact_field},
    value::Value,
};

/// The fields of accounts and contacts that belong together.
#[derive(Debug, Clone)]
pub(super) struct PersonAccounts {
    account: usize,
    contact: usize,
    is_person: usize,
    contact_id: usize,
    name: usize,
    last_name: usize,
    first_name: Option<usize>,
    /// The contact's reference to its account.
    via: usize,
    marked: Option<usize>,
    /// Fields of the account and of the contact that hold the same.
    pairs: Vec<(usize, usize)>,
}

impl PersonAccounts {
    /// What it takes, in a schema that has person accounts.
    pub(super) fn of(schema: &Schema) -> Option<Self> {
        let (account, contact) = (schema.object("Account")?, schema.object("Contact")?);
        let pair = |(at, field): (usize, &crate::schema::Field)| {
            Some((at, contact.number(&contact_field(&field.name)?)?))
        };
        Some(Self {
            account: schema.number("Account")?,
            contact: schema.number("Contact")?,
            is_person: account.number("IsPersonAccount")?,
            contact_id: account.number("PersonContactId")?,
            name: account.number("Name")?,
            last_name: account.number("LastName")?,
            first_name: account.number("FirstName"),
            via: contact.number("AccountId")?,
            marked: contact.number("IsPersonAccount"),
            pairs: account.fields().iter().enumerate().filter_map(pair).collect(),
        })
    }
}

impl Org {
    /// Makes an account with a last name a person, and keeps person fields off other accounts.
    pub(super) fn make_person(
        &self,
        number: usize,
        is_new: bool,
        row: &mut Row,
    ) -> Result<(), ApiError> {
        let Some(person) = self.person.as_ref().filter(|person| person.account == number) else {
            return Ok(());
        };
        let last = row.value(person.last_name).as_text().map(str::to_owned);
        let is_person = *row.value(person.is_person) == Value::Bool(true);
        if is_new && last.is_some() && !row.value(person.name).is_null() {
            return Err(bad_names("Name"));
        }
        if !(is_person || is_new && last.is_some()) {
            let foreign = person.pairs.iter().find(|(at, _)| row.value(*at).as_text().is_some());
            let field = foreign.and_then(|(at, _)| self.object(number)?.field(*at));
            return field.map_or(Ok(()), |field| Err(bad_names(&field.name)));
        }
        let Some(last) = last else {
            let message = "Required fields are missing: [LastName]";
            return Err(ApiError::row("REQUIRED_FIELD_MISSING", message, &["LastName"]));
        };
        let first = person.first_name.and_then(|at| row.value(at).as_text());
        let name = first.map_or_else(|| last.clone(), |first| format!("{first} {last}"));
        row.set(Some(person.name), Value::Text(name.into()));
        row.set(Some(person.is_person), Value::Bool(true));
        Ok(())
    }

    /// Brings the shadow of a stored account up to date, if it is a person.
    pub(super) fn cast_shadow(&mut self, writer: Writer, number: usize, id: Id) {
        let Some(person) = self.person.as_ref().filter(|person| person.account == number) else {
            return;
        };
        let person = person.clone();
        let Some(mut account) = self.row(number, id).map(RowRef::into_row) else { return };
        if *account.value(person.is_person) != Value::Bool(true) {
            return;
        }
        let known = account.value(person.contact_id).as_id();
        let stored = known.and_then(|id| Some(self.row(person.contact, id)?.into_row()));
        let is_new = stored.is_none();
        let mut shadow = stored.unwrap_or_else(|| self.blank(person.contact));
        for (from, to) in &person.pairs {
            shadow.set(Some(*to), account.value(*from).clone());
        }
        let Some(owners) = self
            .object(number)
            .zip(self.object(person.contact))
            .map(|(account, contact)| (account.system().owner_id, contact.system().clone()))
        else {
            return;
        };
        let (owner, contact) = owners;
        shadow.set(contact.owner_id, owner.map_or(Value::Null, |at| account.value(at).clone()));
        self.stamp(person.contact, writer.user, &mut shadow);
        if !is_new {
            if let Some(contact_id) = known {
                self.put(person.contact, contact_id, Some(shadow));
            }
            return;
        }
        shadow.set(Some(person.via), Value::Id(id));
        shadow.set(person.marked, Value::Bool(true));
        shadow.set(contact.created_date, Value::Moment(self.now()));
        shadow.set(contact.created_by_id, Value::Id(writer.user));
        let contact_id = self.number_row(person.contact, &mut shadow);
        self.put(person.contact, contact_id, Some(shadow));
        account.set(Some(person.contact_id), Value::Id(contact_id));
        self.put(number, id, Some(account));
    }

    /// A row of defaults.
    fn blank(&self, number: usize) -> Row {
        let fields = self.object(number).map(crate::schema::Object::fields).unwrap_or_default();
        let mut row = Row::new(fields.len());
        for (at, field) in fields.iter().enumerate() {
            row.set(Some(at), default_value(field));
        }
        row
    }

    /// Whether a reference is the one from shadows to their accounts.
    pub(super) fn is_of_shadows(&self, relation: &Relation) -> bool {
        self.person.as_ref().is_some_and(|person| {
            (relation.parent, relation.child, relation.field)
                == (person.account, person.contact, person.via)
        })
    }

    /// Whether a contact is the shadow of an account.
    pub(super) fn is_shadow(&self, relation: &Relation, account: Id, contact: Id) -> bool {
        self.is_of_shadows(relation)
            && self.person.as_ref().is_some_and(|person| {
                let row = self.row(person.account, account);
                row.and_then(|row| row.value(person.contact_id).as_id()) == Some(contact)
            })
    }
}

fn bad_names(field: &str) -> ApiError {
    let message = format!("Account: bad field names on insert/update call: {field}");
    ApiError::row("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[field])
}
