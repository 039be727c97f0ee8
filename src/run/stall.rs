//! How long clients waited in a handover, read from the events of its steps.

use std::time::Instant;

use super::events::{Event, Outcome, Stall};
use crate::plan::Action;

/// The resources of the critical section, in its order, by the part of the wait that they make.
const PARTS: [(&str, usize); 6] = [
    ("pgbouncer_pause", 0),
    ("primary_stop", 1),
    ("wal_received", 2),
    ("standby_signal", 2),
    ("standby_promotion", 3),
    ("pgbouncer_primary", 4),
];

/// When the critical section began, and when each of its parts ended.
#[derive(Default)]
pub struct Parts {
    began: Option<Instant>,
    ended: [Option<Instant>; 5],
}

impl Parts {
    pub fn hear(&mut self, event: &Event) {
        self.hear_at(event, Instant::now());
    }

    fn hear_at(&mut self, event: &Event, now: Instant) {
        let part = |resource: &str| PARTS.iter().find(|(name, _)| *name == resource);
        match event {
            Event::StepStarted { resource, .. } if part(resource).is_some() => {
                self.began.get_or_insert(now);
            }
            // What failed is no part of a handover that was made; what undoes it is not, either.
            Event::StepFinished {
                resource,
                action,
                outcome: Outcome::Changed,
                ..
            } if *action != Action::Undo => {
                if let Some((_, part)) = part(resource) {
                    self.ended[*part] = Some(now);
                }
            }
            _ => {}
        }
    }

    /// The whole wait; `None` where nobody was promoted.
    pub fn stall(&self) -> Option<Stall> {
        self.ended[3]?;
        let mut before = self.began?;
        let mut parts = [0; 5];
        for (part, ended) in parts.iter_mut().zip(self.ended) {
            if let Some(ended) = ended {
                *part = ended.saturating_duration_since(before).as_millis() as u64;
                before = ended;
            }
        }
        let [drain, stop, verify, promote, resume] = parts;
        Some(Stall {
            drain,
            stop,
            verify,
            promote,
            resume,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn started(resource: &str) -> Event {
        Event::StepStarted {
            host: "node1".to_owned(),
            step: "a step".to_owned(),
            action: Action::Update,
            resource: resource.to_owned(),
            subject: "PostgreSQL".to_owned(),
        }
    }

    fn finished(resource: &str, action: Action, outcome: Outcome) -> Event {
        Event::StepFinished {
            host: "node1".to_owned(),
            step: "a step".to_owned(),
            action,
            resource: resource.to_owned(),
            subject: "PostgreSQL".to_owned(),
            milliseconds: 1,
            outcome,
        }
    }

    fn done(resource: &str) -> Event {
        finished(resource, Action::Update, Outcome::Changed)
    }

    /// What is heard of events at these milliseconds.
    fn heard(events: impl IntoIterator<Item = (u64, Event)>) -> Option<Stall> {
        let zero = Instant::now();
        let mut parts = Parts::default();
        for (at, event) in events {
            parts.hear_at(&event, zero + Duration::from_millis(at));
        }
        parts.stall()
    }

    fn whole() -> Vec<(u64, Event)> {
        vec![
            (0, started("dead_man")),
            (500, done("dead_man")),
            (1000, started("pgbouncer_pause")),
            (1004, started("pgbouncer_pause")),
            (1010, done("pgbouncer_pause")),
            // Another pooler takes longer.
            (1030, done("pgbouncer_pause")),
            (1031, started("primary_stop")),
            (1100, done("primary_stop")),
            (1120, done("wal_received")),
            (1150, done("standby_signal")),
            (1250, done("standby_promotion")),
            (1280, done("pgbouncer_primary")),
            (1290, done("pgbouncer_primary")),
            (9000, done("repmgr_nodes")),
        ]
    }

    #[test]
    fn the_parts_add_up_to_the_whole_wait() {
        let stall = heard(whole()).unwrap();
        let wanted = Stall {
            drain: 30,
            stop: 70,
            verify: 50,
            promote: 100,
            resume: 40,
        };
        assert_eq!(stall, wanted);
        assert!(stall.to_string().starts_with("clients waited 290 ms: "));
    }

    #[test]
    fn without_poolers_the_wait_begins_with_the_stop() {
        let poolers = ["pgbouncer_pause", "pgbouncer_primary"];
        let events = whole().into_iter().filter(|(_, event)| match event {
            Event::StepStarted { resource, .. } | Event::StepFinished { resource, .. } => {
                !poolers.contains(&resource.as_str())
            }
            _ => true,
        });
        let stall = heard(events).unwrap();
        assert_eq!((stall.drain, stall.stop, stall.resume), (0, 69, 0));
    }

    #[test]
    fn where_nobody_was_promoted_there_is_none() {
        assert_eq!(heard([]), None);
        let before =
            |events: Vec<(u64, Event)>| events.into_iter().take_while(|(at, _)| *at < 1250);
        assert_eq!(heard(before(whole())), None);
        for (action, outcome) in [
            (Action::Update, Outcome::Failed),
            (Action::Update, Outcome::Stale),
            (Action::Undo, Outcome::Changed),
        ] {
            let end = (1250, finished("standby_promotion", action, outcome));
            assert_eq!(heard(before(whole()).chain([end])), None);
        }
    }
}
