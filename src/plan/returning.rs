//! A member that comes back, as it was asked for.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::problem::Problem;

/// Who comes back, and what may be given up for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returning {
    pub member: String,
    /// Its data are copied anew from the primary, whatever state they are in.
    #[serde(default)]
    pub rebuild: bool,
    /// What only it has may be given up, once it was saved and counted.
    #[serde(default)]
    pub accept_data_loss: bool,
    /// Data that a copy replaces are removed, instead of being kept beside it.
    #[serde(default)]
    pub discard: bool,
}

impl Returning {
    /// Whether the member can come back to that primary.
    ///
    /// # Errors
    /// It is that primary, be it stopped.
    pub fn allowed(&self, primary: &str, facts: Option<&Facts>) -> Result<(), Problem> {
        if self.member != primary {
            return Ok(());
        }
        Err(match facts.is_some_and(|facts| facts.server.is_down()) {
            true => Problem::refused(format!(
                "`{primary}` is the primary, stopped, and nobody has taken its place"
            ))
            .hint("`pgha apply INVENTORY` starts it; `pgha failover INVENTORY` makes another the primary, to which it comes back"),
            false => Problem::refused(format!("`{primary}` is the primary"))
                .hint("a standby comes back to it; `pgha switchover` makes it one"),
        }
        .on(primary))
    }
}
