//! A small part of Salesforce's formula language: field paths, texts, numbers, `& + - * /` and
//! parentheses. A field whose formula is anything else always reads as null.

use winnow::{
    ModalResult, Parser,
    ascii::{float, multispace0},
    combinator::{alt, delimited, preceded, repeat},
    token::{one_of, take_while},
};

/// A formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// A field, perhaps of a parent: `Account__r.Name`.
    Field(Vec<String>),
    /// Text in double quotes.
    Text(String),
    /// A number.
    Number(f64),
    /// Two operands joined by one of `& + - * /`.
    Binary(Box<Formula>, char, Box<Formula>),
}

/// Parentheses deeper than this are not understood; parsing recurses into them.
const DEPTH_MAX: usize = 20;

impl Formula {
    /// Understands a formula, or not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.matches('(').count() > DEPTH_MAX {
            return None;
        }
        sum.parse(text).ok()
    }
}

fn sum(input: &mut &str) -> ModalResult<Formula> {
    let first = product(input)?;
    let rest: Vec<(char, Formula)> =
        repeat(0.., (one_of(['&', '+', '-']), product)).parse_next(input)?;
    Ok(join(first, rest))
}

fn product(input: &mut &str) -> ModalResult<Formula> {
    let first = operand(input)?;
    let rest: Vec<(char, Formula)> =
        repeat(0.., (one_of(['*', '/']), operand)).parse_next(input)?;
    Ok(join(first, rest))
}

fn join(first: Formula, rest: Vec<(char, Formula)>) -> Formula {
    rest.into_iter().fold(first, |left, (operator, right)| {
        Formula::Binary(Box::new(left), operator, Box::new(right))
    })
}

fn operand(input: &mut &str) -> ModalResult<Formula> {
    let text = delimited('"', take_while(0.., |c| c != '"'), '"')
        .map(|text: &str| Formula::Text(text.to_owned()));
    let path = (
        one_of(|c: char| c.is_ascii_alphabetic()),
        take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.'),
    )
        .take()
        .map(|path: &str| Formula::Field(path.split('.').map(str::to_owned).collect()));
    let nested = delimited('(', sum, preceded(multispace0, ')'));
    delimited(multispace0, alt((text, path, nested, float.map(Formula::Number))), multispace0)
        .parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_of_fields_texts_and_numbers_are_understood() {
        let field = |name: &str| Box::new(Formula::Field(vec![name.to_owned()]));

        assert_eq!(
            Formula::parse("Quantity__c * Price__c"),
            Some(Formula::Binary(field("Quantity__c"), '*', field("Price__c")))
        );
        assert!(Formula::parse(r#"Account__r.Name & " / " & (Name)"#).is_some());
        assert_eq!(Formula::parse("IF(Active__c, 1, 0)"), None);
    }
}
