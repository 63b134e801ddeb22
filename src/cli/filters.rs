//! Asks the org about the conditions of the mapping files: only Salesforce can tell whether it takes them.
//!
//! A condition is asked about in the forms in which polls and loads use it, one record of each.

use super::connect;
use super::report::Failure;
use crate::mapping::{Code, Diagnostic, LeaveRule, Mapping, MappingFile};
use crate::runtime::Retry;
use crate::salesforce::{self, Client, Query, Shape};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Conditions asked about at the same time.
const ASKED_AT_ONCE: usize = 4;

/// One form of a condition.
struct Form {
    query: Query,
    /// What a refusal of it means.
    refused: &'static str,
    help: &'static str,
}

/// What Salesforce has against the mappings' conditions.
pub(super) async fn ask(
    client: &Client,
    files: &[MappingFile],
    mappings: &[Mapping],
) -> Result<Vec<Diagnostic>, Failure> {
    let problems: Vec<Option<Diagnostic>> = stream::iter(mappings)
        .map(|mapping| async move {
            let Some(problem) = problem_of(client, mapping).await? else { return Ok(None) };
            let file =
                files.iter().find(|file| file.object().eq_ignore_ascii_case(&mapping.object));
            Ok::<_, Failure>(Some(match file.map(MappingFile::condition_place) {
                Some((source, span)) => problem.at(source, span, ""),
                None => problem,
            }))
        })
        .buffered(ASKED_AT_ONCE)
        .try_collect()
        .await?;
    Ok(problems.into_iter().flatten().collect())
}

/// The first thing that is wrong with a mapping's condition.
async fn problem_of(client: &Client, mapping: &Mapping) -> Result<Option<Diagnostic>, Failure> {
    for form in forms(mapping) {
        let answers = client.query_together(std::slice::from_ref(&form.query)).await;
        match answers.and_then(|answers| answers.into_iter().collect::<Result<Vec<_>, _>>()) {
            Ok(_) => {}
            Err(error) if error.is_query_timeout() => return Ok(Some(slow(mapping))),
            // What passes by itself says nothing about the condition.
            Err(error) if error.retry() == Retry::Never && error.refusal().is_some() => {
                return Ok(error.refusal().map(|refusal| refused(&form, refusal)));
            }
            Err(error) => return Err(connect::salesforce_failure(error)),
        }
    }
    Ok(None)
}

fn forms(mapping: &Mapping) -> Vec<Form> {
    let Some(filter) = &mapping.filter else { return Vec::new() };
    let selecting = Form {
        query: Query::of(mapping, Shape::of_ids(), &[], "LIMIT 1"),
        refused: "salesforce refuses the condition",
        help: "write `where` as it would stand after WHERE in a query of this object, without the word itself",
    };
    let mut forms = vec![selecting];
    if filter.leave == LeaveRule::Delete && mapping.direction.pulls() {
        let opposite = format!("(NOT ({}))", filter.condition);
        forms.push(Form {
            query: Query::unfiltered(mapping, Shape::of_ids(), &[opposite], "LIMIT 1"),
            refused: "salesforce refuses the opposite of the condition, by which polls find the records that leave it",
            help: "set `leave = \"keep\"`, or write a condition that may stand behind NOT",
        });
    }
    forms
}

fn refused(form: &Form, refusal: &salesforce::RowError) -> Diagnostic {
    // Salesforce repeats the statement, with a mark below the place, and then says what is wrong.
    let words: Vec<&str> = refusal.message.lines().map(str::trim_end).collect();
    let words = words.join("\n").trim_matches('\n').to_owned();
    Diagnostic::error(Code::BadCondition, format!("{}: {}", form.refused, refusal.code))
        .with_help(form.help)
        .with_note(format!("Salesforce says: {words}"))
}

fn slow(mapping: &Mapping) -> Diagnostic {
    let object = &mapping.object;
    let message =
        format!("salesforce takes too long to find a record of {object} by the condition");
    Diagnostic::warning(Code::BadCondition, message)
        .with_help("name an indexed field in it, or ask Salesforce for a custom index")
        .with_note("polls ask for recent records only, loads and sweeps for all of them")
}
