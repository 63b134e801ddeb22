//! The house rules, as tests: what a reviewer would otherwise have to watch for.
//!
//! Each rule is a pure function from the project's files to a list of violations, each of which says where it is and
//! what to do. `every_rule_catches_its_violation` shows each rule a file that breaks it, so that no rule can rot.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a check that cannot go on must fail where it stands"
)]

use form::{files_say_what_they_are, lint_exceptions_are_expectations, sql_names_its_columns};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The layers inside `src/`, low to high. A module may use those of lower layers only; a new one is entered here.
#[rustfmt::skip]
const LAYERS: [&[&str]; 9] = [
    &["model", "runtime"],
    &["mapping"],
    &["reconcile"],
    &["postgres", "salesforce"],
    &["sync"],
    &["worker", "dashboard", "connect_api", "demo", "telemetry"],
    &["config"],
    &["cli"],
    &["main"],
];

/// The one home of each outside crate that others must not know about.
#[rustfmt::skip]
const HOMES: [(&str, &str); 8] = [
    ("reqwest",           "src/salesforce/"),
    ("oauth2",            "src/salesforce/"),
    ("jsonwebtoken",      "src/salesforce/"),
    ("tokio_postgres",    "src/postgres/"),
    ("deadpool_postgres", "src/postgres/"),
    ("refinery",          "src/postgres/"),
    ("backoff",           "src/runtime/"),
    ("config",            "src/config"),
];

const FILE_LINES_MAX: usize = 500;
const README_LINES_MAX: usize = 120;

/// A text file of the project; the path is relative to its root.
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is(&self, extension: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, own)| own == extension)
    }

    fn is_rust_under(&self, folder: &str) -> bool {
        self.is("rs") && self.path.starts_with(folder)
    }

    /// The lines above the inline tests.
    fn lines_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'))
            .unwrap_or(lines.len());
        lines.into_iter().take(tests).enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Production code: no comments, no inline tests; nothing of a file that is a test as a whole.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.is_test();
        self.lines_before_tests()
            .filter(move |(_, line)| !is_test && !line.trim_start().starts_with("//"))
    }

    /// Whether the file is a test as a whole, or what tests share: it may reach up, to the real parts around it.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.ends_with("tests.rs") || name == "testing.rs" || self.path.contains("/tests/")
    }

    /// The module of `src/` that the file belongs to.
    fn module(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(name.strip_suffix(".rs").unwrap_or(name))
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `word` stands in `line` by itself, not inside a longer name.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_word) && !line[at + word.len()..].starts_with(is_word)
    })
}

/// The names right after each `prefix` of `line`, those of a group in braces included.
fn names_after<'a>(code: &'a str, prefix: &'a str) -> Vec<&'a str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        if code[..at].ends_with(|c| is_word(c) || c == ':' || c == '$') {
            continue;
        }
        let Some(group) = rest.strip_prefix('{') else {
            names.push(&rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]);
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (index, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' | ',' if depth == 0 => {
                    let item = group[start..index].trim();
                    names.push(&item[..item.find(|c| !is_word(c)).unwrap_or(item.len())]);
                    start = index + 1;
                    if character == '}' {
                        break;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn imports_point_down(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_under("src/")) {
        let Some(module) = file.module().filter(|module| *module != "lib") else { continue };
        let Some(own) = layer(module) else {
            found.push(format!("{}: enter `{module}` in LAYERS of tests/tidy.rs", file.path));
            continue;
        };
        let code = file.code().map(|(_, line)| line).collect::<Vec<_>>().join(
            "
",
        );
        let used = ["crate::", "lockstep::"].into_iter().flat_map(|root| names_after(&code, root));
        for used in used.filter(|used| *used != module) {
            match layer(used) {
                Some(other) if other < own => {}
                Some(_) => found.push(format!(
                    "{}: `{module}` may not use `{used}`: move what is shared to a lower layer",
                    file.path
                )),
                None => found.push(format!(
                    "{}: `{used}` is no module of LAYERS: import it from where it is defined",
                    file.path
                )),
            }
        }
        let depth = file.path.matches('/').count() - usize::from(file.path.ends_with("/mod.rs"));
        if code.contains(&"super::".repeat(depth)) {
            found.push(format!("{}: write `crate::…` instead of climbing to the root", file.path));
        }
    }
    found
}

fn files_are_short(files: &[File]) -> Vec<String> {
    let folders = ["src/", "simulator/", "tests/", "benches/"];
    files
        .iter()
        .filter(|file| folders.iter().any(|folder| file.is_rust_under(folder)))
        .map(|file| (file, file.lines_before_tests().count()))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(file, lines)| format!("{}: {lines} lines; split it by concept", file.path))
        .collect()
}

fn every_sql_file_is_used(files: &[File]) -> Vec<String> {
    let rust: Vec<_> = files.iter().filter(|file| file.is_rust_under("src/")).collect();
    files
        .iter()
        .filter(|file| file.is("sql") && file.path.starts_with("src/"))
        .filter(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            !rust.iter().any(|code| code.text.contains(&format!("/{name}\"")))
        })
        .map(|file| format!("{}: no Rust file includes it; delete it", file.path))
        .collect()
}

fn migrations_are_numbered(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    let mut numbers = Vec::new();
    for file in files {
        let Some(name) = file.path.strip_prefix("migrations/") else { continue };
        let number = name
            .strip_prefix('V')
            .and_then(|rest| rest.split_once("__"))
            .and_then(|(number, _)| number.parse::<usize>().ok());
        match number {
            Some(number) => numbers.push(number),
            None => found.push(format!("{}: name it V<number>__<what it makes>.sql", file.path)),
        }
    }
    // A gap is no harm: parts that were written side by side take numbers of their own.
    numbers.sort_unstable();
    if numbers.first() == Some(&0) {
        found.push("migrations/: numbers begin with V1; renumber".to_owned());
    }
    for pair in numbers.windows(2) {
        if let [number, next] = pair
            && number == next
        {
            found.push(format!("migrations/: V{number} is taken twice; renumber"));
        }
    }
    found
}

fn text_is_clean(files: &[File]) -> Vec<String> {
    // Put together here, so that this file does not break its own rule.
    let leftovers = [concat!("FIX", "ME"), concat!("TO", "DO")];
    let mut found = Vec::new();
    for file in files {
        let no_tabs = ["rs", "sql", "toml", "md", "sh"].iter().any(|kind| file.is(kind));
        for (index, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, index + 1);
            if line.ends_with([' ', '\t', '\r']) {
                found.push(format!("{place}: blanks at the end of the line; remove them"));
            }
            if no_tabs && line.contains('\t') {
                found.push(format!("{place}: a tab; write four blanks"));
            }
            if leftovers.iter().any(|word| mentions(line, word)) {
                found.push(format!("{place}: unfinished work; finish it or open an issue"));
            }
        }
    }
    found
}

fn tests_do_not_sleep(files: &[File]) -> Vec<String> {
    let call = concat!("sleep", "(");
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_under("tests/")) {
        for (index, line) in file.text.lines().enumerate() {
            let sleeps = line.match_indices(call).any(|(at, _)| !line[..at].ends_with(is_word));
            if sleeps && file.path != "tests/it/wait.rs" {
                found.push(format!(
                    "{}:{}: wait for a condition, see wait.rs",
                    file.path,
                    index + 1
                ));
            }
        }
    }
    found
}

fn code_map_is_complete(files: &[File]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == "ARCHITECTURE.md") else {
        return vec!["ARCHITECTURE.md is missing".to_owned()];
    };
    let section = page.text.split("\n## ").find(|part| part.starts_with("Code map"));
    let named: BTreeSet<&str> = section
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let there: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.strip_prefix("src/"))
        .map(|path| path.find('/').map_or(path, |slash| &path[..=slash]))
        .collect();
    let missing = there.difference(&named).map(|name| format!("{name}: add it to the code map"));
    let stale = named.difference(&there).map(|name| format!("{name}: not in src/; remove it"));
    missing.chain(stale).map(|what| format!("ARCHITECTURE.md: {what}")).collect()
}

fn decisions_are_synchronous(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        if !matches!(file.module(), Some("reconcile" | "mapping" | "model")) {
            continue;
        }
        for (number, line) in file.code() {
            if mentions(line, "async") || line.contains("tokio") {
                found.push(format!(
                    "{}:{number}: decisions do not wait; move the waiting to sync/",
                    file.path
                ));
            }
        }
    }
    found
}

fn simulator_and_product_are_strangers(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let in_simulator = file.path.starts_with("simulator/");
        for (number, line) in file.code() {
            let place = format!("{}:{number}", file.path);
            let names_product = if file.path == "simulator/Cargo.toml" {
                line.starts_with("lockstep")
            } else {
                file.is("rs") && (line.contains("lockstep::") || line.contains("use lockstep"))
            };
            if in_simulator && names_product {
                found.push(format!("{place}: the simulator shares no code with the product"));
            }
            let plays = file.path.starts_with("src/demo");
            if file.is_rust_under("src/") && !plays && mentions(line, "salesforce_simulator") {
                found.push(format!("{place}: only demo/ and tests use the simulator"));
            }
        }
    }
    found
}

fn outside_crates_stay_at_home(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    let mut backoff = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_rust_under("src/")) {
        // A module of our own may share an outside crate's name.
        let own = |name| file.text.contains(&format!("mod {name};"));
        for (number, line) in file.code() {
            for (name, home) in HOMES {
                let used = line.contains(&format!("use {name};"))
                    || !names_after(line, &format!("{name}::")).is_empty();
                if used && !own(name) && !file.path.starts_with(home) {
                    found.push(format!("{}:{number}: `{name}` lives in {home}", file.path));
                }
                if used && name == "backoff" {
                    backoff.insert(&file.path);
                }
            }
            if line.contains("env::var") && !file.path.starts_with("src/config") {
                found.push(format!("{}:{number}: only config reads the environment", file.path));
            }
        }
    }
    if backoff.len() > 1 {
        found.push(format!("`backoff` lives in one file, not in {backoff:?}"));
    }
    found
}

fn locked_crates_are_sound(files: &[File]) -> Vec<String> {
    let Some(lock) = files.iter().find(|file| file.path == "Cargo.lock") else { return Vec::new() };
    let value = |line: &str, key| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let lines: Vec<&str> = lock.text.lines().collect();
    let crates: Vec<(String, String)> = lines
        .windows(2)
        .filter_map(|pair| Some((value(pair[0], "name = ")?, value(pair[1], "version = ")?)))
        .collect();
    let mut found = Vec::new();
    for banned in ["openssl-sys", "rsa", "serde_yml"] {
        if crates.iter().any(|(name, _)| name == banned) {
            found.push(format!("Cargo.lock: {banned} came in; `cargo tree -i {banned}` says how"));
        }
    }
    if crates.iter().filter(|(name, _)| name == "reqwest").count() > 1 {
        found.push("Cargo.lock: two versions of reqwest; one must do".to_owned());
    }
    for (_, version) in crates.iter().filter(|(name, _)| name == "tokio-postgres") {
        let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
        if numbers < vec![0, 7, 18] {
            found.push(format!("Cargo.lock: tokio-postgres {version} has an advisory; 0.7.18"));
        }
    }
    found
}

fn readme_is_short(files: &[File]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.path == "README.md" && file.text.lines().count() > README_LINES_MAX)
        .map(|_| format!("README.md: more than {README_LINES_MAX} lines; move detail elsewhere"))
        .collect()
}

fn links_lead_somewhere(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for page in files.iter().filter(|file| file.is("md")) {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in page.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next())
        {
            let local = !target.is_empty() && !target.contains("://");
            let path = resolved(folder, target);
            if local && !files.iter().any(|file| file.path.starts_with(&path)) {
                found.push(format!("{}: there is no {target}", page.path));
            }
        }
    }
    found
}

/// The path of a link's target from the project's root.
fn resolved(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

type Rule = fn(&[File]) -> Vec<String>;

/// Every text file of the project, build output and version control aside.
fn project() -> Vec<File> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<File>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                let is_ours = !name.starts_with('.') || matches!(name, ".ci" | ".github");
                if is_ours && !name.starts_with("target") && !path.is_symlink() {
                    walk(&path, root, files);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.push(File { path: path.to_owned(), text });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files
}

fn the_house_obeys(rule: Rule) {
    let found = rule(&project());
    assert!(found.is_empty(), "\n  {}\n", found.join("\n  "));
}

/// One test per rule, named as the sentence that must hold.
macro_rules! rules {
    ($($sentence:ident: $rule:ident,)*) => {
        $(#[test] fn $sentence() { the_house_obeys($rule); })*
    };
}

rules! {
    imports_point_down_the_layers_and_never_sideways: imports_point_down,
    a_file_has_at_most_500_lines_before_its_tests: files_are_short,
    every_rust_and_sql_file_opens_with_what_it_is: files_say_what_they_are,
    no_statement_selects_whatever_there_is: sql_names_its_columns,
    lints_are_excepted_by_expectations_with_reasons: lint_exceptions_are_expectations,
    every_sql_file_is_included_by_some_rust_file: every_sql_file_is_used,
    each_migration_has_a_number_of_its_own: migrations_are_numbered,
    no_tabs_trailing_blanks_or_unfinished_work_remain: text_is_clean,
    tests_wait_for_conditions_instead_of_sleeping: tests_do_not_sleep,
    the_code_map_names_exactly_what_is_in_src: code_map_is_complete,
    decisions_mappings_and_nouns_do_not_wait: decisions_are_synchronous,
    the_simulator_and_the_product_share_no_code: simulator_and_product_are_strangers,
    each_outside_crate_and_the_environment_have_one_home: outside_crates_stay_at_home,
    no_second_or_unsound_crate_is_locked: locked_crates_are_sound,
    the_readme_fits_on_a_few_screens: readme_is_short,
    links_in_the_documents_lead_to_files: links_lead_somewhere,
}

#[path = "tidy/form.rs"]
mod form;
#[path = "tidy/samples.rs"]
mod samples;
