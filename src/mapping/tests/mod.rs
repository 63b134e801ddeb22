//! Every code once, with the words and marks that a user sees; and what becomes of a file without problems.

mod applied;
mod bound;
mod columns;
mod keys;
mod reading;
mod rights;

use super::{
    Colour, ConflictPolicy, Diagnostic, Direction, Mapping, Org, Source, bind_all, groups, load,
    load_sources, render, sort,
};
use crate::model::{ColumnType, ObjectDescribe};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Duration};

/// A field that may be read and written, with further attributes.
fn field(name: &str, field_type: &str, more: &Value) -> Value {
    let mut field = json!({
        "name": name, "type": field_type, "nillable": true, "createable": true, "updateable": true,
    });
    let attributes = field.as_object_mut().unwrap();
    attributes.extend(more.as_object().unwrap().clone());
    field
}

fn object(name: &str, fields: &[Value]) -> ObjectDescribe {
    let read_only = json!({"createable": false, "updateable": false});
    let mut all = vec![
        field("Id", "id", &read_only),
        field("IsDeleted", "boolean", &read_only),
        field("SystemModstamp", "datetime", &read_only),
        field("CreatedDate", "datetime", &read_only),
        field(
            "External_Id__c",
            "string",
            &json!({"length": 36, "externalId": true, "idLookup": true, "unique": true}),
        ),
    ];
    all.extend_from_slice(fields);
    serde_json::from_value(json!({
        "name": name, "createable": true, "updateable": true, "deletable": true, "queryable": true, "fields": all,
    }))
    .unwrap()
}

#[expect(clippy::too_many_lines, reason = "a list of fields")]
fn org() -> Org {
    let read_only = json!({"createable": false, "updateable": false});
    let reference = |object: &str| json!({"length": 18, "referenceTo": [object]});
    let account = object(
        "Account",
        &[
            field("Name", "string", &json!({"length": 255, "nillable": false})),
            field("Phone", "phone", &json!({"length": 40})),
            field("AnnualRevenue", "currency", &json!({"precision": 18, "scale": 2})),
            field("ParentId", "reference", &reference("Account")),
            field("BillingAddress", "address", &read_only),
            field("BillingStreet", "textarea", &json!({"length": 255})),
            field("BillingCity", "string", &json!({"length": 40})),
            field(
                "Score__c",
                "double",
                &json!({"calculated": true, "createable": false, "updateable": false}),
            ),
            field(
                "Number__c",
                "string",
                &json!({"length": 30, "autoNumber": true, "createable": false, "updateable": false}),
            ),
            field(
                "Legacy__c",
                "string",
                &json!({"length": 20, "externalId": true, "idLookup": true}),
            ),
        ],
    );
    let contact = object(
        "Contact",
        &[
            field("LastName", "string", &json!({"length": 80, "nillable": false})),
            field("Email", "email", &json!({"length": 80})),
            field("AccountId", "reference", &reference("Account")),
        ],
    );
    let opportunity = object(
        "Opportunity",
        &[
            field("Name", "string", &json!({"length": 120, "nillable": false})),
            field("StageName", "picklist", &json!({"length": 255, "nillable": false})),
            field("Amount", "currency", &json!({"precision": 18, "scale": 2})),
            field("CloseDate", "date", &json!({"nillable": false})),
            field("AccountId", "reference", &reference("Account")),
        ],
    );
    let invoice = object(
        "Invoice__c",
        &[
            field(
                "Name",
                "string",
                &json!({"length": 80, "autoNumber": true, "createable": false, "updateable": false}),
            ),
            field("Status__c", "picklist", &json!({"length": 255})),
            field("Amount__c", "currency", &json!({"precision": 16, "scale": 2})),
            field("Issued__c", "date", &json!({})),
            field("Due__c", "date", &json!({})),
            field(
                "Code__c",
                "string",
                &json!({"length": 20, "externalId": true, "idLookup": true, "unique": true}),
            ),
            field(
                "Account__c",
                "reference",
                &json!({"length": 18, "referenceTo": ["Account"], "updateable": false, "nillable": false}),
            ),
        ],
    );
    let attachment = object("Attachment", &[field("Body", "base64", &json!({}))]);
    let sealed = ObjectDescribe {
        createable: false,
        updateable: false,
        ..object("Sealed", &[field("Name", "string", &read_only)])
    };
    let objects = vec![account, contact, opportunity, invoice, attachment, sealed];
    Org { names: objects.iter().map(|object| object.name.clone()).collect(), objects }
}

/// Loads the texts as `mappings/a.toml`, `mappings/b.toml`, … and binds them.
fn bound(texts: &[&str]) -> (Vec<Mapping>, Vec<Diagnostic>) {
    let sources: Vec<_> = texts
        .iter()
        .zip('a'..)
        .map(|(text, name)| Source::new(format!("mappings/{name}.toml"), text.trim_start()))
        .collect();
    let loaded = load_sources(&sources);
    let bound = bind_all(&loaded.files, &org());
    let mut diagnostics = loaded.diagnostics;
    diagnostics.extend(bound.diagnostics);
    sort(&mut diagnostics);
    (bound.mappings, diagnostics)
}

fn check(texts: &[&str], expected: &str) {
    let report = render(&bound(texts).1, Colour::Never);
    assert_eq!(report.trim_end(), expected.trim_matches('\n'), "\n{report}");
}

fn mappings(texts: &[&str]) -> Vec<Mapping> {
    let (mappings, diagnostics) = bound(texts);
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics, Colour::Never));
    mappings
}
