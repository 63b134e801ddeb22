//! Reads values out of a TOML document and notes every misfit instead of stopping at the first.
//!
//! Serde ends at the first error; a person who edits a file wants all of them at once. So the document is parsed
//! into a tree that knows its places, and every value is taken out by hand.

use super::{
    diagnostic::{Code, Diagnostic, Source},
    suggest::{listed, nearest},
};
use std::{ops::Range, sync::Arc, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A key, where it stands, and its value.
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    pub(crate) span: Range<usize>,
    pub(crate) value: &'a Spanned<DeValue<'a>>,
}

/// Takes values out of one file.
pub(crate) struct Reader {
    pub(crate) source: Arc<Source>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Reader {
    pub(crate) fn new(source: Arc<Source>) -> Self {
        Self { source, diagnostics: Vec::new() }
    }

    /// Parses the text as far as it goes.
    pub(crate) fn document<'a>(&mut self, text: &'a str) -> DeTable<'a> {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            let diagnostic = if error.message().contains("duplicate key") {
                self.duplicate(&document, span)
            } else {
                Diagnostic::error(Code::Syntax, "the file does not parse").at(
                    &self.source,
                    span,
                    error.message(),
                )
            };
            self.diagnostics.push(diagnostic);
        }
        document.into_inner()
    }

    fn duplicate(&self, document: &Spanned<DeTable<'_>>, second: Range<usize>) -> Diagnostic {
        let key = self.source.text.get(second.clone()).unwrap_or_default();
        let diagnostic = Diagnostic::error(
            Code::DuplicateKey,
            format!("key `{key}` is given twice"),
        )
        .at(&self.source, second.clone(), "here again");
        match earlier_key(document.get_ref(), key.trim_matches('"'), &second) {
            Some(first) => diagnostic.with_related(&self.source, first, "first given here"),
            None => diagnostic,
        }
    }

    /// Where the text stops being TOML, if it does.
    pub(crate) fn broken_at(&self) -> Option<usize> {
        self.diagnostics
            .iter()
            .filter(|problem| problem.code == Code::Syntax)
            .filter_map(start)
            .min()
    }

    /// Keeps one problem at the offset and drops what follows: the rest only echoes the first break.
    pub(crate) fn forget_from(&mut self, offset: usize) {
        let mut is_first = true;
        self.diagnostics.retain(|problem| {
            let is_break = problem.code == Code::Syntax && start(problem) == Some(offset);
            let is_kept = start(problem) < Some(offset) || is_break && is_first;
            is_first &= !is_break;
            is_kept
        });
    }

    /// Notes an error at a place of the file and gives it to be completed.
    pub(crate) fn error(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Vec<String> {
        let diagnostic = Diagnostic::error(code, message).at(&self.source, span, "");
        &mut self.diagnostics.push_mut(diagnostic).help
    }

    /// The table's entries in the order of the file; the unknown ones are reported and left out.
    pub(crate) fn entries<'a>(
        &mut self,
        table: &'a DeTable<'a>,
        known: &[&str],
        place: &str,
    ) -> Vec<Entry<'a>> {
        let mut entries = all_entries(table);
        entries.retain(|entry| {
            let is_known = known.contains(&entry.key);
            if !is_known {
                let help = match nearest(entry.key, known.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("the keys here are {}", listed(known.iter().copied())),
                };
                let message = format!("unknown key `{}` in {place}", entry.key);
                self.error(Code::UnknownKey, entry.span.clone(), message).push(help);
            }
            is_known
        });
        entries
    }

    /// Reports that the value is of another type.
    pub(crate) fn misfit(&mut self, entry: &Entry<'_>, expected: &str) -> &mut Vec<String> {
        self.misfit_at(entry.key, entry.value, expected)
    }

    pub(crate) fn misfit_at(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
    ) -> &mut Vec<String> {
        let message = format!("`{key}` is {} here, not {expected}", kind(value.get_ref()));
        self.error(Code::WrongValue, value.span(), message)
    }

    pub(crate) fn table<'a>(&mut self, entry: &Entry<'a>) -> Option<&'a DeTable<'a>> {
        let table = entry.value.get_ref().as_table();
        if table.is_none() {
            self.misfit(entry, "a table");
        }
        table
    }

    /// Text that is not empty.
    pub(crate) fn text(&mut self, entry: &Entry<'_>) -> Option<Spanned<String>> {
        self.text_at(entry.key, entry.value)
    }

    fn text_at(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Spanned<String>> {
        match value.get_ref().as_str() {
            Some(text) if text.trim().is_empty() => {
                self.error(Code::WrongValue, value.span(), format!("`{key}` is empty"));
                None
            }
            Some(text) => Some(Spanned::new(value.span(), text.to_owned())),
            None => {
                self.misfit_at(key, value, "text");
                None
            }
        }
    }

    /// A list of texts; members of other types are reported and left out.
    pub(crate) fn texts(&mut self, entry: &Entry<'_>) -> Vec<Spanned<String>> {
        let Some(members) = entry.value.get_ref().as_array() else {
            self.misfit(entry, "a list of names");
            return Vec::new();
        };
        members.iter().filter_map(|member| self.text_at(entry.key, member)).collect()
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&mut self, entry: &Entry<'_>, least: u64) -> Option<u64> {
        let Some(number) = entry.value.get_ref().as_integer() else {
            self.misfit(entry, "a whole number");
            return None;
        };
        let parsed = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
        match u64::try_from(parsed) {
            Ok(parsed) if parsed >= least && i64::try_from(parsed).is_ok() => Some(parsed),
            _ => {
                let message = format!("`{}` cannot be {parsed}", entry.key);
                self.error(Code::OutOfRange, entry.value.span(), message)
                    .push(format!("give a whole number from {least} on"));
                None
            }
        }
    }

    /// A duration with its unit.
    pub(crate) fn duration(&mut self, entry: &Entry<'_>, least: Duration) -> Option<Duration> {
        let text = match entry.value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            _ => {
                self.misfit(entry, "a duration");
                return None;
            }
        };
        match parse_duration(&text, least) {
            Ok(duration) => Some(duration),
            Err(problem) => {
                let (code, message, help) = problem.into_words(entry.key);
                self.error(code, entry.value.span(), message).push(help);
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        entry: &Entry<'_>,
        words: &[(&str, T)],
    ) -> Option<Spanned<T>> {
        let text = self.text(entry)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| word == text.get_ref()) {
            return Some(Spanned::new(text.span(), *value));
        }
        let names = || words.iter().map(|(word, _)| *word);
        let help = match nearest(text.get_ref(), names()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("it is one of {}", listed(names())),
        };
        let message = format!("`{}` cannot be `{}`", entry.key, text.get_ref());
        self.error(Code::WrongValue, text.span(), message).push(help);
        None
    }
}

/// What is wrong with a text that should be a duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadDuration {
    NoUnit(String),
    Unreadable(String),
    TooShort(String, Duration),
}

impl BadDuration {
    /// Code, message and help for the key.
    pub(crate) fn into_words(self, key: &str) -> (Code, String, String) {
        match self {
            Self::NoUnit(text) => (
                Code::NoUnit,
                format!("duration `{text}` has no unit"),
                format!("write `\"{text}s\"` for seconds, `\"{text}m\"` for minutes"),
            ),
            Self::Unreadable(text) => (
                Code::WrongValue,
                format!("`{key}` cannot be `{text}`"),
                "a duration is a number and a unit: `\"90s\"`, `\"5m\"`, `\"1h 30m\"`".to_owned(),
            ),
            Self::TooShort(text, least) => (
                Code::OutOfRange,
                format!("`{key}` cannot be `{text}`"),
                format!("the least is `\"{}\"`", humantime::format_duration(least)),
            ),
        }
    }
}

/// Reads a duration with its unit.
pub(crate) fn parse_duration(text: &str, least: Duration) -> Result<Duration, BadDuration> {
    if text.trim().parse::<f64>().is_ok() {
        return Err(BadDuration::NoUnit(text.trim().to_owned()));
    }
    match humantime::parse_duration(text) {
        Ok(duration) if duration >= least => Ok(duration),
        Ok(_) => Err(BadDuration::TooShort(text.to_owned(), least)),
        Err(_) => Err(BadDuration::Unreadable(text.to_owned())),
    }
}

/// The table's entries in the order of the file.
pub(crate) fn all_entries<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry { key: key.get_ref().as_ref(), span: key.span(), value })
        .collect();
    entries.sort_by_key(|entry| entry.span.start);
    entries
}

fn start(problem: &Diagnostic) -> Option<usize> {
    problem.label.as_ref().map(|label| label.span.start)
}

/// Where the key stands for the first time, at any depth, before `second`.
fn earlier_key(table: &DeTable<'_>, key: &str, second: &Range<usize>) -> Option<Range<usize>> {
    table
        .iter()
        .flat_map(|(name, value)| {
            let own =
                (name.get_ref() == key && name.span().end <= second.start).then(|| name.span());
            let inner =
                value.get_ref().as_table().and_then(|table| earlier_key(table, key, second));
            own.into_iter().chain(inner)
        })
        .max_by_key(|span| span.start)
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
