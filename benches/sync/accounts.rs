//! The accounts that most scenarios work with, as a CSV file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The fields that have values: twenty of them.
pub(crate) const FIELDS: [&str; 20] = [
    "Name",
    "External_Id__c",
    "Industry",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Phone",
    "Website",
    "BillingStreet",
    "BillingCity",
    "BillingCountry",
    "BillingPostalCode",
    "Description",
    "Tier__c",
    "Discount__c",
    "Contract_Start__c",
    "Last_Review__c",
    "Active__c",
    "AccountNumber",
    "Fax",
    "ShippingCity",
];

/// A mapping of exactly those fields.
pub(crate) fn mapping() -> String {
    format!(
        "object = \"Account\"\ndirection = \"both\"\nkey = {{ external_id = \"External_Id__c\" }}\nfields = {FIELDS:?}\n"
    )
}

/// Writes accounts of about 330 bytes each.
pub(crate) fn write(path: &Path, accounts: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "{}", FIELDS.join(",")).unwrap();
    for n in 1..=accounts {
        writeln!(
            file,
            "Northern Lights Trading {n},ACC-{n:08},Manufacturing,{},{},+49 30 {n:07},https://example.com/{n},\
             Main Street {},Berlin,Germany,10{:03},\"Met at the fair, wants an offer, call again\",Gold,{}.25,\
             2024-02-{:02},2025-03-{:02}T08:30:00Z,true,CD{n:09},+49 31 {n:07},Headquarters",
            n * 10, n % 9_000, n % 200, n % 1_000, n % 90, n % 28 + 1, n % 28 + 1,
        )
        .unwrap();
    }
    file.flush().unwrap();
}
