//! Sample records: varied, plausible and the same for the same seed.

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};

use crate::{
    Id, Org,
    value::JsonMap,
    words::{BUSINESSES, COMPANIES, FIRST_NAMES, LAST_NAMES, PLACES, REMARKS},
};

/// Fills the org with records. `scale` 1.0 makes about a thousand Accounts and eight thousand
/// records in all; objects that the schema lacks, and rows that a replaced object's rules refuse,
/// are left out.
pub fn fill(org: &mut Org, seed: u64, scale: f64) {
    let mut maker = Maker { random: ChaCha8Rng::seed_from_u64(seed), org, made: 0 };
    let accounts = maker.make("Account", scaled(1000, scale), Maker::account);
    maker.hierarchy(&accounts);
    let contacts = maker.make("Contact", scaled(3000, scale), |maker| maker.contact(&accounts));
    maker.reporting(&contacts);
    let deals =
        maker.make("Opportunity", scaled(1000, scale), |maker| Some(maker.opportunity(&accounts)));
    maker.make("Lead", scaled(500, scale), |maker| Some(maker.lead()));
    maker.make("Case", scaled(500, scale), |maker| Some(maker.case(&accounts, &contacts)));
    let products = maker.make("Product2", scaled(100, scale), |maker| Some(maker.product()));
    let invoices = maker.make("Invoice__c", scaled(500, scale), |maker| maker.invoice(&accounts));
    maker.make("Invoice_Line__c", scaled(1500, scale), |maker| maker.line(&invoices, &products));
    maker.make("Task", scaled(50, scale), |maker| Some(maker.task(&contacts, &deals)));
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive count"
)]
fn scaled(count: u32, scale: f64) -> usize {
    (f64::from(count) * scale.max(0.0)).round() as usize
}

struct Maker<'a> {
    random: ChaCha8Rng,
    org: &'a mut Org,
    /// Records made so far, which numbers external ids.
    made: usize,
}

impl Maker<'_> {
    /// Makes records, without those that lack a parent or are refused.
    fn make(
        &mut self,
        object: &str,
        count: usize,
        body: impl Fn(&mut Self) -> Option<Json>,
    ) -> Vec<Id> {
        let mut ids = Vec::with_capacity(count);
        let Some(described) = self.org.schema().object(object).cloned() else { return ids };
        for _ in 0..count {
            self.made += 1;
            let Some(Json::Object(body)) = body(self) else { continue };
            // A file of the user's may describe the object with other fields.
            let known = |(name, _): &(String, Json)| {
                described.field_named(name).is_some_and(|field| field.createable)
            };
            let body: JsonMap = body.into_iter().filter(known).collect();
            let user = self.org.integration_user();
            ids.extend(self.org.create(user, object, &body));
        }
        ids
    }

    fn one<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        choices.choose(&mut self.random).copied()
    }

    fn text(&mut self, choices: &[&'static str]) -> &'static str {
        self.one(choices).unwrap_or_default()
    }

    /// A value most of the time, else null.
    fn maybe(&mut self, value: Json) -> Json {
        if self.random.random_bool(0.8) { value } else { Json::Null }
    }

    fn key(&self, prefix: &str) -> String {
        format!("{prefix}-{:06}", self.made)
    }

    fn cents(&mut self, most: u32) -> f64 {
        f64::from(self.random.random_range(0..most)) / 100.0
    }

    fn date(&mut self, year: i32) -> String {
        let (month, day) = (self.random.random_range(1..=12), self.random.random_range(1..=28));
        format!("{year}-{month:02}-{day:02}")
    }

    fn phone(&mut self) -> String {
        format!("+49 30 555 {:04}", self.random.random_range(0..10_000))
    }

    fn account(&mut self) -> Option<Json> {
        let company = self.text(&COMPANIES);
        let business = self.text(&BUSINESSES);
        let (city, country, code) = self.one(&PLACES)?;
        let street = format!("Main Street {}", self.random.random_range(1..200));
        let industry = self.text(&[
            "Banking",
            "Energy",
            "Healthcare",
            "Manufacturing",
            "Retail",
            "Technology",
        ]);
        let regions = self.text(&["Europe", "Asia;Europe", "North America;Oceania", "Africa"]);
        let (revenue, staff) =
            (self.random.random_range(0..500_000_000), self.random.random_range(1..90_000));
        let (discount, score) = (self.cents(10_000), self.cents(100_000_000));
        let (start, review, tier) =
            (self.date(2024), self.date(2025), self.text(&["Gold", "Silver", "Bronze"]));
        let (latitude, longitude) = (self.cents(9000), self.cents(18_000));
        let remark = self.text(&REMARKS);
        Some(json!({
            "Name": format!("{company} {business} {}", self.made), "External_Id__c": self.key("ACC"),
            "Industry": self.maybe(json!(industry)), "AnnualRevenue": self.maybe(json!(revenue)),
            "NumberOfEmployees": self.maybe(json!(staff)), "Phone": self.phone(), "Website": "https://example.com",
            "BillingStreet": street, "BillingCity": city, "BillingCountry": country, "BillingPostalCode": code,
            "BillingLatitude": latitude, "BillingLongitude": longitude, "Description": self.maybe(json!(remark)),
            "Tier__c": self.maybe(json!(tier)), "Regions__c": self.maybe(json!(regions)),
            "Discount__c": discount, "Score__c": score, "Contract_Start__c": start,
            "Last_Review__c": format!("{review}T08:30:00Z"), "Opening_Time__c": self.maybe(json!("08:00:00.000Z")),
            "Active__c": self.random.random_bool(0.9), "Channel__c": self.text(&["Direct", "Partner", "Event"]),
        }))
    }

    /// Every tenth account becomes a subsidiary of an earlier one.
    fn hierarchy(&mut self, accounts: &[Id]) {
        self.link("Account", "ParentId", accounts, 10);
    }

    /// Every third contact reports to an earlier one.
    fn reporting(&mut self, contacts: &[Id]) {
        self.link("Contact", "ReportsToId", contacts, 3);
    }

    fn link(&mut self, object: &str, field: &str, ids: &[Id], every: usize) {
        for (position, id) in ids.iter().enumerate().skip(1).step_by(every) {
            let earlier = ids.get(..position).unwrap_or_default();
            let Some(target) = self.one(earlier) else { continue };
            let user = self.org.integration_user();
            let body = JsonMap::from_iter([(field.to_owned(), json!(target.to_string()))]);
            // Refused only where a replaced describe lacks the field: then there is no hierarchy.
            drop(self.org.update(user, object, &id.to_string(), &body));
        }
    }

    fn person(&mut self) -> (&'static str, &'static str, String) {
        let (first, last) = (self.text(&FIRST_NAMES), self.text(&LAST_NAMES));
        (first, last, format!("person{}@example.com", self.made))
    }

    fn contact(&mut self, accounts: &[Id]) -> Option<Json> {
        let (first, last, email) = self.person();
        let account = self.one(accounts).map(|id| id.to_string());
        let language = self.text(&["English", "German", "French", "Polish"]);
        let birthdate = self.date(1980);
        let remark = self.text(&REMARKS);
        Some(json!({
            "FirstName": self.maybe(json!(first)), "LastName": last, "Email": self.maybe(json!(email)),
            "AccountId": self.maybe(json!(account)), "Phone": self.phone(), "External_Id__c": self.key("CON"),
            "Language__c": self.maybe(json!(language)), "Birthdate": self.maybe(json!(birthdate)),
            "Visits__c": self.random.random_range(0..500), "DoNotCall": self.random.random_bool(0.1),
            "Description": self.maybe(json!(remark)), "MailingCity": self.one(&PLACES)?.0,
        }))
    }

    fn opportunity(&mut self, accounts: &[Id]) -> Json {
        let account = self.one(accounts).map(|id| id.to_string());
        let amount = self.cents(50_000_000);
        json!({
            "Name": format!("{} deal {}", self.text(&COMPANIES), self.made), "AccountId": account,
            "StageName": self.text(&["Prospecting", "Qualification", "Closed Won", "Closed Lost"]),
            "Amount": self.maybe(json!(amount)), "Probability": self.random.random_range(0..=100),
            "CloseDate": self.date(2026), "External_Id__c": self.key("OPP"),
        })
    }

    fn lead(&mut self) -> Json {
        let (first, last, email) = self.person();
        json!({
            "FirstName": first, "LastName": last, "Email": email, "Company": self.text(&COMPANIES),
            "Rating": self.maybe(json!("Warm")), "Phone": self.phone(), "External_Id__c": self.key("LEA"),
        })
    }

    fn case(&mut self, accounts: &[Id], contacts: &[Id]) -> Json {
        let account = self.one(accounts).map(|id| id.to_string());
        let contact = self.one(contacts).map(|id| id.to_string());
        json!({
            "Subject": format!("Question {}", self.made), "AccountId": self.maybe(json!(account)),
            "ContactId": self.maybe(json!(contact)), "Priority": self.text(&["High", "Medium", "Low"]),
            "Origin": self.text(&["Phone", "Email", "Web"]), "Description": self.text(&REMARKS),
        })
    }

    fn product(&mut self) -> Json {
        let price = self.cents(1_000_000);
        json!({
            "Name": format!("{} {}", self.text(&COMPANIES), self.made), "ProductCode": self.key("P"),
            "IsActive": true, "Family": self.text(&["Hardware", "Software", "Service"]),
            "List_Price__c": price, "External_Id__c": self.key("PRO"),
        })
    }

    fn invoice(&mut self, accounts: &[Id]) -> Option<Json> {
        let account = self.one(accounts)?.to_string();
        let amount = self.cents(10_000_000);
        Some(json!({
            "Account__c": account, "External_Id__c": self.key("INV"), "Amount__c": amount,
            "Status__c": self.text(&["Draft", "Sent", "Paid", "Cancelled"]), "Issued__c": self.date(2025),
            "Due__c": self.date(2026), "Memo__c": self.maybe(json!("Danke für Ihren Auftrag")),
        }))
    }

    fn task(&mut self, contacts: &[Id], deals: &[Id]) -> Json {
        let (who, what) = (self.one(contacts), self.one(deals));
        let (who, what) = (who.map(|id| id.to_string()), what.map(|id| id.to_string()));
        json!({
            "Subject": self.text(&["Call", "Email", "Send Quote"]), "WhoId": self.maybe(json!(who)),
            "WhatId": self.maybe(json!(what)), "ActivityDate": self.date(2026),
            "Status": self.text(&["Not Started", "In Progress", "Completed"]),
            "Priority": self.text(&["High", "Normal", "Low"]),
        })
    }

    fn line(&mut self, invoices: &[Id], products: &[Id]) -> Option<Json> {
        let invoice = self.one(invoices)?.to_string();
        let product = self.one(products).map(|id| id.to_string());
        let (quantity, price) = (self.random.random_range(1..50), self.cents(100_000));
        Some(json!({
            "Invoice__c": invoice, "Product__c": self.maybe(json!(product)), "External_Id__c": self.key("LIN"),
            "Name": format!("Line {}", self.made), "Position__c": self.random.random_range(1..100),
            "Quantity__c": quantity, "Unit_Price__c": price, "Amount__c": f64::from(quantity) * price,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{org::Scope, schema::Schema};

    fn filled(seed: u64, scale: f64) -> Org {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let mut org = Org::new(Schema::sample(), Arc::new(move || now));
        fill(&mut org, seed, scale);
        org
    }

    fn dump(org: &Org, soql: &str) -> String {
        let result = org.query(org.integration_user(), soql, Scope::Live).unwrap();
        let mut out = String::new();
        result
            .rows
            .iter()
            .for_each(|id| assert!(org.write_json(&result.shape, id, "66.0", &mut out)));
        out
    }

    #[test]
    fn the_scale_decides_how_many_records_there_are_and_no_rule_refuses_any() {
        let org = filled(7, 0.1);
        let counts = [
            "Account",
            "Contact",
            "Opportunity",
            "Lead",
            "Case",
            "Product2",
            "Invoice__c",
            "Invoice_Line__c",
        ]
        .map(|object| org.record_count(object).unwrap());

        assert_eq!(counts, [100, 300, 100, 50, 50, 10, 50, 150]);
    }

    #[test]
    fn the_same_seed_makes_the_same_records() {
        let soql = "SELECT Id, Name, AnnualRevenue, Regions__c, ParentId FROM Account";
        assert_eq!(dump(&filled(7, 0.05), soql), dump(&filled(7, 0.05), soql));
        assert_ne!(dump(&filled(7, 0.05), soql), dump(&filled(8, 0.05), soql));
    }
}
