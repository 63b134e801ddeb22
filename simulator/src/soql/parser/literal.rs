//! Literals: numbers, dates, and text with its escapes and wildcards.

use chrono::NaiveDate;

use super::{Parsed, Parser};
use crate::{
    moment,
    soql::{
        At, Literal, Piece, Relative,
        lexer::{Kind, Token},
    },
};

/// Texts in a condition may not be longer than this, as documented.
const TEXT_MAX: usize = 4_000;

impl Parser<'_> {
    pub(super) fn literal(&mut self) -> Parsed<Literal> {
        let Some(token) = self.tokens.first().copied() else { return Err(self.unexpected()) };
        let literal = match token.kind {
            Kind::Quoted => Some(Literal::Text(self.unescape(token)?)),
            Kind::Figure => figure(token.text),
            Kind::Word => word(token.text),
            Kind::Symbol if token.text == ":" => {
                let message = "Bind variables only allowed in Apex code";
                return Err(self.refused(At(token.at), message));
            }
            Kind::Symbol => None,
        };
        let literal = literal.ok_or_else(|| self.unexpected())?;
        self.skip();
        Ok(literal)
    }

    /// Splits a LIKE pattern at its wildcards.
    pub(super) fn pattern(&self, quoted: Token<'_>) -> Parsed<Vec<Piece>> {
        self.check_length(quoted)?;
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = quoted.text;
        while let Some(first) = rest.chars().next() {
            let wildcard = match first {
                '_' => Some(Piece::One),
                '%' => Some(Piece::Many),
                _ => None,
            };
            if let Some(wildcard) = wildcard {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(wildcard);
                rest = rest.get(1..).unwrap_or_default();
            } else if let Some(after) = rest.strip_prefix("\\_").or(rest.strip_prefix("\\%")) {
                text.extend(rest.chars().nth(1));
                rest = after;
            } else {
                let (character, after) = self.character(rest, quoted)?;
                text.push(character);
                rest = after;
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(pieces)
    }

    pub(super) fn unescape(&self, quoted: Token<'_>) -> Parsed<String> {
        self.check_length(quoted)?;
        let mut text = String::with_capacity(quoted.text.len());
        let mut rest = quoted.text;
        while !rest.is_empty() {
            let (character, after) = self.character(rest, quoted)?;
            text.push(character);
            rest = after;
        }
        Ok(text)
    }

    fn check_length(&self, quoted: Token<'_>) -> Parsed<()> {
        if quoted.text.chars().count() <= TEXT_MAX {
            return Ok(());
        }
        let message = format!("string literal is too long, the maximum is {TEXT_MAX} characters");
        Err(self.refused(At(quoted.at), &message))
    }

    /// The first character of quoted text, which may be written as an escape, and what follows.
    fn character<'t>(&self, text: &'t str, quoted: Token<'_>) -> Parsed<(char, &'t str)> {
        let mut characters = text.chars();
        let first = characters.next().unwrap_or_default();
        if first != '\\' {
            return Ok((first, characters.as_str()));
        }
        let escape = characters.next().unwrap_or_default();
        let plain = match escape {
            '\'' | '"' | '\\' => Some(escape),
            'n' | 'N' => Some('\n'),
            'r' | 'R' => Some('\r'),
            't' | 'T' => Some('\t'),
            'b' | 'B' => Some('\u{8}'),
            'f' | 'F' => Some('\u{c}'),
            _ => None,
        };
        if let Some(plain) = plain {
            return Ok((plain, characters.as_str()));
        }
        let rest = characters.as_str();
        let code = rest.get(..4).filter(|_| matches!(escape, 'u' | 'U'));
        let decoded = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        if let Some(decoded) = decoded {
            return Ok((decoded, rest.get(4..).unwrap_or_default()));
        }
        let message = format!(
            "Invalid string literal '{}'. Illegal character sequence '\\{escape}' in string literal.",
            quoted.text
        );
        Err(self.refused(At(quoted.at), &message))
    }
}

/// A number, date, time or datetime.
fn figure(text: &str) -> Option<Literal> {
    if text.contains(['T', 't']) {
        return moment::exact_moment(text).map(Literal::Moment);
    }
    if text.contains(':') {
        return text.ends_with('Z').then(|| moment::time(text).map(Literal::Time))?;
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(Literal::Date(date));
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Literal::Number)
}

fn word(text: &str) -> Option<Literal> {
    match text.to_ascii_uppercase().as_str() {
        "NULL" => Some(Literal::Null),
        "TRUE" => Some(Literal::Bool(true)),
        "FALSE" => Some(Literal::Bool(false)),
        _ => Relative::parse(text).map(Literal::Relative),
    }
}
