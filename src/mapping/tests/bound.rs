//! What sound files become, and how several of them go together.

use super::*;
use crate::mapping::Code;

#[test]
fn objects_and_tables_belong_to_one_file() {
    check(
        &[
            r#"
object = "Account"
fields = ["Name"]
"#,
            r#"
object = "account"
fields = ["Name"]
"#,
            r#"
object = "Contact"
table = "account"
fields = ["LastName"]
"#,
        ],
        r#"
error[SX2702]: object `account` is mapped twice
 --> mappings/b.toml:1:10
  |
1 | object = "account"
  |          ^^^^^^^^^ here again
  |
 ::: mappings/a.toml:1:10
  |
1 | object = "Account"
  |          --------- first mapped here
  |
  = help: keep one file per object

error[SX2702]: two mappings claim the table `account`
 --> mappings/c.toml:2:9
  |
2 | table = "account"
  |         ^^^^^^^^^
  |
 ::: mappings/a.toml:1:10
  |
1 | object = "Account"
  |          --------- first claimed here
  |
  = help: give one of them another `table`
"#,
    );
}

#[test]
fn three_lines_are_a_mapping() {
    let text =
        "object = \"account\"\ndirection = \"from_salesforce\"\nfields = [\"name\", \"Phone\"]\n";

    let mappings = mappings(&[text]);

    let [mapping] = mappings.as_slice() else { panic!("{mappings:?}") };
    assert_eq!((mapping.object.as_str(), mapping.table.as_str()), ("Account", "account"));
    let columns: Vec<_> = mapping
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.column.as_str(), field.column_type))
        .collect();
    assert_eq!(
        columns,
        [("Name", "name", ColumnType::Varchar(255)), ("Phone", "phone", ColumnType::Varchar(40))]
    );
    assert_eq!(mapping.poll.every, Duration::from_mins(1));
    assert_eq!(mapping.poll.overlap, Duration::from_mins(5));
    assert_eq!((mapping.bulk.read_above, mapping.bulk.write_above), (10_000, 2_000));
    assert_eq!(mapping.deletes.hold_above, None);
    assert!(mapping.has_is_deleted && mapping.has_system_modstamp());
}

#[test]
fn nothing_is_written_to_salesforce_unless_the_file_says_so() {
    let mappings = mappings(&["object = \"Account\"\nfields = [\"Name\"]\n"]);
    assert_eq!(mappings[0].direction, Direction::FromSalesforce);
    assert_eq!(mappings[0].fields[0].direction, Direction::FromSalesforce);
}

#[test]
fn all_readable_leaves_out_what_cannot_be_mapped() {
    let text = r#"
object = "Account"
direction = "both"
fields = "all_readable"
except = ["Phone"]
key = { external_id = "External_Id__c", column = "app_id" }
conflict = { policy = "newest" }
"#;
    let mappings = mappings(&[text]);
    let directions: Vec<_> = mappings[0]
        .fields
        .iter()
        .map(|field| (field.column.as_str(), field.direction == Direction::Both))
        .collect();
    #[rustfmt::skip]
    assert_eq!(directions, [
        ("createddate",   false),
        ("app_id",        true),
        ("name",          true),
        ("annualrevenue", true),
        ("parentid",      true),
        ("billingstreet", true),
        ("billingcity",   true),
        ("score__c",      false),
        ("number__c",     false),
        ("legacy__c",     true),
    ]);
    assert!(mappings[0].fields.iter().all(|field| field.conflict == ConflictPolicy::Newest));
    assert_eq!(mappings[0].key.as_ref().unwrap().column, "app_id");
}

#[test]
fn a_reference_takes_the_parents_key_and_its_type() {
    let account =
        "object = \"Account\"\nfields = [\"Name\"]\nkey = { external_id = \"External_Id__c\" }\n";
    let contact = "object = \"Contact\"\nindexes = [\"account_key\"]\n[fields.AccountId]\n\
                   ref = { mapping = \"account\", column = \"account_key\" }\n";
    let mappings = mappings(&[contact, account]);
    let reference = mappings[0].fields[0].reference.as_ref().unwrap();
    assert_eq!(reference.table, "account");
    assert_eq!(reference.match_column, "external_id__c");
    assert_eq!(reference.column, "account_key");
    assert_eq!(reference.column_type, ColumnType::Varchar(36));
    assert_eq!(mappings[0].indexes, ["account_key"]);
}

#[test]
fn a_reference_by_row_needs_no_key_of_the_parent() {
    let account = "object = \"Account\"\nfields = [\"Name\"]\n";
    let contact = "object = \"Contact\"\nindexes = [\"account_id\"]\n[fields.AccountId]\n\
                   ref = { mapping = \"account\", match = \"id\", column = \"account_id\" }\n";
    let mappings = mappings(&[contact, account]);
    let reference = mappings[0].fields[0].reference.as_ref().unwrap();
    assert!(reference.is_by_row_id());
    assert_eq!((reference.table.as_str(), reference.column.as_str()), ("account", "account_id"));
    assert_eq!(reference.column_type, ColumnType::Integer);
    assert!(reference.fits(ColumnType::Bigint) && !reference.fits(ColumnType::Varchar(18)));
}

#[test]
fn children_that_wait_for_parents_that_are_never_sent_are_warned_of() {
    let account = |direction| {
        format!(
            "object = \"Account\"\ndirection = \"{direction}\"\nfields = [\"Name\"]\n\
             key = {{ external_id = \"External_Id__c\" }}\n"
        )
    };
    let contact = |direction| {
        format!(
            "object = \"Contact\"\ndirection = \"{direction}\"\n[fields.LastName]\n[fields.AccountId]\n\
             ref = {{ mapping = \"Account\", column = \"account_key\" }}\n"
        )
    };
    let table = [
        ("from_salesforce", "both", true),
        ("both", "both", false),
        ("to_salesforce", "both", false),
        ("from_salesforce", "from_salesforce", false),
    ];
    for (parent, child, is_warned) in table {
        let (_, diagnostics) = bound(&[&contact(child), &account(parent)]);

        let found = diagnostics.iter().find(|found| found.code == Code::ParentNotSent);

        assert_eq!(found.is_some(), is_warned, "{parent} {child}: {diagnostics:?}");
    }
}

#[test]
fn a_mapping_may_refer_to_itself() {
    let text = "object = \"Account\"\nkey = { external_id = \"External_Id__c\" }\n[fields.ParentId]\n\
                ref = { mapping = \"Account\", column = \"parent_key\" }\n";
    let mappings = mappings(&[text]);
    assert_eq!(mappings[0].fields[0].reference.as_ref().unwrap().object, "Account");
    assert_eq!(groups(&mappings).len(), 1);
}

#[test]
fn groups_follow_the_mapped_lookups_and_put_parents_first() {
    let account = "object = \"Account\"\ntable = \"z\"\nfields = [\"Name\"]\n";
    let contact = "object = \"Contact\"\nfields = [\"AccountId\"]\n";
    let invoice = "object = \"Invoice__c\"\nfields = [\"Account__c\"]\n";
    let opportunity = "object = \"Opportunity\"\nfields = [\"Name\"]\n";
    let names = |texts: &[&str]| -> Vec<(String, Vec<String>)> {
        let tables = |mappings: Vec<Mapping>| mappings.into_iter().map(|m| m.table).collect();
        groups(&mappings(texts)).into_iter().map(|g| (g.name, tables(g.mappings))).collect()
    };
    let expected = [
        ("contact".to_owned(), vec!["z".to_owned(), "contact".to_owned(), "invoice__c".to_owned()]),
        ("opportunity".to_owned(), vec!["opportunity".to_owned()]),
    ];
    assert_eq!(names(&[account, contact, invoice, opportunity]), expected);
    assert_eq!(names(&[opportunity, invoice, contact, account]), expected);
}

#[test]
fn all_problems_of_all_files_come_at_once_and_in_order() {
    let (_, diagnostics) = bound(&[
        "object = \"Acount\"\nfields = [\"Name\"]\ncolour = 1\n",
        "object = \"Contact\"\nfields = [\"Nmae\", \"LastNam\"]\npoll = { every = 3 }\n",
    ]);
    let found: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| {
            let label = diagnostic.label.as_ref().unwrap();
            (diagnostic.code.to_string(), label.source.path.clone(), label.position().line)
        })
        .collect();
    let at = |code: &str, file: &str, line| (code.to_owned(), Path::new(file).to_owned(), line);
    #[rustfmt::skip]
    assert_eq!(found, [
        at("SX2101", "mappings/a.toml", 1),
        at("SX1001", "mappings/a.toml", 3),
        at("SX2104", "mappings/b.toml", 2),
        at("SX2104", "mappings/b.toml", 2),
        at("SX1005", "mappings/b.toml", 3),
    ]);
}

#[test]
fn the_samples_hold_no_problem() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let loaded = load(&folder);
    assert_eq!(loaded.files.len(), 4);
    assert!(loaded.diagnostics.is_empty(), "{}", render(&loaded.diagnostics, Colour::Never));
}

#[test]
fn the_samples_bind_into_one_group_led_by_the_account() {
    let mut org = org();
    let extra = [
        ("Account", "Website", "url"),
        ("Account", "Industry", "picklist"),
        ("Account", "NumberOfEmployees", "int"),
        ("Account", "BillingCountry", "string"),
        ("Contact", "FirstName", "string"),
        ("Contact", "Phone", "phone"),
        ("Contact", "Title", "string"),
    ];
    for (object, name, field_type) in extra {
        let described = field(name, field_type, &json!({"length": 80}));
        let object = org.objects.iter_mut().find(|described| described.name == object).unwrap();
        object.fields.push(serde_json::from_value(described).unwrap());
    }
    let loaded = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings"));

    let bound = bind_all(&loaded.files, &org);

    assert!(bound.diagnostics.is_empty(), "{}", render(&bound.diagnostics, Colour::Never));
    let groups = groups(&bound.mappings);
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!(group.name, "account");
    let tables: Vec<_> = group.mappings.iter().map(|mapping| mapping.table.as_str()).collect();
    assert_eq!(tables, ["account", "contact", "invoice", "opportunity"]);
}

#[test]
fn one_field_may_be_left_to_a_person_while_the_others_have_a_winner() {
    let text = "object = \"Account\"\ndirection = \"both\"\nconflict = \"postgres_wins\"\n\
                key = { external_id = \"External_Id__c\" }\n[fields]\nName = { conflict = \"manual\" }\nPhone = {}\n";
    let mappings = mappings(&[text]);
    let policies: Vec<_> =
        mappings[0].fields.iter().map(|field| (field.name.as_str(), field.conflict)).collect();
    let expected = [("Name", ConflictPolicy::Manual), ("Phone", ConflictPolicy::PostgresWins)];
    for (name, policy) in expected {
        assert!(policies.contains(&(name, policy)), "{policies:?}");
    }
}

#[test]
fn updates_are_conditional_only_where_that_is_said() {
    let key = "key = { external_id = \"External_Id__c\" }\n";
    for (line, expected) in
        [("", false), ("conditional = \"off\"\n", false), ("conditional = \"on\"\n", true)]
    {
        let text =
            format!("object = \"Account\"\ndirection = \"both\"\n{line}{key}fields = [\"Name\"]\n");
        assert_eq!(mappings(&[&text])[0].is_conditional, expected, "{line}");
    }
}
