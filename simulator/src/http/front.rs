//! What stands at `/`.

use axum::http::StatusCode;

use crate::http::{reply::Reply, world::World};

/// `GET /`: where everything is.
pub(crate) fn front(world: &World) -> Reply {
    let page = format!(
        "A simulated Salesforce org.\n\n\
         token endpoint  {url}/services/oauth2/token\n\
         resources       {url}/services/data\n\
         credentials     {url}/__org/v1/credentials\n\
         requests seen   {url}/__org/v1/requests\n\
         control routes  {url}/__org\n",
        url = world.url(),
    );
    Reply::text(StatusCode::OK, "text/plain; charset=utf-8", page)
}
