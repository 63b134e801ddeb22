//! Reads a folder of mapping files and checks what can be checked without the org.

use super::{
    diagnostic::{Code, Diagnostic, Source, has_errors, sort},
    file::{FieldEntry, FieldList, MappingFile},
    suggest::nearest,
};
use std::{collections::BTreeMap, fs, io, path::Path, path::PathBuf, sync::Arc};

/// What a folder of mapping files holds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The files that could be made out, by path.
    pub files: Vec<MappingFile>,
    /// What is wrong with them, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// The files, if they hold no error.
    ///
    /// # Errors
    /// All problems, warnings included, when one of them is an error.
    pub fn into_files(self) -> Result<Vec<MappingFile>, Vec<Diagnostic>> {
        if has_errors(&self.diagnostics) { Err(self.diagnostics) } else { Ok(self.files) }
    }
}

/// Reads every `*.toml` of the folder, without descending into folders of it.
///
/// A missing or empty folder is an error among the diagnostics.
#[must_use]
pub fn load(folder: &Path) -> Loaded {
    let mut diagnostics = Vec::new();
    let paths = match toml_files(folder) {
        Ok(paths) => paths,
        Err(error) => {
            let help = "name the folder of the mapping files in `dir` under `[mappings]`";
            diagnostics.push(unreadable(folder, &error).with_help(help));
            return Loaded { files: Vec::new(), diagnostics };
        }
    };
    if paths.is_empty() {
        let message = format!("no mapping file in `{}`", folder.display());
        diagnostics.push(
            Diagnostic::error(Code::Unreadable, message)
                .with_help("write one file per object, named `*.toml`"),
        );
    }
    let mut sources = Vec::new();
    for path in paths {
        match fs::read_to_string(&path) {
            Ok(text) => sources.push(Source::new(path, text)),
            Err(error) => diagnostics.push(unreadable(&path, &error)),
        }
    }
    let mut loaded = load_sources(&sources);
    loaded.diagnostics.append(&mut diagnostics);
    sort(&mut loaded.diagnostics);
    loaded
}

/// The same for files already read.
#[must_use]
pub fn load_sources(sources: &[Arc<Source>]) -> Loaded {
    let mut loaded = Loaded::default();
    for source in sources {
        let (file, diagnostics) = MappingFile::parse(source);
        loaded.files.extend(file);
        loaded.diagnostics.extend(diagnostics);
    }
    check_claims(&loaded.files, &mut loaded.diagnostics);
    if loaded.files.len() == sources.len() {
        check_references(&loaded.files, &mut loaded.diagnostics);
    }
    sort(&mut loaded.diagnostics);
    loaded
}

fn toml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(Code::Unreadable, format!("cannot read `{}`: {error}", path.display()))
}

/// One object and one table belong to one file.
fn check_claims(files: &[MappingFile], diagnostics: &mut Vec<Diagnostic>) {
    let mut objects: BTreeMap<String, &MappingFile> = BTreeMap::new();
    let mut tables: BTreeMap<&str, &MappingFile> = BTreeMap::new();
    for file in files {
        let object = file.object().to_ascii_lowercase();
        if let Some(first) = objects.get(&object) {
            diagnostics.push(
                Diagnostic::error(
                    Code::Claimed,
                    format!("object `{}` is mapped twice", file.object()),
                )
                .at(&file.source, file.object.span(), "here again")
                .with_related(&first.source, first.object.span(), "first mapped here")
                .with_help("keep one file per object"),
            );
            continue;
        }
        objects.insert(object, file);
        match tables.get(file.table()) {
            Some(first) => diagnostics.push(
                Diagnostic::error(
                    Code::Claimed,
                    format!("two mappings claim the table `{}`", file.table()),
                )
                .at(&file.source, file.table.span(), "")
                .with_related(&first.source, first.table.span(), "first claimed here")
                .with_help("give one of them another `table`"),
            ),
            None => {
                tables.insert(file.table(), file);
            }
        }
    }
}

fn check_references(files: &[MappingFile], diagnostics: &mut Vec<Diagnostic>) {
    for file in files {
        let FieldList::Named(entries) = &file.fields else { continue };
        diagnostics.extend(entries.iter().filter_map(|entry| missing_parent(files, file, entry)));
    }
}

fn missing_parent(
    files: &[MappingFile],
    file: &MappingFile,
    entry: &FieldEntry,
) -> Option<Diagnostic> {
    let reference = entry.reference.as_ref()?;
    let parent = reference.mapping.get_ref();
    if files.iter().any(|file| file.object().eq_ignore_ascii_case(parent)) {
        return None;
    }
    let help = match nearest(parent, files.iter().map(MappingFile::object)) {
        Some(object) => format!("did you mean `{object}`?"),
        None => format!("map `{parent}` in a file of its own, or remove the `ref`"),
    };
    Some(
        Diagnostic::error(
            Code::BadReference,
            format!(
                "the `ref` of `{}` points to `{parent}`, which is not mapped",
                entry.name.get_ref()
            ),
        )
        .at(&file.source, reference.mapping.span(), "")
        .with_help(help),
    )
}
