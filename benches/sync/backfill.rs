//! The first load and its repetition: speed against `\copy`, and memory at sizes a factor of ten apart.

use crate::accounts::{self, FIELDS};
use crate::bench_world::{BenchWorld, Copied, Cost, float};
use crate::report::report;

const TABLE: &str = "salesforce.account";

/// What a load writes, besides `id`.
fn columns() -> String {
    format!("sfid, systemmodstamp, isdeleted, _hc_lastop, {}", FIELDS.join(", "))
}

/// One object, loaded into an empty table by the one-shot command; the limit beside it; then the load again.
pub(crate) async fn backfill(rows: usize) {
    let world = BenchWorld::with_accounts_mapped(rows, &accounts::mapping()).await;
    let load = world.run_to_end(&["backfill"]).await;
    check(&world, rows).await;
    let limit = limit(&world).await;
    report("backfill", &figures(rows, &load, limit.as_ref()));
    let written = "select sum(hashtext(ctid::text || xmin::text)) from salesforce.account";
    let before = world.text(written).await;
    let again = world.run_to_end(&["backfill"]).await;
    assert_eq!(world.text(written).await, before, "a row that is equal was written");
    report("backfill_again_nothing_changed", &figures(rows, &again, limit.as_ref()));
}

/// The same object at two sizes: memory must not follow the number of rows.
pub(crate) async fn memory(rows: usize) {
    for rows in [rows / 10, rows] {
        let world = BenchWorld::with_synthetic_accounts(rows, &accounts::mapping()).await;
        let load = world.run_to_end(&["backfill"]).await;
        let distinct = format!("select count(distinct sfid) from {TABLE}");
        assert!((world.number(&distinct).await - float(rows)).abs() < 0.5, "rows are missing");
        report("memory", &figures(rows, &load, None));
    }
}

fn figures(rows: usize, cost: &Cost, limit: Option<&Copied>) -> Vec<(&'static str, f64)> {
    let engine = &cost.engine;
    let mut figures = vec![
        ("rows", float(rows)),
        ("seconds", engine.seconds),
        ("rows_per_second", float(rows) / engine.seconds),
        ("engine_cpu_seconds", engine.cpu),
        ("simulator_cpu_seconds", cost.simulator_cpu),
        ("postgres_cpu_seconds", cost.postgres_cpu),
        ("peak_memory_mb", engine.peak_mb),
        ("api_calls", cost.calls),
    ];
    if let Some(limit) = limit {
        figures.push(("limit_seconds", limit.seconds));
        figures.push(("limit_backend_cpu_seconds", limit.backend_cpu));
        figures.push(("limit_postgres_cpu_seconds", limit.postgres_cpu));
        figures.push(("ratio_to_limit", engine.seconds / limit.seconds));
        figures.push(("engine_cpu_to_limit_backend_cpu", engine.cpu / limit.backend_cpu));
    }
    figures
}

/// Copies what was loaded into an equal, empty table with the same indexes.
async fn limit(world: &BenchWorld) -> Option<Copied> {
    let file = world.file("rows.csv");
    world.export(TABLE, &columns(), &file)?;
    world.execute(&format!("create table copied (like {TABLE} including all)")).await;
    world.execute("checkpoint").await;
    let copied = world.copy(&file, "copied", &columns()).await;
    world.execute("drop table copied").await;
    copied
}

/// Compares the table with the org's records: their number, and a checksum over every field of every row.
async fn check(world: &BenchWorld, rows: usize) {
    let counted =
        world.number(&format!("select count(*) from {TABLE} where sfid is not null")).await;
    assert!((counted - float(rows)).abs() < 0.5, "{counted} rows of {rows}");
    let fields = FIELDS.join(", ");
    world
        .execute(&format!("create table expected as select {fields} from {TABLE} with no data"))
        .await;
    if world.copy(&world.csv(), "expected", &fields).await.is_none() {
        return;
    }
    let sum = |table: &str| {
        format!(
            "select sum(hashtextextended(concat_ws('|', {fields}), 0)::numeric)::text from {table}"
        )
    };
    let (table, records) = (world.text(&sum(TABLE)).await, world.text(&sum("expected")).await);
    assert_eq!(table, records, "the table differs from the org");
    world.execute("drop table expected").await;
}
