//! From text to a formula: words first, then operands joined by how tightly operators bind.

use super::{Formula, Operator, functions::FUNCTIONS};
use crate::value::Value;

/// Parentheses and signs nested deeper than this are refused; parsing recurses into them.
const DEPTH_MAX: usize = 40;

/// More operators and calls than this are refused, for the same reason.
const NODES_MAX: usize = 500;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Name(String),
    Symbol(&'static str),
}

/// Longer ones first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 20] = [
    "&&", "||", "==", "!=", "<>", "<=", ">=", "(", ")", ",", "+", "-", "*", "/", "^", "&", "=",
    "<", ">", "!",
];

pub(super) fn parse(text: &str) -> Result<Formula, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, nodes: 0 };
    let formula = parser.expression(0, 0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(formula),
        Some(token) => Err(format!("unexpected {}", shown(token))),
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(number) => number.to_string(),
        Token::Text(text) => format!("\"{text}\""),
        Token::Name(name) => name.clone(),
        Token::Symbol(symbol) => (*symbol).to_owned(),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let left = if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").ok_or("a comment does not end")?.1
        } else if first == '"' || first == '\'' {
            let (text, left) = quoted(rest, first)?;
            tokens.push(Token::Text(text));
            left
        } else if first.is_ascii_digit() || first == '.' {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (digits, left) = rest.split_at(end);
            let number = digits.parse().map_err(|_| format!("{digits} is no number"))?;
            tokens.push(Token::Number(number));
            left
        } else if first.is_ascii_alphabetic() || first == '$' || first == '_' {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | ':');
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            let (name, left) = rest.split_at(end);
            tokens.push(Token::Name(name.to_owned()));
            left
        } else {
            let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
            let symbol = symbol.ok_or_else(|| format!("unexpected {first}"))?;
            tokens.push(Token::Symbol(symbol));
            rest.strip_prefix(symbol).unwrap_or_default()
        };
        rest = left.trim_start();
    }
    Ok(tokens)
}

/// Text between quotes, and what follows it.
fn quoted(rest: &str, quote: char) -> Result<(String, &str), String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            _ if character == quote => return Ok((text, rest.get(at + 1..).unwrap_or_default())),
            _ => text.push(character),
        }
    }
    Err("a text does not end".to_owned())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nodes: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, symbol: &'static str) -> bool {
        let is_next = self.tokens.get(self.at) == Some(&Token::Symbol(symbol));
        self.at += usize::from(is_next);
        is_next
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err("the formula is too long".to_owned()) } else { Ok(()) }
    }

    /// Operands joined by operators that bind at least this tightly.
    fn expression(&mut self, least: u8, depth: usize) -> Result<Formula, String> {
        if depth > DEPTH_MAX {
            return Err("the formula is nested too deeply".to_owned());
        }
        let mut left = self.operand(depth)?;
        while let Some(Token::Symbol(symbol)) = self.tokens.get(self.at) {
            let Some((operator, tightness)) = operator(symbol) else { break };
            if tightness < least {
                break;
            }
            self.at += 1;
            self.count()?;
            let right = self.expression(tightness + 1, depth + 1)?;
            left = Formula::Binary(Box::new(left), operator, Box::new(right));
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Formula, String> {
        const SIGN: u8 = 7;
        self.count()?;
        match self.next().ok_or("the formula ends too early")? {
            Token::Number(number) => Ok(Formula::Constant(Value::Number(number))),
            Token::Text(text) => Ok(Formula::Constant(Value::Text(text.into()))),
            Token::Symbol("(") => {
                let inner = self.expression(0, depth + 1)?;
                if self.takes(")") { Ok(inner) } else { Err("a ) is missing".to_owned()) }
            }
            Token::Symbol("-") => {
                Ok(Formula::Negative(Box::new(self.expression(SIGN, depth + 1)?)))
            }
            Token::Symbol("+") => self.expression(SIGN, depth + 1),
            Token::Symbol("!") => Ok(Formula::Not(Box::new(self.expression(SIGN, depth + 1)?))),
            Token::Symbol(symbol) => Err(format!("unexpected {symbol}")),
            Token::Name(name) if self.takes("(") => self.call(&name, depth),
            Token::Name(name) => Ok(match name.to_ascii_uppercase().as_str() {
                "TRUE" => Formula::Constant(Value::Bool(true)),
                "FALSE" => Formula::Constant(Value::Bool(false)),
                "NULL" => Formula::Constant(Value::Null),
                _ => Formula::Field(name.split('.').map(str::to_owned).collect()),
            }),
        }
    }

    fn call(&mut self, name: &str, depth: usize) -> Result<Formula, String> {
        let function = FUNCTIONS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name));
        let (name, least, most) = function.ok_or_else(|| format!("unknown function {name}"))?;
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                arguments.push(self.expression(0, depth + 1)?);
                if self.takes(")") {
                    break;
                }
                if !self.takes(",") {
                    return Err(format!("a ) is missing after the arguments of {name}"));
                }
            }
        }
        if (*least..=*most).contains(&arguments.len()) {
            return Ok(Formula::Call(name, arguments));
        }
        Err(format!("{name} does not take {} arguments", arguments.len()))
    }
}

/// An operator and how tightly it binds.
fn operator(symbol: &str) -> Option<(Operator, u8)> {
    Some(match symbol {
        "||" => (Operator::Or, 1),
        "&&" => (Operator::And, 2),
        "=" | "==" => (Operator::Equal, 3),
        "<>" | "!=" => (Operator::NotEqual, 3),
        "<" => (Operator::Less, 4),
        "<=" => (Operator::LessOrEqual, 4),
        ">" => (Operator::Greater, 4),
        ">=" => (Operator::GreaterOrEqual, 4),
        "&" => (Operator::Join, 5),
        "+" => (Operator::Add, 5),
        "-" => (Operator::Subtract, 5),
        "*" => (Operator::Multiply, 6),
        "/" => (Operator::Divide, 6),
        "^" => (Operator::Power, 8),
        _ => return None,
    })
}
