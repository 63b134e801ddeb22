//! What only SOAP can do with rows: bring them back, remove them for good, make one of several.

use crate::{
    ApiError, Id, Org,
    http::{
        soap::{Answer, Operation, fault::Fault},
        xml::Element,
    },
    org::Scope,
};

/// Most requests of one merge.
const MERGES_MAX: usize = 200;

impl Operation<'_> {
    pub(super) fn undelete(&mut self) -> Answer {
        let writer = self.call.writer();
        self.each_id(|org, id| org.undelete(writer, id))
    }

    pub(super) fn empty_recycle_bin(&mut self) -> Answer {
        let user = self.call.user();
        self.each_id(|org, id| {
            let parsed = Id::parse(id)?;
            if !is_binned(org, user, parsed) {
                let text = "entity is not in the recycle bin";
                return Err(ApiError::row("ENTITY_NOT_IN_RECYCLE_BIN", text, &[]));
            }
            org.purge(id)
        })
    }

    pub(super) fn merge(&mut self) -> Answer {
        let count =
            self.request().all("request").count() + self.request().all("mergeRequests").count();
        if count > MERGES_MAX {
            let text = format!("no more than {MERGES_MAX} merge requests in one call");
            return Err(Fault::new("LIMIT_EXCEEDED", text));
        }
        Err(Fault::new("FUNCTIONALITY_NOT_ENABLED", "merge is not enabled in this org"))
    }

    /// One result per id.
    fn each_id(&mut self, change: impl Fn(&mut Org, &str) -> Result<Id, ApiError>) -> Answer {
        let ids = self.ids()?;
        let mut org = self.world.org_for(self.call);
        Ok(ids.iter().map(|id| outcome(change(&mut org, id))).collect())
    }
}

/// Whether a row is in the recycle bin.
fn is_binned(org: &Org, user: Id, id: Id) -> bool {
    let object = org.schema().number_of_prefix(id.prefix());
    let Some(object) = object.and_then(|number| org.schema().objects().get(number)) else {
        return false;
    };
    let soql = format!("SELECT Id FROM {} WHERE Id = '{id}' AND IsDeleted = true", object.name());
    org.query(user, &soql, Scope::WithDeleted).is_ok_and(|found| found.total == 1)
}

fn outcome(result: Result<Id, ApiError>) -> Element {
    let (errors, id, success) = match result {
        Ok(id) => (None, Element::of("id", id.to_string()), "true"),
        Err(error) => {
            let error = Element::new("errors").holding([
                Element::of("message", error.message),
                Element::of("statusCode", error.code),
            ]);
            (Some(error), Element::nil("id"), "false")
        }
    };
    Element::new("result").holding(errors).holding([id, Element::of("success", success)])
}
