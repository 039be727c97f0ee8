//! Hosts with the very same change, shown once.

use std::collections::HashMap;

use crate::plan::{Change, Stage};

/// The same change on one or more hosts, which are in the stage's order.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) changes: Vec<&'a Change>,
}

impl<'a> Group<'a> {
    /// Any of them: they differ in host and guards only.
    pub(super) fn change(&self) -> &'a Change {
        self.changes[0]
    }

    pub(super) fn hosts(&self) -> Vec<&'a str> {
        self.changes
            .iter()
            .map(|change| change.host.as_str())
            .collect()
    }
}

/// The changes of a stage, each host's in its order, those that are alike on several hosts together.
///
/// A change is shown when it is next on every host that still has it; where that leads nowhere (two hosts have the same two
/// changes in opposite order), the first host's next change is shown for those hosts for which it is next too.
pub(super) fn groups(stage: &Stage) -> Vec<Group<'_>> {
    let mut queues = queues(stage);
    let mut groups = Vec::new();
    loop {
        let heads: Vec<usize> = queues
            .iter()
            .filter_map(|queue| queue.last())
            .map(|(id, _)| *id)
            .collect();
        let Some(first) = heads.first() else {
            return groups;
        };
        let is_ready = |id: &&usize| {
            queues
                .iter()
                .filter(|queue| queue.iter().any(|(other, _)| other == *id))
                .all(|queue| queue.last().is_some_and(|(head, _)| head == *id))
        };
        let chosen = *heads.iter().find(is_ready).unwrap_or(first);
        let mut changes = Vec::new();
        for queue in &mut queues {
            if let Some((_, change)) = queue.pop_if(|(id, _)| *id == chosen) {
                changes.push(change);
            }
        }
        groups.push(Group { changes });
    }
}

/// Per host its changes, last first, each with a number that is the same for those that look the same.
fn queues<'a>(stage: &'a Stage) -> Vec<Vec<(usize, &'a Change)>> {
    let mut known: HashMap<(&str, &str), Vec<(usize, &'a Change)>> = HashMap::new();
    let mut next = 0;
    let mut number = |change: &'a Change| {
        let alike = known.entry((&change.step, &change.subject)).or_default();
        if let Some((id, _)) = alike.iter().find(|(_, other)| looks_like(change, other)) {
            return *id;
        }
        next += 1;
        alike.push((next, change));
        next
    };
    stage
        .hosts
        .values()
        .map(|changes| {
            let mut queue: Vec<_> = changes
                .iter()
                .map(|change| (number(change), change))
                .collect();
            queue.reverse();
            queue
        })
        .collect()
}

fn looks_like(left: &Change, right: &Change) -> bool {
    left.action == right.action
        && left.resource == right.resource
        && left.fields == right.fields
        && left.diff == right.diff
        && left.ops == right.ops
        && left.undo == right.undo
        && left.decides == right.decides
}
