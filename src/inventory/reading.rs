//! An inventory as Ansible reads it: hosts, groups, and every variable that holds for each host. No word of clusters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Sources;
use super::discreet::unique;
use super::evaluate::Evaluator;
use super::layers::{Layers, Vars};
use super::tree::{Notes, Tree};
use crate::problem::{Problem, Problems, Source, Span};

/// Hosts, groups and variables.
pub struct Reading {
    pub(super) tree: Tree,
    /// The hosts of each group, those of its children among them.
    pub(super) groups: BTreeMap<String, Vec<String>>,
    /// The variables of each host as they are written, in the order in which the hosts are first named.
    pub(super) vars: IndexMap<String, Vars>,
    pub(super) evaluator: Arc<Evaluator>,
    /// What is not read, or most likely not meant.
    pub warnings: Vec<Problem>,
    pub(super) folder: PathBuf,
    pub(super) home: Option<PathBuf>,
    /// The first text.
    pub(super) source: Arc<Source>,
}

/// A variable of a host, and where it stands.
pub struct Variable<'a> {
    pub name: &'a str,
    pub value: serde_json::Value,
    /// It, or a part of it, came out of a vault, or is still in one.
    pub is_vaulted: bool,
    pub place: &'a Span,
}

impl Reading {
    /// Reads all texts of an inventory.
    ///
    /// # Errors
    /// What is wrong with them, as far as it can be told together.
    pub fn read(sources: &Sources) -> Result<Self, Problems> {
        let mut notes = Notes::default();
        let mut texts = sources.origins.iter().flat_map(|origin| &origin.texts);
        let first = texts.next().map(|text| text.source.clone());
        let (Some(tree), Some(source)) = (Tree::read(sources, &mut notes), first) else {
            if notes.problems.is_empty() {
                let what = Problem::input("the inventory has no file that could be one");
                notes.problems.push(
                    what.hint("a folder holds inventories beside `group_vars` and `host_vars`"),
                );
            }
            return Err(unique(notes.problems));
        };
        let groups = tree.members();
        let layers = Layers::read(&tree, sources, &mut notes);
        let mut vars = IndexMap::new();
        for name in tree.hosts.keys() {
            let memberships = groups
                .iter()
                .filter(|(_, members)| members.contains(name))
                .map(|(group, _)| group.as_str());
            let memberships: Vec<&str> = memberships.collect();
            let of_host = layers.of(name, &memberships, &mut notes.warnings);
            vars.insert(name.clone(), of_host);
        }
        drop(layers);
        if !notes.problems.is_empty() {
            return Err(unique(notes.problems));
        }
        let file = source.name.strip_suffix(" --list");
        let file = file.unwrap_or(&source.name);
        let evaluator = Evaluator::new(vars.clone(), &groups, file, sources);
        Ok(Self {
            tree,
            groups,
            vars,
            evaluator,
            warnings: unique(notes.warnings).0,
            folder: sources.folder.clone(),
            home: sources.home.clone(),
            source,
        })
    }
}
