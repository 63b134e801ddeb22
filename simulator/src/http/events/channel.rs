//! Which events a subscription is about, and what its user may see of them.

use crate::{
    Id, Org,
    org::{
        Permission,
        events::{Change, Event, Matter, event_name},
    },
};

/// The channel of all selected objects.
const ALL_CHANGES: &str = "/data/ChangeEvents";

/// A channel, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The changes of all selected objects.
    All,
    /// The changes of one object, by its name.
    Object(String),
    /// Messages that are published under this name.
    Named(String),
}

/// Why a channel cannot be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoChannel {
    /// There is none.
    Unknown,
    /// The user may not see it.
    Denied,
}

impl Channel {
    /// The channel of this name, for this user.
    ///
    /// # Errors
    /// [`NoChannel`] when there is none that the user may subscribe to.
    pub(crate) fn of(org: &Org, user: Id, name: &str) -> Result<Self, NoChannel> {
        if name.starts_with("/data/") && !org.may(user, Permission::ViewAllData) {
            return Err(NoChannel::Denied);
        }
        if name == ALL_CHANGES {
            return Ok(Self::All);
        }
        if let Some(event) = name.strip_prefix("/data/") {
            let mut objects = org.schema().objects().iter();
            let object = objects.find(|object| event_name(object.name()) == event);
            let object = object.ok_or(NoChannel::Unknown)?.name();
            org.visible_object(user, object).ok_or(NoChannel::Denied)?;
            return Ok(Self::Object(object.to_owned()));
        }
        if org.has_named_channel(name) {
            return Ok(Self::Named(name.to_owned()));
        }
        Err(NoChannel::Unknown)
    }

    /// Whether an event belongs to the channel.
    pub(crate) fn carries(&self, event: &Event) -> bool {
        match (self, &event.matter) {
            (Self::All, Matter::Change(_)) => true,
            (Self::Object(name), Matter::Change(change)) => change.header.entity == *name,
            (Self::Named(name), Matter::Message { channel, .. }) => channel == name,
            _ => false,
        }
    }
}

/// Whether a user may see a field of a change event, by the name of the object's field. What no
/// longer exists is shown: it is part of the event all the same.
pub(crate) fn may_see<'a>(org: &'a Org, user: Id, change: &Change) -> impl Fn(&str) -> bool + 'a {
    let number = org.schema().number(&change.header.entity);
    move |field| {
        let at = number.and_then(|at| Some((at, org.schema().objects().get(at)?.number(field)?)));
        at.is_none_or(|(object, field)| org.can_read_field(user, object, field))
    }
}
