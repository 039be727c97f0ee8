//! All sources → [`Inventory`].

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::discreet::unique;
use super::host::check_name;
use super::layers::Vars;
use super::{Host, Inventory, Reading, Sources, cluster, names, ssh, typed, unknown};
use crate::problem::{Problem, Problems};
use crate::secret::Secrets;

/// A host with what is needed to compare it with others.
pub(super) struct Loaded {
    pub host: Host,
    pub given: Vars,
    /// By role.
    pub passwords: BTreeMap<String, String>,
}

/// Reads an inventory and all its variables.
///
/// # Errors
///
/// Everything that is wrong, as far as it can be told together.
pub fn load(sources: &Sources) -> Result<Inventory, Problems> {
    Reading::read(sources)?.inventory()
}

impl Reading {
    /// The cluster that the inventory declares.
    ///
    /// # Errors
    /// What is wrong with pgha's own variables.
    pub fn inventory(&self) -> Result<Inventory, Problems> {
        let mut problems = Vec::new();
        let mut warnings = self.warnings.clone();
        let mut told = BTreeSet::new();
        let mut loaded = IndexMap::new();
        for (name, given) in &self.vars {
            unknown::check(given, &mut told, &mut problems, &mut warnings);
            if let Some(host) = host(name, self, given.clone(), &mut problems) {
                loaded.insert(name.clone(), host);
            }
        }
        // What was not read may be why.
        let all_of = |mut problems: Vec<Problem>| {
            problems.extend(self.warnings.iter().cloned());
            unique(problems)
        };
        if !problems.is_empty() {
            return Err(all_of(problems));
        }
        let mut groups = self.groups.clone();
        // The shipped playbook names these; a cluster without a pooler is a cluster.
        for group in ["postgres", "witness", "pgbouncer"] {
            groups.entry(group.to_owned()).or_default();
        }
        let cluster = cluster::check(&groups, &loaded, &self.source).map_err(all_of)?;
        let mut secrets = Secrets::default();
        for (role, password) in loaded.values().flat_map(|host| &host.passwords) {
            secrets.insert(role, password);
        }
        let hosts = loaded
            .into_iter()
            .map(|(name, loaded)| {
                let mut host = loaded.host;
                host.vars.insert(
                    "cluster_initial_primary".to_owned(),
                    cluster.initial_primary.clone().into(),
                );
                (name, host)
            })
            .collect();
        Ok(Inventory {
            cluster,
            hosts,
            groups,
            secrets,
            warnings,
        })
    }
}

fn host(name: &str, reading: &Reading, given: Vars, problems: &mut Vec<Problem>) -> Option<Loaded> {
    for (variable, given) in &given {
        if names::is_connection(variable) {
            problems.extend(typed::literal(&given.node).err());
        }
    }
    problems.extend(check_name(name, &reading.tree.hosts[name].span).err());
    let reached = ssh::read(name, &given, reading, problems);
    let typed = typed::read(&given, problems);
    let (reached, typed) = (reached?, typed?);
    let mut vars = typed::to_json(&typed.variables);
    for (variable, given) in &given {
        if !names::is_pgha(variable) && !names::is_ansible_password(variable) {
            vars.insert(variable.clone(), given.node.to_json());
        }
    }
    let provenance = given
        .iter()
        .map(|(variable, given)| (variable.clone(), given.key.to_string()))
        .collect();
    Some(Loaded {
        host: Host {
            name: name.to_owned(),
            span: reading.tree.hosts[name].span.clone(),
            connection: reached.connection,
            variables: typed.variables,
            vars,
            provenance,
            key_span: reached.key_span,
        },
        given,
        passwords: typed.passwords,
    })
}
