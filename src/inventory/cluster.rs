//! What must be the same on all hosts of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::discreet::hide;
use super::load::Loaded;
use super::{Database, User, Way, names};
use crate::manager::{Manager, slot_of_copy};
use crate::problem::{Problem, Source, Span, did_you_mean};
use crate::secret::Secret;

/// The groups whose hosts make up the cluster.
const GROUPS: [&str; 3] = ["postgres", "witness", "pgbouncer"];

/// The variables that describe the cluster as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterVars {
    /// `cluster_name`
    pub name: String,
    /// `cluster_initial_primary`, else the first host of group `postgres`: who becomes primary where there is no cluster yet.
    pub initial_primary: String,
    /// `cluster_preferred_primary`
    pub preferred_primary: Option<String>,
    /// `postgresql_version`; absent, the one that the host's release ships.
    pub postgresql_version: Option<u16>,
    /// `postgresql_users`; their passwords are in the inventory's secrets.
    pub users: Vec<User>,
    /// `postgresql_databases`
    pub databases: Vec<Database>,
    pub repmgr_database: String,
    pub repmgr_user: String,
    /// `secrets_command`
    pub secrets_command: Option<String>,
    /// `cluster_manager`
    pub manager: Manager,
    /// `cluster_replication_user`
    pub replication_user: String,
    /// `cluster_rewind_user`
    pub rewind_user: String,
}

impl ClusterVars {
    /// The role by which members stream from each other.
    pub fn streams_as(&self) -> &str {
        match self.manager {
            Manager::Repmgr => &self.repmgr_user,
            Manager::None => &self.replication_user,
        }
    }

    /// The database in which members ask each other.
    pub fn asks_in(&self) -> &str {
        match self.manager {
            Manager::Repmgr => &self.repmgr_database,
            Manager::None => "postgres",
        }
    }

    /// Whether a role is one by which members log in to each other.
    pub fn is_of_members(&self, role: &str) -> bool {
        match self.manager {
            Manager::Repmgr => role == self.repmgr_user,
            Manager::None => role == self.replication_user || role == self.rewind_user,
        }
    }
}

/// Compares the hosts of the cluster with each other.
pub(super) fn check(
    groups: &BTreeMap<String, Vec<String>>,
    loaded: &IndexMap<String, Loaded>,
    source: &Arc<Source>,
) -> Result<ClusterVars, Vec<Problem>> {
    let is_in = |host: &str, group: &str| {
        groups
            .get(group)
            .is_some_and(|hosts| hosts.iter().any(|member| member == host))
    };
    let members: Vec<&Loaded> = loaded
        .values()
        .filter(|loaded| GROUPS.iter().any(|group| is_in(&loaded.host.name, group)))
        .collect();
    let nodes: Vec<&Loaded> = members
        .iter()
        .copied()
        .filter(|loaded| is_in(&loaded.host.name, "postgres"))
        .collect();
    let Some(first) = nodes.first() else {
        return Err(vec![
            Problem::input("no host is in the group `postgres`")
                .at(&Span {
                    source: source.clone(),
                    start: 0,
                    len: 0,
                })
                .hint("put the hosts that run PostgreSQL below `all: children: postgres: hosts:`"),
        ]);
    };
    let mut problems = differences(&members);
    problems.extend(shared_addresses(&members));
    problems.extend(shared_ids(&members));
    let witnesses: Vec<&Loaded> = members
        .iter()
        .copied()
        .filter(|loaded| is_in(&loaded.host.name, "witness"))
        .collect();
    problems.extend(one_apart(&witnesses, &is_in));
    for variable in ["cluster_initial_primary", "cluster_preferred_primary"] {
        problems.extend(no_member(variable, first, &nodes));
    }
    problems.extend(too_few_to_be_alone(first, nodes.len() + witnesses.len()));
    if !first.host.variables.cluster_manager.is_repmgr() {
        problems.extend(without_repmgr(&nodes, &witnesses));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let shared = &first.host.variables;
    Ok(ClusterVars {
        name: shared.cluster_name.clone(),
        initial_primary: shared
            .cluster_initial_primary
            .clone()
            .unwrap_or_else(|| first.host.name.clone()),
        preferred_primary: shared.cluster_preferred_primary.clone(),
        postgresql_version: shared.postgresql_version,
        users: shared.postgresql_users.clone(),
        databases: shared.postgresql_databases.clone(),
        repmgr_database: shared.repmgr_database.clone(),
        repmgr_user: shared.repmgr_user.clone(),
        manager: shared.cluster_manager,
        replication_user: shared.cluster_replication_user.clone(),
        rewind_user: shared.cluster_rewind_user.clone(),
        secrets_command: shared.secrets_command.clone(),
    })
}

/// Variables of the whole cluster that hosts do not agree on.
fn differences(members: &[&Loaded]) -> Vec<Problem> {
    let Some((first, others)) = members.split_first() else {
        return Vec::new();
    };
    let value = |loaded: &Loaded, variable: &str| loaded.host.vars.get(variable).cloned();
    let is_same = |other: &Loaded, variable: &str| match variable {
        names::PASSWORD => {
            other.passwords.get(&other.host.variables.repmgr_user)
                == first.passwords.get(&first.host.variables.repmgr_user)
        }
        "postgresql_users" => {
            value(first, variable) == value(other, variable)
                && passwords_of_users(first) == passwords_of_users(other)
        }
        _ => value(first, variable) == value(other, variable),
    };
    names::CLUSTER
        .iter()
        .filter_map(|variable| {
            let other = others.iter().find(|other| !is_same(other, variable))?;
            let place = |loaded: &Loaded| match loaded.given.get(*variable) {
                Some(given) => format!("`{}` ({})", loaded.host.name, given.key),
                None => format!("`{}` (the default)", loaded.host.name),
            };
            let problem = Problem::input(format!(
                "`{variable}` differs between hosts of one cluster: {} and {}",
                place(first),
                place(other)
            ))
            .hint("set it once, in `group_vars/all.yml`");
            let given = other.given.get(*variable).or(first.given.get(*variable));
            Some(match given {
                Some(given) if matches!(*variable, names::PASSWORD | "postgresql_users") => {
                    hide(problem.at(&given.key))
                }
                Some(given) => problem.at(&given.key),
                None => problem,
            })
        })
        .collect()
}

/// The passwords that `postgresql_users` alone decides.
fn passwords_of_users(loaded: &Loaded) -> BTreeMap<&str, &Secret> {
    loaded
        .passwords
        .iter()
        .filter(|(role, _)| **role != loaded.host.variables.repmgr_user)
        .map(|(role, password)| (role.as_str(), password))
        .collect()
}

/// A witness that is a member, and more than one.
fn one_apart(witnesses: &[&Loaded], is_in: &dyn Fn(&str, &str) -> bool) -> Vec<Problem> {
    let both = witnesses
        .iter()
        .filter(|loaded| is_in(&loaded.host.name, "postgres"));
    let mut problems: Vec<Problem> = both
        .map(|loaded| {
            Problem::input(format!(
                "`{}` is in `postgres` and in `witness`: a member cannot tell whether it is itself that is cut off",
                loaded.host.name
            ))
            .at(&loaded.host.span)
            .hint("take it out of one of the two; a host in `pgbouncer` may be the witness")
        })
        .collect();
    if let [first, second, ..] = witnesses {
        problems.push(
            Problem::input(format!(
                "`{}` and `{}` are in the group `witness`, and one is enough",
                first.host.name, second.host.name
            ))
            .at(&second.host.span)
            .hint("leave one of them in it"),
        );
    }
    problems
}

/// Two names for one machine.
fn shared_addresses(members: &[&Loaded]) -> Vec<Problem> {
    let key = |loaded: &Loaded| match &loaded.host.connection.way {
        Way::Local => ("this machine".to_owned(), 0),
        Way::Ssh { address, port, .. } => (format!("`{address}`"), port.unwrap_or(22)),
    };
    let mut problems = Vec::new();
    for (index, second) in members.iter().enumerate() {
        let (address, port) = key(second);
        let Some(first) = members[..index]
            .iter()
            .find(|first| key(first) == (address.clone(), port))
        else {
            continue;
        };
        let at = if port == 0 || port == 22 {
            String::new()
        } else {
            format!(" port {port}")
        };
        let given = ["ansible_host", "ansible_ssh_host", "ansible_connection"]
            .iter()
            .find_map(|name| second.given.get(*name));
        problems.push(
            Problem::input(format!(
                "`{}` and `{}` are the same machine: {address}{at}",
                first.host.name, second.host.name
            ))
            .at(given.map_or(&second.host.span, |given| &given.node.span))
            .hint("give each host its own `ansible_host`; one host can be in several groups"),
        );
    }
    problems
}

/// What `cluster_manager: none` leaves no use for, and members whose slots would have one name.
fn without_repmgr(nodes: &[&Loaded], witnesses: &[&Loaded]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = witnesses
        .iter()
        .map(|witness| {
            Problem::input(format!(
                "`{}` is in the group `witness`, and with `cluster_manager: none` nobody asks a witness",
                witness.host.name
            ))
            .at(&witness.host.span)
            .hint("take it out of the group, or leave `cluster_manager` to repmgr")
        })
        .collect();
    // Its priority counts in a failover by hand, too.
    let unused = |name: &&String| name.starts_with("repmgr_") && *name != "repmgr_priority";
    let given = nodes.iter().find_map(|node| {
        let name = node.given.keys().find(unused)?;
        Some((name, &node.given[name]))
    });
    problems.extend(given.map(|(name, given)| {
        Problem::input(format!(
            "`{name}` means nothing with `cluster_manager: none`"
        ))
        .at(&given.key)
        .hint("remove it, or leave `cluster_manager` to repmgr")
    }));
    let slot = |node: &Loaded| Manager::None.slot(&node.host.name, 0);
    for (index, second) in nodes.iter().enumerate() {
        let name = &second.host.name;
        if slot_of_copy(&slot(second)).len() > 63 {
            problems.push(
                Problem::input(format!("`{name}` is too long a name for its replication slot"))
                    .at(&second.host.span)
                    .hint("call the host otherwise, with at most 46 characters; `ansible_host` has its address"),
            );
        }
        let others = nodes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        for (other, first) in others {
            let alike = other < index && slot(first) == slot(second);
            if alike || slot_of_copy(&slot(first)) == slot(second) {
                problems.push(
                    Problem::input(format!(
                        "`{}` and `{name}` would have one replication slot: `{}`",
                        first.host.name,
                        slot(second)
                    ))
                    .at(&second.host.span)
                    .hint("call one of them otherwise: a slot's name has lower-case letters, digits and `_`"),
                );
            }
        }
    }
    problems
}

/// Two nodes with one id.
fn shared_ids(members: &[&Loaded]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, second) in members.iter().enumerate() {
        let Some(id) = second.host.variables.repmgr_node_id else {
            continue;
        };
        let Some(first) = members[..index]
            .iter()
            .find(|first| first.host.variables.repmgr_node_id == Some(id))
        else {
            continue;
        };
        let problem = Problem::input(format!(
            "`{}` and `{}` have the same `repmgr_node_id`: {id}",
            first.host.name, second.host.name
        ))
        .hint("give each node its own, below the host");
        problems.push(match second.given.get("repmgr_node_id") {
            Some(given) => problem.at(&given.node.span),
            None => problem,
        });
    }
    problems
}

/// Of two, the one that is left would stop as soon as the other is down.
fn too_few_to_be_alone(first: &Loaded, nodes: usize) -> Option<Problem> {
    first.host.variables.cluster_isolation_timeout?;
    let given = first.given.get("cluster_isolation_timeout")?;
    (nodes < 3).then(|| {
        Problem::input("`cluster_isolation_timeout` needs three members, or two and a witness")
            .at(&given.node.span)
            .hint("with fewer, a primary whose standby is down would stop, and nobody could take its place")
    })
}

/// A variable that names a host which is no node of the cluster.
fn no_member(variable: &str, first: &Loaded, nodes: &[&Loaded]) -> Option<Problem> {
    let given = first.given.get(variable)?;
    let name = given.node.as_str()?;
    let names = || nodes.iter().map(|node| node.host.name.as_str());
    if names().any(|node| node == name) {
        return None;
    }
    let problem = Problem::input(format!(
        "`{variable}` names `{}`, which is not in the group `postgres`",
        name.escape_debug()
    ))
    .at(&given.node.span);
    Some(match did_you_mean(name, names()) {
        Some(meant) => problem.hint(format!("did you mean `{meant}`?")),
        None => problem.hint(format!(
            "its hosts are {}",
            names()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    })
}
