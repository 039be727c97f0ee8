//! The inventory file: which hosts and groups there are, and what is written beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::problem::{Problem, Source, Span, did_you_mean};
use crate::yaml::{self, Key, Map, Node, Value};

const GROUP_KEYS: [&str; 3] = ["hosts", "vars", "children"];

/// Hosts and groups in the order in which the file first names them.
#[derive(Default)]
pub(super) struct Tree {
    pub hosts: IndexMap<String, Entry>,
    pub groups: IndexMap<String, Group>,
}

/// What the file says about one host.
pub(super) struct Entry {
    pub span: Span,
    /// Its variables, one mapping per mention.
    pub vars: Vec<Map>,
}

/// What the file says about one group, all mentions together.
pub(super) struct Group {
    pub hosts: BTreeSet<String>,
    pub children: IndexMap<String, Span>,
    pub vars: Vec<Map>,
}

impl Tree {
    /// Reads the file. Without a root there is no tree.
    pub fn read(source: &Arc<Source>, problems: &mut Vec<Problem>) -> Option<Self> {
        let root = match yaml::parse(source) {
            Ok(root) => root,
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        };
        let Some(map) = root.as_map() else {
            problems.push(
                Problem::input(format!(
                    "an inventory is a mapping of groups, found {}",
                    root.describe()
                ))
                .at(&root.span)
                .hint("begin with `all:`"),
            );
            return None;
        };
        let mut tree = Self::default();
        tree.mention("all");
        for (key, node) in map.iter() {
            if GROUP_KEYS.contains(&key.name.as_str()) {
                problems.push(
                    Problem::input(format!("`{}` stands outside of a group", key.name))
                        .at(&key.span)
                        .hint("put it below `all:`"),
                );
                continue;
            }
            if key.name == "plugin" {
                problems.push(
                    Problem::input("inventory plugins are not supported")
                        .at(&key.span)
                        .hint("write the hosts out below `all:`"),
                );
                return None;
            }
            if tree.group(key, node, problems) && key.name != "all" {
                tree.adopt("all", key, problems);
            }
        }
        tree.find_cycles(problems);
        problems.is_empty().then_some(tree)
    }

    fn mention(&mut self, group: &str) -> &mut Group {
        self.groups
            .entry(group.to_owned())
            .or_insert_with(|| Group {
                hosts: BTreeSet::new(),
                children: IndexMap::new(),
                vars: Vec::new(),
            })
    }

    fn adopt(&mut self, parent: &str, child: &Key, problems: &mut Vec<Problem>) {
        if child.name == "all" {
            problems.push(
                Problem::input("`all` cannot be a child: it holds every other group")
                    .at(&child.span)
                    .hint("remove it here"),
            );
            return;
        }
        self.mention(parent)
            .children
            .entry(child.name.clone())
            .or_insert_with(|| child.span.clone());
    }

    /// Reads one mention of a group; `false` if its name is none.
    fn group(&mut self, key: &Key, node: &Node, problems: &mut Vec<Problem>) -> bool {
        if !is_group_name(&key.name) {
            problems.push(
                Problem::input(format!(
                    "`{}` is no name of a group",
                    key.name.escape_debug()
                ))
                .at(&key.span)
                .hint("a name has letters, digits, `_` and `-`, and begins with a letter or `_`"),
            );
            return false;
        }
        self.mention(&key.name);
        let map = match &node.value {
            Value::Null => return true,
            Value::Map(map) => map,
            _ => {
                problems.push(
                    Problem::input(format!(
                        "expected the group `{}` as a mapping, found {}",
                        key.name,
                        node.describe()
                    ))
                    .at(&node.span)
                    .hint("a group has the keys `hosts`, `vars` and `children`"),
                );
                return true;
            }
        };
        for (part, content) in map.iter() {
            match part.name.as_str() {
                "hosts" => self.hosts(&key.name, content, problems),
                "children" => self.children(&key.name, content, problems),
                "vars" => {
                    if let Some(vars) = mapping(content, "vars", problems) {
                        self.mention(&key.name).vars.push(vars.clone());
                    }
                }
                _ => problems.push(unknown_part(key, part)),
            }
        }
        true
    }

    fn children(&mut self, parent: &str, content: &Node, problems: &mut Vec<Problem>) {
        let Some(children) = mapping(content, "children", problems) else {
            return;
        };
        for (child, node) in children.iter() {
            if self.group(child, node, problems) {
                self.adopt(parent, child, problems);
            }
        }
    }

    fn hosts(&mut self, group: &str, content: &Node, problems: &mut Vec<Problem>) {
        let Some(hosts) = mapping(content, "hosts", problems) else {
            return;
        };
        for (key, node) in hosts.iter() {
            if let Err(problem) = check_host_name(key) {
                problems.push(problem);
                continue;
            }
            let entry = self.hosts.entry(key.name.clone()).or_insert_with(|| Entry {
                span: key.span.clone(),
                vars: Vec::new(),
            });
            match &node.value {
                Value::Null => {}
                Value::Map(vars) => entry.vars.push(vars.clone()),
                _ => problems.push(
                    Problem::input(format!(
                        "expected the variables of host `{}` as a mapping, found {}",
                        key.name,
                        node.describe()
                    ))
                    .at(&node.span)
                    .hint("write `ansible_host: address` below the host's name"),
                ),
            }
            self.mention(group).hosts.insert(key.name.clone());
        }
    }

    fn find_cycles(&self, problems: &mut Vec<Problem>) {
        for (name, group) in &self.groups {
            for (child, span) in &group.children {
                if self.descendants(child).contains(name.as_str()) {
                    problems.push(
                        Problem::input(if child == name {
                            format!("the group `{name}` is its own child")
                        } else {
                            format!("the groups `{name}` and `{child}` are each inside the other")
                        })
                        .at(span)
                        .hint("remove one of the two `children`"),
                    );
                    return;
                }
            }
        }
    }

    /// The group itself and everything below it.
    pub fn descendants(&self, group: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&str> = self
            .groups
            .get_key_value(group)
            .map(|(name, _)| name.as_str())
            .into_iter()
            .collect();
        while let Some(name) = open.pop() {
            if found.insert(name) {
                open.extend(self.groups[name].children.keys().map(String::as_str));
            }
        }
        found
    }

    /// The hosts of each group, those of its children among them, in the order of the file.
    pub fn members(&self) -> BTreeMap<String, Vec<String>> {
        let mut members: BTreeMap<String, Vec<String>> = self
            .groups
            .keys()
            .map(|name| {
                let below = self.descendants(name);
                let hosts = self
                    .hosts
                    .keys()
                    .filter(|host| {
                        name == "all"
                            || below
                                .iter()
                                .any(|group| self.groups[*group].hosts.contains(*host))
                    })
                    .cloned()
                    .collect();
                (name.clone(), hosts)
            })
            .collect();
        let is_grouped = |host: &String| {
            self.groups.iter().any(|(name, group)| {
                name != "all" && name != "ungrouped" && group.hosts.contains(host)
            })
        };
        members.insert(
            "ungrouped".to_owned(),
            self.hosts
                .keys()
                .filter(|host| !is_grouped(host))
                .cloned()
                .collect(),
        );
        // The shipped playbook names these; a cluster without a pooler is a cluster.
        for group in ["postgres", "witness", "pgbouncer"] {
            members.entry(group.to_owned()).or_default();
        }
        members
    }

    /// How far each group is below `all`, on its longest path.
    pub fn depths(&self) -> BTreeMap<&str, usize> {
        let mut depths: BTreeMap<&str, usize> =
            self.groups.keys().map(|name| (name.as_str(), 0)).collect();
        // Without cycles no path is longer than there are groups.
        for _ in 0..self.groups.len() {
            let mut has_changed = false;
            for (name, group) in &self.groups {
                let below = depths[name.as_str()] + 1;
                for child in group.children.keys() {
                    let depth = depths.entry(child).or_default();
                    if *depth < below {
                        *depth = below;
                        has_changed = true;
                    }
                }
            }
            if !has_changed {
                break;
            }
        }
        depths
    }
}

/// The content of a group's part as a mapping; nothing at all is an empty one.
fn mapping<'a>(content: &'a Node, part: &str, problems: &mut Vec<Problem>) -> Option<&'a Map> {
    match &content.value {
        Value::Null => None,
        Value::Map(map) => Some(map),
        _ => {
            problems.push(
                Problem::input(format!(
                    "expected a mapping below `{part}`, found {}",
                    content.describe()
                ))
                .at(&content.span)
                .hint(match part {
                    "vars" => "write `name: value`, one per line",
                    _ => "write `name:`, one per line, without `-`",
                }),
            );
            None
        }
    }
}

fn unknown_part(group: &Key, part: &Key) -> Problem {
    let problem = Problem::input(format!(
        "the group `{}` has no key `{}`",
        group.name, part.name
    ))
    .at(&part.span);
    match did_you_mean(&part.name, GROUP_KEYS) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(
            "its keys are `hosts`, `vars` and `children`: variables stand below `vars`, groups below `children`",
        ),
    }
}

fn is_group_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn check_host_name(key: &Key) -> Result<(), Problem> {
    let name = &key.name;
    let is_valid = name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if is_valid {
        return Ok(());
    }
    let problem =
        Problem::input(format!("`{}` is no name of a host", name.escape_debug())).at(&key.span);
    Err(if name.contains('[') {
        problem.hint("ranges are not supported: write the hosts out, one per line")
    } else if name.len() > 63 {
        problem.hint("a name has at most 63 characters; put a long address into `ansible_host`")
    } else {
        problem.hint(
            "a name has letters, digits, `.`, `_` and `-`; put an address or a user into `ansible_host` and `ansible_user`",
        )
    })
}
