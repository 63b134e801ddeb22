//! What the simulator takes: `cargo bench -p salesforce-simulator -- [scenario…] [--json]`.
//!
//! Every scenario runs the program as a process of its own and reads the process's processor time and
//! memory from the system, so that the client's work does not count. See `README.md` beside this.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on must fail where it stands, and its figures are floats"
)]

mod accounts;
mod program;
mod scenarios;

use std::io::Write;

use serde_json::json;

/// A thing measured: its scenario, its name, the figure and its unit.
pub(crate) type Figure = (&'static str, &'static str, f64, &'static str);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let names: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| *chosen == name);
    let rows = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok());
    let mut figures = Vec::new();
    if is_chosen("collections") {
        figures.extend(scenarios::collections(rows.unwrap_or(50_000)).await);
    }
    if is_chosen("bulk_query") {
        figures.extend(scenarios::bulk_query(rows.unwrap_or(200_000)).await);
    }
    if is_chosen("memory") {
        figures.extend(scenarios::memory(rows.unwrap_or(1_000_000)).await);
    }
    if is_chosen("synthetic") {
        figures.extend(scenarios::synthetic(rows.unwrap_or(10_000_000)).await);
    }
    report(&figures, arguments.iter().any(|word| word == "--json"));
}

fn report(figures: &[Figure], as_json: bool) {
    let mut out = std::io::stdout().lock();
    if as_json {
        let figures: Vec<_> = figures
            .iter()
            .map(|(scenario, name, value, unit)| {
                json!({"scenario": scenario, "name": name, "value": value, "unit": unit})
            })
            .collect();
        writeln!(out, "{}", json!(figures)).unwrap();
        return;
    }
    for (scenario, name, value, unit) in figures {
        writeln!(out, "{scenario:<12} {name:<44} {value:>14.2} {unit}").unwrap();
    }
}
