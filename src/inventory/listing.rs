//! An inventory as `ansible-inventory` shows it: `--list` and `--graph`; and each variable with its place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Reading, Variable};
use crate::yaml::{Node, Value as Yaml};

/// What Ansible leaves out of a list, since it sets these itself (`INTERNAL_STATIC_VARS` of ansible-core 2.19).
const INTERNAL: [&str; 33] = [
    "ansible_async_path",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "groups",
    "group_names",
    "hostvars",
    "playbook_dir",
    "play_hosts",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
];

/// The value as it is written, without its spans: no template is evaluated, no vaulted value is opened.
pub(super) fn written(node: &Node) -> Value {
    match &node.value {
        Yaml::Vault(text) => json!({ "__ansible_vault": text }),
        Yaml::Sequence(items) => items.iter().map(written).collect(),
        Yaml::Map(map) => map
            .iter()
            .map(|(key, value)| (key.name.clone(), written(value)))
            .collect(),
        _ => node.to_json(),
    }
}

fn is_vaulted(node: &Node) -> bool {
    node.span.source.vaulted
        || match &node.value {
            Yaml::Vault(_) | Yaml::Secret(_) => true,
            Yaml::Sequence(items) => items.iter().any(is_vaulted),
            Yaml::Map(map) => map
                .iter()
                .any(|(key, value)| key.name == "__ansible_vault" || is_vaulted(value)),
            _ => false,
        }
}

impl Reading {
    /// What `ansible-inventory --list` prints: groups with `hosts` and `children`, and all variables of each host below
    /// `_meta`, as they are written.
    pub fn list(&self) -> Value {
        let mut groups = BTreeMap::new();
        for (name, group) in &self.tree.groups {
            let mut parts = Map::new();
            if !group.children.is_empty() {
                let children: Vec<&String> = group.children.keys().collect();
                parts.insert("children".to_owned(), json!(children));
            }
            if name != "all" && !group.hosts.is_empty() {
                parts.insert("hosts".to_owned(), json!(group.hosts));
            }
            if !parts.is_empty() {
                groups.insert(name.as_str(), Value::Object(parts));
            }
        }
        let mut hostvars = BTreeMap::new();
        for host in self.vars.keys() {
            let vars: BTreeMap<&str, Value> = self
                .variables(host)
                .map(|variable| (variable.name, variable.value))
                .collect();
            if !vars.is_empty() {
                hostvars.insert(host, vars);
            }
        }
        groups.insert("_meta", json!({ "hostvars": hostvars }));
        json!(groups)
    }

    /// The variables of a host, each with the place that holds. None if there is no such host.
    pub fn variables(&self, host: &str) -> impl Iterator<Item = Variable<'_>> {
        let vars = self.vars.get(host).into_iter().flatten();
        vars.filter(|(name, _)| !INTERNAL.contains(&name.as_str()))
            .map(|(name, given)| Variable {
                name,
                value: written(&given.node),
                is_vaulted: is_vaulted(&given.node),
                place: &given.key,
            })
    }

    /// The names of all hosts, in the order in which they are first named.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.vars.keys().map(String::as_str)
    }

    /// The groups that a host is in, those above them too, without `all`.
    pub fn groups_of(&self, host: &str) -> impl Iterator<Item = &str> {
        let groups = self.groups.iter().filter(|(name, _)| *name != "all");
        groups
            .filter(move |(_, hosts)| hosts.iter().any(|name| name == host))
            .map(|(name, _)| name.as_str())
    }

    /// The groups and their hosts as a tree, as `ansible-inventory --graph` draws it.
    pub fn graph(&self) -> String {
        let mut out = String::new();
        self.branch("all", 0, &mut out);
        out
    }

    fn branch(&self, name: &str, depth: usize, out: &mut String) {
        let line = |out: &mut String, depth: usize, text: &str| {
            let bars = "  |".repeat(depth);
            let dashes = if depth == 0 { "" } else { "--" };
            let _ = writeln!(out, "{bars}{dashes}{text}");
        };
        line(out, depth, &format!("@{name}:"));
        let group = &self.tree.groups[name];
        for child in group.children.keys() {
            self.branch(child, depth + 1, out);
        }
        for host in group.hosts.iter().filter(|_| name != "all") {
            line(out, depth + 1, host);
        }
    }
}
