//! All sources → [`Inventory`].

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::discreet::discreet;
use super::layers::{Layers, Vars};
use super::tree::Tree;
use super::{Host, Inventory, Sources, cluster, names, ssh, typed};
use crate::problem::{Problem, Problems};
use crate::secret::{Secret, Secrets};

/// A host with what is needed to compare it with others.
pub(super) struct Loaded {
    pub host: Host,
    pub given: Vars,
    /// By role.
    pub passwords: BTreeMap<String, Secret>,
}

/// Reads an inventory and all its variables.
///
/// # Errors
///
/// Everything that is wrong, as far as it can be told together.
pub fn load(sources: &Sources) -> Result<Inventory, Problems> {
    let mut problems = Vec::new();
    let Some(tree) = Tree::read(&sources.inventory, &mut problems) else {
        return Err(unique(problems));
    };
    let layers = Layers::read(&tree, sources, &mut problems);
    let groups = tree.members();
    let mut loaded = IndexMap::new();
    for name in tree.hosts.keys() {
        let memberships: Vec<&str> = groups
            .iter()
            .filter(|(_, members)| members.contains(name))
            .map(|(group, _)| group.as_str())
            .collect();
        let given = layers.of(name, &memberships, &mut problems);
        if let Some(host) = host(name, &tree, given, sources, &mut problems) {
            loaded.insert(name.clone(), host);
        }
    }
    if !problems.is_empty() {
        return Err(unique(problems));
    }
    let cluster = match cluster::check(&groups, &loaded, &sources.inventory) {
        Ok(cluster) => cluster,
        Err(found) => return Err(unique(found)),
    };
    let mut secrets = Secrets::default();
    for (role, password) in loaded.values().flat_map(|host| &host.passwords) {
        secrets.insert(role, password.clone());
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
    })
}

fn host(
    name: &str,
    tree: &Tree,
    given: Vars,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Option<Loaded> {
    for (variable, given) in &given {
        if names::is_connection(variable) {
            problems.extend(typed::literal(&given.node).err());
        }
    }
    let reached = ssh::read(name, &given, sources, problems);
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
            span: tree.hosts[name].span.clone(),
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

/// What several hosts share is wrong once; and no excerpt shows a password.
fn unique(problems: Vec<Problem>) -> Problems {
    let mut found: Vec<Problem> = Vec::new();
    for problem in problems.into_iter().map(discreet) {
        if !found.contains(&problem) {
            found.push(problem);
        }
    }
    Problems(found)
}
