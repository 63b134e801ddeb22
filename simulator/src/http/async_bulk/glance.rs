//! What can be told of a request before it is done.

use crate::http::{
    async_bulk::{answer::Form, body::Table, job::Task, requests},
    world::World,
};

/// The object that a request is about.
pub(crate) fn object_of(world: &World, words: &[String], body: &[u8]) -> Option<String> {
    match words {
        [_] => {
            let form = if is_json(body) { Form::Json } else { Form::Xml };
            let order = requests::order(form, body).ok()?;
            order.into_iter().find(|(name, _)| name == "object").map(|(_, object)| object)
        }
        [_, job, ..] => world.async_jobs().find(job).ok().map(|job| job.object.clone()),
        [] => None,
    }
}

/// The rows that a batch brings; what is no batch of rows brings none.
pub(crate) fn rows_of(world: &World, words: &[String], body: &[u8]) -> usize {
    let [_, job, last] = words else { return 0 };
    if last != "batch" || body.is_empty() {
        return 0;
    }
    let content = match world.async_jobs().find(job) {
        Ok(job) if matches!(job.task, Task::Write(_)) => job.content,
        _ => return 0,
    };
    Table::read(content, body).map_or(0, |table| table.rows.len())
}

fn is_json(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}
