//! The layers that settings come in: defaults, the file, named variables, `LOCKSTEP__` variables. Later ones win.
//!
//! Each layer is a source of the `config` crate, which does the merging. A value carries its origin through the
//! merge, so that every complaint and `config show` can say where it came from.

use super::{
    keys::{self, KEYS, Key},
    origin::Origin,
};
use crate::mapping::{
    Code, Diagnostic, Source,
    reader::{Entry, Reader},
    suggest::{listed, nearest},
};
use config::{ConfigError, Map, Value};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const PREFIX: &str = "LOCKSTEP__";

/// A value and where it was found.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// The values of one layer by path. Names of secret files are still among them.
#[derive(Clone, Default)]
pub(super) struct Layer(BTreeMap<String, Given>);

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl config::Source for Layer {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let value = |given: &Given| Value::new(Some(&given.origin.to_string()), given.text.clone());
        Ok(self.0.iter().map(|(path, given)| (path.clone(), value(given))).collect())
    }
}

/// Every setting after the merge.
pub(super) type Merged = BTreeMap<&'static str, Given>;

/// Merges the layers, later ones winning.
pub(super) fn merge(layers: Vec<Layer>) -> Result<Merged, ConfigError> {
    let origins: BTreeMap<_, _> = layers
        .iter()
        .flat_map(|layer| layer.0.values())
        .map(|given| (given.origin.to_string(), given.origin.clone()))
        .collect();
    let mut builder = config::Config::builder();
    for layer in layers {
        builder = builder.add_source(layer);
    }
    let merged = builder.build()?.cache;
    let mut sections = merged.into_table()?;
    let mut settings = Merged::new();
    for section in keys::sections() {
        let Some(values) = sections.remove(section) else { continue };
        for (name, value) in values.into_table()? {
            let Some(key) = keys::find(&format!("{section}.{name}")) else { continue };
            let origin = value.origin().and_then(|origin| origins.get(origin));
            let origin = origin.cloned().unwrap_or(Origin::Default);
            settings.insert(key.path, Given { text: value.into_string()?, origin });
        }
    }
    Ok(settings)
}

/// What holds when nothing is given.
pub(super) fn defaults() -> Layer {
    let given = |key: &Key| {
        let text = key.default?.to_owned();
        Some((key.path.to_owned(), Given { text, origin: Origin::Default }))
    };
    Layer(KEYS.iter().filter_map(given).collect())
}

/// The settings file; complaints quote it as it may be shown.
pub(super) fn file(
    source: &Source,
    shown: &Arc<Source>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Layer {
    let mut reader = Reader::new(Arc::clone(shown));
    let document = reader.document(&source.text);
    let mut layer = Layer::default();
    for section in reader.entries(&document, &keys::sections(), "the settings") {
        let Some(table) = reader.table(&section) else { continue };
        let names = keys::names(section.key);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        for entry in reader.entries(table, &names, &format!("`[{}]`", section.key)) {
            let Some(text) = scalar(&mut reader, &entry) else { continue };
            let span = entry.value.span();
            let position = source.position(span.start);
            let path = format!("{}.{}", section.key, entry.key);
            let text = beside_the_file(&path, text, &source.path);
            let origin = Origin::File { path: source.path.clone(), position, span };
            layer.0.insert(path, Given { text, origin });
        }
    }
    if let Some(offset) = reader.broken_at() {
        reader.forget_from(offset);
    }
    diagnostics.append(&mut reader.diagnostics);
    layer
}

fn scalar(reader: &mut Reader, entry: &Entry<'_>) -> Option<String> {
    match entry.value.get_ref().as_integer() {
        Some(number) => Some(number.as_str().to_owned()),
        None => reader.text(entry).map(toml::Spanned::into_inner),
    }
}

/// Paths in the file are meant from where the file is.
fn beside_the_file(path: &str, text: String, file: &Path) -> String {
    let is_path = path.ends_with("_file") || keys::find(path).is_some_and(|key| key.is_path);
    match file.parent() {
        Some(folder) if is_path => folder.join(&text).display().to_string(),
        _ => text,
    }
}

/// Variables with names of their own: `DATABASE_URL`, `SALESFORCE_CLIENT_ID`. Empty ones count as not given.
pub(super) fn named_variables(variables: &BTreeMap<String, String>) -> Layer {
    let mut layer = Layer::default();
    for key in &KEYS {
        let Some(name) = key.variable else { continue };
        layer.take(variables, name, key.path.to_owned());
        if key.is_secret {
            layer.take(variables, &format!("{name}_FILE"), format!("{}_file", key.path));
        }
    }
    layer
}

/// `LOCKSTEP__SECTION__KEY`; unknown ones are reported.
pub(super) fn prefixed_variables(
    variables: &BTreeMap<String, String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Layer {
    let mut layer = Layer::default();
    for name in variables.keys() {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let path = rest.to_ascii_lowercase().replace("__", ".");
        let (section, key) = path.split_once('.').unwrap_or((&path, ""));
        if keys::names(section).iter().any(|name| name == key) {
            layer.take(variables, name, path);
        } else {
            diagnostics.push(unknown_variable(name));
        }
    }
    layer
}

fn unknown_variable(name: &str) -> Diagnostic {
    let known: Vec<_> = keys::sections()
        .into_iter()
        .flat_map(|section| keys::names(section).into_iter().map(move |name| (section, name)))
        .map(|(section, name)| format!("{PREFIX}{section}__{name}").to_ascii_uppercase())
        .collect();
    let message = format!("unknown setting in the environment variable `{name}`");
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("it is `{PREFIX}SECTION__KEY`, the sections are {}", listed(keys::sections()))
        }
    };
    Diagnostic::error(Code::UnknownKey, message).with_help(help)
}

impl Layer {
    fn take(&mut self, variables: &BTreeMap<String, String>, name: &str, path: String) {
        if let Some(text) = variables.get(name).filter(|text| !text.trim().is_empty()) {
            let origin = Origin::Variable(name.to_owned());
            self.0.insert(path, Given { text: text.clone(), origin });
        }
    }

    /// Replaces the names of secret files by what the files hold.
    pub(super) fn read_secret_files(&mut self, diagnostics: &mut Vec<Diagnostic>) {
        for key in KEYS.iter().filter(|key| key.is_secret) {
            let Some(file) = self.0.remove(&format!("{}_file", key.path)) else { continue };
            if let Some(direct) = self.0.get(key.path) {
                let message = format!("`{}` is given twice: as it is and as a file", key.path);
                diagnostics.push(
                    Diagnostic::error(Code::Contradiction, message)
                        .with_note(format!("from {}", direct.origin))
                        .with_note(format!("from {}", file.origin))
                        .with_help("keep one of them"),
                );
                continue;
            }
            let path = PathBuf::from(&file.text);
            match fs::read_to_string(&path) {
                Ok(text) => {
                    let origin = Origin::SecretFile { path, named_by: Box::new(file.origin) };
                    let text = text.trim_end_matches(['\r', '\n']).to_owned();
                    self.0.insert(key.path.to_owned(), Given { text, origin });
                }
                Err(error) => {
                    let message =
                        format!("cannot read the secret file `{}`: {error}", path.display());
                    diagnostics.push(
                        Diagnostic::error(Code::MissingSecret, message)
                            .with_note(format!("from {}", file.origin)),
                    );
                }
            }
        }
    }
}
