//! The resource `ssh_key_pair`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::File;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Probe};
use crate::problem::Problem;
use crate::secret::{Form, marker};

/// Where the secrets keep the two halves.
pub const PRIVATE: &str = "ssh_private_key";
pub const PUBLIC: &str = "ssh_public_key";

/// The cluster's SSH key pair, which pgha generates once and keeps in `secrets.yml`, in a user's `.ssh`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SshKeyPair {
    /// The private key's path; the public one stands beside it, with `.pub`.
    path: String,
    /// The owner of both files.
    owner: String,
    /// The group of both files.
    group: String,
}

impl SshKeyPair {
    fn files(&self) -> [File; 2] {
        let file = |path: String, secret: &str, mode: &str| File {
            path,
            content: Some(format!("{}\n", marker(secret, Form::Plain))),
            mode: mode.to_owned(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            shipped: None,
            validate: None,
        };
        [
            file(self.path.clone(), PRIVATE, "0600"),
            file(format!("{}.pub", self.path), PUBLIC, "0644"),
        ]
    }
}

impl Resource for SshKeyPair {
    fn subject(&self) -> String {
        self.path.clone()
    }

    fn probes(&self, view: &View<'_>) -> Vec<Probe> {
        self.files()
            .iter()
            .flat_map(|file| file.probes(view))
            .collect()
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let [private, public] = self.files();
        let merged = match (private.draft(view)?, public.draft(view)?) {
            (Some(first), Some(second)) => Draft {
                fields: [first.fields, second.fields].concat(),
                guards: [first.guards, second.guards].concat(),
                ops: [first.ops, second.ops].concat(),
                diff: None,
                ..Draft::new(first.action)
            },
            (Some(one), None) | (None, Some(one)) => Draft { diff: None, ..one },
            (None, None) => return Ok(Verdict::AsDeclared),
        };
        Ok(merged.into())
    }

    fn settle(&self, view: &View<'_>, facts: &mut Facts) {
        for file in self.files() {
            file.settle(view, facts);
        }
    }
}
