//! The resource `command`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::root;
use super::{Draft, Resource, Verdict, View};
use crate::condition::Condition;
use crate::facts::{Facts, Path, Probe};
use crate::plan::{Action, Guard};
use crate::problem::Problem;

/// Runs any command. Say with `creates` or `unless` how to tell that it is already done; without either it is shown and counted
/// as one that always runs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command and its arguments, each an item. No shell reads them.
    argv: Vec<String>,
    /// The user as whom it runs.
    #[serde(default = "root")]
    user: String,
    /// A path that exists once the command has been run.
    #[serde(default)]
    creates: Option<String>,
    /// A command that exits 0 if there is nothing to do. It must change nothing: planning runs it.
    #[serde(default)]
    unless: Option<Vec<String>>,
}

impl Command {
    fn done(&self) -> Option<Condition> {
        match (&self.creates, &self.unless) {
            (Some(path), _) => Some(Condition::PathExists { path: path.clone() }),
            (None, Some(argv)) => Some(Condition::Command {
                argv: argv.clone(),
                user: self.user.clone(),
            }),
            (None, None) => None,
        }
    }
}

impl Resource for Command {
    fn subject(&self) -> String {
        crate::shell::join(&self.argv)
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        self.done().map(Probe::Condition).into_iter().collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if self.argv.is_empty() {
            return Err(Problem::input("`argv` is empty")
                .hint("write the command and its arguments, each an item of the list"));
        }
        if self.creates.is_some() && self.unless.is_some() {
            return Err(
                Problem::input("`command` takes `creates` or `unless`, not both")
                    .hint("`unless` can test for a path too: `[test, -e, PATH]`"),
            );
        }
        let action = match self.done() {
            Some(condition) if view.facts().conditions.get(&condition) == Some(&true) => {
                return Ok(Verdict::AsDeclared);
            }
            // An earlier step writes it.
            Some(Condition::PathExists { path }) if !view.path(&path).is_absent() => {
                return Ok(Verdict::AsDeclared);
            }
            Some(_) => Action::Update,
            None => Action::AlwaysRuns,
        };
        let mut draft = Draft::new(action).run(&self.user, self.argv.clone());
        if let Some(path) = &self.creates {
            draft = draft.guard(Guard::PathAbsent { path: path.clone() });
        }
        Ok(draft.into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        if let Some(condition) = self.done() {
            if let Condition::PathExists { path } = &condition
                && let Some(path) = facts.paths.get_mut(path)
            {
                *path = Path::Unknown;
            }
            facts.conditions.insert(condition, true);
        }
    }
}
