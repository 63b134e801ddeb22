//! What the two ways to subscribe to events, [`crate::http::cometd`] and [`crate::http::pubsub`],
//! share: settings, the delivery allocation, and who a change is told to be by.

mod author;
mod bus;
mod channel;

pub(crate) use author::{BY_HAND, bulk_origin};
pub(crate) use bus::Bus;
pub(crate) use channel::{Channel, NoChannel, may_see};
