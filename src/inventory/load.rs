//! All sources → [`Inventory`].

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::discreet::discreet;
use super::evaluate::{Evaluator, Own};
use super::layers::{Given, Layers, Vars};
use super::tree::Tree;
use super::{Host, Inventory, Sources, cluster, names, ssh, typed};
use crate::problem::{Problem, Problems};
use crate::secret::{Secret, Secrets};

/// A host with what is needed to compare it with others.
pub(super) struct Loaded {
    pub host: Host,
    /// What the user set of the variables that mean something to pgha, evaluated.
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
    let mut written = IndexMap::new();
    for name in tree.hosts.keys() {
        let memberships: Vec<&str> = groups
            .iter()
            .filter(|(_, members)| members.contains(name))
            .map(|(group, _)| group.as_str())
            .collect();
        written.insert(name.clone(), layers.of(name, &memberships, &mut problems));
    }
    let evaluator = Evaluator::new(written.clone(), &groups, sources);
    let mut loaded = IndexMap::new();
    for (name, written) in &written {
        let given = evaluated(name, written, &evaluator, &mut problems);
        let before = problems.len();
        if let Some(host) = host(
            name,
            &tree,
            given,
            written,
            &evaluator,
            sources,
            &mut problems,
        ) {
            loaded.insert(name.clone(), host);
        }
        for problem in &mut problems[before..] {
            let span = problem.span.as_ref();
            let origin = span.and_then(|span| evaluator.origin(name, span));
            problem.cause = problem.cause.take().or(origin);
        }
    }
    if !problems.is_empty() {
        return Err(unique(problems));
    }
    let cluster = match cluster::check(&groups, &loaded, &sources.inventory) {
        Ok(cluster) => cluster,
        Err(found) => return Err(unique(found)),
    };
    let mut secrets = Secrets::finding(evaluator.found.clone());
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

/// The variables that mean something to pgha, evaluated; those that are `omit` are left out.
fn evaluated(
    host: &str,
    written: &Vars,
    evaluator: &Arc<Evaluator>,
    problems: &mut Vec<Problem>,
) -> Vars {
    let mut vars = Vars::new();
    for (name, given) in written.iter().filter(|(name, _)| names::is_ours(name)) {
        match evaluator.of(host, name) {
            Some(Ok(node)) => {
                let key = given.key.clone();
                vars.extend(node.map(|node| (name.clone(), Given { key, node })));
            }
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
    }
    vars
}

fn host(
    name: &str,
    tree: &Tree,
    given: Vars,
    written: &Vars,
    evaluator: &Arc<Evaluator>,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Option<Loaded> {
    let reached = ssh::read(name, &given, sources, problems);
    let typed = typed::read(&given, problems);
    let (reached, typed) = (reached?, typed?);
    let mut vars = typed::to_json(&typed.variables);
    for (variable, given) in &given {
        if names::is_connection(variable) && names::is_own(variable) {
            vars.insert(variable.clone(), given.node.to_json());
        }
    }
    let provenance = written
        .iter()
        .map(|(variable, given)| {
            let place = given.key.to_string();
            let origin = evaluator.origin(name, &given.node.span);
            let origin = origin.map_or(String::new(), |origin| format!(", {origin}"));
            (variable.clone(), place + &origin)
        })
        .collect();
    Some(Loaded {
        host: Host {
            name: name.to_owned(),
            span: tree.hosts[name].span.clone(),
            connection: reached.connection,
            variables: typed.variables,
            vars,
            own: Own::new(evaluator, name),
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
