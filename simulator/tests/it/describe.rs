//! What describe and describe global say: every documented attribute, in its JSON type.

use serde_json::Value;

use crate::support::Sandbox;

/// The JSON type of an attribute.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Flag,
    Count,
    List,
    Object,
    /// Text or null.
    MaybeText,
    /// A whole number or null.
    MaybeCount,
    /// Anything, or null; only there.
    Any,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Count => value.is_u64(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::MaybeText => value.is_string() || value.is_null(),
            Self::MaybeCount => value.is_u64() || value.is_null(),
            Self::Any => true,
        }
    }
}

const GLOBAL: &[(&str, Kind)] = &[
    ("activateable", Kind::Flag),
    ("associateEntityType", Kind::MaybeText),
    ("associateParentEntity", Kind::MaybeText),
    ("createable", Kind::Flag),
    ("custom", Kind::Flag),
    ("customSetting", Kind::Flag),
    ("deepCloneable", Kind::Flag),
    ("deletable", Kind::Flag),
    ("deprecatedAndHidden", Kind::Flag),
    ("feedEnabled", Kind::Flag),
    ("hasSubtypes", Kind::Flag),
    ("isInterface", Kind::Flag),
    ("isSubtype", Kind::Flag),
    ("keyPrefix", Kind::MaybeText),
    ("label", Kind::Text),
    ("labelPlural", Kind::Text),
    ("layoutable", Kind::Flag),
    ("mergeable", Kind::Flag),
    ("mruEnabled", Kind::Flag),
    ("name", Kind::Text),
    ("queryable", Kind::Flag),
    ("replicateable", Kind::Flag),
    ("retrieveable", Kind::Flag),
    ("searchable", Kind::Flag),
    ("triggerable", Kind::Flag),
    ("undeletable", Kind::Flag),
    ("updateable", Kind::Flag),
    ("urls", Kind::Object),
];

/// What describe has beyond describe global.
const OBJECT: &[(&str, Kind)] = &[
    ("actionOverrides", Kind::List),
    ("childRelationships", Kind::List),
    ("compactLayoutable", Kind::Flag),
    ("defaultImplementation", Kind::MaybeText),
    ("extendedBy", Kind::MaybeText),
    ("extendsInterfaces", Kind::MaybeText),
    ("fields", Kind::List),
    ("implementedBy", Kind::MaybeText),
    ("implementsInterfaces", Kind::MaybeText),
    ("listviewable", Kind::Any),
    ("lookupLayoutable", Kind::Any),
    ("namedLayoutInfos", Kind::List),
    ("networkScopeFieldName", Kind::MaybeText),
    ("recordTypeInfos", Kind::List),
    ("searchLayoutable", Kind::Flag),
    ("sobjectDescribeOption", Kind::Text),
    ("supportedScopes", Kind::List),
];

const FIELD: &[(&str, Kind)] = &[
    ("aggregatable", Kind::Flag),
    ("aiPredictionField", Kind::Flag),
    ("autoNumber", Kind::Flag),
    ("byteLength", Kind::Count),
    ("calculated", Kind::Flag),
    ("calculatedFormula", Kind::MaybeText),
    ("cascadeDelete", Kind::Flag),
    ("caseSensitive", Kind::Flag),
    ("compoundFieldName", Kind::MaybeText),
    ("controllerName", Kind::MaybeText),
    ("createable", Kind::Flag),
    ("custom", Kind::Flag),
    ("defaultValue", Kind::Any),
    ("defaultValueFormula", Kind::MaybeText),
    ("defaultedOnCreate", Kind::Flag),
    ("dependentPicklist", Kind::Flag),
    ("deprecatedAndHidden", Kind::Flag),
    ("digits", Kind::Count),
    ("displayLocationInDecimal", Kind::Flag),
    ("encrypted", Kind::Flag),
    ("externalId", Kind::Flag),
    ("extraTypeInfo", Kind::MaybeText),
    ("filterable", Kind::Flag),
    ("filteredLookupInfo", Kind::Any),
    ("formulaTreatNullNumberAsZero", Kind::Flag),
    ("groupable", Kind::Flag),
    ("highScaleNumber", Kind::Flag),
    ("htmlFormatted", Kind::Flag),
    ("idLookup", Kind::Flag),
    ("inlineHelpText", Kind::MaybeText),
    ("label", Kind::Text),
    ("length", Kind::Count),
    ("mask", Kind::MaybeText),
    ("maskType", Kind::MaybeText),
    ("name", Kind::Text),
    ("nameField", Kind::Flag),
    ("namePointing", Kind::Flag),
    ("nillable", Kind::Flag),
    ("permissionable", Kind::Flag),
    ("picklistValues", Kind::List),
    ("polymorphicForeignKey", Kind::Flag),
    ("precision", Kind::Count),
    ("queryByDistance", Kind::Flag),
    ("referenceTargetField", Kind::MaybeText),
    ("referenceTo", Kind::List),
    ("relationshipName", Kind::MaybeText),
    ("relationshipOrder", Kind::MaybeCount),
    ("restrictedDelete", Kind::Flag),
    ("restrictedPicklist", Kind::Flag),
    ("scale", Kind::Count),
    ("searchPrefilterable", Kind::Flag),
    ("soapType", Kind::Text),
    ("sortable", Kind::Flag),
    ("type", Kind::Text),
    ("unique", Kind::Flag),
    ("updateable", Kind::Flag),
    ("writeRequiresMasterRead", Kind::Flag),
];

const CHILD: &[(&str, Kind)] = &[
    ("cascadeDelete", Kind::Flag),
    ("childSObject", Kind::Text),
    ("deprecatedAndHidden", Kind::Flag),
    ("field", Kind::Text),
    ("junctionIdListNames", Kind::List),
    ("junctionReferenceTo", Kind::List),
    ("relationshipName", Kind::MaybeText),
    ("restrictedDelete", Kind::Flag),
];

const RECORD_TYPE: &[(&str, Kind)] = &[
    ("active", Kind::Flag),
    ("available", Kind::Flag),
    ("defaultRecordTypeMapping", Kind::Flag),
    ("developerName", Kind::Text),
    ("master", Kind::Flag),
    ("name", Kind::Text),
    ("recordTypeId", Kind::Text),
    ("urls", Kind::Object),
];

const CHOICE: &[(&str, Kind)] = &[
    ("active", Kind::Flag),
    ("defaultValue", Kind::Flag),
    ("label", Kind::Text),
    ("validFor", Kind::MaybeText),
    ("value", Kind::Text),
];

#[track_caller]
fn assert_has(what: &str, value: &Value, attributes: &[(&str, Kind)]) {
    for (name, kind) in attributes {
        let value = value.get(name).unwrap_or_else(|| panic!("{what} lacks {name}"));
        assert!(kind.fits(value), "{what}.{name} is {value}, no {kind:?}");
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no list: {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {value}"))
}

/// The names of all objects, and their describes.
async fn describes(sandbox: &Sandbox) -> Vec<Value> {
    let global = sandbox.get("sobjects").await.json();
    let mut described = Vec::new();
    for object in list(&global, "sobjects") {
        let answer = sandbox.get(&format!("sobjects/{}/describe", text(object, "name"))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        described.push(answer.json());
    }
    described
}

#[tokio::test]
async fn every_object_and_field_has_every_attribute_in_its_type() {
    let sandbox = Sandbox::empty().await;

    let global = sandbox.get("sobjects").await.json();

    assert_eq!((&global["encoding"], &global["maxBatchSize"]), (&"UTF-8".into(), &200.into()));
    for object in list(&global, "sobjects") {
        assert_has(text(object, "name"), object, GLOBAL);
        assert_has(
            text(object, "name"),
            &object["urls"],
            &[("sobject", Kind::Text), ("describe", Kind::Text), ("rowTemplate", Kind::Text)],
        );
    }
    for object in describes(&sandbox).await {
        let name = text(&object, "name");
        assert_has(name, &object, GLOBAL);
        assert_has(name, &object, OBJECT);
        for field in list(&object, "fields") {
            let name = format!("{name}.{}", text(field, "name"));
            assert_has(&name, field, FIELD);
            for value in list(field, "picklistValues") {
                assert_has(&name, value, CHOICE);
            }
        }
        for info in list(&object, "recordTypeInfos") {
            assert_has(name, info, RECORD_TYPE);
        }
        let masters = list(&object, "recordTypeInfos").iter().filter(|info| info["master"] == true);
        let ids: Vec<&str> = masters.map(|info| text(info, "recordTypeId")).collect();
        assert_eq!(ids, ["012000000000000AAA"], "{name}");
        for child in list(&object, "childRelationships") {
            assert_has(name, child, CHILD);
        }
    }
}

#[tokio::test]
async fn what_describe_global_says_describe_says_too() {
    let sandbox = Sandbox::empty().await;
    let global = sandbox.get("sobjects").await.json();

    for (short, long) in list(&global, "sobjects").iter().zip(describes(&sandbox).await) {
        for (attribute, _) in GLOBAL.iter().filter(|(name, _)| *name != "urls") {
            assert_eq!(short[attribute], long[attribute], "{} {attribute}", short["name"]);
        }
    }
}

#[tokio::test]
async fn every_reference_is_a_child_relationship_of_each_of_its_parents_and_the_reverse() {
    let sandbox = Sandbox::empty().await;
    let objects = describes(&sandbox).await;
    let named = |name: &str| objects.iter().find(|object| text(object, "name") == name);

    for object in &objects {
        let name = text(object, "name");
        for field in list(object, "fields") {
            for parent in list(field, "referenceTo") {
                let Some(parent) = named(parent.as_str().unwrap()) else { continue };
                let children = list(parent, "childRelationships").iter();
                let found = children.filter(|child| {
                    text(child, "childSObject") == name && child["field"] == field["name"]
                });
                assert_eq!(found.count(), 1, "{name}.{}", field["name"]);
            }
        }
        let mut taken = std::collections::HashSet::new();
        for child in list(object, "childRelationships") {
            let of = text(child, "childSObject");
            let field = text(child, "field");
            let fields = list(named(of).unwrap_or_else(|| panic!("no {of}")), "fields");
            let field = fields.iter().find(|known| text(known, "name") == field).unwrap();
            assert!(list(field, "referenceTo").iter().any(|parent| parent == name), "{child}");
            if let Some(relationship) = child["relationshipName"].as_str() {
                assert!(taken.insert(relationship.to_owned()), "{name} has two {relationship}");
            }
        }
    }
}

#[tokio::test]
async fn the_attributes_of_a_field_agree_with_each_other() {
    let sandbox = Sandbox::empty().await;

    for object in describes(&sandbox).await {
        let names = list(&object, "fields").iter().filter(|field| field["nameField"] == true);
        assert!(names.count() <= 1, "{}", object["name"]);
        for field in list(&object, "fields") {
            let name = format!("{}.{}", text(&object, "name"), text(field, "name"));
            let kind = text(field, "type");
            assert_eq!(kind == "reference", !list(field, "referenceTo").is_empty(), "{name}");
            assert_eq!(
                field["polymorphicForeignKey"].as_bool(),
                Some(list(field, "referenceTo").len() > 1),
                "{name}"
            );
            if kind == "boolean" {
                assert_eq!(field["nillable"], false, "{name}: booleans are never null");
            }
            if field["calculated"] == true || field["autoNumber"] == true {
                assert_eq!(field["createable"], false, "{name}");
                assert_eq!(field["updateable"], false, "{name}");
            }
            if kind == "base64" {
                assert_eq!(field["filterable"], false, "{name}");
            }
            if kind != "reference" {
                assert_eq!(field["relationshipName"], Value::Null, "{name}");
            }
            if kind == "string" {
                let (length, bytes) = (field["length"].as_u64(), field["byteLength"].as_u64());
                assert_eq!(length.map(|length| length * 3), bytes, "{name}");
            }
        }
    }
}
