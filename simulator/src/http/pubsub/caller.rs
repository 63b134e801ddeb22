//! Who calls: the metadata that every call carries.

use std::sync::Arc;

use tonic::metadata::MetadataMap;

use super::failure::Failure;
use crate::{Id, http::world::World};

/// A call's user and session.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) world: Arc<World>,
    pub(super) user: Id,
    token: String,
}

impl Caller {
    /// The caller that the metadata names.
    ///
    /// # Errors
    /// Missing metadata, a token without a session, another org.
    pub(super) fn of(world: &Arc<World>, metadata: &MetadataMap) -> Result<Self, Failure> {
        let text = |key: &str| {
            let text = metadata.get(key).and_then(|value| value.to_str().ok()).unwrap_or_default();
            (!text.is_empty()).then_some(text).ok_or(Failure::HeadersInvalid)
        };
        let (token, instance, tenant) =
            (text("accesstoken")?, text("instanceurl")?, text("tenantid")?);
        if !instance.starts_with("http://") && !instance.starts_with("https://") {
            return Err(Failure::HeadersInvalid);
        }
        let organization = world.organization_id();
        // 15 or 18 characters, perhaps after a path such as `core/prod/`.
        let tenant = tenant.rsplit('/').next().unwrap_or_default();
        if tenant.len() < 15 || !organization.starts_with(tenant.get(..15).unwrap_or("?")) {
            return Err(Failure::Authentication);
        }
        let session = world.sessions().touch(token, world.now()).ok_or(Failure::Authentication)?;
        Ok(Self { world: Arc::clone(world), user: session.user_id, token: token.to_owned() })
    }

    /// Goes on with another session of the same user.
    ///
    /// # Errors
    /// A token without a session, or of somebody else.
    pub(super) fn refresh(&mut self, token: &str) -> Result<(), Failure> {
        let now = self.world.now();
        let session = self.world.sessions().touch(token, now).ok_or(Failure::RefreshInvalid)?;
        if session.user_id != self.user {
            return Err(Failure::RefreshInvalid);
        }
        token.clone_into(&mut self.token);
        Ok(())
    }

    /// Whether the session still holds; looking does not prolong it.
    pub(super) fn is_welcome(&self) -> bool {
        self.world.sessions().look(&self.token, self.world.now()).is_some()
    }
}
