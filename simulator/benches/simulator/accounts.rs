//! Accounts of twenty filled fields, as the clients of the benchmarks write them.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use serde_json::{Value, json};

/// The twenty fields.
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
    "Regions__c",
    "Discount__c",
    "Score__c",
    "Contract_Start__c",
    "Last_Review__c",
    "Opening_Time__c",
    "Active__c",
];

/// The values of one account, in the order of [`FIELDS`].
pub(crate) fn values(number: usize) -> [Value; 20] {
    [
        json!(format!("Aurora Logistics {number}")),
        json!(format!("ACC-{number:08}")),
        json!(["Banking", "Energy", "Retail"][number % 3]),
        json!(number * 37 % 500_000_000),
        json!(number % 90_000 + 1),
        json!(format!("+49 30 555 {:04}", number % 10_000)),
        json!(format!("https://www.example.com/{number}")),
        json!(format!("Main Street {}", number % 200)),
        json!(["Berlin", "Kraków", "São Paulo"][number % 3]),
        json!(["Germany", "Poland", "Brazil"][number % 3]),
        json!(format!("{:05}", number % 100_000)),
        json!("Asked for a quote, \"net 30\", twice; prefers to be called in the morning."),
        json!(["Gold", "Silver", "Bronze"][number % 3]),
        json!("Europe;Asia"),
        json!(12.5),
        json!(4711.25),
        json!("2024-05-17"),
        json!("2025-03-09T08:30:00Z"),
        json!("08:00:00.000Z"),
        json!(number.is_multiple_of(2)),
    ]
}

/// A record of Collections.
pub(crate) fn record(number: usize) -> Value {
    let mut record = json!({"attributes": {"type": "Account"}});
    for (field, value) in FIELDS.iter().zip(values(number)) {
        record[*field] = value;
    }
    record
}

/// Writes a file of so many accounts.
pub(crate) fn write_csv(path: &Path, count: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "{}", FIELDS.join(",")).unwrap();
    for number in 0..count {
        let cells = values(number).map(|value| match value {
            Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            other => other.to_string(),
        });
        writeln!(file, "{}", cells.join(",")).unwrap();
    }
    file.flush().unwrap();
}
