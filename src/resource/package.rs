//! The resource `package`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Path, Probe};
use crate::plan::{Action, Op, Shown};
use crate::problem::Problem;

/// Packages that are installed. Versions are left to the distribution.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The packages.
    names: Vec<String>,
}

impl Package {
    fn missing(&self, view: &View<'_>) -> Vec<&String> {
        let installed = |name: &String| matches!(view.facts().packages.get(name), Some(Some(_)));
        self.names.iter().filter(|name| !installed(name)).collect()
    }
}

/// Keeps configuration files that are there, waits for another apt, and tries a flaky mirror again.
const OPTIONS: [&str; 7] = [
    "-y",
    "-q",
    "--no-install-recommends",
    "-oDpkg::Options::=--force-confold",
    "-oDPkg::Lock::Timeout=300",
    "-oAcquire::Retries=3",
    "-oDpkg::Use-Pty=0",
];

impl Resource for Package {
    fn subject(&self) -> String {
        self.names.join(", ")
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        self.names.iter().cloned().map(Probe::Package).collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let missing = self.missing(view);
        if missing.is_empty() {
            return Ok(Verdict::AsDeclared);
        }
        let mut draft = Draft::new(Action::Create);
        for name in &missing {
            draft = draft.field(name, None, Shown::Unknown("`apt-get update`".to_owned()));
        }
        let apt = |words: &[&str], names: &[&String]| Op::Run {
            argv: ["apt-get"]
                .iter()
                .chain(words)
                .chain(&OPTIONS)
                .map(|word| (*word).to_owned())
                .chain(names.iter().map(|name| (*name).clone()))
                .collect(),
            user: "root".to_owned(),
            stdin: None,
            environment: Vec::new(),
        };
        Ok(draft
            // Finishes what an interrupted installation left; does nothing otherwise.
            .run("root", ["dpkg", "--configure", "-a", "--force-confold"])
            .op(apt(&["update"], &[]))
            .op(apt(&["install"], &missing))
            .into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        let missing = self.missing(view);
        if !missing.is_empty() {
            for path in facts.paths.values_mut().filter(|path| path.is_absent()) {
                *path = Path::Unknown;
            }
        }
        for name in missing {
            facts
                .packages
                .insert(name.clone(), Some("planned".to_owned()));
        }
    }
}
