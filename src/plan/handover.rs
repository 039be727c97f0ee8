//! A change of primary, as it was asked for.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who is to be the primary, and what may be asked of clients for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// The member that is to be the primary; none: the one that was it before.
    pub candidate: Option<String>,
    /// Bytes of WAL that it may be behind when the handover begins.
    pub max_lag: u64,
    /// Seconds within which the poolers must have no transaction under way; else everything is undone.
    pub pause_timeout: u32,
    pub drain: Drain,
}

/// What becomes of sessions whose transaction would hold up the pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Drain {
    /// End them before the pause
    Terminate,
    /// Give them the time of the pause to end by themselves
    Wait,
    /// Refuse the switchover while there are any
    #[default]
    Refuse,
}
