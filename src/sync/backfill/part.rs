//! A part of a mapping, as a mapping: what `--since` and `--fields` leave of it.

use crate::mapping::{Filter, LeaveRule, Mapping};
use crate::postgres::Part;
use chrono::SecondsFormat;
use std::borrow::Cow;

/// The mapping that reads and writes this part only. An object without any stamp is read whole.
pub(super) fn narrowed<'a>(mapping: &'a Mapping, part: &Part) -> Cow<'a, Mapping> {
    let mut narrowed = match &part.fields {
        None => Cow::Borrowed(mapping),
        Some(names) => Cow::Owned(
            mapping
                .of_fields(|field| names.iter().any(|name| field.name.eq_ignore_ascii_case(name))),
        ),
    };
    if let (Some(since), Some(stamp)) = (part.since, mapping.stamp.name()) {
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let stamped = format!("{stamp} >= {since}");
        let filter = match &mapping.filter {
            Some(filter) => Filter {
                condition: format!("({}) AND {stamped}", filter.condition),
                leave: filter.leave,
            },
            None => Filter { condition: stamped, leave: LeaveRule::Keep },
        };
        narrowed.to_mut().filter = Some(filter);
    }
    narrowed
}

#[cfg(test)]
mod tests {
    use super::narrowed;
    use crate::mapping::{Filter, LeaveRule, Mapping};
    use crate::postgres::Part;
    use crate::reconcile::samples::{contact, moment};

    fn filtered() -> Mapping {
        let condition = "Email != null OR Phone != null".to_owned();
        Mapping { filter: Some(Filter { condition, leave: LeaveRule::Delete }), ..contact() }
    }

    #[test]
    fn all_of_a_mapping_is_the_mapping() {
        assert_eq!(*narrowed(&filtered(), &Part::default()), filtered());
    }

    #[test]
    fn records_since_a_moment_are_those_of_the_filter_too() {
        let part = Part { since: Some(moment(90)), fields: None };
        let narrowed = narrowed(&filtered(), &part).into_owned();
        assert_eq!(
            narrowed.filter.unwrap().condition,
            "(Email != null OR Phone != null) AND SystemModstamp >= 1970-01-01T00:01:30Z"
        );
        assert!(!narrowed.is_part, "rows are read whole");
    }

    #[test]
    fn some_fields_make_no_row_and_adopt_none() {
        let part = Part { since: None, fields: Some(vec!["email".to_owned()]) };
        let narrowed = narrowed(&contact(), &part).into_owned();
        let names: Vec<&str> = narrowed.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["Email"]);
        assert!(narrowed.is_part && narrowed.key.is_none());
    }
}
