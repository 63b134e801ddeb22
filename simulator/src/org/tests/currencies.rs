//! An org with several currencies.

use super::*;
use crate::schema::Features;

#[test]
fn rows_with_amounts_have_a_currency_and_the_currencies_are_rows() {
    let features = Features { multi_currency: true, ..Features::default() };
    let mut sample = sample();
    let clock = Arc::clone(&sample.org.clock);
    sample.org = Org::new(Schema::sample_with(features), clock);

    let dollars = sample.create("Account", json!({"Name": "a", "AnnualRevenue": 5}));
    let euros = sample.create("Account", json!({"Name": "b", "CurrencyIsoCode": "eur"}));
    let unknown = sample.try_create("Account", json!({"Name": "c", "CurrencyIsoCode": "XYZ"}));

    assert_eq!(sample.get(dollars, "CurrencyIsoCode"), "USD");
    assert_eq!(sample.get(euros, "CurrencyIsoCode"), "EUR");
    assert_eq!(unknown.unwrap_err().code, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    let soql = "SELECT Id FROM CurrencyType WHERE IsCorporate = false";
    let found = sample.org.query(sample.org.integration_user(), soql, Scope::Live).unwrap();
    assert_eq!(found.rows.len(), 3);
    assert_eq!(sample.get(found.rows.iter().next().unwrap(), "IsoCode"), "EUR");
}

#[test]
fn an_org_with_one_currency_knows_nothing_of_others() {
    let sample = sample();

    assert!(sample.org.schema().object("CurrencyType").is_none());
    assert_eq!(sample.org.schema().object("Account").unwrap().number("CurrencyIsoCode"), None);
}
