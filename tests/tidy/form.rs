//! House rules about the form of a file.

use super::File;

pub(super) fn files_say_what_they_are(files: &[File]) -> Vec<String> {
    let opening = |file: &File| match () {
        () if file.is("rs") => Some("//!"),
        () if file.is("sql") => Some("--"),
        () => None,
    };
    files
        .iter()
        .filter_map(|file| Some((file, opening(file)?)))
        .filter(|(file, opening)| {
            // The library's page is ARCHITECTURE.md.
            let text = file.text.trim_start();
            !text.starts_with(opening) && !text.starts_with("#![doc = include_str!")
        })
        .map(|(file, opening)| format!("{}: say on top, after `{opening}`, what it is", file.path))
        .collect()
}

pub(super) fn sql_names_its_columns(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is("sql")) {
        for (index, line) in file.text.lines().enumerate() {
            if line.to_lowercase().contains("select *") {
                found.push(format!("{}:{}: name the columns", file.path, index + 1));
            }
        }
    }
    found
}

pub(super) fn lint_exceptions_are_expectations(files: &[File]) -> Vec<String> {
    let mark = concat!("[", "allow(");
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is("rs")) {
        // The roots of test programs and benchmarks speak for all their modules at once.
        let is_root =
            !file.path.contains("src/") && file.text.contains(concat!("#!", "[", "allow("));
        for (index, line) in file.text.lines().enumerate() {
            // What a macro generates breaks other lints in every version of it.
            let is_generated = line.contains("reason = \"generated\"");
            if line.contains(mark) && !is_root && !is_generated {
                found.push(format!(
                    "{}:{}: write `#[expect(…, reason = \"…\")]`",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    found
}
