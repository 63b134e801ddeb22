//! A whole statement: the clauses around the terms.

use super::{Group, Returning, Search, malformed, terms};
use crate::ApiError;

/// Statements longer than this are refused, as documented.
const LENGTH_MAX: usize = 100_000;

/// Most objects of RETURNING, as documented.
const OBJECTS_MAX: usize = 20;

pub(super) fn parse(sosl: &str) -> Result<Search, ApiError> {
    if sosl.chars().count() > LENGTH_MAX {
        return Err(malformed(format!(
            "SOSL statements cannot be longer than {LENGTH_MAX} characters."
        )));
    }
    let mut reader = Reader { rest: sosl.trim() };
    if !reader.accept("FIND") {
        return Err(reader.unexpected("FIND"));
    }
    let term = terms::parse(&reader.braces()?)?;
    let mut search = Search { term, group: Group::All, returning: Vec::new(), limit: None };
    if reader.accept("IN") {
        let name = reader.name()?;
        search.group =
            Group::named(name).ok_or_else(|| malformed(format!("unexpected token: '{name}'")))?;
        if !reader.accept("FIELDS") {
            return Err(reader.unexpected("FIELDS"));
        }
    }
    if reader.accept("RETURNING") {
        loop {
            search.returning.push(reader.returning()?);
            if !reader.accept_char(',') {
                break;
            }
        }
        if search.returning.len() > OBJECTS_MAX {
            return Err(malformed(format!("no more than {OBJECTS_MAX} objects can be searched")));
        }
    }
    while reader.accept("WITH") {
        reader.skip_clause();
    }
    if reader.accept("LIMIT") {
        search.limit = Some(reader.count()?);
    }
    if reader.accept("UPDATE") {
        reader.rest = "";
    }
    if reader.rest.is_empty() { Ok(search) } else { Err(reader.unexpected("end of the statement")) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn unexpected(&self, expected: &str) -> ApiError {
        let found: String =
            self.rest.chars().take_while(|char| !char.is_whitespace()).take(40).collect();
        malformed(format!("unexpected token: '{found}', expecting {expected}"))
    }

    /// The word at the front, which may be empty.
    fn peek(&self) -> &'a str {
        let end = self.rest.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
        self.rest.get(..end.unwrap_or(self.rest.len())).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default().trim_start();
    }

    fn accept(&mut self, keyword: &str) -> bool {
        let word = self.peek();
        let is_it = word.eq_ignore_ascii_case(keyword);
        if is_it {
            self.advance(word.len());
        }
        is_it
    }

    fn accept_char(&mut self, expected: char) -> bool {
        let is_it = self.rest.starts_with(expected);
        if is_it {
            self.advance(expected.len_utf8());
        }
        is_it
    }

    fn name(&mut self) -> Result<&'a str, ApiError> {
        let word = self.peek();
        if word.is_empty() {
            return Err(self.unexpected("a name"));
        }
        self.advance(word.len());
        Ok(word)
    }

    fn count(&mut self) -> Result<u64, ApiError> {
        let word = self.peek();
        let count = word.parse().map_err(|_| self.unexpected("a number"))?;
        self.advance(word.len());
        Ok(count)
    }

    /// The text between braces; a backslash protects what follows it.
    fn braces(&mut self) -> Result<String, ApiError> {
        if !self.accept_char('{') {
            return Err(self.unexpected("{"));
        }
        let mut is_escaped = false;
        for (at, char) in self.rest.char_indices() {
            match char {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '}' => {
                    let text = self.rest.get(..at).unwrap_or_default().to_owned();
                    self.advance(at + 1);
                    return Ok(text);
                }
                _ => {}
            }
        }
        Err(malformed("unterminated search: expecting '}'"))
    }

    fn returning(&mut self) -> Result<Returning, ApiError> {
        let object = self.name()?.to_owned();
        let mut returning = Returning { object, ..Returning::default() };
        if !self.accept_char('(') {
            return Ok(returning);
        }
        loop {
            let field = self.until(&[','])?;
            if field.is_empty() {
                return Err(self.unexpected("a field"));
            }
            returning.fields.push(field);
            if !self.accept_char(',') {
                break;
            }
        }
        if self.accept("USING") {
            self.until(&[])?;
        }
        if self.accept("WHERE") {
            returning.condition = Some(self.clause()?);
        }
        if self.accept("ORDER") {
            if !self.accept("BY") {
                return Err(self.unexpected("BY"));
            }
            returning.order = Some(self.clause()?);
        }
        if self.accept("LIMIT") {
            returning.limit = Some(self.count()?);
        }
        if self.accept("OFFSET") {
            returning.offset = Some(self.count()?);
        }
        if self.accept_char(')') { Ok(returning) } else { Err(self.unexpected(")")) }
    }

    fn clause(&mut self) -> Result<String, ApiError> {
        let text = self.until(&[])?;
        if text.is_empty() { Err(self.unexpected("a condition")) } else { Ok(text) }
    }

    /// Whether a clause of RETURNING begins here.
    fn is_clause(&self) -> bool {
        let keywords = ["USING", "WHERE", "ORDER", "LIMIT", "OFFSET"];
        keywords.iter().any(|keyword| self.peek().eq_ignore_ascii_case(keyword))
    }

    /// The text up to the next clause, the parenthesis that closes RETURNING or one of the `stops`,
    /// all outside of quotes and parentheses.
    fn until(&mut self, stops: &[char]) -> Result<String, ApiError> {
        let start = self.rest;
        let (mut depth, mut is_quoted, mut is_escaped, mut in_word) =
            (0_usize, false, false, false);
        for (at, char) in start.char_indices() {
            if is_quoted {
                is_quoted = is_escaped || char != '\'';
                is_escaped = !is_escaped && char == '\\';
                continue;
            }
            let here = Self { rest: start.get(at..).unwrap_or_default() };
            let is_end = char == ')' || stops.contains(&char) || (!in_word && here.is_clause());
            if depth == 0 && is_end {
                let text = start.get(..at).unwrap_or_default().trim_end().to_owned();
                self.advance(at);
                return Ok(text);
            }
            match char {
                '\'' => is_quoted = true,
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            in_word = char.is_ascii_alphanumeric() || char == '_' || char == '.';
        }
        Err(malformed("unexpected end of the statement, expecting ')'"))
    }

    /// Leaves out a WITH clause, up to the next clause.
    fn skip_clause(&mut self) {
        while !self.rest.is_empty() {
            let word = self.peek();
            if ["WITH", "LIMIT", "UPDATE"].iter().any(|next| word.eq_ignore_ascii_case(next)) {
                return;
            }
            let first = self.rest.chars().next().map_or(0, char::len_utf8);
            self.advance(if word.is_empty() { first } else { word.len() });
        }
    }
}
