//! Which hosts and groups there are, and what is written beside them: what all texts of an inventory say together.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::{IndexMap, IndexSet};

use super::form::beginning;
use super::{Form, Sources, ini, listed, pattern, yaml_groups};
use crate::problem::{Problem, Span};
use crate::yaml::{Key, Map, Node, Value};

/// Hosts and groups in the order in which they are first named.
pub(super) struct Tree {
    pub hosts: IndexMap<String, Entry>,
    pub groups: IndexMap<String, Group>,
}

/// What is said about one host.
pub(super) struct Entry {
    pub span: Span,
    /// Its variables, one mapping per mention.
    pub vars: Vec<Map>,
}

/// What is said about one group, all mentions together.
#[derive(Default)]
pub(super) struct Group {
    /// Those that are named in it, without those of its children.
    pub hosts: IndexSet<String>,
    pub children: IndexMap<String, Span>,
    pub vars: Vec<Map>,
    /// `ansible_group_priority`: of two groups that are equally deep the one with the greater number wins.
    pub priority: i64,
}

/// What is found while an inventory is read.
#[derive(Default)]
pub(super) struct Notes {
    /// What forbids to go on.
    pub problems: Vec<Problem>,
    /// What is not read, or most likely not meant.
    pub warnings: Vec<Problem>,
}

impl Tree {
    /// Reads all texts. Without hosts and groups that can be told apart there is no tree.
    pub fn read(sources: &Sources, notes: &mut Notes) -> Option<Self> {
        let mut tree = Self {
            hosts: IndexMap::new(),
            groups: IndexMap::new(),
        };
        let mut first = None;
        for text in sources.origins.iter().flat_map(|origin| &origin.texts) {
            first.get_or_insert(&text.source);
            match text.form {
                Form::Yaml => yaml_groups::read(&mut tree, &text.source, notes),
                Form::Ini => ini::read(&mut tree, &text.source, notes),
                Form::Listed => listed::read(&mut tree, &text.source, notes),
            }
        }
        let at = beginning(first?);
        for name in ["all", "ungrouped"] {
            tree.group(name);
        }
        tree.reconcile(&at);
        tree.find_cycles(&mut notes.problems);
        notes.problems.is_empty().then_some(tree)
    }

    /// The group of that name, made where there is none.
    pub fn group(&mut self, name: &str) -> &mut Group {
        if !self.groups.contains_key(name) {
            let group = Group {
                priority: 1,
                ..Group::default()
            };
            self.groups.insert(name.to_owned(), group);
        }
        &mut self.groups[name]
    }

    /// Puts one group into another.
    pub fn adopt(&mut self, parent: &str, child: &Key, notes: &mut Notes) {
        if child.name == "all" {
            notes.problems.push(
                Problem::input("`all` cannot be a child: it holds every other group")
                    .at(&child.span)
                    .hint("remove it here"),
            );
            return;
        }
        self.group(&child.name);
        self.group(parent)
            .children
            .entry(child.name.clone())
            .or_insert_with(|| child.span.clone());
    }

    /// Lays variables over those that the group has.
    pub fn group_vars(&mut self, group: &str, mut vars: Map, notes: &mut Notes) {
        let priority = |node: &Node| match &node.value {
            Value::Int(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        if let Some(node) = vars.get("ansible_group_priority") {
            match priority(node) {
                Some(number) => self.group(group).priority = number,
                None => notes.problems.push(
                    Problem::input(format!(
                        "`ansible_group_priority` is a whole number, found {}",
                        node.describe()
                    ))
                    .at(&node.span),
                ),
            }
            vars.0
                .retain(|(key, _)| key.name != "ansible_group_priority");
        }
        self.group(group).vars.push(vars);
    }

    /// Puts the hosts that `key` stands for, a range perhaps, into a group; gives their names.
    pub fn add_hosts(&mut self, group: &str, key: &Key, notes: &mut Notes) -> Vec<String> {
        match pattern::expand(&key.name) {
            Ok(expanded) => {
                for name in &expanded.names {
                    self.add_host(group, name, &key.span, expanded.port);
                }
                expanded.names
            }
            Err(why) => {
                notes.problems.push(
                    Problem::input(format!(
                        "`{}` stands for no hosts: {why}",
                        key.name.escape_debug()
                    ))
                    .at(&key.span)
                    .hint("write for example `pg[01:12].example.com`"),
                );
                Vec::new()
            }
        }
    }

    /// Puts one host into a group. A port counts where the host is first named.
    pub fn add_host(&mut self, group: &str, name: &str, span: &Span, port: Option<u16>) {
        if !self.hosts.contains_key(name) {
            let port = port.map(|port| {
                let key = Key {
                    name: "ansible_port".to_owned(),
                    span: span.clone(),
                };
                let node = Node {
                    value: Value::Int(port.into()),
                    span: span.clone(),
                };
                Map(vec![(key, node)])
            });
            let entry = Entry {
                span: span.clone(),
                vars: port.into_iter().collect(),
            };
            self.hosts.insert(name.to_owned(), entry);
        }
        self.group(group).hosts.insert(name.to_owned());
    }

    /// Lays variables over those that the host has.
    pub fn host_vars(&mut self, host: &str, vars: &Map) {
        if let Some(entry) = self.hosts.get_mut(host) {
            entry.vars.push(vars.clone());
        }
    }

    /// What holds of every inventory: `all` is above all others, and who is in no other group is in `ungrouped`.
    fn reconcile(&mut self, at: &Span) {
        let has_parent: BTreeSet<String> = self
            .groups
            .values()
            .flat_map(|group| group.children.keys().cloned())
            .collect();
        let orphans: Vec<String> = self
            .groups
            .keys()
            .filter(|name| *name != "all" && !has_parent.contains(*name))
            .cloned()
            .collect();
        for name in orphans {
            self.group("all")
                .children
                .entry(name)
                .or_insert_with(|| at.clone());
        }
        let grouped: BTreeSet<&String> = self
            .groups
            .iter()
            .filter(|(name, _)| *name != "all" && *name != "ungrouped")
            .flat_map(|(_, group)| &group.hosts)
            .collect();
        let ungrouped = self.hosts.keys().filter(|host| !grouped.contains(host));
        let ungrouped: IndexSet<String> = ungrouped.cloned().collect();
        self.group("ungrouped").hosts = ungrouped;
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

    /// The hosts of each group, those of its children among them, in the order in which they are first named.
    pub fn members(&self) -> BTreeMap<String, Vec<String>> {
        let of = |name: &str| -> Vec<String> {
            if name == "all" {
                return self.hosts.keys().cloned().collect();
            }
            let below = self.descendants(name);
            let named: BTreeSet<&String> = below
                .iter()
                .flat_map(|group| &self.groups[*group].hosts)
                .collect();
            let hosts = self.hosts.keys().filter(|host| named.contains(host));
            hosts.cloned().collect()
        };
        let names = self.groups.keys();
        names.map(|name| (name.clone(), of(name))).collect()
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
