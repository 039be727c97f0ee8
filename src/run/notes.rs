//! Values that one host's step prints and another host's step needs: where the WAL of a stopped server ends. What they are
//! for, and whose word it is, stands in the plan; what they are is known during the run only.
//!
//! What a host says goes into another host's superuser's session, so it is read as what it must be, a position in the log,
//! and what is passed on is that position written anew.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::plan::{Change, Op, Plan, noted_name};
use crate::postgres::lsn::Lsn;
use crate::problem::Problem;

/// Before `NAME VALUE` on a line of a step's output.
const MARK: &str = "pgha-note ";

/// What a plan's steps need to be told, and what was told so far. The keys are as plans have them: `NAME of HOST`.
#[derive(Default)]
pub struct Notes(Mutex<BTreeMap<String, Told>>);

/// What a host said.
#[derive(Clone, Copy, Default)]
enum Told {
    #[default]
    Nothing,
    Nonsense,
    Position(Lsn),
}

impl Notes {
    /// Listens for what this plan names, and nothing else.
    pub fn of(plan: &Plan) -> Self {
        let argv = plan.changes().flat_map(|change| &change.ops);
        let words = argv.filter_map(|op| match op {
            Op::Run { argv, .. } => Some(argv),
            _ => None,
        });
        let names = words.flatten().filter_map(|word| noted_name(word));
        let names = names.map(|name| (name.to_owned(), Told::Nothing));
        Self(Mutex::new(names.collect()))
    }

    /// Notes a value if the line tells one; it counts where the plan takes this host's word for it.
    pub fn hear(&self, host: &str, line: &str) -> bool {
        let Some((name, value)) = line
            .strip_prefix(MARK)
            .and_then(|told| told.split_once(' '))
        else {
            return false;
        };
        let mut notes = self.0.lock().expect("it does not panic");
        if let Some(told) = notes.get_mut(&format!("{name} of {host}")) {
            // 0/0 is PostgreSQL's way to write that there is none.
            *told = match value.parse() {
                Ok(lsn) if lsn > Lsn(0) => Told::Position(lsn),
                _ => Told::Nonsense,
            };
        }
        true
    }

    /// The change with the values in place of `{noted NAME of HOST}` in its commands.
    ///
    /// # Errors
    /// A value that it needs was not told, or is none.
    pub fn fill(&self, change: &Change) -> Result<Change, Problem> {
        let notes = self.0.lock().expect("it does not panic");
        let mut filled = change.clone();
        for op in &mut filled.ops {
            let Op::Run { argv, .. } = op else { continue };
            for word in argv {
                let Some(name) = noted_name(word) else {
                    continue;
                };
                let told = notes.get(name).copied().unwrap_or_default();
                let what = match told {
                    Told::Position(lsn) => {
                        *word = lsn.to_string();
                        continue;
                    }
                    Told::Nothing => format!("no step before this one told `{name}`"),
                    Told::Nonsense => format!("what was told as `{name}` is no LSN"),
                };
                return Err(Problem::failed(what).on(&change.host).step(&change.step));
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::plan::{Action, Stage, noted};

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

    /// Listens for `end_of_wal` of node1, which node2 needs.
    fn notes() -> Notes {
        let needs = change(&["received", &noted("end_of_wal of node1")]);
        Notes::of(&Plan {
            stages: vec![Stage {
                hosts: IndexMap::from([("node2".to_owned(), vec![needs])]),
                deadline: None,
            }],
            ..Plan::default()
        })
    }

    fn filled(notes: &Notes) -> Result<Vec<String>, String> {
        let word = noted("end_of_wal of node1");
        match notes.fill(&change(&[
            "received",
            &word,
            "not-{noted end_of_wal of node1}",
            "{noted}",
        ])) {
            Ok(change) => match change.ops.into_iter().next() {
                Some(Op::Run { argv, .. }) => Ok(argv),
                _ => panic!("it is one command"),
            },
            Err(problem) => Err(problem.what),
        }
    }

    #[test]
    fn what_was_told_is_filled_in_where_it_is_named() {
        let notes = notes();
        assert!(notes.hear("node1", "pgha-note end_of_wal 0/5000060"));
        let told = [
            "received",
            "0/5000060",
            "not-{noted end_of_wal of node1}",
            "{noted}",
        ];
        assert_eq!(filled(&notes), Ok(told.map(str::to_owned).to_vec()));
    }

    #[test]
    fn only_the_host_that_the_plan_names_is_believed() {
        let notes = notes();
        assert!(notes.hear("node2", "pgha-note end_of_wal 0/5000060"));
        assert!(notes.hear("node1", "pgha-note other 0/5000060"));
        assert!(!notes.hear("node1", "end_of_wal 0/5000060"));
        let nothing = "no step before this one told `end_of_wal of node1`";
        assert_eq!(filled(&notes), Err(nothing.to_owned()));
    }

    #[test]
    fn only_a_position_is_passed_on() {
        for value in [
            "",
            " 0/1",
            "0/1 ",
            "0/0",
            "00/000",
            "/1",
            "1/",
            "1",
            "a/1",
            "0/123456789",
            "+1/1",
            "0x1/1",
            "-1/1",
            "1/2/3",
            "0/1'; drop table t; --",
            "0/1\u{1}",
            "\\! id",
            "0/1 0/2",
        ] {
            let notes = notes();
            assert!(notes.hear("node1", &format!("pgha-note end_of_wal {value}")));
            let nonsense = "what was told as `end_of_wal of node1` is no LSN";
            assert_eq!(filled(&notes), Err(nonsense.to_owned()), "{value:?}");
        }
    }
}
