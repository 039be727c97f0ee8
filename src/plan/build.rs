//! From declaration and facts to a plan, and to the questions that must be asked before: pure, and the same walk for both.

use std::collections::{BTreeMap, BTreeSet};

use super::lint::lint;
use super::walk::Walk;
use super::{Intent, Plan, Topology, Warning};
use crate::facts::{Facts, Probe, Probes, Release, bare, marks};
use crate::inventory::Inventory;
use crate::playbook::Playbook;
use crate::problem::{Kind, Problem, Problems};
use crate::secret::Secrets;
use crate::template::Engine;

/// Everything that the user declared.
pub struct Declaration<'a> {
    pub inventory: &'a Inventory,
    pub playbook: &'a Playbook,
    pub engine: &'a Engine,
    /// Hosts that may be changed; `None`: all.
    pub limit: Option<BTreeSet<String>>,
    pub allow_restart_primary: bool,
    pub intent: Intent,
}

impl Declaration<'_> {
    /// Whether `host` may be changed.
    pub fn includes(&self, host: &str) -> bool {
        self.limit.as_ref().is_none_or(|limit| limit.contains(host))
    }

    /// The plan that makes the hosts as declared. `world` are the facts of all hosts, but for those outside the limit that
    /// did not answer.
    ///
    /// # Errors
    /// The declaration is wrong, or a safety rule refuses.
    pub fn plan(
        &self,
        world: BTreeMap<String, Facts>,
        secrets: &Secrets,
    ) -> Result<Plan, Problems> {
        self.predict(world, secrets).map(|(plan, _)| plan)
    }

    /// The plan, and the facts that it will have made.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn predict(
        &self,
        world: BTreeMap<String, Facts>,
        secrets: &Secrets,
    ) -> Result<(Plan, BTreeMap<String, Facts>), Problems> {
        let topology = Topology::discover(self, &world)?;
        let off = self.switched_off(&world);
        let mut walk = Walk::new(self, world, topology, secrets);
        walk.plan.warnings = off;
        let mut problems = Vec::new();
        for play in &self.playbook.plays {
            if let Err(found) = walk.play(play) {
                problems.extend(found.0);
            }
        }
        if !walk.refusals.is_empty() {
            // What comes after a refusal was planned as if there were none.
            problems.retain(|problem| problem.kind == Kind::Input);
            problems.append(&mut walk.refusals);
        }
        if !problems.is_empty() {
            return Err(told_once(problems));
        }
        lint(
            &walk.plan,
            &walk.topology,
            |host| walk.view(host).data_directory(),
            self.allow_restart_primary,
        )?;
        let new_secrets = walk.plan.secrets().into_iter();
        walk.plan.new_secrets = new_secrets
            .filter(|name| secrets.get(name).is_none())
            .map(str::to_owned)
            .collect();
        Ok((walk.plan, walk.world))
    }

    /// What is switched off, whatever the plan is for.
    fn switched_off(&self, world: &BTreeMap<String, Facts>) -> Vec<Warning> {
        let hosts = self.inventory.hosts.keys();
        let seen = hosts.filter_map(|host| Some((host, world.get(host)?)));
        seen.flat_map(|(host, facts)| {
            let off = self.inventory.part(host).off(facts).into_iter();
            off.map(|what| Warning {
                host: host.clone(),
                what,
            })
        })
        .collect()
    }

    /// What must be asked of each host, for each release that it may turn out to run. Planning on imaginary bare hosts on
    /// the way, it finds what is wrong with the declaration before any real host is touched.
    ///
    /// # Errors
    /// The declaration is wrong.
    pub fn questions(&self) -> Result<BTreeMap<String, BTreeMap<Release, Probes>>, Problems> {
        let mut questions: BTreeMap<String, BTreeMap<Release, Probes>> = BTreeMap::new();
        for release in Release::ALL {
            let world: BTreeMap<String, Facts> = self
                .inventory
                .hosts
                .keys()
                .map(|host| (host.clone(), bare(release)))
                .collect();
            let secrets = Secrets::default();
            if let Err(found) = self.plan(world.clone(), &secrets) {
                // What is refused there is a state of hosts that nobody has; the real ones are planned for themselves.
                let is_declared = |problem: &Problem| problem.kind == Kind::Input;
                let wrong: Vec<Problem> = found.0.into_iter().filter(is_declared).collect();
                if !wrong.is_empty() {
                    return Err(Problems(wrong));
                }
            }
            let topology = Topology::discover(self, &world)?;
            let walk = Walk::new(self, world, topology, &secrets);
            for play in &self.playbook.plays {
                walk.ask(play, |host, probes| {
                    questions
                        .entry(host.to_owned())
                        .or_default()
                        .entry(release)
                        .or_default()
                        .extend(probes);
                })?;
            }
            for host in self.inventory.hosts.keys() {
                let probes = questions
                    .entry(host.clone())
                    .or_default()
                    .entry(release)
                    .or_default();
                probes.extend(self.inventory.part(host).probes());
                // Who is the primary, and whether a witness is registered, must be known to every playbook, also to one that
                // changes nothing about PostgreSQL.
                probes.insert(Probe::Remains);
                if walk.topology.node(host).is_some() {
                    probes.insert(walk.view(host).cluster_probe());
                    probes.extend(marks::probes());
                }
            }
        }
        Ok(questions)
    }
}

/// The problems without those that differ only in the host: one mistake in a playbook is one message.
fn told_once(problems: Vec<Problem>) -> Problems {
    let mut seen: Vec<Problem> = Vec::new();
    for problem in problems {
        let same = |other: &Problem| {
            problem.span.is_some() && other.span == problem.span && other.what == problem.what
        };
        if !seen.iter().any(same) {
            seen.push(problem);
        }
    }
    Problems(seen)
}
