//! What [`load`](super::load) reads: texts, not files.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Form, Surroundings};
use crate::problem::{Problem, Source};

/// All texts that make up an inventory.
#[derive(Clone, Debug)]
pub struct Sources {
    /// One for each inventory that was named; of two that say the same, the later wins.
    pub origins: Vec<Origin>,
    /// In the order of the command line; the later one wins.
    pub extra_vars: Vec<ExtraVar>,
    /// The absolute folder of the inventory, which relative paths in variables refer to.
    pub folder: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    pub surroundings: Surroundings,
}

/// An inventory that was named: a file, the output of a program, or a folder of these.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// In order; of two that say the same, the later wins.
    pub texts: Vec<Text>,
    /// What is in the folder `group_vars` beside it.
    pub group_vars: Vec<VarsFile>,
    /// What is in the folder `host_vars` beside it.
    pub host_vars: Vec<VarsFile>,
}

/// One text of an inventory.
#[derive(Clone, Debug)]
pub struct Text {
    pub form: Form,
    pub source: Arc<Source>,
}

/// A file of variables.
#[derive(Clone, Debug)]
pub struct VarsFile {
    /// Below `group_vars` or `host_vars`, with `/`: `all.yml`, `all/db/users`.
    pub path: String,
    /// Why it cannot be read is told once somebody's variables are in it.
    pub source: Result<Arc<Source>, Problem>,
}

/// One `--extra-vars`.
#[derive(Clone, Debug)]
pub enum ExtraVar {
    /// The text `name=value`.
    Pair(Arc<Source>),
    /// A YAML mapping: `@file`.
    File(Arc<Source>),
}

impl Sources {
    /// One YAML text in `folder`, and nothing beside it.
    pub fn of(inventory: Arc<Source>, folder: impl Into<PathBuf>) -> Self {
        let text = Text {
            form: Form::Yaml,
            source: inventory,
        };
        Self {
            origins: vec![Origin {
                texts: vec![text],
                ..Origin::default()
            }],
            extra_vars: Vec::new(),
            folder: folder.into(),
            home: None,
            surroundings: Surroundings::default(),
        }
    }
}

impl VarsFile {
    /// A file that could be read.
    pub fn new(path: impl Into<String>, source: Arc<Source>) -> Self {
        Self {
            path: path.into(),
            source: Ok(source),
        }
    }
}
