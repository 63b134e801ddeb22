//! A record as Salesforce answered it.

use super::{SalesforceId, Value};
use chrono::{DateTime, Utc};

/// One Salesforce record, with the values of a mapping's fields in the mapping's order.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteRecord {
    /// The record's id.
    pub id: SalesforceId,
    /// `SystemModstamp`, or the field that stands in for it ([`super::StampField`]); whole seconds.
    pub system_modstamp: Option<DateTime<Utc>>,
    /// Whether the record is in the recycle bin. Always false for objects without `IsDeleted`.
    pub is_deleted: bool,
    /// The record that this one was merged into, where it was deleted by a merge. `None` for objects without
    /// `MasterRecordId`.
    pub master_record_id: Option<SalesforceId>,
    /// One value per field of the mapping, in its order.
    pub values: Vec<Value>,
}
