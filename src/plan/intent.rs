//! What a plan is for.

use super::{Failover, Handover, Removal, Returning};

/// What is asked for beside that the hosts become as declared: one thing at a time, each by a verb of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Nothing.
    #[default]
    Converge,
    /// The same, and that a new cluster is made where there was one whose data are gone.
    NewCluster,
    /// A change of primary.
    Handover(Handover),
    /// A dead primary's replacement.
    Failover(Failover),
    /// A member that is to come back.
    Returning(Returning),
    /// A node that is to leave. The inventory of such a plan does not have it ([`Inventory::without`](crate::inventory::Inventory::without)).
    Removal(Removal),
}

impl Intent {
    pub fn handover(&self) -> Option<&Handover> {
        match self {
            Self::Handover(handover) => Some(handover),
            _ => None,
        }
    }

    pub fn failover(&self) -> Option<&Failover> {
        match self {
            Self::Failover(failover) => Some(failover),
            _ => None,
        }
    }

    pub fn removal(&self) -> Option<&Removal> {
        match self {
            Self::Removal(removal) => Some(removal),
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
