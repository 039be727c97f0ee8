//! A member that comes back, as it was asked for.

use serde::{Deserialize, Serialize};

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
