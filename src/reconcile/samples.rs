//! Builders for the tests of this layer.

use crate::mapping::{
    BulkThresholds, ColumnTypes, ConflictPolicy, DeleteRule, Deletes, Direction, Drift, Field, Key,
    Limits, Mapping, Poll, Reference, Sweep, WriteOrder,
};
use crate::model::{
    Action, Change, ChangeState, ColumnType, FieldType, Fields, RemoteRecord, SalesforceId,
    StampField, Value,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

pub(crate) fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn sfid(number: u32) -> SalesforceId {
    SalesforceId::parse(&format!("003{number:012}")).unwrap()
}

pub(crate) fn fields(cells: &[(&str, Option<&str>)]) -> Fields {
    cells.iter().map(|(column, cell)| ((*column).to_owned(), cell.map(str::to_owned))).collect()
}

pub(crate) fn change(log_id: i32, action: Action) -> Change {
    Change {
        log_id,
        state: ChangeState::Pending,
        table: "contact".to_owned(),
        record_id: 1,
        sfid: None,
        action,
        old: (action != Action::Insert).then(Fields::new),
        values: (action != Action::Delete).then(Fields::new),
        created_at: moment(i64::from(log_id)),
    }
}

fn field(name: &str, column_type: ColumnType) -> Field {
    Field {
        name: name.to_owned(),
        column: name.to_lowercase(),
        column_type,
        is_typed: false,
        field_type: FieldType::String,
        limits: Limits::default(),
        direction: Direction::Both,
        conflict: ConflictPolicy::SalesforceWins,
        createable: true,
        updateable: true,
        nillable: true,
        is_calculated: false,
        reference_to: Vec::new(),
        reference: None,
    }
}

/// Fields: 0 `LastName`, 1 `Email`, 2 `AccountId` named by `account_key`, 3 `Birthdate`, 4 `CreatedDate` (read only),
/// 5 `External_Id__c` (the key).
pub(crate) fn contact() -> Mapping {
    let mut account = field("AccountId", ColumnType::Varchar(18));
    account.reference_to = vec!["Account".to_owned()];
    account.reference = Some(Reference {
        object: "Account".to_owned(),
        table: "account".to_owned(),
        match_column: "external_id__c".to_owned(),
        column: "account_key".to_owned(),
        column_type: ColumnType::Varchar(36),
    });
    let mut created = field("CreatedDate", ColumnType::Timestamp);
    created.direction = Direction::FromSalesforce;
    created.createable = false;
    created.updateable = false;
    Mapping {
        object: "Contact".to_owned(),
        table: "contact".to_owned(),
        direction: Direction::Both,
        fields: vec![
            field("LastName", ColumnType::Varchar(80)),
            field("Email", ColumnType::Varchar(80)),
            account,
            field("Birthdate", ColumnType::Date),
            created,
            field("External_Id__c", ColumnType::Varchar(36)),
        ],
        key: Some(Key {
            field: "External_Id__c".to_owned(),
            column: "external_id__c".to_owned(),
            default: None,
        }),
        has_is_deleted: true,
        has_master_record_id: false,
        is_replicateable: true,
        stamp: StampField::SystemModstamp,
        indexes: Vec::new(),
        poll: Poll { every: Duration::from_mins(2), ..Poll::default() },
        deletes: Deletes {
            in_salesforce: DeleteRule::Delete,
            in_postgres: DeleteRule::Delete,
            hold_above: None,
        },
        bulk: BulkThresholds { read_above: 10_000, write_above: 2_000 },
        types: ColumnTypes::Heroku,
        filter: None,
        sweep: Sweep::default(),
        write: WriteOrder::Merged,
        is_conditional: false,
        drift: Drift::default(),
        is_part: false,
        held_columns: Vec::new(),
        rehearsal: None,
    }
}

/// A live contact with these last name and email, changed in Salesforce at second 100.
pub(crate) fn remote(last_name: Value, email: Value) -> RemoteRecord {
    RemoteRecord {
        id: sfid(1),
        system_modstamp: Some(moment(100)),
        is_deleted: false,
        master_record_id: None,
        values: vec![last_name, email, Value::Null, Value::Null, Value::Null, Value::Null],
    }
}
