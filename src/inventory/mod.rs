//! Hosts, groups and variables, in the shape that Ansible users know. It never says who is primary.

mod cluster;
mod clusters;
mod connection;
mod discreet;
mod evaluate;
mod files;
mod form;
mod hba;
mod host;
mod ini;
mod layers;
mod listed;
mod listing;
mod load;
mod names;
mod outside;
mod pattern;
mod python;
mod reading;
mod rules;
mod schema;
mod select;
mod sources;
mod ssh;
mod ssh_args;
mod tree;
mod typed;
mod unknown;
mod variables;
mod words;
mod yaml_groups;

use std::collections::BTreeMap;

use indexmap::IndexMap;

pub use cluster::ClusterVars;
pub use connection::{BecomePassword, Connection, Way};
pub use evaluate::Own;
pub use form::{Form, form};
pub use host::Host;
pub use load::load;
pub use names::connection_variables;
pub use outside::{Outside, Surroundings};
pub use reading::{Reading, Variable};
pub use schema::schema;
pub use select::select;
pub use sources::{ExtraVar, Origin, Sources, Text, VarsFile};
pub use variables::{Database, User, Variables};

use crate::facts::Part;
use crate::problem::Problem;
use crate::secret::Secrets;

/// Everything that the user declared about hosts.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub cluster: ClusterVars,
    /// In the order of the file.
    pub hosts: IndexMap<String, Host>,
    /// The hosts of each group, those of its children among them, in the order of the file. Always has `all`, `ungrouped`,
    /// `postgres`, `witness` and `pgbouncer`.
    pub groups: BTreeMap<String, Vec<String>>,
    /// The passwords that the user gave, by role.
    pub secrets: Secrets,
    /// What is not read, or most likely not meant.
    pub warnings: Vec<Problem>,
}

impl Inventory {
    /// The hosts of that group; none if there is no such group.
    pub fn group(&self, name: &str) -> &[String] {
        self.groups.get(name).map_or(&[], Vec::as_slice)
    }

    /// The same without a node of the cluster: it is no member and no witness, and can still be reached.
    #[must_use]
    pub fn without(&self, node: &str) -> Self {
        let mut rest = self.clone();
        for group in ["postgres", "witness"] {
            if let Some(hosts) = rest.groups.get_mut(group) {
                hosts.retain(|host| host != node);
            }
        }
        let cluster = &mut rest.cluster;
        cluster.preferred_primary.take_if(|name| name == node);
        if cluster.initial_primary == node
            && let Some(first) = rest.groups.get("postgres").and_then(|hosts| hosts.first())
        {
            cluster.initial_primary.clone_from(first);
        }
        rest
    }

    /// Whether `host` is in that group.
    pub fn is_in(&self, host: &str, group: &str) -> bool {
        self.group(group).iter().any(|member| member == host)
    }

    /// The members, and the witness.
    pub fn nodes(&self) -> impl Iterator<Item = &String> {
        let groups = ["postgres", "witness"].map(|group| self.group(group));
        groups.into_iter().flatten()
    }

    /// Whether `host` is one of [`Self::nodes`].
    pub fn is_node(&self, host: &str) -> bool {
        self.nodes().any(|node| node == host)
    }

    /// What `host` is to the cluster.
    pub fn part(&self, host: &str) -> Part {
        Part {
            member: self.is_in(host, "postgres"),
            witness: self.is_in(host, "witness"),
            repmgrd: self.cluster.manager.is_repmgr(),
            pooler: self.is_in(host, "pgbouncer"),
        }
    }
}

#[cfg(test)]
mod tests;
