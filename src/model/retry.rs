//! What the engine does about an error.

/// Whether trying again by itself can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The cause is expected to pass: try again after a pause.
    Soon,
    /// Only an operator can remove the cause; the error's remedy says how.
    Never,
}
