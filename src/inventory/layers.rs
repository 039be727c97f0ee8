//! Which value of a variable holds for a host: the layers, from the weakest to the strongest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::tree::Tree;
use super::{ExtraVar, Sources, names};
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
    group_vars: Vec<(&'a str, Map)>,
    host_vars: Vec<(&'a str, Map)>,
    extra_vars: Vec<Map>,
}

impl<'a> Layers<'a> {
    /// Reads the files of variables, and checks the names of all variables.
    pub fn read(tree: &'a Tree, sources: &'a Sources, problems: &mut Vec<Problem>) -> Self {
        let mut file = |owner: &'a str, source: &Arc<Source>| {
            let map = read_file(source).unwrap_or_else(|problem| {
                problems.push(problem);
                Map::default()
            });
            (owner, map)
        };
        let group_vars = sources
            .group_vars
            .iter()
            .filter(|(group, _)| group == "ungrouped" || tree.groups.contains_key(group))
            .map(|(group, source)| file(group, source))
            .collect();
        let host_vars = sources
            .host_vars
            .iter()
            .filter(|(host, _)| tree.hosts.contains_key(host))
            .map(|(host, source)| file(host, source))
            .collect();
        let mut extra_vars = Vec::new();
        for extra in &sources.extra_vars {
            let read = match extra {
                ExtraVar::Pair(source) => read_pair(source),
                ExtraVar::File(source) => read_file(source),
            };
            match read {
                Ok(map) => extra_vars.push(map),
                Err(problem) => problems.push(problem),
            }
        }
        let layers = Self {
            tree,
            depths: tree.depths(),
            group_vars,
            host_vars,
            extra_vars,
        };
        layers.check_names(problems);
        layers
    }

    fn check_names(&self, problems: &mut Vec<Problem>) {
        let inline = self.tree.groups.values().flat_map(|group| &group.vars);
        let of_hosts = self.tree.hosts.values().flat_map(|host| &host.vars);
        let in_files = self
            .group_vars
            .iter()
            .chain(&self.host_vars)
            .map(|(_, map)| map);
        for map in inline
            .chain(of_hosts)
            .chain(in_files)
            .chain(&self.extra_vars)
        {
            problems.extend(map.iter().filter_map(|(key, _)| check_name(key).err()));
        }
    }

    /// Every variable of one host, with the strongest value.
    pub fn of(&self, host: &str, groups: &[&str], problems: &mut Vec<Problem>) -> Vars {
        let mut order: Vec<&str> = groups.to_vec();
        order.sort_by_key(|group| (self.depths.get(group).copied().unwrap_or(1), *group));
        let mut by_group: IndexMap<String, Vec<(&str, Given)>> = IndexMap::new();
        for group in order {
            for (name, given) in self.of_group(group) {
                by_group.entry(name).or_default().push((group, given));
            }
        }
        let mut own = Vars::new();
        for vars in &self.tree.hosts[host].vars {
            lay(&mut own, vars);
        }
        for (_, vars) in self.host_vars.iter().filter(|(name, _)| *name == host) {
            lay(&mut own, vars);
        }
        for vars in &self.extra_vars {
            lay(&mut own, vars);
        }
        let mut vars = Vars::new();
        for (name, candidates) in by_group {
            if !own.contains_key(&name) && names::is_ours(&name) {
                problems.extend(self.disagreement(host, &name, &candidates));
            }
            if let Some((_, given)) = candidates.into_iter().next_back() {
                vars.insert(name, given);
            }
        }
        vars.extend(own);
        vars
    }

    fn of_group(&self, group: &str) -> Vars {
        let mut vars = Vars::new();
        if let Some(group) = self.tree.groups.get(group) {
            for map in &group.vars {
                lay(&mut vars, map);
            }
        }
        for (_, map) in self.group_vars.iter().filter(|(name, _)| *name == group) {
            lay(&mut vars, map);
        }
        vars
    }

    /// Two groups, neither inside the other, that want different things for one host.
    fn disagreement(
        &self,
        host: &str,
        name: &str,
        candidates: &[(&str, Given)],
    ) -> Option<Problem> {
        let groups: BTreeSet<&str> = candidates.iter().map(|(group, _)| *group).collect();
        let has_stronger = |group: &str| {
            self.tree
                .descendants(group)
                .iter()
                .any(|below| *below != group && groups.contains(below))
        };
        let mut strongest = candidates
            .iter()
            .filter(|(group, _)| *group != "all" && !has_stronger(group));
        let (first_group, first) = strongest.next()?;
        let (second_group, second) =
            strongest.find(|(_, other)| other.node.to_json() != first.node.to_json())?;
        Some(
            Problem::input(format!(
                "`{name}` of host `{host}` is set differently by two groups: `{first_group}` at {} and `{second_group}` at {}",
                first.key, second.key
            ))
            .at(&second.key)
            .hint("set it for the host itself, or make one group a child of the other"),
        )
    }
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
    let root = yaml::parse(source)?;
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
    let Some(equals) = text.find('=') else {
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

fn check_name(key: &Key) -> Result<(), Problem> {
    let name = key.name.as_str();
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_word {
        return Err(Problem::input(format!(
            "`{}` is no name of a variable",
            name.escape_debug()
        ))
        .at(&key.span)
        .hint("a name has letters, digits and `_`, and begins with a letter or `_`"));
    }
    if !names::is_reserved(name) || names::is_ours(name) {
        return Ok(());
    }
    let problem = Problem::input(format!("there is no variable `{name}`")).at(&key.span);
    Err(match names::alike(name) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(
            "settings stand below `postgresql_settings`, `repmgr_settings` and `pgbouncer_settings`; variables of your own need another prefix",
        ),
    })
}
