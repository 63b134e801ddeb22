//! Proposes what a mapping might well have, without being wrong as it is: keys that the database makes up, and lookups
//! that follow the application's foreign keys.

use super::catalog::{Catalog, Relation};
use super::tables::{self, GENERATED_KEY};
use crate::mapping::{Field, Mapping};
use crate::postgres::connect::begin;
use crate::postgres::identifier::{qualify, quote};
use crate::postgres::{Database, Error};
use tokio_postgres::types::Type;

/// Something that could be better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The mapping's object.
    pub object: String,
    /// What it is about, lowercase.
    pub message: String,
    /// What to do, and how to decline.
    pub help: String,
    /// Whether the mapping can decline it, and so hear no more of it.
    pub is_declinable: bool,
}

/// A foreign key of the application's onto the `id` of another mapped table.
struct ForeignKey {
    table: String,
    column: String,
    parent: String,
}

/// Looks at the database beside the mappings, read-only. Tables that are still to be made get what they need.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn propose(db: &Database, mappings: &[Mapping]) -> Result<Vec<Proposal>, Error> {
    let mut client = db.client().await?;
    let transaction = begin(&mut client).await?;
    let catalog = Catalog::read(&transaction, db.schema()).await?;
    let statement = include_str!("../sql/propose_foreign_keys.sql");
    let rows = transaction.query_typed(statement, &[(&db.schema(), Type::TEXT)]).await?;
    transaction.commit().await?;
    let foreign_keys = rows
        .iter()
        .map(|row| {
            let (table, column, parent) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(ForeignKey { table, column, parent })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut proposals = Vec::new();
    for mapping in mappings {
        let relation = catalog.relations.get(&mapping.table);
        proposals.extend(relation.and_then(|it| key_default(mapping, it, db.schema())));
        let own = foreign_keys.iter().filter(|key| key.table == mapping.table);
        proposals.extend(own.filter_map(|key| reference(mapping, key, mappings)));
    }
    Ok(proposals)
}

/// A column of keys that was there before, and in which nobody has said what becomes of a row without one.
fn key_default(mapping: &Mapping, relation: &Relation, schema: &str) -> Option<Proposal> {
    let key = mapping.key.as_ref().filter(|key| key.default.is_none())?;
    let field = tables::generated_key(mapping)?;
    relation.columns.get(&field.column).filter(|column| !column.has_default)?;
    let (table, column) = (&mapping.table, &field.column);
    Some(Proposal {
        object: mapping.object.clone(),
        message: format!(
            "column {table}.{column} has no default: a row that the application inserts without a key has none in \
             Salesforce either, and a lost answer leaves it to be found by its values"
        ),
        help: format!(
            "`key = {{ external_id = \"{}\", default = \"uuid\" }}` lets `provision` run: alter table {} alter column {} \
             set default {GENERATED_KEY}; or `default = \"off\"` if every row comes with its key",
            key.field,
            qualify(schema, table),
            quote(column)
        ),
        is_declinable: true,
    })
}

/// A foreign key that no lookup follows, though one could.
fn reference(mapping: &Mapping, key: &ForeignKey, all: &[Mapping]) -> Option<Proposal> {
    let parent = all.iter().find(|parent| parent.table == key.parent)?;
    let follows =
        |field: &Field| field.reference.as_ref().is_some_and(|it| it.column == key.column);
    let could = |field: &&Field| {
        field.reference.is_none()
            && field.direction.pushes()
            && field.reference_to.contains(&parent.object)
    };
    if mapping.fields.iter().any(follows) {
        return None;
    }
    let lookup = mapping.fields.iter().find(could)?;
    let (name, column, object) = (&lookup.name, &key.column, &parent.object);
    Some(Proposal {
        object: mapping.object.clone(),
        message: format!(
            "{}.{column} refers to rows of {}, and no lookup follows it",
            key.table, key.parent
        ),
        help: format!(
            "to let it fill a lookup, for instance: {name} = {{ ref = {{ mapping = \"{object}\", match = \"id\", column = \
             \"{column}\" }} }}"
        ),
        is_declinable: false,
    })
}

#[cfg(test)]
mod tests {
    use super::propose;
    use crate::mapping::{Direction, KeyDefault, Mapping, ROW_ID, Reference};
    use crate::model::ColumnType;
    use crate::postgres::testing::{account, fresh_database, mapping, rows, run};
    use crate::postgres::{inspect, migrate, provision};

    const DEFAULT: &str = "select column_default from information_schema.columns \
                           where table_name = 'account' and column_name = 'external_id__c'";

    fn with_default(default: Option<KeyDefault>) -> Mapping {
        let mut mapping = account();
        if let Some(key) = &mut mapping.key {
            key.default = default;
        }
        mapping
    }

    #[tokio::test]
    async fn a_column_of_keys_that_was_there_gets_a_default_where_the_mapping_says_so() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        run(
            &db,
            "create schema salesforce;
             create table salesforce.account (id serial primary key, external_id__c text);
             insert into salesforce.account default values",
        )
        .await;

        // what nobody speaks of is left as it is, and proposed
        let silent = [with_default(None)];
        provision(&db, &silent).await.unwrap();
        assert_eq!(rows(&db, DEFAULT).await, ["-"]);
        assert_eq!(inspect(&db, &silent).await.unwrap(), []);
        let proposals = propose(&db, &silent).await.unwrap();
        assert!(proposals[0].help.contains("set default gen_random_uuid()"), "{proposals:?}");
        let off = [with_default(Some(KeyDefault::Off))];
        assert_eq!(propose(&db, &off).await.unwrap(), []);

        // what is asked for is missed, and made once
        let uuid = [with_default(Some(KeyDefault::Uuid))];
        assert_eq!(propose(&db, &uuid).await.unwrap(), []);
        let missed = inspect(&db, &uuid).await.unwrap();
        assert!(missed.len() == 1 && missed[0].is_repairable, "{missed:?}");
        let provisioned = provision(&db, &uuid).await.unwrap();
        assert_eq!(provisioned.done, ["column account.external_id__c makes up keys"]);
        assert_eq!(inspect(&db, &uuid).await.unwrap(), []);
        assert!(provision(&db, &uuid).await.unwrap().done.is_empty());
        let keys = "select count(*), count(external_id__c) from salesforce.account";
        assert_eq!(rows(&db, keys).await, ["1|0"], "rows that are there are given none");
    }

    #[tokio::test]
    async fn a_new_column_of_keys_makes_them_up_unless_the_mapping_says_otherwise() {
        for (default, expected) in [
            (None, "(gen_random_uuid())::text"),
            (Some(KeyDefault::Uuid), "(gen_random_uuid())::text"),
            (Some(KeyDefault::Off), "-"),
        ] {
            let db = fresh_database().await;
            migrate(&db).await.unwrap();
            let mappings = [with_default(default)];
            provision(&db, &mappings).await.unwrap();
            assert_eq!(rows(&db, DEFAULT).await, [expected], "{default:?}");
            assert_eq!(propose(&db, &mappings).await.unwrap(), [], "{default:?}");
        }
    }

    #[tokio::test]
    async fn a_foreign_key_is_proposed_to_a_lookup_that_could_follow_it() {
        let db = fresh_database().await;
        migrate(&db).await.unwrap();
        let mut contact = mapping("Contact", Direction::Both);
        contact.fields[1].reference_to = vec!["Account".to_owned()];
        let mut mappings = [account(), contact];
        provision(&db, &mappings).await.unwrap();
        assert_eq!(propose(&db, &mappings).await.unwrap(), []);
        run(
            &db,
            "alter table salesforce.contact add account_id bigint references salesforce.account",
        )
        .await;

        let proposals = propose(&db, &mappings).await.unwrap();
        assert_eq!((proposals.len(), proposals[0].object.as_str()), (1, "Contact"));
        let help =
            r#"Phone = { ref = { mapping = "Account", match = "id", column = "account_id" } }"#;
        assert!(proposals[0].help.ends_with(help), "{proposals:?}");

        mappings[1].fields[1].reference = Some(Reference {
            object: "Account".to_owned(),
            table: "account".to_owned(),
            match_column: ROW_ID.to_owned(),
            column: "account_id".to_owned(),
            column_type: ColumnType::Integer,
        });
        assert_eq!(propose(&db, &mappings).await.unwrap(), []);
        assert_eq!(inspect(&db, &mappings[1..]).await.unwrap(), []);
    }
}
