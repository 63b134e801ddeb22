//! Gives objects computed rows.

use super::{
    Org,
    synthetic::{ParentRows, Surroundings, Synthetic, recipes},
};
use crate::{ApiError, Id};

/// Rows that are not computed are referred to up to so many.
const PARENTS_LISTED: usize = 1_000;
/// Most computed rows of one object.
const COUNT_MAX: u64 = 1_000_000_000;
/// So many rows are tried against validation rules.
const TRIED: u64 = 64;

impl Org {
    /// Gives each of these objects so many rows that are computed on the fly and take no memory until
    /// somebody changes them. Their ids follow those given out so far. An object can be given such
    /// rows once.
    ///
    /// # Errors
    /// `NOT_FOUND` for an unknown object; `LIMIT_EXCEEDED` for more than a thousand million rows;
    /// `DUPLICATE_VALUE` for an object that has such rows already.
    pub fn add_synthetic(&mut self, counts: &[(String, u64)]) -> Result<(), ApiError> {
        let now = self.now();
        // Where the rows of each object will be, so that they can refer to each other.
        let mut places: Vec<(usize, u64, u64)> = Vec::new();
        for (name, count) in counts {
            let (number, _) = self.object_named(name)?;
            if *count > COUNT_MAX {
                let message = format!("an object can have at most {COUNT_MAX} computed rows");
                return Err(ApiError::request("LIMIT_EXCEEDED", message));
            }
            let table = self.table(number).ok_or_else(ApiError::unknown_object)?;
            if table.synthetic().is_some() || places.iter().any(|(known, ..)| *known == number) {
                let message = format!("{name} has computed rows already");
                return Err(ApiError::request("DUPLICATE_VALUE", message));
            }
            places.push((number, table.sequence + 1, *count));
        }
        for &(number, first, count) in &places {
            let synthetic = self.plan_synthetic(number, (first, count), &places);
            let Some(object) = self.schema.objects().get(number) else { continue };
            let mut synthetic = Synthetic::new(object.prefix(), (first, count), now, synthetic);
            let at = (number, object);
            for rule in object.rules() {
                let is_broken =
                    |number| self.check_rule(at, rule, None, &synthetic.row(number)).is_err();
                if (0..count.min(TRIED)).any(is_broken) {
                    let fields = rule.when.iter().filter_map(|(name, ..)| object.number(name));
                    fields.for_each(|field| synthetic.clear(field));
                }
            }
            if let Some(table) = self.tables.get_mut(number) {
                table.add_synthetic(synthetic);
            }
        }
        Ok(())
    }

    fn plan_synthetic(
        &self,
        number: usize,
        (_, count): (u64, u64),
        places: &[(usize, u64, u64)],
    ) -> Vec<super::synthetic::Recipe> {
        let (Some(object), Some(table)) = (self.object(number), self.table(number)) else {
            return Vec::new();
        };
        let around = Surroundings {
            count,
            auto_number: table.auto_number,
            user: self.integration_user(),
            owners: vec![self.integration_user(), self.human_user()],
            rows: &|name| self.parents(name, places),
        };
        recipes(object, &around)
    }

    /// The rows of an object that computed rows refer to.
    fn parents(&self, name: &str, places: &[(usize, u64, u64)]) -> ParentRows {
        let Ok((number, object)) = self.object_named(name) else {
            return ParentRows::Listed(Vec::new());
        };
        let planned = places.iter().find(|(planned, ..)| *planned == number);
        if let Some((_, first, count)) = planned {
            return ParentRows::Counted(Id::generate(object.prefix(), *first), *count);
        }
        let Some(table) = self.table(number) else { return ParentRows::Listed(Vec::new()) };
        if let Some(synthetic) = table.synthetic() {
            return ParentRows::Counted(synthetic.id(0), synthetic.count());
        }
        let live = table.ids(Id::MIN..=Id::MAX).filter(|id| table.is_live(*id));
        ParentRows::Listed(live.take(PARENTS_LISTED).collect())
    }
}
