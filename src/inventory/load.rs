//! All sources → [`Inventory`].

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::clusters::Declared;
use super::discreet::unique;
use super::evaluate::Own;
use super::host::check_name;
use super::layers::{Given, Vars};
use super::{Host, Inventory, Reading, Sources, cluster, names, ssh, typed, unknown};
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
    Reading::read(sources)?.inventory(None)
}

impl Reading {
    /// One of the clusters that the inventory declares: the one of that name, without a name the only one. Where there are
    /// several, no host of another one is in it.
    ///
    /// # Errors
    /// There is no such cluster, or something is wrong with pgha's own variables.
    pub fn inventory(&self, cluster: Option<&str>) -> Result<Inventory, Problems> {
        let (declared, is_only) = self.one(cluster)?;
        let mut problems = Vec::new();
        let mut warnings = self.warnings.clone();
        let mut told = BTreeSet::new();
        let mut loaded = IndexMap::new();
        for name in self.vars.keys() {
            if declared.has(name) {
                unknown::check(self, name, &mut told, &mut problems, &mut warnings);
                if let Some(host) = host(name, self, &declared, &mut problems) {
                    loaded.insert(name.clone(), host);
                }
            } else if is_only {
                let mut why = Vec::new();
                match host(name, self, &declared, &mut why) {
                    Some(host) if why.is_empty() => _ = loaded.insert(name.clone(), host),
                    // It is none of the cluster's, so nothing is asked of it.
                    _ => warnings.extend(why.into_iter().map(|problem| left_out(name, problem))),
                }
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
        for hosts in groups.values_mut() {
            hosts.retain(|host| loaded.contains_key(host));
        }
        for (name, hosts) in declared.groups() {
            groups.insert(name.to_owned(), hosts.clone());
        }
        let cluster = cluster::check(&groups, &loaded, &self.source).map_err(all_of)?;
        let mut secrets = Secrets::finding(self.evaluator.found.clone());
        let own = loaded.values().filter(|host| declared.has(&host.host.name));
        for (role, password) in own.flat_map(|host| &host.passwords) {
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
            warnings: unique(warnings).0,
        })
    }
}

fn left_out(host: &str, problem: Problem) -> Problem {
    let what = format!(
        "`{host}`, which is in no cluster, is left out: {}",
        problem.what
    );
    Problem { what, ..problem }
}

/// One host; where it is `None`, the problems tell why.
fn host(
    name: &str,
    reading: &Reading,
    declared: &Declared,
    problems: &mut Vec<Problem>,
) -> Option<Loaded> {
    let before = problems.len();
    let given = evaluated(name, reading, problems);
    let loaded = read(name, reading, declared, given, problems);
    for problem in &mut problems[before..] {
        let span = problem.span.as_ref();
        let origin = span.and_then(|span| reading.evaluator.origin(name, span));
        problem.cause = problem.cause.take().or(origin);
    }
    loaded
}

/// The variables that mean something to pgha, evaluated; those that are `omit` are left out.
fn evaluated(host: &str, reading: &Reading, problems: &mut Vec<Problem>) -> Vars {
    let mut vars = Vars::new();
    let written = reading.vars[host].iter();
    for (name, given) in written.filter(|(name, _)| names::is_read(name)) {
        match reading.evaluator.of(host, name) {
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

fn read(
    name: &str,
    reading: &Reading,
    declared: &Declared,
    given: Vars,
    problems: &mut Vec<Problem>,
) -> Option<Loaded> {
    problems.extend(check_name(name, &reading.tree.hosts[name].span).err());
    let reached = ssh::read(name, &given, reading, problems);
    let typed = typed::read(&given, problems);
    let (reached, mut typed) = (reached?, typed?);
    if declared.has(name) && !given.contains_key("cluster_name") {
        typed.variables.cluster_name.clone_from(&declared.name);
    }
    let mut vars = typed::to_json(&typed.variables);
    for (variable, given) in &given {
        if names::is_connection(variable) && names::is_own(variable) {
            vars.insert(variable.clone(), given.node.to_json());
        }
    }
    let provenance = reading.vars[name]
        .iter()
        .map(|(variable, given)| {
            let place = given.key.to_string();
            let origin = reading.evaluator.origin(name, &given.node.span);
            let origin = origin.map_or(String::new(), |origin| format!(", {origin}"));
            (variable.clone(), place + &origin)
        })
        .collect();
    Some(Loaded {
        host: Host {
            name: name.to_owned(),
            span: reading.tree.hosts[name].span.clone(),
            connection: reached.connection,
            variables: typed.variables,
            vars,
            own: Own::new(&reading.evaluator, name),
            provenance,
            key_span: reached.key_span,
            become_password_file: reached.password_file,
        },
        given,
        passwords: typed.passwords,
    })
}
