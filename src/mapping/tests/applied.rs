//! What a start makes of files that were applied before.

use super::*;
use crate::mapping::{Applied, MappingFile, Rebound, bind_applied};

const ACCOUNT: &str = "object = \"Account\"\nfields = [\"Name\", \"Phone\"]\nkey = { external_id = \"External_Id__c\" }\n";
const CONTACT: &str = "object = \"Contact\"\n[fields]\nLastName = {}\n\
                       AccountId = { ref = { mapping = \"Account\", column = \"account_key\" } }\n";

fn applied(object: &str, columns: &[&str], key: Option<&str>) -> Applied {
    Applied {
        object: object.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        key: key.map(str::to_owned),
    }
}

fn both() -> [Applied; 2] {
    [
        applied("Account", &["name", "phone", "external_id__c"], Some("External_Id__c")),
        applied("Contact", &["lastname", "accountid"], None),
    ]
}

fn files(texts: &[&str]) -> Vec<MappingFile> {
    let sources: Vec<_> = texts
        .iter()
        .zip('a'..)
        .map(|(text, name)| Source::new(format!("{name}.toml"), *text))
        .collect();
    load_sources(&sources).files
}

/// What becomes of the files in an org without these fields, each as `Object.Field`, or `Object` for all of it.
fn without(texts: &[&str], gone: &[&str], applied: &[Applied]) -> Result<Vec<Rebound>, usize> {
    let mut org = org();
    org.objects.retain(|object| !gone.contains(&object.name.as_str()));
    for object in &mut org.objects {
        object.fields.retain(|field| !gone.contains(&&*format!("{}.{}", object.name, field.name)));
    }
    bind_applied(&files(texts), &org, applied).map_err(|problems| problems.len())
}

fn pauses(judged: &[Rebound]) -> Vec<&str> {
    judged.iter().map(|judged| judged.pause.as_deref().unwrap_or_default()).collect()
}

#[test]
fn what_fits_is_bound_as_ever() {
    let judged = without(&[ACCOUNT, CONTACT], &[], &both()).unwrap();
    assert_eq!(pauses(&judged), ["", ""]);
    assert!(judged.iter().all(|judged| judged.drifted.is_empty()));
    let never_applied = without(&[ACCOUNT, CONTACT], &[], &[]).unwrap();
    assert_eq!(judged, never_applied);
}

#[test]
fn a_field_that_was_applied_and_is_gone_pauses_its_mapping_alone() {
    let judged = without(&[ACCOUNT, CONTACT], &["Account.Phone"], &both()).unwrap();
    let pauses = pauses(&judged);
    assert!(pauses[0].starts_with("Phone is gone from Salesforce"), "{pauses:?}");
    assert_eq!(pauses[1], "");
    assert_eq!(judged[1].mapping.fields[1].reference.as_ref().unwrap().table, "account");
}

#[test]
fn a_field_that_was_never_applied_is_an_error_of_the_file() {
    let none: [Applied; 0] = [];
    assert_eq!(without(&[ACCOUNT], &["Account.Phone"], &none), Err(1));
    let others = [applied("Account", &["name", "external_id__c"], Some("External_Id__c"))];
    assert_eq!(without(&[ACCOUNT], &["Account.Phone"], &others), Err(1));
    let other_key = [applied("Account", &["name", "phone", "external_id__c"], None)];
    assert_eq!(without(&[ACCOUNT], &["Account.Phone"], &other_key), Err(1));
}

#[test]
fn without_an_object_or_its_key_those_who_refer_to_it_by_the_key_wait_too() {
    for gone in ["Account", "Account.External_Id__c"] {
        let judged = without(&[ACCOUNT, CONTACT], &[gone], &both()).unwrap();
        let pauses = pauses(&judged);
        assert!(pauses[0].contains("is gone from Salesforce"), "{pauses:?}");
        assert!(pauses[1].contains("refers to the key of Account"), "{pauses:?}");
    }
}

#[test]
fn a_field_may_be_out_alone_where_the_file_says_so_but_for_the_key() {
    let file =
        format!("{ACCOUNT}indexes = [\"phone\"]\ndrift = {{ removed_field = \"pause_field\" }}\n");
    let judged = without(&[&file], &["Account.Phone"], &both()).unwrap();
    assert_eq!(pauses(&judged), [""]);
    assert_eq!(judged[0].mapping.held_columns, ["phone"]);
    assert_eq!(judged[0].drifted.len(), 1);
    let judged = without(&[&file], &["Account.External_Id__c"], &both()).unwrap();
    assert_ne!(pauses(&judged), [""]);
}

#[test]
fn a_field_that_is_left_out_may_be_gone() {
    let file = "object = \"Account\"\nfields = \"all_readable\"\nexcept = [\"Phone\"]\n";
    let judged =
        without(&[file], &["Account.Phone"], &[applied("Account", &["name"], None)]).unwrap();
    assert_eq!((pauses(&judged), judged[0].drifted.len()), (vec![""], 0));
}
