//! Any bytes are records or a refusal: reading CSV into the org never panics, and a row that is
//! refused leaves nothing behind.

#![no_main]

use std::sync::{Arc, LazyLock};

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use salesforce_simulator::{Org, csv_load, schema::Schema};

static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::sample);

fuzz_target!(|bytes: &[u8]| {
    let mut org = Org::new(SCHEMA.clone(), Arc::new(|| DateTime::UNIX_EPOCH));

    let loaded = csv_load::read(&mut org, "Account".as_ref(), bytes);

    if let Ok(count) = loaded {
        assert_eq!(org.record_count("Account"), Some(count));
    }
});
