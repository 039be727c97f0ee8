//! When something happened, or will have happened.

use serde::{Deserialize, Serialize};

/// A moment that orders what was seen before what is planned, and what is planned by its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Time {
    /// Seconds since 1970, by the host's clock.
    At(f64),
    /// The n-th change of the plan.
    Planned(u32),
}

impl Default for Time {
    fn default() -> Self {
        Self::At(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_planned_comes_after_all_that_was_seen() {
        assert!(Time::At(2e9) < Time::Planned(0));
        assert!(Time::Planned(1) < Time::Planned(2));
        assert!(Time::At(1.0) < Time::At(1.5));
    }
}
