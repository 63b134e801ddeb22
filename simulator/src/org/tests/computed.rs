//! Formulas and roll-ups: computed when they are read.

use super::*;

/// An org of a master and its details, with these further fields of the master.
fn order(fields: &Json) -> Sample {
    let detail = json!({"name": "Line__c", "keyPrefix": "a0B", "fields": [
        {"name": "Name", "type": "string", "nameField": true, "defaultedOnCreate": true},
        {"name": "Order__c", "type": "reference", "referenceTo": ["Order__c"], "relationshipOrder": 0},
        {"name": "Price__c", "type": "currency", "precision": 10, "scale": 4},
        {"name": "Kind__c", "type": "picklist", "picklistValues": ["Goods", "Freight"]},
        {"name": "Label__c", "type": "string", "calculatedFormula":
            "Order__r.Name & IF(ISPICKVAL(Kind__c, \"Freight\"), \" (freight)\", \"\")"},
    ]});
    let mut all = vec![json!({"name": "Name", "type": "string", "nameField": true})];
    all.extend(fields.as_array().unwrap().clone());
    let master = json!({"name": "Order__c", "keyPrefix": "a0A", "fields": all});
    let texts = [("Line__c", detail), ("Order__c", master)];
    let texts = texts.map(|(name, describe)| (name.to_owned(), describe.to_string()));
    let mut sample = sample();
    sample.org = Org::new(Schema::from_texts(texts).unwrap(), Arc::clone(&sample.org.clock));
    sample
}

fn roll_up(name: &str, rule: &Json) -> Json {
    json!({"name": name, "type": "double", "precision": 18, "scale": 4, "simulator": {"rollUp": rule}})
}

#[test]
fn roll_ups_count_add_and_compare_the_details_that_their_filter_lets_through() {
    let rule = |summary: &str, filter: Option<&str>| {
        json!({"object": "Line__c", "via": "Order__c",
        "field": "Price__c", "summary": summary, "filter": filter})
    };
    let mut sample = order(&json!([
        roll_up("Count__c", &rule("count", None)),
        roll_up("Goods__c", &rule("sum", Some("ISPICKVAL(Kind__c, \"Goods\") && Price__c > 1"))),
        roll_up("Least__c", &rule("min", None)),
        roll_up("Most__c", &rule("max", None)),
    ]));
    let order = sample.create("Order__c", json!({"Name": "o1"}));
    let seen = |sample: &Sample| {
        ["Count__c", "Goods__c", "Least__c", "Most__c"].map(|field| sample.get(order, field))
    };
    let none = seen(&sample);
    let line = |price: f64, kind: &str| json!({"Order__c": order.to_string(), "Price__c": price, "Kind__c": kind});

    sample.create("Line__c", line(1.5, "Goods"));
    sample.create("Line__c", line(0.5, "Goods"));
    let freight = sample.create("Line__c", line(9.125, "Freight"));

    assert_eq!(none, [json!(0.0), json!(0.0), Json::Null, Json::Null]);
    assert_eq!(seen(&sample), [json!(3.0), json!(1.5), json!(0.5), json!(9.125)]);
    sample.delete(freight).unwrap();
    assert_eq!(seen(&sample), [json!(2.0), json!(1.5), json!(0.5), json!(1.5)]);
}

#[test]
fn a_formula_follows_its_parents_without_touching_the_stamp_of_its_row() {
    let mut sample = order(&json!([]));
    let order = sample.create("Order__c", json!({"Name": "o1"}));
    let line =
        sample.create("Line__c", json!({"Order__c": order.to_string(), "Kind__c": "Freight"}));
    let stamp = sample.get(line, "SystemModstamp");
    assert_eq!(sample.get(line, "Label__c"), "o1 (freight)");

    sample.wait(60);
    sample.update(order, json!({"Name": "o2"})).unwrap();

    assert_eq!(sample.get(line, "Label__c"), "o2 (freight)");
    assert_eq!(sample.get(line, "SystemModstamp"), stamp);
}

#[test]
fn a_blank_number_is_zero_only_where_the_field_says_so() {
    let formula = |name: &str, as_zero: bool| {
        json!({"name": name, "type": "double", "precision": 18,
        "scale": 2, "calculatedFormula": "Tax__c + 1", "formulaTreatNullNumberAsZero": as_zero})
    };
    let mut sample = order(&json!([
        {"name": "Tax__c", "type": "double", "precision": 18, "scale": 2},
        formula("Zero__c", true),
        formula("Blank__c", false),
        {"name": "Late__c", "type": "boolean", "calculatedFormula": "Tax__c > 5"},
    ]));

    let order = sample.create("Order__c", json!({"Name": "o1"}));

    assert_eq!(sample.get(order, "Zero__c"), 1.0);
    assert_eq!(sample.get(order, "Blank__c"), Json::Null);
    assert_eq!(sample.get(order, "Late__c"), false, "a checkbox is never null");
}
