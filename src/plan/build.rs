//! From declaration and facts to a plan, and to the questions that must be asked before: pure, and the same walk for both.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use minijinja::{Value, context};

use super::lint::lint;
use super::topology::AUTOMATIC;
use super::{Change, Held, Plan, Stage, Topology};
use crate::facts::{Facts, Probes, Release, Time, bare};
use crate::inventory::{Inventory, select};
use crate::playbook::{Play, Playbook, Step};
use crate::problem::{Problem, Problems, Span};
use crate::resource::{self, Draft, Resource, Verdict, View};
use crate::secret::Secrets;
use crate::template::{Engine, value};
use crate::yaml::{Node, Value as Yaml};

/// Everything that the user declared.
pub struct Declaration<'a> {
    pub inventory: &'a Inventory,
    pub playbook: &'a Playbook,
    pub engine: &'a Engine,
    /// Hosts that may be changed; `None`: all.
    pub limit: Option<BTreeSet<String>>,
    pub allow_restart_primary: bool,
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
        let topology = Topology::discover(self.inventory, &world)?;
        let mut walk = Walk::new(self, world, topology, secrets);
        let mut problems = Vec::new();
        for play in &self.playbook.plays {
            if let Err(found) = walk.play(play) {
                problems.extend(found.0);
            }
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
            self.plan(world.clone(), &secrets)?;
            let topology = Topology::discover(self.inventory, &world)?;
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
                questions
                    .entry(host.clone())
                    .or_default()
                    .entry(release)
                    .or_default();
            }
        }
        Ok(questions)
    }
}

struct Walk<'a> {
    declaration: &'a Declaration<'a>,
    /// The facts as the plan so far will have made them.
    world: BTreeMap<String, Facts>,
    topology: Topology,
    secrets: &'a Secrets,
    plan: Plan,
    /// The stage of each host's last change.
    stage_of: BTreeMap<String, usize>,
    /// How many changes there are.
    changes: u32,
    contexts: BTreeMap<String, Value>,
}

impl<'a> Walk<'a> {
    fn new(
        declaration: &'a Declaration<'a>,
        world: BTreeMap<String, Facts>,
        topology: Topology,
        secrets: &'a Secrets,
    ) -> Self {
        let mut walk = Self {
            declaration,
            world,
            secrets,
            plan: Plan {
                cluster: declaration.inventory.cluster.name.clone(),
                playbook: declaration.playbook.name.clone(),
                primary: topology.primary.clone(),
                bootstrap: !topology.exists,
                ..Plan::default()
            },
            topology,
            stage_of: BTreeMap::new(),
            changes: 0,
            contexts: BTreeMap::new(),
        };
        walk.contexts = walk
            .world
            .keys()
            .map(|host| (host.clone(), walk.host_context(host)))
            .collect();
        walk
    }

    fn view<'w>(&'w self, host: &'w str) -> View<'w> {
        View {
            host,
            world: &self.world,
            inventory: self.declaration.inventory,
            topology: &self.topology,
            secrets: self.secrets,
            now: Time::Planned(self.changes),
            allow_restart_primary: self.declaration.allow_restart_primary,
        }
    }

    /// What templates see on a host, but for the play's own variables.
    fn host_context(&self, host: &str) -> Value {
        let view = self.view(host);
        let system = &view.facts().system;
        let declared = &self.declaration.inventory.hosts[host];
        let primary = self.topology.member(&self.topology.primary);
        context! {
            inventory_hostname => host,
            address => declared.address(),
            groups => value(&self.declaration.inventory.groups),
            members => value(&self.topology.members),
            poolers => value(&self.topology.poolers),
            known_hosts => value(&self.known_hosts()),
            primary => self.topology.primary.as_str(),
            primary_address => primary.map(|member| member.address.clone()),
            primary_port => primary.map(|member| member.port),
            is_primary => view.is_primary(),
            automatic_failover => self.topology.members.len() >= AUTOMATIC,
            postgresql_version => view.version(),
            postgresql_data_directory => view.data_directory(),
            postgresql_config_directory => view.config_directory(),
            postgresql_bin_directory => view.program("").trim_end_matches('/'),
            postgresql_unit => view.unit(),
            postgresql_extensions => value(&self.extensions()),
            pgbouncer_databases => value(&self.pooled()),
            repmgr_node_id => self.topology.member(host).map(|member| member.node_id),
            conninfo => self.topology.member(host).map(|_| view.conninfo(host).to_string()),
            facts => context! {
                release => system.release.map(Release::name),
                memory => system.memory,
                processors => system.processors,
            },
            ..value(&declared.vars)
        }
    }

    /// Everybody whose host keys the members need.
    fn known_hosts(&self) -> Vec<serde_json::Value> {
        let entry = |name: &str, address: &str, host_keys: &[String]| serde_json::json!({"name": name, "address": address, "host_keys": host_keys});
        let members = self.topology.members.iter();
        let poolers = self.topology.poolers.iter();
        members
            .map(|member| entry(&member.name, &member.address, &member.host_keys))
            .chain(poolers.map(|pooler| entry(&pooler.name, &pooler.address, &pooler.host_keys)))
            .collect()
    }

    /// Every extension of every declared database.
    fn extensions(&self) -> Vec<IndexMap<&'static str, String>> {
        let databases = &self.declaration.inventory.cluster.databases;
        databases
            .iter()
            .flat_map(|database| {
                database.extensions.iter().map(|extension| {
                    IndexMap::from([
                        ("database", database.name.clone()),
                        ("extension", extension.clone()),
                    ])
                })
            })
            .collect()
    }

    /// Where a pooler leads each declared database: to the primary. pgbouncer's file cannot name every database that
    /// PostgreSQL can (1.18 refuses blanks and quotes, tried); `*`, i.e. any, stands for those.
    fn pooled(&self) -> IndexMap<String, IndexMap<&'static str, serde_json::Value>> {
        let Some(primary) = self.topology.member(&self.topology.primary) else {
            return IndexMap::new();
        };
        let databases = &self.declaration.inventory.cluster.databases;
        databases
            .iter()
            .map(|database| {
                let target = IndexMap::from([
                    ("host", primary.address.as_str().into()),
                    ("port", primary.port.into()),
                ]);
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
                let name = if database.name.chars().all(plain) {
                    database.name.as_str()
                } else {
                    "*"
                };
                (name.to_owned(), target)
            })
            .collect()
    }

    /// The hosts of a play, in order. `primary` and `standbys` are groups that are discovered.
    fn hosts(&self, play: &Play) -> Result<Vec<String>, Problem> {
        match play.hosts.text.as_str() {
            "primary" => Ok(vec![self.topology.primary.clone()]),
            "standbys" => Ok(self
                .topology
                .standbys()
                .map(|member| member.name.clone())
                .collect()),
            // The groups of a cluster that an inventory need not have.
            "pgbouncer" | "witness"
                if self
                    .declaration
                    .inventory
                    .group(&play.hosts.text)
                    .is_empty() =>
            {
                Ok(Vec::new())
            }
            pattern => select(self.declaration.inventory, pattern)
                .map_err(|problem| problem.at(&play.hosts.span)),
        }
    }

    fn play(&mut self, play: &Play) -> Result<(), Problems> {
        let hosts: Vec<String> = self
            .hosts(play)?
            .into_iter()
            .filter(|host| self.declaration.includes(host) && self.world.contains_key(host))
            .collect();
        if play.serial {
            let mut before: Vec<String> = Vec::new();
            for host in hosts {
                for step in &play.steps {
                    self.step(play, step, &host, &before)?;
                }
                before.push(host);
            }
        } else {
            for step in &play.steps {
                for host in &hosts {
                    self.step(play, step, host, &[])?;
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        play: &Play,
        step: &Step,
        host: &str,
        before: &[String],
    ) -> Result<(), Problems> {
        for context in self.contexts_of(play, step, host)? {
            if !self.holds(step, &context)? {
                continue;
            }
            let told = |problem: Problem| {
                let problem = if problem.span.is_some() {
                    problem
                } else {
                    let arguments = self.declaration.engine.node(&step.arguments, &context);
                    let argument = arguments
                        .ok()
                        .and_then(|arguments| argument_of(&problem.what, &arguments));
                    problem.at(&argument.unwrap_or_else(|| step.span.clone()))
                };
                problem.on(host).step(&step.name)
            };
            let resource = self.declare(step, &context)?;
            match resource.verdict(&self.view(host)).map_err(told)? {
                Verdict::AsDeclared => {}
                Verdict::Held { what, hint } => self.plan.held.push(Held {
                    host: host.to_owned(),
                    what,
                    hint,
                }),
                Verdict::Change(draft) => self.change(step, host, &*resource, draft, before),
            }
        }
        Ok(())
    }

    /// Records a change, in the earliest stage that it may be in, and makes the facts as it will.
    fn change(
        &mut self,
        step: &Step,
        host: &str,
        resource: &dyn Resource,
        draft: Draft,
        before: &[String],
    ) {
        let after: Vec<String> = draft
            .after
            .iter()
            .chain(before)
            .filter(|other| *other != host && self.stage_of.contains_key(*other))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let own = self.stage_of.get(host).copied().unwrap_or(0);
        let stage = after
            .iter()
            .map(|other| self.stage_of[other] + 1)
            .fold(own, usize::max);
        self.stage_of.insert(host.to_owned(), stage);
        if self.plan.stages.len() <= stage {
            self.plan.stages.resize_with(stage + 1, Stage::default);
        }
        self.plan.stages[stage]
            .hosts
            .entry(host.to_owned())
            .or_default()
            .push(Change {
                host: host.to_owned(),
                step: step.name.clone(),
                resource: step.kind.text.clone(),
                subject: resource.subject(),
                action: draft.action,
                fields: draft.fields,
                diff: draft.diff,
                guards: draft.guards,
                ops: draft.ops,
                after,
            });
        self.changes += 1;
        let mut facts = self.world[host].clone();
        resource.settle(&self.view(host), &mut facts);
        self.world.insert(host.to_owned(), facts);
    }

    /// Collects the questions of a play: of every host that it could ever concern, whatever its conditions say now.
    fn ask(&self, play: &Play, mut tell: impl FnMut(&str, Probes)) -> Result<(), Problems> {
        let dynamic = matches!(play.hosts.text.as_str(), "primary" | "standbys");
        let hosts = if dynamic {
            self.declaration.inventory.group("postgres").to_vec()
        } else {
            self.hosts(play)?
        };
        for host in &hosts {
            for step in &play.steps {
                for context in self.contexts_of(play, step, host)? {
                    match self.declare(step, &context) {
                        Ok(resource) => {
                            tell(
                                host,
                                resource.probes(&self.view(host)).into_iter().collect(),
                            );
                        }
                        // A step that is not for this host need not be complete on it.
                        Err(_) if !self.holds(step, &context).unwrap_or(false) => {}
                        Err(problems) => return Err(problems),
                    }
                }
            }
        }
        Ok(())
    }

    /// One context for each turn of the step's loop.
    fn contexts_of(&self, play: &Play, step: &Step, host: &str) -> Result<Vec<Value>, Problem> {
        let engine = self.declaration.engine;
        let told = |problem: Problem| problem.on(host);
        let mut base = self.contexts[host].clone();
        for (key, node) in play.vars.iter() {
            let rendered = engine.node(node, &base).map_err(told)?;
            let own: IndexMap<&str, serde_json::Value> =
                IndexMap::from([(key.name.as_str(), rendered.to_json())]);
            base = context! { ..value(&own), ..base };
        }
        let Some(list) = &step.loop_over else {
            return Ok(vec![base]);
        };
        let rendered = engine.node(list, &base).map_err(told)?;
        match rendered.value {
            Yaml::Sequence(items) => Ok(items
                .iter()
                .map(|item| context! { item => value(&item.to_json()), ..base.clone() })
                .collect()),
            _ => Err(Problem::input("`loop` must be a list").at(&list.span)),
        }
    }

    fn holds(&self, step: &Step, context: &Value) -> Result<bool, Problem> {
        for condition in &step.when {
            if !self
                .declaration
                .engine
                .holds(&condition.text, &condition.span, context)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn declare(&self, step: &Step, context: &Value) -> Result<Box<dyn Resource>, Problems> {
        let engine = self.declaration.engine;
        let arguments: Node = engine.node(&step.arguments, context)?;
        resource::declare(&step.kind.text, &arguments, &|template| {
            let named = argument_of(&format!("`{template}`"), &arguments);
            let span = named.unwrap_or_else(|| step.arguments.span.clone());
            engine.file(template, &span, context)
        })
    }
}

/// The argument that a message is about: one whose value, or else whose name, it has in backticks; the last word counts most.
fn argument_of(what: &str, arguments: &Node) -> Option<Span> {
    let words: Vec<&str> = what.split('`').skip(1).step_by(2).collect();
    let named = |word: &str| arguments.as_map()?.entry(word).map(|(key, _)| &key.span);
    let mut found = words.iter().rev().map(|word| of_value(word, arguments));
    let found = found.find_map(|span| span);
    found
        .or_else(|| words.iter().rev().find_map(|word| named(word)))
        .cloned()
}

fn of_value<'n>(word: &str, node: &'n Node) -> Option<&'n Span> {
    match &node.value {
        Yaml::String(text) if text.eq_ignore_ascii_case(word) => Some(&node.span),
        Yaml::Sequence(items) => items.iter().find_map(|item| of_value(word, item)),
        Yaml::Map(map) => map.iter().find_map(|(_, item)| of_value(word, item)),
        _ => None,
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
