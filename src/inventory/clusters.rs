//! Which clusters an inventory declares, and whose each host is.
//!
//! A host belongs to the cluster whose group of members its `cluster_members` names; `cluster_poolers` and `cluster_witness`
//! name the groups of its other hosts. So an inventory with a group per cluster says it once for each.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::discreet::unique;
use super::{Reading, Variables};
use crate::problem::{Problem, Problems, did_you_mean};
use crate::words::list;

/// The variables by which a host says what cluster it is in.
const WORDS: [&str; 4] = [
    "cluster_name",
    "cluster_members",
    "cluster_poolers",
    "cluster_witness",
];

/// Between groups.
const SEPARATORS: [char; 2] = [':', ','];

/// The hosts of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// `cluster_name`, else the name of the group of members where that is not the usual one.
    pub name: String,
    pub members: Vec<String>,
    pub poolers: Vec<String>,
    pub witness: Vec<String>,
}

impl Declared {
    /// Whether the host has any part in it.
    pub fn has(&self, host: &str) -> bool {
        let all = self.members.iter().chain(&self.poolers);
        all.chain(&self.witness).any(|name| name == host)
    }

    /// The groups that playbooks name, with the hosts of this cluster.
    pub fn groups(&self) -> [(&'static str, &Vec<String>); 3] {
        [
            ("postgres", &self.members),
            ("pgbouncer", &self.poolers),
            ("witness", &self.witness),
        ]
    }
}

impl Reading {
    /// The names of all clusters, in the order in which their hosts are first named.
    pub fn clusters(&self) -> Vec<String> {
        let declared = self.declared();
        declared
            .into_iter()
            .map(|(_, declared)| declared.name)
            .collect()
    }

    /// What a host says of its cluster, as text.
    fn word(&self, host: &str, variable: &str) -> Option<String> {
        let node = self.evaluator.of(host, variable)?.ok()??;
        node.as_str().map(str::to_owned)
    }

    /// A word of a host's that cannot be evaluated, so that nobody knows its cluster.
    fn unknown_word(&self) -> Option<Problem> {
        let hosts = self.vars.keys();
        let mut words = hosts.flat_map(|host| WORDS.iter().map(move |word| (host, word)));
        words.find_map(|(host, word)| self.evaluator.of(host, word)?.err())
    }

    /// The clusters, by their groups of members.
    fn declared(&self) -> IndexMap<String, Declared> {
        let defaults = Variables::default();
        let group = |host: &str, variable: &str, default: &str| -> String {
            self.word(host, variable)
                .unwrap_or_else(|| default.to_owned())
        };
        // One group, or several with `:` between them, as in a pattern of hosts.
        let is_in = |host: &String, groups: &str| {
            let mut groups = groups.split(SEPARATORS).map(str::trim);
            groups.any(|group| {
                let hosts = self.groups.get(group);
                hosts.is_some_and(|hosts| hosts.contains(host))
            })
        };
        let mut clusters: IndexMap<String, Declared> = IndexMap::new();
        for host in self.vars.keys() {
            let members = group(host, "cluster_members", &defaults.cluster_members);
            if is_in(host, &members) {
                let usual = members == defaults.cluster_members || members.contains(SEPARATORS);
                let default = if usual {
                    &defaults.cluster_name
                } else {
                    &members
                };
                let name = group(host, "cluster_name", default);
                let new = || Declared {
                    name,
                    ..Declared::default()
                };
                clusters
                    .entry(members)
                    .or_insert_with(new)
                    .members
                    .push(host.clone());
            }
        }
        let only = clusters.len() == 1;
        for host in self.vars.keys() {
            let own = group(host, "cluster_members", &defaults.cluster_members);
            let at = clusters.get_index_of(&own).or(only.then_some(0));
            let Some((_, cluster)) = at.and_then(|at| clusters.get_index_mut(at)) else {
                continue;
            };
            if is_in(
                host,
                &group(host, "cluster_poolers", &defaults.cluster_poolers),
            ) {
                cluster.poolers.push(host.clone());
            }
            if is_in(
                host,
                &group(host, "cluster_witness", &defaults.cluster_witness),
            ) {
                cluster.witness.push(host.clone());
            }
        }
        clusters
    }

    /// The cluster of that name; without a name the only one.
    pub(super) fn one(&self, name: Option<&str>) -> Result<(Declared, bool), Problems> {
        if let Some(problem) = self.unknown_word() {
            return Err(unique(vec![problem]));
        }
        let clusters = self.declared();
        let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
        for (group, cluster) in &clusters {
            if let Some(other) = by_name.insert(&cluster.name, group) {
                return Err(Problem::input(format!(
                    "two clusters have the name `{}`: the hosts of `{other}` and of `{group}`",
                    cluster.name
                ))
                .hint("give each a `cluster_name` of its own, in the variables of its group")
                .into());
            }
        }
        let is_only = clusters.len() == 1;
        let names: Vec<String> = clusters
            .values()
            .map(|cluster| cluster.name.clone())
            .collect();
        let found = match name {
            Some(name) => clusters.into_values().find(|cluster| cluster.name == name),
            None if is_only => clusters.into_values().next(),
            None => None,
        };
        if let Some(found) = found {
            return Ok((found, is_only));
        }
        Err(match name {
            _ if names.is_empty() => self.none(),
            None => Problem::input(format!("the inventory has {} clusters", names.len()))
                .hint(format!("name one with `--cluster`: {}", list(&names))),
            Some(name) => {
                let problem =
                    Problem::input(format!("there is no cluster `{}`", name.escape_debug()));
                match did_you_mean(name, names.iter().map(String::as_str)) {
                    Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                    None => problem.hint(format!("the inventory has {}", list(&names))),
                }
            }
        }
        .into())
    }

    /// No group of members has a host.
    fn none(&self) -> Problem {
        let given = |vars: &super::layers::Vars| vars.get("cluster_members").cloned();
        if let Some(given) = self.vars.values().find_map(given) {
            let group = given.node.as_str().unwrap_or_default();
            let names = self.groups.keys().map(String::as_str);
            let problem = Problem::input(format!(
                "`cluster_members` names the group `{}`, and no host that says so is in it",
                group.escape_debug()
            ))
            .at(&given.node.span);
            return match did_you_mean(group, names).filter(|meant| *meant != group) {
                Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
                None => problem.hint("name the group of the hosts that run PostgreSQL"),
            };
        }
        let usual = ["all", "ungrouped"];
        let others = self
            .groups
            .iter()
            .filter(|(name, hosts)| !hosts.is_empty() && !usual.contains(&name.as_str()));
        let others: Vec<&String> = others.map(|(name, _)| name).take(8).collect();
        let problem = Problem::input("no host is in the group `postgres`")
            .at(&super::form::beginning(&self.source));
        problem.hint(if others.is_empty() {
            "put the hosts that run PostgreSQL below `all: children: postgres: hosts:`".to_owned()
        } else {
            format!(
                "name the group of the hosts that run PostgreSQL in the variable `cluster_members`; there are {}",
                list(&others)
            )
        })
    }
}
