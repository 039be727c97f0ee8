//! The resource `user`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::plan::Action;
use crate::problem::Problem;

/// A system account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The account.
    name: String,
    /// Its home directory; absent: as it is, or the distribution's default for a new one.
    #[serde(default)]
    home: Option<String>,
    /// Its login shell; absent: as it is, or the distribution's default for a new one.
    #[serde(default)]
    shell: Option<String>,
}

impl Resource for User {
    fn subject(&self) -> String {
        self.name.clone()
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        vec![Probe::User(self.name.clone())]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        if view.facts().users.get(&self.name) == Some(&true) {
            return Ok(Verdict::AsDeclared);
        }
        let mut argv = vec!["useradd".to_owned(), "--system".to_owned()];
        if let Some(home) = &self.home {
            argv.extend([
                "--create-home".to_owned(),
                "--home-dir".to_owned(),
                home.clone(),
            ]);
        }
        if let Some(shell) = &self.shell {
            argv.extend(["--shell".to_owned(), shell.clone()]);
        }
        argv.extend(["--".to_owned(), self.name.clone()]);
        Ok(Draft::new(Action::Create)
            .field("home", None, self.home.clone())
            .run("root", argv)
            .into())
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        facts.users.insert(self.name.clone(), true);
    }
}
