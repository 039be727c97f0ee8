//! The resource `directory`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::root;
use super::{Draft, Resource, Verdict, View};
use crate::facts::{Facts, Path, Probe};
use crate::plan::{Action, Op};
use crate::problem::Problem;

/// A directory with this owner and mode. What is in it is not touched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// The directory.
    path: String,
    /// Four octal digits in quotes.
    #[serde(default = "traversable")]
    mode: String,
    /// Its owner.
    #[serde(default = "root")]
    owner: String,
    /// Its group.
    #[serde(default = "root")]
    group: String,
}

fn traversable() -> String {
    "0755".to_owned()
}

impl Resource for Directory {
    fn subject(&self) -> String {
        self.path.clone()
    }

    fn probes(&self, _: &View<'_>) -> Vec<Probe> {
        vec![Probe::Path(self.path.clone())]
    }

    fn verdict(&self, view: &View<'_>) -> Result<Verdict, Problem> {
        let seen = view.path(&self.path);
        let (path, mode, owner, group) = (
            self.path.clone(),
            self.mode.clone(),
            self.owner.clone(),
            self.group.clone(),
        );
        match seen {
            Path::Absent | Path::Unknown => Ok(Draft::new(Action::Create)
                .field("mode", None, mode.as_str())
                .field("owner", None, format!("{owner}:{group}"))
                .op(Op::MakeDirectory {
                    path,
                    mode,
                    owner,
                    group,
                })
                .into()),
            Path::Directory {
                mode: seen_mode,
                owner: seen_owner,
                group: seen_group,
            } => {
                let mut draft = Draft::new(Action::Update);
                for (name, before, after) in [
                    ("mode", seen_mode, &mode),
                    ("owner", seen_owner, &owner),
                    ("group", seen_group, &group),
                ] {
                    if before != after {
                        draft = draft.field(name, before.as_str(), after.as_str());
                    }
                }
                if draft.fields.is_empty() {
                    return Ok(Verdict::AsDeclared);
                }
                Ok(draft
                    .op(Op::SetAttributes {
                        path,
                        mode,
                        owner,
                        group,
                    })
                    .into())
            }
            Path::File { .. } | Path::Other { .. } => Err(Problem::refused(format!(
                "`{path}` is there and is no directory"
            ))
            .hint("move it away")),
        }
    }

    fn settle(&self, _: &View<'_>, facts: &mut Facts) {
        facts.paths.insert(
            self.path.clone(),
            Path::Directory {
                mode: self.mode.clone(),
                owner: self.owner.clone(),
                group: self.group.clone(),
            },
        );
    }
}
