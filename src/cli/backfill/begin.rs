//! How a load begins: anew, or where an earlier one stopped; or not at all, with the reason. Pure.

use crate::postgres::{BackfillStatus, Request, Wish};

/// How a load begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Where the load under way stopped.
    GoOn,
    /// From the beginning.
    Anew,
    /// A person paused it.
    IsPaused,
    /// Another load of the object is under way.
    OtherUnderWay,
    /// There is nothing to go on with.
    NothingToResume,
}

/// How to begin what is wanted, as the object's load stands. `resumes` goes on with whatever there is.
pub(super) fn begin(standing: &BackfillStatus, wanted: &Request, resumes: bool) -> Begin {
    let is_under_way = standing.rows.is_some();
    if resumes {
        let is_given_up = standing.wish.0 == Wish::Cancel && !is_under_way;
        let is_asked = !standing.loaded || !standing.request.part.is_whole();
        return if is_under_way || (is_asked && !is_given_up) {
            Begin::GoOn
        } else {
            Begin::NothingToResume
        };
    }
    if standing.wish.0 == Wish::Pause && !standing.loaded {
        return Begin::IsPaused;
    }
    if !is_under_way {
        return Begin::Anew;
    }
    match (standing.wish.0, is_same(&standing.request, wanted)) {
        (Wish::Pause, _) => Begin::IsPaused,
        (_, true) => Begin::GoOn,
        (_, false) => Begin::OtherUnderWay,
    }
}

/// Whether both ask for the same part. A moment is compared as it was put, since "the last hour" moves on.
fn is_same(one: &Request, other: &Request) -> bool {
    one.part.fields == other.part.fields && one.since_text == other.since_text
}

/// What is loaded, in words that follow "the load".
pub(super) fn in_words(request: &Request) -> String {
    let fields = request.part.fields.as_ref().map(|names| format!(" of {}", names.join(", ")));
    let since = request.since_text.as_ref().map(|text| format!(" since {text}"));
    let words: Vec<String> = fields.into_iter().chain(since).collect();
    if words.is_empty() { " of everything".to_owned() } else { words.concat() }
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::{Begin, begin, in_words};
    use crate::postgres::{BackfillStatus, Part, Request, Wish};
    use chrono::DateTime;
    use std::time::Duration;

    pub(in crate::cli) fn standing() -> BackfillStatus {
        BackfillStatus {
            object: "Account".to_owned(),
            table: "account".to_owned(),
            loaded: false,
            watermark: None,
            rows: None,
            job: None,
            wish: (Wish::Run, None),
            heeded_at: None,
            request: Request::default(),
            expected: None,
            time: Duration::ZERO,
            calls: 0,
            last: None,
            holder: None,
        }
    }

    fn request(since: Option<&str>, fields: Option<&str>) -> Request {
        let part = Part {
            since: since.map(|_| DateTime::UNIX_EPOCH),
            fields: fields.map(|field| vec![field.to_owned()]),
        };
        Request { part, since_text: since.map(str::to_owned), rows_per_second: None }
    }

    #[test]
    fn a_load_goes_on_begins_anew_or_says_why_not() {
        let (whole, hour) = (request(None, None), request(Some("1h"), None));
        let name = request(None, Some("Name"));
        #[rustfmt::skip]
        let table = [
            // rows, loaded, wish, under way, wanted, resumes, expected
            (None,    false, Wish::Run,    &whole, &whole, false, Begin::Anew),
            (None,    true,  Wish::Run,    &whole, &whole, false, Begin::Anew),
            (None,    true,  Wish::Run,    &whole, &hour,  false, Begin::Anew),
            (None,    false, Wish::Cancel, &whole, &whole, false, Begin::Anew),
            (None,    true,  Wish::Pause,  &whole, &whole, false, Begin::Anew),
            (Some(5), false, Wish::Run,    &whole, &whole, false, Begin::GoOn),
            (Some(5), true,  Wish::Run,    &hour,  &hour,  false, Begin::GoOn),
            (Some(5), false, Wish::Run,    &whole, &hour,  false, Begin::OtherUnderWay),
            (Some(5), true,  Wish::Run,    &hour,  &whole, false, Begin::OtherUnderWay),
            (Some(5), true,  Wish::Run,    &name,  &hour,  false, Begin::OtherUnderWay),
            (Some(5), false, Wish::Pause,  &whole, &whole, false, Begin::IsPaused),
            (None,    false, Wish::Pause,  &whole, &whole, false, Begin::IsPaused),
            (Some(5), true,  Wish::Pause,  &hour,  &whole, false, Begin::IsPaused),
            (Some(5), false, Wish::Pause,  &hour,  &whole, true,  Begin::GoOn),
            (Some(5), true,  Wish::Pause,  &hour,  &whole, true,  Begin::GoOn),
            (None,    false, Wish::Pause,  &whole, &whole, true,  Begin::GoOn),
            (None,    true,  Wish::Pause,  &hour,  &whole, true,  Begin::GoOn),
            (None,    false, Wish::Cancel, &whole, &whole, true,  Begin::NothingToResume),
            (None,    true,  Wish::Run,    &whole, &whole, true,  Begin::NothingToResume),
        ];
        for (rows, loaded, wish, under_way, wanted, resumes, expected) in table {
            let standing = BackfillStatus {
                rows,
                loaded,
                wish: (wish, None),
                request: under_way.clone(),
                ..standing()
            };
            assert_eq!(
                begin(&standing, wanted, resumes),
                expected,
                "{standing:?} {wanted:?} {resumes}"
            );
        }
    }

    #[test]
    fn a_request_is_put_in_words() {
        assert_eq!(in_words(&request(None, None)), " of everything");
        assert_eq!(in_words(&request(Some("2h"), Some("Name"))), " of Name since 2h");
    }
}
