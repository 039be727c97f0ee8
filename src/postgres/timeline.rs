//! Timelines: every promotion begins a new one, and a history file tells where it left the one before.

use serde::{Deserialize, Serialize};

use super::lsn::Lsn;

/// Up to `at`, and no further, a branch is on `timeline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    pub timeline: u32,
    pub at: Lsn,
}

/// A stretch of write-ahead log on one timeline; `to` is `None` where it goes on to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub timeline: u32,
    pub from: Lsn,
    pub to: Option<Lsn>,
}

/// How a server came to the timeline on which it is: its history file's lines, and the timeline itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    #[serde(default)]
    pub switches: Vec<Switch>,
    pub timeline: u32,
}

impl Branch {
    /// Where the two part: up to there they have the same log. `None` if they are one branch, as far as numbers and
    /// positions tell, or if they have nothing in common.
    pub fn fork(&self, other: &Self) -> Option<Switch> {
        let pairs = self.ends().zip(other.ends());
        let mut common = None;
        for ((timeline, end), (other_timeline, other_end)) in pairs {
            if timeline != other_timeline {
                return common;
            }
            if end != other_end {
                let at = match (end, other_end) {
                    (Some(one), Some(two)) => one.min(two),
                    (one, two) => one.or(two)?,
                };
                return Some(Switch { timeline, at });
            }
            common = end.map(|at| Switch { timeline, at });
        }
        None
    }

    /// The log of this branch after `fork`.
    pub fn after(&self, fork: Switch) -> Vec<Stretch> {
        let mut from = Lsn(0);
        let mut stretches = Vec::new();
        for (timeline, to) in self.ends() {
            let start = if timeline == fork.timeline {
                fork.at
            } else {
                from
            };
            if timeline >= fork.timeline && to.is_none_or(|to| to > start) {
                stretches.push(Stretch {
                    timeline,
                    from: start,
                    to,
                });
            }
            from = to.unwrap_or(from);
        }
        stretches
    }

    fn ends(&self) -> impl Iterator<Item = (u32, Option<Lsn>)> {
        let past = self.switches.iter();
        past.map(|switch| (switch.timeline, Some(switch.at)))
            .chain([(self.timeline, None)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(switches: &[(u32, u64)], timeline: u32) -> Branch {
        let switches = switches.iter().map(|&(timeline, at)| Switch {
            timeline,
            at: Lsn(at),
        });
        Branch {
            switches: switches.collect(),
            timeline,
        }
    }

    fn fork(one: &Branch, two: &Branch) -> Option<(u32, u64)> {
        assert_eq!(one.fork(two), two.fork(one), "it is where both part");
        one.fork(two).map(|switch| (switch.timeline, switch.at.0))
    }

    #[test]
    fn two_that_are_one_do_not_part() {
        let branches = [
            branch(&[], 1),
            branch(&[(1, 100)], 2),
            branch(&[(1, 9), (3, 10)], 4),
        ];
        for branch in &branches {
            assert_eq!(fork(branch, branch), None);
        }
    }

    #[test]
    fn who_was_not_promoted_parts_where_the_other_was() {
        assert_eq!(
            fork(&branch(&[], 1), &branch(&[(1, 100)], 2)),
            Some((1, 100))
        );
        let twice = branch(&[(1, 100), (2, 200)], 3);
        assert_eq!(fork(&branch(&[], 1), &twice), Some((1, 100)));
        assert_eq!(fork(&branch(&[(1, 100)], 2), &twice), Some((2, 200)));
    }

    #[test]
    fn two_that_were_promoted_part_at_the_first_promotion() {
        let one = branch(&[(1, 100)], 2);
        assert_eq!(
            fork(&one, &branch(&[(1, 90)], 2)),
            Some((1, 90)),
            "same number"
        );
        assert_eq!(fork(&one, &branch(&[(1, 120)], 3)), Some((1, 100)));
        assert_eq!(
            fork(&one, &branch(&[(1, 100)], 3)),
            Some((1, 100)),
            "same place"
        );
        assert_eq!(
            fork(
                &branch(&[(1, 100), (2, 150)], 4),
                &branch(&[(1, 100), (2, 130)], 3)
            ),
            Some((2, 130))
        );
    }

    #[test]
    fn two_without_a_common_timeline_have_no_place_where_they_part() {
        assert_eq!(fork(&branch(&[], 1), &branch(&[], 2)), None);
    }

    #[test]
    fn what_comes_after_a_fork_is_on_every_later_timeline() {
        let branch = branch(&[(1, 100), (2, 200)], 4);
        let after = |timeline, at| {
            let stretches = branch.after(Switch {
                timeline,
                at: Lsn(at),
            });
            let flat = stretches
                .iter()
                .map(|stretch| (stretch.timeline, stretch.from.0, stretch.to.map(|to| to.0)));
            flat.collect::<Vec<_>>()
        };
        assert_eq!(
            after(1, 90),
            [(1, 90, Some(100)), (2, 100, Some(200)), (4, 200, None)]
        );
        assert_eq!(after(1, 100), [(2, 100, Some(200)), (4, 200, None)]);
        assert_eq!(after(2, 150), [(2, 150, Some(200)), (4, 200, None)]);
        assert_eq!(after(4, 300), [(4, 300, None)]);
    }
}
