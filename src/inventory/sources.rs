//! What [`load`](super::load) reads: texts, not files.

use std::path::PathBuf;
use std::sync::Arc;

use super::Surroundings;
use crate::problem::Source;

/// All texts that make up an inventory.
#[derive(Clone, Debug)]
pub struct Sources {
    pub inventory: Arc<Source>,
    /// Group and text; where a group has several, the later one wins.
    pub group_vars: Vec<(String, Arc<Source>)>,
    /// Host and text; where a host has several, the later one wins.
    pub host_vars: Vec<(String, Arc<Source>)>,
    /// In the order of the command line; the later one wins.
    pub extra_vars: Vec<ExtraVar>,
    /// The absolute folder of the inventory, which relative paths in variables refer to.
    pub folder: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    pub surroundings: Surroundings,
}

/// One `--extra-vars`.
#[derive(Clone, Debug)]
pub enum ExtraVar {
    /// The text `name=value`.
    Pair(Arc<Source>),
    /// A YAML mapping: `@file`.
    File(Arc<Source>),
}
