//! What a scenario prints: a line of JSON per thing measured, and at the end one table of all of them.

use std::sync::Mutex;

/// Everything reported so far, for the table.
static REPORTED: Mutex<Vec<(String, Figures)>> = Mutex::new(Vec::new());

/// Names and what is written of them.
type Figures = Vec<(String, String)>;

/// Prints one thing's figures as a line of JSON, and keeps them for the table.
pub(crate) fn report(scenario: &str, figures: &[(&str, f64)]) {
    let members: Vec<String> =
        figures.iter().map(|(name, figure)| format!("\"{name}\": {}", written(*figure))).collect();
    println!("{{\"scenario\": \"{scenario}\", {}}}", members.join(", "));
    let figures =
        figures.iter().map(|(name, figure)| ((*name).to_owned(), written(*figure))).collect();
    REPORTED.lock().unwrap().push((scenario.to_owned(), figures));
}

/// Says that a thing was not measured, and why, where its figures would be.
pub(crate) fn skipped(scenario: &str, reason: &str) {
    println!("{{\"scenario\": \"{scenario}\", \"skipped\": \"{reason}\"}}");
    let figures = vec![(format!("skipped: {reason}"), String::new())];
    REPORTED.lock().unwrap().push((scenario.to_owned(), figures));
}

/// Prints all that was reported, a figure per line.
pub(crate) fn table() {
    println!();
    println!("{:<34} {:<38} {:>14}", "scenario", "figure", "value");
    for (scenario, figures) in REPORTED.lock().unwrap().iter() {
        for (at, (name, figure)) in figures.iter().enumerate() {
            let scenario = if at == 0 { scenario } else { "" };
            println!("{scenario:<34} {name:<38} {figure:>14}");
        }
    }
}

/// Small figures need their digits, and large ones have enough of them.
fn written(figure: f64) -> String {
    if figure.abs() >= 1000.0 { format!("{figure:.0}") } else { format!("{figure:.2}") }
}
