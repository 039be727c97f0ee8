//! What a plan is for.

use super::{Failover, Handover, Returning};

/// What is asked for beside that the hosts become as declared: one thing at a time, each by a verb of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Nothing.
    #[default]
    Converge,
    /// A change of primary.
    Handover(Handover),
    /// A dead primary's replacement.
    Failover(Failover),
    /// A member that is to come back.
    Returning(Returning),
}

impl Intent {
    pub fn handover(&self) -> Option<&Handover> {
        match self {
            Self::Handover(handover) => Some(handover),
            _ => None,
        }
    }

    pub fn returning(&self) -> Option<&Returning> {
        match self {
            Self::Returning(returning) => Some(returning),
            _ => None,
        }
    }
}
