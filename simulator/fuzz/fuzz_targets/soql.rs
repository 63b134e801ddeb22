//! Any text is a query or a refusal: the parser never panics, what it accepts prints to a text that
//! reads as the same query, and the org answers it or refuses it.

#![no_main]

use std::sync::{Arc, LazyLock};

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use salesforce_simulator::{Org, generate, org::Scope, schema::Schema, soql};

static ORG: LazyLock<Org> = LazyLock::new(|| {
    let mut org = Org::new(Schema::sample(), Arc::new(|| DateTime::UNIX_EPOCH));
    generate::fill(&mut org, 1, 0.01);
    org
});

fuzz_target!(|text: &str| {
    let Ok(query) = soql::parse(text) else { return };

    let printed = query.to_string();

    let read = soql::parse(&printed);
    assert!(read.is_ok_and(|read| read == query), "{text} printed as {printed} reads differently");
    // Refused or answered, but never a panic.
    let _outcome = ORG.query(ORG.integration_user(), text, Scope::Live);
});
