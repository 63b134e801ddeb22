//! WHERE and HAVING.

use super::{Parsed, Parser};
use crate::soql::{Condition, Operator, lexer::Kind};

impl Parser<'_> {
    pub(super) fn condition(&mut self) -> Parsed<Condition> {
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
        if self.accept("NOT") {
            let inner = self.nested(Self::unit)?;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.accept("(") {
            let inner = self.nested(Self::condition)?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Parsed<Condition> {
        let operand = self.operand()?;
        if self.accept("LIKE") {
            let quoted = self.take(Kind::Quoted)?;
            return Ok(Condition::Like { operand, pattern: self.pattern(quoted)? });
        }
        let negated = self.accept("NOT");
        if self.accept("IN") {
            if let [_, select, ..] = self.tokens
                && select.text.eq_ignore_ascii_case("SELECT")
                && self.accept("(")
            {
                let query = Box::new(self.nested(Self::query)?);
                self.expect(")")?;
                return Ok(Condition::Join { operand, negated, query });
            }
            let literals = self.list(Self::literal)?;
            return Ok(Condition::In { operand, negated, literals });
        }
        if negated {
            return Err(self.unexpected());
        }
        for (word, negated) in [("INCLUDES", false), ("EXCLUDES", true)] {
            if self.accept(word) {
                let texts = self.list(|parser| {
                    let quoted = parser.take(Kind::Quoted)?;
                    parser.unescape(quoted)
                })?;
                return Ok(Condition::Includes { operand, negated, texts });
            }
        }
        let operator = self.operator()?;
        Ok(Condition::Compare { operand, operator, literal: self.literal()? })
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
}
