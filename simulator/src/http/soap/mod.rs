//! The SOAP API, partner and enterprise: a translation of envelopes into what the REST resources do,
//! so that both have the same rules and words.
//!
//! | file | what |
//! |---|---|
//! | `envelope`, `fault` | what is around an operation and its answer |
//! | `login` | `login`, `logout`, and who is logged in |
//! | `rows` | operations that write rows |
//! | `bin` | operations that only SOAP has: `undelete`, `emptyRecycleBin`, `merge` |
//! | `read` | queries, retrieve, describe |
//! | `glance` | what a fault sees of a request |
//! | `inner`, `ordered` | how a REST resource is asked, and its JSON read in order |

mod bin;
mod envelope;
mod fault;
mod glance;
mod inner;
mod login;
mod ordered;
mod read;
mod rows;

pub(crate) use glance::Glance;
pub(crate) use ordered::Json;
pub(crate) use read::plain;

use std::sync::Arc;

use crate::http::{
    call::Call,
    reply::Reply,
    soap::{envelope::Envelope, fault::Fault},
    world::World,
    xml::Element,
};

/// Which of the two WSDLs a client was made from; they differ in how records are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flavor {
    /// `/services/Soap/u`: records are generic.
    Partner,
    /// `/services/Soap/c`: records have the types of the org.
    Enterprise,
}

/// One operation, and everything it may ask about.
struct Operation<'a> {
    world: &'a Arc<World>,
    call: &'a mut Call,
    envelope: &'a Envelope,
    flavor: Flavor,
}

/// What an operation answers: the children of its response element.
type Answer = Result<Vec<Element>, Fault>;

/// `POST /services/Soap/{u|c}/NN.0`
pub(crate) fn answer(world: &Arc<World>, call: &mut Call, flavor: Flavor, version: &str) -> Reply {
    match respond(world, call, flavor, version) {
        Ok(reply) => reply,
        Err(fault) => fault.reply(flavor),
    }
}

/// An error that a fault orders, as this API says it.
pub(crate) fn error(flavor: Flavor, code: &str, message: &str) -> Reply {
    Fault::new(code, message).reply(flavor)
}

fn respond(
    world: &Arc<World>,
    call: &mut Call,
    flavor: Flavor,
    version: &str,
) -> Result<Reply, Fault> {
    call.version = format!("v{version}");
    let is_served = world.versions().check(&call.version).is_ok();
    if !is_served {
        let text = "Invalid Api version specified on URL";
        return Err(Fault::new("UNSUPPORTED_API_VERSION", text));
    }
    let envelope = Envelope::read(&call.body)?;
    let name = envelope.operation.name.clone();
    if name != "login" {
        login::authenticate(world, call, &envelope)?;
        if !world.usage().spend() {
            return Err(Fault::new("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
        }
    }
    let mut operation = Operation { world, call, envelope: &envelope, flavor };
    let results = operation.perform(&name)?;
    let count = results.iter().filter(|element| element.name == "result").count();
    let response = Element::new(&format!("{name}Response")).holding(results);
    Ok(envelope::reply(world, flavor, response).about(count))
}

impl Operation<'_> {
    fn perform(&mut self, name: &str) -> Answer {
        match name {
            "login" => self.log_in(),
            "logout" => Ok(self.log_out()),
            "getUserInfo" => self.user_info(),
            "getServerTimestamp" => Ok(self.server_timestamp()),
            "create" => self.create(),
            "update" => self.update(),
            "upsert" => self.upsert(),
            "delete" => self.delete(),
            "undelete" => self.undelete(),
            "emptyRecycleBin" => self.empty_recycle_bin(),
            "merge" => self.merge(),
            "query" => self.query(false),
            "queryAll" => self.query(true),
            "queryMore" => self.query_more(),
            "retrieve" => self.retrieve(),
            "describeSObject" => self.describe_one(),
            "describeSObjects" => self.describe_several(),
            "describeGlobal" => self.describe_global(),
            _ => Err(Fault::no_operation(self.flavor, name)),
        }
    }

    /// The operation's own element.
    fn request(&self) -> &Element {
        &self.envelope.operation
    }

    /// The texts of all children of this name.
    fn texts(&self, name: &str) -> Vec<String> {
        self.request().all(name).map(|child| child.text.trim().to_owned()).collect()
    }
}
