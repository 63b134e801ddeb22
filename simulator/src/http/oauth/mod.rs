//! OAuth 2.0 and `OpenID` Connect: how a client gets, checks and gives back its tokens.
//!
//! | file | what |
//! |---|---|
//! | `app`, `policy` | the connected apps, and the rules of logging in; control routes change both |
//! | `form` | the form of a request, and the client that sends it |
//! | `authorize`, `page` | the browser flow up to its code |
//! | `token`, `answer`, `assertion` | the token endpoint |
//! | `inspect`, `identity`, `discovery` | what can be asked about tokens, users and the org |

mod answer;
mod app;
mod assertion;
mod authorize;
mod discovery;
mod form;
mod identity;
mod inspect;
mod page;
mod policy;
mod token;

pub(crate) use app::{App, Apps};
pub(crate) use authorize::authorize;
pub(crate) use discovery::{configuration, keys};
pub(crate) use identity::{identity, user_info};
pub(crate) use inspect::{introspect, revoke};
pub(crate) use policy::Policy;
pub(crate) use token::{check_password, grant};

/// The consumer key of the connected app that every org has.
pub(crate) const CLIENT_ID: &str = "3MVG9simulator.connected.app.consumer.key";

/// The consumer secret of that app.
pub(crate) const CLIENT_SECRET: &str = "simulator-consumer-secret";

/// The scopes of that app.
pub(crate) const ALL_SCOPES: &str = "api refresh_token openid id profile email web";

/// The password of every user.
pub(crate) const PASSWORD: &str = "simulator-password";

/// The security token of every user.
pub(crate) const SECURITY_TOKEN: &str = "simulatorSecurityToken24";

/// The private key whose certificate the connected app knows, and by which the org signs its own
/// tokens. It guards nothing: it is public, the same in every simulator, and opens no door but the
/// simulator's own.
pub(crate) const PRIVATE_KEY: &str = include_str!("test_key.pem");

/// The public half of [`PRIVATE_KEY`].
const PUBLIC_KEY: &str = include_str!("test_key.pub.pem");
