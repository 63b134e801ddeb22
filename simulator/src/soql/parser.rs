//! Tokens to statement.

use chrono::NaiveDate;

use super::{
    At, Condition, FieldGroup, Item, Literal, Operator, Order, Path, Piece, Query, Relative,
    Select, error_at,
    lexer::{Kind, Token, tokens},
};
use crate::{ApiError, org};

/// Statements longer than this are refused, as documented.
const LENGTH_MAX: usize = 100_000;
/// Parentheses and NOTs nested deeper than this are refused: parsing recurses into them.
const DEPTH_MAX: usize = 60;

pub(super) fn parse(soql: &str) -> Result<Query, ApiError> {
    if soql.chars().count() > LENGTH_MAX {
        let message = format!("SOQL statements cannot be longer than {LENGTH_MAX} characters.");
        return Err(ApiError::request("MALFORMED_QUERY", message));
    }
    let tokens = tokens(soql).map_err(|at| {
        let character = soql.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        let message = format!("line 1:{at} no viable alternative at character '{character}'");
        error_at(soql, At(at), "MALFORMED_QUERY", &message)
    })?;
    Parser { soql, tokens: &tokens, depth: 0 }.query()
}

struct Parser<'a> {
    soql: &'a str,
    /// Those not yet consumed.
    tokens: &'a [Token<'a>],
    depth: usize,
}

type Parsed<T> = Result<T, ApiError>;

impl<'a> Parser<'a> {
    fn query(mut self) -> Parsed<Query> {
        self.expect("SELECT")?;
        let select = self.select()?;
        self.expect("FROM")?;
        let from = self.take(Kind::Word)?;
        let condition = if self.accept("WHERE") { Some(self.condition()?) } else { None };
        let order = if self.accept("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.accept("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.accept("OFFSET") { Some(self.count()?) } else { None };
        if !self.tokens.is_empty() {
            return Err(self.unexpected());
        }
        let from_at = At(from.at);
        Ok(Query { select, from: from.text.to_owned(), from_at, condition, order, limit, offset })
    }

    fn select(&mut self) -> Parsed<Select> {
        if let [word, open, close, ..] = self.tokens
            && word.text.eq_ignore_ascii_case("COUNT")
            && (open.text, close.text) == ("(", ")")
        {
            self.tokens = self.tokens.get(3..).unwrap_or_default();
            return Ok(Select::Count);
        }
        let mut items = vec![self.item()?];
        while self.accept(",") {
            items.push(self.item()?);
        }
        Ok(Select::Items(items))
    }

    fn item(&mut self) -> Parsed<Item> {
        let is_fields = matches!(self.tokens, [word, open, ..]
            if word.text.eq_ignore_ascii_case("FIELDS") && open.text == "(");
        if !is_fields {
            return self.path().map(Item::Path);
        }
        self.expect("FIELDS")?;
        self.expect("(")?;
        let group = if self.accept("STANDARD") {
            FieldGroup::Standard
        } else if self.accept("CUSTOM") {
            FieldGroup::Custom
        } else {
            self.expect("ALL")?;
            FieldGroup::All
        };
        self.expect(")")?;
        Ok(Item::Fields(group))
    }

    fn path(&mut self) -> Parsed<Path> {
        const RESERVED: [&str; 8] =
            ["FROM", "WHERE", "ORDER", "LIMIT", "AND", "OR", "NOT", "SELECT"];
        let next = self.tokens.first();
        if next.is_some_and(|next| RESERVED.iter().any(|word| next.text.eq_ignore_ascii_case(word)))
        {
            return Err(self.unexpected());
        }
        let is_sound = |text: &str| {
            text.split('.').all(|name| {
                name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains(':')
            })
        };
        if !next.is_some_and(|next| next.kind == Kind::Word && is_sound(next.text)) {
            return Err(self.unexpected());
        }
        let token = self.take(Kind::Word)?;
        Ok(Path { names: token.text.split('.').map(str::to_owned).collect(), at: At(token.at) })
    }

    fn condition(&mut self) -> Parsed<Condition> {
        let first = self.unit()?;
        let is_and = self.accept("AND");
        if !is_and && !self.accept("OR") {
            return Ok(first);
        }
        let joint = if is_and { "AND" } else { "OR" };
        let mut parts = vec![first, self.unit()?];
        while self.accept(joint) {
            parts.push(self.unit()?);
        }
        // SOQL does not mix AND and OR without parentheses.
        if self.peek("AND") || self.peek("OR") {
            return Err(self.unexpected());
        }
        Ok(if is_and { Condition::And(parts) } else { Condition::Or(parts) })
    }

    fn unit(&mut self) -> Parsed<Condition> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = "the condition is nested too deeply";
            return Err(ApiError::request("QUERY_TOO_COMPLICATED", message));
        }
        let unit = if self.accept("NOT") {
            Condition::Not(Box::new(self.unit()?))
        } else if self.accept("(") {
            let inner = self.condition()?;
            self.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(unit)
    }

    fn comparison(&mut self) -> Parsed<Condition> {
        let path = self.path()?;
        if self.accept("LIKE") {
            let quoted = self.take(Kind::Quoted)?;
            return Ok(Condition::Like { path, pattern: self.pattern(quoted)? });
        }
        if self.accept("IN") {
            return Ok(Condition::In { path, negated: false, literals: self.list(Self::literal)? });
        }
        if self.accept("NOT") {
            self.expect("IN")?;
            return Ok(Condition::In { path, negated: true, literals: self.list(Self::literal)? });
        }
        for (word, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.accept(word) {
                let texts = self.list(|parser| {
                    let quoted = parser.take(Kind::Quoted)?;
                    parser.unescape(quoted)
                })?;
                return Ok(Condition::Includes { path, negated, texts });
            }
        }
        let operator = self.operator()?;
        Ok(Condition::Compare { path, operator, literal: self.literal()? })
    }

    fn operator(&mut self) -> Parsed<Operator> {
        let operators = [
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<", Operator::Less),
            ("<=", Operator::LessOrEqual),
            (">", Operator::Greater),
            (">=", Operator::GreaterOrEqual),
        ];
        let found = operators.into_iter().find(|(text, _)| self.accept(text));
        found.map(|(_, operator)| operator).ok_or_else(|| self.unexpected())
    }

    fn list<T>(&mut self, element: fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("(")?;
        let mut elements = vec![element(self)?];
        while self.accept(",") {
            elements.push(element(self)?);
        }
        self.expect(")")?;
        Ok(elements)
    }

    fn literal(&mut self) -> Parsed<Literal> {
        let Some(token) = self.tokens.first().copied() else { return Err(self.unexpected()) };
        let literal = match token.kind {
            Kind::Quoted => Some(Literal::Text(self.unescape(token)?)),
            Kind::Figure => figure(token.text),
            Kind::Word => word(token.text),
            Kind::Symbol => None,
        };
        let literal = literal.ok_or_else(|| self.unexpected())?;
        self.skip();
        Ok(literal)
    }

    fn order(&mut self) -> Parsed<Vec<Order>> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            let path = self.path()?;
            let descending = !self.accept("ASC") && self.accept("DESC");
            let mut nulls_last = false;
            if self.accept("NULLS") {
                nulls_last = !self.accept("FIRST");
                if nulls_last {
                    self.expect("LAST")?;
                }
            }
            order.push(Order { path, descending, nulls_last });
            if !self.accept(",") {
                return Ok(order);
            }
        }
    }

    fn count(&mut self) -> Parsed<u64> {
        let count = self.tokens.first().and_then(|token| token.text.parse().ok());
        let count = count.ok_or_else(|| self.unexpected())?;
        self.skip();
        Ok(count)
    }

    /// Splits a LIKE pattern at its wildcards.
    fn pattern(&self, quoted: Token<'_>) -> Parsed<Vec<Piece>> {
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

    fn unescape(&self, quoted: Token<'_>) -> Parsed<String> {
        let mut text = String::with_capacity(quoted.text.len());
        let mut rest = quoted.text;
        while !rest.is_empty() {
            let (character, after) = self.character(rest, quoted)?;
            text.push(character);
            rest = after;
        }
        Ok(text)
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
        Err(error_at(self.soql, At(quoted.at), "MALFORMED_QUERY", &message))
    }

    fn peek(&self, text: &str) -> bool {
        let is_plain = |token: &&Token<'_>| token.kind != Kind::Quoted;
        let next = self.tokens.first().filter(is_plain);
        next.is_some_and(|token| token.text.eq_ignore_ascii_case(text))
    }

    fn accept(&mut self, text: &str) -> bool {
        let is_next = self.peek(text);
        if is_next {
            self.skip();
        }
        is_next
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.accept(text) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn take(&mut self, kind: Kind) -> Parsed<Token<'a>> {
        match self.tokens.first() {
            Some(token) if token.kind == kind => {
                let token = *token;
                self.skip();
                Ok(token)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn skip(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn unexpected(&self) -> ApiError {
        match self.tokens.first() {
            Some(token) => {
                let message = format!("unexpected token: '{}'", token.text);
                error_at(self.soql, At(token.at), "MALFORMED_QUERY", &message)
            }
            None => ApiError::request("MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        }
    }
}

/// A number, date, time or datetime.
fn figure(text: &str) -> Option<Literal> {
    if text.contains(['T', 't']) {
        return org::exact_moment(text).map(Literal::Moment);
    }
    if text.contains(':') {
        return text.ends_with('Z').then(|| org::time(text).map(Literal::Time))?;
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(Literal::Date(date));
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Literal::Number)
}

fn word(text: &str) -> Option<Literal> {
    let upper = text.to_ascii_uppercase();
    let days = |prefix: &str| upper.strip_prefix(prefix)?.parse::<u16>().ok();
    let relative = match upper.as_str() {
        "NULL" => return Some(Literal::Null),
        "TRUE" => return Some(Literal::Bool(true)),
        "FALSE" => return Some(Literal::Bool(false)),
        "TODAY" => Relative::Today,
        "YESTERDAY" => Relative::Yesterday,
        "TOMORROW" => Relative::Tomorrow,
        "THIS_MONTH" => Relative::ThisMonth,
        "THIS_YEAR" => Relative::ThisYear,
        _ => match days("LAST_N_DAYS:") {
            Some(days) => Relative::LastNDays(days),
            None => Relative::NextNDays(days("NEXT_N_DAYS:")?),
        },
    };
    Some(Literal::Relative(relative))
}
