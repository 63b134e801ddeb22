//! CSV as Bulk 2.0 reads and writes it.

use serde::Deserialize;

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
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                out.push(self.delimiter.character());
            }
            out.push('"');
            for (part, text) in cell.split('"').enumerate() {
                if part > 0 {
                    out.push_str("\"\"");
                }
                out.push_str(text);
            }
            out.push('"');
        }
        out.push_str(match self.ending {
            Ending::Lf => "\n",
            Ending::Crlf => "\r\n",
        });
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
