//! OAuth 2.0: how a client gets, checks and gives back its tokens.

mod assertion;
mod identity;
mod token;

pub(crate) use identity::{identity, user_info};
pub(crate) use token::{grant, introspect, revoke};

/// The consumer key of the one connected app.
pub(crate) const CLIENT_ID: &str = "3MVG9simulator.connected.app.consumer.key";

/// The consumer secret of the one connected app.
pub(crate) const CLIENT_SECRET: &str = "simulator-consumer-secret";

/// The password of every user.
pub(crate) const PASSWORD: &str = "simulator-password";

/// The private key whose certificate the connected app knows. It guards nothing: it is public, the
/// same in every simulator, and opens no door but the simulator's own.
pub(crate) const PRIVATE_KEY: &str = include_str!("test_key.pem");

/// The public half of [`PRIVATE_KEY`].
const PUBLIC_KEY: &str = include_str!("test_key.pub.pem");
