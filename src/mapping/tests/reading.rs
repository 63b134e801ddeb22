//! What a file says: its syntax, its keys, and the form of its values.

use super::*;
use crate::mapping::{
    ColumnTypes, LeaveRule, MappingFile, RemovedFieldRule, Source, Sweep, WriteOrder,
};
use std::time::Duration;

#[test]
fn a_text_that_is_no_toml_is_marked_where_it_breaks() {
    check(
        &[r#"
object = "Account"
fields = ["Name"
table = "x"
"#],
        r#"
error[SX1000]: the file does not parse
 --> mappings/a.toml:3:1
  |
3 | table = "x"
  | ^ missing comma between array elements, expected `,`
"#,
    );
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
directon = "from_salesforce"
poll = { evry = "60s", colour = 1 }
"#],
        r#"
error[SX1001]: unknown key `directon` in a mapping file
 --> mappings/a.toml:3:1
  |
3 | directon = "from_salesforce"
  | ^^^^^^^^
  |
  = help: did you mean `direction`?

error[SX1001]: unknown key `evry` in `poll`
 --> mappings/a.toml:4:10
  |
4 | poll = { evry = "60s", colour = 1 }
  |          ^^^^
  |
  = help: did you mean `every`?

error[SX1001]: unknown key `colour` in `poll`
 --> mappings/a.toml:4:24
  |
4 | poll = { evry = "60s", colour = 1 }
  |                        ^^^^^^
  |
  = help: the keys here are `every`, `overlap`, `refresh`
"#,
    );
}

#[test]
fn a_key_given_twice_shows_both_places() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
table = "a"
table = "b"
"#],
        r#"
error[SX1002]: key `table` is given twice
 --> mappings/a.toml:4:1
  |
3 | table = "a"
  | ----- first given here
4 | table = "b"
  | ^^^^^ here again
"#,
    );
}

#[test]
fn a_field_listed_twice_shows_both_places() {
    check(
        &[r#"
object = "Account"
fields = ["Name", "Phone", "name"]
"#],
        r#"
error[SX1002]: field `name` is given twice
 --> mappings/a.toml:2:28
  |
2 | fields = ["Name", "Phone", "name"]
  |           ------           ^^^^^^ here again
  |           |
  |           first given here
  |
  = help: remove one of them
"#,
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_it_is() {
    check(
        &[r#"
object = "Account"
fields = 3
table = true
deletes = { hold_above = "many", in_postgres = "keep" }
direction = "from_salesforc"
"#],
        r#"
error[SX1003]: `fields` is a number here, not a list of names
 --> mappings/a.toml:2:10
  |
2 | fields = 3
  |          ^

error[SX1003]: `table` is true or false here, not text
 --> mappings/a.toml:3:9
  |
3 | table = true
  |         ^^^^

error[SX1003]: `hold_above` is text here, not a whole number
 --> mappings/a.toml:4:26
  |
4 | deletes = { hold_above = "many", in_postgres = "keep" }
  |                          ^^^^^^

error[SX1003]: `in_postgres` cannot be `keep`
 --> mappings/a.toml:4:48
  |
4 | deletes = { hold_above = "many", in_postgres = "keep" }
  |                                                ^^^^^^
  |
  = help: it is one of `delete`, `ignore`

error[SX1003]: `direction` cannot be `from_salesforc`
 --> mappings/a.toml:5:13
  |
5 | direction = "from_salesforc"
  |             ^^^^^^^^^^^^^^^^
  |
  = help: did you mean `from_salesforce`?
"#,
    );
}

#[test]
fn a_duration_wants_its_unit() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
poll = { every = 30, overlap = "5 apples" }
"#],
        r#"
error[SX1005]: duration `30` has no unit
 --> mappings/a.toml:3:18
  |
3 | poll = { every = 30, overlap = "5 apples" }
  |                  ^^
  |
  = help: write `"30s"` for seconds, `"30m"` for minutes

error[SX1003]: `overlap` cannot be `5 apples`
 --> mappings/a.toml:3:32
  |
3 | poll = { every = 30, overlap = "5 apples" }
  |                                ^^^^^^^^^^
  |
  = help: a duration is a number and a unit: `"90s"`, `"5m"`, `"1h 30m"`
"#,
    );
}

#[test]
fn a_poll_without_pause_is_out_of_range() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
poll = { every = "0s" }
"#],
        r#"
error[SX1010]: `every` cannot be `0s`
 --> mappings/a.toml:3:18
  |
3 | poll = { every = "0s" }
  |                  ^^^^
  |
  = help: the least is `"1s"`
"#,
    );
}

#[test]
fn a_later_format_is_refused() {
    check(
        &[r#"
version = 2
object = "Account"
fields = ["Name"]
"#],
        r"
error[SX1007]: the file is of format version 2, this program knows 1
 --> mappings/a.toml:1:11
  |
1 | version = 2
  |           ^
  |
  = help: use a newer lockstep, or write the file in version 1
",
    );
}

#[test]
fn object_and_fields_must_be_given() {
    check(
        &[r#"
table = "account"
"#],
        r#"
error[SX1009]: the mapping has no `fields`
 --> mappings/a.toml:1:1
  |
1 | table = "account"
  | ^^^^^^^^^^^^^^^^^
  |
  = help: for instance `fields = ["Name", "Phone"]`

error[SX1009]: the mapping has no `object`
 --> mappings/a.toml:1:1
  |
1 | table = "account"
  | ^^^^^^^^^^^^^^^^^
  |
  = help: for instance `object = "Account"`
"#,
    );
}

#[test]
fn an_empty_file_asks_for_its_object() {
    check(
        &[r"
# nothing yet
"],
        r#"
error[SX1009]: the mapping has no `fields`
 --> mappings/a.toml:1:1
  |
1 | # nothing yet
  | ^^^^^^^^^^^^^
  |
  = help: for instance `fields = ["Name", "Phone"]`

error[SX1009]: the mapping has no `object`
 --> mappings/a.toml:1:1
  |
1 | # nothing yet
  | ^^^^^^^^^^^^^
  |
  = help: for instance `object = "Account"`
"#,
    );
}

#[test]
fn except_wants_all_readable() {
    check(
        &[r#"
object = "Account"
fields = ["Name"]
except = ["Phone"]
"#],
        r#"
error[SX1001]: `except` has nothing to except from
 --> mappings/a.toml:3:1
  |
3 | except = ["Phone"]
  | ^^^^^^
  |
  = help: it goes with `fields = "all_readable"`; leave the field out of the list
"#,
    );
}

#[test]
fn a_folder_without_mappings_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path()).into_files().is_err());
    assert!(load(&folder.path().join("missing")).into_files().is_err());
}

#[test]
fn no_text_whatever_stops_the_reader() {
    for text in [
        "",
        "\u{feff}",
        "é",
        "[",
        "a = ",
        "fields = [[]]",
        "fields = {}",
        "[fields]\n",
        "fields = []",
        "object = 1",
        "key = 3",
        "[[fields]]",
        "object.x = 1",
        "poll = []",
        "conflict = {}",
        "version = -1",
        "bulk = { read_above = 99999999999999999999 }",
        "\"\" = 1",
        "object = \"\"",
        "[fields.Name]\n[fields.Name]\n",
    ] {
        let source: Arc<Source> = Source::new("a.toml", text);
        let (file, diagnostics) = MappingFile::parse(&source);
        assert!(file.is_some() || !diagnostics.is_empty(), "{text}");
        assert_eq!(render(&diagnostics, Colour::Never).is_empty(), diagnostics.is_empty());
    }
}

#[test]
fn schedules_filters_orders_and_drift_are_read() {
    let text = r#"
object = "Account"
fields = ["Name"]
types = "exact"
where = "Type = 'Customer'"
leave = "keep"
write = "ordered"
poll = { every = "5s", refresh = "off" }
sweep = { every = "6h", sample = 50 }
drift = { new_field = "ignore", wider_field = "pause_mapping", removed_field = "pause_field" }
"#;
    let (file, problems) = MappingFile::parse(&Source::new("a.toml", text));

    assert_eq!(problems, []);
    let file = file.unwrap();
    assert_eq!(file.types, ColumnTypes::Exact);
    let filter = file.filter.unwrap();
    assert_eq!((filter.condition.as_str(), filter.leave), ("Type = 'Customer'", LeaveRule::Keep));
    assert_eq!((file.poll.every, file.poll.refresh), (Duration::from_secs(5), None));
    assert_eq!(file.write, WriteOrder::Ordered);
    let sweep = Sweep { every: Some(Duration::from_hours(6)), sample: 50 };
    assert_eq!(file.sweep, sweep);
    assert_eq!(file.drift.removed_field, RemovedFieldRule::PauseField);
}

#[test]
fn leave_without_where_has_nothing_to_leave() {
    let text = "object = \"Account\"\nfields = [\"Name\"]\nleave = \"keep\"\n";
    let (_, problems) = MappingFile::parse(&Source::new("a.toml", text));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "`leave` has no `where` to leave");
}
