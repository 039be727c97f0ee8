//! One change: the difference between what is declared and what was seen.

use serde::{Deserialize, Serialize};

use super::{Guard, Op};
use crate::secret::Text;

/// What one step does to one thing on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub host: String,
    /// The step's name in the playbook.
    pub step: String,
    /// The kind of resource, as the playbook names it: `file`, `postgresql_role`.
    pub resource: String,
    /// Which one: a path, a package, a role.
    pub subject: String,
    pub action: Action,
    /// The fields that differ.
    pub fields: Vec<Field>,
    /// For a file whose content differs.
    pub diff: Option<FileDiff>,
    /// What must still be as it was seen, checked on the host right before the first operation.
    pub guards: Vec<Guard>,
    /// Exactly what runs, in order.
    pub ops: Vec<Op>,
    /// Hosts whose earlier changes must be done first.
    pub after: Vec<String>,
    /// What takes it back, where the run can be undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<Op>,
    /// Whether there is no way back once it is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decides: bool,
}

/// The glyph and verb of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Remove,
    Start,
    Stop,
    Restart,
    Reload,
    /// A command that cannot tell whether it is already done.
    AlwaysRuns,
    /// Only waits.
    Wait,
    /// Takes back what a step did.
    Undo,
}

/// One field of a resource: what it was, what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub before: Shown,
    pub after: Shown,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// There is none.
    Absent,
    Value(String),
    /// It is a secret; only whether it changes is told.
    Secret,
    /// It cannot be known yet; the text says when it will be.
    Unknown(String),
}

/// Old and new content of a file, for a unified diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    pub path: String,
    pub before: Before,
    pub after: Text,
    /// The program of pgha's own that it becomes, to the byte: it is told by name and hash unless its text is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped: Option<String>,
}

/// What a file held before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    Absent,
    Content(String),
    /// What an earlier change of the same plan makes of it, e.g. an installation's own file.
    NotYet,
    /// It holds secrets, or is too large or no text; it was compared by hash.
    Hidden,
}
