//! What a load is asked for, checked against what is mapped.

use super::LoadArgs;
use crate::cli::connect::{self, Session};
use crate::cli::report::{Exit, Failure};
use crate::mapping::Mapping;
use crate::mapping::reader::parse_duration;
use crate::mapping::suggest::{listed, nearest};
use crate::postgres::{Part, Request};
use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat, Utc};
use std::time::Duration;

/// A moment, as a person puts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Since {
    text: String,
    moment: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    At(DateTime<Utc>),
    Ago(Duration),
}

impl Since {
    /// Reads a duration, a date (its beginning in UTC) or a time.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let moment = if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            Moment::At(time.to_utc())
        } else if let Ok(date) = text.parse::<NaiveDate>() {
            Moment::At(date.and_time(NaiveTime::MIN).and_utc())
        } else if let Ok(ago) = parse_duration(text, Duration::from_secs(1)) {
            Moment::Ago(ago)
        } else {
            return Err(
                "give a duration such as `2h` or `3days`, a date such as `2026-01-31`, or a time such as \
                 `2026-01-31T12:00:00Z`"
                    .to_owned(),
            );
        };
        Ok(Self { text: text.to_owned(), moment })
    }

    /// The moment itself, at `now` of Salesforce's clock.
    fn resolved(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
        let at = match self.moment {
            Moment::At(time) => Some(time),
            Moment::Ago(ago) => {
                chrono::TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago))
            }
        };
        let at = at.ok_or_else(|| usage(format!("`--since {}` is too long ago", self.text)))?;
        if at > now {
            let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
            let message = format!("`--since {}` is in the future", self.text);
            return Err(usage(message).next(format!("in Salesforce it is {now}")));
        }
        Ok(at)
    }
}

/// Mappings, each with what is asked for.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) loads: Vec<(&'a Mapping, Request)>,
    /// Whether loads under way go on as they were asked for.
    pub(super) resumes: bool,
}

impl<'a> Wanted<'a> {
    /// What the arguments ask for.
    pub(super) async fn of(session: &'a Session, args: &LoadArgs) -> Result<Self, Failure> {
        let chosen = mappings(&session.mappings, &args.mappings)?;
        let fields = fields(&chosen, args.fields.as_deref())?;
        let since = match &args.since {
            None => None,
            Some(since) => {
                for mapping in &chosen {
                    has_stamps(mapping)?;
                }
                let now =
                    session.client.server_time().await.map_err(connect::salesforce_failure)?;
                Some(since.resolved(now)?)
            }
        };
        let request = Request {
            part: Part { since, fields },
            since_text: args.since.as_ref().map(|since| since.text.clone()),
            rows_per_second: args.rate,
        };
        let loads = chosen.into_iter().map(|mapping| (mapping, request.clone())).collect();
        Ok(Self { loads, resumes: false })
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// The named mappings, or all, that read from Salesforce.
pub(super) fn mappings<'a>(
    known: &'a [Mapping],
    names: &[String],
) -> Result<Vec<&'a Mapping>, Failure> {
    let known: Vec<&Mapping> = known.iter().filter(|mapping| mapping.direction.pulls()).collect();
    if names.is_empty() {
        return Ok(known);
    }
    let mut chosen: Vec<&Mapping> = Vec::new();
    for name in names {
        let places = known.iter().map(|mapping| (mapping.object.as_str(), mapping.table.as_str()));
        let index = place(places.collect::<Vec<_>>().as_slice(), name)?;
        let mapping = known.get(index).copied();
        chosen.extend(mapping.filter(|mapping| !chosen.contains(mapping)));
    }
    Ok(chosen)
}

/// Which of the known (object, table) pairs is meant.
pub(super) fn place(known: &[(&str, &str)], name: &str) -> Result<usize, Failure> {
    let is_meant =
        |(object, table): &(&str, &str)| object.eq_ignore_ascii_case(name) || *table == name;
    known.iter().position(is_meant).ok_or_else(|| {
        let objects = || known.iter().map(|(object, _)| *object);
        let help = match nearest(name, objects()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("choose from {}", listed(objects())),
        };
        usage(format!("no mapping that reads from Salesforce is named `{name}`")).next(help)
    })
}

/// The named fields in Salesforce's own spelling and the mapping's order.
fn fields(chosen: &[&Mapping], names: Option<&[String]>) -> Result<Option<Vec<String>>, Failure> {
    let Some(names) = names else { return Ok(None) };
    let [mapping] = chosen else {
        return Err(usage("`--fields` goes with exactly one mapping")
            .next("name it: lockstep backfill MAPPING --fields …"));
    };
    let read: Vec<&str> = mapping
        .fields
        .iter()
        .filter(|field| field.direction.pulls())
        .map(|field| field.name.as_str())
        .collect();
    for name in names {
        if read.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        let help = match nearest(name, read.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("choose from {}", listed(read.iter().copied())),
        };
        let message = format!("{} has no field `{name}` that is read", mapping.object);
        return Err(usage(message).next(help));
    }
    let is_named = |field: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(field));
    Ok(Some(read.into_iter().filter(is_named).map(str::to_owned).collect()))
}

fn has_stamps(mapping: &Mapping) -> Result<(), Failure> {
    if mapping.stamp.name().is_some() {
        return Ok(());
    }
    let object = &mapping.object;
    Err(usage(format!("{object} has no stamp of changes, so `--since` cannot choose its records"))
        .next(format!("load all of it: lockstep backfill {object}")))
}

#[cfg(test)]
mod tests {
    use super::{Moment, Since, fields, mappings};
    use crate::cli::report::Exit;
    use crate::mapping::{Direction, Mapping};
    use crate::reconcile::samples::{contact, moment};
    use std::time::Duration;

    #[test]
    fn a_moment_is_put_in_three_ways() {
        let day = Duration::from_hours(24);
        #[rustfmt::skip]
        let table = [
            ("1970-01-02",                Some(Moment::At(moment(86_400)))),
            ("1970-01-01T01:00:00+01:00", Some(Moment::At(moment(0)))),
            ("1day",                      Some(Moment::Ago(day))),
            ("24h",                       Some(Moment::Ago(day))),
            ("24",                        None),
            ("yesterday",                 None),
            ("0s",                        None),
            ("",                          None),
        ];
        for (text, expected) in table {
            assert_eq!(Since::parse(text).ok().map(|since| since.moment), expected, "{text}");
        }
    }

    #[test]
    fn the_future_and_the_time_before_time_are_refused() {
        let resolved = |text: &str| Since::parse(text).unwrap().resolved(moment(7_200));
        assert_eq!(resolved("1h").unwrap(), moment(3_600));
        assert_eq!(resolved("1970-01-01T02:00:00Z").unwrap(), moment(7_200));
        for text in ["1970-01-01T02:00:01Z", "500000years"] {
            assert_eq!(resolved(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }

    #[test]
    fn mappings_and_fields_are_found_by_any_spelling_or_suggested() {
        let sent =
            Mapping { object: "Task".to_owned(), direction: Direction::ToSalesforce, ..contact() };
        let known = [contact(), sent];
        let typed = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let chosen = mappings(&known, &typed(&["CONTACT", "contact"])).unwrap();
        assert_eq!(chosen, [&known[0]]);
        let unknown = mappings(&known, &typed(&["Contcat"])).unwrap_err();
        assert_eq!(unknown.next.as_deref(), Some("did you mean `Contact`?"));
        assert_eq!(mappings(&known, &typed(&["Task"])).unwrap_err().exit, Exit::Usage);

        let named = fields(&chosen, Some(&typed(&["birthdate", "EMAIL"]))).unwrap();
        assert_eq!(named.unwrap(), ["Email", "Birthdate"]);
        let unknown = fields(&chosen, Some(&typed(&["Emial"]))).unwrap_err();
        assert_eq!(unknown.next.as_deref(), Some("did you mean `Email`?"));
        let two = [&known[0], &known[0]];
        assert_eq!(fields(&two, Some(&typed(&["Email"]))).unwrap_err().exit, Exit::Usage);
    }
}
