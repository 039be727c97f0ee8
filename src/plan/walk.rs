//! One walk through a playbook, for the plan and for the questions that come before it.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use minijinja::{Value, context};

use super::argument::argument_of;
use super::topology;
use super::{Change, Declaration, Held, Intent, Plan, Stage, Topology, Warning};
use crate::facts::{Facts, Probes, Time, Untold};
use crate::inventory::select;
use crate::playbook::{self, Play, Step};
use crate::problem::{Kind, Problem, Problems, Span};
use crate::resource::{self, Draft, Files, Resource, Verdict, View};
use crate::secret::Secrets;
use crate::template::{Engine, Program, value};
use crate::yaml::{Node, Value as Yaml};

/// Groups whose hosts are known once all were looked at: who is the primary, who is not, who is to become it and whom it
/// replaces, which of the others is to come back, and which node is to leave.
const DISCOVERED: [&str; 6] = [
    "primary",
    "standbys",
    "candidate",
    "outgoing",
    "returning",
    "leaving",
];

/// The walk through a playbook, step by step, with the facts as the plan so far will have made them.
pub struct Walk<'a> {
    declaration: &'a Declaration<'a>,
    /// The facts as the plan so far will have made them.
    pub world: BTreeMap<String, Facts>,
    pub topology: Topology,
    secrets: &'a Secrets,
    pub plan: Plan,
    /// What resources refuse, all of it.
    pub refusals: Vec<Problem>,
    /// Hosts that were to do something for which their PostgreSQL would have to tell what it is, and does not.
    untold: BTreeSet<String>,
    /// Nodes of which the plan is not whole: what decides it is known once a server runs that this plan starts.
    unseen: BTreeSet<String>,
    /// The stage of each host's last change.
    stage_of: BTreeMap<String, usize>,
    /// The first stage that the play at hand may have a part in.
    earliest: usize,
    /// Whether the play at hand begins after all before it, and has done nothing yet.
    is_barrier: bool,
    /// How many changes there are.
    changes: u32,
    contexts: BTreeMap<String, Value>,
}

impl<'a> Walk<'a> {
    pub fn new(
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
                leaderless: topology.is_leaderless(),
                ..Plan::default()
            },
            topology,
            refusals: Vec::new(),
            untold: BTreeSet::new(),
            unseen: BTreeSet::new(),
            stage_of: BTreeMap::new(),
            earliest: 0,
            is_barrier: false,
            changes: 0,
            contexts: BTreeMap::new(),
        };
        walk.contexts = walk.all_contexts();
        walk
    }

    pub fn view<'w>(&'w self, host: &'w str) -> View<'w> {
        View {
            host,
            world: &self.world,
            inventory: self.declaration.inventory,
            topology: &self.topology,
            secrets: self.secrets,
            now: Time::Planned(self.changes),
            allow_restart_primary: self.declaration.allow_restart_primary,
            intent: &self.declaration.intent,
        }
    }

    /// The hosts of a play, in order. The [`DISCOVERED`] groups are not the inventory's.
    fn hosts(&self, play: &Play) -> Result<Vec<String>, Problem> {
        match play.hosts.text.as_str() {
            "primary" => Ok(vec![self.topology.primary.clone()]),
            "candidate" => Ok(self.topology.candidate.iter().cloned().collect()),
            "outgoing" => Ok(self.topology.outgoing.iter().cloned().collect()),
            "returning" => {
                let returning = self.declaration.intent.returning().into_iter();
                let named = returning.map(|returning| returning.member.clone());
                Ok(named
                    .filter(|name| *name != self.topology.primary)
                    .collect())
            }
            "leaving" => Ok(self.leaving().into_iter().collect()),
            "standbys" => Ok(self
                .topology
                .standbys()
                .map(|member| member.name.clone())
                .collect()),
            pattern => select(self.declaration.inventory, pattern)
                .map_err(|problem| problem.at(&play.hosts.span)),
        }
    }

    /// The node that is to leave, where it can still be reached.
    fn leaving(&self) -> Option<String> {
        let removal = self.declaration.intent.removal()?;
        let hosts = &self.declaration.inventory.hosts;
        hosts
            .contains_key(&removal.node)
            .then(|| removal.node.clone())
    }

    pub fn play(&mut self, play: &Play) -> Result<(), Problems> {
        self.is_barrier = play.in_order;
        if play.always && self.plan.always.is_empty() {
            // Stages of their own, whose first comes after all others.
            self.stage_of.clear();
            self.earliest = 0;
        }
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
                let problem = if problem.span.is_some() || problem.kind != Kind::Input {
                    // What a host is like is no mistake in a playbook.
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
            let resource = self.declare(&step.kind.text, &step.arguments, &context)?;
            if let Some(untold) = self.world[host].server.untold().cloned()
                && resource.needs_answer(&self.view(host))
            {
                self.leave_out(host, &untold);
                continue;
            }
            if self.is_unknown(step, host, &*resource) {
                self.leave_for_later(host);
                continue;
            }
            let warned = resource.warnings(&self.view(host)).into_iter();
            let warned = warned.map(|what| Warning {
                host: host.to_owned(),
                what,
            });
            for warning in warned {
                if !self.plan.warnings.contains(&warning) {
                    self.plan.warnings.push(warning);
                }
            }
            for (what, hint) in resource.held(&self.view(host)) {
                let held = Held {
                    host: host.to_owned(),
                    what,
                    hint,
                };
                // A step may come twice.
                if !self.plan.held.contains(&held) {
                    self.plan.held.push(held);
                }
            }
            let refusals = resource.refusals(&self.view(host)).into_iter().map(told);
            let refusals: Vec<Problem> = refusals.collect();
            if !refusals.is_empty() {
                self.refusals.extend(refusals);
                continue;
            }
            match resource.verdict(&self.view(host)).map_err(told)? {
                Verdict::AsDeclared => {}
                Verdict::Held { what, hint } => self.plan.held.push(Held {
                    host: host.to_owned(),
                    what,
                    hint,
                }),
                Verdict::Change(draft) => {
                    let undo = match &step.undo {
                        Some(undo) => {
                            Some(self.declare(&undo.kind.text, &undo.arguments, &context)?)
                        }
                        None => None,
                    };
                    self.change(
                        play,
                        step,
                        host,
                        (&*resource, undo.as_deref()),
                        draft,
                        before,
                    )?;
                }
            }
        }
        Ok(())
    }

    /// A step whose answer a host's PostgreSQL does not give. As with a host that cannot be reached: who asks for what is
    /// declared, for a handover, or for this very host, is refused; else the rest goes on without it.
    fn leave_out(&mut self, host: &str, untold: &Untold) {
        if !self.untold.insert(host.to_owned()) {
            return;
        }
        let why = untold.why;
        let what = format!("PostgreSQL is there, and does not tell what it is: {why}");
        let is_needed = match &self.declaration.intent {
            Intent::Converge | Intent::NewCluster => true,
            // What is left of one is finished without it.
            Intent::Handover(_) => self.topology.candidate.is_some(),
            Intent::Failover(_) | Intent::Removal(_) => false,
            Intent::Returning(returning) => returning.member == host,
        };
        if is_needed {
            self.refusals.push(untold.refuses(what).on(host));
        } else {
            self.plan.held.push(Held {
                host: host.to_owned(),
                what: format!("{what}; the rest goes on without it"),
                hint: why.hint().to_owned(),
            });
        }
    }

    /// Whether a step is about what a server holds that this plan has yet to start; or comes after one that is. A standby's
    /// repmgrd, for one, is not started beside a primary that only starts.
    fn is_unknown(&self, step: &Step, host: &str, resource: &dyn Resource) -> bool {
        if self.unseen.contains(host) {
            return step.kind.text != "postgresql_server"
                || resource.needs_contents(&self.view(host));
        }
        let is_unseen = |host: &str| {
            let facts = self.world.get(host);
            facts.is_some_and(|facts| facts.server.is_unseen())
        };
        let primary = &self.topology.primary;
        let follows = self.topology.node(host).is_some();
        (is_unseen(host) || follows && is_unseen(primary))
            && resource.needs_contents(&self.view(host))
    }

    /// A stopped server's catalog is not known, and is not empty.
    fn leave_for_later(&mut self, host: &str) {
        self.plan.unfinished = true;
        if !self.unseen.insert(host.to_owned()) {
            return;
        }
        let whose = match self.world[host].server.is_unseen() {
            true => "its cluster",
            false => "the primary's cluster",
        };
        self.plan.held.push(Held {
            host: host.to_owned(),
            what: format!("what else is to be done is known once {whose} runs, since a server that is stopped does not tell what it holds"),
            hint: "`pgha apply INVENTORY` starts it, and goes on with that".to_owned(),
        });
    }

    /// Records a change, in the earliest stage that it may be in, and makes the facts as it will.
    fn change(
        &mut self,
        play: &Play,
        step: &Step,
        host: &str,
        (resource, undo): (&dyn Resource, Option<&dyn Resource>),
        draft: Draft,
        before: &[String],
    ) -> Result<(), Problems> {
        let after: Vec<String> = draft
            .after
            .iter()
            .chain(before)
            .filter(|other| *other != host && self.stage_of.contains_key(*other))
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let deadline = self.deadline(play, host)?;
        if std::mem::take(&mut self.is_barrier) {
            let stages = if play.always {
                &self.plan.always
            } else {
                &self.plan.stages
            };
            self.earliest = stages.len();
        }
        if step.decides {
            // A stage of its own: all before it is done by then, and nothing after it has begun.
            self.earliest = self.plan.stages.len();
        }
        let own = self.stage_of.get(host).copied().unwrap_or(0);
        let mut stage = after
            .iter()
            .map(|other| self.stage_of[other] + 1)
            .fold(own.max(self.earliest), usize::max);
        let stages = if play.always {
            &self.plan.always
        } else {
            &self.plan.stages
        };
        // What may take its time is not cut off by the deadline of what may not.
        while stages.get(stage).is_some_and(|other| {
            !other.hosts.is_empty() && other.deadline.is_some() != deadline.is_some()
        }) {
            stage += 1;
        }
        self.stage_of.insert(host.to_owned(), stage);
        if step.decides {
            self.earliest = stage + 1;
        }
        let subject = resource.subject();
        self.changes += 1;
        let mut facts = self.world[host].clone();
        resource.settle(&self.view(host), &mut facts);
        let at_the_primary = resource.at_the_primary(&self.view(host));
        let failed_over = self.fails_over();
        self.world.insert(host.to_owned(), facts);
        if let Some(facts) = at_the_primary {
            self.world.insert(self.topology.primary.clone(), facts);
        }
        let undo = match undo {
            Some(undo) => match undo.verdict(&self.view(host)).map_err(|problem| {
                let place = step.undo.as_ref().map(|undo| &undo.kind.span);
                problem
                    .at(place.unwrap_or(&step.span))
                    .on(host)
                    .step(&step.name)
            })? {
                Verdict::Change(back) => back.ops,
                Verdict::AsDeclared | Verdict::Held { .. } => Vec::new(),
            },
            None => Vec::new(),
        };
        let stages = if play.always {
            &mut self.plan.always
        } else {
            &mut self.plan.stages
        };
        if stages.len() <= stage {
            stages.resize_with(stage + 1, Stage::default);
        }
        let stage = &mut stages[stage];
        stage.deadline = stage.deadline.max(deadline);
        stage
            .hosts
            .entry(host.to_owned())
            .or_default()
            .push(Change {
                host: host.to_owned(),
                step: step.name.clone(),
                resource: step.kind.text.clone(),
                subject,
                action: draft.action,
                fields: draft.fields,
                diff: draft.diff,
                guards: draft.guards,
                ops: draft.ops,
                after,
                undo,
                decides: step.decides,
            });
        self.follow_the_primary();
        if self.fails_over() != failed_over {
            self.contexts = self.all_contexts();
        }
        Ok(())
    }

    /// Who the primary is once a change was made: what comes later is declared for that one.
    fn follow_the_primary(&mut self) {
        let Some(candidate) = self.topology.candidate.clone() else {
            return;
        };
        let server = self
            .world
            .get(&candidate)
            .and_then(|facts| facts.server.answers());
        if candidate == self.topology.primary || server.is_none_or(|server| server.in_recovery) {
            return;
        }
        self.topology.primary = candidate;
        self.contexts = self.all_contexts();
    }

    /// Whether failover is automatic as things are by now: what comes later is declared for that, too.
    fn fails_over(&self) -> bool {
        topology::fails_over(self.declaration.inventory, &self.world)
    }

    fn all_contexts(&self) -> BTreeMap<String, Value> {
        self.world
            .keys()
            .map(|host| (host.clone(), super::context::host(&self.view(host))))
            .collect()
    }

    /// The deadline of a play, in seconds.
    fn deadline(&self, play: &Play, host: &str) -> Result<Option<u32>, Problem> {
        let Some(node) = &play.deadline else {
            return Ok(None);
        };
        let rendered = self.declaration.engine.node(node, &self.contexts[host])?;
        let seconds = match &rendered.value {
            Yaml::String(text) => text.trim().parse().ok(),
            _ => rendered
                .as_int()
                .and_then(|number| u32::try_from(number).ok()),
        };
        match seconds {
            Some(seconds) if seconds > 0 => Ok(Some(seconds)),
            _ => Err(playbook::no_deadline(&rendered).at(&node.span)),
        }
    }

    /// Collects the questions of a play: of every host that it could ever concern, whatever its conditions say now.
    pub fn ask(&self, play: &Play, mut tell: impl FnMut(&str, Probes)) -> Result<(), Problems> {
        let dynamic = DISCOVERED.contains(&play.hosts.text.as_str());
        let hosts = if play.hosts.text == "leaving" {
            self.leaving().into_iter().collect()
        } else if dynamic {
            self.declaration.inventory.group("postgres").to_vec()
        } else {
            self.hosts(play)?
        };
        for host in &hosts {
            for step in &play.steps {
                let undo = step.undo.as_ref();
                let own = (&step.kind, &step.arguments);
                let both = [Some(own), undo.map(|undo| (&undo.kind, &undo.arguments))];
                for context in self.contexts_of(play, step, host)? {
                    for (kind, arguments) in both.into_iter().flatten() {
                        match self.declare(&kind.text, arguments, &context) {
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
            _ => Err(Problem::input("`loop` must be a list")
                .at(&list.span)
                .hint("write a list, or a template that gives one: `loop: \"{{ names }}\"`")),
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

    fn declare(
        &self,
        kind: &str,
        declared: &Node,
        context: &Value,
    ) -> Result<Box<dyn Resource>, Problems> {
        let engine = self.declaration.engine;
        let arguments: Node = engine.node(declared, context)?;
        let files = Named {
            engine,
            context,
            arguments: &arguments,
        };
        resource::declare(kind, &arguments, &files).map_err(|Problems(problems)| {
            let told = problems.into_iter().map(|problem| match &problem.span {
                Some(_) => problem,
                None => {
                    let place = files.place(&problem.what);
                    problem.at(&place)
                }
            });
            Problems(told.collect())
        })
    }
}

/// The files that a step's (rendered) arguments name.
struct Named<'a> {
    engine: &'a Engine,
    context: &'a Value,
    arguments: &'a Node,
}

impl Named<'_> {
    /// The argument that `what` speaks of, in backticks.
    fn place(&self, what: &str) -> Span {
        argument_of(what, self.arguments).unwrap_or_else(|| self.arguments.span.clone())
    }
}

impl Files for Named<'_> {
    fn template(&self, name: &str) -> Result<String, Problem> {
        let place = self.place(&format!("`{name}`"));
        self.engine.file(name, &place, self.context)
    }

    fn program(&self, name: &str) -> Result<Program, Problem> {
        self.engine.program(name, &self.place(&format!("`{name}`")))
    }
}
