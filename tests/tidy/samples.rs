//! A file that breaks each house rule, and files that come close without breaking one.

use super::*;

fn check(rule: Rule, path: &str, text: &str) -> Vec<String> {
    rule(&[File::new(path, text)])
}

#[test]
fn every_rule_catches_its_violation() {
    let long = "\n".repeat(FILE_LINES_MAX + 1);
    let unfinished = format!("// {}: later\n", concat!("TO", "DO"));
    let excepted = format!("#{}dead_code)]", concat!("[", "allow("));
    let sleeping = format!("thread::{}D);\n", concat!("sleep", "("));
    #[rustfmt::skip]
    let table: &[(Rule, &str, &str)] = &[
        (imports_point_down, "src/model/id.rs", "use crate::runtime::Wake;"),
        (imports_point_down, "src/model/id.rs", "use crate::sync::{pull, push};"),
        (imports_point_down, "src/postgres/mod.rs", "use crate::{model::{A, B}, salesforce::C};"),
        (imports_point_down, "src/sync/pull.rs", "use crate::{\n    model::A,\n    worker::B,\n};"),
        (imports_point_down, "src/reconcile/mod.rs", "fn f() -> crate::worker::X {}"),
        (imports_point_down, "src/postgres/lease.rs", "use super::super::sync::pull;"),
        (imports_point_down, "src/postgres/lease.rs", "use crate::Everything;"),
        (imports_point_down, "src/novelty/mod.rs", ""),
        (files_are_short, "src/sync/pull.rs", &long),
        (files_are_short, "simulator/src/lib.rs", &long),
        (files_are_short, "simulator/tests/it/main.rs", &long),
        (files_are_short, "benches/sync/main.rs", &long),
        (files_say_what_they_are, "src/sync/pull.rs", "use std::fmt;"),
        (files_say_what_they_are, "migrations/V1__lease.sql", "create table lease ()"),
        (sql_names_its_columns, "src/postgres/sql/claim.sql", "select * from t"),
        (lint_exceptions_are_expectations, "src/sync/pull.rs", &excepted),
        (every_sql_file_is_used, "src/postgres/sql/claim.sql", "select 1;"),
        (migrations_are_numbered, "migrations/V0__lease.sql", ""),
        (migrations_are_numbered, "migrations/lease.sql", ""),
        (text_is_clean, "src/lib.rs", "fn f() {} \n"),
        (text_is_clean, "README.md", "a\tb\n"),
        (text_is_clean, "src/lib.rs", &unfinished),
        (tests_do_not_sleep, "tests/it/pull.rs", &sleeping),
        (code_map_is_complete, "ARCHITECTURE.md", "# A\n\n## Code map\n\n| `gone/` | was here |\n"),
        (code_map_is_complete, "src/new.rs", ""),
        (decisions_are_synchronous, "src/reconcile/mod.rs", "pub async fn decide() {}"),
        (decisions_are_synchronous, "src/model/mod.rs", "use tokio_postgres::Row;"),
        (simulator_and_product_are_strangers, "simulator/src/lib.rs", "use lockstep::model::Value;"),
        (simulator_and_product_are_strangers, "simulator/Cargo.toml", "lockstep = { path = \"..\" }"),
        (simulator_and_product_are_strangers, "src/sync/pull.rs", "use salesforce_simulator::Config;"),
        (outside_crates_stay_at_home, "src/sync/pull.rs", "use tokio_postgres::Client;"),
        (outside_crates_stay_at_home, "src/sync/pull.rs", "let client = reqwest::Client::new();"),
        (outside_crates_stay_at_home, "src/worker/mod.rs", "use config::File;"),
        (outside_crates_stay_at_home, "src/worker/mod.rs", "std::env::var(\"HOME\")"),
        (locked_crates_are_sound, "Cargo.lock", "name = \"rsa\"\nversion = \"0.9.0\""),
        (locked_crates_are_sound, "Cargo.lock", "name = \"tokio-postgres\"\nversion = \"0.7.9\""),
        (locked_crates_are_sound, "Cargo.lock",
            "name = \"reqwest\"\nversion = \"0.12.0\"\nname = \"reqwest\"\nversion = \"0.13.0\""),
        (readme_is_short, "README.md", &long),
        (links_lead_somewhere, "README.md", "[gone](docs/gone.md)"),
        (links_lead_somewhere, "simulator/README.md", "[above](README.md) [gone](gone.md)"),
        (links_lead_somewhere, "simulator/README.md", "[beside](../gone.md)"),
    ];
    for (rule, path, text) in table {
        assert_ne!(check(*rule, path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn no_rule_catches_what_only_looks_like_a_violation() {
    let long_tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(600));
    #[rustfmt::skip]
    let table: &[(Rule, &str, &str)] = &[
        (imports_point_down, "src/sync/pull.rs", "use crate::{model::Value, postgres, sync::push};"),
        (imports_point_down, "src/model/id.rs", "//! See [`crate::sync`].\npub(crate) fn f() {}"),
        (imports_point_down, "src/model/id.rs", "#[cfg(test)]\nmod tests {\nuse crate::sync;\n}"),
        (imports_point_down, "src/sync/push/send.rs", "use super::super::pull;"),
        (imports_point_down, "src/main.rs", "lockstep::cli::run()"),
        (files_are_short, "src/sync/pull.rs", &long_tests),
        (migrations_are_numbered, "migrations/V1__lease.sql", ""),
        (tests_do_not_sleep, "tests/it/pull.rs", "select pg_sleep(1)"),
        (decisions_are_synchronous, "src/mapping/mod.rs", "// unlike tokio\nlet asynchronous = 1;"),
        (simulator_and_product_are_strangers, "simulator/src/org.rs", "\"user@lockstep.example\""),
        (simulator_and_product_are_strangers, "src/demo/org.rs", "use salesforce_simulator::Config;"),
        (outside_crates_stay_at_home, "src/cli/mod.rs", "mod config;\nfn f() { config::show() }"),
        (outside_crates_stay_at_home, "src/cli/mod.rs", "crate::config::load(); env::args()"),
        (locked_crates_are_sound, "Cargo.lock", "name = \"tokio-postgres\"\nversion = \"0.8.0\""),
        (files_say_what_they_are, "src/postgres/sql/body.sql", "\n-- Wakes the worker."),
        (imports_point_down, "src/postgres/testing.rs", "use crate::config::environment;"),
        (sql_names_its_columns, "src/postgres/sql/claim.sql", "select count(*) from t"),
        (links_lead_somewhere, "simulator/README.md", "[itself](README.md)"),
        (links_lead_somewhere, "simulator/README.md", "[itself, the long way](../simulator/README.md)"),
        (links_lead_somewhere, "README.md", "[itself](README.md#top) [web](https://example.org)"),
    ];
    for (rule, path, text) in table {
        assert_eq!(check(*rule, path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn one_crate_in_two_files_of_its_home_is_caught_where_one_file_is_the_rule() {
    let files = ["src/runtime/retry.rs", "src/runtime/pause.rs"]
        .map(|path| File::new(path, "use backoff::ExponentialBackoff;"));
    assert_eq!(outside_crates_stay_at_home(&files).len(), 1);
    assert!(outside_crates_stay_at_home(&files[..1]).is_empty());
}

#[test]
fn an_included_sql_file_is_used() {
    let files = [
        File::new("src/postgres/sql/claim.sql", "select 1;"),
        File::new("src/postgres/claim.rs", "include_str!(\"sql/claim.sql\")"),
    ];
    assert!(every_sql_file_is_used(&files).is_empty());
}
