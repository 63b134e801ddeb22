//! From a path to the resource behind it, through version, session, daily limit and verb.

use std::sync::Arc;

use axum::http::{
    HeaderName, Method, StatusCode, header::ALLOW, header::AUTHORIZATION, header::WARNING,
};

use crate::{
    http::{
        async_bulk, bulk, call::Call, collections, composite, control, describe, front,
        gate::request_limit, layouts, limits, oauth, passwords, query, refusal::Refusal,
        relationships, replication, reply::Reply, route::Resource, route::Route, rows, search,
        soap, tooling, upsert, versions, world::World,
    },
    org::{Permission, Scope},
};

/// How many requests of the day were made.
pub(crate) const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");

/// Answers a request.
///
/// # Errors
/// Whatever the resource refuses.
pub(crate) fn dispatch(
    world: &Arc<World>,
    route: Route,
    call: &mut Call,
) -> Result<Reply, Refusal> {
    match route {
        Route::Front => Ok(front::front(world, call)),
        Route::Control(words) => control::control(world, call, &words),
        // A wrong verb has an OAuth answer here.
        Route::Token => Ok(oauth::grant(world, call)),
        Route::Authorize => only(call, &["GET", "POST"], |call| Ok(oauth::authorize(world, call))),
        Route::Revoke => only(call, &["GET", "POST"], |call| oauth::revoke(world, call)),
        Route::Introspect => only(call, &["POST"], |call| Ok(oauth::introspect(world, call))),
        Route::OpenIdConfiguration => {
            only(call, &["GET", "HEAD"], |_| Ok(oauth::configuration(world)))
        }
        Route::SigningKeys => only(call, &["GET", "HEAD"], |_| Ok(oauth::keys())),
        Route::UserInfo => {
            only(call, &["GET", "HEAD", "POST"], |call| oauth::user_info(world, call))
        }
        Route::Identity { organization, user } => only(call, &["GET", "HEAD", "POST"], |call| {
            oauth::identity(world, call, &organization, &user)
        }),
        Route::Versions => only(call, &["GET", "HEAD"], |_| Ok(world.versions().list())),
        Route::ApexRest => {
            enter(world, call)?;
            let message = "Could not find a match for URL";
            Err(Refusal::rest(StatusCode::NOT_FOUND, "NOT_FOUND", message))
        }
        Route::Soap { flavor, version } => {
            only(call, &["POST"], |call| Ok(soap::answer(world, call, flavor, &version)))
        }
        Route::AsyncBulk { version, words } => {
            Ok(async_bulk::answer(world, call, &version, &words))
        }
        Route::Api { version, resource } => api(world, &version, &resource, call),
        Route::PubSub => only(call, &["POST"], |_| Err(Refusal::not_found())),
        // Streams wait, so the gate answers them elsewhere; only another verb comes here.
        Route::Cometd(_) => only(call, &["POST"], |_| Err(Refusal::not_found())),
        Route::Unknown => Err(Refusal::not_found()),
    }
}

fn only(
    call: &mut Call,
    methods: &[&str],
    answer: impl FnOnce(&mut Call) -> Result<Reply, Refusal>,
) -> Result<Reply, Refusal> {
    if methods.contains(&call.method.as_str()) {
        return answer(call);
    }
    Ok(method_not_allowed(&call.method, methods))
}

/// The 405 of a resource that takes only these verbs.
pub(crate) fn method_not_allowed(method: &Method, methods: &[&str]) -> Reply {
    let allowed = methods.join(",");
    let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
    let refusal = Refusal::rest(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
    Reply::from(refusal).with(ALLOW, &methods.join(", "))
}

fn api(
    world: &Arc<World>,
    version: &str,
    resource: &Resource,
    call: &mut Call,
) -> Result<Reply, Refusal> {
    let warning = world.versions().check(version)?;
    version.clone_into(&mut call.version);
    enter(world, call)?;
    if !world.app_usage().spend(call.session.as_ref()) || !world.usage().spend() {
        let told = limit_info(world, call);
        return Ok(Reply::from(request_limit()).with(LIMIT_INFO, &told));
    }
    let reply = self::resource(world, resource, call);
    let reply = reply.with(LIMIT_INFO, &limit_info(world, call));
    Ok(match warning {
        Some(warning) => reply.with(WARNING, &warning),
        None => reply,
    })
}

/// Finds the session of a request.
/// The day's requests, and those of the session's app where it has a cap.
fn limit_info(world: &World, call: &Call) -> String {
    format!("{}{}", world.usage(), world.app_usage().told(call.session.as_ref()))
}

fn enter(world: &World, call: &mut Call) -> Result<(), Refusal> {
    let token = bearer(call)?;
    let session = world.sessions().touch(&token, call.time);
    let session = session.ok_or_else(Refusal::session)?;
    if !session.has_scope("api") {
        return Err(not_for_apis());
    }
    call.session = Some(session);
    Ok(())
}

/// Answers a request about a resource, whether it came by itself or inside another one: `call` has
/// its version and its session.
pub(crate) fn resource(world: &Arc<World>, resource: &Resource, call: &mut Call) -> Reply {
    let reply = if !world.org().may(call.user(), Permission::ApiEnabled) {
        Err(Refusal::rest(
            StatusCode::FORBIDDEN,
            "API_DISABLED_FOR_ORG",
            "The REST API is not enabled for this Organization.",
        ))
    } else if *resource == Resource::Unknown || is_of_unknown_object(world, call, resource) {
        Err(Refusal::not_found())
    } else {
        only(call, resource.methods(), |call| answer(world, resource, call))
    };
    reply.unwrap_or_else(Reply::from)
}

/// An unknown object is not found, whatever the verb.
fn is_of_unknown_object(world: &World, call: &Call, resource: &Resource) -> bool {
    resource
        .object()
        .is_some_and(|object| world.org().visible_object(call.user(), object).is_none())
}

fn answer(world: &Arc<World>, resource: &Resource, call: &Call) -> Result<Reply, Refusal> {
    use Resource as R;
    match resource {
        R::Map => Ok(versions::map(world, call)),
        R::Limits => Ok(limits::limits(world)),
        R::RecordCount => limits::record_count(world, call),
        R::Objects => Ok(describe::all(world, call)),
        R::Object(object) => rows::object(world, call, object),
        R::Describe(object) => describe::one(world, call, object),
        R::Page { object, page } => Ok(layouts::page(world, call, *page, object.as_deref())),
        R::Updated(object) => replication::updated(world, call, object),
        R::Deleted(object) => replication::deleted(world, call, object),
        R::Row { object, id } => rows::row(world, call, object, id),
        R::Key { object, field, value } => upsert::by_key(world, call, [object, field, value]),
        R::Password(id) => passwords::password(world, call, id),
        R::Related { object, id, path } => relationships::related(world, call, object, id, path),
        R::Search => search::search(world, call),
        R::ParameterizedSearch => search::parameterized(world, call),
        R::Query => query::start(world, call, Scope::Live),
        R::QueryAll => query::start(world, call, Scope::WithDeleted),
        R::QueryMore(locator) => query::more(world, call, locator),
        R::Composite if call.method == Method::POST => composite::composite(world, call),
        R::CompositeBatch if call.method == Method::POST => composite::batch(world, call),
        R::CompositeGraph if call.method == Method::POST => composite::graph(world, call),
        R::CompositeTree(object) => composite::tree(world, call, object),
        R::Composite | R::CompositeBatch | R::CompositeGraph => Ok(composite::resources(call)),
        R::Collection => collections::write(world, call),
        R::CollectionRetrieve(object) => collections::retrieve(world, call, object),
        R::CollectionUpsert { object, field } => collections::upsert(world, call, object, field),
        R::Tooling(path) => tooling::tooling(call, path),
        R::NotEnabled => Err(not_enabled()),
        R::QueryJobs | R::QueryJob(_) | R::QueryJobResults(_) | R::QueryJobPages(_) => {
            bulk::query(world, call, resource)
        }
        R::IngestJobs
        | R::IngestJob(_)
        | R::IngestUpload(_)
        | R::IngestSuccessful(_)
        | R::IngestFailed(_)
        | R::IngestUnprocessed(_) => bulk::ingest(world, call, resource),
        R::Unknown => Err(Refusal::not_found()),
    }
}

/// The refusal of what belongs to a feature that the org does not have.
fn not_enabled() -> Refusal {
    let message = "This feature is not currently enabled for this organization.";
    Refusal::rest(StatusCode::FORBIDDEN, "FUNCTIONALITY_NOT_ENABLED", message)
}

/// The refusal of a token that was not granted for APIs.
pub(crate) fn not_for_apis() -> Refusal {
    let message = "This session is not valid for use with the REST API";
    Refusal::rest(StatusCode::FORBIDDEN, "INVALID_SESSION_ID", message)
}

/// The access token of a request.
///
/// # Errors
/// 401: without a header there is no session, and a header that says something else is no header.
pub(crate) fn bearer(call: &Call) -> Result<String, Refusal> {
    let refusal =
        || Refusal::rest(StatusCode::UNAUTHORIZED, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE");
    let header = call.headers.get(AUTHORIZATION).ok_or_else(Refusal::session)?;
    let header = header.to_str().ok().and_then(|header| header.split_once(' '));
    let (scheme, token) = header.ok_or_else(refusal)?;
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth") {
        return Ok(token.trim().to_owned());
    }
    Err(refusal())
}
