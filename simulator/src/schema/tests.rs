//! What a describe file becomes, and which ones are refused.

use super::*;

#[test]
fn the_sample_org_has_its_objects_and_every_kind_of_field() {
    let schema = Schema::sample();

    assert_eq!(schema.objects().len(), SAMPLE.len() + 1, "every org has push topics");
    let kinds: std::collections::HashSet<&str> = schema
        .objects()
        .iter()
        .flat_map(Object::fields)
        .map(|field| field.type_name.as_str())
        .collect();
    for kind in [
        "id",
        "string",
        "boolean",
        "int",
        "double",
        "currency",
        "percent",
        "date",
        "datetime",
        "time",
        "email",
        "phone",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "reference",
        "textarea",
        "address",
        "location",
        "encryptedstring",
    ] {
        assert!(kinds.contains(kind), "{kind}");
    }
}

#[test]
fn setup_has_no_recycle_bin_and_everything_else_has_the_seven_system_fields() {
    let schema = Schema::sample();
    // History has only the stamp of its creation.
    for object in schema.objects().iter().filter(|object| object.name() != "AccountHistory") {
        for name in [
            "Id",
            "CreatedDate",
            "CreatedById",
            "LastModifiedDate",
            "LastModifiedById",
            "SystemModstamp",
        ] {
            let field = object.field_named(name).unwrap();
            assert!(
                !field.createable && !field.updateable && !field.nillable,
                "{}.{name}",
                object.name()
            );
        }
        let has_bin = !matches!(
            object.name(),
            "Document"
                | "Group"
                | "Organization"
                | "PermissionSet"
                | "Profile"
                | "RecordType"
                | "User"
                | "UserRole"
        );
        assert_eq!(object.field_named("IsDeleted").is_some(), has_bin, "{}", object.name());
    }
}

#[test]
fn references_know_what_deleting_their_parent_does() {
    let schema = Schema::sample();
    let account = schema.number("Account").unwrap();
    let on_delete = |child: &str, field: &str| {
        let child = schema.number(child).unwrap();
        let field = schema.objects()[child].number(field).unwrap();
        schema
            .references_to(account)
            .find(|relation| (relation.child, relation.field) == (child, field))
            .unwrap()
            .on_delete
    };

    assert_eq!(on_delete("Invoice__c", "Account__c"), OnDelete::Cascade);
    assert_eq!(on_delete("Contact", "AccountId"), OnDelete::Cascade);
    assert_eq!(on_delete("Case", "AccountId"), OnDelete::Restrict);
    assert_eq!(on_delete("Account", "ParentId"), OnDelete::Clear);
}

#[test]
fn what_is_no_describe_is_refused_with_its_origin() {
    for text in ["", "[]", "{}", r#"{"name": "X"}"#, r#"{"name": "X", "fields": [{}]}"#] {
        let error = Schema::from_texts([("x.json".to_owned(), text.to_owned())]).unwrap_err();
        assert!(error.to_string().starts_with("x.json is no describe"), "{error}");
    }
}
