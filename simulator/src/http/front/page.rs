//! The page itself.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::view;
use crate::http::{call::Call, world::World};

/// Requests and jobs that are shown.
const SHOWN: usize = 50;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;\
    color:#1c1c1c;background:#fff}table{border-collapse:collapse;width:100%;margin:0 0 2rem}\
    th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #ddd;vertical-align:top;\
    overflow-wrap:anywhere}td.n{text-align:right}a{color:#0b5cab}nav{margin:0 0 1rem}";

/// The page that a request asks for: the org, the records of `object`, or one `record`.
pub(super) fn page(world: &World, call: &Call) -> Markup {
    if let Some(id) = call.parameter("record") {
        return framed(id, &record(world, id));
    }
    if let Some(object) = call.parameter("object") {
        return framed(object, &records(world, object, call.parameter("after")));
    }
    framed("Simulated Salesforce org", &overview(world))
}

/// The page where the org can be reached from outside.
pub(super) fn closed() -> Markup {
    let text = html! {
        p {
            "This org can be reached from other machines, so it shows nothing here. "
            "Start it with " code { "--open-page" } " to change that."
        }
    };
    framed("Simulated Salesforce org", &text)
}

fn framed(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                nav { a href="/" { "Org" } }
                h1 { (title) }
                (content)
            }
        }
    }
}

fn overview(world: &World) -> Markup {
    let objects = view::objects(world);
    let (usage, clock) = (world.usage(), world.clock());
    html! {
        table {
            tr { th { "Address" } td { (world.url()) } }
            tr {
                th { "Clock" }
                td { (clock.now().to_rfc3339()) @if clock.is_frozen() { " (frozen)" } }
            }
            tr { th { "API requests" } td { (usage.used()) " of " (usage.limit()) } }
            tr { th { "Sessions" } td { (world.sessions().count()) } }
        }
        h2 { "Objects" }
        table {
            tr { th { "Object" } th { "Records" } }
            @for object in &objects {
                tr {
                    td { a href={ "/?object=" (object.name) } { (object.name) } }
                    td.n { (object.rows) }
                }
            }
        }
        h2 { "Faults armed" }
        (faults(world))
        h2 { "Jobs" }
        (jobs(world))
        h2 { "Last requests" }
        (requests(world))
    }
}

fn faults(world: &World) -> Markup {
    let faults = world.faults().waiting();
    html! {
        @if faults.is_empty() { p { "None." } } @else {
            table {
                tr { th { "Number" } th { "Struck" } th { "Order" } }
                @for armed in &faults {
                    tr {
                        td { (armed.id) }
                        td { (armed.struck) }
                        td { code { (serde_json::to_string(&armed.fault).unwrap_or_default()) } }
                    }
                }
            }
        }
    }
}

fn jobs(world: &World) -> Markup {
    let reports = world.jobs().newest(SHOWN);
    let cell = |report: &Value, name: &str| match report.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    html! {
        @if reports.is_empty() { p { "None." } } @else {
            table {
                tr { th { "Id" } th { "Operation" } th { "Object" } th { "State" } th { "Records" } }
                @for report in &reports {
                    tr {
                        @for name in ["id", "operation", "object", "state", "numberRecordsProcessed"] {
                            td { (cell(report, name)) }
                        }
                    }
                }
            }
        }
    }
}

fn requests(world: &World) -> Markup {
    let log = world.log();
    html! {
        table {
            tr { th { "Time" } th { "Method" } th { "Path" } th { "Status" } th { "User" } th { "Fault" } }
            @for entry in log.entries().rev().take(SHOWN) {
                tr {
                    td { (entry.time) }
                    td { (entry.method) }
                    td { (entry.path) }
                    td { @if let Some(status) = entry.status { (status) } @else { "cut" } }
                    td { (entry.username.as_deref().unwrap_or_default()) }
                    td { (entry.fault.unwrap_or_default()) }
                }
            }
        }
    }
}

fn records(world: &World, object: &str, after: Option<&str>) -> Markup {
    let Some(records) = view::records(world, object, after) else {
        return html! { p { "There is no such object." } };
    };
    html! {
        table {
            tr { th { "Id" } th { "Name" } }
            @for (id, name) in &records.rows {
                tr {
                    td { a href={ "/?record=" (id) } { (id) } }
                    td { (name) }
                }
            }
        }
        @if let Some(next) = &records.next {
            p { a href={ "/?object=" (records.object) "&after=" (next) } { "The next " (view::PAGE) } }
        }
    }
}

fn record(world: &World, id: &str) -> Markup {
    let Some((object, fields)) = view::record(world, id) else {
        return html! { p { "There is no such record." } };
    };
    html! {
        p { a href={ "/?object=" (object) } { (object) } }
        table {
            @for (name, value) in &fields {
                tr { th { (name) } td { (value) } }
            }
        }
    }
}
