//! Values that one host's step prints and another host's step needs: where the WAL of a stopped server ends. What they are
//! for stands in the plan; what they are is known during the run only.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::plan::{Change, Op, noted_name};
use crate::problem::Problem;

/// Before `NAME VALUE` on a line of a step's output.
const MARK: &str = "pgha-note ";

/// What was noted so far.
#[derive(Default)]
pub struct Notes(Mutex<BTreeMap<String, String>>);

impl Notes {
    /// Notes a value if the line tells one.
    pub fn hear(&self, line: &str) -> bool {
        let Some((name, value)) = line
            .strip_prefix(MARK)
            .and_then(|told| told.split_once(' '))
            .filter(|(_, value)| !value.trim().is_empty())
        else {
            return false;
        };
        let mut notes = self.0.lock().expect("it does not panic");
        notes.insert(name.to_owned(), value.trim().to_owned());
        true
    }

    /// The change with the values in place of `{noted NAME}` in its commands.
    ///
    /// # Errors
    /// A value that it needs was not told.
    pub fn fill(&self, change: &Change) -> Result<Change, Problem> {
        let notes = self.0.lock().expect("it does not panic");
        let mut filled = change.clone();
        for op in &mut filled.ops {
            let Op::Run { argv, .. } = op else { continue };
            for word in argv {
                let Some(name) = noted_name(word) else {
                    continue;
                };
                *word = notes.get(name).cloned().ok_or_else(|| {
                    Problem::failed(format!("no step before this one told `{name}`"))
                        .on(&change.host)
                        .step(&change.step)
                })?;
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, noted};

    fn change(argv: &[&str]) -> Change {
        Change {
            host: "node2".to_owned(),
            step: "it holds the last record".to_owned(),
            resource: "wal_received".to_owned(),
            subject: "WAL".to_owned(),
            action: Action::Wait,
            fields: Vec::new(),
            diff: None,
            guards: Vec::new(),
            ops: vec![Op::Run {
                argv: argv.iter().map(|word| (*word).to_owned()).collect(),
                user: "root".to_owned(),
                stdin: None,
                environment: Vec::new(),
            }],
            after: Vec::new(),
            undo: Vec::new(),
            decides: false,
        }
    }

    #[test]
    fn what_was_told_is_filled_in_where_it_is_named() {
        let notes = Notes::default();
        assert!(notes.hear("pgha-note end_of_wal 0/5000060"));
        assert!(notes.hear("pgha-note other  with blanks "));
        let word = noted("end_of_wal");
        let filled = notes
            .fill(&change(&[
                "received",
                &word,
                &noted("other"),
                "not-{noted end_of_wal}",
                "{noted}",
            ]))
            .unwrap();
        assert_eq!(
            filled,
            change(&[
                "received",
                "0/5000060",
                "with blanks",
                "not-{noted end_of_wal}",
                "{noted}"
            ])
        );
    }

    #[test]
    fn the_last_of_two_counts() {
        let notes = Notes::default();
        notes.hear("pgha-note a 1");
        notes.hear("pgha-note a 2");
        assert_eq!(notes.fill(&change(&["{noted a}"])).unwrap(), change(&["2"]));
    }

    #[test]
    fn other_lines_are_output() {
        let notes = Notes::default();
        for line in [
            "",
            "end_of_wal 0/5",
            " pgha-note a 1",
            "pgha-note a",
            "pgha-note a ",
            "pgha-notes a 1",
        ] {
            assert!(!notes.hear(line), "{line}");
        }
        assert!(notes.fill(&change(&["{noted a}"])).is_err());
    }

    #[test]
    fn what_was_not_told_is_a_failure_that_says_so() {
        let notes = Notes::default();
        notes.hear("pgha-note other 1");
        let problem = notes
            .fill(&change(&["received", "{noted end_of_wal}"]))
            .unwrap_err();
        assert_eq!(problem.what, "no step before this one told `end_of_wal`");
        assert_eq!(problem.host.as_deref(), Some("node2"));
        assert_eq!(problem.step.as_deref(), Some("it holds the last record"));
    }
}
