//! Rules set up at run time: validation rules, duplicate rules, triggers. See [`crate::org::RuleSpec`].

use std::sync::Arc;

use axum::http::StatusCode;

use super::{Answer, Captured, Route, done, read};
use crate::{
    http::{call::Call, refusal::Refusal, reply::Reply, world::World},
    org::{DefinedRule, RuleSpec},
};

pub(super) const ROUTES: &[Route] = &[
    Route::sure("GET", "rules", "Lists the rules that were set up.", list),
    Route::new("POST", "rules", "Sets up a validation rule, duplicate rule or trigger.", define),
    Route::sure("DELETE", "rules", "Removes all rules that were set up.", clear),
    Route::new("DELETE", "rules/{id}", "Removes a rule.", remove),
];

fn list(world: &World) -> Reply {
    Reply::ok(&world.org().rules().collect::<Vec<&DefinedRule>>())
}

fn define(world: &Arc<World>, call: &mut Call, _: &Captured<'_>) -> Answer {
    let spec: RuleSpec = read(call)?;
    let defined = world.org().define_rule(spec)?;
    Ok(Reply::json(StatusCode::CREATED, &defined))
}

fn clear(world: &World) -> Reply {
    world.org().remove_rule(None);
    done()
}

fn remove(world: &Arc<World>, _: &mut Call, path: &Captured<'_>) -> Answer {
    let id = path.word("id").parse().map_err(|_| Refusal::not_found())?;
    if world.org().remove_rule(Some(id)) { Ok(done()) } else { Err(Refusal::not_found()) }
}
