//! The state that all others are recorded as differences from.

use super::{HEALTHY, PLAIN, State};

/// As it is before anything is done to it, repmgrd included.
pub const FIRST: &[State] = &[State {
    name: HEALTHY,
    hands_over: true,
    returns: Some("node3"),
    ..PLAIN
}];
