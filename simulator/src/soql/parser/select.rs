//! The SELECT list, and the functions in it and elsewhere.

use super::{Parsed, Parser};
use crate::soql::{
    At, FieldGroup, Item, Operand, Place, Select, TypeOf, Unit,
    function::{AGGREGATES, DATES},
    lexer::Kind,
};

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Parsed<Select> {
        if let [word, open, close, from, ..] = self.tokens
            && word.text.eq_ignore_ascii_case("COUNT")
            && (open.text, close.text) == ("(", ")")
            && from.text.eq_ignore_ascii_case("FROM")
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
        if self.accept("(") {
            let query = self.nested(Self::query)?;
            self.expect(")")?;
            return Ok(Item::Children(Box::new(query)));
        }
        if self.is_call("FIELDS") {
            return self.field_group();
        }
        if let [word, next, ..] = self.tokens
            && word.text.eq_ignore_ascii_case("TYPEOF")
            && next.kind == Kind::Word
            && !next.text.eq_ignore_ascii_case("FROM")
        {
            self.skip();
            return self.type_of().map(Item::TypeOf);
        }
        let operand = self.operand()?;
        Ok(Item::Value(operand, self.alias()))
    }

    fn field_group(&mut self) -> Parsed<Item> {
        let at = self.here();
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
        Ok(Item::Fields(group, at))
    }

    fn type_of(&mut self) -> Parsed<TypeOf> {
        let path = self.path()?;
        let mut branches = Vec::new();
        while self.accept("WHEN") {
            let object = self.path()?;
            self.expect("THEN")?;
            branches.push((object, self.fields()?));
        }
        if branches.is_empty() {
            return Err(self.unexpected());
        }
        let otherwise = if self.accept("ELSE") { Some(self.fields()?) } else { None };
        self.expect("END")?;
        Ok(TypeOf { path, branches, otherwise })
    }

    fn fields(&mut self) -> Parsed<Vec<crate::soql::Path>> {
        let mut fields = vec![self.path()?];
        while self.accept(",") {
            fields.push(self.path()?);
        }
        Ok(fields)
    }

    fn is_call(&self, function: &str) -> bool {
        matches!(self.tokens, [word, open, ..]
            if word.text.eq_ignore_ascii_case(function) && open.text == "(" && word.kind == Kind::Word)
    }

    /// A field or a function.
    pub(super) fn operand(&mut self) -> Parsed<Operand> {
        let [word, open, ..] = self.tokens else { return self.path().map(Operand::Path) };
        if word.kind != Kind::Word || open.text != "(" || open.kind != Kind::Symbol {
            return self.path().map(Operand::Path);
        }
        let name = word.text.to_ascii_uppercase();
        if let Some((function, _)) = AGGREGATES.iter().find(|(_, known)| *known == name) {
            let path = self.argument(Self::path)?;
            return Ok(Operand::Aggregate(*function, path));
        }
        if let Some((function, _)) = DATES.iter().find(|(_, known)| *known == name) {
            let (path, is_converted) = self.argument(Self::date_argument)?;
            return Ok(Operand::Date(*function, path, is_converted));
        }
        match name.as_str() {
            "TOLABEL" => self.argument(Self::path).map(Operand::Label),
            "CONVERTCURRENCY" => self.argument(Self::path).map(Operand::Currency),
            "GROUPING" => self.argument(Self::path).map(Operand::Grouping),
            "FORMAT" => {
                let inner = self.argument(|parser| parser.nested(Self::operand))?;
                Ok(Operand::Format(Box::new(inner)))
            }
            "DISTANCE" => self.argument(Self::distance),
            _ => {
                self.path()?;
                Err(self.unexpected())
            }
        }
    }

    /// What stands between the parentheses of a function.
    fn argument<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.skip();
        self.expect("(")?;
        let argument = inner(self)?;
        self.expect(")")?;
        Ok(argument)
    }

    fn date_argument(&mut self) -> Parsed<(crate::soql::Path, bool)> {
        if self.is_call("CONVERTTIMEZONE") {
            return Ok((self.argument(Self::path)?, true));
        }
        Ok((self.path()?, false))
    }

    fn distance(&mut self) -> Parsed<Operand> {
        let from = self.path()?;
        self.expect(",")?;
        let to = if self.is_call("GEOLOCATION") {
            self.argument(|parser| {
                let latitude = parser.number()?;
                parser.expect(",")?;
                Ok(Place::Point(latitude, parser.number()?))
            })?
        } else {
            Place::Field(self.path()?)
        };
        self.expect(",")?;
        let at: At = self.here();
        let unit = self.take(Kind::Quoted)?;
        let unit = match unit.text.to_ascii_lowercase().as_str() {
            "mi" => Unit::Miles,
            "km" => Unit::Kilometers,
            other => {
                let message = format!("Invalid distance unit: {other}. Valid units are mi and km");
                return Err(self.refused(at, &message));
            }
        };
        Ok(Operand::Distance(from, to, unit))
    }

    fn number(&mut self) -> Parsed<f64> {
        let number = self.tokens.first().filter(|token| token.kind == Kind::Figure);
        let number = number.and_then(|token| token.text.parse().ok());
        let number = number.filter(|number: &f64| number.is_finite());
        let number = number.ok_or_else(|| self.unexpected())?;
        self.skip();
        Ok(number)
    }
}
