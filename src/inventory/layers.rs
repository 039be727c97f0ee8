//! Which value of a variable holds for a host: the layers, from the weakest to the strongest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::listing::written;
use super::tree::{Notes, Tree};
use super::{ExtraVar, Sources, VarsFile, files, names};
use crate::problem::{Problem, Source, Span};
use crate::yaml::{self, Key, Map, Node, Value};

/// A variable that the user set.
#[derive(Clone)]
pub(super) struct Given {
    pub key: Span,
    pub node: Node,
}

/// Every variable that the user set for one host.
pub(super) type Vars = IndexMap<String, Given>;

/// All variables that were written somewhere.
pub(super) struct Layers<'a> {
    tree: &'a Tree,
    depths: BTreeMap<&'a str, usize>,
    /// The files of each inventory that was named: owner and content, in order.
    group_files: Vec<Vec<(&'a str, Map)>>,
    host_files: Vec<Vec<(&'a str, Map)>>,
    extra_vars: Vec<Map>,
}

impl<'a> Layers<'a> {
    /// Reads the files of variables.
    pub fn read(tree: &'a Tree, sources: &'a Sources, notes: &mut Notes) -> Self {
        let groups: Vec<&str> = tree.groups.keys().map(String::as_str).collect();
        let hosts: Vec<&str> = tree.hosts.keys().map(String::as_str).collect();
        let mut group_files = Vec::new();
        let mut host_files = Vec::new();
        for origin in &sources.origins {
            group_files.push(owned("group_vars", &origin.group_vars, &groups, notes));
            host_files.push(owned("host_vars", &origin.host_vars, &hosts, notes));
        }
        let mut extra_vars = Vec::new();
        for extra in &sources.extra_vars {
            let read = match extra {
                ExtraVar::Pair(source) => read_pair(source),
                ExtraVar::File(source) => read_file(source),
            };
            match read {
                Ok(map) => extra_vars.push(map),
                Err(problem) => notes.problems.push(problem),
            }
        }
        Self {
            tree,
            depths: tree.depths(),
            group_files,
            host_files,
            extra_vars,
        }
    }

    /// Every variable of one host, with the strongest value, in Ansible's order: what groups have in the inventory itself,
    /// from `all` down; what they have in files; the host's; `--extra-vars`.
    pub fn of(&self, host: &str, groups: &[&str], warnings: &mut Vec<Problem>) -> Vars {
        let mut order: Vec<&str> = groups
            .iter()
            .copied()
            .filter(|name| *name != "all")
            .collect();
        order.sort_by_key(|name| {
            let depth = self.depths.get(name).copied().unwrap_or(1);
            (
                depth,
                self.tree
                    .groups
                    .get(*name)
                    .map_or(1, |group| group.priority),
                *name,
            )
        });
        let mut by_group: IndexMap<String, Vec<(&str, Given)>> = IndexMap::new();
        let mut candidates = |group: &'a str, map: &Map| {
            let mut vars = Vars::new();
            lay(&mut vars, map);
            for (name, given) in vars {
                by_group.entry(name).or_default().push((group, given));
            }
        };
        let known = |name: &str| self.tree.groups.get_key_value(name);
        let inline = ["all"].iter().chain(&order).filter_map(|name| known(name));
        for (name, group) in inline {
            group.vars.iter().for_each(|map| candidates(name, map));
        }
        for names in [&["all"][..], &order] {
            for files in &self.group_files {
                for name in names {
                    let own = files.iter().filter(|(owner, _)| owner == name);
                    own.for_each(|(owner, map)| candidates(owner, map));
                }
            }
        }
        let mut own = Vars::new();
        for vars in &self.tree.hosts[host].vars {
            lay(&mut own, vars);
        }
        let in_files = self.host_files.iter().flatten();
        for (_, vars) in in_files.filter(|(name, _)| *name == host) {
            lay(&mut own, vars);
        }
        for vars in &self.extra_vars {
            lay(&mut own, vars);
        }
        let mut vars = Vars::new();
        for (name, candidates) in by_group {
            if !own.contains_key(&name) && names::is_ours(&name) {
                warnings.extend(self.disagreement(&name, &candidates));
            }
            if let Some((_, given)) = candidates.into_iter().next_back() {
                vars.insert(name, given);
            }
        }
        vars.extend(own);
        vars
    }

    /// Two groups, neither inside the other, that want different things for one host: the order of their names decides, which
    /// nobody means.
    fn disagreement(&self, name: &str, candidates: &[(&str, Given)]) -> Option<Problem> {
        let groups: BTreeSet<&str> = candidates.iter().map(|(group, _)| *group).collect();
        let has_stronger = |group: &str| {
            self.tree
                .descendants(group)
                .iter()
                .any(|below| *below != group && groups.contains(below))
        };
        let (last_group, last) = candidates.last()?;
        let mut others = candidates
            .iter()
            .filter(|(group, _)| *group != "all" && group != last_group && !has_stronger(group));
        let priority = |name: &str| self.tree.groups.get(name).map_or(1, |group| group.priority);
        let (group, other) = others.find(|(group, other)| {
            let is_decided = priority(group) != priority(last_group);
            !is_decided && written(&other.node) != written(&last.node)
        })?;
        (!has_stronger(last_group)).then(|| {
            Problem::input(format!(
                "`{name}` is set differently by two groups that share hosts: `{group}` at {} and `{last_group}` at {}, which holds",
                other.key, last.key
            ))
            .at(&last.key)
            .hint("set it for the host itself, make one group a child of the other, or give one an `ansible_group_priority`")
        })
    }
}

/// The files of one folder, by whose they are.
fn owned<'a>(
    folder: &str,
    files: &'a [VarsFile],
    names: &[&'a str],
    notes: &mut Notes,
) -> Vec<(&'a str, Map)> {
    let mut used = BTreeSet::new();
    let mut owned = Vec::new();
    for name in names {
        for file in files::of(name, files) {
            used.insert(file.path.as_str());
            let read = file.source.clone().and_then(|source| read_file(&source));
            match read {
                Ok(map) => owned.push((*name, map)),
                Err(problem) => notes.problems.push(problem),
            }
        }
    }
    files::leftover(folder, files, &used, names, notes);
    owned
}

fn lay(vars: &mut Vars, map: &Map) {
    for (key, node) in map.iter() {
        vars.insert(
            key.name.clone(),
            Given {
                key: key.span.clone(),
                node: node.clone(),
            },
        );
    }
}

fn read_file(source: &Arc<Source>) -> Result<Map, Problem> {
    if yaml::is_blank(source) {
        return Ok(Map::default());
    }
    let root = yaml::parse_as_ansible(source)?;
    match root.value {
        Value::Map(map) => Ok(map),
        _ => Err(Problem::input(format!(
            "expected a mapping of variables, found {}",
            root.describe()
        ))
        .at(&root.span)
        .hint("write `name: value`, one per line")),
    }
}

fn read_pair(source: &Arc<Source>) -> Result<Map, Problem> {
    let text = &source.text;
    if text.trim_start().starts_with('{') {
        return read_file(source);
    }
    let is_name = |at: &usize| !text[..*at].trim().is_empty();
    let Some(equals) = text.find('=').filter(is_name) else {
        return Err(Problem::input(format!(
            "expected `name=value`, found `{}`",
            text.escape_debug()
        ))
        .at(&Span {
            source: source.clone(),
            start: 0,
            len: text.len(),
        })
        .hint("write `-e name=value`, or `-e @file.yml` for a file"));
    };
    let key = Key {
        name: text[..equals].trim().to_owned(),
        span: Span {
            source: source.clone(),
            start: 0,
            len: equals,
        },
    };
    Ok(Map(vec![(key, yaml::parse_scalar_at(source, equals + 1)?)]))
}
