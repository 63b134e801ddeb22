//! Tokens to statement: the clauses, and what every part of the parser stands on.

mod condition;
mod literal;
mod select;

use super::{
    At, Group, Mode, Order, Path, Purpose, Query, Totals, Track, error_at,
    lexer::{Kind, Token, tokens},
};
use crate::ApiError;

/// Statements longer than this are refused, as documented.
const LENGTH_MAX: usize = 100_000;
/// Parentheses, NOTs and sub-selects nested deeper than this are refused: parsing recurses into
/// them.
const DEPTH_MAX: usize = 60;

/// Words that begin a clause or join conditions, and so cannot be the name of anything.
const RESERVED: [&str; 22] = [
    "AND", "ASC", "DESC", "EXCLUDES", "FIRST", "FROM", "GROUP", "HAVING", "IN", "INCLUDES", "LAST",
    "LIKE", "LIMIT", "NOT", "NULL", "NULLS", "OR", "ORDER", "SELECT", "USING", "WHERE", "WITH",
];

/// Words that may follow an object's name and are no alias of it.
const AFTER_FROM: [&str; 4] = ["OFFSET", "FOR", "UPDATE", "ALL"];

type Parsed<T> = Result<T, ApiError>;

pub(super) fn parse(soql: &str) -> Parsed<Query> {
    if soql.chars().count() > LENGTH_MAX {
        let message = format!("SOQL statements cannot be longer than {LENGTH_MAX} characters.");
        return Err(ApiError::request("MALFORMED_QUERY", message));
    }
    let tokens = tokens(soql).map_err(|at| no_token(soql, at))?;
    let mut parser = Parser { soql, tokens: &tokens, depth: 0 };
    let query = parser.query()?;
    if parser.peek("ALL") {
        let message = "ALL ROWS not allowed in this context";
        return Err(parser.refused(parser.here(), message));
    }
    if parser.tokens.is_empty() { Ok(query) } else { Err(parser.unexpected()) }
}

/// The error for text that begins no token.
fn no_token(soql: &str, at: usize) -> ApiError {
    let message = match soql.get(at..).and_then(|rest| rest.chars().next()) {
        Some('\'') => {
            let end = soql.len();
            format!("line 1:{end} mismatched character '<EOF>' expecting '''")
        }
        character => {
            let character = character.unwrap_or(' ');
            format!("line 1:{at} no viable alternative at character '{character}'")
        }
    };
    error_at(soql, At(at), "MALFORMED_QUERY", &message)
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

struct Parser<'a> {
    soql: &'a str,
    /// Those not yet consumed.
    tokens: &'a [Token<'a>],
    depth: usize,
}

impl<'a> Parser<'a> {
    /// A statement up to its end or, for a sub-select, its closing parenthesis.
    fn query(&mut self) -> Parsed<Query> {
        self.expect("SELECT")?;
        let select = self.select()?;
        self.expect("FROM")?;
        let from = self.take(Kind::Word)?;
        let mut query = Query::new(select, from.text, At(from.at));
        query.alias = self.alias();
        while self.accept(",") {
            let path = self.path()?;
            let alias = self.alias().ok_or_else(|| self.unexpected())?;
            query.parents.push((path, alias));
        }
        if self.accept("USING") {
            self.expect("SCOPE")?;
            let scope = self.take(Kind::Word)?;
            query.scope = Some((scope.text.to_owned(), At(scope.at)));
        }
        if self.accept("WHERE") {
            query.condition = Some(self.condition()?);
        }
        if self.accept("WITH") {
            query.mode = Some(self.mode()?);
        }
        if self.accept("GROUP") {
            query.group = Some(self.group()?);
            query.having = if self.accept("HAVING") { Some(self.condition()?) } else { None };
        }
        if self.accept("ORDER") {
            query.order = self.order()?;
        }
        query.limit = if self.accept("LIMIT") { Some(self.count()?) } else { None };
        query.offset = if self.accept("OFFSET") { Some(self.count()?) } else { None };
        self.notes(&mut query)?;
        Ok(query)
    }

    /// `FOR …` and `UPDATE …`.
    fn notes(&mut self, query: &mut Query) -> Parsed<()> {
        if self.accept("FOR") {
            let purposes = [
                ("VIEW", Purpose::View),
                ("REFERENCE", Purpose::Reference),
                ("UPDATE", Purpose::Update),
            ];
            query.purposes = self.words(&purposes)?;
        }
        if self.accept("UPDATE") {
            query.tracks =
                self.words(&[("TRACKING", Track::Tracking), ("VIEWSTAT", Track::ViewStat)])?;
        }
        Ok(())
    }

    /// Some of these words, between commas.
    fn words<T: Copy>(&mut self, known: &[(&str, T)]) -> Parsed<Vec<T>> {
        let mut found = Vec::new();
        loop {
            let word = known.iter().find(|(word, _)| self.peek(word));
            found.push(word.ok_or_else(|| self.unexpected())?.1);
            self.skip();
            if !self.accept(",") {
                return Ok(found);
            }
        }
    }

    fn mode(&mut self) -> Parsed<Mode> {
        if self.peek("DATA") {
            let message = "Data category filters are not supported by this org";
            return Err(self.refused(self.here(), message));
        }
        let modes = [
            ("SECURITY_ENFORCED", Mode::SecurityEnforced),
            ("USER_MODE", Mode::UserMode),
            ("SYSTEM_MODE", Mode::SystemMode),
        ];
        let mode = modes.into_iter().find(|(word, _)| self.accept(word));
        mode.map(|(_, mode)| mode).ok_or_else(|| self.unexpected())
    }

    fn group(&mut self) -> Parsed<Group> {
        self.expect("BY")?;
        let is_call = |word: &str| {
            matches!(self.tokens, [first, open, ..]
                if first.text.eq_ignore_ascii_case(word) && open.text == "(")
        };
        let totals = if is_call("ROLLUP") {
            Totals::Rollup
        } else if is_call("CUBE") {
            Totals::Cube
        } else {
            let mut by = vec![self.operand()?];
            while self.accept(",") {
                by.push(self.operand()?);
            }
            return Ok(Group { totals: Totals::None, by });
        };
        self.skip();
        Ok(Group { totals, by: self.list(Self::operand)? })
    }

    fn order(&mut self) -> Parsed<Vec<Order>> {
        self.expect("BY")?;
        let mut order = Vec::new();
        loop {
            let operand = self.operand()?;
            let descending = !self.accept("ASC") && self.accept("DESC");
            let mut nulls_last = false;
            if self.accept("NULLS") {
                nulls_last = !self.accept("FIRST");
                if nulls_last {
                    self.expect("LAST")?;
                }
            }
            order.push(Order { operand, descending, nulls_last });
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

    /// Another name for what was just named, if there is one.
    fn alias(&mut self) -> Option<String> {
        let token = self.tokens.first().filter(|token| {
            token.kind == Kind::Word
                && !token.text.contains(['.', ':'])
                && !is_one_of(token.text, &RESERVED)
                && !is_one_of(token.text, &AFTER_FROM)
        })?;
        self.skip();
        Some(token.text.to_owned())
    }

    fn path(&mut self) -> Parsed<Path> {
        let is_sound = |text: &str| {
            text.split('.').all(|name| {
                name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains(':')
            })
        };
        match self.tokens.first() {
            Some(token)
                if token.kind == Kind::Word
                    && is_sound(token.text)
                    && !is_one_of(token.text, &RESERVED) =>
            {
                self.skip();
                let names = token.text.split('.').map(str::to_owned).collect();
                Ok(Path { names, at: At(token.at) })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Elements between parentheses and commas; at least one.
    fn list<T>(&mut self, element: fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect("(")?;
        let mut elements = vec![element(self)?];
        while self.accept(",") {
            elements.push(element(self)?);
        }
        self.expect(")")?;
        Ok(elements)
    }

    /// Goes one level deeper, unless that is too deep.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = "the query is nested too deeply";
            return Err(ApiError::request("QUERY_TOO_COMPLICATED", message));
        }
        let result = inner(self);
        self.depth -= 1;
        result
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

    /// Where the next token stands.
    fn here(&self) -> At {
        At(self.tokens.first().map_or(self.soql.len(), |token| token.at))
    }

    fn refused(&self, at: At, message: &str) -> ApiError {
        error_at(self.soql, at, "MALFORMED_QUERY", message)
    }

    fn unexpected(&self) -> ApiError {
        match self.tokens.first() {
            Some(token) => {
                let message = format!("unexpected token: '{}'", token.text);
                self.refused(At(token.at), &message)
            }
            None => ApiError::request("MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        }
    }
}
