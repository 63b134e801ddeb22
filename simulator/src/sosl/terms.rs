//! What stands between the braces: words, phrases and how they are combined; and how they match.

use super::malformed;
use crate::ApiError;

/// Parentheses nested deeper than this are refused: parsing recurses into them.
const DEPTH_MAX: usize = 50;

/// Terms longer than this find nothing in Salesforce, and are refused here.
const LENGTH_MAX: usize = 10_000;

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// A word, in lower case, perhaps with `*` (any characters) and `?` (one character).
    Word(String),
    /// Words that stand next to each other, in lower case.
    Phrase(Vec<String>),
    /// All of these.
    And(Vec<Term>),
    /// Any of these.
    Or(Vec<Term>),
    /// The first but not the second.
    AndNot(Box<Term>, Box<Term>),
}

impl Term {
    /// Whether a row with these texts, each cut into its [`words`], is looked for.
    #[must_use]
    pub fn matches(&self, texts: &[Vec<String>]) -> bool {
        match self {
            Self::Word(pattern) => texts.iter().flatten().any(|word| is_like(word, pattern)),
            Self::Phrase(phrase) => texts.iter().any(|words| {
                words.windows(phrase.len().max(1)).any(|window| window == phrase.as_slice())
            }),
            Self::And(terms) => terms.iter().all(|term| term.matches(texts)),
            Self::Or(terms) => terms.iter().any(|term| term.matches(texts)),
            Self::AndNot(wanted, unwanted) => wanted.matches(texts) && !unwanted.matches(texts),
        }
    }
}

/// The words of a text, in lower case.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// A pattern without wildcards matches the beginning of a word, one with them the whole word.
fn is_like(word: &str, pattern: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return word.starts_with(pattern);
    }
    let (word, pattern): (Vec<char>, Vec<char>) =
        (word.chars().collect(), pattern.chars().collect());
    // Positions of the pattern that can be reached after each character of the word.
    let mut reached = vec![false; pattern.len() + 1];
    let skip_stars = |reached: &mut Vec<bool>| {
        for (at, char) in pattern.iter().enumerate() {
            if *char == '*' && reached.get(at) == Some(&true) {
                set(reached, at + 1);
            }
        }
    };
    set(&mut reached, 0);
    skip_stars(&mut reached);
    for char in word {
        let mut next = vec![false; pattern.len() + 1];
        for (at, expected) in pattern.iter().enumerate() {
            if reached.get(at) != Some(&true) {
                continue;
            }
            match expected {
                '*' => set(&mut next, at),
                '?' => set(&mut next, at + 1),
                expected if *expected == char => set(&mut next, at + 1),
                _ => {}
            }
        }
        skip_stars(&mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

fn set(flags: &mut [bool], at: usize) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = true;
    }
}

/// A piece of the text between the braces.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Phrase(Vec<String>),
    And,
    Or,
    Not,
    Open,
    Close,
}

/// Reads search terms.
pub(super) fn parse(text: &str) -> Result<Term, ApiError> {
    if text.chars().count() > LENGTH_MAX {
        return Err(malformed(format!("The search is longer than {LENGTH_MAX} characters")));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    if parser.tokens.is_empty() {
        return Err(too_short(text));
    }
    let term = parser.or()?;
    if !parser.tokens.is_empty() {
        return Err(malformed("unexpected token: ')'"));
    }
    Ok(term)
}

fn too_short(text: &str) -> ApiError {
    let message = format!("search term must be longer than one character: {text}");
    ApiError::request("INVALID_SEARCH", message)
}

fn tokens(text: &str) -> Result<Vec<Token>, ApiError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' => {
                let mut phrase = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => phrase.extend(chars.next()),
                        Some(char) => phrase.push(char),
                        None => return Err(malformed("unterminated phrase")),
                    }
                }
                tokens.extend(phrase_of(&phrase)?);
            }
            char if char.is_whitespace() => {}
            '\\' => tokens.extend(word(&mut chars, String::new(), true)?),
            char => tokens.extend(word(&mut chars, char.to_string(), false)?),
        }
    }
    Ok(tokens)
}

/// Reads on to the end of a word. What separates words inside of it makes it a phrase.
fn word(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    mut word: String,
    mut is_escaped: bool,
) -> Result<Option<Token>, ApiError> {
    if is_escaped {
        word.extend(chars.next());
    }
    while let Some(char) = chars.next_if(|char| !char.is_whitespace() && !"()\"".contains(*char)) {
        if char == '\\' {
            is_escaped = true;
            word.extend(chars.next());
        } else {
            word.push(char);
        }
    }
    match word.to_ascii_uppercase().as_str() {
        "AND" if !is_escaped => return Ok(Some(Token::And)),
        "OR" if !is_escaped => return Ok(Some(Token::Or)),
        "NOT" if !is_escaped => return Ok(Some(Token::Not)),
        _ => {}
    }
    if word.contains(['*', '?']) && !is_escaped {
        let pattern: String = word
            .to_lowercase()
            .chars()
            .filter(|char| char.is_alphanumeric() || "*?".contains(*char))
            .collect();
        if pattern.starts_with(['*', '?']) {
            return Err(malformed("a search term must not begin with a wildcard"));
        }
        return Ok(Some(Token::Word(pattern)));
    }
    phrase_of(&word)
}

/// The words of a text as one token: none, a word, or a phrase.
fn phrase_of(text: &str) -> Result<Option<Token>, ApiError> {
    let mut words = words(text);
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    match words.len() {
        0 => Ok(None),
        _ if letters < 2 => Err(too_short(text)),
        1 => Ok(words.pop().map(Token::Word)),
        _ => Ok(Some(Token::Phrase(words))),
    }
}

struct Parser<'a> {
    /// Those not yet consumed.
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn accept(&mut self, token: &Token) -> bool {
        match self.tokens.split_first() {
            Some((first, rest)) if first == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn or(&mut self) -> Result<Term, ApiError> {
        let mut terms = vec![self.and()?];
        while self.accept(&Token::Or) {
            terms.push(self.and()?);
        }
        Ok(one_or(terms, Term::Or))
    }

    /// Words that follow each other without an operator must all be found.
    fn and(&mut self) -> Result<Term, ApiError> {
        let mut terms = vec![self.single()?];
        loop {
            let has_operator = self.accept(&Token::And);
            if has_operator && self.accept(&Token::Not) {
                let wanted = one_or(std::mem::take(&mut terms), Term::And);
                terms.push(Term::AndNot(Box::new(wanted), Box::new(self.single()?)));
            } else if has_operator
                || matches!(
                    self.tokens.first(),
                    Some(Token::Word(_) | Token::Phrase(_) | Token::Open)
                )
            {
                terms.push(self.single()?);
            } else {
                return Ok(one_or(terms, Term::And));
            }
        }
    }

    fn single(&mut self) -> Result<Term, ApiError> {
        let Some((first, rest)) = self.tokens.split_first() else {
            return Err(malformed("unexpected end of the search"));
        };
        self.tokens = rest;
        match first {
            Token::Word(word) => Ok(Term::Word(word.clone())),
            Token::Phrase(words) => Ok(Term::Phrase(words.clone())),
            Token::Open => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(malformed("the search is nested too deeply"));
                }
                let term = self.or()?;
                self.depth -= 1;
                if !self.accept(&Token::Close) {
                    return Err(malformed("expecting ')'"));
                }
                Ok(term)
            }
            Token::And => Err(malformed("unexpected token: 'AND'")),
            Token::Or => Err(malformed("unexpected token: 'OR'")),
            Token::Not => Err(malformed("unexpected token: 'NOT'")),
            Token::Close => Err(malformed("unexpected token: ')'")),
        }
    }
}

fn one_or(mut terms: Vec<Term>, combine: fn(Vec<Term>) -> Term) -> Term {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            combine(terms)
        }
        None => combine(terms),
    }
}
