//! Past runs, as their journals tell them.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::events::{Event, Outcome};
use super::journal::{EVENTS, PLAN, runs};
use crate::plan::Plan;
use crate::problem::Problem;

/// A run that was.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Its folder's name.
    pub name: String,
    /// Null where it cannot be read. Not a [`crate::plan::Plan`]: other versions know operations that this one does not.
    pub plan: Value,
    pub entries: Vec<Entry>,
    /// Lines of the log that are no event; of a run that was killed it may be the last.
    pub unreadable: usize,
    /// Whether it still goes on.
    pub under_way: bool,
}

/// A line of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Entry {
    /// As it was written, the time among the fields.
    pub fields: Map<String, Value>,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Changed,
    /// There was nothing to do.
    NoChanges,
    Failed,
    /// Nothing failed, and not all was done.
    Interrupted,
    /// No end is recorded: it was killed, or its machine was.
    CutOff,
    UnderWay,
}

/// The last thing that a run tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finished {
    pub changed: usize,
    pub failed: usize,
    pub not_done: usize,
    pub milliseconds: u64,
}

impl Entry {
    pub fn time(&self) -> Option<Timestamp> {
        self.fields.get("time")?.as_str()?.parse().ok()
    }

    /// `None`: this version does not know such events.
    pub fn event(&self) -> Option<Event> {
        serde_json::from_value(Value::Object(self.fields.clone())).ok()
    }
}

impl Past {
    /// A run from what its two files hold, where they could be read.
    pub fn parse(name: &str, plan: &[u8], events: &[u8]) -> Self {
        let mut past = Self {
            name: name.to_owned(),
            plan: serde_json::from_slice(plan).unwrap_or_default(),
            ..Self::default()
        };
        for line in events.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(fields) => past.entries.push(Entry { fields }),
                Err(_) if line.is_empty() => {}
                Err(_) => past.unreadable += 1,
            }
        }
        past
    }

    /// The member that was to become the primary, if the plan was to make one.
    pub fn candidate(&self) -> Option<String> {
        let plan: Plan = serde_json::from_value(self.plan.clone()).ok()?;
        plan.decision()?;
        Some(plan.candidate().to_owned())
    }

    /// When it began.
    pub fn began(&self) -> Option<Timestamp> {
        self.entries.iter().find_map(Entry::time)
    }

    /// A word of its plan: `cluster`, `playbook`, `primary`.
    pub fn planned(&self, word: &str) -> Option<&str> {
        let text = self.plan.get(word)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    /// How many changes it was to make, as far as its plan can be read.
    pub fn changes(&self) -> Option<usize> {
        let stages = self.plan.get("stages")?.as_array()?;
        let hosts = stages.iter().filter_map(|stage| stage["hosts"].as_object());
        let changes = hosts.flat_map(Map::values).filter_map(Value::as_array);
        Some(changes.map(Vec::len).sum())
    }

    pub fn finished(&self) -> Option<Finished> {
        self.entries
            .iter()
            .rev()
            .find_map(|entry| match entry.event()? {
                Event::Finished {
                    changed,
                    failed,
                    not_done,
                    milliseconds,
                } => Some(Finished {
                    changed,
                    failed,
                    not_done,
                    milliseconds,
                }),
                _ => None,
            })
    }

    pub fn end(&self) -> End {
        match self.finished() {
            Some(finished) if finished.failed > 0 => End::Failed,
            Some(finished) if finished.not_done > 0 => End::Interrupted,
            Some(_) => End::Changed,
            None if self.under_way => End::UnderWay,
            None if self.changes() == Some(0) => End::NoChanges,
            None => End::CutOff,
        }
    }

    /// How long it took, in milliseconds: as it says itself, or else to its last sign of life.
    pub fn milliseconds(&self) -> Option<u64> {
        self.finished()
            .map(|finished| finished.milliseconds)
            .or_else(|| {
                let last = self.entries.iter().rev().find_map(Entry::time)?;
                let milliseconds = last.as_millisecond() - self.began()?.as_millisecond();
                u64::try_from(milliseconds).ok()
            })
    }

    /// How many changes it is known to have made.
    pub fn changed(&self) -> usize {
        let made = |entry: &&Entry| {
            let event = entry.event();
            matches!(event, Some(Event::StepFinished { outcome, .. }) if outcome == Outcome::Changed)
        };
        self.entries.iter().filter(made).count()
    }

    /// Steps that had begun and not ended. A host does one after the other.
    pub fn unended(&self) -> Vec<&Entry> {
        let mut at_work = BTreeMap::new();
        for entry in &self.entries {
            match entry.event() {
                Some(Event::StepStarted { host, .. }) => {
                    at_work.insert(host, entry);
                }
                Some(Event::StepFinished { host, .. }) => {
                    at_work.remove(&host);
                }
                _ => {}
            }
        }
        at_work.into_values().collect()
    }
}

/// The names of the runs with an inventory, the latest last.
///
/// # Errors
/// The folder of the runs is there and cannot be read.
pub fn names(inventory: &Path) -> Result<Vec<String>, Problem> {
    let folder = runs(inventory);
    let listed = fs::read_dir(&folder).and_then(|entries| {
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(names)
    });
    match listed {
        Ok(mut names) => {
            names.sort_unstable();
            Ok(names)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(cannot_read(&folder, &error)),
    }
}

/// Reads a run of [`names`].
///
/// # Errors
/// Its log is there and cannot be read.
pub fn read(inventory: &Path, name: &str) -> Result<Past, Problem> {
    let folder = runs(inventory).join(name);
    let plan = or_empty(&folder.join(PLAN))?;
    // Asked before the log is read: a run that ends in between has told so.
    let under_way = is_written(&folder.join(EVENTS));
    let events = or_empty(&folder.join(EVENTS))?;
    Ok(Past {
        under_way,
        ..Past::parse(name, &plan, &events)
    })
}

/// The last handover in a cluster of this inventory, made by one of `playbooks`, if neither it nor a later run of them came to its end.
///
/// # Errors
/// As [`names`] and [`read`].
pub fn unfinished(
    inventory: &Path,
    cluster: &str,
    playbooks: &[&str],
) -> Result<Option<Past>, Problem> {
    for name in names(inventory)?.iter().rev() {
        let past = read(inventory, name)?;
        let is_ours = past.planned("cluster").is_none_or(|name| name == cluster)
            && past
                .planned("playbook")
                .is_some_and(|playbook| playbooks.contains(&playbook));
        if !is_ours {
            continue;
        }
        if matches!(past.end(), End::Changed | End::NoChanges) {
            return Ok(None);
        }
        // One without a decision only went on with what was left.
        if past.candidate().is_some() {
            return Ok(Some(past));
        }
    }
    Ok(None)
}

/// A run that was killed early has not written all of its files.
fn or_empty(path: &Path) -> Result<Vec<u8>, Problem> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| cannot_read(path, &error)),
    }
}

/// Whether a journal is still being kept: whoever keeps it holds a lock on it.
fn is_written(events: &Path) -> bool {
    File::open(events)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn cannot_read(path: &Path, error: &io::Error) -> Problem {
    Problem::input(format!("`{}` cannot be read", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Events, Journal};

    const BEGAN: &str = r#"{"time":"2025-03-01T02:00:00.000Z","event":"connecting","hosts":["a"]}"#;
    const STEP: &str = r#"{"time":"2025-03-01T02:00:01.500Z","event":"step_started","host":"a","step":"s","action":"create","resource":"file","subject":"/x"}"#;
    const ENDED: &str = r#"{"time":"2025-03-01T02:00:02.000Z","event":"step_finished","host":"a","step":"s","action":"create","resource":"file","subject":"/x","milliseconds":500,"outcome":"changed"}"#;

    fn past(lines: &[&str]) -> Past {
        let plan = br#"{"cluster":"c","primary":"","stages":[{"hosts":{"a":[{},{}],"b":[{}]}}]}"#;
        Past::parse("x", plan, lines.join("\n").as_bytes())
    }

    fn finished(failed: usize, not_done: usize) -> String {
        format!(
            r#"{{"event":"finished","changed":1,"failed":{failed},"not_done":{not_done},"milliseconds":7}}"#
        )
    }

    #[test]
    fn a_run_that_was_killed_in_the_middle_of_a_line() {
        let past = past(&[BEGAN, STEP, ENDED, STEP, &ENDED[..90]]);
        assert_eq!((past.entries.len(), past.unreadable), (4, 1));
        assert_eq!(past.end(), End::CutOff);
        assert_eq!((past.changed(), past.changes()), (1, Some(3)));
        assert_eq!(past.milliseconds(), Some(1500));
        assert_eq!(past.unended(), [&past.entries[3]]);
    }

    #[test]
    fn what_came_of_a_run() {
        for (failed, not_done, end) in [
            (0, 0, End::Changed),
            (1, 2, End::Failed),
            (0, 2, End::Interrupted),
        ] {
            let past = past(&[BEGAN, &finished(failed, not_done)]);
            assert_eq!((past.end(), past.milliseconds()), (end, Some(7)));
        }
        let nothing = Past::parse("x", br#"{"stages":[]}"#, BEGAN.as_bytes());
        assert_eq!(nothing.end(), End::NoChanges);
    }

    #[test]
    fn what_other_versions_write_is_kept_as_it_is() {
        let past = past(&[
            r#"{"event":"promoted","host":"a","timeline":2}"#,
            r#"{"event":"step_started","host":"a","step":"s","action":"fly","resource":"r","subject":"s"}"#,
            "5",
            "",
        ]);
        assert_eq!((past.entries.len(), past.unreadable), (2, 1));
        assert!(past.entries.iter().all(|entry| entry.event().is_none()));
        assert_eq!(past.planned("cluster"), Some("c"));
        assert_eq!(
            (past.planned("primary"), past.planned("playbook")),
            (None, None)
        );
    }

    #[test]
    fn files_that_are_not_there_or_not_whole() {
        let past = Past::parse("x", b"{\"cluster\": \"c", b"\xff\n");
        assert_eq!((past.plan.is_null(), past.unreadable), (true, 1));
        assert_eq!((past.end(), past.milliseconds()), (End::CutOff, None));
    }

    #[test]
    fn a_journal_is_read_back_and_known_to_be_under_way_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yml");
        assert_eq!(names(&inventory).unwrap(), Vec::<String>::new());
        let events = Events::default();
        let journal = Journal::of(&events);
        let plan = Plan {
            cluster: "c".to_owned(),
            ..Plan::default()
        };
        journal.keep(&inventory, &plan).unwrap();
        events.tell(&Event::Looked);
        let names = names(&inventory).unwrap();
        let past = read(&inventory, &names[0]).unwrap();
        assert_eq!((names.len(), past.end()), (1, End::UnderWay));
        assert_eq!(past.planned("cluster"), Some("c"));
        assert_eq!(past.entries[0].event(), Some(Event::Looked));
        events.silence();
        drop(journal);
        assert_eq!(read(&inventory, &names[0]).unwrap().end(), End::NoChanges);
    }
}
