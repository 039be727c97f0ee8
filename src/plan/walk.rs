//! One walk through a playbook, for the plan and for the questions that come before it.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use minijinja::{Value, context};

use super::argument::argument_of;
use super::{Change, Declaration, Held, Plan, Stage, Topology};
use crate::facts::{Facts, Probes, Time};
use crate::inventory::select;
use crate::playbook::{Play, Step};
use crate::problem::{Kind, Problem, Problems};
use crate::resource::{self, Draft, Resource, Verdict, View};
use crate::secret::Secrets;
use crate::template::value;
use crate::yaml::{Node, Value as Yaml};

/// The walk through a playbook, step by step, with the facts as the plan so far will have made them.
pub struct Walk<'a> {
    declaration: &'a Declaration<'a>,
    /// The facts as the plan so far will have made them.
    pub world: BTreeMap<String, Facts>,
    pub topology: Topology,
    secrets: &'a Secrets,
    pub plan: Plan,
    /// The stage of each host's last change.
    stage_of: BTreeMap<String, usize>,
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
            .map(|host| (host.clone(), super::context::host(&walk.view(host))))
            .collect();
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
        }
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
            pattern => select(self.declaration.inventory, pattern)
                .map_err(|problem| problem.at(&play.hosts.span)),
        }
    }

    pub fn play(&mut self, play: &Play) -> Result<(), Problems> {
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
    pub fn ask(&self, play: &Play, mut tell: impl FnMut(&str, Probes)) -> Result<(), Problems> {
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
