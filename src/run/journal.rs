//! What stays of a run: its plan, and its events with the time of each.
//!
//! What commands printed is not kept: it may hold what a secret was made into.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::beside;
use super::events::{Event, Events};
use crate::plan::Plan;
use crate::problem::Problem;

/// The name of the event log: one JSON object per line, with its `time`.
pub(super) const EVENTS: &str = "events.jsonl";

pub(super) const PLAN: &str = "plan.json";

const HOME: &str = ".pgha";

const RUNS: &str = "runs";

/// The event log of a run. It holds events back until it is known whether and where they are to be kept.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<Log>>);

enum Log {
    Held(String),
    File(File),
}

impl Journal {
    /// Listens from now on.
    pub fn of(events: &Events) -> Self {
        let journal = Self(Arc::new(Mutex::new(Log::Held(String::new()))));
        let log = Arc::clone(&journal.0);
        events.listen(move |event| {
            if let Some(line) = line(event, Timestamp::now()) {
                // A full disk here is no reason to stop half-way on the hosts.
                let _ = log.lock().expect("it does not panic").write(&line);
            }
        });
        journal
    }

    /// Keeps the plan and the events, those so far and those to come, in a new folder `.pgha/runs/TIME` beside the
    /// inventory.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, inventory: &Path, plan: &Plan) -> Result<(), Problem> {
        let folder = home(inventory)
            .and_then(|home| new_folder(&home.join(RUNS)))
            .map_err(|error| cannot_write(inventory, &error))?;
        let path = folder.join(PLAN);
        let plan = serde_json::to_string_pretty(plan).expect("a plan is JSON");
        new_file(&path)
            .and_then(|mut file| file.write_all(plan.as_bytes()))
            .map_err(|error| cannot_write(&path, &error))?;
        let path = folder.join(EVENTS);
        let mut log = self.0.lock().expect("it does not panic");
        let file = new_file(&path)
            .and_then(|mut file| {
                // Held as long as the run lives, for whoever reads meanwhile; without it the run merely looks cut off.
                let _ = file.try_lock();
                if let Log::Held(lines) = &*log {
                    file.write_all(lines.as_bytes())?;
                }
                Ok(file)
            })
            .map_err(|error| cannot_write(&path, &error))?;
        *log = Log::File(file);
        Ok(())
    }
}

impl Log {
    fn write(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Held(lines) => {
                lines.push_str(line);
                Ok(())
            }
            Self::File(file) => file.write_all(line.as_bytes()),
        }
    }
}

impl Drop for Log {
    /// Gives up the lock by name: a process that is being started at this moment has the open file, too, until it becomes
    /// another program, and would keep the lock a little longer.
    fn drop(&mut self) {
        if let Self::File(file) = self {
            let _ = file.unlock();
        }
    }
}

fn line(event: &Event, now: Timestamp) -> Option<String> {
    if matches!(event, Event::StepOutput { .. }) {
        return None;
    }
    let serde_json::Value::Object(fields) = serde_json::to_value(event).expect("an event is JSON")
    else {
        unreachable!("an event has fields");
    };
    let mut stamped = serde_json::Map::from_iter([("time".to_owned(), format!("{now:.3}").into())]);
    stamped.extend(fields);
    Some(serde_json::Value::Object(stamped).to_string() + "\n")
}

/// The folder `.pgha` beside an inventory, which nobody else may look into and git ignores; made if it is not there.
pub fn home(inventory: &Path) -> io::Result<PathBuf> {
    let home = beside(inventory, HOME);
    let mut private = DirBuilder::new();
    private.mode(0o700).recursive(true).create(&home)?;
    let ignore = home.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(ignore, "*\n")?;
    }
    Ok(home)
}

/// Where the runs with an inventory are kept, whether there are any or not.
pub(super) fn runs(inventory: &Path) -> PathBuf {
    beside(inventory, HOME).join(RUNS)
}

/// Makes a folder named by the time, so that names sort as runs began.
fn new_folder(runs: &Path) -> io::Result<PathBuf> {
    let mut private = DirBuilder::new();
    private.mode(0o700);
    private.recursive(true).create(runs)?;
    private.recursive(false);
    loop {
        let name = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
        let folder = runs.join(name);
        match private.create(&folder) {
            Ok(()) => return Ok(folder),
            // Another run began in the same millisecond.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn cannot_write(path: &Path, error: &io::Error) -> Problem {
    Problem::failed(format!("the run's journal `{}` cannot be written", path.display()))
        .because(error)
        .hint("every apply leaves its plan and a log of its events beside the inventory; nothing was done yet")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn events_before_and_after_are_kept_in_order_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let inventory = folder.path().join("inventory.yml");
        let events = Events::default();
        let journal = Journal::of(&events);
        events.tell(&Event::Probed { host: "a".into() });
        journal.keep(&inventory, &Plan::default()).unwrap();
        events.tell(&Event::StepOutput {
            host: "a".into(),
            step: "b".into(),
            line: "printed".into(),
        });
        events.tell(&Event::StageFinished {
            stage: 1,
            milliseconds: 5,
        });

        let runs = folder.path().join(".pgha/runs");
        let run = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(run.path().join(EVENTS)).unwrap();
        let names: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .inspect(|event| assert!(event["time"].is_string()))
            .map(|event| event["event"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["probed", "stage_finished"]);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&runs), 0o700);
        assert_eq!(mode(&run.path().join(PLAN)), 0o600);
    }

    #[test]
    fn runs_have_folders_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        let (one, other) = (new_folder(&runs).unwrap(), new_folder(&runs).unwrap());
        assert!(one < other);
    }
}
