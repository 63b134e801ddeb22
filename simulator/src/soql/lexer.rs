//! Cuts a statement into tokens.

use winnow::{
    LocatingSlice, ModalResult, Parser,
    ascii::multispace0,
    combinator::{alt, delimited, preceded, repeat},
    token::{any, none_of, one_of, take_while},
};

/// What a token is; the text is kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, path, keyword or relative date.
    Word,
    /// What begins with a digit or sign: a number, date, time or datetime.
    Figure,
    /// Text in single quotes, which are not part of it; escapes still are.
    Quoted,
    /// An operator, parenthesis or comma.
    Symbol,
}

/// A token and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

type Input<'a> = LocatingSlice<&'a str>;

/// All tokens, or the place of the first character that begins none.
pub(super) fn tokens(soql: &str) -> Result<Vec<Token<'_>>, usize> {
    let mut input = LocatingSlice::new(soql);
    let mut tokens = Vec::new();
    loop {
        let rest: &str = input.as_ref();
        if rest.trim_start().is_empty() {
            return Ok(tokens);
        }
        let at = soql.len() - rest.trim_start().len();
        match token.parse_next(&mut input) {
            Ok(token) => tokens.push(token),
            Err(_) => return Err(at),
        }
    }
}

fn token<'a>(input: &mut Input<'a>) -> ModalResult<Token<'a>> {
    let kinds = alt((
        word.map(|text| (Kind::Word, text)),
        figure.map(|text| (Kind::Figure, text)),
        quoted.map(|text| (Kind::Quoted, text)),
        symbol.map(|text| (Kind::Symbol, text)),
    ));
    // Salesforce's blanks are ASCII; others are no part of any token and end the statement.
    let ((kind, text), span) = preceded(multispace0, kinds.with_span()).parse_next(input)?;
    Ok(Token { kind, text, at: span.start })
}

fn word<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    (one_of(|c: char| c.is_ascii_alphabetic()), take_while(0.., rest)).take().parse_next(input)
}

fn figure<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let first = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':');
    (one_of(first), take_while(0.., rest)).take().parse_next(input)
}

fn quoted<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    let character = alt((none_of(['\\', '\'']).void(), ('\\', any).void()));
    delimited('\'', repeat::<_, _, (), _, _>(0.., character).take(), '\'').parse_next(input)
}

fn symbol<'a>(input: &mut Input<'a>) -> ModalResult<&'a str> {
    alt(("!=", "<>", "<=", ">=", one_of(['=', '<', '>', '(', ')', ',', ':']).take()))
        .parse_next(input)
}
