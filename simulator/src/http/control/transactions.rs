//! Transactions that stay open between requests: their rows have their stamps and are not seen.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Answer, Captured, Route, done,
    records::{object, row},
};
use crate::http::{call::Call, refusal::Refusal, reply::Reply, world::World};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("POST", "transactions", "Opens a transaction.", open),
    Route::sure("GET", "transactions", "Lists the open transactions.", list),
    Route::new(
        "POST",
        "transactions/{number}/records/{object}",
        "Creates a row that nobody sees before the commit.",
        create,
    ),
    Route::new(
        "PATCH",
        "transactions/{number}/records/{object}/{id}",
        "Changes a row; nobody sees it before the commit.",
        change,
    ),
    Route::new(
        "DELETE",
        "transactions/{number}/records/{object}/{id}",
        "Deletes a row; nobody sees it before the commit.",
        change,
    ),
    Route::new(
        "POST",
        "transactions/{number}/commit",
        "Lets the rows of a transaction be seen, with the stamps that they got.",
        commit,
    ),
    Route::new("POST", "transactions/{number}/rollback", "Forgets a transaction.", roll_back),
];

fn open(world: &World) -> Reply {
    Reply::ok(&json!({ "transaction": world.org().park_nothing() }))
}

fn list(world: &World) -> Reply {
    let org = world.org();
    let list: Vec<Value> = org
        .parked()
        .map(|(number, since, rows)| {
            json!({ "transaction": number, "since": since.to_rfc3339(), "rows": rows })
        })
        .collect();
    Reply::ok(&list)
}

fn create(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    inside(world, number(path)?, || object(world, call, path))
}

fn change(world: &Arc<World>, call: &mut Call, path: &Captured<'_>) -> Answer {
    inside(world, number(path)?, || row(world, call, path))
}

/// Does something as part of an open transaction, which sees what it did before.
fn inside(world: &World, number: u64, work: impl FnOnce() -> Answer) -> Answer {
    let transaction = world.transaction();
    if !world.org().resume(number) {
        return Err(no_such_transaction());
    }
    let answer = work();
    if answer.is_ok() {
        world.org().park_more(number);
    }
    drop(transaction);
    answer
}

fn commit(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    let number = number(path)?;
    let mut org = world.org();
    if !org.parked().any(|(open, ..)| open == number) {
        return Err(no_such_transaction());
    }
    org.land(number)?;
    Ok(done())
}

fn roll_back(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    if world.org().abandon(number(path)?) {
        return Ok(done());
    }
    Err(no_such_transaction())
}

fn number(path: &Captured<'_>) -> Result<u64, Refusal> {
    path.word("number").parse().map_err(|_| no_such_transaction())
}

fn no_such_transaction() -> Refusal {
    let message = "There is no open transaction of this number";
    Refusal::rest(axum::http::StatusCode::NOT_FOUND, "NOT_FOUND", message)
}
