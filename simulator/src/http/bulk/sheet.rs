//! CSV as Bulk 2.0 reads and writes it.

use serde::Deserialize;

use crate::{Id, Org, org::Cells, value::Value};

/// How the cells and lines of a job's files are set apart.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Format {
    pub(crate) delimiter: Delimiter,
    pub(crate) ending: Ending,
}

/// What stands between cells.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Delimiter {
    #[default]
    Comma,
    Tab,
    Pipe,
    Semicolon,
    Caret,
    Backquote,
}

/// What ends a line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Ending {
    #[default]
    Lf,
    Crlf,
}

impl Delimiter {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Comma => "COMMA",
            Self::Tab => "TAB",
            Self::Pipe => "PIPE",
            Self::Semicolon => "SEMICOLON",
            Self::Caret => "CARET",
            Self::Backquote => "BACKQUOTE",
        }
    }

    fn character(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Tab => '\t',
            Self::Pipe => '|',
            Self::Semicolon => ';',
            Self::Caret => '^',
            Self::Backquote => '`',
        }
    }
}

impl Ending {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::Crlf => "CRLF",
        }
    }
}

impl Format {
    /// Appends one line; every cell is quoted.
    pub(crate) fn write<'a>(self, cells: impl IntoIterator<Item = &'a str>, out: &mut String) {
        let mut line = self.line(out);
        cells.into_iter().for_each(|cell| line.text(cell));
        line.end();
    }

    /// Appends the line of a row; `false`, writing nothing, when it has been purged.
    pub(crate) fn write_row(self, org: &Org, cells: &Cells, id: Id, out: &mut String) -> bool {
        let before = out.len();
        let mut line = self.line(out);
        if org.each_cell(cells, id, |value| line.value(value)) {
            line.end();
            return true;
        }
        out.truncate(before);
        false
    }

    /// Begins a line, to be filled cell by cell; every cell is quoted.
    pub(crate) fn line(self, out: &mut String) -> Line<'_> {
        Line { format: self, is_empty: true, out }
    }

    /// Reads lines, the header being one of them. Lines may be of different lengths.
    pub(crate) fn reader(self, bytes: &[u8]) -> csv::Reader<&[u8]> {
        csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(u8::try_from(self.delimiter.character()).unwrap_or(b','))
            .from_reader(bytes)
    }
}

/// A line that is being written.
pub(crate) struct Line<'a> {
    format: Format,
    is_empty: bool,
    out: &'a mut String,
}

impl Line<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(self.format.delimiter.character());
        }
        self.out.push('"');
    }

    /// Adds a cell of text.
    pub(crate) fn text(&mut self, text: &str) {
        self.separate();
        if text.contains('"') {
            self.out.push_str(&text.replace('"', "\"\""));
        } else {
            self.out.push_str(text);
        }
        self.out.push('"');
    }

    /// Adds a cell.
    pub(crate) fn value(&mut self, value: &Value) {
        if let Value::Text(text) = value {
            self.text(text);
            return;
        }
        // Nothing but text has quotes.
        self.separate();
        value.write_cell(self.out);
        self.out.push('"');
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        self.out.push_str(match self.format.ending {
            Ending::Lf => "\n",
            Ending::Crlf => "\r\n",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let format = Format { delimiter: Delimiter::Caret, ending: Ending::Crlf };
        let cells = ["plain", "", "a^b", "say \"hi\"", "two\r\nlines", "é"];
        let mut text = String::new();

        format.write(cells, &mut text);

        let read = format.reader(text.as_bytes()).records().next().unwrap().unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), cells);
        assert!(text.ends_with("\"\r\n"));
    }
}
