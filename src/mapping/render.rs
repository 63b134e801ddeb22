//! Diagnostics for people, in the manner of rustc, and for machines, as JSON.

use super::diagnostic::{Diagnostic, Label, Position, Severity};
use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;
use std::sync::Arc;

/// Whether the text may carry terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Escape codes for a terminal.
    Always,
    /// Plain text.
    Never,
}

/// One report per problem, separated by empty lines, ending in a line break when there is any.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], colour: Colour) -> String {
    let renderer = match colour {
        Colour::Always => Renderer::styled(),
        Colour::Never => Renderer::plain(),
    };
    diagnostics
        .iter()
        .map(|diagnostic| format!("{}\n", render_one(diagnostic, &renderer)))
        .collect::<Vec<_>>()
        .join("\n")
}

fn render_one(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code.to_string());
    let report = title
        .elements(snippets(diagnostic))
        .elements(diagnostic.help.iter().map(|help| Level::HELP.message(help)))
        .elements(diagnostic.notes.iter().map(|note| Level::NOTE.message(note)));
    renderer.render(&[report])
}

/// One snippet per file, that of the problem itself first.
fn snippets(diagnostic: &Diagnostic) -> Vec<Snippet<'_, Annotation<'_>>> {
    let Some(primary) = &diagnostic.label else { return Vec::new() };
    let (same_file, other_files): (Vec<_>, Vec<_>) =
        diagnostic.related.iter().partition(|label| Arc::ptr_eq(&label.source, &primary.source));
    let first = snippet(primary)
        .annotation(annotation(AnnotationKind::Primary, primary))
        .annotations(same_file.into_iter().map(|label| annotation(AnnotationKind::Context, label)));
    let others = other_files
        .into_iter()
        .map(|label| snippet(label).annotation(annotation(AnnotationKind::Context, label)));
    std::iter::once(first).chain(others).collect()
}

fn snippet(label: &Label) -> Snippet<'_, Annotation<'_>> {
    Snippet::source(label.source.text.as_str()).path(label.source.path.display().to_string())
}

fn annotation(kind: AnnotationKind, label: &Label) -> Annotation<'_> {
    let end = label.source.text.len();
    let span = label.span.start.min(end)..label.span.end.min(end);
    let text = (!label.text.is_empty()).then_some(label.text.as_str());
    kind.span(span).label(text)
}

/// A diagnostic in the form of `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report<'a> {
    /// The code with its prefix.
    pub code: String,
    /// `error` or `warning`.
    pub severity: Severity,
    /// The sentence.
    pub message: &'a str,
    /// Where; absent where no file is involved.
    pub place: Option<Place<'a>>,
    /// Other places that explain it.
    pub related: Vec<Place<'a>>,
    /// What to do.
    pub help: &'a [String],
    /// Background.
    pub notes: &'a [String],
}

/// A marked stretch of a file, in the form of `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place<'a> {
    /// The path.
    pub file: String,
    /// Where it begins.
    pub start: Position,
    /// Where it ends; the column is one past the last character.
    pub end: Position,
    /// What is said about it; may be empty.
    pub label: &'a str,
}

impl<'a> From<&'a Diagnostic> for Report<'a> {
    fn from(diagnostic: &'a Diagnostic) -> Self {
        Self {
            code: diagnostic.code.to_string(),
            severity: diagnostic.severity,
            message: &diagnostic.message,
            place: diagnostic.label.as_ref().map(Place::from),
            related: diagnostic.related.iter().map(Place::from).collect(),
            help: &diagnostic.help,
            notes: &diagnostic.notes,
        }
    }
}

impl<'a> From<&'a Label> for Place<'a> {
    fn from(label: &'a Label) -> Self {
        Self {
            file: label.source.path.display().to_string(),
            start: label.position(),
            end: label.source.position(label.span.end),
            label: &label.text,
        }
    }
}
