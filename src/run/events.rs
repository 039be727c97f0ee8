//! What a run tells while it goes on: the only interface between the executor and whoever shows or stores it.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use crate::plan::Action;

/// One event. Times are milliseconds since the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Connections are being opened to these hosts.
    Connecting {
        hosts: Vec<String>,
    },
    /// A host's connection stands, or has failed.
    Connected {
        host: String,
    },
    /// One exchange (one script, one answer) began on a host: the budget that tests count.
    Exchange {
        host: String,
        purpose: Purpose,
    },
    /// A host answered the probe.
    Probed {
        host: String,
    },
    /// All hosts were looked at, or could not be.
    Looked,
    StageStarted {
        stage: usize,
        stages: usize,
        hosts: Vec<String>,
    },
    StepStarted {
        host: String,
        step: String,
        action: Action,
        resource: String,
        subject: String,
    },
    /// A line that a running step printed.
    StepOutput {
        host: String,
        step: String,
        line: String,
    },
    StepFinished {
        host: String,
        step: String,
        action: Action,
        resource: String,
        subject: String,
        milliseconds: u64,
        outcome: Outcome,
    },
    /// What was done is being taken back.
    Undoing,
    /// How long clients waited.
    Stall(Stall),
    StageFinished {
        stage: usize,
        milliseconds: u64,
    },
    /// The run is over, for better or worse.
    Finished {
        changed: usize,
        failed: usize,
        not_done: usize,
        milliseconds: u64,
    },
}

/// The time for which clients of the poolers waited in a handover, in milliseconds, by what it was spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// Transactions under way came to their ends.
    pub drain: u64,
    /// The old primary stopped.
    pub stop: u64,
    /// The candidate was seen to hold everything, and the old primary signed off.
    pub verify: u64,
    pub promote: u64,
    /// The poolers were led to the new primary.
    pub resume: u64,
}

impl std::fmt::Display for Stall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            drain,
            stop,
            verify,
            promote,
            resume,
        } = self;
        let whole = drain + stop + verify + promote + resume;
        write!(
            f,
            "clients waited {whole} ms: drain {drain}, stop {stop}, verify {verify}, promote {promote}, resume {resume}"
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Probe,
    /// New files are tried before anything is begun.
    Trial,
    Stage,
    Verify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Changed,
    Failed,
    /// A guard did not hold: the host moved since the plan was made.
    Stale,
}

/// Whoever listens to a run; cheap to clone, so that every host's task can tell.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Listener>>>);

type Listener = Box<dyn FnMut(&Event) + Send>;

impl Events {
    /// Adds a listener; all hear every event, one after the other.
    pub fn listen(&self, listener: impl FnMut(&Event) + Send + 'static) {
        self.0
            .lock()
            .expect("no listener panics")
            .push(Box::new(listener));
    }

    pub fn tell(&self, event: &Event) {
        // What commands print may hold what a secret was made into.
        if !matches!(event, Event::StepOutput { .. }) {
            tracing::debug!(?event);
        }
        for listener in self.0.lock().expect("no listener panics").iter_mut() {
            listener(event);
        }
    }

    /// Nobody listens any more.
    pub fn silence(&self) {
        self.0.lock().expect("no listener panics").clear();
    }
}
