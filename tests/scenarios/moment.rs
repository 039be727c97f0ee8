//! A run of pgha that something happens to at a certain moment of it, which its own event log tells.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::lab::{Lab, Running};

/// A run that goes on.
pub struct Run<'a> {
    lab: &'a Lab,
    pub process: Running,
    before: Option<PathBuf>,
}

/// A moment of a run.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// This kind of resource was begun for the nth time, counted over all hosts.
    Began(&'static str, usize),
    /// It was finished for the nth time.
    Finished(&'static str, usize),
}

/// Whether everything is to be tried: all scenarios, all moments, all states.
pub fn is_whole() -> bool {
    std::env::var_os("PGHA_ALL").is_some()
}

/// One of every `of` neighbours among these, chosen at random, so that they are spread over the whole; all of them with
/// `PGHA_ALL=1`. `PGHA_SEED` repeats a choice.
pub fn some_of<T>(all: &[T], of: usize) -> Vec<&T> {
    if is_whole() {
        return all.iter().collect();
    }
    let seed = seed();
    eprintln!("PGHA_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    all.chunks(of)
        .map(|chunk| &chunk[random.random_range(..chunk.len())])
        .collect()
}

/// `PGHA_SEED`, which repeats what was chosen at random; else another one each time.
pub fn seed() -> u64 {
    let given = std::env::var("PGHA_SEED");
    let given = given.ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(rand::random)
}

impl<'a> Run<'a> {
    /// Starts `pgha VERB INVENTORY ARGUMENTS…`.
    pub fn start(lab: &'a Lab, verb: &str, arguments: &[&str]) -> Self {
        let before = newest(lab);
        let process = lab.start(verb, arguments);
        Self {
            lab,
            process,
            before,
        }
    }

    /// Waits for a moment; panics if the run ends before.
    pub fn wait_for(&mut self, moment: Moment) {
        let what = format!("{moment:?}");
        let come = self.wait(&what, |events| moment.has_come(events).then_some(()));
        if let Err(code) = come {
            let (events, stderr) = (told(&self.events()), self.stderr());
            panic!("it ended with {code} before {what}:\n{events}{stderr}");
        }
    }

    /// Waits until a step is finished that is not among these; `None`: the run came to its end without one.
    pub fn wait_for_another_than(&mut self, steps: &[String]) -> Option<String> {
        let another = self.wait("another step", |events| {
            let finished = events
                .iter()
                .filter(|event| event["event"] == "step_finished");
            let mut finished =
                finished.map(|event| format!("{}: {}", event["host"], event["step"]));
            finished.find(|step| !steps.contains(step))
        });
        another.map_err(|code| assert_eq!(code, 0)).ok()
    }

    /// Waits until this is found in its events; the code of a run that ends before.
    fn wait<T>(&mut self, what: &str, find: impl Fn(&[Value]) -> Option<T>) -> Result<T, i32> {
        let since = Instant::now();
        loop {
            // Looked at first, so that nothing can have been written since.
            let ended = self.process.ended();
            let events = self.events();
            if let Some(found) = find(&events) {
                return Ok(found);
            }
            if let Some(code) = ended {
                return Err(code);
            }
            let is_late = since.elapsed() > Duration::from_secs(120);
            assert!(!is_late, "no {what}:\n{}", told(&events));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What it wrote there.
    pub fn stderr(&self) -> String {
        fs::read_to_string(self.lab.stderr()).unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let Some(newest) = newest(self.lab).filter(|newest| Some(newest) != self.before.as_ref())
        else {
            return Vec::new();
        };
        let text = fs::read_to_string(newest.join("events.jsonl")).unwrap_or_default();
        // The last line may be half written.
        let lines = text.lines();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}

impl Moment {
    fn has_come(self, events: &[Value]) -> bool {
        let (name, resource, times) = match self {
            Self::Began(resource, times) => ("step_started", resource, times),
            Self::Finished(resource, times) => ("step_finished", resource, times),
        };
        let is_it = |event: &&Value| event["event"] == name && event["resource"] == resource;
        events.iter().filter(is_it).count() >= times
    }
}

fn newest(lab: &Lab) -> Option<PathBuf> {
    let runs = fs::read_dir(lab.dir.join(".pgha/runs")).ok()?;
    runs.map(|entry| entry.unwrap().path()).max()
}

fn told(events: &[Value]) -> String {
    let lines = events.iter().filter(|event| event["event"] != "exchange");
    lines.map(|event| format!("{event}\n")).collect()
}

/// Waits until the timers with which hosts end a handover by themselves have run out, on the hosts that answer.
pub fn wait_for_timers(lab: &Lab, hosts: &[&str]) {
    for host in hosts {
        lab.on(
            host,
            "timeout 60 sh -c 'while systemctl is-active -q pgha-dead-man || systemctl is-active -q pgha-pooler-dead-man; do
                sleep 0.2
            done'",
        );
    }
}
