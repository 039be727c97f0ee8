//! When something happened, or will have happened.

use jiff::Timestamp;
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

impl Time {
    /// `2026-11-25 09:00:00 UTC`; `None` where it was not seen.
    pub fn told(self) -> Option<String> {
        let Self::At(seconds) = self else { return None };
        let moment = Timestamp::from_second(seconds as i64).ok()?;
        (seconds > 0.0).then(|| moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
    }
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
